//! Owns the pool, the devices and the planner's state, and turns a decision into work.

#![cfg_attr(
    not(feature = "gpu"),
    allow(clippy::unused_self, clippy::trivially_copy_pass_by_ref, clippy::unnecessary_wraps) // signatures that devices give a meaning
)]

pub(crate) mod costs;
pub(crate) mod explore;
pub(crate) mod global;
#[cfg(feature = "gpu")]
pub(crate) mod gpus;
#[allow(dead_code)] // until graphs are built on it
pub(crate) mod graph;
mod keep;
pub(crate) mod model;
pub(crate) mod route;
pub(crate) mod session;
pub(crate) mod shaders;
#[cfg(feature = "gpu")]
pub(crate) mod windows;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::config::{Config, DeviceChoice, Learning};
use crate::error::Result;
use crate::executor::{Pool, PoolConfig};
use crate::kernel::place::Place;
use crate::planner::Decider;
use crate::telemetry::{Metrics, Snapshot};

pub use global::{init, init_with_config, metrics, shutdown};
pub use session::explain;

/// A pool of CPU workers, the GPUs, and what is known about their speed.
///
/// Cheap to clone; all clones are one runtime. Most programs use the global one, which starts by itself at first use.
#[derive(Clone, Debug)]
pub struct Runtime {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    config: Config,
    /// The process that made it: a fork's child has the memory, but neither its workers nor its device threads.
    pid: u32,
    choice: DeviceChoice,
    learning: Learning,
    account: explore::Account,
    pool: Pool,
    shaders: shaders::Shaders,
    #[cfg(feature = "gpu")]
    gpus: gpus::Gpus,
    model: RwLock<model::Model>,
    decider: Decider,
    metrics: Metrics,
    /// Settings that were ignored because they were bad, and other things worth saying.
    notes: Mutex<Vec<String>>,
}

impl Runtime {
    /// A runtime of its own: own workers, own devices, own statistics.
    ///
    /// Waits for the search for GPUs (50 to 300 ms), unless they are switched off.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for settings in the environment that cannot be understood,
    /// [`Error::Profile`](crate::Error::Profile) for a profile that cannot be used, [`Error::NoGpu`](crate::Error::NoGpu)
    /// if a GPU is demanded and there is none, [`Error::Threads`](crate::Error::Threads).
    pub fn new(config: Config) -> Result<Runtime> {
        let pool = PoolConfig {
            num_threads: config.num_threads.unwrap_or(0),
            stack_size: config.stack_size,
            ..PoolConfig::default()
        };
        let runtime = Runtime::strict(config, Pool::new(&pool)?)?;
        Ok(runtime)
    }

    /// With every bad setting an error, and the devices found.
    fn strict(config: Config, pool: Pool) -> Result<Runtime> {
        check_environment(&config)?;
        let choice = config.device()?;
        let (model, problem) = model::Model::for_host(&config, pool.num_threads());
        if let Some(error) = problem {
            return Err(error);
        }
        let runtime = Runtime::assemble(config, choice, pool, model, Vec::new());
        runtime.inner.demand_gpu()?;
        Ok(runtime)
    }

    /// With every bad setting noted and treated as absent, and nothing searched: for calls that cannot fail.
    fn lenient(config: Config, pool: Pool) -> Runtime {
        let mut notes = Vec::new();
        let choice = config.device().unwrap_or_else(|error| {
            notes.push(format!("{error}; used auto"));
            DeviceChoice::Auto
        });
        notes.extend(
            crate::executor::requested_threads().err().map(|error| format!("{error}; used as many as there are cores")),
        );
        notes.extend(config.learning().err().map(|error| format!("{error}; used auto")));
        notes.extend(gpu_memory().err().map(|error| format!("{error}; used the default budget")));
        let (model, problem) = model::Model::for_host(&config, pool.num_threads());
        notes.extend(problem.map(|error| format!("{error}; used built-in numbers")));
        Runtime::assemble(config, choice, pool, model, notes)
    }

    /// The same in the child of a fork: a pool of its own, and the CPU alone if the parent had loaded a driver (no driver
    /// survives a fork).
    fn for_child(&self) -> Runtime {
        let config = self.inner.config.clone();
        let pool = Pool::global();
        let mut notes = self.inner.notes.lock().map(|notes| notes.clone()).unwrap_or_default();
        #[cfg(feature = "gpu")]
        let touched = self.inner.gpus.started() && self.inner.choice != DeviceChoice::Cpu;
        #[cfg(not(feature = "gpu"))]
        let touched = false;
        let choice = if touched { DeviceChoice::Cpu } else { self.inner.choice };
        if touched {
            notes.push("this process was forked from one that used GPUs; it computes on the CPU".to_owned());
        }
        let (model, _) = model::Model::for_host(&config, pool.num_threads());
        Runtime::assemble(config, choice, pool, model, notes)
    }

    fn assemble(config: Config, choice: DeviceChoice, pool: Pool, model: model::Model, notes: Vec<String>) -> Runtime {
        let metrics = Metrics::new(config.enable_telemetry);
        let workers = pool.clone();
        metrics.set_task_provider(move || model::tasks(&workers));
        // A bad word in the environment was refused or noted before.
        let learning = config.learning().unwrap_or_default();
        let inner = Inner {
            pid: std::process::id(),
            choice,
            shaders: shaders::Shaders::default(),
            #[cfg(feature = "gpu")]
            gpus: gpus::Gpus::new(choice, config.admit_software),
            model: RwLock::new(model),
            decider: Decider::new(learning == Learning::Off),
            learning,
            account: explore::Account::default(),
            metrics,
            notes: Mutex::new(notes),
            pool,
            config,
        };
        Runtime { inner: Arc::new(inner) }
    }

