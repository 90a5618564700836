//! Counters and latencies.

pub mod fnv;
pub mod sketch;
pub mod worker;
