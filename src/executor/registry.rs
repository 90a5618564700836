//! One pool's shared state and its worker threads: where jobs come from and when a worker stops.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use super::deque::{Inbox, Local, Theft, Victim};
use super::fence;
use super::job::{JobRef, StackJob};
use super::latch::{ThreadLatch, Wait, WorkerLatch};
use super::pool::PoolConfig;
use super::sleep::Sleep;
use crate::telemetry::worker::{self as telemetry, WorkerStats};
use crate::{Error, Result};

const CLOSED: usize = 1;
const ENTRANT: usize = 2;

/// Rounds of search before a worker sleeps: eight of growing pauses, then eight that give the core away. About 10 µs, the
/// price of a wake-up.
const SPIN_ROUNDS: u32 = 16;

/// What the workers of a pool share.
pub(crate) struct Registry {
    victims: Box<[Victim]>,
    stats: Box<[WorkerStats]>,
    inbox: Inbox,
    sleep: Sleep,
    /// Threads that are pushing into the inbox, times two, plus one once the pool is closed.
    gate: CachePadded<AtomicUsize>,
    /// Workers that run something or search, as opposed to sleeping with nothing on their stack.
    running: CachePadded<AtomicUsize>,
    alive: Mutex<usize>,
    ended: Condvar,
    handles: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

impl Registry {
    /// Starts the threads.
    pub(crate) fn start(num_threads: usize, config: &PoolConfig) -> Result<Arc<Self>> {
        fence::prepare();
        let locals: Vec<Local> = (0..num_threads).map(|_| Local::new()).collect();
        let registry = Arc::new(Self {
            victims: locals.iter().map(Local::victim).collect(),
            stats: (0..num_threads).map(|_| WorkerStats::default()).collect(),
            inbox: Inbox::new(),
            sleep: Sleep::new(num_threads),
            gate: CachePadded::new(AtomicUsize::new(0)),
            running: CachePadded::new(AtomicUsize::new(num_threads)),
            alive: Mutex::new(0),
            ended: Condvar::new(),
            handles: Mutex::new(Vec::with_capacity(num_threads)),
        });
        for (index, local) in locals.into_iter().enumerate() {
            let mut builder = std::thread::Builder::new().name(config.name_of(index));
            if let Some(bytes) = config.stack_size {
                builder = builder.stack_size(bytes);
            }
            let (shared, config) = (Arc::clone(&registry), config.clone());
            *lock(&registry.alive) += 1;
            match builder.spawn(move || run_worker(&shared, local, index, &config)) {
                Ok(handle) => lock(&registry.handles).push(handle),
                Err(source) => {
                    *lock(&registry.alive) -= 1;
                    registry.running.fetch_sub(num_threads - index, Ordering::SeqCst);
                    registry.close();
                    registry.join_threads();
                    return Err(Error::Threads { index, total: num_threads, source });
                }
            }
        }
        Ok(registry)
    }

    pub(crate) fn sleep(&self) -> &Sleep {
        &self.sleep
    }
    pub(crate) fn stats(&self) -> &[WorkerStats] {
        &self.stats
    }
    pub(crate) fn num_threads(&self) -> usize {
        self.victims.len()
    }

    fn has_work(&self) -> bool {
        !self.inbox.is_empty() || self.victims.iter().any(|v| !v.is_empty())
    }

    /// Queues a job from outside; false when the pool is closed.
    pub(crate) fn inject(&self, job: JobRef) -> bool {
        if self.gate.fetch_add(ENTRANT, Ordering::SeqCst) & CLOSED != 0 {
            self.leave_gate();
            return false;
        }
        self.inject_unchecked(job);
        self.leave_gate();
        true
    }

    /// Queues a job while something in the pool waits for it, so that the workers cannot end.
    pub(crate) fn inject_unchecked(&self, job: JobRef) {
        self.inbox.push(job);
        self.sleep.notify_slow();
    }

    fn leave_gate(&self) {
        if self.gate.fetch_sub(ENTRANT, Ordering::SeqCst) == ENTRANT | CLOSED {
            self.sleep.wake_all();
        }
    }

    /// No job from outside is accepted any more; workers end when everything queued has run.
    pub(crate) fn close(&self) {
        self.gate.fetch_or(CLOSED, Ordering::SeqCst);
        self.sleep.wake_all();
    }

    /// Whether jobs from outside are refused.
    pub(crate) fn is_closed(&self) -> bool {
        self.gate.load(Ordering::SeqCst) & CLOSED != 0
    }

    fn finished(&self) -> bool {
        let idle = || self.running.load(Ordering::SeqCst) == 0;
        self.gate.load(Ordering::SeqCst) == CLOSED && idle() && !self.has_work() && idle()
    }

