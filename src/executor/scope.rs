//! `scope`: tasks that may borrow from the caller's frame, because the call returns only when all of them have ended.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::job::{HeapJob, Payload};
use super::latch::{CountLatch, Latch};
use super::pool;
use super::registry::{Registry, WorkerThread};
use crate::telemetry::worker as telemetry;

/// What both shapes of scope share.
struct ScopeCore {
    registry: Arc<Registry>,
    latch: CountLatch,
    panics: Mutex<Vec<Payload>>,
}

#[derive(Clone, Copy)]
struct CorePtr(*const ScopeCore);

// SAFETY: `ScopeCore` is `Sync` (all its fields are) and lives until the count of tasks is zero.
unsafe impl Send for CorePtr {}

impl CorePtr {
    /// Keeps the whole wrapper, not its field, in closures, so that they are `Send`.
    fn get(self) -> *const ScopeCore {
        self.0
    }
}

impl ScopeCore {
    fn new(worker: &WorkerThread) -> Self {
        Self { registry: Arc::clone(worker.registry()), latch: CountLatch::new(worker), panics: Mutex::new(Vec::new()) }
    }

    /// # Safety
    /// What `f` borrows lives until `finish` has returned.
    unsafe fn spawn<F: FnOnce() + Send>(&self, f: F) {
        self.latch.increment();
        let core = CorePtr(self);
        let run = move || {
            let core = core.get();
            let result = catch_unwind(AssertUnwindSafe(f));
            // SAFETY: the share taken by `increment` keeps the core alive; giving it back is the last access.
            unsafe {
                if let Err(payload) = result {
                    telemetry::panicked();
                    (*core).caught(payload);
                }
                CountLatch::set(&raw const (*core).latch);
            }
        };
        // SAFETY: `finish` waits for the job, by the caller's promise that is long enough; `run` does not unwind.
        let job = unsafe { HeapJob::into_job_ref(run) };
        WorkerThread::with(|worker| match worker {
            Some(worker) if Arc::ptr_eq(worker.registry(), &self.registry) => worker.push(job),
            // The scope's owner is a worker that waits, so the pool cannot end before the job has run.
            _ => self.registry.inject_unchecked(job),
        });
    }

    fn caught(&self, payload: Payload) {
        self.panics.lock().unwrap_or_else(PoisonError::into_inner).push(payload);
    }

    /// Runs the body, waits for all tasks, and returns the body's value and the panics in the order they came.
    fn run<R>(&self, worker: &WorkerThread, body: impl FnOnce() -> R) -> (Option<R>, Vec<Payload>) {
        let value = catch_unwind(AssertUnwindSafe(body)).map_err(|payload| self.caught(payload)).ok();
        // SAFETY: `self` is alive; this is the owner's own share.
        unsafe { CountLatch::set(&raw const self.latch) };
        worker.wait_until(self.latch.waiter());
        (value, std::mem::take(&mut *self.panics.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn value_or_first_panic<R>((value, panics): (Option<R>, Vec<Payload>)) -> R {
    match (value, panics.into_iter().next()) {
        (Some(value), None) => value,
        (_, Some(payload)) => resume_unwind(payload),
        (None, None) => unreachable!("a body without a value has panicked"),
    }
}

/// Where tasks of [`scope`] are spawned.
pub struct Scope<'scope, 'env: 'scope> {
    core: ScopeCore,
    // Invariant in both, as `std::thread::Scope`: a longer or shorter `'scope` would let tasks outlive what they borrow.
    scoped: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl std::fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Queues a task that may borrow whatever outlives the scope, and may spawn more itself. One allocation.
    pub fn spawn<F: FnOnce() + Send + 'scope>(&'scope self, f: F) {
        // SAFETY: `f` outlives `'scope`, which ends after `ScopeCore::run`.
        unsafe { self.core.spawn(f) }
    }
}

/// Runs `f`, which may spawn tasks that borrow from the caller, and returns when all of them have ended.
///
/// # Panics
/// Re-throws the first panic of the body or a task, after all tasks have ended.
///
/// ```
/// let mut parts = [0, 0];
/// let (left, right) = parts.split_at_mut(1);
/// veda::executor::scope(|s| {
///     s.spawn(|| left[0] = 1);
///     s.spawn(|| right[0] = 2);
/// });
/// assert_eq!(parts, [1, 2]);
/// ```
pub fn scope<'env, F, R>(f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R + Send,
    R: Send,
{
    pool::in_current(|worker, _| value_or_first_panic(scope_on(worker, f)))
}

pub(crate) fn scope_on<'env, F, R>(worker: &WorkerThread, f: F) -> (Option<R>, Vec<Payload>)
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    let scope = Scope { core: ScopeCore::new(worker), scoped: PhantomData, env: PhantomData };
    scope.core.run(worker, || f(&scope))
}

pub(crate) fn scope_rethrow<'env, F, R>(worker: &WorkerThread, f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    value_or_first_panic(scope_on(worker, f))
}

