//! How workers sleep and are woken without a lost wake-up. The protocol and its proof are in this folder's README.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::fence;
use super::latch::Wait;

const ASLEEP: u64 = 1;
const SEARCHING: u64 = 1 << 32;

fn asleep(state: u64) -> u64 {
    state & (SEARCHING - 1)
}
fn searching(state: u64) -> u64 {
    state >> 32
}

#[derive(Default)]
struct Slot {
    notified: Mutex<bool>,
    wake: Condvar,
}

/// The event count of one pool.
pub(crate) struct Sleep {
    /// `searching << 32 | asleep`.
    state: CachePadded<AtomicU64>,
    /// The workers that sleep, latest last. `asleep` changes only under this lock, so the two always agree.
    sleepers: Mutex<Vec<usize>>,
    slots: Box<[CachePadded<Slot>]>,
}

/// Our locks guard single words and no user code runs under them: a poisoned one is still right.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sleep {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            state: CachePadded::new(AtomicU64::new(0)),
            sleepers: Mutex::new(Vec::with_capacity(workers)),
            slots: (0..workers).map(|_| CachePadded::default()).collect(),
        }
    }

    /// A job was published by a worker. One load when nobody sleeps.
    #[inline]
    pub(crate) fn notify(&self) {
        fence::light();
        if asleep(self.state.load(Ordering::Relaxed)) != 0 {
            self.notify_slow();
        }
    }

    /// A job was published by a thread outside the pool, or somebody sleeps: full fence, then one wake-up unless a
    /// searcher is on its way.
    #[cold]
    pub(crate) fn notify_slow(&self) {
        fence(Ordering::SeqCst);
        let state = self.state.load(Ordering::Relaxed);
        if asleep(state) == 0 || searching(state) != 0 {
            return;
        }
        let mut sleepers = lock(&self.sleepers);
        if searching(self.state.load(Ordering::SeqCst)) != 0 {
            return;
        }
        let woken = sleepers.pop();
        if let Some(index) = woken {
            self.state.fetch_add(SEARCHING - ASLEEP, Ordering::SeqCst);
            drop(sleepers);
            self.release(index);
        }
    }

    /// Wakes one particular worker if it sleeps: its latch was set.
    pub(crate) fn wake_worker(&self, index: usize) {
        let mut sleepers = lock(&self.sleepers);
        if let Some(at) = sleepers.iter().position(|&i| i == index) {
            sleepers.swap_remove(at);
            self.state.fetch_add(SEARCHING - ASLEEP, Ordering::SeqCst);
            drop(sleepers);
            self.release(index);
        }
    }

    /// Wakes everybody: the pool ends.
    pub(crate) fn wake_all(&self) {
        let mut sleepers = lock(&self.sleepers);
        let woken = std::mem::take(&mut *sleepers);
        self.state.fetch_add((SEARCHING - ASLEEP).wrapping_mul(woken.len() as u64), Ordering::SeqCst);
        drop(sleepers);
        for index in woken {
            self.release(index);
        }
    }

    fn release(&self, index: usize) {
        let slot = &self.slots[index];
        *lock(&slot.notified) = true;
        slot.wake.notify_one();
    }

    /// The calling worker begins to search.
    pub(crate) fn start_search(&self) {
        self.state.fetch_add(SEARCHING, Ordering::SeqCst);
    }

    /// The calling worker stops searching. The last one to stop must not leave a job behind that its publisher left to the
    /// searchers, so it looks once more and hands the search to a sleeper.
    pub(crate) fn stop_search(&self, has_work: impl Fn() -> bool) {
        let before = self.state.fetch_sub(SEARCHING, Ordering::SeqCst);
        if searching(before) == 1 && asleep(before) != 0 {
            fence(Ordering::SeqCst);
            if has_work() {
                self.notify_slow();
            }
        }
    }

    /// A searching worker sleeps until it is woken; it is searching again on return. Returns at once when there is work or
    /// waiting is over.
    pub(crate) fn sleep(&self, index: usize, wait: &impl Wait, has_work: impl Fn() -> bool) {
        {
            let mut sleepers = lock(&self.sleepers);
            sleepers.push(index);
            self.state.fetch_add(ASLEEP.wrapping_sub(SEARCHING), Ordering::SeqCst);
        }
        if wait.arm() {
            let ordered = fence::heavy();
            if has_work() {
                self.cancel(index);
            } else {
                self.block(index, ordered);
            }
        } else {
            self.cancel(index);
        }
        wait.disarm();
    }

    fn cancel(&self, index: usize) {
        let mut sleepers = lock(&self.sleepers);
        if let Some(at) = sleepers.iter().position(|&i| i == index) {
            sleepers.swap_remove(at);
            self.state.fetch_add(SEARCHING - ASLEEP, Ordering::SeqCst);
        } else {
            // Somebody chose us: the notification is on its way and must not be left in the slot.
            drop(sleepers);
            self.block(index, true);
        }
    }

    fn block(&self, index: usize, ordered: bool) {
        let slot = &self.slots[index];
        let mut notified = lock(&slot.notified);
        while !*notified {
            if ordered {
                notified = slot.wake.wait(notified).unwrap_or_else(PoisonError::into_inner);
            } else {
                // The kernel took `membarrier` away under us: look again every millisecond.
                let (guard, time) =
                    slot.wake.wait_timeout(notified, Duration::from_millis(1)).unwrap_or_else(PoisonError::into_inner);
                notified = guard;
                if time.timed_out() && !*notified {
                    drop(notified);
                    return self.cancel(index);
                }
            }
        }
        *notified = false;
    }
}
