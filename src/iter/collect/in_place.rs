//! Collecting a known number of items straight into their final place.

use std::marker::PhantomData;
use std::mem::{MaybeUninit, forget, needs_drop};

use crate::iter::ParallelIterator;
use crate::iter::plumbing::{Consumer, Folder, Reducer, UnindexedConsumer};

/// Appends exactly `len` items to `vec`.
///
/// # Panics
/// If the iterator yields more or fewer items than it said.
pub(super) fn append<T, I>(vec: &mut Vec<T>, len: usize, iter: I)
where
    T: Send,
    I: ParallelIterator<Item = T>,
{
    drive(vec, len, |consumer| iter.drive_unindexed(consumer));
}

/// As [`append`], for whoever drives the consumer.
pub(super) fn drive<T, F>(vec: &mut Vec<T>, len: usize, drive: F)
where
    T: Send,
    F: FnOnce(InPlace<'_, T>) -> Written<'_, T>,
{
    vec.reserve(len);
    let start = vec.len();
    let written = drive(InPlace { slots: &mut vec.spare_capacity_mut()[..len] });
    let count = written.init;
    assert!(count == len, "expected {len} total writes, but got {count}");
    forget(written);
    // SAFETY: `written` says that the first `len` slots behind the vector's items are initialised; it was forgotten, so
    // the vector is now their only owner. `reserve` made room for them.
    unsafe { vec.set_len(start + len) };
}

/// The slots that a piece must fill.
pub(super) struct InPlace<'c, T> {
    slots: &'c mut [MaybeUninit<T>],
}

/// Filled slots: `init` from `start` on. Owns the items until it is forgotten or merged.
pub(super) struct Written<'c, T> {
    start: *mut T,
    init: usize,
    lifetime: PhantomData<&'c mut [T]>,
}

// SAFETY: it owns values of T in slots that nobody else touches for 'c.
unsafe impl<T: Send> Send for Written<'_, T> {}

impl<T> Drop for Written<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the first `init` slots from `start` are initialised and owned by `self`.
        unsafe { std::ptr::slice_from_raw_parts_mut(self.start, self.init).drop_in_place() };
    }
}

pub(super) struct Join;
impl<'c, T> Reducer<Written<'c, T>> for Join {
    fn reduce(self, mut left: Written<'c, T>, right: Written<'c, T>) -> Written<'c, T> {
        // SAFETY: `start + init` is at most one past the slots of `left`, which are one allocation.
        let end = unsafe { left.start.add(left.init) };
        // Not adjacent if the left piece ended early: the right items are dropped and the count will not fit.
        if std::ptr::eq(end, right.start) {
            left.init += right.init;
            forget(right);
        }
        left
    }
}

impl<'c, T: Send + 'c> Consumer<T> for InPlace<'c, T> {
    type Folder = InPlaceFolder<'c, T>;
    type Reducer = Join;
    type Result = Written<'c, T>;
    fn split_at(self, index: usize) -> (Self, Self, Join) {
        let (left, right) = self.slots.split_at_mut(index);
        (InPlace { slots: left }, InPlace { slots: right }, Join)
    }
    #[inline(always)]
    fn into_folder(self) -> InPlaceFolder<'c, T> {
        let start = self.slots.as_mut_ptr().cast::<T>();
        InPlaceFolder { slots: self.slots, written: Written { start, init: 0, lifetime: PhantomData } }
    }
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
}

impl<'c, T: Send + 'c> UnindexedConsumer<T> for InPlace<'c, T> {
    fn split_off_left(&self) -> Self {
        unreachable!("an iterator with `opt_len` must drive its consumer as an indexed one")
    }
    fn to_reducer(&self) -> Join {
        Join
    }
}

pub(super) struct InPlaceFolder<'c, T> {
    /// The slots that are still empty.
    slots: &'c mut [MaybeUninit<T>],
    /// Those that are not. Drops them if the closure panics.
    written: Written<'c, T>,
}

impl<'c, T: Send + 'c> Folder<T> for InPlaceFolder<'c, T> {
    type Result = Written<'c, T>;
    #[inline(always)]
    fn consume(mut self, item: T) -> Self {
        let slots = std::mem::take(&mut self.slots);
        let Some((slot, rest)) = slots.split_first_mut() else { panic!("too many values pushed to consumer") };
        slot.write(item);
        self.slots = rest;
        self.written.init += 1;
        self
    }
    #[inline(always)]
    fn consume_iter<I>(mut self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        let iter = iter.into_iter();
        assert!(iter.size_hint().0 <= self.slots.len(), "too many values pushed to consumer");
        let slots = std::mem::take(&mut self.slots);
        let n = if needs_drop::<T>() {
            let before = self.written.init;
            let init = &mut self.written.init;
            slots.iter_mut().zip(iter).for_each(|(slot, item)| {
                slot.write(item);
                *init += 1;
            });
            self.written.init - before
        } else {
            // Nothing to drop if the closure panics, so nothing to count: the loop is free to be a vector loop.
            let mut n = 0;
            slots.iter_mut().zip(iter).for_each(|(slot, item)| {
                slot.write(item);
                n += 1;
            });
            self.written.init += n;
            n
        };
        self.slots = &mut slots[n..];
        self
    }
    #[inline(always)]
    fn complete(self) -> Written<'c, T> {
        self.written
    }
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
    #[inline(always)]
    fn stops(&self) -> bool {
        false
    }
}