/// As [`scope`], but panics are collected instead of thrown.
///
/// # Errors
/// [`ScopeError`] with every panic when the body or a task panicked.
pub fn try_scope<'env, F, R>(f: F) -> Result<R, ScopeError>
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R + Send,
    R: Send,
{
    pool::in_current(|worker, _| match scope_on(worker, f) {
        (Some(value), panics) if panics.is_empty() => Ok(value),
        (_, panics) => Err(ScopeError { messages: panics.iter().map(message).collect(), payloads: Mutex::new(panics) }),
    })
}

fn message(payload: &Payload) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("not a string").to_owned()
}

/// The panics of a [`try_scope`].
#[derive(Debug, thiserror::Error)]
#[error("{} task(s) of the scope panicked, the first with: {}", messages.len(), messages[0])]
pub struct ScopeError {
    messages: Vec<String>,
    // The lock only makes the error `Sync`, which payloads are not.
    payloads: Mutex<Vec<Payload>>,
}

impl ScopeError {
    /// The panics' messages in the order they came.
    pub fn messages(&self) -> &[String] {
        &self.messages
    }
    /// The panics' payloads in the order they came.
    pub fn into_payloads(self) -> Vec<Box<dyn std::any::Any + Send>> {
        self.payloads.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rayon's shape of a scope: its tasks take the scope as argument. See [`rayon_scope`].
pub struct RayonScope<'scope> {
    core: ScopeCore,
    #[allow(clippy::type_complexity, reason = "the type says which variance is wanted")]
    marker: PhantomData<Box<dyn FnOnce(&RayonScope<'scope>) + Send + Sync + 'scope>>,
}

impl std::fmt::Debug for RayonScope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

struct ScopePtr<'scope>(*const RayonScope<'scope>);

// SAFETY: a `RayonScope` is `Sync` and lives until its last task has ended.
unsafe impl Send for ScopePtr<'_> {}

impl<'scope> ScopePtr<'scope> {
    fn get(&self) -> *const RayonScope<'scope> {
        self.0
    }
}

impl<'scope> RayonScope<'scope> {
    /// Queues a task that may borrow whatever outlives the scope; it is handed the scope to spawn more. One allocation.
    pub fn spawn<BODY: FnOnce(&RayonScope<'scope>) + Send + 'scope>(&self, body: BODY) {
        let this = ScopePtr(self);
        // SAFETY: `body` outlives `'scope`, and the scope itself, of which `core` is a part, lives until `run` has returned.
        unsafe { self.core.spawn(move || body(&*this.get())) }
    }
}

/// As [`scope`], in Rayon's shape: `s.spawn(|s| ..)`.
///
/// # Panics
/// As [`scope`].
pub fn rayon_scope<'scope, OP, R>(op: OP) -> R
where
    OP: FnOnce(&RayonScope<'scope>) -> R + Send,
    R: Send,
{
    pool::in_current(|worker, _| rayon_scope_on(worker, op))
}

pub(crate) fn rayon_scope_on<'scope, OP, R>(worker: &WorkerThread, op: OP) -> R
where
    OP: FnOnce(&RayonScope<'scope>) -> R,
{
    let scope = RayonScope { core: ScopeCore::new(worker), marker: PhantomData };
    value_or_first_panic(scope.core.run(worker, || op(&scope)))
}
