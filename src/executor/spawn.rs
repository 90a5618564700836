//! `spawn`: a task on its own, and the handle to its result.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::job::HeapJob;
use super::latch::{TaskLatch, Wait};
use super::pool;
use crate::telemetry::worker as telemetry;

struct Packet<R> {
    result: Mutex<Option<std::thread::Result<R>>>,
    latch: TaskLatch,
}

impl<R> Packet<R> {
    fn take(&self) -> Option<std::thread::Result<R>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<R> Drop for Packet<R> {
    fn drop(&mut self) {
        let result = self.take();
        if matches!(result, Some(Err(_))) {
            telemetry::count_unobserved_panic();
        }
        // The value's own drop may panic; nobody is left to tell, and a worker must go on.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(result))) {
            telemetry::count_unobserved_panic();
            std::mem::forget(payload);
        }
    }
}

/// The result of a spawned task, when it comes. Dropping the handle lets the task run on its own.
pub struct JoinHandle<R> {
    packet: Arc<Packet<R>>,
}

impl<R> std::fmt::Debug for JoinHandle<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish()
    }
}

impl<R> JoinHandle<R> {
    /// Whether [`join`](Self::join) would return at once.
    pub fn is_finished(&self) -> bool {
        self.packet.latch.is_set()
    }

    /// Waits for the task. On a worker other jobs run meanwhile; another thread parks.
    ///
    /// # Errors
    /// The payload of the task's panic.
    pub fn join(self) -> std::thread::Result<R> {
        self.packet.latch.wait();
        match self.packet.take() {
            Some(result) => result,
            None => unreachable!("the latch is set after the result, which only this handle takes"),
        }
    }
}

/// Runs `f` on the current pool (from outside: the global one). A panic stays in the handle; if nobody joins, it is counted.
/// Costs one allocation for the job and one for the handle.
///
/// ```
/// let handle = veda::executor::spawn(|| 6 * 7);
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
pub fn spawn<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    spawn_into(f, pool::push_current)
}

pub(crate) fn spawn_into<F, R>(f: F, push: impl FnOnce(super::job::JobRef)) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let packet = Arc::new(Packet { result: Mutex::new(None), latch: TaskLatch::new() });
    let theirs = Arc::clone(&packet);
    let run = move || {
        let result = catch_unwind(AssertUnwindSafe(f));
        if result.is_err() {
            telemetry::panicked();
        }
        *theirs.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        theirs.latch.signal();
    };
    // SAFETY: the closure is `'static`, catches what `f` throws, and the pool runs every job it accepted.
    push(unsafe { HeapJob::into_job_ref(run) });
    JoinHandle { packet }
}
