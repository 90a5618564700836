//! `as`, saturating, in a form that vectorises.

use crate::kernel::scalar::Value32;

/// `self as D`
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be cast to `{D}` in a kernel")]
pub trait CastTo<D>: Value32 {
    /// Converts.
    fn cast(self) -> D;
}

/// `x as D`
#[inline(always)]
pub fn cast<S: CastTo<D>, D>(x: S) -> D {
    x.cast()
}

macro_rules! plain {
    ($($s:ident as $($d:ident)*;)*) => {$($(
        impl CastTo<$d> for $s {
            #[inline(always)]
            fn cast(self) -> $d {
                self as $d
            }
        }
    )*)*};
}
plain! {
    u32 as f32 u32 i32 usize;
    i32 as f32 u32 i32;
    bool as u32 i32 usize;
    f32 as f32;
}
macro_rules! through_u32 {
    ($($s:ident as $($d:ident)*;)*) => {$($(
        impl CastTo<$d> for $s {
            #[inline(always)]
            fn cast(self) -> $d {
                self as u32 as $d
            }
        }
    )*)*};
}
// A kernel's usize is 32-bit: -1 as usize is 2^32 - 1.
through_u32! {
    i32 as usize;
    usize as f32 u32 i32 usize;
}

impl CastTo<i32> for f32 {
    #[inline(always)]
    fn cast(self) -> i32 {
        float_to_int(self)
    }
}
impl CastTo<u32> for f32 {
    #[inline(always)]
    fn cast(self) -> u32 {
        float_to_uint(self)
    }
}
impl CastTo<usize> for f32 {
    #[inline(always)]
    fn cast(self) -> usize {
        float_to_uint(self) as usize
    }
}

/// `x as i32`. The compiler does not vectorise its own saturating cast (1.45 ns per element against 0.26 ns on AVX-512).
#[inline(always)]
fn float_to_int(x: f32) -> i32 {
    let low = if x > -2147483648.0 { x } else { -2147483648.0 };
    let clamped = if low < 2147483520.0 { low } else { 2147483520.0 };
    // SAFETY: `clamped` is between -2^31 and 2147483520, the largest f32 below 2^31; a NaN fails `x > ..` and became
    // -2^31.
    let int = unsafe { clamped.to_int_unchecked::<i32>() };
    let int = if x >= 2147483648.0 { i32::MAX } else { int };
    if x.is_nan() { 0 } else { int }
}

/// `x as u32`, by way of i32, which every instruction set converts to.
#[inline(always)]
fn float_to_uint(x: f32) -> u32 {
    let low = if x > 0.0 { x } else { 0.0 };
    let clamped = if low < 4294967040.0 { low } else { 4294967040.0 };
    let high = clamped >= 2147483648.0;
    let reduced = if high { clamped - 2147483648.0 } else { clamped };
    // SAFETY: `clamped` is between 0 and 4294967040, the largest f32 below 2^32 (NaN became 0); less 2^31 where it is
    // at least that (exact: both are multiples of 128), it is at least 0 and below 2^31.
    let int = unsafe { reduced.to_int_unchecked::<i32>() } as u32;
    let int = if high { int ^ 0x8000_0000 } else { int };
    if x >= 4294967296.0 { u32::MAX } else { int }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_equal_rusts() {
        // Every 1009th bit pattern covers all exponents and both signs; the edges are added by hand.
        let edges = [0.0f32, -0.0, 0.99999994, -0.99999994, 2147483520.0, 2147483648.0, -2147483648.0, -2147483904.0];
        let more = [4294967040.0f32, 4294967296.0, f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX];
        let grid = (0..=u32::MAX).step_by(1009).map(f32::from_bits);
        for x in grid.chain(edges).chain(more) {
            assert_eq!(cast::<f32, i32>(x), x as i32, "{x:e} as i32");
            assert_eq!(cast::<f32, u32>(x), x as u32, "{x:e} as u32");
            assert_eq!(cast::<f32, usize>(x), x as u32 as usize, "{x:e} as usize");
        }
    }
}
