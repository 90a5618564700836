//! What can go wrong between a job and its results.

/// Why a job, or a device, failed. Cheap to clone: one cause often fails several waiting jobs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The device is gone (driver reset, unplugged, crashed). Its buffers are gone with it; open it again.
    #[error("device `{device}` was lost: {reason}; open it again, or run on the CPU")]
    Lost {
        /// The device's name.
        device: String,
        /// The driver's words.
        reason: String,
    },
    /// The job or allocation needs more memory than veda may use on this device beside what callers hold there.
    #[error(
        "{needed} bytes are needed on the device, the budget leaves {budget}; split the work, drop device buffers, or \
         raise VEDA_GPU_MEMORY"
    )]
    OutOfBudget {
        /// Bytes that all buffers of the job take, staging included.
        needed: u64,
        /// The budget in bytes, less what is held: device buffers and downloads that were not read.
        budget: u64,
    },
    /// The driver refused memory although the budget allowed it; free buffers were given back before the last attempt.
    #[error("the driver refused {bytes} bytes; lower VEDA_GPU_MEMORY, or split the job")]
    OutOfMemory {
        /// Bytes of the buffer that was refused.
        bytes: u64,
    },
    /// Something is larger than the device can address at once.
    #[error("{what} is {bytes}, the device allows {limit}; split the job")]
    TooLarge {
        /// What is too large: a binding (in bytes) or a workgroup count.
        what: String,
        /// How large it is.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The shader was rejected when it was compiled.
    #[error("shader `{name}` was rejected: {reason}")]
    Shader {
        /// The shader's name.
        name: String,
        /// The validator's words.
        reason: String,
    },
    /// The job or command does not fit its shader or its buffers, or the driver's validation refused it.
    #[error("a job of `{name}` is invalid: {reason}")]
    Validation {
        /// The shader's name, or the kind of command.
        name: String,
        /// What does not fit.
        reason: String,
    },
    /// There is no adapter of this index.
    #[error(
        "there is no adapter {index}: {found} found; install a Vulkan, Metal or DX12 driver, or ask for a lower index"
    )]
    NoAdapter {
        /// The index asked for.
        index: usize,
        /// How many adapters there are.
        found: usize,
    },
    /// An adapter was found but could not be opened.
    #[error("adapter `{device}` could not be opened: {reason}")]
    Open {
        /// The adapter's name.
        device: String,
        /// The driver's words.
        reason: String,
    },
}

/// Turns what wgpu caught in an error scope into a typed error.
pub(super) fn from_wgpu(error: &wgpu::Error, name: &str, bytes: u64) -> DeviceError {
    match error {
        wgpu::Error::OutOfMemory { .. } => DeviceError::OutOfMemory { bytes },
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            DeviceError::Validation { name: name.to_owned(), reason: description.trim().to_owned() }
        }
    }
}

/// Runs `f` with every kind of wgpu error caught. The scope stack is thread-local, so this serves the calling thread only.
///
/// Costs about a microsecond.
pub(super) fn scoped<R>(device: &wgpu::Device, f: impl FnOnce() -> R) -> (R, Option<wgpu::Error>) {
    let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let result = f();
    // The futures are ready at once: wgpu-core reports synchronously. Popped in reverse order, all three always. Memory
    // comes first in the answer, since a refused buffer makes everything that touches it invalid as well.
    let validation = pollster::block_on(validation.pop());
    let memory = pollster::block_on(memory.pop());
    let internal = pollster::block_on(internal.pop());
    (result, memory.or(validation).or(internal))
}

/// The message of a panic.
pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
