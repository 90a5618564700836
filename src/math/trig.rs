//! sin, cos, tan, with their argument reduction.

use super::bits::{INFINITY, MAGNITUDE, NAN, SIGN, flip, head, nearest};

const FRAC_2_PI: f32 = std::f32::consts::FRAC_2_PI;
/// pi/2 in four pieces, the first three of 12 bits.
const PIO2_A: f32 = 1.5708008;
const PIO2_B: f32 = -4.4535846e-6;
const PIO2_C: f32 = -8.706138e-10;
const PIO2_D: f32 = 6.223372e-14;
/// pi/2 - `PIO2_A`
const PIO2_TAIL: f32 = -4.454455e-6;
const PIO2: f32 = std::f32::consts::FRAC_PI_2;
/// Below it the quadrant has 12 bits, so that its products with the pieces of pi/2 are exact.
const MODERATE: f32 = 6400.0;

/// The upper 32 bits of `m * w`, for m < 2^24.
#[veda::kernel(exact, no_test)]
#[inline(always)]
fn mul_high(m: u32, w: u32) -> u32 {
    let (a, b) = (m >> 12, m & 0xfff);
    let (c, d) = (w >> 16, w & 0xffff);
    let low = a * d + ((b * d) >> 12);
    let mid = b * c + (low >> 4);
    (a * c + (mid >> 12)) >> 4
}

#[veda::kernel(exact, no_test)]
#[inline(always)]
fn circular(x: f32, part: u32) -> f32 {
    let a = f32::from_bits(x.to_bits() & MAGNITUDE);
    let quadrant: u32;
    // r + tail is the angle from the middle of the quadrant; without the tail, r's rounding alone costs tan 1 ULP.
    let r: f32;
    let tail: f32;
    if a < MODERATE {
        let k = nearest(a * FRAC_2_PI);
        let n = k as f32;
        quadrant = k as u32;
        let t = a - n * PIO2_A;
        // Where much of t cancels each product must be subtracted exactly, elsewhere they may be summed first.
        let near = ((t - n * PIO2_B) - n * PIO2_C) - n * PIO2_D;
        let sum = n * PIO2_B + n * PIO2_C;
        let far = t - sum;
        let cancels = f32::from_bits(near.to_bits() & MAGNITUDE) < 0.03125;
        r = if cancels { near } else { far };
        tail = if cancels { 0.0 } else { (t - far) - sum };
    } else {
        let m = (a.to_bits() & 0x007f_ffff) | 0x0080_0000;
        let p = (a.to_bits() >> 23).wrapping_sub(128);
        // 128 bits of 2/pi, from 32-bit word number p/32 on
        let far = p & 64 != 0;
        let a0 = if far { 0x4415_29fc } else { 0x0000_00a2 };
        let a1 = if far { 0x2757_d1f5 } else { 0xf983_6e4e };
        let a2 = if far { 0x34dd_c0db } else { 0x4415_29fc };
        let a3 = if far { 0x6295_993c } else { 0x2757_d1f5 };
        let a4 = if far { 0x4390_41fe } else { 0x34dd_c0db };
        let odd = p & 32 != 0;
        let b0: u32 = if odd { a1 } else { a0 };
        let b1: u32 = if odd { a2 } else { a1 };
        let b2: u32 = if odd { a3 } else { a2 };
        let b3: u32 = if odd { a4 } else { a3 };
        // 96 bits of it, from bit p on
        let s = p & 31;
        let t = 31 - s;
        let w0 = (b0 << s) | ((b1 >> 1) >> t);
        let w1 = (b1 << s) | ((b2 >> 1) >> t);
        let w2 = (b2 << s) | ((b3 >> 1) >> t);
        // a * 2/pi mod 4 as a number of 2 + 62 bits
        let product = m.wrapping_mul(w1);
        let lo = product.wrapping_add(mul_high(m, w2));
        let carry = if lo < product { 1 } else { 0 };
        let hi = m.wrapping_mul(w0).wrapping_add(mul_high(m, w1)).wrapping_add(carry);
        quadrant = hi.wrapping_add(0x2000_0000) >> 30;
        let rest = hi.wrapping_sub(quadrant << 30) as i32;
        // The fraction, -1/2..1/2, as a sum of three floats of 22, 24 and 16 bits, then of two.
        let top = (rest + 128) >> 8;
        let mid = ((rest - (top << 8)) << 16) + (lo >> 16) as i32;
        let f0 = top as f32 * 2.3841858e-7;
        let f1 = mid as f32 * 1.4210855e-14 + (lo & 0xffff) as i32 as f32 * 2.1684043e-19;
        let f = head(f0 + f1);
        let g = (f0 - f) + f1;
        let product = f * PIO2_A;
        let rest = f * PIO2_TAIL + g * PIO2;
        r = product + rest;
        tail = (product - r) + rest;
    }
    let z = r * r;
    let y = if part == 2 {
        let t = 0.3333335
            + z * (0.1333267
                + z * (0.054059967 + z * (0.021279462 + z * (0.010847437 + z * (7.0367125e-5 + z * 0.0043874956)))));
        let rough = r + r * (z * t);
        let excess = r * (z * t) + tail * (1.0 + rough * rough);
        let tan = r + excess;
        // -1 / (tan + lost) to first order: what the sum has lost counts double where the quotient's ULP is smaller.
        let lost = (r - tan) + excess;
        let reciprocal = -1.0 / tan;
        let cot = reciprocal + reciprocal * (reciprocal * lost);
        let y = if quadrant & 1 == 0 { tan } else { cot };
        flip(y, x.to_bits())
    } else {
        let turned = quadrant.wrapping_add(part);
        let excess = r * (z * (-0.16666654 + z * (0.008332106 + z * -0.00019507874)));
        let sin = r + (excess + tail * (1.0 - 0.5 * z));
        let cos = 1.0 + (z * (-0.5 + z * (0.041666646 + z * (-0.0013887308 + z * 2.4432109e-5))) - r * tail);
        let y = if turned & 1 == 0 { sin } else { cos };
        let sign = if part == 0 { x.to_bits() & SIGN } else { 0 };
        flip(y, (turned << 30) ^ sign)
    };
    if x.to_bits() & MAGNITUDE >= INFINITY { f32::from_bits(NAN) } else { y }
}

/// The sine of an angle in radians.
///
/// Error at most 1.7 ULP, also for huge angles: the reduction has 62 bits of the quadrant. Special values: keeps -0; NaN at infinities. Cost: 24 additions, 24 multiplications, and for |x| >= 6400 (in vector loops always) 75 integer operations.
///
/// ```
/// assert_eq!(veda::math::sin(0.0), 0.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    circular(x, 0)
}

/// The cosine of an angle in radians.
///
/// Error at most 1.7 ULP, also for huge angles. Special values: NaN at infinities. Cost: as for `sin`.
///
/// ```
/// assert_eq!(veda::math::cos(0.0), 1.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    circular(x, 1)
}

/// The tangent of an angle in radians.
///
/// Error at most 2.25 ULP, also for huge angles. Special values: keeps -0; NaN at infinities. Cost: as for `sin`, and a division.
///
/// ```
/// assert_eq!(veda::math::tan(0.0), 0.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn tan(x: f32) -> f32 {
    circular(x, 2)
}
