//! The operators of kernels on the CPU: what the macro writes in place of `+`, `as`, `[]`, with the semantics that
//! `veda_kernels_ir::ast` states. Everything here is total: no operator panics, whatever its operands.
//!
//! Float functions are written so that a loop over them vectorises: selects instead of branches and calls.

mod builtin;
mod cast;

pub use builtin::*;
pub use cast::*;

use super::scalar::{Scalar, Value32};

/// A number of the kernel language.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number of the kernel language",
    note = "arithmetic is available on `f32`, `u32`, `i32` and `usize`"
)]
pub trait Num: Value32 + PartialOrd {
    /// `a + b`
    fn add(self, b: Self) -> Self;
    /// `a - b`
    fn sub(self, b: Self) -> Self;
    /// `a * b`
    fn mul(self, b: Self) -> Self;
    /// `a / b`
    fn div(self, b: Self) -> Self;
    /// `a % b`
    fn rem(self, b: Self) -> Self;
}

/// An integer of the kernel language.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integer of the kernel language",
    note = "bit operations are available on `u32`, `i32` and `usize`"
)]
pub trait Int: Num + Ord {
    /// Its 32 bits.
    fn bits(self) -> u32;
    /// From 32 bits.
    fn of_bits(bits: u32) -> Self;
    /// Arithmetic for `i32`, logical else; `by` is below 32.
    fn shift_right(self, by: u32) -> Self;
}

/// A number with a sign.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no sign in the kernel language",
    note = "`-x` is available on `f32` and `i32`"
)]
pub trait Signed: Num {
    /// `-a`
    fn neg(self) -> Self;
}

/// What has `& | ^ !`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no bit operations in the kernel language",
    note = "`& | ^ !` are available on `u32`, `i32`, `usize` and `bool`"
)]
pub trait Bits: Value32 {
    /// `a & b`
    fn bit_and(self, b: Self) -> Self;
    /// `a | b`
    fn bit_or(self, b: Self) -> Self;
    /// `a ^ b`
    fn bit_xor(self, b: Self) -> Self;
    /// `!a`
    fn not(self) -> Self;
}

/// A scalar that comes in from outside: a constant or a parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of the kernel language",
    label = "not usable in a kernel",
    note = "constants of kernels are `f32`, `u32`, `i32`, `bool` or `usize`"
)]
pub trait Constant: Value32 {
    /// `usize` is 32-bit in kernels; everything else is itself.
    fn canonical(self) -> Self;
}

impl Num for f32 {
    #[inline(always)]
    fn add(self, b: f32) -> f32 {
        self + b
    }
    #[inline(always)]
    fn sub(self, b: f32) -> f32 {
        self - b
    }
    #[inline(always)]
    fn mul(self, b: f32) -> f32 {
        self * b
    }
    #[inline(always)]
    fn div(self, b: f32) -> f32 {
        self / b
    }
    #[inline(always)]
    fn rem(self, b: f32) -> f32 {
        self % b
    }
}

macro_rules! integers {
    ($($t:ident)*) => {$(
        impl Num for $t {
            #[inline(always)]
            fn add(self, b: $t) -> $t {
                self.wrapping_add(b)
            }
            #[inline(always)]
            fn sub(self, b: $t) -> $t {
                self.wrapping_sub(b)
            }
            #[inline(always)]
            fn mul(self, b: $t) -> $t {
                self.wrapping_mul(b)
            }
            #[inline(always)]
            fn div(self, b: $t) -> $t {
                self.wrapping_div(if b == 0 { 1 } else { b })
            }
            #[inline(always)]
            fn rem(self, b: $t) -> $t {
                self.wrapping_rem(if b == 0 { 1 } else { b })
            }
        }
        impl Int for $t {
            #[inline(always)]
            fn bits(self) -> u32 {
                self as u32
            }
            #[inline(always)]
            fn of_bits(bits: u32) -> $t {
                bits as $t
            }
            #[inline(always)]
            fn shift_right(self, by: u32) -> $t {
                self.wrapping_shr(by)
            }
        }
    )*};
}
integers!(u32 i32);

// Host usize is 64-bit on most targets; in kernels it is 32-bit, so each result is taken modulo 2^32.
impl Num for usize {
    #[inline(always)]
    fn add(self, b: usize) -> usize {
        Num::add(self as u32, b as u32) as usize
    }
    #[inline(always)]
    fn sub(self, b: usize) -> usize {
        Num::sub(self as u32, b as u32) as usize
    }
    #[inline(always)]
    fn mul(self, b: usize) -> usize {
        Num::mul(self as u32, b as u32) as usize
    }
    #[inline(always)]
    fn div(self, b: usize) -> usize {
        Num::div(self as u32, b as u32) as usize
    }
    #[inline(always)]
    fn rem(self, b: usize) -> usize {
        Num::rem(self as u32, b as u32) as usize
    }
}
impl Int for usize {
    #[inline(always)]
    fn bits(self) -> u32 {
        self as u32
    }
    #[inline(always)]
    fn of_bits(bits: u32) -> usize {
        bits as usize
    }
    #[inline(always)]
    fn shift_right(self, by: u32) -> usize {
        (self as u32).wrapping_shr(by) as usize
    }
}

