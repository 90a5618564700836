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

impl Terms {
    /// The sum of all parts but the wait.
    pub const fn own(&self) -> u64 {
        let transfer = self.upload.saturating_add(self.download);
        self.exec.saturating_add(transfer).saturating_add(self.launch).saturating_add(self.compile)
    }

    /// Shares of [`Terms::own`]: execution, launch, transfers, compilation. Zeros where nothing costs anything.
    pub(super) fn shares(&self) -> [f64; 4] {
        let own = self.own().max(1) as f64;
        [self.exec, self.launch, self.upload.saturating_add(self.download), self.compile].map(|t| t as f64 / own)
    }
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
        let own = terms.own();
        let at = |z: f64| ((own as f64 * (z * sigma).exp()) as u64).saturating_add(terms.wait);
        let mean_ns = own.saturating_add(terms.wait);
        Self { mean_ns, lo_ns: at(-1.2816).min(mean_ns), hi_ns: at(1.2816).max(mean_ns), terms, sigma }
    }
}
