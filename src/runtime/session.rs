//! `veda::explain`: collects what the routed calls of one closure did.

use std::cell::RefCell;

use crate::planner::{CallExplanation, Explanation};

thread_local! {
    /// The explanations being collected on this thread, innermost last.
    static SESSIONS: RefCell<Vec<Explanation>> = const { RefCell::new(Vec::new()) };
}

/// Whether a closure is being explained on this thread.
pub(crate) fn active() -> bool {
    SESSIONS.with_borrow(|s| !s.is_empty())
}

/// Adds a finished call.
pub(crate) fn push(call: CallExplanation) {
    SESSIONS.with_borrow_mut(|s| {
        if let Some(session) = s.last_mut() {
            session.calls.push(call);
        }
    });
}

/// Says something about a call that was not routed; `text` is only made where somebody listens.
pub(crate) fn note(text: impl FnOnce() -> String) {
    if active() {
        let text = text();
        SESSIONS.with_borrow_mut(|s| s.last_mut().map(|session| session.notes.push(text)));
    }
}

/// Takes the innermost session off again, also when the closure panics.
struct Open;
impl Open {
    fn close(self) -> Explanation {
        std::mem::forget(self);
        SESSIONS.with_borrow_mut(Vec::pop).unwrap_or_default()
    }
}
impl Drop for Open {
    fn drop(&mut self) {
        SESSIONS.with_borrow_mut(Vec::pop);
    }
}

/// Runs `f` once and says what the kernels in it did: where each call ran, what every device was predicted to take and
/// why, what the call took, and at which size the choice would flip.
///
/// Covers the calls that `f` makes on this thread; calls that its tasks make on workers are routed but not listed.
///
/// ```
/// use veda::prelude::*;
///
/// #[veda::kernel]
/// fn square(x: f32) -> f32 { x * x }
///
/// let xs = vec![1.5f32; 100_000];
/// let (sum, why) = veda::explain(|| xs.par_iter().map(square).sum::<f32>());
/// assert_eq!(sum, 225_000.0);
/// println!("{why}");
/// ```
pub fn explain<R>(f: impl FnOnce() -> R) -> (R, Explanation) {
    SESSIONS.with_borrow_mut(|s| s.push(Explanation::default()));
    let open = Open;
    let result = f();
    let mut explanation = open.close();
    if let Ok(runtime) = super::Runtime::global() {
        explanation.notes.extend(runtime.notes());
    }
    (result, explanation)
}
