//! The functions of std that kernels have, total and with the semantics of `ast::Builtin`.

use super::{Constant, Int, Num, Signed};

macro_rules! float_methods {
    ($($(#[$doc:meta])* $name:ident $(($b:ident))? -> $ret:ty = $x:ident => $body:expr;)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name($x: f32 $(, $b: f32)?) -> $ret {
            $body
        }
    )*};
}
float_methods! {
    /// `x.floor()`
    floor -> f32 = x => x.floor();
    /// `x.ceil()`
    ceil -> f32 = x => x.ceil();
    /// `x.trunc()`
    trunc -> f32 = x => x.trunc();
    /// `x.round_ties_even()`
    round_ties_even -> f32 = x => x.round_ties_even();
    /// `x.fract()`, with the sign of `x`.
    fract -> f32 = x => x - x.trunc();
    /// `x.sqrt()`
    sqrt -> f32 = x => x.sqrt();
    /// `1 / x`
    recip -> f32 = x => 1.0 / x;
    /// The magnitude of `x` with the sign of `y`.
    copysign(y) -> f32 = x => x.copysign(y);
    /// `x.to_degrees()`
    to_degrees -> f32 = x => x.to_degrees();
    /// `x.to_radians()`
    to_radians -> f32 = x => x.to_radians();
    /// `x.is_nan()`
    is_nan -> bool = x => x.is_nan();
    /// `x.is_finite()`
    is_finite -> bool = x => x.is_finite();
    /// `x.is_infinite()`
    is_infinite -> bool = x => x.is_infinite();
    /// `x.is_sign_positive()`
    is_sign_positive -> bool = x => x.is_sign_positive();
    /// `x.is_sign_negative()`
    is_sign_negative -> bool = x => x.is_sign_negative();
    /// `x.to_bits()`
    to_bits -> u32 = x => x.to_bits();
}

/// Half away from zero, as `f32::round`, which is a call per element.
#[inline(always)]
pub fn round(x: f32) -> f32 {
    let whole = x.trunc();
    // Exact: `whole` is within 1 of `x`.
    let up = (x - whole).abs() >= 0.5;
    if up { whole + 1.0f32.copysign(x) } else { whole }
}

/// `x * a + b`, rounded twice: a fused one is a library call on CPUs without the instruction.
#[inline(always)]
pub fn mul_add(x: f32, a: f32, b: f32) -> f32 {
    x * a + b
}

/// `f32::from_bits(bits)`
#[inline(always)]
pub fn from_bits(bits: u32) -> f32 {
    f32::from_bits(bits)
}

/// `x.powi(n)` by squaring; the same multiplications in the same order on every device.
#[inline(always)]
pub fn powi(x: f32, n: i32) -> f32 {
    let mut base = x;
    let mut left = n.unsigned_abs();
    let mut result = 1.0;
    loop {
        if left & 1 == 1 {
            result *= base;
        }
        left >>= 1;
        if left == 0 {
            break;
        }
        base *= base;
    }
    if n < 0 { 1.0 / result } else { result }
}

/// `x.abs()`; `i32::MIN` stays.
#[inline(always)]
pub fn abs<T: Sign>(x: T) -> T {
    x.abs()
}
/// `x.signum()`
#[inline(always)]
pub fn signum<T: Sign>(x: T) -> T {
    x.signum()
}
/// `a.min(b)`
#[inline(always)]
pub fn min<T: Ordered>(a: T, b: T) -> T {
    a.min(b)
}
/// `a.max(b)`
#[inline(always)]
pub fn max<T: Ordered>(a: T, b: T) -> T {
    a.max(b)
}
/// `x.clamp(low, high)`; where `low > high` the result is `high`.
#[inline(always)]
pub fn clamp<T: Num>(x: T, low: T, high: T) -> T {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}
/// `a.rem_euclid(b)`; integers: 0 where `b == 0`.
#[inline(always)]
pub fn rem_euclid<T: Ordered>(a: T, b: T) -> T {
    a.rem_euclid(b)
}
/// `a.div_euclid(b)`; integers: `a` where `b == 0`.
#[inline(always)]
pub fn div_euclid<T: Ordered>(a: T, b: T) -> T {
    a.div_euclid(b)
}

