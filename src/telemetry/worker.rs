//! What one CPU worker counts: written by its owner only, read by snapshots.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

static ENABLED: AtomicBool = AtomicBool::new(true);
static OUTSIDE_PANICS: AtomicU64 = AtomicU64::new(0);
static UNOBSERVED_PANICS: AtomicU64 = AtomicU64::new(0);

/// One job in this many carries the time it was queued, for the latency histogram.
const SAMPLE_EVERY: u32 = 16;
/// Buckets per octave: at most 6 % error.
const SUB: usize = 16;
const OCTAVES: usize = 36;
const BUCKETS: usize = SUB * (OCTAVES + 1);

/// Whether counters and histograms are kept. Off costs one relaxed load per job.
#[inline]
pub fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// Switches counters and histograms on or off for the whole process. On at the start.
pub fn set_enabled(on: bool) {
    ENABLED.store(on, Ordering::Relaxed);
}

/// Monotonic nanoseconds since the first call, about 25 ns per call.
pub fn now_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Panics of spawned tasks whose handle was dropped without `join`.
pub fn unobserved_panics() -> u64 {
    UNOBSERVED_PANICS.load(Ordering::Relaxed)
}

pub(crate) fn count_unobserved_panic() {
    UNOBSERVED_PANICS.fetch_add(1, Ordering::Relaxed);
}

thread_local! {
    static STATS: Cell<*const WorkerStats> = const { Cell::new(std::ptr::null()) };
    static SAMPLE: Cell<u32> = const { Cell::new(0) };
}

fn with_stats(f: impl FnOnce(&WorkerStats)) -> bool {
    let stats = STATS.get();
    // SAFETY: null, or set by `enter` to counters that the worker's own registry keeps alive until `leave`.
    unsafe { stats.as_ref() }.map(f).is_some()
}

/// The calling thread becomes the writer of `stats`, which it keeps alive until `leave`.
pub(crate) fn enter(stats: &WorkerStats) {
    STATS.set(stats);
}

pub(crate) fn leave() {
    STATS.set(std::ptr::null());
}

/// A job panicked on this thread.
pub(crate) fn panicked() {
    if !with_stats(|s| bump(&s.panicked, 1)) {
        OUTSIDE_PANICS.fetch_add(1, Ordering::Relaxed);
    }
}

/// The time for a job that is being queued, or 0 for the fifteen of sixteen that are not measured.
pub(crate) fn sample_queued() -> u64 {
    if !enabled() {
        return 0;
    }
    let n = SAMPLE.get();
    SAMPLE.set(n.wrapping_add(1));
    if n.is_multiple_of(SAMPLE_EVERY) { now_ns().max(1) } else { 0 }
}

/// A job queued at `queued_at` (0: not measured) starts now.
#[inline]
pub(crate) fn started(queued_at: u64) {
    if queued_at != 0 {
        let waited = now_ns().saturating_sub(queued_at);
        with_stats(|s| bump(&s.latency[bucket(waited)], 1));
    }
}

/// Values below 16 have a bucket each; above, each octave has 16.
fn bucket(ns: u64) -> usize {
    if ns < SUB as u64 {
        return ns as usize;
    }
    let octave = ns.ilog2() as usize - 4;
    let sub = (ns >> octave) as usize - SUB;
    ((octave + 1) * SUB + sub).min(BUCKETS - 1)
}

/// The largest value of a bucket.
fn bucket_limit(index: usize) -> u64 {
    if index < SUB {
        return index as u64;
    }
    let octave = index / SUB - 1;
    (((index % SUB + SUB + 1) as u64) << octave) - 1
}

/// Counters of one worker. Only the owning worker writes (plain load + store, no locked instruction); anybody reads.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerStats {
    executed: AtomicU64,
    stolen: AtomicU64,
    panicked: AtomicU64,
    busy_ns: AtomicU64,
    idle_ns: AtomicU64,
    /// When the present busy (even) or idle (odd) spell began; the parity costs one nanosecond of precision.
    spell: AtomicU64,
    latency: Box<[AtomicU64]>,
}