    /// Waits for the workers to end: the number still alive, 0 in time.
    pub(crate) fn wait_ended(&self, timeout: Duration) -> usize {
        // A timeout beyond what the clock can hold means for ever.
        let deadline = Instant::now().checked_add(timeout);
        let mut alive = lock(&self.alive);
        while *alive > 0 {
            let left = deadline.map_or(Duration::from_hours(1), |d| d.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            alive = self.ended.wait_timeout(alive, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *alive
    }

    /// Joins the operating system's threads.
    pub(crate) fn join_threads(&self) {
        let handles = std::mem::take(&mut *lock(&self.handles));
        for handle in handles {
            // A worker's own code does not panic; user code is caught before.
            let _ = handle.join();
        }
    }

    /// Runs `op` on a worker of this pool: here if the caller is one, else by a queued job. `Err(op)` when the pool is closed.
    pub(crate) fn in_worker<OP, R>(self: &Arc<Self>, op: OP) -> Result<R, OP>
    where
        OP: FnOnce(&WorkerThread, bool) -> R + Send,
        R: Send,
    {
        WorkerThread::with(|current| match current {
            Some(worker) if Arc::ptr_eq(&worker.registry, self) => Ok(op(worker, false)),
            Some(worker) => self.in_worker_of_other_pool(worker, op),
            None => self.in_worker_from_outside(op),
        })
    }

    #[cold]
    fn in_worker_from_outside<OP, R>(&self, op: OP) -> Result<R, OP>
    where
        OP: FnOnce(&WorkerThread, bool) -> R + Send,
        R: Send,
    {
        let mut op = Some(op);
        let latch = ThreadLatch::new();
        let result = {
            let slot = &mut op;
            let job = StackJob::new(Arc::clone(&latch), telemetry::sample_queued(), move |_| on_worker(slot.take()));
            // SAFETY: the frame stays until the latch is set, or the job was refused and never queued.
            let queued = self.inject(unsafe { job.as_job_ref() });
            // No closure here: it would capture the job by value and so move it while a worker runs it.
            if queued {
                latch.wait();
                Some(job.into_result())
            } else {
                None
            }
        };
        result.ok_or(()).or_else(|()| op.take().map_or_else(|| unreachable!("a refused job has not run"), Err))
    }

    #[cold]
    fn in_worker_of_other_pool<OP, R>(&self, worker: &WorkerThread, op: OP) -> Result<R, OP>
    where
        OP: FnOnce(&WorkerThread, bool) -> R + Send,
        R: Send,
    {
        let mut op = Some(op);
        let result = {
            let slot = &mut op;
            let latch = WorkerLatch::new(worker, true);
            let job = StackJob::new(latch, telemetry::sample_queued(), move |_| on_worker(slot.take()));
            // SAFETY: as in `in_worker_from_outside`; the waiting worker helps its own pool meanwhile.
            let queued = self.inject(unsafe { job.as_job_ref() });
            if queued {
                worker.wait_until(&job.latch);
                Some(job.into_result())
            } else {
                None
            }
        };
        result.ok_or(()).or_else(|()| op.take().map_or_else(|| unreachable!("a refused job has not run"), Err))
    }
}

fn on_worker<OP: FnOnce(&WorkerThread, bool) -> R, R>(op: Option<OP>) -> R {
    WorkerThread::with(|worker| match (worker, op) {
        (Some(worker), Some(op)) => op(worker, true),
        _ => unreachable!("injected jobs run once, on workers"),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    static CURRENT: Cell<*const WorkerThread> = const { Cell::new(std::ptr::null()) };
}

/// What only the thread of one worker sees.
pub(crate) struct WorkerThread {
    local: Local,
    index: usize,
    registry: Arc<Registry>,
    random: Cell<u32>,
    /// The last wake-up found nothing: do not spin before the next sleep.
    vain: Cell<bool>,
    ticks: Cell<u32>,
}

impl WorkerThread {
    /// Calls `f` with the worker that the calling thread is, if it is one.
    #[inline]
    pub(crate) fn with<R>(f: impl FnOnce(Option<&WorkerThread>) -> R) -> R {
        let current = CURRENT.get();
        // SAFETY: null, or set by `run_worker` of this thread to a value in its frame, which it clears before leaving.
        f(unsafe { current.as_ref() })
    }

    #[inline]
    pub(crate) fn index(&self) -> usize {
        self.index
    }
    #[inline]
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }
    pub(crate) fn stats(&self) -> &WorkerStats {
        &self.registry.stats[self.index]
    }

    /// Publishes a job for this worker or a thief.
    #[inline]
    pub(crate) fn push(&self, job: JobRef) {
        self.local.push(job);
        self.registry.sleep.notify();
    }

    /// The newest job of this worker's own.
    #[inline]
    pub(crate) fn pop(&self) -> Option<JobRef> {
        self.local.pop()
    }

    /// Runs a job that was taken from a queue.
    pub(crate) fn execute(&self, job: JobRef) {
        if telemetry::enabled() {
            self.stats().executed();
        }
        // SAFETY: queues hand a job out once, and whoever queued a stack job waits for its latch.
        unsafe { job.execute() }
    }

    /// Runs jobs, or sleeps, until `wait` is over.
    pub(crate) fn wait_until(&self, wait: &impl Wait) {
        while !wait.is_set() {
            match self.local.pop().or_else(|| self.next_job(wait)) {
                Some(job) => self.execute(job),
                None => return,
            }
        }
    }

    fn find_work(&self) -> Option<JobRef> {
        let ticks = self.ticks.get().wrapping_add(1);
        self.ticks.set(ticks);
        // Thieves could keep a worker busy for ever while outsiders wait, so the inbox comes first now and then.
        if ticks.is_multiple_of(61)
            && let Some(job) = self.registry.inbox.take()
        {
            return Some(job);
        }
        self.local.pop().or_else(|| self.steal()).or_else(|| self.registry.inbox.take())
    }

    fn steal(&self) -> Option<JobRef> {
        let victims = &self.registry.victims;
        let n = victims.len();
        if n <= 1 {
            return None;
        }
        loop {
            // xorshift32: a different first victim each time, so that thieves spread.
            let mut x = self.random.get();
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            self.random.set(x);
            let first = x as usize % n;
            let mut lost = false;
            for victim in (first..n).chain(0..first).filter(|&v| v != self.index) {
                match victims[victim].steal() {
                    Theft::Job(job) => {
                        if telemetry::enabled() {
                            self.stats().stolen();
                        }
                        return Some(job);
                    }
                    Theft::Empty => {}
                    Theft::Lost => lost = true,
                }
            }
            if !lost {
                return None;
            }
        }
    }

    /// A job from anywhere; sleeps while there is none. `None` when `wait` is over.
    fn next_job(&self, wait: &impl Wait) -> Option<JobRef> {
        if let Some(job) = self.find_work() {
            return Some(job);
        }
        if wait.is_set() {
            return None;
        }
        let registry = &*self.registry;
        let stats = self.stats();
        stats.idle_from();
        registry.sleep.start_search();
        let mut round = if self.vain.get() { SPIN_ROUNDS } else { 0 };
        let found = loop {
            if wait.is_set() {
                break None;
            }
            if let Some(job) = self.find_work() {
                self.vain.set(false);
                break Some(job);
            }
            if round < SPIN_ROUNDS {
                if round < SPIN_ROUNDS / 2 {
                    (0..1 << round.min(6)).for_each(|_| std::hint::spin_loop());
                } else {
                    std::thread::yield_now();
                }
                round += 1;
            } else {
                registry.sleep.sleep(self.index, wait, || registry.has_work());
                self.vain.set(true);
            }
        };
        registry.sleep.stop_search(|| registry.has_work());
        stats.busy_from();
        found
    }
}

/// What a worker with an empty stack waits for: the end of the pool.
struct End<'a> {
    registry: &'a Registry,
    seen: Cell<bool>,
}

impl Wait for End<'_> {
    fn is_set(&self) -> bool {
        self.seen.get()
    }
    fn arm(&self) -> bool {
        self.registry.running.fetch_sub(1, Ordering::SeqCst);
        self.seen.set(self.registry.finished());
        !self.seen.get()
    }
    fn disarm(&self) {
        if !self.seen.get() {
            self.registry.running.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn run_worker(registry: &Arc<Registry>, local: Local, index: usize, config: &PoolConfig) {
    let worker = WorkerThread {
        local,
        index,
        registry: Arc::clone(registry),
        random: Cell::new(0x9E37_79B9_u32.wrapping_mul(index as u32 + 1) | 1),
        vain: Cell::new(false),
        ticks: Cell::new(0),
    };
    CURRENT.set(&raw const worker);
    telemetry::enter(worker.stats());
    worker.stats().busy_from();
    if let Some(handler) = &config.start_handler {
        run_handler(&**handler, index);
    }
    let end = End { registry, seen: Cell::new(false) };
    worker.wait_until(&end);
    if let Some(handler) = &config.exit_handler {
        run_handler(&**handler, index);
    }
    telemetry::leave();
    CURRENT.set(std::ptr::null());
    drop(worker);
    // The others may have seen this worker running when they last looked.
    registry.sleep.wake_all();
    *lock(&registry.alive) -= 1;
    registry.ended.notify_all();
}

fn run_handler(handler: &(dyn Fn(usize) + Send + Sync), index: usize) {
    if catch_unwind(AssertUnwindSafe(|| handler(index))).is_err() {
        telemetry::panicked();
    }
}
