//! Executes jobs on a GPU.
//!
//! Floor 3: a job is plain data ([`Job`]), and so is a list of [`Command`]s over memory that stays on the device
//! ([`DeviceBuffer`]). This module knows neither kernels nor plans. See `README.md` beside this
//! file for the threads, the states of a buffer and what happens when a device is lost.
//!
//! ```no_run
//! # #[cfg(feature = "gpu")] {
//! use std::sync::Arc;
//! use veda::device::{Adapters, Binding, Device, DeviceError, Job, Pass, Read, Shader, Slot};
//!
//! # fn main() -> Result<(), DeviceError> {
//! let wgsl = "
//!     @group(0) @binding(0) var<storage, read> x: array<u32>;
//!     @group(0) @binding(1) var<storage, read_write> y: array<u32>;
//!     @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
//!         if (id.x < arrayLength(&x)) { y[id.x] = x[id.x] + 1u; }
//!     }";
//! let shader =
//!     Arc::new(Shader::new("increment", 1, wgsl, vec![Slot::Read, Slot::ReadWrite], vec!["main".into()]));
//! let device = Device::open(0)?;
//! let x: Vec<u8> = (0..100u32).flat_map(u32::to_le_bytes).collect();
//! let mut y = Vec::new();
//! device.run(
//!     &Job {
//!         shader: &shader,
//!         bindings: &[Binding::Input(&x), Binding::Output { bytes: 400, read: Read::All, zero: false }],
//!         passes: &[Pass { entry: 0, groups: [2, 1, 1] }],
//!         predicted_ns: 0,
//!     },
//!     &mut |_, bytes| y.extend_from_slice(bytes),
//! )?;
//! assert_eq!(y[..8], [1, 0, 0, 0, 2, 0, 0, 0]);
//! # Ok(())
//! # }
//! # }
//! ```

mod adapter;
pub mod budget;
mod buffer;
mod commands;
mod counters;
mod error;
pub(crate) mod exit;
mod job;
mod list;
mod open;
mod pending;
mod pipelines;
mod poll;
mod pool;
mod record;
mod run;
mod staging;
mod submit;
mod ticket;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub use adapter::{Adapters, Backend, Capabilities, DeviceInfo, DeviceLimits, Kind};
pub use buffer::DeviceBuffer;
pub use commands::{BufferBinding, Command};
pub use counters::DeviceCounters;
pub use error::DeviceError;
pub use job::{Binding, Job, Pass, Read, Shader, Slot, Timing};
pub use open::Options;
pub use pending::Pending;
pub use pipelines::PipelineState;
pub use ticket::Times;

/// What the threads of a device share.
#[derive(Debug)]
pub(crate) struct Shared {
    info: DeviceInfo,
    wgpu: wgpu::Device,
    queue: wgpu::Queue,
    pool: pool::Pool,
    pipelines: pipelines::Pipelines,
    line: submit::Line,
    counters: counters::Counters,
    queued_jobs: AtomicUsize,
    queued_ns: AtomicU64,
    lost: AtomicBool,
    lost_reason: OnceLock<String>,
    generation: u64,
}

// The compiler can prove both, through 128 levels of wgpu's types: every crate that sends a plan or an array to a thread would
// have to raise its recursion limit. So the proof is done here, field by field, and only its result is handed on.
// SAFETY: `proven` below does not compile unless every field is `Send` and `Sync`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

#[allow(dead_code)] // it is there to be compiled
fn proven(shared: &Shared) {
    fn ok<T: Send + Sync>(_: &T) {}
    let Shared {
        info,
        wgpu,
        queue,
        pool,
        pipelines,
        line,
        counters,
        queued_jobs,
        queued_ns,
        lost,
        lost_reason,
        generation,
    } = shared;
    ok(info);
    ok(wgpu);
    ok(queue);
    ok(pool);
    ok(pipelines);
    ok(line);
    ok(counters);
    ok(queued_jobs);
    ok(queued_ns);
    ok(lost);
    ok(lost_reason);
    ok(generation);
}

