//! Runs of plans as futures.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::host::message;
use super::plan::{CancelToken, Outputs, Replay};
use crate::error::{Error, Result};

/// A run of a plan on a thread of its own: a future of its [`Outputs`]. Dropping it stops the run between two nodes.
#[must_use = "dropping it stops the run"]
pub struct Pending {
    shared: Arc<Shared>,
    cancel: CancelToken,
}

#[derive(Default)]
struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    result: Option<Result<Outputs>>,
    waker: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, result: Result<Outputs>) {
        let waker = {
            let mut state = self.lock();
            state.result = Some(result);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Pending {
    /// Starts a run. Not on the pool: the run waits for devices and for the pool's own work.
    pub(super) fn start(run: Replay) -> Pending {
        let shared: Arc<Shared> = Arc::default();
        let cancel = run.cancel_token();
        let theirs = Arc::clone(&shared);
        let spawned = thread::Builder::new().name("veda-graph".into()).spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| run.run()));
            theirs.finish(result.unwrap_or_else(|panic| Err(Error::Panicked { message: message(&*panic) })));
        });
        if let Err(source) = spawned {
            shared.finish(Err(Error::Threads { index: 0, total: 1, source }));
        }
        Pending { shared, cancel }
    }

    /// The token that stops the run.
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }
}

impl Future for Pending {
    type Output = Result<Outputs>;

    /// Pending for ever if it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Outputs>> {
        let mut state = self.shared.lock();
        if let Some(result) = state.result.take() {
            return Poll::Ready(result);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("finished", &self.shared.lock().result.is_some()).finish_non_exhaustive()
    }
}
