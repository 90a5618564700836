//! [`Pool`]: the handle users hold, and the global pool with its birth, death and forks.

use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::chunks;
use super::cpu_count::{MAX_THREADS, default_num_threads};
use super::job::JobRef;
use super::join::join_on;
use super::registry::{Registry, WorkerThread};
use super::scope::{RayonScope, Scope, rayon_scope_on, scope_rethrow};
use super::spawn::{JoinHandle, spawn_into};
use crate::telemetry::worker::WorkerSnapshot;
use crate::{Error, Result};

type Handler = Arc<dyn Fn(usize) + Send + Sync>;
type Namer = Arc<dyn Fn(usize) -> String + Send + Sync>;

/// How a pool is made.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct PoolConfig {
    /// Workers; 0 for the default: `VEDA_NUM_THREADS`, `RAYON_NUM_THREADS`, else the CPUs this process may use.
    pub num_threads: usize,
    /// Bytes of stack per worker; `None` for the platform's default.
    pub stack_size: Option<usize>,
    /// The thread name of worker `i`; `None` for `veda-i`.
    pub thread_name: Option<Namer>,
    /// Called by each worker first, with its index. A panic in it is counted and does no harm.
    pub start_handler: Option<Handler>,
    /// Called by each worker last, with its index.
    pub exit_handler: Option<Handler>,
}

impl PoolConfig {
    /// The default with this many workers (0: automatic).
    pub fn with_threads(num_threads: usize) -> Self {
        Self { num_threads, ..Self::default() }
    }
    /// Whether both make the same pool. Functions cannot be compared: with one there, they differ.
    fn same(&self, other: &Self) -> bool {
        let plain = |c: &Self| c.thread_name.is_none() && c.start_handler.is_none() && c.exit_handler.is_none();
        plain(self) && plain(other) && self.num_threads == other.num_threads && self.stack_size == other.stack_size
    }
    pub(crate) fn name_of(&self, index: usize) -> String {
        // A name with a NUL would make the thread builder panic.
        self.thread_name.as_ref().map_or_else(|| format!("veda-{index}"), |name| name(index).replace('\0', ""))
    }
}

impl std::fmt::Debug for PoolConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolConfig")
            .field("num_threads", &self.num_threads)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

/// Ends the threads when the last handle goes.
struct Owner(Arc<Registry>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
        // A worker cannot wait for itself; its pool then ends on its own.
        let inside = WorkerThread::with(|w| w.is_some_and(|w| Arc::ptr_eq(w.registry(), &self.0)));
        if !inside {
            self.0.wait_ended(Duration::MAX);
            self.0.join_threads();
        }
    }
}

/// A work-stealing pool of threads. Clones are handles to the same threads; dropping the last one runs what is queued,
/// ends the threads and joins them. After [`shutdown`](Self::shutdown) its calls go to the global pool.
#[derive(Clone)]
pub struct Pool {
    owner: Arc<Owner>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("num_threads", &self.num_threads()).finish()
    }
}

impl Pool {
    /// Starts a pool: about 30 µs per thread.
    ///
    /// # Errors
    /// [`Error::Config`] for more than [`MAX_THREADS`] workers, [`Error::Threads`] when the system refuses a thread.
    pub fn new(config: &PoolConfig) -> Result<Self> {
        let n = if config.num_threads == 0 { default_num_threads() } else { config.num_threads };
        if n > MAX_THREADS {
            let expected = format!("at most {MAX_THREADS}");
            return Err(Error::Config { name: "num_threads", value: n.to_string(), expected });
        }
        Ok(Self { owner: Arc::new(Owner(Registry::start(n, config)?)) })
    }

    /// The global pool, started if need be.
    ///
    /// # Panics
    /// When the system refuses even one thread.
    pub fn global() -> Self {
        let slot = Slot::of_this_process();
        let mut state = slot.lock();
        if let Some(pool) = &state.pool {
            return pool.clone();
        }
        let pool = match Self::new(&state.config) {
            Err(Error::Threads { index, .. }) if index > 0 => {
                Self::new(&PoolConfig { num_threads: index, ..state.config.clone() })
            }
            other => other,
        };
        let pool = pool.or_else(|_| Self::new(&PoolConfig::with_threads(1)));
        let pool = pool.unwrap_or_else(|error| panic!("the global pool has no thread to run on: {error}"));
        state.pool = Some(pool.clone());
        pool
    }

    fn registry(&self) -> &Arc<Registry> {
        &self.owner.0
    }

    /// Runs `op` on a worker and returns its value; inside it, `join` and the others use this pool. About 10 µs from outside.
    ///
    /// # Panics
    /// Re-throws the panic of `op`.
    pub fn install<OP: FnOnce() -> R + Send, R: Send>(&self, op: OP) -> R {
        self.enter(|_, _| op())
    }