impl Shared {
    fn check_lost(&self) -> Result<(), DeviceError> {
        if self.lost.load(Ordering::Acquire) { Err(self.lost_error()) } else { Ok(()) }
    }

    fn lost_error(&self) -> DeviceError {
        let reason = self.lost_reason.get().map_or("unknown", String::as_str);
        DeviceError::Lost { device: self.info.name.clone(), reason: reason.to_owned() }
    }

    /// Marks the device as lost and fails everybody who waits for it. The first reason stays.
    fn lose(&self, reason: &str) {
        let _ = self.lost_reason.set(reason.to_owned());
        let tickets = self.line.drain(|| self.lost.store(true, Ordering::Release));
        adapter::mark_stale();
        for ticket in tickets {
            ticket.fail(self.lost_error());
        }
        self.pipelines.wake();
    }
}

/// Work that was handed to a device and is not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queued {
    /// Calls of [`Device::run`] in progress, and lists of [`Device::submit`] that are not done.
    pub jobs: usize,
    /// The sum of their `predicted_ns`.
    pub estimated_ns: u64,
}

/// An open device. Share it by `Arc`; every method may be called from any thread.
///
/// Dropping it ends its three threads and frees its memory, except what [`DeviceBuffer`]s hold; it waits for a shader that
/// is being compiled and for command lists that were handed over.
#[derive(Debug)]
pub struct Device {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Device {
    /// Runs a job and hands each output that is to be read to `read`, in the order of the bindings, with its index.
    ///
    /// Blocks the calling thread: for the shader's pipelines where they are not ready (see [`Device::prepare`]), for
    /// memory that jobs and command lists in progress have, and for the device. The bytes are mapped memory: copy them, do
    /// not compute on them twice. A panic in `read` unwinds out of this call and harms nobody else. `read` must not call
    /// `run` or `submit` of this device: that could wait for the memory of its own job.
    ///
    /// # Errors
    /// [`DeviceError::Validation`] and [`DeviceError::TooLarge`] before anything is done, [`DeviceError::Shader`] where
    /// the shader is rejected, [`DeviceError::OutOfBudget`] where the job is too large for the budget beside what
    /// [`DeviceBuffer`]s and unread downloads hold, [`DeviceError::OutOfMemory`], [`DeviceError::Lost`]. After an error nothing was read, or part of it.
    pub fn run(&self, job: &Job<'_>, read: &mut dyn FnMut(usize, &[u8])) -> Result<Timing, DeviceError> {
        run::run(&self.shared, job, read)
    }

    /// Takes memory out of the budget until the last clone of the buffer is dropped. Its contents are unspecified: zeros,
    /// or earlier data.
    ///
    /// Never waits for other work, since its caller may hold memory that the others wait for. Free buffers of the pool
    /// are given back for it. Costs about a microsecond where the pool has a buffer of the size, else the driver's
    /// allocation.
    ///
    /// # Errors
    /// [`DeviceError::OutOfBudget`] where it does not fit now, [`DeviceError::TooLarge`] above the largest buffer,
    /// [`DeviceError::OutOfMemory`], [`DeviceError::Lost`].
    pub fn allocate(&self, bytes: u64) -> Result<DeviceBuffer, DeviceError> {
        buffer::allocate(&self.shared, bytes)
    }

    /// Bytes of the budget that are not in use now.
    pub fn available(&self) -> u64 {
        self.shared.pool.available()
    }

    /// Bytes that [`Device::allocate`] takes out of the budget for a size: its size class, at least 256 bytes and at most
    /// a quarter more than the size.
    pub fn footprint(&self, bytes: u64) -> u64 {
        self.shared.pool.class(bytes)
    }

