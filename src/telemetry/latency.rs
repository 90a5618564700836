//! A latency histogram of fixed size: 1 ns to about 18 minutes, two significant digits.

use hdrhistogram::Histogram;

const MAX_NS: u64 = 1 << 40;

/// Recorded latencies.
#[derive(Debug)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        // The bounds are constants that the constructor accepts: 1 <= low, 2 * low <= high, digits <= 5.
        Self(Histogram::new_with_bounds(1, MAX_NS, 2).unwrap_or_else(|_| unreachable!("constant bounds")))
    }
}

impl Latency {
    /// Adds one; longer ones count as the longest.
    pub fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns.min(MAX_NS));
    }

    /// The `q` quantile in nanoseconds; 0 when nothing was recorded.
    pub fn quantile(&self, q: f64) -> u64 {
        if self.0.is_empty() { 0 } else { self.0.value_at_quantile(q) }
    }
}