    fn enter<OP, R>(&self, op: OP) -> R
    where
        OP: FnOnce(&WorkerThread, bool) -> R + Send,
        R: Send,
    {
        self.registry().in_worker(op).unwrap_or_else(in_global)
    }

    /// [`join`](super::join()) on this pool.
    ///
    /// # Panics
    /// As [`join`](super::join()).
    pub fn join<A, B, RA, RB>(&self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce() -> RA + Send,
        B: FnOnce() -> RB + Send,
        RA: Send,
        RB: Send,
    {
        self.enter(|worker, migrated| join_on(worker, migrated, |_| a(), |_| b()))
    }

    /// [`scope`](super::scope()) on this pool.
    ///
    /// # Panics
    /// As [`scope`](super::scope()).
    pub fn scope<'env, F, R>(&self, f: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R + Send,
        R: Send,
    {
        self.enter(|worker, _| scope_rethrow(worker, f))
    }

    /// [`rayon_scope`](super::rayon_scope) on this pool.
    ///
    /// # Panics
    /// As [`scope`](super::scope()).
    pub fn rayon_scope<'scope, OP, R>(&self, op: OP) -> R
    where
        OP: FnOnce(&RayonScope<'scope>) -> R + Send,
        R: Send,
    {
        self.enter(|worker, _| rayon_scope_on(worker, op))
    }

    /// [`spawn`](super::spawn()) on this pool.
    pub fn spawn<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        spawn_into(f, |job| self.push(job))
    }

    fn push(&self, job: JobRef) {
        let inside = WorkerThread::with(|worker| {
            worker.filter(|w| Arc::ptr_eq(w.registry(), self.registry())).map(|w| w.push(job)).is_some()
        });
        if !inside && !self.registry().inject(job) {
            push_global(job);
        }
    }

    /// Workers; constant for the pool's life.
    pub fn num_threads(&self) -> usize {
        self.registry().num_threads()
    }

    /// What each worker has counted, by index.
    pub fn stats(&self) -> Vec<WorkerSnapshot> {
        self.registry().stats().iter().map(super::super::telemetry::worker::WorkerStats::snapshot).collect()
    }

    /// Accepts no more work from outside, runs what is queued, ends the threads and joins them.
    ///
    /// # Errors
    /// [`Error::Shutdown`] when workers still run after `timeout` (they end when their jobs do; call again to wait on), or
    /// when called from a worker of this pool.
    pub fn shutdown(&self, timeout: Duration) -> Result<()> {
        if WorkerThread::with(|w| w.is_some_and(|w| Arc::ptr_eq(w.registry(), self.registry()))) {
            return Err(Error::Shutdown { timeout, reason: "it was called from a worker of the pool itself".into() });
        }
        self.registry().close();
        match self.registry().wait_ended(timeout) {
            0 => {
                self.registry().join_threads();
                Ok(())
            }
            left => {
                let reason = format!("{left} of {} workers still run jobs", self.num_threads());
                Err(Error::Shutdown { timeout, reason })
            }
        }
    }

    /// Calls `f(lo, hi)` for each block `[k * grain, min((k + 1) * grain, len))`, in parallel. One block runs on the caller,
    /// without the pool.
    ///
    /// # Panics
    /// Re-throws a panic of `f` after the blocks that had begun.
    pub fn for_each_chunk(&self, len: usize, grain: usize, f: impl Fn(usize, usize) + Sync) {
        let grain = grain.max(1);
        if len <= grain {
            if len > 0 {
                f(0, len);
            }
            return;
        }
        self.enter(|_, _| chunks::for_each(0..len.div_ceil(grain), grain, len, &f));
    }

    /// Reduces blocks of `grain` in the tree of [`tree_split`](super::tree_split): the same combinations in the same order
    /// on any pool. `None` for `len == 0`.
    ///
    /// # Panics
    /// Re-throws a panic of `leaf` or `combine`.
    pub fn reduce_chunks<T: Send>(
        &self,
        len: usize,
        grain: usize,
        leaf: impl Fn(usize, usize) -> T + Sync,
        combine: impl Fn(T, T) -> T + Sync,
    ) -> Option<T> {
        let grain = grain.max(1);
        if len <= grain {
            return (len > 0).then(|| leaf(0, len));
        }
        Some(self.enter(|_, _| chunks::reduce(0, len, grain, &leaf, &combine)))
    }
}

/// The global pool of one process. A forked child has none of its parent's threads, so it gets a slot of its own; the
/// parent's is left alone, because its lock may be held by a thread that does not exist here.
struct Slot {
    pid: u32,
    state: Mutex<GlobalState>,
}

#[derive(Default)]
struct GlobalState {
    pool: Option<Pool>,
    config: PoolConfig,
}

static SLOT: AtomicPtr<Slot> = AtomicPtr::new(std::ptr::null_mut());

impl Slot {
    fn of_this_process() -> &'static Self {
        let pid = std::process::id();
        loop {
            let current = SLOT.load(Ordering::Acquire);
            // SAFETY: null, or a slot leaked below, which is never freed.
            if let Some(slot) = unsafe { current.as_ref() }
                && slot.pid == pid
            {
                return slot;
            }
            let fresh = Box::into_raw(Box::new(Self { pid, state: Mutex::default() }));
            if SLOT.compare_exchange(current, fresh, Ordering::AcqRel, Ordering::Acquire).is_err() {
                // SAFETY: made two lines above and published nowhere.
                drop(unsafe { Box::from_raw(fresh) });
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, GlobalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets how the global pool will be made. Starts nothing; fine when it runs with these very settings.
///
/// # Errors
/// [`Error::AlreadyInitialised`] when the global pool is running with others.
pub fn set_global(config: PoolConfig) -> Result<()> {
    let mut state = Slot::of_this_process().lock();
    if state.pool.is_some() {
        return if config.same(&state.config) { Ok(()) } else { Err(Error::AlreadyInitialised) };
    }
    state.config = config;
    Ok(())
}

/// Shuts the global pool down and joins its threads; later use starts a fresh one. Fine when none runs.
///
/// # Errors
/// As [`Pool::shutdown`]; after a time-out the old pool is out of use and ends on its own.
pub fn shutdown_global(timeout: Duration) -> Result<()> {
    let slot = Slot::of_this_process();
    let pool = slot.lock().pool.clone();
    let Some(pool) = pool else { return Ok(()) };
    let result = pool.shutdown(timeout);
    let inside = WorkerThread::with(|w| w.is_some_and(|w| Arc::ptr_eq(w.registry(), pool.registry())));
    if !inside {
        let taken = slot.lock().pool.take_if(|p| Arc::ptr_eq(&p.owner, &pool.owner));
        if result.is_err() {
            // The last handle would wait for ever; what is left is two words and the queues of a pool that hangs.
            std::mem::forget((taken, pool));
        }
    }
    result
}

/// What the global pool's workers have counted; `None` when it is not running.
pub fn global_stats() -> Option<Vec<WorkerSnapshot>> {
    let pool = Slot::of_this_process().lock().pool.clone();
    pool.map(|p| p.stats())
}

#[cold]
fn in_global<OP, R>(mut op: OP) -> R
where
    OP: FnOnce(&WorkerThread, bool) -> R + Send,
    R: Send,
{
    loop {
        // A pool that closes between the look and the call hands the closure back.
        match live_global().registry().in_worker(op) {
            Ok(value) => return value,
            Err(back) => op = back,
        }
    }
}

/// The global pool; one that is being shut down is replaced by a fresh one.
fn live_global() -> Pool {
    let pool = Pool::global();
    if pool.registry().is_closed() {
        let old = Slot::of_this_process().lock().pool.take_if(|p| Arc::ptr_eq(&p.owner, &pool.owner));
        // Dropping the last handle would wait for the old threads; whoever closed the pool holds one and does that.
        drop((old, pool));
        return Pool::global();
    }
    pool
}

fn push_global(job: JobRef) {
    while !live_global().registry().inject(job) {}
}

/// Runs `op` on the current pool's worker, or on the global pool.
#[inline]
pub(crate) fn in_current<OP, R>(op: OP) -> R
where
    OP: FnOnce(&WorkerThread, bool) -> R + Send,
    R: Send,
{
    WorkerThread::with(|worker| match worker {
        Some(worker) => op(worker, false),
        None => in_global(op),
    })
}

pub(crate) fn push_current(job: JobRef) {
    if !WorkerThread::with(|worker| worker.map(|w| w.push(job)).is_some()) {
        push_global(job);
    }
}

/// The number of workers of the current pool; from outside, of the global one, as it is or would be started.
pub fn current_num_threads() -> usize {
    WorkerThread::with(|worker| worker.map(|w| w.registry().num_threads())).unwrap_or_else(|| {
        let state = Slot::of_this_process().lock();
        match &state.pool {
            Some(pool) => pool.num_threads(),
            None if state.config.num_threads != 0 => state.config.num_threads,
            None => default_num_threads(),
        }
    })
}

/// The calling worker's index in its pool, below [`current_num_threads`]; `None` outside.
pub fn current_thread_index() -> Option<usize> {
    WorkerThread::with(|worker| worker.map(WorkerThread::index))
}