impl Signed for f32 {
    #[inline(always)]
    fn neg(self) -> f32 {
        -self
    }
}
impl Signed for i32 {
    #[inline(always)]
    fn neg(self) -> i32 {
        self.wrapping_neg()
    }
}

macro_rules! bits {
    ($($t:ident: $not:expr),*) => {$(
        impl Bits for $t {
            #[inline(always)]
            fn bit_and(self, b: $t) -> $t {
                self & b
            }
            #[inline(always)]
            fn bit_or(self, b: $t) -> $t {
                self | b
            }
            #[inline(always)]
            fn bit_xor(self, b: $t) -> $t {
                self ^ b
            }
            #[inline(always)]
            fn not(self) -> $t {
                $not(self)
            }
        }
    )*};
}
bits!(u32: std::ops::Not::not, i32: std::ops::Not::not, bool: std::ops::Not::not, usize: |x: usize| !(x as u32) as usize);

macro_rules! constants {
    ($($t:ident)*) => {$(
        impl Constant for $t {
            #[inline(always)]
            fn canonical(self) -> $t {
                self
            }
        }
    )*};
}
constants!(f32 u32 i32 bool);
impl Constant for usize {
    #[inline(always)]
    fn canonical(self) -> usize {
        self as u32 as usize
    }
}

/// `a + b`
#[inline(always)]
pub fn add<T: Num>(a: T, b: T) -> T {
    a.add(b)
}
/// `a - b`
#[inline(always)]
pub fn sub<T: Num>(a: T, b: T) -> T {
    a.sub(b)
}
/// `a * b`
#[inline(always)]
pub fn mul<T: Num>(a: T, b: T) -> T {
    a.mul(b)
}
/// `a / b`; integers: `a / 0 == a`, `MIN / -1 == MIN`.
#[inline(always)]
pub fn div<T: Num>(a: T, b: T) -> T {
    a.div(b)
}
/// `a % b`; integers: `a % 0 == 0`, `MIN % -1 == 0`.
#[inline(always)]
pub fn rem<T: Num>(a: T, b: T) -> T {
    a.rem(b)
}
/// `-a`
#[inline(always)]
pub fn neg<T: Signed>(a: T) -> T {
    a.neg()
}
/// `!a`
#[inline(always)]
pub fn not<T: Bits>(a: T) -> T {
    a.not()
}
/// `a & b`
#[inline(always)]
pub fn bit_and<T: Bits>(a: T, b: T) -> T {
    a.bit_and(b)
}
/// `a | b`
#[inline(always)]
pub fn bit_or<T: Bits>(a: T, b: T) -> T {
    a.bit_or(b)
}
/// `a ^ b`
#[inline(always)]
pub fn bit_xor<T: Bits>(a: T, b: T) -> T {
    a.bit_xor(b)
}
/// `a << b`, the amount modulo 32.
#[inline(always)]
pub fn shl<T: Int, S: Int>(a: T, b: S) -> T {
    T::of_bits(a.bits().wrapping_shl(b.bits()))
}
/// `a >> b`, the amount modulo 32.
#[inline(always)]
pub fn shr<T: Int, S: Int>(a: T, b: S) -> T {
    a.shift_right(b.bits() & 31)
}

/// A constant or parameter as kernels see it.
#[inline(always)]
pub fn constant<T: Constant>(x: T) -> T {
    x.canonical()
}

/// Fixes the type of an operand.
#[inline(always)]
pub fn same<T>(x: T) -> T {
    x
}

/// The step of a loop; 0 counts as 1.
#[inline(always)]
pub fn step(n: usize) -> usize {
    Ord::max(n, 1)
}

/// `slice.len()`, modulo 2^32 (buffers are shorter: longer ones are an error before a kernel runs).
#[inline(always)]
pub fn len<T>(slice: &[T]) -> usize {
    slice.len() as u32 as usize
}

/// `slice[i]`: with `DEBUG` a panic beyond the end, else the last element; an empty slice yields zero.
///
/// # Panics
/// If `DEBUG` and `i >= slice.len()`.
#[inline(always)]
pub fn index<const DEBUG: bool, T: Scalar>(slice: &[T], i: usize, kernel: &'static str) -> T {
    if DEBUG {
        return match slice.get(i) {
            Some(&x) => x,
            None => out_of_bounds(kernel, i, slice.len()),
        };
    }
    // A minimum instead of a branch per access: the emptiness of the slice does not change in a loop, so what stays in
    // it is straight code, which vectorises.
    let Some(last) = slice.len().checked_sub(1) else { return T::default() };
    // SAFETY: `min(i, last)` is at most `len - 1`.
    unsafe { *slice.get_unchecked(Ord::min(i, last)) }
}

#[cold]
#[inline(never)]
fn out_of_bounds(kernel: &str, i: usize, len: usize) -> ! {
    panic!("kernel `{kernel}`: index {i} is out of bounds of a slice of {len}");
}
