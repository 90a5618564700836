//! exp, exp2, `exp_m1`.

use super::bits::{INFINITY, MAGNITUDE, nearest, power_of_two};

const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// 15 bits: times any k of 9 bits it is exact.
const LN_2_HI: f32 = 0.69314575;
const LN_2_LO: f32 = 1.4286068e-6;

/// `p * 2^k` for k in -252..=254, rounded once.
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub(crate) fn scale(p: f32, k: i32) -> f32 {
    let half = k >> 1;
    p * power_of_two(half) * power_of_two(k.wrapping_sub(half))
}

/// e^x * 2^shift, for x in -120..=100.
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub(crate) fn exp_scaled(x: f32, shift: i32) -> f32 {
    let k = nearest(x * LOG2_E);
    let n = k as f32;
    let r = (x - n * LN_2_HI) - n * LN_2_LO;
    let q = 0.49999994 + r * (0.1666652 + r * (0.04166826 + r * (0.008368857 + r * 0.0013821768)));
    scale(1.0 + (r + r * r * q), k.wrapping_add(shift))
}

/// e^x.
///
/// Error at most 1.1 ULP. Special values: 0 below -103.98, +inf above 88.722836; subnormal results are rounded once. Cost: 13 additions, 11 multiplications, 10 integer operations.
///
/// ```
/// assert_eq!(veda::math::exp(0.0), 1.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let low = if x < -110.0 { -110.0 } else { x };
    let y = exp_scaled(if low > 95.0 { 95.0 } else { low }, 0);
    let y = if x > 88.72283 { f32::from_bits(INFINITY) } else { y };
    if x.is_nan() { x } else { y }
}

/// 2^(k + r) for r in -1/2..=1/2 and k in -252..=254.
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub(crate) fn exp2_parts(k: i32, r: f32) -> f32 {
    let q =
        0.6931472 + r * (0.24022648 + r * (0.05550359 + r * (0.009618505 + r * (0.0013391459 + r * 0.00015327834))));
    scale(1.0 + r * q, k)
}

/// 2^x.
///
/// Error at most 1.2 ULP. Special values: exact for integers; 0 below -150, +inf from 128 on. Cost: 12 additions, 8 multiplications, 9 integer operations.
///
/// ```
/// assert_eq!(veda::math::exp2(-3.0), 0.125);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    let low = if x < -160.0 { -160.0 } else { x };
    let c = if low > 130.0 { 130.0 } else { low };
    let k = nearest(c);
    let y = exp2_parts(k, c - k as f32);
    let y = if x >= 128.0 { f32::from_bits(INFINITY) } else { y };
    if x.is_nan() { x } else { y }
}

/// e^x - 1, accurate near zero.
///
/// Error at most 1.6 ULP. Special values: keeps -0 and subnormals; -1 below -17.4, +inf above 88.722836. Cost: 14 additions, 12 multiplications, 8 integer operations.
///
/// ```
/// assert_eq!(veda::math::exp_m1(1e-8), 1e-8);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn exp_m1(x: f32) -> f32 {
    let low = if x < -20.0 { -20.0 } else { x };
    let c = if low > 88.8 { 88.8 } else { low };
    let k = nearest(c * LOG2_E);
    let n = k as f32;
    let r = (c - n * LN_2_HI) - n * LN_2_LO;
    let q = 0.5 + r * (0.16666666 + r * (0.041666493 + r * (0.008333543 + r * (0.0013932388 + r * 0.00019764433))));
    let p = r + r * r * q;
    // 2^k (1 + p) - 1, by halves: 2^128 is no number, 2^127 is.
    let h = power_of_two(k.wrapping_sub(1));
    let y = 2.0 * (h * p + (h - 0.5));
    let y = if x > 88.72283 { f32::from_bits(INFINITY) } else { y };
    // Below 2^-25 the result is x, which also keeps -0 and subnormals.
    if x.to_bits() & MAGNITUDE < 0x3300_0000 || x.is_nan() { x } else { y }
}
