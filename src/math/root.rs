//! cbrt, hypot.

use super::bits::{INFINITY, MAGNITUDE, NAN, flip, head};

/// 2^90
const UP: f32 = f32::from_bits(0x6c80_0000);
/// 2^-90
const DOWN: f32 = f32::from_bits(0x1280_0000);

/// The cube root.
///
/// Error at most 1.0 ULP. Special values: keeps the sign, -0 and infinities. Cost: 8 additions, 11 multiplications, 3 divisions.
///
/// ```
/// assert_eq!(veda::math::cbrt(27.0), 3.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn cbrt(x: f32) -> f32 {
    let b = x.to_bits() & MAGNITUDE;
    let subnormal = b < 0x0080_0000;
    // A subnormal is b 2^-149 = 2 b 2^-150, and 150 is a multiple of 3.
    let a = if subnormal { 2.0 * (b as i32 as f32) } else { f32::from_bits(b) };
    // A third of the exponent, and of the mantissa as a first approximation: 3 %.
    let t = f32::from_bits(a.to_bits() / 3 + 0x2a51_19f2);
    // Halley: cubes the error. Then Newton on 12 bits, whose square is exact.
    // (The ratio is 3 t^3 at most: by quarters, so that it does not overflow.)
    let c = (0.25 * t) * t * t;
    let g = 0.25 * a;
    let t = t * ((c + 2.0 * g) / (2.0 * c + g));
    let h = head(t);
    let q = a / (h * h);
    let y = h + h * ((q - h) / (2.0 * h + q));
    let y = if subnormal { y * 8.8817842e-16 } else { y };
    if b == 0 || b >= INFINITY { x } else { flip(y, x.to_bits()) }
}

/// sqrt(x^2 + y^2), without overflow or underflow on the way.
///
/// Error at most 1.4 ULP (random pairs). Special values: +inf if either is infinite, even if the other is NaN. Cost: 4 additions, 5 multiplications, a square root.
///
/// ```
/// assert_eq!(veda::math::hypot(3.0, 4.0), 5.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn hypot(x: f32, y: f32) -> f32 {
    let ax = x.to_bits() & MAGNITUDE;
    let ay = y.to_bits() & MAGNITUDE;
    let large = f32::from_bits(if ax > ay { ax } else { ay });
    let small = f32::from_bits(if ax > ay { ay } else { ax });
    // Squares must neither overflow nor lose bits: 2^-90 and 2^90.
    let up = if large < 8.673617e-19 { UP } else { 1.0 };
    let down = if large < 8.673617e-19 { DOWN } else { 1.0 };
    let up = if large > 1.1529215e18 { DOWN } else { up };
    let down = if large > 1.1529215e18 { UP } else { down };
    let (a, b) = (large * up, small * up);
    let r = (a * a + b * b).sqrt() * down;
    let r = if ax > INFINITY || ay > INFINITY { f32::from_bits(NAN) } else { r };
    if ax == INFINITY || ay == INFINITY { f32::from_bits(INFINITY) } else { r }
}
