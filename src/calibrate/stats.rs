//! What many short samples of one quantity say: the fastest is the machine, the rest is noise.
//!
//! Delays are one-sided (another process, an interrupt, a lower clock), so neither mean nor median estimates the
//! machine: on two cores with a load of 8 the minimum differed by 0.3 % (median of pairs of runs), the median by 23 %.

use crate::planner::profile::{Knot, Scalar};

/// Epochs whose fastest samples differ by more than this share are noisy.
pub const NOISY: f64 = 0.10;

/// Samples of one quantity in microseconds, by epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    epochs: Vec<Vec<f64>>,
}

/// What a [`Series`] says, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// The fastest sample of all epochs (the lower envelope).
    pub min: f64,
    /// 10 % quantile.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// 90 % quantile.
    pub p90: f64,
    /// Samples.
    pub n: u32,
    /// The slowest epoch's minimum over the fastest one's, minus 1.
    pub spread: f64,
}

impl Series {
    /// Adds a sample; one that is not a positive finite number is a clock's fault and is dropped.
    pub fn push(&mut self, epoch: usize, us: f64) {
        if !(us.is_finite() && us > 0.0) {
            return;
        }
        if self.epochs.len() <= epoch {
            self.epochs.resize_with(epoch + 1, Vec::new);
        }
        self.epochs[epoch].push(us);
    }

    /// Whether more samples of this epoch would say little new: at least 12, and their 10 % quantile within 3 % of the
    /// fastest.
    pub fn settled(&self, epoch: usize) -> bool {
        let Some(samples) = self.epochs.get(epoch).filter(|s| s.len() >= 12) else { return false };
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        quantile(&sorted, 0.1) <= 1.03 * sorted[0]
    }

    /// The summary; `None` without samples.
    pub fn summary(&self) -> Option<Summary> {
        let mut all: Vec<f64> = self.epochs.iter().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        let min = *all.first()?;
        let slowest = self.epochs.iter().filter_map(|e| e.iter().copied().min_by(f64::total_cmp)).fold(min, f64::max);
        Some(Summary {
            min,
            p10: quantile(&all, 0.1),
            p50: quantile(&all, 0.5),
            p90: quantile(&all, 0.9),
            n: all.len() as u32,
            spread: slowest / min - 1.0,
        })
    }
}

/// The `q` quantile of sorted values (nearest rank); NaN of none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n => sorted[((q * n as f64).ceil() as usize).clamp(1, n) - 1],
    }
}

/// A knot whose times stay ordered and positive after a constant cost was taken off.
pub fn knot(bytes: u64, s: &Summary, less: f64) -> Knot {
    // What is left of a difference smaller than 2 % of the sample is noise, not time.
    let left = |us: f64| (us - less).max(0.02 * us);
    let (min_us, p50_us) = (left(s.min), left(s.p50));
    Knot { bytes, min_us, p50_us: p50_us.max(min_us), p90_us: left(s.p90).max(p50_us), samples: s.n }
}

/// Min, with p10 and p90 as the interval.
pub fn scalar(s: &Summary) -> Scalar {
    Scalar { v: s.min, lo: s.min, hi: s.p90.max(s.min), n: s.n }
}

/// The cost of one step where `few` holds `a` steps and `many` holds `b`: launch and loop set-up cancel. Where noise hides
/// the difference the whole of `many` is charged: slower than the truth, never free.
pub fn slope(few: &Summary, a: f64, many: &Summary, b: f64) -> f64 {
    let difference = many.min - few.min;
    if difference > 0.02 * many.min { difference / (b - a) } else { many.min / b }
}

/// [`slope`] where the launch is a small part of `many`: the step is then between 3/4 of the whole's share and all of it.
///
/// Without these ends a `few` that noise made slow shows arithmetic above the processor's peak.
pub fn bounded_slope(few: &Summary, a: f64, many: &Summary, b: f64) -> f64 {
    let whole = many.min / b;
    slope(few, a, many, b).clamp(0.75 * whole, whole)
}

/// The share of series whose epochs differ by more than [`NOISY`] decides for the whole: more than a quarter.
pub fn noisy(all: &[Summary]) -> bool {
    all.iter().filter(|s| s.spread > NOISY).count() * 4 > all.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(epochs: &[&[f64]]) -> Series {
        let mut s = Series::default();
        for (e, samples) in epochs.iter().enumerate() {
            for &us in *samples {
                s.push(e, us);
            }
        }
        s
    }

    #[test]
    fn one_slow_epoch_moves_the_spread_but_not_the_minimum() {
        let s = series(&[&[10.0, 10.1, 30.0], &[14.0, 15.0], &[10.2, 11.0]]).summary().expect("has samples");
        assert_eq!((s.min, s.n), (10.0, 7));
        assert!((s.spread - 0.4).abs() < 1e-12, "{s:?}");
        assert!(s.min <= s.p10 && s.p10 <= s.p50 && s.p50 <= s.p90, "{s:?}");
        assert_eq!(s.p50, 11.0);
        assert!(noisy(&[s]) && !noisy(&[s, Summary::default(), Summary::default(), Summary::default()]));
    }

    #[test]
    fn ignores_what_a_broken_clock_says() {
        let mut s = Series::default();
        for us in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            s.push(0, us);
        }
        assert_eq!(s.summary(), None);
        s.push(3, 2.0);
        assert_eq!(s.summary().map(|s| (s.min, s.n, s.spread)), Some((2.0, 1, 0.0)));
    }

    #[test]
    fn settles_on_calm_samples_only() {
        assert!(series(&[&[5.0; 12]]).settled(0));
        assert!(!series(&[&[5.0; 11]]).settled(0));
        let rising: Vec<f64> = (0..40).map(|i| 5.0 + f64::from(i)).collect();
        assert!(!series(&[&rising]).settled(0));
        assert!(!series(&[&[5.0; 12]]).settled(1));
    }

    #[test]
    fn slope_cancels_the_launch() {
        let at = |us| series(&[&[us]]).summary().expect("has samples");
        assert!((slope(&at(50.0 + 4.0 * 3.0), 4.0, &at(50.0 + 20.0 * 3.0), 20.0) - 3.0).abs() < 1e-9);
        assert_eq!(slope(&at(50.0), 4.0, &at(50.0), 20.0), 2.5);
    }

    #[test]
    fn a_bounded_slope_stays_near_the_whole() {
        let at = |us| series(&[&[us]]).summary().expect("has samples");
        // 1 µs per step; a slow `few` would claim 0.4 µs, a fast one 1.2 µs.
        assert_eq!(bounded_slope(&at(5.0), 4.0, &at(20.0), 20.0), 0.9375);
        assert_eq!(bounded_slope(&at(13.6), 4.0, &at(20.0), 20.0), 0.75);
        assert_eq!(bounded_slope(&at(0.8), 4.0, &at(20.0), 20.0), 1.0);
    }

    #[test]
    fn knots_stay_ordered_and_positive() {
        let s = series(&[&[10.0, 12.0, 40.0]]).summary().expect("has samples");
        let k = knot(64, &s, 11.0);
        assert!(k.min_us > 0.0 && k.min_us <= k.p50_us && k.p50_us <= k.p90_us, "{k:?}");
    }
}