    /// Hands over commands. They run in order, after every list that this device was handed before; each sees what the
    /// earlier ones wrote. `predicted_ns` is what the caller expects them to take, 0 where unknown.
    ///
    /// Does not wait for the device, with three exceptions: pipelines that are not ready (see [`Device::prepare`]);
    /// staging memory, where jobs and lists in progress have it; and lists that upload more than 256 MiB and an eighth
    /// of the budget, of which an earlier part must be done. Uploads are copied before it returns. A list that uploads
    /// more than 64 MiB (less in a small budget) is handed over in parts, between which lists of other threads may run.
    ///
    /// ```no_run
    /// # #[cfg(feature = "gpu")] {
    /// use veda::device::{Command, Device, DeviceError};
    ///
    /// # fn main() -> Result<(), DeviceError> {
    /// let device = Device::open(0)?;
    /// let (a, b) = (device.allocate(8)?, device.allocate(8)?);
    /// let pending = device.submit(
    ///     &[
    ///         Command::Upload { data: &[1, 2, 3, 4, 5, 6, 7, 8], to: &a, offset: 0 },
    ///         Command::Zero { buffer: &b, offset: 0, bytes: 8 },
    ///         Command::Copy { from: &a, from_offset: 4, to: &b, to_offset: 0, bytes: 4 },
    ///         Command::Download { from: &b, offset: 0, bytes: 8 },
    ///     ],
    ///     0,
    /// )?;
    /// // Other work here; the device does not wait.
    /// let mut bytes = Vec::new();
    /// pending.wait(&mut |_, data| bytes.extend_from_slice(data))?;
    /// assert_eq!(bytes, [5, 6, 7, 8, 0, 0, 0, 0]);
    /// # Ok(())
    /// # }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`DeviceError::Validation`] and [`DeviceError::TooLarge`] before anything is done; [`DeviceError::Shader`];
    /// [`DeviceError::OutOfBudget`] where staging does not fit beside what is held, however it is cut;
    /// [`DeviceError::OutOfMemory`]; [`DeviceError::Lost`]. After the last three the first parts of a list with more
    /// than one may run. What the driver refuses later is reported by the [`Pending`]; lists behind it run.
    pub fn submit(&self, commands: &[Command<'_>], predicted_ns: u64) -> Result<Pending, DeviceError> {
        record::submit(&self.shared, commands, predicted_ns)
    }

    /// Starts compiling a shader in the background unless that was done, and says how far it is.
    pub fn prepare(&self, shader: &Arc<Shader>) -> PipelineState {
        self.shared.pipelines.prepare(shader)
    }

    /// Whether jobs of the shader with this key start at once.
    pub fn is_ready(&self, shader_key: u64) -> bool {
        self.shared.pipelines.is_ready(shader_key)
    }

    /// What the device is like.
    pub fn info(&self) -> &DeviceInfo {
        &self.shared.info
    }

    /// How much work it has now.
    pub fn queued(&self) -> Queued {
        Queued {
            jobs: self.shared.queued_jobs.load(Ordering::Relaxed),
            estimated_ns: self.shared.queued_ns.load(Ordering::Relaxed),
        }
    }

    /// What it has done so far.
    pub fn counters(&self) -> DeviceCounters {
        let pool = &self.shared.pool;
        self.shared.counters.snapshot(pool.live_bytes(), pool.held_bytes(), self.is_lost())
    }

    /// Gives all free buffers back to the driver. Happens by itself after 10 seconds without work.
    pub fn trim(&self) {
        self.shared.pool.trim();
    }

    /// Whether it is lost. A lost device fails every job at once; open it again to go on.
    pub fn is_lost(&self) -> bool {
        self.shared.lost.load(Ordering::Acquire)
    }

    /// A number that no other device of this process has had: tells a reopened device from the lost one.
    pub fn generation(&self) -> u64 {
        self.shared.generation
    }

    /// Test hook: behaves as if the driver had reported a loss.
    #[doc(hidden)]
    pub fn simulate_loss(&self) {
        self.shared.lose("simulated");
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // No job is in progress: each borrows the device. Command lists may be, and so may submissions whose callers gave
        // up after a loss: the submit thread empties its line, and the poll thread waits for all.
        self.shared.line.close();
        self.shared.pipelines.close();
        let threads = std::mem::take(self.threads.get_mut().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
