//! Parallel iterators over ranges of integers.

use std::ops::{Range, RangeInclusive};

use crate::index::Space;
use crate::iter::plumbing::{Producer, ProducerCallback, UnindexedConsumer, bridge};
use crate::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator, kind};
use crate::kernel::pipe::{Operand, Pipe};
use crate::source::indexed_source;
use veda_kernels_ir::ast::{Ty, Value};

/// Iterates over a range.
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Iter<T> {
    range: Range<T>,
}

/// A range of u32, i32 or usize as positions.
fn describe(ty: Ty, start: Value, len: usize) -> Option<Pipe<'static>> {
    let len = u32::try_from(len).ok()?;
    Some(Pipe {
        buffers: Vec::new(),
        stages: Vec::new(),
        result: Operand::Position(ty, start),
        space: Space([len, 1, 1]),
    })
}

/// An integer whose ranges iterate in parallel. One implementation of `ParallelIterator` for all of them, whose item *is*
/// the type parameter: so `(0..1000).into_par_iter().map(|x| x * 2).sum::<i32>()` infers its integer as Rayon's does.
pub trait RangeInteger: sealed::Sealed + Copy + Send + Sync + 'static {
    #[doc(hidden)]
    fn drive<C: UnindexedConsumer<Self>>(iter: Iter<Self>, consumer: C) -> C::Result;
    #[doc(hidden)]
    fn drive_inclusive<C: UnindexedConsumer<Self>>(iter: Inclusive<Self>, consumer: C) -> C::Result;
    #[doc(hidden)]
    fn count(iter: &Iter<Self>) -> usize;
    #[doc(hidden)]
    fn count_inclusive(iter: &Inclusive<Self>) -> usize;
    #[doc(hidden)]
    fn first(iter: &Iter<Self>) -> Option<(Ty, Value)>;
}

mod sealed {
    pub trait Sealed {}
}

impl<T: RangeInteger> IntoParallelIterator for Range<T> {
    type Iter = Iter<T>;
    type Item = T;
    fn into_par_iter(self) -> Iter<T> {
        Iter { range: self }
    }
}

impl<T: RangeInteger> ParallelIterator for Iter<T> {
    type Item = T;
    fn drive_unindexed<C: UnindexedConsumer<T>>(self, consumer: C) -> C::Result {
        T::drive(self, consumer)
    }
    fn opt_len(&self) -> Option<usize> {
        Some(T::count(self))
    }
    fn is_describable(&self) -> bool {
        kind::is::<T, u32>() || kind::is::<T, i32>() || kind::is::<T, usize>()
    }
    fn describe(&self) -> Option<Pipe<'_>> {
        let (ty, start) = T::first(self)?;
        describe(ty, start, T::count(self))
    }
}

impl<T: RangeInteger> IntoParallelIterator for RangeInclusive<T> {
    type Iter = Inclusive<T>;
    type Item = T;
    fn into_par_iter(self) -> Inclusive<T> {
        Inclusive { range: self }
    }
}

impl<T: RangeInteger> ParallelIterator for Inclusive<T> {
    type Item = T;
    fn drive_unindexed<C: UnindexedConsumer<T>>(self, consumer: C) -> C::Result {
        T::drive_inclusive(self, consumer)
    }
    fn opt_len(&self) -> Option<usize> {
        Some(T::count_inclusive(self))
    }
}