/// What has `abs` and `signum`.
pub trait Sign: Signed {
    /// `x.abs()`
    fn abs(self) -> Self;
    /// `x.signum()`
    fn signum(self) -> Self;
}
impl Sign for f32 {
    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }
    #[inline(always)]
    fn signum(self) -> f32 {
        if self.is_nan() { self } else { 1.0f32.copysign(self) }
    }
}
impl Sign for i32 {
    #[inline(always)]
    fn abs(self) -> i32 {
        self.wrapping_abs()
    }
    #[inline(always)]
    fn signum(self) -> i32 {
        i32::signum(self)
    }
}

/// What differs between floats and integers.
pub trait Ordered: Num {
    /// `a.min(b)`
    fn min(self, b: Self) -> Self;
    /// `a.max(b)`
    fn max(self, b: Self) -> Self;
    /// `a.rem_euclid(b)`
    fn rem_euclid(self, b: Self) -> Self;
    /// `a.div_euclid(b)`
    fn div_euclid(self, b: Self) -> Self;
}
impl Ordered for f32 {
    #[inline(always)]
    fn min(self, b: f32) -> f32 {
        f32::min(self, b)
    }
    #[inline(always)]
    fn max(self, b: f32) -> f32 {
        f32::max(self, b)
    }
    #[inline(always)]
    fn rem_euclid(self, b: f32) -> f32 {
        let r = self % b;
        if r < 0.0 { r + b.abs() } else { r }
    }
    #[inline(always)]
    fn div_euclid(self, b: f32) -> f32 {
        let q = (self / b).trunc();
        match (self % b < 0.0, b > 0.0) {
            (false, _) => q,
            (true, true) => q - 1.0,
            (true, false) => q + 1.0,
        }
    }
}
macro_rules! ordered {
    ($($t:ident)*) => {$(
        impl Ordered for $t {
            #[inline(always)]
            fn min(self, b: $t) -> $t {
                Ord::min(self, b)
            }
            #[inline(always)]
            fn max(self, b: $t) -> $t {
                Ord::max(self, b)
            }
            #[inline(always)]
            fn rem_euclid(self, b: $t) -> $t {
                self.wrapping_rem_euclid(if b == 0 { 1 } else { b })
            }
            #[inline(always)]
            fn div_euclid(self, b: $t) -> $t {
                self.wrapping_div_euclid(if b == 0 { 1 } else { b })
            }
        }
    )*};
}
ordered!(u32 i32 usize);

/// Integer functions whose result is not just bits.
pub trait IntMethods: Int + Constant {
    /// What `abs_diff` yields.
    type Distance;
    /// `a.saturating_add(b)`
    fn saturating_add(self, b: Self) -> Self;
    /// `a.saturating_sub(b)`
    fn saturating_sub(self, b: Self) -> Self;
    /// `a.abs_diff(b)`
    fn abs_diff(self, b: Self) -> Self::Distance;
}
impl IntMethods for u32 {
    type Distance = u32;
    #[inline(always)]
    fn saturating_add(self, b: u32) -> u32 {
        u32::saturating_add(self, b)
    }
    #[inline(always)]
    fn saturating_sub(self, b: u32) -> u32 {
        u32::saturating_sub(self, b)
    }
    #[inline(always)]
    fn abs_diff(self, b: u32) -> u32 {
        u32::abs_diff(self, b)
    }
}
impl IntMethods for i32 {
    type Distance = u32;
    #[inline(always)]
    fn saturating_add(self, b: i32) -> i32 {
        i32::saturating_add(self, b)
    }
    #[inline(always)]
    fn saturating_sub(self, b: i32) -> i32 {
        i32::saturating_sub(self, b)
    }
    #[inline(always)]
    fn abs_diff(self, b: i32) -> u32 {
        i32::abs_diff(self, b)
    }
}
impl IntMethods for usize {
    type Distance = usize;
    #[inline(always)]
    fn saturating_add(self, b: usize) -> usize {
        (self as u32).saturating_add(b as u32) as usize
    }
    #[inline(always)]
    fn saturating_sub(self, b: usize) -> usize {
        (self as u32).saturating_sub(b as u32) as usize
    }
    #[inline(always)]
    fn abs_diff(self, b: usize) -> usize {
        (self as u32).abs_diff(b as u32) as usize
    }
}