    /// Errors for settings that an automatic start only notes.
    fn check_settings(&self) -> Result<()> {
        check_environment(&self.inner.config)?;
        match model::Model::for_host(&self.inner.config, self.inner.pool.num_threads()).1 {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The CPU pool.
    pub fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    /// The place that the settings prefer, e.g. the GPU that they demand.
    pub(crate) fn preferred_place(&self) -> Option<Place> {
        self.inner.preferred()
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// All counters and latencies now.
    pub fn metrics(&self) -> Snapshot {
        #[cfg_attr(not(feature = "gpu"), allow(unused_mut))]
        let mut snapshot = self.inner.metrics.snapshot();
        #[cfg(feature = "gpu")]
        if let Some(found) = self.inner.gpus.peek().filter(|_| snapshot.enabled) {
            for (gpu, counters) in found.gpus.iter().filter_map(|gpu| Some((gpu, gpu.counters()?))) {
                snapshot.gpu_memory_allocated += counters.pool_bytes;
                // A device without a batch has no line of its own, but its memory counts.
                if let Some(device) = snapshot.devices.iter_mut().find(|d| d.device == gpu.label) {
                    device.pool_hits = counters.pool_hits;
                    device.pool_misses = counters.pool_misses;
                    device.compile_ns = counters.compile_ns;
                    device.memory_allocated = counters.pool_bytes;
                }
            }
        }
        snapshot
    }

    /// One line per thing worth knowing: which GPUs are used or why none is, and settings that were ignored.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.inner.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        #[cfg(feature = "gpu")]
        match self.inner.gpus.peek() {
            Some(found) => {
                notes.push(format!("GPU: {}", found.note));
                notes.extend(found.gpus.iter().filter_map(|gpu| Some(format!("GPU: {}", gpu.trouble()?))));
            }
            None if !self.inner.gpus.started() => {
                notes.push("GPU: not searched for yet; no kernel was called".to_owned());
            }
            None => notes.push("GPU: still being searched for; ran on the CPU meanwhile".to_owned()),
        }
        #[cfg(not(feature = "gpu"))]
        notes.push("GPU: veda was built without the feature `gpu`".to_owned());
        notes
    }

    /// Stops this runtime's workers and waits for them; what was learned is saved before, if that is wanted
    /// ([`Learning`](crate::Learning)).
    ///
    /// # Errors
    /// [`Error::Shutdown`](crate::Error::Shutdown) if they do not end in time, or from inside the pool.
    pub fn shutdown(&self, timeout: Duration) -> Result<()> {
        self.inner.keep_at_end(false);
        self.inner.pool.shutdown(timeout)
    }

    /// Nanoseconds that slices on devices that were not chosen have cost, and nanoseconds of all routed calls.
    #[doc(hidden)]
    pub fn exploration(&self) -> (u64, u64) {
        let budget = self.inner.account.budget();
        (budget.spent_ns, budget.total_ns)
    }

    /// Test hook: the GPU of this number fails as if its driver had reset it.
    #[doc(hidden)]
    #[cfg(feature = "gpu")]
    pub fn simulate_gpu_loss(&self, index: u32) {
        if let Some(device) = self.inner.gpus.wait().gpu(index).and_then(gpus::Gpu::device) {
            device.simulate_loss();
        }
    }
}

/// Errors for variables that cannot be understood.
fn check_environment(config: &Config) -> Result<()> {
    config.device()?;
    config.learning()?;
    crate::executor::requested_threads()?;
    gpu_memory()
}

/// Errors if `VEDA_GPU_MEMORY` is not a size.
fn gpu_memory() -> Result<()> {
    #[cfg(feature = "gpu")]
    crate::device::budget::from_environment().map_err(|e| crate::Error::Config {
        name: "VEDA_GPU_MEMORY",
        value: e.value,
        expected: "a size, for example 512MiB, 2GiB, 1.5GB or plain bytes".to_owned(),
    })?;
    Ok(())
}

impl Inner {
    /// Errors if the settings demand a GPU that is not there.
    fn demand_gpu(&self) -> Result<()> {
        #[cfg(feature = "gpu")]
        if self.choice != DeviceChoice::Cpu {
            let found = self.gpus.wait();
            self.adopt(found);
            // One that is lost right now was there: it is being opened again.
            let there = found.gpus.iter().any(|gpu| gpu.admitted && gpu.counters().is_some());
            if self.choice != DeviceChoice::Auto && !there {
                return Err(crate::Error::NoGpu { reason: found.note.clone() });
            }
        }
        #[cfg(not(feature = "gpu"))]
        if matches!(self.choice, DeviceChoice::Gpu(_) | DeviceChoice::Software) {
            return Err(crate::Error::NoGpu { reason: "veda was built without the feature `gpu`".to_owned() });
        }
        Ok(())
    }

    /// The place that the settings prefer, once it is known.
    fn preferred(&self) -> Option<Place> {
        match self.choice {
            DeviceChoice::Auto => None,
            DeviceChoice::Cpu => Some(Place::Cpu),
            #[cfg(feature = "gpu")]
            DeviceChoice::Gpu(_) | DeviceChoice::Software => {
                self.gpus.wait().usable().next().map(|(gpu, _)| Place::Gpu(gpu.index))
            }
            #[cfg(not(feature = "gpu"))]
            DeviceChoice::Gpu(_) | DeviceChoice::Software => None,
        }
    }
}
