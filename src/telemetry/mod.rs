//! Counters and latencies.

pub mod worker;
