//! The scalar types that kernels read from and write to buffers.

use veda_kernels_ir::ast::{Ty, Value};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for u32 {}
    impl Sealed for i32 {}
    impl Sealed for bool {}
    impl Sealed for usize {}
}

/// A scalar that a kernel may capture, take as a constant or as a uniform: f32, u32, i32, bool, usize (modulo 2^32).
pub trait Value32: Copy + Send + Sync + 'static + sealed::Sealed {
    /// Its type in the kernel language.
    const TY: Ty;
    /// As a run-time value.
    fn value(self) -> Value;
}

/// A scalar that a kernel returns or reads from a buffer: f32, u32, i32, bool.
pub trait Scalar: Value32 + Default {
    /// From the 32 bits that a device wrote.
    fn from_bits(bits: u32) -> Self;
}

macro_rules! value32 {
    ($t:ty, $ty:ident, $x:ident => $value:expr) => {
        impl Value32 for $t {
            const TY: Ty = Ty::$ty;
            #[inline]
            fn value(self) -> Value {
                let $x = self;
                Value::$ty($value)
            }
        }
    };
}
value32!(f32, F32, x => x);
value32!(u32, U32, x => x);
value32!(i32, I32, x => x);
value32!(bool, Bool, x => x);
value32!(usize, Usize, x => x as u32);

impl Scalar for f32 {
    #[inline]
    fn from_bits(bits: u32) -> f32 {
        f32::from_bits(bits)
    }
}
impl Scalar for u32 {
    #[inline]
    fn from_bits(bits: u32) -> u32 {
        bits
    }
}
impl Scalar for i32 {
    #[inline]
    fn from_bits(bits: u32) -> i32 {
        bits as i32
    }
}
impl Scalar for bool {
    #[inline]
    fn from_bits(bits: u32) -> bool {
        bits != 0
    }
}
