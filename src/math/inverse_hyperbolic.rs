//! asinh, acosh, atanh.

use super::bits::{INFINITY, MAGNITUDE, NAN, SIGN, flip};
use super::logarithm::{ln_1p, ln_scaled};

/// The inverse hyperbolic sine.
///
/// Error at most 1.8 ULP. Special values: keeps -0 and infinities. Cost: 45 additions, 30 multiplications, a division, a square root.
///
/// ```
/// assert_eq!(veda::math::asinh(0.0), 0.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn asinh(x: f32) -> f32 {
    let a = f32::from_bits(x.to_bits() & MAGNITUDE);
    let z = a * a;
    let p = -0.16666628
        + z * (0.07498681
            + z * (-0.044485006
                + z * (0.02944486 + z * (-0.019157391 + z * (0.010401279 + z * (-0.0038199658 + z * 0.00066928996))))));
    let near = a + a * (z * p);
    // ln(a + sqrt(a^2 + 1)); beyond 2^13 that is ln(2 a)
    let beyond = a > 8192.0;
    let middle = ln_1p(a + z / (1.0 + (z + 1.0).sqrt()));
    let far = if beyond { ln_scaled(a, 1) } else { middle };
    let y = if a < 1.0 { near } else { far };
    if x.to_bits() & MAGNITUDE >= INFINITY { x } else { flip(y, x.to_bits()) }
}

/// The inverse hyperbolic cosine.
///
/// Error at most 2.2 ULP. Special values: NaN below 1. Cost: 32 additions, 22 multiplications, a square root.
///
/// ```
/// assert_eq!(veda::math::acosh(1.0), 0.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn acosh(x: f32) -> f32 {
    let t = x - 1.0;
    let near = ln_1p(t + (2.0 * t + t * t).sqrt());
    // beyond 2^13: ln(2 x)
    let y = if x > 8192.0 { ln_scaled(x, 1) } else { near };
    let y = if x < 1.0 { f32::from_bits(NAN) } else { y };
    if x.to_bits() & MAGNITUDE >= INFINITY && x.to_bits() != (SIGN | INFINITY) { x } else { y }
}

/// The inverse hyperbolic tangent.
///
/// Error at most 1.2 ULP. Special values: keeps -0; infinite at +-1, NaN beyond. Cost: 30 additions, 25 multiplications, a division.
///
/// ```
/// assert_eq!(veda::math::atanh(0.0), 0.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn atanh(x: f32) -> f32 {
    let a = f32::from_bits(x.to_bits() & MAGNITUDE);
    let z = a * a;
    let p = 0.33333337
        + z * (0.19999622
            + z * (0.14297815 + z * (0.109294005 + z * (0.10524476 + z * (0.016959697 + z * 0.18513958)))));
    let near = a + a * (z * p);
    let far = 0.5 * ln_1p((2.0 * a) / (1.0 - a));
    let y = if a <= 0.5 { near } else { far };
    let y = if a == 1.0 { f32::from_bits(INFINITY) } else { y };
    if a <= 1.0 { flip(y, x.to_bits()) } else { f32::from_bits(NAN) }
}
