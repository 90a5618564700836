//! Online refinement: how far the base prediction is off, learned from what calls really took.
//!
//! One scalar Kalman filter per key on `ln(observed / base)`, with clipped innovations and a CUSUM drift alarm.

use super::profile::Learned;
use super::work::{Place, ResidencyClass};

/// Standard deviation of ln(observed / predicted) for a kernel nobody has seen.
pub const SIGMA_UNSEEN: f64 = 0.6;
/// The same where the kernel has loops whose trip count is unknown: 16 are assumed, 1 to 1000 are usual.
pub const SIGMA_LOOPS: f64 = 2.0;
/// The same for what was calibrated or learned in an earlier run.
pub const SIGMA_CALIBRATED: f64 = 0.15;
/// Standard deviation of ln(compile time / the device's usual one) between kernels.
pub const SIGMA_COMPILE: f64 = 0.3;
/// Standard deviation of one measurement.
pub const SIGMA_NOISE: f64 = 0.1;
/// Observations of a kernel until its estimate is believed: the first one may have been an outlier.
pub const CONFIRMED: u64 = 3;
const CLIP: f64 = 2.5;
/// Standard deviation that a first, slower call adds to its own noise, as a share of how far off it is.
const DOUBT: f64 = 0.3;
const FLOOR: f64 = 0.05;
const CUSUM_SLACK: f64 = 0.5;
const CUSUM_ALARM: f64 = 5.0;

/// What a residual belongs to. Sizes are not part of it: the base prediction already depends on the exact size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResidualKey {
    /// [`super::work::Work::key`].
    pub key: u64,
    /// The device.
    pub place: Place,
    /// Where the inputs were.
    pub class: ResidencyClass,
}

impl std::fmt::Display for ResidualKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let class = match self.class {
            ResidencyClass::Host => "host",
            ResidencyClass::Device => "device",
            ResidencyClass::Mixed => "mixed",
        };
        write!(f, "{:016x}/{}/{class}", self.key, self.place.key())
    }
}

impl std::str::FromStr for ResidualKey {
    type Err = ();
    fn from_str(s: &str) -> Result<Self, ()> {
        let mut parts = s.split('/');
        let key = u64::from_str_radix(parts.next().ok_or(())?, 16).map_err(|_| ())?;
        let place = match parts.next().ok_or(())? {
            "cpu" => Place::Cpu,
            gpu => Place::Gpu(gpu.strip_prefix("gpu").ok_or(())?.parse().map_err(|_| ())?),
        };
        let class = match parts.next().ok_or(())? {
            "host" => ResidencyClass::Host,
            "device" => ResidencyClass::Device,
            "mixed" => ResidencyClass::Mixed,
            _ => return Err(()),
        };
        if parts.next().is_none() { Ok(Self { key, place, class }) } else { Err(()) }
    }
}

/// The filter's state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residual {
    /// Mean of ln(observed / base).
    pub mean: f64,
    /// Variance of that mean.
    pub variance: f64,
    /// Observations so far.
    pub n: u64,
    sigma0: f64,
    rising: f64,
    falling: f64,
}

impl Residual {
    /// Nothing observed yet; `sigma0` is how far off the base may be.
    pub const fn new(sigma0: f64) -> Self {
        Self { mean: 0.0, variance: sigma0 * sigma0, n: 0, sigma0, rising: 0.0, falling: 0.0 }
    }

    /// What an earlier run learned, with its confidence reduced to [`SIGMA_CALIBRATED`].
    pub fn from_learned(l: &Learned) -> Self {
        let variance = l.variance.max(SIGMA_CALIBRATED * SIGMA_CALIBRATED);
        Self { mean: l.mean, variance, n: l.n, ..Self::new(SIGMA_UNSEEN) }
    }

    /// For the profile file.
    pub const fn learned(&self) -> Learned {
        Learned { mean: self.mean, variance: self.variance, n: self.n }
    }

    /// Nothing observed yet, but the base was measured: it is off by about `sigma` (an alarm opens up to `sigma0`).
    pub const fn trusted(sigma: f64, sigma0: f64) -> Self {
        Self { variance: sigma * sigma, ..Self::new(sigma0) }
    }

    /// One observation that is believed as it is: off by about `sigma` (an alarm opens up to `sigma0`).
    pub fn first(ratio: f64, sigma: f64, sigma0: f64) -> Self {
        Self { mean: ratio.ln(), variance: sigma * sigma, n: 1, ..Self::new(sigma0) }
    }

