//! Feeds a large kernel whole blocks of a slice; see [`crate::kernel::chunk`].

use std::mem::ManuallyDrop;

use super::kind::{is, is_value};
use super::plumbing::Folder;
use crate::kernel::chunk;

/// Elements per block: 2 KiB of results, which stay in L1 until the next stage reads them.
const BLOCK: usize = 512;

/// The values of a block. Its own type, so that the next stage of a chain recognises a slice again.
///
/// Only made for `T` that are f32, u32 or i32 by another name (the compiler knows no bound for it), so reading a value
/// through a shared reference copies it.
pub(super) struct Values<'a, T>(std::slice::Iter<'a, T>);

impl<'a, T> Values<'a, T> {
    /// `None` unless T is U.
    #[inline(always)]
    fn new<U: Copy + 'static>(values: &'a [U]) -> Option<Self> {
        if !is::<T, U>() {
            return None;
        }
        // SAFETY: T and U are one type.
        let values: &'a [T] = unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) };
        Some(Values(values.iter()))
    }
}

impl<T> Iterator for Values<'_, T> {
    type Item = T;
    #[inline(always)]
    fn next(&mut self) -> Option<T> {
        // SAFETY: T is a type that is `Copy` (see `new`).
        self.0.next().map(|value| unsafe { std::ptr::read(value) })
    }
    #[inline(always)]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
    #[inline(always)]
    fn fold<B, G: FnMut(B, T) -> B>(self, init: B, mut f: G) -> B {
        // SAFETY: T is a type that is `Copy` (see `new`).
        self.0.fold(init, |acc, value| f(acc, unsafe { std::ptr::read(value) }))
    }
}
impl<T> DoubleEndedIterator for Values<'_, T> {
    #[inline(always)]
    fn next_back(&mut self) -> Option<T> {
        // SAFETY: T is a type that is `Copy` (see `new`).
        self.0.next_back().map(|value| unsafe { std::ptr::read(value) })
    }
}
impl<T> ExactSizeIterator for Values<'_, T> {}

/// Consumes `iter` mapped by a function of type `F` if the iterator is over a slice of numbers and the function a large
/// kernel; hands both back otherwise. Which it is folds at compile time, but for one lookup per leaf.
#[inline(always)]
pub(super) fn consume<C, F, T, R, It>(folder: C, iter: It) -> Result<C, (C, It)>
where
    C: Folder<R>,
    It: Iterator<Item = T>,
{
    macro_rules! pairs {
        ($($t:ty => $($r:ty)*;)*) => {$($(
            if is_value::<T, $t>() && is::<R, $r>() && (is::<It, std::slice::Iter<'static, $t>>() || is::<It, Values<'static, $t>>()) {
                let Some(found) = chunk::find::<F, $t, $r>() else { return Err((folder, iter)) };
                return Ok(run::<C, $t, $r, R>(folder, elements::<It, $t>(iter), found));
            }
        )*)*};
    }
    pairs!(f32 => f32 u32 i32; u32 => f32 u32 i32; i32 => f32 u32 i32;);
    Err((folder, iter))
}

/// The slice that the iterator still has to go through.
#[inline(always)]
fn elements<'a, It, T: 'static>(iter: It) -> &'a [T] {
    let iter = ManuallyDrop::new(iter);
    if is::<It, std::slice::Iter<'static, T>>() {
        // SAFETY: It is `slice::Iter<'x, T>`; a caller holds the iterator's slice for longer than its leaf runs, and the
        // result does not leave `consume`.
        let iter: std::slice::Iter<'a, T> = unsafe { std::mem::transmute_copy(&iter) };
        iter.as_slice()
    } else {
        // SAFETY: else It is `Values<'x, T>`, as the caller found; as above.
        let values: Values<'a, T> = unsafe { std::mem::transmute_copy(&iter) };
        values.0.as_slice()
    }
}

fn run<C, T, U, R>(mut folder: C, input: &[T], found: chunk::Found<T, U>) -> C
where
    C: Folder<R>,
    T: Copy + 'static,
    U: Copy + Default + 'static,
{
    let mut block = [U::default(); BLOCK];
    for part in input.chunks(BLOCK) {
        if folder.full() {
            break;
        }
        match Values::new(found.run(part, &mut block)) {
            Some(values) => folder = folder.consume_iter::<Values<'_, R>>(values),
            None => unreachable!("the caller found that R is U"),
        }
    }
    folder
}
