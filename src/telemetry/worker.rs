//! What one CPU worker counts: written by its owner only, read by snapshots.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one worker. Only the owning worker writes (plain load + store, no locked instruction); anybody reads.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerStats {
    executed: AtomicU64,
    stolen: AtomicU64,
    panicked: AtomicU64,
    busy_ns: AtomicU64,
    idle_ns: AtomicU64,
}

#[inline]
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

impl WorkerStats {
    /// A job taken from a queue (own, injected or stolen) was executed in `ns` nanoseconds (0: not sampled).
    #[inline]
    pub fn executed(&self, ns: u64) {
        bump(&self.executed, 1);
        bump(&self.busy_ns, ns);
    }
    /// A job was stolen from another worker.
    #[inline]
    pub fn stolen(&self) {
        bump(&self.stolen, 1);
    }
    /// A job panicked.
    #[inline]
    pub fn panicked(&self) {
        bump(&self.panicked, 1);
    }
    /// The worker slept for `ns` nanoseconds.
    #[inline]
    pub fn idle(&self, ns: u64) {
        bump(&self.idle_ns, ns);
    }
}
