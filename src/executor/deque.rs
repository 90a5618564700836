//! The queues behind one small interface, so that the deque can be exchanged without touching the scheduler.

use crossbeam_deque::{Injector, Steal, Stealer, Worker};

use super::job::JobRef;

/// The owner's end of a worker's deque: newest first, so a worker descends depth-first and its cache stays warm.
pub(crate) struct Local(Worker<JobRef>);

/// The thieves' end: oldest first, which in a tree of joins is the largest piece.
pub(crate) struct Victim(Stealer<JobRef>);

/// What came of a theft.
pub(crate) enum Theft {
    /// The job is the thief's.
    Job(JobRef),
    /// There was nothing.
    Empty,
    /// Another thief was quicker; there may be more.
    Lost,
}

impl Local {
    pub(crate) fn new() -> Self {
        Self(Worker::new_lifo())
    }
    pub(crate) fn victim(&self) -> Victim {
        Victim(self.0.stealer())
    }
    #[inline]
    pub(crate) fn push(&self, job: JobRef) {
        self.0.push(job);
    }
    #[inline]
    pub(crate) fn pop(&self) -> Option<JobRef> {
        self.0.pop()
    }
}

impl Victim {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Probes first: a theft from an empty deque pins an epoch and costs a full fence for nothing.
    pub(crate) fn steal(&self) -> Theft {
        if self.0.is_empty() {
            return Theft::Empty;
        }
        match self.0.steal() {
            Steal::Success(job) => Theft::Job(job),
            Steal::Empty => Theft::Empty,
            Steal::Retry => Theft::Lost,
        }
    }
}

/// The queue for jobs from outside the pool, first in, first out.
pub(crate) struct Inbox(Injector<JobRef>);

impl Inbox {
    pub(crate) fn new() -> Self {
        Self(Injector::new())
    }
    pub(crate) fn push(&self, job: JobRef) {
        self.0.push(job);
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub(crate) fn take(&self) -> Option<JobRef> {
        while !self.0.is_empty() {
            match self.0.steal() {
                Steal::Success(job) => return Some(job),
                Steal::Empty => return None,
                Steal::Retry => std::hint::spin_loop(),
            }
        }
        None
    }
}
