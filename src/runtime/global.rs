//! The global runtime: lazy, or set up by `init`, until `shutdown`.

use std::process;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::{Runtime, check_environment};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::executor::{Pool, PoolConfig, global_stats, set_global, shutdown_global};
use crate::telemetry::{Metrics, Snapshot};

static GLOBAL: RwLock<Option<Runtime>> = RwLock::new(None);

/// Replaces the runtime of a parent process, whose threads are not in this one.
fn after_fork(slot: &mut Option<Runtime>) {
    if let Some(parents) = slot.take_if(|runtime| runtime.inner.pid != process::id()) {
        *slot = Some(parents.for_child());
        std::mem::forget(parents); // dropping it would wait for threads that do not exist
    }
}

/// Statics are not dropped when a program ends: the thread that started the global runtime, which is mostly the one that
/// runs `main`, saves what was learned by then when it ends itself. Threads that are killed save nothing.
fn keep_when_this_thread_ends() {
    // Windows ends all other threads, whatever locks they hold, before it runs destructors.
    #[cfg(not(windows))]
    let _ = AT_END.try_with(|_| ());
}

#[cfg(not(windows))]
thread_local! {
    static AT_END: Keep = const { Keep };
}

#[cfg(not(windows))]
struct Keep;

#[cfg(not(windows))]
impl Drop for Keep {
    fn drop(&mut self) {
        // Whoever holds the lock starts or stops the runtime, and saves then.
        if let Ok(slot) = GLOBAL.try_read()
            && let Some(runtime) = slot.as_ref()
        {
            runtime.inner.keep_at_end(true);
        }
    }
}

impl Runtime {
    /// The global runtime, made now if there is none: with the default settings, bad ones in the environment noted
    /// ([`Runtime::notes`]) and ignored. Starts no thread and loads no driver until there is work.
    ///
    /// # Errors
    /// None at present; the signature leaves room.
    pub fn global() -> Result<Runtime> {
        if let Some(runtime) = GLOBAL.read().unwrap_or_else(PoisonError::into_inner).as_ref()
            && runtime.inner.pid == process::id()
        {
            return Ok(runtime.clone());
        }
        let mut slot = GLOBAL.write().unwrap_or_else(PoisonError::into_inner);
        after_fork(&mut slot);
        let runtime = slot.get_or_insert_with(|| Runtime::lenient(Config::default(), Pool::global())).clone();
        drop(slot);
        keep_when_this_thread_ends();
        Ok(runtime)
    }
}

/// Sets up the global runtime with the default settings and waits for the search for GPUs.
///
/// The returned handle may be dropped at once: the global runtime lives until [`shutdown`].
///
/// # Errors
/// As [`Runtime::new`]: what infallible calls would ignore, this reports.
pub fn init() -> Result<Runtime> {
    init_with_config(Config::default())
}

/// Sets up the global runtime with these settings. A second call with the same settings returns the same runtime.
///
/// # Errors
/// As [`Runtime::new`]; [`Error::AlreadyInitialised`] if it runs with other settings.
pub fn init_with_config(config: Config) -> Result<Runtime> {
    let mut slot = GLOBAL.write().unwrap_or_else(PoisonError::into_inner);
    after_fork(&mut slot);
    if let Some(runtime) = slot.as_ref() {
        if *runtime.config() != config {
            return Err(Error::AlreadyInitialised);
        }
        let runtime = runtime.clone();
        drop(slot);
        // It may have started by itself, with what is an error here only noted.
        runtime.check_settings()?;
        runtime.inner.demand_gpu()?;
        return Ok(runtime);
    }
    check_environment(&config)?;
    let ran_before = global_stats().is_some();
    let pool = PoolConfig {
        num_threads: config.num_threads.unwrap_or(0),
        stack_size: config.stack_size,
        ..PoolConfig::default()
    };
    set_global(pool)?;
    match Runtime::strict(config, Pool::global()) {
        Ok(runtime) => {
            keep_when_this_thread_ends();
            Ok(slot.insert(runtime).clone())
        }
        Err(error) => {
            // A failed `init` leaves nothing behind that a second one with other settings would meet.
            if !ran_before {
                let _ = shutdown_global(Duration::from_secs(10));
                let _ = set_global(PoolConfig::default());
            }
            Err(error)
        }
    }
}

/// Counters and latencies of the global runtime.
#[derive(Clone, Copy, Debug)]
pub struct GlobalMetrics(());

impl GlobalMetrics {
    /// All numbers now; zeros before the first work.
    pub fn snapshot(self) -> Snapshot {
        match GLOBAL.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(runtime) => runtime.metrics(),
            None => Metrics::new(true).snapshot(),
        }
    }
}

/// The counters of the global runtime.
///
/// ```
/// # use veda::prelude::*;
/// let sum: u64 = (0..10_000u64).into_par_iter().sum();
/// println!("{}", veda::metrics().snapshot());
/// # assert_eq!(sum, 49_995_000);
/// ```
pub fn metrics() -> GlobalMetrics {
    GlobalMetrics(())
}

/// Stops the global runtime: its workers end and are waited for, its devices are released, what was learned is saved if
/// that is wanted ([`Learning`](crate::Learning)). Later calls start afresh.
///
/// # Errors
/// [`Error::Shutdown`] if workers do not end within `timeout`, or if called from one of them.
pub fn shutdown(timeout: Duration) -> Result<()> {
    after_fork(&mut GLOBAL.write().unwrap_or_else(PoisonError::into_inner));
    shutdown_global(timeout)?;
    let runtime = GLOBAL.write().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(runtime) = &runtime {
        runtime.inner.keep_at_end(false); // somebody may hold a clone
    }
    drop(runtime); // not under the lock: devices end their threads
    let _ = set_global(PoolConfig::default()); // somebody may have started afresh already
    Ok(())
}
