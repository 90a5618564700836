//! `join`: two closures, possibly in parallel. The second waits in the caller's deque; nobody pays if nobody steals.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::job::StackJob;
use super::latch::{Wait, WorkerLatch};
use super::pool;
use super::registry::WorkerThread;

/// Tells a closure of [`join_context`] whether it was stolen.
#[derive(Debug)]
pub struct FnContext {
    migrated: bool,
}

impl FnContext {
    /// Whether the closure runs on another thread than the one that called `join_context`.
    pub fn migrated(&self) -> bool {
        self.migrated
    }
}

/// Runs both closures, possibly in parallel, on the current pool (from outside: the global one) and returns both results.
///
/// # Panics
/// Re-throws the first closure's panic, else the second's; always after both have ended.
///
/// ```
/// let (a, b) = veda::executor::join(|| 1 + 1, || "two");
/// assert_eq!((a, b), (2, "two"));
/// ```
#[inline]
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    join_context(|_| a(), |_| b())
}

/// As [`join`]; the closures are told whether they migrated to another thread. From outside a pool both did.
///
/// # Panics
/// As [`join`].
#[inline]
pub fn join_context<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce(FnContext) -> RA + Send,
    B: FnOnce(FnContext) -> RB + Send,
    RA: Send,
    RB: Send,
{
    pool::in_current(|worker, migrated| join_on(worker, migrated, a, b))
}

#[inline]
pub(crate) fn join_on<A, B, RA, RB>(worker: &WorkerThread, migrated: bool, a: A, b: B) -> (RA, RB)
where
    A: FnOnce(FnContext) -> RA + Send,
    B: FnOnce(FnContext) -> RB + Send,
    RA: Send,
    RB: Send,
{
    let job = StackJob::new(WorkerLatch::new(worker, false), 0, |migrated| b(FnContext { migrated }));
    // SAFETY: every path below either takes the job back or waits for its latch before the frame ends; `a` is caught.
    worker.push(unsafe { job.as_job_ref() });
    let result = catch_unwind(AssertUnwindSafe(|| a(FnContext { migrated })));
    let a = match result {
        Ok(a) => a,
        Err(payload) => {
            // `b` borrows from frames that the panic will unwind, so it ends first.
            worker.wait_until(&job.latch);
            std::panic::resume_unwind(payload)
        }
    };
    while !job.latch.is_set() {
        match worker.pop() {
            Some(own) if own.is(job.id()) => return (a, job.run_inline(migrated)),
            Some(other) => worker.execute(other),
            None => {
                worker.wait_until(&job.latch);
                break;
            }
        }
    }
    (a, job.into_result())
}
