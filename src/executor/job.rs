//! Jobs: what stands in the queues. A [`JobRef`] is two words; the closure lives on a stack frame or on the heap.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::latch::Latch;
use crate::telemetry::worker as telemetry;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// A job in a queue: an erased pointer to the job and the function that runs it. Two words, so queues never allocate per job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobRef {
    data: *const (),
    run: unsafe fn(*const ()),
}

// SAFETY: a `JobRef` is made only by `StackJob::as_job_ref` and `HeapJob::into_job_ref`, whose closures are `Send`;
// moving the pointer to another thread moves the right to run that closure, which the queues hand out once.
unsafe impl Send for JobRef {}

impl JobRef {
    /// Whether this is the job at `data`. Addresses of unfinished jobs are unique, so the pointer alone decides.
    #[inline]
    pub(crate) fn is(&self, data: *const ()) -> bool {
        std::ptr::eq(self.data, data)
    }

    /// Runs the job. Never unwinds.
    ///
    /// # Safety
    /// At most once per job, and a stack job's frame must still be there (its owner waits for the latch).
    #[inline]
    pub(crate) unsafe fn execute(self) {
        // SAFETY: forwarded to the caller; `run` was made for `data` by the constructor.
        unsafe { (self.run)(self.data) }
    }
}

/// A job whose closure and result live in the frame of a caller that waits for `latch`.
pub(crate) struct StackJob<L, F, R> {
    pub(crate) latch: L,
    func: UnsafeCell<Option<F>>,
    result: UnsafeCell<Option<std::thread::Result<R>>>,
    queued_at: u64,
}

impl<L: Latch, F: FnOnce(bool) -> R + Send, R: Send> StackJob<L, F, R> {
    /// A job that is not queued yet. `queued_at` is 0 or the sampled time for the latency histogram.
    #[inline]
    pub(crate) fn new(latch: L, queued_at: u64, func: F) -> Self {
        Self { latch, func: UnsafeCell::new(Some(func)), result: UnsafeCell::new(None), queued_at }
    }

    /// The address that identifies the job.
    #[inline]
    pub(crate) fn id(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    /// # Safety
    /// The caller keeps `self` in place until the latch is set or it got the reference back from its queue.
    #[inline]
    pub(crate) unsafe fn as_job_ref(&self) -> JobRef {
        JobRef { data: self.id(), run: Self::run }
    }

    /// Runs the job in the caller's frame after it came back unstolen: no latch, panics unwind.
    #[inline]
    pub(crate) fn run_inline(self, migrated: bool) -> R {
        match self.func.into_inner() {
            Some(func) => func(migrated),
            None => unreachable!("a job that came back from its own queue has not run"),
        }
    }

    /// The result of a job whose latch was seen set; its panic is thrown again here.
    pub(crate) fn into_result(self) -> R {
        match self.result.into_inner() {
            Some(Ok(value)) => value,
            Some(Err(payload)) => std::panic::resume_unwind(payload),
            None => unreachable!("the latch is set after the result"),
        }
    }

    unsafe fn run(this: *const ()) {
        let this = this.cast::<Self>();
        // SAFETY: by the contract of `as_job_ref` and `JobRef::execute` the frame is alive and nobody else reads these
        // cells before the latch is set, which is the last access: `Latch::set` takes a pointer and says so itself.
        unsafe {
            telemetry::started((*this).queued_at);
            let func = (*(*this).func.get()).take();
            if let Some(func) = func {
                let result = catch_unwind(AssertUnwindSafe(|| func(true)));
                if result.is_err() {
                    telemetry::panicked();
                }
                *(*this).result.get() = Some(result);
            }
            L::set(&raw const (*this).latch);
        }
    }
}

/// A job that owns its closure: `spawn`.
pub(crate) struct HeapJob<F> {
    func: F,
    queued_at: u64,
}

impl<F: FnOnce() + Send> HeapJob<F> {
    /// Boxes the closure, which must not unwind, and forgets its lifetime.
    ///
    /// # Safety
    /// Whatever the closure borrows must live until it has run, and it must be run: the caller waits for it, or it is `'static`.
    pub(crate) unsafe fn into_job_ref(func: F) -> JobRef {
        let job = Box::new(Self { func, queued_at: telemetry::sample_queued() });
        JobRef { data: Box::into_raw(job).cast_const().cast(), run: Self::run }
    }

    unsafe fn run(this: *const ()) {
        // SAFETY: made by `Box::into_raw` in `into_job_ref`, and run once.
        let job = unsafe { Box::from_raw(this.cast_mut().cast::<Self>()) };
        telemetry::started(job.queued_at);
        (job.func)();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::executor::latch::ThreadLatch;

    #[test]
    fn a_stack_job_delivers_its_result_and_runs_once() {
        let latch = ThreadLatch::new();
        let text = String::from("payload");
        let job = StackJob::new(Arc::clone(&latch), 0, move |migrated| (migrated, text));
        // SAFETY: the frame stays until the latch is set below; the job runs once.
        unsafe { job.as_job_ref().execute() };
        latch.wait();
        assert_eq!(job.into_result(), (true, String::from("payload")));
    }

    #[test]
    fn an_unrun_job_drops_its_closure() {
        let witness = Arc::new(());
        let copy = Arc::clone(&witness);
        drop(StackJob::new(ThreadLatch::new(), 0, move |_| drop(copy)));
        assert_eq!(Arc::strong_count(&witness), 1);
    }

    #[test]
    fn a_stack_job_keeps_the_payload_of_its_panic() {
        let job = StackJob::new(ThreadLatch::new(), 0, |_| std::panic::resume_unwind(Box::new(17_u8)));
        // SAFETY: the frame outlives the call; the job runs once.
        unsafe { job.as_job_ref().execute() };
        let caught = catch_unwind(AssertUnwindSafe(|| -> () { job.into_result() })).unwrap_err();
        assert_eq!(caught.downcast_ref::<u8>(), Some(&17));
    }

    #[test]
    fn a_heap_job_frees_what_it_owns() {
        let witness = Arc::new(());
        let copy = Arc::clone(&witness);
        // SAFETY: the closure is `'static` and is run in the next line.
        let job = unsafe { HeapJob::into_job_ref(move || drop(copy)) };
        // SAFETY: run once.
        unsafe { job.execute() };
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}
