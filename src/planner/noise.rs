//! How much calls of a known kernel scatter, learned per device and magnitude of time.
//!
//! Short calls scatter more than long ones, a laptop more than a server, and a profile cannot know it. The scatter is
//! adjusted until four of five observations fall into the interval that was predicted, whatever their distribution: the
//! online form of conformal prediction (Gibbs and Candès 2021), here on the logarithm of the width.

/// Ends of the magnitudes, nanoseconds: 10 µs, 100 µs, 1 ms, 10 ms, and above.
const ENDS_NS: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// The share of observations that an interval is to hold.
const COVERAGE: f64 = 0.8;
/// The step in ln(scatter) once many calls were seen: a change of the scatter is followed within some 50 calls.
const STEP: f64 = 0.05;
/// 2 to 60 %: below is the clock and the scheduler, above is no prediction.
const BOUNDS: (f64, f64) = (0.02, 0.6);

/// The scatter on one device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Standard deviation of ln(time), and observations behind it, per magnitude.
    by_magnitude: [(f64, u32); ENDS_NS.len() + 1],
}

impl Noise {
    /// `sigma` everywhere, until observations say otherwise.
    pub const fn new(sigma: f64) -> Self {
        Self { by_magnitude: [(sigma, 0); ENDS_NS.len() + 1] }
    }

    /// Standard deviation of ln(time) of calls of about this time.
    pub fn at(&self, ns: u64) -> f64 {
        self.by_magnitude[magnitude(ns)].0
    }

    /// The standard deviations, shortest calls first.
    pub fn levels(&self) -> impl Iterator<Item = f64> {
        self.by_magnitude.iter().map(|m| m.0)
    }

    /// Takes in whether a call of about this time fell into its interval. Its kernel must have been seen before, or its
    /// error is the model's and not the scatter.
    pub fn observe(&mut self, ns: u64, covered: bool) {
        let (sigma, n) = &mut self.by_magnitude[magnitude(ns)];
        let step = STEP.max(1.0 / (f64::from(*n) + 5.0));
        let change = if covered { COVERAGE - 1.0 } else { COVERAGE };
        *sigma = (*sigma * (step * change).exp()).clamp(BOUNDS.0, BOUNDS.1);
        *n = n.saturating_add(1);
    }
}

fn magnitude(ns: u64) -> usize {
    ENDS_NS.iter().position(|&end| ns < end).unwrap_or(ENDS_NS.len())
}
