//! The errors of veda: each names the thing, the limit and the way out.

mod graph;

use std::path::PathBuf;
use std::time::Duration;

pub use graph::GraphError;

/// The result of fallible veda calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong in veda's own work. Panics of user code are not errors: they are re-thrown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two slices of one kernel call have different lengths.
    #[error(
        "kernel `{kernel}`: argument `{argument}` has {actual} elements, the arguments before it have {expected}; pass slices of one length"
    )]
    LengthMismatch {
        /// The kernel's name.
        kernel: String,
        /// The parameter's name.
        argument: String,
        /// Length that the earlier slices set.
        expected: usize,
        /// Length that this one has.
        actual: usize,
    },
    /// A kernel call does not say over how many elements it runs.
    #[error(
        "kernel `{kernel}` has no slice that is read element by element, so its index space is unknown; call `.over(n)` or `.over([width, height])` on it"
    )]
    NoIndexSpace {
        /// The kernel's name.
        kernel: String,
    },
    /// An index space or buffer is larger than kernels can address (their `usize` is 32-bit).
    #[error("kernel `{kernel}`: {what} is {actual}, kernels address at most {limit}; split the call")]
    TooLarge {
        /// The kernel's name.
        kernel: String,
        /// What is too large.
        what: &'static str,
        /// How large it is.
        actual: u64,
        /// The limit.
        limit: u64,
    },
    /// `.over(..)` asks for another number of elements than the slices have.
    #[error(
        "kernel `{kernel}`: the index space has {space} elements, its slices have {slices}; make them equal or drop `.over(..)`"
    )]
    IndexSpaceMismatch {
        /// The kernel's name.
        kernel: String,
        /// Elements of the index space.
        space: usize,
        /// Elements of the slices.
        slices: usize,
    },
    /// WGSL (hand-written or assembled) did not pass validation.
    #[error("shader of `{kernel}` was rejected: {reason}")]
    Shader {
        /// The kernel's name.
        kernel: String,
        /// The validator's words.
        reason: String,
    },
    /// A kernel could not be linked: a call cycle or a type that does not fit.
    #[error("kernel `{kernel}` cannot be linked: {reason}")]
    Link {
        /// The kernel's name.
        kernel: String,
        /// What does not fit.
        reason: String,
    },
    /// A GPU was demanded (`on_device(Place::Gpu(..))`, `VEDA_DEVICE=gpu`, `VEDA_REQUIRE_GPU=1`) and there is none.
    #[error("no usable GPU: {reason}; unset the demand, or install a Vulkan, Metal or DX12 driver")]
    NoGpu {
        /// What was looked for and what was found.
        reason: String,
    },
    /// The device failed in the middle of forced GPU work (routed work falls back to the CPU instead).
    #[error("device `{device}` failed: {reason}")]
    Device {
        /// The device's name.
        device: String,
        /// What happened.
        reason: String,
    },
    /// An environment variable or configuration field has a value that veda does not understand.
    #[error("`{name}` is `{value}`: expected {expected}")]
    Config {
        /// The variable or field.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        expected: String,
    },
    /// The global runtime is running with other settings.
    #[error(
        "veda is already initialised with other settings; call veda::shutdown first, or use Runtime::new for an instance of your own"
    )]
    AlreadyInitialised,
    /// Worker threads could not be started.
    #[error("could not start worker thread {index} of {total}: {source}; lower `num_threads` or the stack size")]
    Threads {
        /// Which one failed.
        index: usize,
        /// How many were wanted.
        total: usize,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// A shutdown did not finish in time, or was asked for from inside the pool.
    #[error("shutdown did not finish within {timeout:?}: {reason}")]
    Shutdown {
        /// The time allowed.
        timeout: Duration,
        /// What is still running.
        reason: String,
    },
    /// A profile cannot be used.
    #[error("profile {path}: {reason}; run `cargo calibrate run` to write a new one, or unset VEDA_PROFILE")]
    Profile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// A task panicked and its panic was collected instead of re-thrown.
    #[error("a task panicked: {message}")]
    Panicked {
        /// The panic's message where it was a string.
        message: String,
    },
    /// A graph is wrong, or one of its nodes failed.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
