//! A measured curve: bytes to time, monotone, piecewise linear in log-log space.
//!
//! Two-parameter fits (latency + bytes / bandwidth) miss the caches: their median error on CPU streaming was 58–730 %
//! where this form has 0–12 % with one knot per doubling. See `README.md` beside this file.

use super::profile::Knot;

/// Limits of the slope (d ln time / d ln bytes) beyond the last knot: time stays about proportional to bytes.
const TAIL_SLOPE: (f64, f64) = (0.8, 1.2);

/// Why knots do not make a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CurveError {
    /// No knots at all.
    #[error("a curve needs at least one knot")]
    Empty,
    /// A knot has zero bytes: its logarithm does not exist.
    #[error("knot {index} has size 0; sizes start at 1 byte")]
    ZeroSize {
        /// Position of the knot.
        index: usize,
    },
    /// A knot's time is zero, negative or not finite.
    #[error("knot {index} has a time that is not a positive finite number")]
    BadTime {
        /// Position of the knot.
        index: usize,
    },
    /// A knot's size is not larger than the one before it.
    #[error("knot {index} is not larger than the one before it; sort the sizes and drop duplicates")]
    NotIncreasing {
        /// Position of the knot.
        index: usize,
    },
}

/// Bytes to microseconds: non-decreasing, exact at its (monotone) knots, power laws between them.
///
/// Below the first knot it is the first knot's time (a latency floor), beyond the last it continues with the last
/// slope clamped to `[0.8, 1.2]`. Evaluation is a binary search, one `ln`, one `exp`.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// `(bytes, microseconds, ln bytes, ln microseconds)`, strictly increasing in bytes, non-decreasing in time.
    knots: Vec<[f64; 4]>,
    tail: f64,
}

impl Curve {
    /// A curve through the knots' minimum times (delays are one-sided: the minimum is the machine, the rest is noise).
    ///
    /// Times that decrease with size are pooled with their neighbours (weights: number of samples).
    ///
    /// # Errors
    /// When there is no knot, sizes are zero or do not increase, or a time is not a positive finite number.
    pub fn new(knots: &[Knot]) -> Result<Self, CurveError> {
        let points: Vec<(u64, f64, f64)> =
            knots.iter().map(|k| (k.bytes, k.min_us, f64::from(k.samples.max(1)))).collect();
        Self::from_points(&points)
    }

    /// A curve through `(bytes, microseconds, weight)`.
    ///
    /// # Errors
    /// As [`Curve::new`].
    pub fn from_points(points: &[(u64, f64, f64)]) -> Result<Self, CurveError> {
        if points.is_empty() {
            return Err(CurveError::Empty);
        }
        for (index, &(bytes, us, _)) in points.iter().enumerate() {
            if bytes == 0 {
                return Err(CurveError::ZeroSize { index });
            }
            if !(us.is_finite() && us > 0.0) {
                return Err(CurveError::BadTime { index });
            }
            if index > 0 && points[index - 1].0 >= bytes {
                return Err(CurveError::NotIncreasing { index });
            }
        }
        let weighted: Vec<(f64, f64)> = points.iter().map(|p| (p.1, p.2)).collect();
        let knots: Vec<[f64; 4]> = points
            .iter()
            .zip(pool_adjacent_violators(&weighted))
            .map(|(p, us)| [p.0 as f64, us, (p.0 as f64).ln(), us.ln()])
            .collect();
        let tail = match knots.as_slice() {
            [.., a, b] => ((b[3] - a[3]) / (b[2] - a[2])).clamp(TAIL_SLOPE.0, TAIL_SLOPE.1),
            _ => 1.0,
        };
        Ok(Self { knots, tail })
    }

    /// Time for `bytes` in microseconds; nothing costs nothing.
    pub fn us(&self, bytes: f64) -> f64 {
        if bytes <= 0.0 {
            return 0.0;
        }
        let above = self.knots.partition_point(|k| k[0] <= bytes);
        if above == 0 {
            return self.knots[0][1];
        }
        let a = &self.knots[above - 1];
        if a[0] == bytes {
            return a[1];
        }
        let step = bytes.ln() - a[2];
        match self.knots.get(above) {
            // The clamp keeps rounding of `exp` from overshooting a knot: monotone to the last bit.
            Some(b) => (a[3] + (b[3] - a[3]) * (step / (b[2] - a[2]))).exp().clamp(a[1], b[1]),
            None => (a[3] + self.tail * step).exp().max(a[1]),
        }
    }

    /// The monotone knots as `(bytes, microseconds)`.
    pub fn knots(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.knots.iter().map(|k| (k[0], k[1]))
    }
}

