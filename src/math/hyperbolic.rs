//! sinh, cosh, tanh.

use super::bits::{INFINITY, MAGNITUDE, flip};
use super::exponential::exp_scaled;

/// e^a / 2 for a >= 0, at most 2^127.
#[veda::kernel(exact, no_test)]
#[inline(always)]
fn half_exp(a: f32) -> f32 {
    exp_scaled(if a > 95.0 { 95.0 } else { a }, -1)
}

/// The hyperbolic sine.
///
/// Error at most 1.8 ULP. Special values: keeps -0; overflows above 89.415985. Cost: 18 additions, 17 multiplications, a division.
///
/// ```
/// assert_eq!(veda::math::sinh(0.0), 0.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn sinh(x: f32) -> f32 {
    let a = f32::from_bits(x.to_bits() & MAGNITUDE);
    let z = a * a;
    let near = a + a * (z * (0.16666667 + z * (0.0083333105 + z * (0.00019842891 + z * 2.782267e-6))));
    let h = half_exp(a);
    let far = h - 0.25 / h;
    let y = if a < 1.0 { near } else { far };
    let y = if a > 89.415985 { f32::from_bits(INFINITY) } else { y };
    if x.is_nan() { x } else { flip(y, x.to_bits()) }
}

/// The hyperbolic cosine.
///
/// Error at most 1.6 ULP. Special values: overflows beyond +-89.415985. Cost: 14 additions, 11 multiplications, a division.
///
/// ```
/// assert_eq!(veda::math::cosh(0.0), 1.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn cosh(x: f32) -> f32 {
    let a = f32::from_bits(x.to_bits() & MAGNITUDE);
    let h = half_exp(a);
    let y = h + 0.25 / h;
    let y = if a > 89.415985 { f32::from_bits(INFINITY) } else { y };
    if x.is_nan() { x } else { y }
}

/// The hyperbolic tangent.
///
/// Error at most 1.2 ULP. Special values: keeps -0; +-1 from 9.02 on. Cost: 27 additions, 22 multiplications, a division.
///
/// ```
/// assert_eq!(veda::math::tanh(20.0), 1.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let a = f32::from_bits(x.to_bits() & MAGNITUDE);
    let z = a * a;
    let p = -0.33333328
        + z * (0.13333175
            + z * (-0.053950716
                + z * (0.021774355
                    + z * (-0.008571074 + z * (0.0030481243 + z * (-0.00082120573 + z * 0.00011620972))))));
    let near = a + a * (z * p);
    // tanh(a) = 1 - 2 / (e^2a + 1), which is 1 from 9.02 on
    let far = 1.0 - 1.0 / (exp_scaled(2.0 * if a > 10.0 { 10.0 } else { a }, -1) + 0.5);
    let y = if a < 1.0 { near } else { far };
    if x.is_nan() { x } else { flip(y, x.to_bits()) }
}
