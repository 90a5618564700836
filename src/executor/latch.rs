//! Latches: one-shot flags that a waiter waits for. A worker that waits helps; a thread from outside parks.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::registry::{Registry, WorkerThread};

/// The setting side.
pub(crate) trait Latch {
    /// Sets the latch and wakes the waiter.
    ///
    /// # Safety
    /// `this` is alive on entry. It may be gone as soon as the flag is visible, so implementations take what they need before.
    unsafe fn set(this: *const Self);
}

/// The waiting side, as seen by a worker that is about to sleep.
pub(crate) trait Wait {
    /// Whether waiting is over.
    fn is_set(&self) -> bool;
    /// Announces that the waiter is about to sleep; false when waiting is over already.
    fn arm(&self) -> bool;
    /// The waiter is awake again.
    fn disarm(&self);
}

const UNSET: u8 = 0;
const ASLEEP: u8 = 1;
const SET: u8 = 2;

/// A latch that one worker waits for. Setting it costs one swap; only a sleeping waiter costs a wake-up.
pub(crate) struct WorkerLatch {
    state: AtomicU8,
    index: usize,
    registry: *const Registry,
    /// Set by a worker of another pool, which does not keep the waiter's registry alive.
    cross: bool,
}

// SAFETY: the pointer is followed only in `set`, while the registry is alive: see there.
unsafe impl Sync for WorkerLatch {}
// SAFETY: as above.
unsafe impl Send for WorkerLatch {}

impl WorkerLatch {
    /// A latch for `worker`, set by workers of its own pool (`cross == false`) or of another one.
    #[inline]
    pub(crate) fn new(worker: &WorkerThread, cross: bool) -> Self {
        Self { state: AtomicU8::new(UNSET), index: worker.index(), registry: Arc::as_ptr(worker.registry()), cross }
    }
}

impl Latch for WorkerLatch {
    unsafe fn set(this: *const Self) {
        // SAFETY: the latch is alive until the swap, after which only copies are used. The registry outlives the swap
        // because the caller is one of its workers (each owns an `Arc`), or, for `cross`, by the count taken here while
        // the waiter, a worker of that registry, is still waiting.
        unsafe {
            let (registry, index, cross) = ((*this).registry, (*this).index, (*this).cross);
            let guard = cross.then(|| {
                Arc::increment_strong_count(registry);
                Arc::from_raw(registry)
            });
            if (*this).state.swap(SET, Ordering::AcqRel) == ASLEEP {
                (*registry).sleep().wake_worker(index);
            }
            drop(guard);
        }
    }
}

