//! Seeded noise: by how much one step of one run takes longer or shorter than planned.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use crate::telemetry::fnv::Fnv;

/// How a run differs from its plan by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Noise {
    pub(super) seed: u64,
    /// Standard deviation of ln(duration / planned); the median factor is 1.
    pub(super) sigma: f64,
    /// Probability that a step is a straggler.
    pub(super) straggler: f64,
    /// By how much a straggler takes longer.
    pub(super) slowdown: f64,
}

/// What chance does to one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Draw {
    pub(super) factor: f64,
    pub(super) straggler: bool,
}

impl Noise {
    pub(super) const NONE: Noise = Noise { seed: 0, sigma: 0.0, straggler: 0.0, slowdown: 1.0 };

    /// The draw for a step. It depends on the seed and on what the step is (kind, index, how often it was done before),
    /// not on when it is drawn: the same task meets the same luck in two plans of one graph, so their simulated makespans
    /// can be compared pair by pair.
    pub(super) fn draw(&self, kind: u64, index: u64, repetition: u64) -> Draw {
        if self.sigma == 0.0 && self.straggler == 0.0 {
            return Draw { factor: 1.0, straggler: false };
        }
        let mut hash = Fnv::new();
        for word in [kind, index, repetition] {
            hash.bytes(&word.to_le_bytes());
        }
        let mut rng = Pcg32::new(self.seed ^ hash.finish().rotate_left(29), hash.finish());
        let normal = normal(&mut rng);
        let straggler = unit(&mut rng) < self.straggler;
        let slowdown = if straggler { self.slowdown } else { 1.0 };
        Draw { factor: exp(self.sigma * normal) * slowdown, straggler }
    }
}

/// A planned duration times a factor.
pub(super) fn scale(ns: u64, factor: f64) -> u64 {
    if factor == 1.0 { ns } else { (ns as f64 * factor).round() as u64 }
}

/// Uniform in 0..1.
fn unit(rng: &mut Pcg32) -> f64 {
    const SCALE: f64 = 1.0 / (1u64 << 53) as f64;
    (rng.next_u64() >> 11) as f64 * SCALE
}

/// Standard normal (Marsaglia's polar method).
fn normal(rng: &mut Pcg32) -> f64 {
    loop {
        let (x, y) = (2.0 * unit(rng) - 1.0, 2.0 * unit(rng) - 1.0);
        let s = x * x + y * y;
        if s > 0.0 && s < 1.0 {
            return x * (-2.0 * ln(s) / s).sqrt();
        }
    }
}

// `f64::exp` and `f64::ln` are the platform's, and platforms differ in the last bit. A simulation is to give the same
// bytes everywhere, so here are both in operations that IEEE 754 fixes.

/// e^x for |x| ≤ 700, beyond that clamped; relative error below 1e-14.
fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let k = (x * std::f64::consts::LOG2_E).round();
    let r = x - k * std::f64::consts::LN_2;
    let mut sum = 1.0;
    for i in (1..=16).rev() {
        sum = 1.0 + sum * r / f64::from(i);
    }
    sum * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

/// ln x for normal x above 0; absolute error below 1e-13.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i64 - 1023;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    // 1..2 becomes sqrt(1/2)..sqrt(2), where the series of the inverse hyperbolic tangent converges fast.
    let (m, e) =
        if mantissa > std::f64::consts::SQRT_2 { (mantissa / 2.0, exponent + 1) } else { (mantissa, exponent) };
    let t = (m - 1.0) / (m + 1.0);
    let (mut term, mut sum) = (t, 0.0);
    for i in 0..14 {
        sum += term / f64::from(2 * i + 1);
        term *= t * t;
    }
    2.0 * sum + e as f64 * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_ln_agree_with_the_platform() {
        for i in -400..=400 {
            let x = f64::from(i) / 20.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-13, "exp {x}");
            let y = x.exp();
            assert!((ln(y) - x).abs() < 1e-12, "ln {y}");
        }
    }

    #[test]
    fn noise_is_log_normal_with_median_one() {
        let noise = Noise { seed: 7, sigma: 0.3, straggler: 0.1, slowdown: 4.0 };
        let draws: Vec<Draw> = (0..20_000).map(|i| noise.draw(0, i, 0)).collect();
        let stragglers = draws.iter().filter(|d| d.straggler).count();
        assert!((1800..2200).contains(&stragglers), "{stragglers}");
        let logs: Vec<f64> = draws.iter().filter(|d| !d.straggler).map(|d| d.factor.ln()).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        let deviation = (logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / logs.len() as f64).sqrt();
        assert!(mean.abs() < 0.01 && (deviation - 0.3).abs() < 0.01, "{mean} {deviation}");
    }

    #[test]
    fn a_draw_depends_on_what_it_is_for_only() {
        let noise = Noise { seed: 1, sigma: 0.2, straggler: 0.0, slowdown: 1.0 };
        assert_eq!(noise.draw(0, 3, 0), noise.draw(0, 3, 0));
        assert_ne!(noise.draw(0, 3, 0), noise.draw(0, 4, 0));
        assert_ne!(noise.draw(0, 3, 0), noise.draw(0, 3, 1));
        assert_ne!(noise.draw(0, 3, 0), Noise { seed: 2, ..noise }.draw(0, 3, 0));
    }
}