impl Default for WorkerStats {
    fn default() -> Self {
        Self {
            executed: AtomicU64::new(0),
            stolen: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            busy_ns: AtomicU64::new(0),
            idle_ns: AtomicU64::new(0),
            spell: AtomicU64::new(0),
            latency: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

#[inline]
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

impl WorkerStats {
    /// A job taken from a queue (own, injected or stolen) is executed. The half of a `join` that was not stolen is no such job.
    #[inline]
    pub(crate) fn executed(&self) {
        bump(&self.executed, 1);
    }
    /// A job was stolen from another worker.
    #[inline]
    pub(crate) fn stolen(&self) {
        bump(&self.stolen, 1);
    }
    /// The worker has nothing to do from now on.
    pub(crate) fn idle_from(&self) {
        self.turn(1);
    }
    /// The worker works from now on.
    pub(crate) fn busy_from(&self) {
        self.turn(0);
    }

    fn turn(&self, parity: u64) {
        if !enabled() {
            self.spell.store(0, Ordering::Relaxed);
            return;
        }
        let now = now_ns().max(2);
        let before = self.spell.load(Ordering::Relaxed);
        if before != 0 {
            let counter = if before & 1 == 1 { &self.idle_ns } else { &self.busy_ns };
            bump(counter, now.saturating_sub(before));
        }
        self.spell.store(now & !1 | parity, Ordering::Relaxed);
    }

    /// The counters now, the spell in progress included.
    pub fn snapshot(&self) -> WorkerSnapshot {
        let get = |c: &AtomicU64| c.load(Ordering::Relaxed);
        let mut snapshot = WorkerSnapshot {
            executed: get(&self.executed),
            stolen: get(&self.stolen),
            panicked: get(&self.panicked),
            busy_ns: get(&self.busy_ns),
            idle_ns: get(&self.idle_ns),
            latency: LatencyHistogram { counts: self.latency.iter().map(get).collect() },
        };
        let spell = get(&self.spell);
        if spell != 0 {
            let running = now_ns().saturating_sub(spell);
            *(if spell & 1 == 1 { &mut snapshot.idle_ns } else { &mut snapshot.busy_ns }) += running;
        }
        snapshot
    }
}

/// What a worker had counted at one moment.
#[derive(Debug, Clone, Default)]
pub struct WorkerSnapshot {
    /// Jobs taken from queues and executed.
    pub executed: u64,
    /// Of these, stolen from other workers.
    pub stolen: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Nanoseconds at work.
    pub busy_ns: u64,
    /// Nanoseconds searching or asleep.
    pub idle_ns: u64,
    /// From queueing to start, one job in sixteen.
    pub latency: LatencyHistogram,
}

/// Times in nanoseconds, in buckets of at most 6 % width.
#[derive(Debug, Clone, Default)]
pub struct LatencyHistogram {
    counts: Vec<u64>,
}

impl LatencyHistogram {
    /// Adds another worker's times.
    pub fn merge(&mut self, other: &Self) {
        self.counts.resize(self.counts.len().max(other.counts.len()), 0);
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }
    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
    /// The buckets that hold something: largest nanoseconds, count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.counts.iter().enumerate().filter(|(_, n)| **n != 0).map(|(i, n)| (bucket_limit(i), *n))
    }
    /// The time that the share `q` (0 to 1) of the jobs did not exceed; `None` when nothing was recorded.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = ((self.count() as f64 * q.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        self.buckets().find_map(|(limit, n)| {
            seen += n;
            (seen >= rank).then_some(limit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_ends_where_the_next_begins() {
        for i in 0..BUCKETS - 1 {
            assert_eq!(bucket(bucket_limit(i)), i);
            assert_eq!(bucket(bucket_limit(i) + 1), i + 1);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_within_a_bucket() {
        let stats = WorkerStats::default();
        (1..=1000_u64).for_each(|ns| bump(&stats.latency[bucket(ns * 1000)], 1));
        let latency = stats.snapshot().latency;
        assert_eq!(latency.count(), 1000);
        let median = latency.quantile(0.5).unwrap();
        assert!((500_000..=532_000).contains(&median), "{median}");
        assert_eq!(LatencyHistogram::default().quantile(0.5), None);
    }
}
