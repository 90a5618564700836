//! What a caller waits on, and what must live until then.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Shared;
use super::buffer::Resident;
use super::error::DeviceError;
use super::pool::Lease;
use super::run::Queued;

/// When commands were on the device, by the host's clock. They shared that time with whatever was submitted with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// They were handed to the driver.
    pub submitted: Instant,
    /// The host learned that they were done.
    pub done: Instant,
}

#[derive(Debug)]
enum Progress {
    Waiting,
    Submitted(Instant),
    Done(Result<Times, DeviceError>),
}

/// What a command list has until it is done.
#[derive(Debug)]
pub(super) struct Held {
    /// Staging chunks and uniforms: back to the pool after success.
    pub staging: Option<Lease>,
    /// The buffers that the commands use.
    #[expect(dead_code, reason = "it keeps them alive")]
    pub residents: Vec<Arc<Resident>>,
    /// Downloads that nobody will read.
    pub abandoned: Option<Lease>,
    #[expect(dead_code, reason = "it counts until it is dropped")]
    pub queued: Option<Queued<Arc<Shared>>>,
}

/// What a caller waits on. It is done when the poll thread and all map callbacks have arrived (they may run on either
/// thread: wgpu fires callbacks inside `submit` as well), or when it failed first.
#[derive(Debug)]
pub(super) struct Ticket {
    progress: Mutex<Progress>,
    done: Condvar,
    /// Arrivals that are missing.
    pending: AtomicUsize,
    unmapped: AtomicBool,
    held: Mutex<Option<Held>>,
}

impl Ticket {
    pub(super) fn new() -> Arc<Self> {
        Self::holding(None)
    }

    /// A ticket that keeps things until it is done.
    pub(super) fn holding(held: Option<Held>) -> Arc<Self> {
        Arc::new(Self {
            progress: Mutex::new(Progress::Waiting),
            done: Condvar::new(),
            pending: AtomicUsize::new(1),
            unmapped: AtomicBool::new(false),
            held: Mutex::new(held),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everything go, outside of the lock. Staging is reused only after success, when it is mapped again.
    fn release(&self, success: bool) {
        let held = self.lock_held().take();
        if let Some(mut held) = held
            && success
            && let Some(staging) = held.staging.take()
        {
            staging.finish();
        }
    }

    /// Keeps downloads that nobody will read until they have landed.
    pub(super) fn abandon(&self, lease: Lease) {
        let mut held = self.lock_held();
        if let Some(held) = &mut *held {
            held.abandoned = Some(lease);
            return;
        }
        // It is done. The lease is dropped after the lock.
        drop(held);
        drop(lease);
    }

    pub(super) fn submitted(&self, at: Instant, maps: usize) {
        self.pending.store(maps + 1, Ordering::Release);
        let mut progress = self.lock();
        if matches!(*progress, Progress::Waiting) {
            *progress = Progress::Submitted(at);
        }
    }

    pub(super) fn arrive(&self, mapped: bool) {
        if !mapped {
            self.unmapped.store(true, Ordering::Release);
        }
        if self.pending.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        // Before anybody learns that it is done, so that memory is back by then.
        let mapped = !self.unmapped.load(Ordering::Acquire);
        self.release(mapped);
        let mut progress = self.lock();
        if let Progress::Submitted(submitted) = *progress {
            let result = if mapped {
                Ok(Times { submitted, done: Instant::now() })
            } else {
                Err(DeviceError::Validation { name: "buffer".to_owned(), reason: "it could not be mapped".to_owned() })
            };
            *progress = Progress::Done(result);
            self.done.notify_all();
        }
    }

    /// Fails the job unless it is done.
    pub(super) fn fail(&self, error: DeviceError) {
        self.release(false);
        let mut progress = self.lock();
        if !matches!(*progress, Progress::Done(_)) {
            *progress = Progress::Done(Err(error));
            self.done.notify_all();
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(*self.lock(), Progress::Done(_))
    }

    pub(super) fn wait(&self) -> Result<Times, DeviceError> {
        let mut progress = self.lock();
        loop {
            if let Progress::Done(result) = &*progress {
                return result.clone();
            }
            progress = self.done.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
