//! asin, acos, atan, atan2.

use super::bits::{INFINITY, MAGNITUDE, NAN, SIGN, flip};

const PIO2: f32 = std::f32::consts::FRAC_PI_2;
const PIO2_LO: f32 = -4.371139e-8;
const PI: f32 = std::f32::consts::PI;
const PI_LO: f32 = -8.742278e-8;

/// (asin(x) - x) / x for x^2 = z <= 1/4
#[veda::kernel(exact, no_test)]
#[inline(always)]
fn asin_excess(z: f32) -> f32 {
    z * (0.16666752 + z * (0.074953094 + z * (0.04546915 + z * (0.024184778 + z * 0.042158306))))
}

/// (atan(w) - w) / w for w^2 = z <= 1
#[veda::kernel(exact, no_test)]
#[inline(always)]
fn atan_excess(z: f32) -> f32 {
    z * (-0.33333328
        + z * (0.19999716
            + z * (-0.14280343
                + z * (0.11061233
                    + z * (-0.08821462
                        + z * (0.06763649
                            + z * (-0.044983257 + z * (0.022777617 + z * (-0.007425363 + z * 0.0011345221)))))))))
}

/// The arc sine, in -pi/2..=pi/2.
///
/// Error at most 1.8 ULP. Special values: keeps -0; NaN outside -1..=1. Cost: 10 additions, 8 multiplications, a square root.
///
/// ```
/// assert_eq!(veda::math::asin(0.0), 0.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn asin(x: f32) -> f32 {
    let a = f32::from_bits(x.to_bits() & MAGNITUDE);
    // asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2))
    let outer = a > 0.5;
    let z = if outer { 0.5 - 0.5 * a } else { a * a };
    let s = if outer { z.sqrt() } else { a };
    let t = s * asin_excess(z);
    let y = if outer { PIO2 - (2.0 * s + (2.0 * t - PIO2_LO)) } else { s + t };
    if a <= 1.0 { flip(y, x.to_bits()) } else { f32::from_bits(NAN) }
}

/// The arc cosine, in 0..=pi.
///
/// Error at most 1.3 ULP. Special values: NaN outside -1..=1. Cost: 12 additions, 8 multiplications, a square root.
///
/// ```
/// assert_eq!(veda::math::acos(1.0), 0.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn acos(x: f32) -> f32 {
    let a = f32::from_bits(x.to_bits() & MAGNITUDE);
    let outer = a > 0.5;
    let z = if outer { 0.5 - 0.5 * a } else { a * a };
    let s = if outer { z.sqrt() } else { x };
    let t = s * asin_excess(z);
    let inner = PIO2 - (s + (t - PIO2_LO));
    let twice = 2.0 * (s + t);
    let y = if outer { if x < 0.0 { PI - (twice - PI_LO) } else { twice } } else { inner };
    if a <= 1.0 { y } else { f32::from_bits(NAN) }
}

/// The arc tangent, in -pi/2..=pi/2.
///
/// Error at most 1.4 ULP. Special values: keeps -0; pi/2 with the sign of x at infinities. Cost: 18 additions, 12 multiplications, a division.
///
/// ```
/// assert_eq!(veda::math::atan(f32::INFINITY), std::f32::consts::FRAC_PI_2);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn atan(x: f32) -> f32 {
    let a = f32::from_bits(x.to_bits() & MAGNITUDE);
    // atan(a) = pi/2 - atan(1 / a)
    let outer = a > 1.0;
    let w = if outer { 1.0 / a } else { a };
    let t = w * atan_excess(w * w);
    let y = if outer { PIO2 - (w + (t - PIO2_LO)) } else { w + t };
    // 1/inf, spelled out for devices that assume there is no infinity.
    let y = if a.to_bits() == INFINITY { PIO2 } else { y };
    if x.is_nan() { x } else { flip(y, x.to_bits()) }
}

/// The angle of the point (x, y), in -pi..=pi.
///
/// Error at most 1.7 ULP (random pairs). Special values: all cases of C99: signed zeros and infinities choose the quadrant. Cost: 23 additions, 14 multiplications, a division.
///
/// ```
/// assert_eq!(veda::math::atan2(0.0, -1.0), std::f32::consts::PI);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn atan2(y: f32, x: f32) -> f32 {
    let ay = y.to_bits() & MAGNITUDE;
    let ax = x.to_bits() & MAGNITUDE;
    let steep = ay > ax;
    let large = f32::from_bits(if steep { ay } else { ax });
    let small = f32::from_bits(if steep { ax } else { ay });
    // Division on a GPU is only good for divisors in 2^-126..2^126.
    let down = if large > 1.3292280e36 { 9.313226e-10 } else { 1.0 };
    let factor = if large < 8.0779357e-28 { 1073741824.0 } else { down };
    let ratio = (small * factor) / (large * factor);
    let w = if ax == ay { 1.0 } else { ratio };
    let w = if ax == 0 && ay == 0 || ay < ax && ax == INFINITY || ax < ay && ay == INFINITY { 0.0 } else { w };
    let t = w * atan_excess(w * w);
    let left = x.to_bits() >= SIGN;
    // The four octants: w + t, pi/2 -+ (w + t), pi - (w + t)
    let up = if steep { PIO2 } else { PI };
    let up_lo = if steep { PIO2_LO } else { PI_LO };
    let minus = up - (w + (t - up_lo));
    let plus = PIO2 + (w + (t + PIO2_LO));
    let r = if steep { if left { plus } else { minus } } else { if left { minus } else { w + t } };
    if ax > INFINITY || ay > INFINITY { f32::from_bits(NAN) } else { flip(r, y.to_bits()) }
}
