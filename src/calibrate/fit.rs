//! What two or more times say together: the cost of one more step, and how much of two things overlaps. Pure arithmetic.

use super::stats::Summary;
use crate::planner::profile::Scalar;

/// The cost of one more of something, from the times of several numbers of it: `(how many, µs)`, numbers increasing.
///
/// The median of the slopes of all pairs (Theil and Sen): one disturbed point does not move it. The interval reaches over
/// the slopes of the pairs that end at the two largest numbers: where it is wide, time is not linear in the number. A
/// slope that noise made zero or negative charges the largest point's share: slower than the truth, never free.
///
/// `None` with fewer than two numbers.
pub fn marginal(points: &[(f64, f64)], samples: u32) -> Option<Scalar> {
    let last = points.last().filter(|_| points.len() >= 2)?;
    let share = last.1 / last.0.max(1.0);
    let largest = points[points.len().saturating_sub(2)].0;
    let mut slopes = Vec::new();
    let mut ends = Vec::new();
    for (i, a) in points.iter().enumerate() {
        for b in points[i + 1..].iter().filter(|b| b.0 > a.0) {
            let slope = (b.1 - a.1) / (b.0 - a.0);
            let slope = if slope.is_finite() && slope > 0.0 { slope } else { share };
            slopes.push(slope);
            if b.0 >= largest {
                ends.push(slope);
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    let v = match slopes.len() {
        0 => return None,
        n if n % 2 == 1 => slopes[n / 2],
        n => f64::midpoint(slopes[n / 2 - 1], slopes[n / 2]),
    };
    let lo = ends.iter().copied().fold(v, f64::min);
    let hi = ends.iter().copied().fold(v, f64::max);
    Some(Scalar { v, lo, hi, n: samples })
}

/// Times of two things alone and together, µs, and what starting and waiting costs in each of the three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Together {
    /// The first alone.
    pub first: f64,
    /// The second alone.
    pub second: f64,
    /// Both, started together.
    pub both: f64,
    /// What each of the three times holds besides: launch, wake-up. It does not overlap with itself, so it is taken off.
    pub launch: f64,
}

impl Together {
    /// The part of the shorter that hides behind the longer: `ρ = (t₁ + t₂ − t₁₂) / min(t₁, t₂)`, 0..1.
    ///
    /// 0 where they follow each other (or disturb each other), 1 where the shorter costs nothing. 0 also where one is no
    /// longer than the launch: nothing was measured then, and nothing is promised.
    pub fn overlap(&self) -> f64 {
        let [first, second, both] = [self.first, self.second, self.both].map(|t| t - self.launch);
        let shorter = first.min(second);
        if shorter <= 0.0 || !both.is_finite() {
            return 0.0;
        }
        ((first + second - both) / shorter).clamp(0.0, 1.0)
    }

    /// The overlap as a scalar. `noise`: relative error of the times (0.02: two per cent); the interval is what errors of
    /// that size in opposite directions make of it.
    pub fn scalar(&self, noise: f64, samples: u32) -> Scalar {
        let v = self.overlap();
        let off = |sign: f64| Self {
            first: self.first * (1.0 + sign * noise),
            second: self.second * (1.0 + sign * noise),
            both: self.both * (1.0 - sign * noise),
            launch: self.launch,
        };
        Scalar { v, lo: off(-1.0).overlap().min(v), hi: off(1.0).overlap().max(v), n: samples }
    }
}

/// The overlap of two things that were sampled alone and together; `launch`: µs that each of the three holds besides.
pub(super) fn together(first: &Summary, second: &Summary, both: &Summary, launch: f64) -> Scalar {
    // How far the fastest tenth of the samples scatters: what the minimum may be off by.
    let noise = [first, second, both].map(|s| s.p10 / s.min - 1.0).into_iter().fold(0.01, f64::max);
    Together { first: first.min, second: second.min, both: both.min, launch }.scalar(noise, both.n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_of_a_line_is_its_slope() {
        let line: Vec<(f64, f64)> = [1.0, 8.0, 64.0, 512.0].map(|n| (n, 90.0 + 3.0 * n)).into();
        let s = marginal(&line, 40).expect("four points");
        assert!((s.v - 3.0).abs() < 1e-9 && (s.lo - 3.0).abs() < 1e-9 && (s.hi - 3.0).abs() < 1e-9, "{s:?}");
        assert_eq!(s.n, 40);
    }

    #[test]
    fn one_disturbed_point_moves_the_interval_and_not_the_step() {
        // The point at 8 was hit by a millisecond of something else.
        let s = marginal(&[(1.0, 93.0), (8.0, 1114.0), (64.0, 282.0), (512.0, 1626.0)], 4).expect("four points");
        assert!((s.v - 3.0).abs() < 0.02, "{s:?}");
        assert!(s.lo < 1.2 && s.hi >= s.v, "{s:?}");
    }

    #[test]
    fn a_step_is_never_free() {
        // Noise made more of it faster.
        let s = marginal(&[(1.0, 100.0), (8.0, 80.0)], 2).expect("two points");
        assert_eq!((s.v, s.lo, s.hi), (10.0, 10.0, 10.0));
        assert_eq!(marginal(&[(1.0, 100.0)], 1), None);
        assert_eq!(marginal(&[], 0), None);
        assert_eq!(marginal(&[(4.0, 1.0), (4.0, 2.0)], 0), None);
    }

    fn together(first: f64, second: f64, both: f64) -> Together {
        Together { first, second, both, launch: 50.0 }
    }

    #[test]
    fn overlap_of_what_follows_hides_half_hides_all() {
        // 400 and 200 µs, 50 µs of launch in each measurement.
        assert_eq!(together(450.0, 250.0, 650.0).overlap(), 0.0);
        assert_eq!(together(450.0, 250.0, 550.0).overlap(), 0.5);
        assert_eq!(together(450.0, 250.0, 450.0).overlap(), 1.0);
    }

    #[test]
    fn overlap_stays_a_share() {
        // They disturb each other; the clock rose in between; a copy too short to be seen.
        assert_eq!(together(450.0, 250.0, 900.0).overlap(), 0.0);
        assert_eq!(together(450.0, 250.0, 380.0).overlap(), 1.0);
        assert_eq!(together(450.0, 50.0, 450.0).overlap(), 0.0);
        assert_eq!(together(450.0, 250.0, f64::NAN).overlap(), 0.0);
    }

    #[test]
    fn the_interval_holds_the_value_and_grows_with_noise() {
        let t = together(450.0, 250.0, 550.0);
        let (calm, rough) = (t.scalar(0.01, 9), t.scalar(0.05, 9));
        assert!(rough.lo < calm.lo && calm.lo < 0.5 && 0.5 < calm.hi && calm.hi < rough.hi, "{calm:?} {rough:?}");
        assert_eq!((calm.v, calm.n), (0.5, 9));
    }
}
