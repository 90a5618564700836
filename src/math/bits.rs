//! Taking an `f32` apart and putting it together, by its bits.
//!
//! Bit operations mean the same on every device, also where the compiler may assume that no infinity and no NaN
//! occurs, or flushes subnormals.

/// Everything but the sign.
pub(crate) const MAGNITUDE: u32 = 0x7fff_ffff;
/// The sign.
pub(crate) const SIGN: u32 = 0x8000_0000;
/// +infinity.
pub(crate) const INFINITY: u32 = 0x7f80_0000;
/// A quiet NaN.
pub(crate) const NAN: u32 = 0x7fc0_0000;
/// Keeps the sign, the exponent and 12 significant bits: products of two such numbers are exact.
pub(crate) const HEAD: u32 = 0xffff_f000;
/// 1.5 * 2^23: adding it leaves the nearest integer in the low bits of the sum.
pub(crate) const ROUND: f32 = 12_582_912.0;
/// The bits of [`ROUND`].
pub(crate) const ROUND_BITS: u32 = 0x4b40_0000;
/// The bits of the largest `f32` below sqrt(1/2): mantissas are centred on 1 by it.
const SQRT_HALF: u32 = 0x3f35_04f3;

/// The integer nearest to `x`, for |x| < 2^22; any number otherwise. No cast from float: those saturate, which costs.
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub(crate) fn nearest(x: f32) -> i32 {
    (x + ROUND).to_bits().wrapping_sub(ROUND_BITS) as i32
}

/// 2^k for k in -126..=127.
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub(crate) fn power_of_two(k: i32) -> f32 {
    f32::from_bits((k.wrapping_add(127) as u32) << 23)
}

/// `x` without its last 12 bits.
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub(crate) fn head(x: f32) -> f32 {
    f32::from_bits(x.to_bits() & HEAD)
}

/// The bits of positive `x`, subnormals multiplied by 2^149 (by a conversion: a device may flush them in arithmetic).
#[veda::kernel(exact, no_test)]
#[inline(always)]
fn normal_bits(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits < 0x0080_0000 { (bits as i32 as f32).to_bits() } else { bits }
}

/// k of `x` = 2^k * m, with m in sqrt(1/2)..sqrt(2), for positive finite `x`.
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub(crate) fn exponent(x: f32) -> i32 {
    let k = (normal_bits(x).wrapping_sub(SQRT_HALF) as i32) >> 23;
    if x.to_bits() < 0x0080_0000 { k - 149 } else { k }
}

/// m of `x` = 2^k * m; see [`exponent`].
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub(crate) fn mantissa(x: f32) -> f32 {
    f32::from_bits((normal_bits(x).wrapping_sub(SQRT_HALF) & 0x007f_ffff).wrapping_add(SQRT_HALF))
}

/// `y` with its sign flipped where `sign` has the sign bit.
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub(crate) fn flip(y: f32, sign: u32) -> f32 {
    f32::from_bits(y.to_bits() ^ (sign & SIGN))
}