impl Wait for WorkerLatch {
    #[inline]
    fn is_set(&self) -> bool {
        self.state.load(Ordering::Acquire) == SET
    }
    fn arm(&self) -> bool {
        self.state.compare_exchange(UNSET, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
    fn disarm(&self) {
        // Fails when the latch was set meanwhile, which is the state that must stay.
        let _ = self.state.compare_exchange(ASLEEP, UNSET, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// A latch set when a count falls to zero: scopes.
pub(crate) struct CountLatch {
    pending: AtomicUsize,
    latch: WorkerLatch,
}

impl CountLatch {
    /// Starts at one: the owner's own share, given back by its `set`.
    pub(crate) fn new(worker: &WorkerThread) -> Self {
        Self { pending: AtomicUsize::new(1), latch: WorkerLatch::new(worker, false) }
    }
    /// One more task.
    #[inline]
    pub(crate) fn increment(&self) {
        // Relaxed: the caller holds a share, so the count cannot reach zero meanwhile.
        self.pending.fetch_add(1, Ordering::Relaxed);
    }
    pub(crate) fn waiter(&self) -> &WorkerLatch {
        &self.latch
    }
}

impl Latch for CountLatch {
    unsafe fn set(this: *const Self) {
        // SAFETY: alive on entry; after a decrement that does not end the count, `this` is not touched again. The last
        // share keeps the frame alive until the inner latch is set.
        unsafe {
            if (*this).pending.fetch_sub(1, Ordering::AcqRel) == 1 {
                WorkerLatch::set(&raw const (*this).latch);
            }
        }
    }
}

/// A latch that a thread from outside parks on. Shared by an `Arc`, so that the setter's unlock never touches a dead frame.
#[derive(Debug)]
pub(crate) struct ThreadLatch {
    set: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
}

impl ThreadLatch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { set: AtomicBool::new(false), lock: Mutex::new(()), wake: Condvar::new() })
    }
    /// Parks until the latch is set; a short spin first, because a park and a wake-up cost about 10 µs.
    pub(crate) fn wait(&self) {
        for _ in 0..64 {
            if self.set.load(Ordering::Acquire) {
                return;
            }
            std::hint::spin_loop();
        }
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.set.load(Ordering::Acquire) {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
    pub(crate) fn signal(&self) {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.set.store(true, Ordering::Release);
        self.wake.notify_all();
    }
}

impl Latch for Arc<ThreadLatch> {
    unsafe fn set(this: *const Self) {
        // SAFETY: alive on entry; the clone keeps the latch alive after the waiter's frame is gone.
        let latch = Arc::clone(unsafe { &*this });
        latch.signal();
    }
}

enum Waiter {
    Nobody,
    Worker(Arc<Registry>, usize),
    Thread(Arc<ThreadLatch>),
}

/// A latch on the heap that anybody may wait for, one at a time: `JoinHandle`.
pub(crate) struct TaskLatch {
    set: AtomicBool,
    waiter: Mutex<Waiter>,
}

impl TaskLatch {
    pub(crate) fn new() -> Self {
        Self { set: AtomicBool::new(false), waiter: Mutex::new(Waiter::Nobody) }
    }

    pub(crate) fn signal(&self) {
        self.set.store(true, Ordering::Release);
        let waiter =
            std::mem::replace(&mut *self.waiter.lock().unwrap_or_else(PoisonError::into_inner), Waiter::Nobody);
        match waiter {
            Waiter::Nobody => {}
            Waiter::Worker(registry, index) => registry.sleep().wake_worker(index),
            Waiter::Thread(latch) => latch.signal(),
        }
    }

    /// Waits; a worker runs other jobs meanwhile.
    pub(crate) fn wait(&self) {
        if self.is_set() {
            return;
        }
        WorkerThread::with(|worker| {
            if let Some(worker) = worker {
                self.register(Waiter::Worker(Arc::clone(worker.registry()), worker.index()));
                worker.wait_until(self);
                return;
            }
            let latch = ThreadLatch::new();
            self.register(Waiter::Thread(Arc::clone(&latch)));
            // `signal` stores the flag before it takes the lock: seen unset here, after our turn of the lock, it finds
            // the waiter.
            if !self.is_set() {
                latch.wait();
            }
        });
    }

    fn register(&self, waiter: Waiter) {
        *self.waiter.lock().unwrap_or_else(PoisonError::into_inner) = waiter;
    }
}

impl Wait for TaskLatch {
    fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }
    fn arm(&self) -> bool {
        !self.is_set()
    }
    fn disarm(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_latch_releases_a_parked_thread() {
        for _ in 0..100 {
            let latch = ThreadLatch::new();
            let other = Arc::clone(&latch);
            let thread = std::thread::spawn(move || other.wait());
            // SAFETY: `latch` is alive.
            unsafe { Latch::set(&raw const latch) };
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_task_latch_wakes_whoever_registered() {
        for _ in 0..100 {
            let latch = Arc::new(TaskLatch::new());
            let other = Arc::clone(&latch);
            let thread = std::thread::spawn(move || other.wait());
            latch.signal();
            thread.join().unwrap();
            assert!(latch.is_set());
        }
    }
}