/// `a.wrapping_add(b)`
#[inline(always)]
pub fn wrapping_add<T: Int>(a: T, b: T) -> T {
    a.add(b)
}
/// `a.wrapping_sub(b)`
#[inline(always)]
pub fn wrapping_sub<T: Int>(a: T, b: T) -> T {
    a.sub(b)
}
/// `a.wrapping_mul(b)`
#[inline(always)]
pub fn wrapping_mul<T: Int>(a: T, b: T) -> T {
    a.mul(b)
}
/// `a.wrapping_neg()`
#[inline(always)]
pub fn wrapping_neg<T: Int>(a: T) -> T {
    T::of_bits(a.bits().wrapping_neg())
}
/// `a.wrapping_shl(n)`
#[inline(always)]
pub fn wrapping_shl<T: Int>(a: T, n: u32) -> T {
    super::shl(a, n)
}
/// `a.wrapping_shr(n)`
#[inline(always)]
pub fn wrapping_shr<T: Int>(a: T, n: u32) -> T {
    super::shr(a, n)
}
/// `a.saturating_add(b)`
#[inline(always)]
pub fn saturating_add<T: IntMethods>(a: T, b: T) -> T {
    a.saturating_add(b)
}
/// `a.saturating_sub(b)`
#[inline(always)]
pub fn saturating_sub<T: IntMethods>(a: T, b: T) -> T {
    a.saturating_sub(b)
}
/// `a.abs_diff(b)`
#[inline(always)]
pub fn abs_diff<T: IntMethods>(a: T, b: T) -> T::Distance {
    a.abs_diff(b)
}
/// `a.unsigned_abs()`
#[inline(always)]
pub fn unsigned_abs(a: i32) -> u32 {
    a.unsigned_abs()
}
/// `a.count_ones()`
#[inline(always)]
pub fn count_ones<T: Int>(a: T) -> u32 {
    a.bits().count_ones()
}
/// `a.count_zeros()`
#[inline(always)]
pub fn count_zeros<T: Int>(a: T) -> u32 {
    a.bits().count_zeros()
}
/// `a.leading_zeros()`
#[inline(always)]
pub fn leading_zeros<T: Int>(a: T) -> u32 {
    a.bits().leading_zeros()
}
/// `a.trailing_zeros()`
#[inline(always)]
pub fn trailing_zeros<T: Int>(a: T) -> u32 {
    a.bits().trailing_zeros()
}
/// `a.rotate_left(n)`
#[inline(always)]
pub fn rotate_left<T: Int>(a: T, n: u32) -> T {
    T::of_bits(a.bits().rotate_left(n & 31))
}
/// `a.rotate_right(n)`
#[inline(always)]
pub fn rotate_right<T: Int>(a: T, n: u32) -> T {
    T::of_bits(a.bits().rotate_right(n & 31))
}
/// `a.reverse_bits()`
#[inline(always)]
pub fn reverse_bits<T: Int>(a: T) -> T {
    T::of_bits(a.bits().reverse_bits())
}
/// `a.swap_bytes()`
#[inline(always)]
pub fn swap_bytes<T: Int>(a: T) -> T {
    T::of_bits(a.bits().swap_bytes())
}
/// `a.pow(n)`, wrapping.
#[inline(always)]
pub fn pow<T: Int>(a: T, n: u32) -> T {
    // Modulo 2^32 the bits of a product do not depend on the sign.
    T::of_bits(a.bits().wrapping_pow(n))
}
/// `a.is_power_of_two()`
#[inline(always)]
pub fn is_power_of_two<T: Int>(a: T) -> bool {
    a.bits().is_power_of_two()
}
