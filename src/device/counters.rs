//! What a device has done so far.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A snapshot of a device's counters. The fields are read one by one, so they may be a job apart from each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceCounters {
    /// Jobs that finished with their results read.
    pub jobs: u64,
    /// Command lists that were handed over ([`Device::submit`](super::Device::submit)).
    pub lists: u64,
    /// Submissions to the driver; below `jobs` + `lists` where they were batched.
    pub batches: u64,
    /// Bytes that callers copied towards the device.
    pub bytes_up: u64,
    /// Bytes that were handed to `read` callbacks.
    pub bytes_down: u64,
    /// Buffers that came from the pool.
    pub pool_hits: u64,
    /// Buffers that had to be created.
    pub pool_misses: u64,
    /// Bytes of all buffers that exist now, free or in use.
    pub pool_bytes: u64,
    /// The part of them that callers hold: [`DeviceBuffer`](super::DeviceBuffer)s, and downloads that were not read.
    pub held_bytes: u64,
    /// Shaders compiled, failures included.
    pub compiles: u64,
    /// Nanoseconds spent compiling.
    pub compile_ns: u64,
    /// Errors that no scope caught (driver bugs); the device stays in use.
    pub uncaptured_errors: u64,
    /// 1 once the device is lost.
    pub lost: u64,
}

/// The live counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub jobs: AtomicU64,
    pub lists: AtomicU64,
    pub batches: AtomicU64,
    pub bytes_up: AtomicU64,
    pub bytes_down: AtomicU64,
    pub pool_hits: AtomicU64,
    pub pool_misses: AtomicU64,
    pub compiles: AtomicU64,
    pub compile_ns: AtomicU64,
    pub uncaptured_errors: AtomicU64,
}

impl Counters {
    pub(super) fn snapshot(&self, pool_bytes: u64, held_bytes: u64, lost: bool) -> DeviceCounters {
        DeviceCounters {
            jobs: self.jobs.load(Relaxed),
            lists: self.lists.load(Relaxed),
            batches: self.batches.load(Relaxed),
            bytes_up: self.bytes_up.load(Relaxed),
            bytes_down: self.bytes_down.load(Relaxed),
            pool_hits: self.pool_hits.load(Relaxed),
            pool_misses: self.pool_misses.load(Relaxed),
            pool_bytes,
            held_bytes,
            compiles: self.compiles.load(Relaxed),
            compile_ns: self.compile_ns.load(Relaxed),
            uncaptured_errors: self.uncaptured_errors.load(Relaxed),
            lost: lost.into(),
        }
    }
}

/// Adds to a counter that orders nothing.
pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Relaxed);
}
