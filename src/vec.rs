//! Parallel iterators over vectors, boxed slices and arrays, by value and by reference.

use std::mem::take;

use crate::iter::adapter::driven_by_bridge;
use crate::iter::plumbing::{Producer, ProducerCallback};
use crate::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use crate::kernel::pipe::Pipe;
use crate::source::{describe_slice, indexed_source, is_scalar};
use crate::{iter::kind, slice};

macro_rules! by_reference {
    ($([$($generics:tt)*] $t:ty;)*) => {$(
        impl<'data, T: Sync + 'data, $($generics)*> IntoParallelIterator for &'data $t {
            type Iter = slice::Iter<'data, T>;
            type Item = &'data T;
            fn into_par_iter(self) -> Self::Iter {
                <&[T]>::into_par_iter(self)
            }
        }
        impl<'data, T: Send + 'data, $($generics)*> IntoParallelIterator for &'data mut $t {
            type Iter = slice::IterMut<'data, T>;
            type Item = &'data mut T;
            fn into_par_iter(self) -> Self::Iter {
                <&mut [T]>::into_par_iter(self)
            }
        }
    )*};
}
by_reference! {
    [] Vec<T>;
    [] Box<[T]>;
    [const N: usize] [T; N];
}

/// Iterates over owned items.
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct IntoIter<T> {
    vec: Vec<T>,
}

impl<T: Send> IntoParallelIterator for Vec<T> {
    type Iter = IntoIter<T>;
    type Item = T;
    fn into_par_iter(self) -> IntoIter<T> {
        IntoIter { vec: self }
    }
}

impl<T: Send> IntoParallelIterator for Box<[T]> {
    type Iter = IntoIter<T>;
    type Item = T;
    fn into_par_iter(self) -> IntoIter<T> {
        IntoIter { vec: self.into_vec() }
    }
}

impl<T: Send, const N: usize> IntoParallelIterator for [T; N] {
    type Iter = IntoIter<T>;
    type Item = T;
    fn into_par_iter(self) -> IntoIter<T> {
        IntoIter { vec: Vec::from(self) }
    }
}

impl<T: Send> ParallelIterator for IntoIter<T> {
    type Item = T;
    driven_by_bridge!();
    fn is_describable(&self) -> bool {
        is_scalar::<T>()
    }
    fn describe(&self) -> Option<Pipe<'_>> {
        describe_slice(&self.vec)
    }
}

impl<T: Send> IndexedParallelIterator for IntoIter<T> {
    indexed_source!();
    fn len(&self) -> usize {
        self.vec.len()
    }
    fn with_producer<CB>(mut self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<T>,
    {
        let len = self.vec.len();
        // SAFETY: the items now belong to the producer, which moves each out or drops it; 0 is below any length. If
        // the producer is leaked the items are leaked, too.
        unsafe { self.vec.set_len(0) };
        // SAFETY: `len` items are initialised there, the vector no longer counts them, and `self.vec`, which owns the
        // allocation, outlives the callback.
        let slice = unsafe { std::slice::from_raw_parts_mut(self.vec.as_mut_ptr(), len) };
        callback.callback(Drain { slice })
    }
}

/// Items that are moved out of a vector; those left are dropped with it.
struct Drain<'data, T: Send> {
    slice: &'data mut [T],
}

impl<'data, T: Send + 'data> Producer for Drain<'data, T> {
    type Item = T;
    type IntoIter = DrainIter<'data, T>;
    #[inline(always)]
    fn into_iter(mut self) -> DrainIter<'data, T> {
        DrainIter { iter: take(&mut self.slice).iter_mut() }
    }
    #[inline(always)]
    fn split_at(mut self, index: usize) -> (Self, Self) {
        let (left, right) = take(&mut self.slice).split_at_mut(index);
        (Drain { slice: left }, Drain { slice: right })
    }
    #[inline(always)]
    fn is_numeric(&self) -> bool {
        kind::is_number::<T>()
    }
}

impl<T: Send> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        let left: &mut [T] = take(&mut self.slice);
        // SAFETY: the producer owns these items and gives up its only reference to them.
        unsafe { std::ptr::drop_in_place(left) };
    }
}

struct DrainIter<'data, T> {
    iter: std::slice::IterMut<'data, T>,
}

impl<T> Iterator for DrainIter<'_, T> {
    type Item = T;
    #[inline(always)]
    fn next(&mut self) -> Option<T> {
        let item = self.iter.next()?;
        // SAFETY: the iterator owns the items and visits each once; drop only sees those that it has not visited.
        Some(unsafe { std::ptr::read(item) })
    }
    #[inline(always)]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}

impl<T> DoubleEndedIterator for DrainIter<'_, T> {
    #[inline(always)]
    fn next_back(&mut self) -> Option<T> {
        let item = self.iter.next_back()?;
        // SAFETY: as in `next`.
        Some(unsafe { std::ptr::read(item) })
    }
}

impl<T> ExactSizeIterator for DrainIter<'_, T> {}

impl<T> Drop for DrainIter<'_, T> {
    fn drop(&mut self) {
        let left: &mut [T] = take(&mut self.iter).into_slice();
        // SAFETY: the iterator owns the items that it has not visited and gives up its only reference to them.
        unsafe { std::ptr::drop_in_place(left) };
    }
}
