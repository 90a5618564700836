//! Questions about types that are answered while the code is generated: [`key`] folds to a constant, so each `if` below
//! leaves one branch.

use std::any::TypeId;
use std::mem::{ManuallyDrop, needs_drop};

use crate::kernel::registry::key;

/// Whether `A`, with its lifetimes erased, is `B`.
#[inline(always)]
pub(crate) fn is<A: ?Sized, B: ?Sized + 'static>() -> bool {
    key::<A>() == TypeId::of::<B>()
}

/// `a` as a `B` if that is its type.
#[inline(always)]
pub(crate) fn cast<A, B: 'static>(a: A) -> Result<B, A> {
    if is::<A, B>() {
        let a = ManuallyDrop::new(a);
        // SAFETY: A and B are one type (B has no lifetimes that could differ); `a` is not used or dropped again.
        Ok(unsafe { std::mem::transmute_copy::<ManuallyDrop<A>, B>(&a) })
    } else {
        Err(a)
    }
}

/// `b` as an `A` if that is its type.
#[inline(always)]
pub(crate) fn uncast<A, B: 'static>(b: B) -> Option<A> {
    if !is::<A, B>() {
        return None;
    }
    let b = ManuallyDrop::new(b);
    // SAFETY: A and B are one type; `b` is not used or dropped again.
    Some(unsafe { std::mem::transmute_copy::<ManuallyDrop<B>, A>(&b) })
}

/// Whether an item is a `V` or a `&V`.
#[inline(always)]
pub(crate) fn is_value<T, V: 'static>() -> bool {
    is::<T, V>() || is::<T, &'static V>()
}

/// The number in an item that [`is_value`]; `None` for other items.
#[inline(always)]
pub(crate) fn value<T, V: Copy + 'static>(item: T) -> Option<V> {
    if is::<T, V>() {
        cast(item).ok()
    } else if is::<T, &'static V>() {
        // SAFETY: T is `&'x V` for some 'x, a thin pointer to a live V.
        Some(unsafe { *std::mem::transmute_copy::<T, *const V>(&item) })
    } else {
        None
    }
}

/// A view of a slice whose element type is `B`.
#[inline(always)]
pub(crate) fn slice<A, B: 'static>(slice: &[A]) -> Option<&[B]> {
    if !is::<A, B>() {
        return None;
    }
    // SAFETY: A and B are one type.
    Some(unsafe { std::slice::from_raw_parts(slice.as_ptr().cast(), slice.len()) })
}

/// Whether `T` is a primitive number or `bool`.
#[inline(always)]
pub(crate) fn is_number<T>() -> bool {
    macro_rules! any {
        ($($t:ty)*) => { false $(|| is::<T, $t>())* };
    }
    any!(f32 f64 u8 u16 u32 u64 usize i8 i16 i32 i64 isize bool)
}

/// Whether results of this type are combined along the fixed tree: small plain data that is not an integer, such as
/// `f64`, `(f32, f32)` or a vector struct. Integers do not show the order; accumulators with a destructor (`Vec`,
/// `HashMap`) are expensive to start, so they keep the adaptive tree with its fewer leaves.
#[inline(always)]
pub(crate) fn is_order_sensitive<T>() -> bool {
    if needs_drop::<T>() || size_of::<T>() > 128 || size_of::<T>() == 0 {
        return false;
    }
    macro_rules! none {
        ($($t:ty)*) => { true $(&& !is::<T, $t>() && !is::<T, Option<$t>>())* };
    }
    none!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize bool char)
}