    /// The same knowledge, as where to begin with what has not been observed itself.
    #[must_use]
    pub const fn unseen(self) -> Self {
        Self { n: 0, rising: 0.0, falling: 0.0, ..self }
    }

    /// observed / base as learned so far. Bounded to 10^±6: whatever a file claims, times stay finite.
    pub fn factor(&self) -> f64 {
        self.mean.clamp(-13.8, 13.8).exp()
    }

    /// Takes in one observation: `ratio` is observed / base (without this residual), `noise` the measurement's sigma.
    /// Ratios that are not positive finite numbers are ignored.
    pub fn observe(&mut self, ratio: f64, noise: f64) {
        if ratio.is_finite() && ratio > 0.0 {
            self.correct(ratio.ln() - self.mean, 1.0, self.variance.sqrt().hypot(noise), noise);
        }
    }

    /// One step of the filter where this residual scales a part of what was observed.
    ///
    /// `innovation` is ln(observed / predicted) of the whole, `share` the part's share of the prediction (the derivative of
    /// ln(whole) by this mean), `spread` the innovation's standard deviation from all parts and the measurement, `noise`
    /// the measurement's own.
    pub fn correct(&mut self, innovation: f64, share: f64, spread: f64, noise: f64) {
        // Delays are one-sided: a first call far above the prediction is a slow kernel or a disturbed call, and nobody
        // can tell which. It counts the less the further off it is, and leaves the door open for the second. Not so where
        // the prediction was a guess anyway (loops of unknown length): there the kernel explains it better.
        let guess = (SIGMA_UNSEEN * SIGMA_UNSEEN / self.variance.max(f64::MIN_POSITIVE)).min(1.0);
        let doubt = if self.n == 0 { DOUBT * guess * innovation.max(0.0) } else { 0.0 };
        let spread = spread.hypot(doubt);
        let z = innovation.clamp(-CLIP * spread, CLIP * spread);
        let gain = self.variance * share / (spread * spread);
        self.mean += gain * z;
        if z == innovation {
            // What had to be clipped is no evidence that the mean is known better now.
            self.variance = (self.variance * (1.0 - gain * share)).max(FLOOR * noise * noise);
        }
        self.n += 1;
        if share < 0.5 {
            // An error of the whole says little about a drift of its smaller part.
            return;
        }
        let u = z / spread;
        self.rising = (self.rising + u - CUSUM_SLACK).max(0.0);
        self.falling = (self.falling - u - CUSUM_SLACK).max(0.0);
        if self.rising > CUSUM_ALARM || self.falling > CUSUM_ALARM {
            // The machine changed (clocks, driver, neighbour): trust the next samples again.
            self.variance = self.sigma0 * self.sigma0 / 4.0;
            (self.rising, self.falling) = (0.0, 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_observation_brings_an_unseen_kernel_within_fifteen_percent() {
        let mut r = Residual::new(SIGMA_UNSEEN);
        r.observe(2.0, SIGMA_NOISE);
        assert!((r.mean.exp() / 2.0 - 1.0).abs() < 0.15, "{r:?}");
    }

    #[test]
    fn a_kernel_of_unknown_loops_may_be_far_off_and_is_believed() {
        let mut r = Residual::new(SIGMA_LOOPS);
        r.observe(65.0, SIGMA_NOISE);
        assert!((r.mean.exp() / 65.0 - 1.0).abs() < 0.15, "{r:?}");
    }

    #[test]
    fn an_outlier_at_first_is_overcome_by_the_second_and_third_call() {
        let mut r = Residual::new(SIGMA_UNSEEN);
        for ratio in [5.0, 1.0, 1.0] {
            r.observe(ratio, SIGMA_NOISE);
        }
        assert!(r.mean.exp() < 1.25, "{r:?}");
    }

    #[test]
    fn an_outlier_moves_little_and_a_shift_is_followed() {
        let mut r = Residual::new(SIGMA_UNSEEN);
        for _ in 0..50 {
            r.observe(1.0, SIGMA_NOISE);
        }
        r.observe(50.0, SIGMA_NOISE);
        assert!(r.mean < 0.02, "{r:?}");
        for _ in 0..8 {
            r.observe(3.0, SIGMA_NOISE);
        }
        assert!((r.mean - 3f64.ln()).abs() < 0.1, "the drift alarm must open the filter: {r:?}");
    }

    #[test]
    fn keys_round_trip() {
        let key = ResidualKey { key: 0xabc, place: Place::Gpu(1), class: ResidencyClass::Mixed };
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!("zz/cpu/host".parse::<ResidualKey>(), Err(()));
    }
}
