//! A predicted time with its interval and its parts.

use serde::{Deserialize, Serialize};

/// The parts of a predicted time, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Arithmetic and device memory.
    pub exec: u64,
    /// Host to device.
    pub upload: u64,
    /// Device to host.
    pub download: u64,
    /// Fork-join on the CPU, encode + submit + wait on a GPU.
    pub launch: u64,
    /// Behind work already queued.
    pub wait: u64,
    /// Building the pipeline.
    pub compile: u64,
}

/// A predicted time: mean, 80 % interval, parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Sum of the terms, nanoseconds.
    pub mean_ns: u64,
    /// Lower end of the 80 % interval.
    pub lo_ns: u64,
    /// Upper end of the 80 % interval.
    pub hi_ns: u64,
    /// The parts.
    pub terms: Terms,
    /// Standard deviation of ln(time), without the wait.
    pub sigma: f64,
}

impl Estimate {
    /// From its parts and the log standard deviation of all but the wait.
    pub fn new(terms: Terms, sigma: f64) -> Self {
        let own = (terms.exec + terms.upload + terms.download + terms.launch + terms.compile) as f64;
        let at = |z: f64| (own * (z * sigma).exp()) as u64 + terms.wait;
        let mean_ns = own as u64 + terms.wait;
        Self { mean_ns, lo_ns: at(-1.2816).min(mean_ns), hi_ns: at(1.2816).max(mean_ns), terms, sigma }
    }
}
