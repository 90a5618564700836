//! ln, log2, log10, `ln_1p`, log.

use super::bits::{INFINITY, MAGNITUDE, NAN, SIGN, exponent, mantissa, power_of_two};

const LN_2_HI: f32 = 0.69314575;
const LN_2_LO: f32 = 1.4286068e-6;
const LOG10_2_HI: f32 = 0.3010254;
const LOG10_2_LO: f32 = 4.605039e-6;

/// `y`, a logarithm of `x`, or what stands for it where `x` is zero, negative, infinite or NaN.
#[veda::kernel(exact, no_test)]
#[inline(always)]
fn or_special(x: f32, y: f32) -> f32 {
    let bits = x.to_bits();
    let y = if bits >= INFINITY { x } else { y };
    let y = if bits > SIGN && bits <= (SIGN | INFINITY) { f32::from_bits(NAN) } else { y };
    if bits & MAGNITUDE == 0 { f32::from_bits(SIGN | INFINITY) } else { y }
}

/// n ln 2 + ln(1 + f) for f in -0.293..=0.415.
#[veda::kernel(exact, no_test)]
#[inline(always)]
fn ln_parts(n: f32, f: f32) -> f32 {
    let p = 0.3333333
        + f * (-0.2500082
            + f * (0.2000124
                + f * (-0.16623408 + f * (0.14201623 + f * (-0.13159676 + f * (0.12761912 + f * -0.076358534))))));
    let ff = f * f;
    n * LN_2_HI + (f - (0.5 * ff - (ff * (f * p) + n * LN_2_LO)))
}

/// ln(x 2^shift)
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub(crate) fn ln_scaled(x: f32, shift: i32) -> f32 {
    ln_parts(exponent(x).wrapping_add(shift) as f32, mantissa(x) - 1.0)
}

/// The natural logarithm.
///
/// Error at most 1.0 ULP. Special values: -inf at both zeros, NaN below zero. Cost: 18 additions, 13 multiplications, 14 integer operations.
///
/// ```
/// assert_eq!(veda::math::ln(1.0), 0.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    or_special(x, ln_scaled(x, 0))
}

/// The logarithm to base 2.
///
/// Error at most 1.3 ULP. Special values: exact for powers of two; -inf at both zeros, NaN below zero. Cost: 20 additions, 11 multiplications, 13 integer operations.
///
/// ```
/// assert_eq!(veda::math::log2(1024.0), 10.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn log2(x: f32) -> f32 {
    let f = mantissa(x) - 1.0;
    let q = -0.72134733
        + f * (0.48089817
            + f * (-0.36069843
                + f * (0.28857377
                    + f * (-0.23958118 + f * (0.20444742 + f * (-0.19119166 + f * (0.18724105 + f * -0.11100456)))))));
    // log2(e) - 1 = 0.44269505 - 1.05e-8
    let tail = f * 0.44269505 + f * (f * q - 1.0542692e-8);
    or_special(x, exponent(x) as f32 + (f + tail))
}

/// The logarithm to base 10.
///
/// Error at most 1.2 ULP. Special values: -inf at both zeros, NaN below zero. Cost: 22 additions, 14 multiplications, 13 integer operations.
///
/// ```
/// assert_eq!(veda::math::log10(1000.0), 3.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn log10(x: f32) -> f32 {
    let n = exponent(x) as f32;
    let f = mantissa(x) - 1.0;
    let q = -0.21714719
        + f * (0.14476478
            + f * (-0.10858084
                + f * (0.08686871
                    + f * (-0.072125494
                        + f * (0.061561376 + f * (-0.05753597 + f * (0.056243997 + f * -0.03330326)))))));
    // log10(e) - 1/2 = -0.065705515 - 2.65e-9
    let tail = f * -0.065705515 + (f * (f * q - 2.6524694e-9) + n * LOG10_2_LO);
    or_special(x, n * LOG10_2_HI + (0.5 * f + tail))
}

/// ln(1 + x), accurate near zero.
///
/// Error at most 1.6 ULP. Special values: keeps -0 and subnormals; -inf at -1, NaN below. Cost: 20 additions, 14 multiplications, 16 integer operations.
///
/// ```
/// assert_eq!(veda::math::ln_1p(1e-8), 1e-8);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn ln_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let k = exponent(u);
    // 1 + f = 2^-k (1 + x): from x itself, since u has lost its last bits; beyond 2^25 there is nothing to lose.
    let near = k < 26;
    let s = power_of_two(if near { k.wrapping_neg() } else { 0 });
    let f = if near { (s - 1.0) + s * x } else { mantissa(u) - 1.0 };
    let y = or_special(u, ln_parts(k as f32, f));
    if x.to_bits() & MAGNITUDE < 0x3300_0000 || x.is_nan() { x } else { y }
}

/// The logarithm to any base: the quotient of two `log2`, one division.
///
/// Powers of two to a base that is one are exact where the quotient is.
///
/// Error at most 4.0 ULP (random pairs). Special values: as the quotient of the two logarithms. Cost: twice `log2` and a division.
///
/// ```
/// assert_eq!(veda::math::log(8.0, 2.0), 3.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn log(x: f32, base: f32) -> f32 {
    log2(x) / log2(base)
}
