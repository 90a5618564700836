//! powf.

use super::bits::{INFINITY, MAGNITUDE, NAN, SIGN, exponent, head, mantissa, nearest};
use super::exponential::exp2_parts;

/// 2 / (3 ln 2) in 12 and 24 bits.
const C_HI: f32 = 0.96191406;
const C_LO: f32 = -0.000117368574;
const C: f32 = 0.9617967;

/// x^y.
///
/// Error at most 1.5 ULP (random pairs). Special values: all cases of C99: 1 for y = 0 and for x = 1 whatever the other is; a negative x needs an integer y, whose oddness gives the sign. Cost: 55 additions, 28 multiplications, 2 divisions, 58 integer operations.
///
/// ```
/// assert_eq!(veda::math::powf(2.0, 10.0), 1024.0);
/// ```
#[veda::kernel(exact, no_test)]
#[inline(always)]
pub fn powf(x: f32, y: f32) -> f32 {
    let a = f32::from_bits(x.to_bits() & MAGNITUDE);
    let k = exponent(a) as f32;
    let f = mantissa(a) - 1.0;

    // log2(1 + f) = C * (3 s + s^3 + 3/5 s^5 + ..), s = f / (2 + f), to 2^-35: as sums of a head of 12 bits and a tail.
    let d = 2.0 + f;
    let s = f / d;
    let sh = head(s);
    let fh = head(f);
    let sl = (((f - 2.0 * sh) - sh * fh) - sh * (f - fh)) / d;
    let zh = sh * sh;
    let zl = sl * (sh + s);
    let z = s * s;
    let r = zl + z * z * (0.59999996 + z * (0.4285796 + z * (0.33269423 + z * 0.29339194)));
    let th = head(3.0 + (zh + r));
    let tl = r - ((th - 3.0) - zh);
    let ph = sh * th;
    let pl = sl * th + s * tl;
    let qh = head(ph + pl);
    let ql = pl - (qh - ph);
    let gh = C_HI * qh;
    let gl = C_LO * qh + C * ql;
    let lh = head(k + (gh + gl));
    let ll = gl - ((lh - k) - gh);

    // y log2(a), beyond +-200 replaced: the result is 0 or infinity there
    let yc = if y.abs() > 1e11 { 1e11_f32.copysign(y) } else { y };
    let yh = head(yc);
    let eh = yh * lh;
    let el = (yc - yh) * lh + yc * ll;
    let e = eh + el;
    let huge = e >= 128.0;
    let zero = e < -151.0;
    let inside = !huge && !zero;
    let eh = if inside { eh } else { 0.0 };
    let el = if inside { el } else { 0.0 };
    let n = nearest(eh + el);
    let power = exp2_parts(n, (eh - n as f32) + el);
    let power = if huge { f32::from_bits(INFINITY) } else { power };
    let power = if zero { 0.0 } else { power };

    // y is an integer if its bits below the point are zero, odd if the last bit above it is one.
    let ay = y.to_bits() & MAGNITUDE;
    let place = (ay >> 23) as i32 - 127;
    let within = place >= 0 && place < 24;
    let point = if within { (23 - place) as u32 } else { 0 };
    let digits = (ay & 0x007f_ffff) | 0x0080_0000;
    let whole = place >= 24 || within && digits & ((1 << point) - 1) == 0;
    let odd = within && whole && (digits >> point) & 1 == 1;
    let sign = if odd { x.to_bits() & SIGN } else { 0 };

    // 0 and infinity: the sign of y decides
    let up = y.to_bits() < SIGN;
    let grows = (a.to_bits() == INFINITY) == up;
    let extreme = if grows { INFINITY } else { 0 };
    let power = if a.to_bits() == 0 || a.to_bits() == INFINITY { f32::from_bits(extreme) } else { power };
    // y = +-infinity
    let grows = (a > 1.0) == up;
    let power = if ay == INFINITY { f32::from_bits(if grows { INFINITY } else { 0 }) } else { power };
    let power = if ay == INFINITY && a == 1.0 { 1.0 } else { power };

    let bad = x.to_bits() > SIGN && x.to_bits() < (SIGN | INFINITY) && !whole;
    let power = f32::from_bits(power.to_bits() | sign);
    let power = if bad || x.is_nan() || ay > INFINITY { f32::from_bits(NAN) } else { power };
    if ay == 0 || x.to_bits() == 0x3f80_0000 { 1.0 } else { power }
}
