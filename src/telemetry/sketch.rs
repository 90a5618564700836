//! Quantiles of prediction errors in a few hundred bytes.

/// Logarithmic buckets of |ln(observed / predicted)|: 0.1 % to 10×, each 20 % wider than the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorSketch {
    buckets: [u64; 48],
    n: u64,
    covered: u64,
}

impl Default for ErrorSketch {
    fn default() -> Self {
        Self { buckets: [0; 48], n: 0, covered: 0 }
    }
}

impl ErrorSketch {
    /// Adds one prediction; `covered`: the observation fell into the 80 % interval. Zeros are ignored.
    pub fn record(&mut self, predicted_ns: u64, observed_ns: u64, covered: bool) {
        if predicted_ns == 0 || observed_ns == 0 {
            return;
        }
        let error = (observed_ns as f64 / predicted_ns as f64).ln().abs();
        let bucket = ((error / 0.001).ln() / 1.2f64.ln()).ceil().clamp(0.0, 47.0) as usize;
        self.buckets[bucket] += 1;
        self.n += 1;
        self.covered += u64::from(covered);
    }

    /// Upper bound of the error below which a share `q` of the predictions lies, as a ratio minus 1 (0.15: within 15 %).
    pub fn quantile(&self, q: f64) -> f64 {
        let rank = (q.clamp(0.0, 1.0) * self.n as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (i, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank && self.n > 0 {
                return (0.001 * 1.2f64.powi(i as i32)).exp_m1();
            }
        }
        0.0
    }

    /// Predictions recorded.
    pub const fn count(&self) -> u64 {
        self.n
    }

    /// Share of observations inside the 80 % interval; calibrated when near 0.8.
    pub fn coverage(&self) -> f64 {
        if self.n == 0 { 0.0 } else { self.covered as f64 / self.n as f64 }
    }
}
