//! Opens an adapter: requests its real limits, installs the handlers, starts the threads.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak, mpsc};
use std::thread::JoinHandle;

use super::adapter::{adapter, features};
use super::counters::{Counters, add};
use super::error::DeviceError;
use super::pipelines::Pipelines;
use super::poll::poll_loop;
use super::pool::Pool;
use super::submit::Line;
use super::{Device, Shared, budget};

/// How to open a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Bytes that veda may take; `None` for the default of the device.
    pub memory_budget: Option<u64>,
    /// Use staging copies even where host and device share memory. For tests of that path, and for comparison.
    pub force_staging: bool,
}

impl Options {
    /// What the environment asks for. A `VEDA_GPU_MEMORY` that is not a size counts as unset here; ask
    /// [`budget::from_environment`] to learn of it.
    pub fn from_environment() -> Self {
        Self { memory_budget: budget::from_environment().unwrap_or(None), ..Self::default() }
    }

    /// Sets the budget in bytes.
    #[must_use]
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.memory_budget = Some(bytes);
        self
    }

    /// Sets whether staging copies are made where they are not needed.
    #[must_use]
    pub fn force_staging(mut self, on: bool) -> Self {
        self.force_staging = on;
        self
    }
}

/// Counts devices, so that a reopened one can be told from the one that was lost.
static GENERATION: AtomicU64 = AtomicU64::new(1);

impl Device {
    /// Opens adapter `index` of [`Adapters::list`](super::Adapters::list) with the environment's options.
    ///
    /// Takes about 10 ms after the drivers are loaded. Opening an adapter twice gives two independent devices.
    ///
    /// # Errors
    /// [`DeviceError::NoAdapter`], [`DeviceError::Open`].
    pub fn open(index: usize) -> Result<Arc<Self>, DeviceError> {
        Self::open_with(index, &Options::from_environment())
    }

    /// Opens adapter `index` with these options.
    ///
    /// # Errors
    /// As [`Device::open`].
    pub fn open_with(index: usize, options: &Options) -> Result<Arc<Self>, DeviceError> {
        let (adapter, mut info) = adapter(index)?;
        info.unified_memory &= !options.force_staging;
        info.memory_budget = options.memory_budget.unwrap_or(info.memory_budget);
        let name = info.name.clone();
        let failed = |reason: String| DeviceError::Open { device: name.clone(), reason };
        let (wgpu, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("veda"),
            required_features: features(&adapter, info.unified_memory),
            required_limits: adapter.limits(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        }))
        .map_err(|error| {
            // The adapter may be what is left of a lost device; the next attempt looks again.
            super::adapter::mark_stale();
            failed(error.to_string())
        })?;

        let shared = Arc::new(Shared {
            pool: Pool::new(info.memory_budget, info.limits.max_buffer_bytes),
            info,
            wgpu,
            queue,
            pipelines: Pipelines::default(),
            line: Line::default(),
            counters: Counters::default(),
            queued_jobs: AtomicUsize::new(0),
            queued_ns: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            lost_reason: OnceLock::new(),
            generation: GENERATION.fetch_add(1, Ordering::Relaxed),
        });
        install_handlers(&shared);

        let device = Self { shared: Arc::clone(&shared), threads: Mutex::new(Vec::new()) };
        let (to_poll, flights) = mpsc::channel();
        let polled = Arc::clone(&shared);
        let built = Arc::clone(&shared);
        let threads = device.threads.lock();
        let mut threads = threads.unwrap_or_else(std::sync::PoisonError::into_inner);
        // If one cannot be started, dropping the device ends the ones before it.
        threads.push(spawn("veda-gpu-poll", move || poll_loop(&polled, &flights)).map_err(|e| failed(e.to_string()))?);
        threads.push(
            spawn("veda-gpu-submit", move || shared.line.submit_loop(&shared, &to_poll))
                .map_err(|e| failed(e.to_string()))?,
        );
        threads.push(
            spawn("veda-gpu-build", move || built.pipelines.build_loop(&built)).map_err(|e| failed(e.to_string()))?,
        );
        drop(threads);
        Ok(Arc::new(device))
    }
}

/// Both handlers hold the device weakly: they live inside of it.
fn install_handlers(shared: &Arc<Shared>) {
    let weak: Weak<Shared> = Arc::downgrade(shared);
    shared.wgpu.on_uncaptured_error(Arc::new(move |_| {
        if let Some(shared) = weak.upgrade() {
            add(&shared.counters.uncaptured_errors, 1);
        }
    }));
    let weak: Weak<Shared> = Arc::downgrade(shared);
    shared.wgpu.set_device_lost_callback(move |_, reason| {
        if let Some(shared) = weak.upgrade() {
            shared.lose(&reason);
        }
    });
}

fn spawn(name: &str, f: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    // Shader compilers recurse deeply, and a driver may compile at the first dispatch.
    std::thread::Builder::new().name(name.to_owned()).stack_size(8 << 20).spawn(f)
}