macro_rules! ranges {
    ($($t:ty: $iter:ty = $into:expr;)*) => {$(
        impl sealed::Sealed for $t {}
        impl RangeInteger for $t {
            fn drive<C: UnindexedConsumer<$t>>(iter: Iter<$t>, consumer: C) -> C::Result {
                bridge(iter, consumer)
            }
            fn drive_inclusive<C: UnindexedConsumer<$t>>(iter: Inclusive<$t>, consumer: C) -> C::Result {
                bridge(iter, consumer)
            }
            fn count(iter: &Iter<$t>) -> usize {
                iter.len()
            }
            fn count_inclusive(iter: &Inclusive<$t>) -> usize {
                iter.len()
            }
            fn first(iter: &Iter<$t>) -> Option<(Ty, Value)> {
                let start = iter.range.start;
                if kind::is::<$t, u32>() {
                    Some((Ty::U32, Value::U32(start as u32)))
                } else if kind::is::<$t, i32>() {
                    Some((Ty::I32, Value::I32(start as i32)))
                } else if kind::is::<$t, usize>() {
                    // Kernels count modulo 2^32; a range that goes beyond means something else there.
                    u32::try_from(iter.range.end).ok()?;
                    Some((Ty::Usize, Value::Usize(start as u32)))
                } else {
                    None
                }
            }
        }

        impl IndexedParallelIterator for Iter<$t> {
            indexed_source!();
            fn len(&self) -> usize {
                let Range { start, end } = self.range;
                if end <= start {
                    return 0;
                }
                // Two's complement: the difference is right even where it does not fit the type.
                let len = (end as i128 - start as i128) as u128;
                match usize::try_from(len) {
                    Ok(len) => len,
                    Err(_) => panic!("range of {len} items is longer than usize::MAX"),
                }
            }
            fn with_producer<CB>(self, callback: CB) -> CB::Output
            where
                CB: ProducerCallback<$t>,
            {
                let Range { start, end } = self.range;
                callback.callback(RangeProducer { range: start..end.max(start) })
            }
        }

        impl Producer for RangeProducer<$t> {
            type Item = $t;
            type IntoIter = $iter;
            #[inline(always)]
            fn into_iter(self) -> Self::IntoIter {
                let range = self.range;
                $into(range)
            }
            #[inline(always)]
            fn split_at(self, index: usize) -> (Self, Self) {
                let Range { start, end } = self.range;
                let mid = start.wrapping_add(index as $t);
                (RangeProducer { range: start..mid }, RangeProducer { range: mid..end })
            }
            #[inline(always)]
            fn is_numeric(&self) -> bool {
                true
            }
        }
    )*};
}
ranges! {
    u8: Range<u8> = |range| range;
    u16: Range<u16> = |range| range;
    u32: Range<u32> = |range| range;
    usize: Range<usize> = |range| range;
    i8: Range<i8> = |range| range;
    i16: Range<i16> = |range| range;
    i32: Range<i32> = |range| range;
    isize: Range<isize> = |range| range;
    u64: Counted<u64> = |r: Range<u64>| Counted { start: r.start, positions: 0..r.end.wrapping_sub(r.start) as usize };
    i64: Counted<i64> = |r: Range<i64>| Counted { start: r.start, positions: 0..r.end.wrapping_sub(r.start) as usize };
}

struct RangeProducer<T> {
    range: Range<T>,
}

/// `start`, `start + 1`, ... at these positions: a range that knows its exact length, which the standard library's does
/// not for 64-bit and for inclusive ranges.
#[derive(Clone, Debug)]
struct Counted<T> {
    start: T,
    positions: Range<usize>,
}

/// Iterates over an inclusive range.
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Inclusive<T> {
    range: RangeInclusive<T>,
}

macro_rules! counted {
    ($($t:ty),*) => {$(
        impl Iterator for Counted<$t> {
            type Item = $t;
            #[inline(always)]
            fn next(&mut self) -> Option<$t> {
                self.positions.next().map(|i| self.start.wrapping_add(i as $t))
            }
            #[inline(always)]
            fn size_hint(&self) -> (usize, Option<usize>) {
                self.positions.size_hint()
            }
            #[inline(always)]
            fn fold<B, F: FnMut(B, $t) -> B>(self, init: B, mut f: F) -> B {
                self.positions.fold(init, |acc, i| f(acc, self.start.wrapping_add(i as $t)))
            }
        }
        impl DoubleEndedIterator for Counted<$t> {
            #[inline(always)]
            fn next_back(&mut self) -> Option<$t> {
                self.positions.next_back().map(|i| self.start.wrapping_add(i as $t))
            }
        }
        impl ExactSizeIterator for Counted<$t> {}

        impl Producer for Counted<$t> {
            type Item = $t;
            type IntoIter = Self;
            #[inline(always)]
            fn into_iter(self) -> Self {
                self
            }
            #[inline(always)]
            fn split_at(self, index: usize) -> (Self, Self) {
                let Range { start, end } = self.positions;
                let mid = start + index;
                (
                    Counted { start: self.start, positions: start..mid },
                    Counted { start: self.start, positions: mid..end },
                )
            }
            #[inline(always)]
            fn is_numeric(&self) -> bool {
                true
            }
        }

        impl IndexedParallelIterator for Inclusive<$t> {
            indexed_source!();
            fn len(&self) -> usize {
                if self.range.is_empty() {
                    return 0;
                }
                let len = (*self.range.end() as i128 - *self.range.start() as i128) as u128 + 1;
                match usize::try_from(len) {
                    Ok(len) => len,
                    Err(_) => panic!("range of {len} items is longer than usize::MAX"),
                }
            }
            fn with_producer<CB>(self, callback: CB) -> CB::Output
            where
                CB: ProducerCallback<$t>,
            {
                let positions = 0..self.len();
                callback.callback(Counted { start: *self.range.start(), positions })
            }
        }
    )*};
}
counted!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);