/// Isotonic regression: the non-decreasing sequence nearest to `points` (`(value, weight)`) in weighted least squares.
///
/// Linear in the number of points: every point is pushed once and merged at most once.
fn pool_adjacent_violators(points: &[(f64, f64)]) -> Vec<f64> {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(points.len());
    for &(value, weight) in points {
        let mut block = (value, weight, 1);
        while let Some(&(v, w, n)) = blocks.last() {
            if v <= block.0 {
                break;
            }
            block = ((v * w + block.0 * block.1) / (w + block.1), w + block.1, n + block.2);
            blocks.pop();
        }
        blocks.push(block);
    }
    blocks.into_iter().flat_map(|(value, _, n)| std::iter::repeat_n(value, n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(points: &[(u64, f64)]) -> Curve {
        let weighted: Vec<_> = points.iter().map(|p| (p.0, p.1, 1.0)).collect();
        Curve::from_points(&weighted).expect("valid points")
    }

    #[test]
    fn is_exact_at_knots_and_flat_below_the_first() {
        let c = curve(&[(1024, 3.0), (4096, 3.5), (1 << 20, 90.0)]);
        assert_eq!(c.us(1024.0), 3.0);
        assert_eq!(c.us(4096.0), 3.5);
        assert_eq!(c.us(f64::from(1 << 20)), 90.0);
        assert_eq!(c.us(1.0), 3.0);
        assert_eq!(c.us(0.0), 0.0);
    }

    #[test]
    fn pools_violators_by_weight() {
        let c =
            Curve::from_points(&[(1, 1.0, 1.0), (2, 4.0, 3.0), (4, 2.0, 1.0), (8, 9.0, 1.0)]).expect("valid points");
        let us: Vec<f64> = c.knots().map(|k| k.1).collect();
        assert_eq!(us, [1.0, 3.5, 3.5, 9.0]);
    }

    #[test]
    fn clamps_the_tail() {
        // The last slope is 0 (two equal times): the tail must still grow, by 2^0.8 per doubling.
        let flat = curve(&[(1024, 5.0), (2048, 5.0)]);
        assert!((flat.us(4096.0) / flat.us(2048.0) - 2f64.powf(0.8)).abs() < 1e-9);
        // The last slope is 3 (a page-fault cliff): the tail grows by 2^1.2 per doubling.
        let cliff = curve(&[(1024, 1.0), (2048, 8.0)]);
        assert!((cliff.us(4096.0) / cliff.us(2048.0) - 2f64.powf(1.2)).abs() < 1e-9);
    }

    #[test]
    fn predicts_between_knots_of_a_cached_stream() {
        // 60 GB/s in a 1 MiB cache, 10 GB/s beyond it, knots at doublings, asked at the points between.
        let truth = |bytes: f64| 0.05 + bytes.min(1048576.0) / 60_000.0 + (bytes - 1048576.0).max(0.0) / 10_000.0;
        let knots: Vec<(u64, f64)> = (10..28).map(|e| (1u64 << e, truth((1u64 << e) as f64))).collect();
        let c = curve(&knots);
        let mut errors: Vec<f64> = (10..27)
            .map(|e| {
                let bytes = 1.4 * (1u64 << e) as f64;
                (c.us(bytes) / truth(bytes) - 1.0).abs()
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        assert!(errors[errors.len() / 2] < 0.05, "median error {errors:?}");
        assert!(errors[errors.len() * 9 / 10] < 0.26, "p90 error {errors:?}");
    }

    #[test]
    fn rejects_what_is_not_a_curve() {
        assert_eq!(Curve::new(&[]), Err(CurveError::Empty));
        assert_eq!(Curve::from_points(&[(0, 1.0, 1.0)]), Err(CurveError::ZeroSize { index: 0 }));
        assert_eq!(Curve::from_points(&[(1, f64::NAN, 1.0)]), Err(CurveError::BadTime { index: 0 }));
        assert_eq!(Curve::from_points(&[(2, 1.0, 1.0), (2, 1.0, 1.0)]), Err(CurveError::NotIncreasing { index: 1 }));
    }

    proptest! {
        #[test]
        fn never_decreases(
            steps in proptest::collection::vec((1u64..100_000, 1e-3f64..1e6), 1..24),
            a in 1.0f64..1e12,
            b in 1.0f64..1e12,
        ) {
            let mut bytes = 0;
            let points: Vec<(u64, f64)> = steps.iter().map(|s| { bytes += s.0; (bytes, s.1) }).collect();
            let c = curve(&points);
            let (small, large) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(c.us(small) <= c.us(large));
            for (bytes, us) in c.knots() {
                prop_assert_eq!(c.us(bytes), us);
            }
        }
    }
}
