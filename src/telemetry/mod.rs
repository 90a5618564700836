//! Counters, latencies, prediction errors. Nothing here decides anything.

pub mod fnv;
#[cfg(feature = "telemetry")]
pub mod latency;
pub mod metrics;
pub mod sketch;
pub mod worker;

pub use metrics::{Batch, DeviceMetrics, DeviceSnapshot, Metrics, Snapshot, TaskSnapshot};
