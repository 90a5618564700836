//! Slices of routed calls that run on the device that was not chosen, to learn its speed.
//!
//! Which calls: `execute(kernel::on(..))` whose place nobody set, predicted to take [`SHORTEST_NS`] or more, between idle
//! devices whose pipelines exist, while learning is on. Their CPU twin can run any range of the elements, so the device
//! that was not chosen takes the first 1/16 to 1/4 and the chosen one the rest; the result is the same elements in the same
//! order. Iterator chains are not sliced (their CPU side runs whole or not at all), hand-written kernels neither (nobody
//! but their author knows what a slice of them is). [`trial`] decides; the [`Account`] keeps what all trials of a runtime
//! cost below 2 % of its routed time.
//!
//! [`SHORTEST_NS`]: crate::planner::explore::SHORTEST_NS

#![cfg_attr(not(feature = "gpu"), allow(dead_code))] // without devices nothing is tried

use std::sync::atomic::{AtomicU64, Ordering};

use crate::planner::{Budget, Trial};

/// The [`Budget`] of a runtime, shared by its threads. Relaxed: a count that is late moves a trial, nothing else.
#[derive(Debug, Default)]
pub(crate) struct Account {
    spent_ns: AtomicU64,
    total_ns: AtomicU64,
    /// Kernels whose last call was long enough for a trial, by hash: so that short calls, which never are, pay one load.
    wanted: [AtomicU64; 32],
}

impl Account {
    pub(crate) fn budget(&self) -> Budget {
        let (spent_ns, total_ns) = (self.spent_ns.load(Ordering::Relaxed), self.total_ns.load(Ordering::Relaxed));
        Budget { spent_ns, total_ns, ..Budget::default() }
    }

    /// Books a call or a slice.
    pub(crate) fn ran(&self, ns: u64) {
        self.total_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// The next call of this kernel may be tried.
    pub(crate) fn want(&self, key: u64) {
        self.slot(key).store(key, Ordering::Relaxed);
    }

    /// Whether a call of this kernel may be tried; asks once per [`want`](Self::want).
    pub(crate) fn wants(&self, key: u64) -> bool {
        let slot = self.slot(key);
        slot.load(Ordering::Relaxed) == key && slot.swap(0, Ordering::Relaxed) == key
    }

    fn slot(&self, key: u64) -> &AtomicU64 {
        &self.wanted[(key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59) as usize]
    }

    /// Books the expected loss before a slice runs, so that two threads do not spend the same nanoseconds.
    pub(crate) fn reserve(&self, trial: &Trial) {
        self.spent_ns.fetch_add(trial.loss_ns(trial.predicted_ns), Ordering::Relaxed);
    }

    /// Replaces what was reserved by what the slice lost.
    pub(crate) fn settle(&self, trial: &Trial, slice_ns: u64) {
        let (expected, lost) = (trial.loss_ns(trial.predicted_ns), trial.loss_ns(slice_ns));
        // Wrapping: the difference may be negative, the sum never is.
        self.spent_ns.fetch_add(lost.wrapping_sub(expected), Ordering::Relaxed);
    }
}

/// Receives the result of a routed call.
pub(crate) trait Output {
    /// Appends elements as a device wrote them, 4 bytes each.
    fn append(&mut self, bytes: &[u8]);

    /// Whether the CPU twin can run a range of the call.
    fn ranged(&self) -> bool {
        false
    }

    /// Runs the twin for the elements `from..to` and appends what it yields. Called only if [`ranged`](Self::ranged).
    fn twin(&mut self, from: u64, to: u64) {
        let _ = (from, to);
    }

    /// Forgets everything that was appended: a device failed on the way.
    fn clear(&mut self);
}

/// An output that only devices append to; the caller forgets what it received when the CPU is to run.
pub(crate) struct Sink<'a>(pub(crate) &'a mut dyn FnMut(&[u8]));

impl Output for Sink<'_> {
    fn append(&mut self, bytes: &[u8]) {
        (self.0)(bytes);
    }
    fn clear(&mut self) {}
}
