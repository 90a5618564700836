//! `find_any` and `find_first`: the first item that arrives, by time or by position.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ParallelIterator;
use super::plumbing::{Consumer, Folder, Reducer, UnindexedConsumer};

pub(super) fn find_any<I: ParallelIterator>(iter: I) -> Option<I::Item> {
    search(iter, false)
}

pub(super) fn find_first<I: ParallelIterator>(iter: I) -> Option<I::Item> {
    search(iter, true)
}

fn search<I: ParallelIterator>(iter: I, ordered: bool) -> Option<I::Item> {
    let best = AtomicUsize::new(usize::MAX);
    iter.drive_unindexed(Find { best: &best, from: Cell::new(0), to: usize::MAX, ordered })
}

/// Each piece owns a part `from..to` of an imaginary number line, halved at every split. `best` is the start of the
/// leftmost piece that has found something: pieces right of it stop, or all pieces if order does not matter.
struct Find<'b> {
    best: &'b AtomicUsize,
    from: Cell<usize>,
    to: usize,
    ordered: bool,
}

impl Find<'_> {
    /// After 63 splits in a row a part cannot be halved: both pieces then keep it, and neither stops the other.
    fn middle(&self) -> usize {
        let from = self.from.get();
        from + (self.to - from) / 2
    }
    fn stopped(&self) -> bool {
        let best = self.best.load(Ordering::Relaxed);
        if self.ordered { best < self.from.get() } else { best != usize::MAX }
    }
}

impl<'b, T: Send> Consumer<T> for Find<'b> {
    type Folder = FindFolder<'b, T>;
    type Reducer = LeftFirst;
    type Result = Option<T>;
    fn split_at(self, _: usize) -> (Self, Self, LeftFirst) {
        let left = UnindexedConsumer::<T>::split_off_left(&self);
        (left, self, LeftFirst)
    }
    fn into_folder(self) -> FindFolder<'b, T> {
        FindFolder { find: self, found: None }
    }
    fn full(&self) -> bool {
        self.stopped()
    }
}

impl<T: Send> UnindexedConsumer<T> for Find<'_> {
    fn split_off_left(&self) -> Self {
        let middle = self.middle();
        let left = Find { best: self.best, from: self.from.clone(), to: middle, ordered: self.ordered };
        self.from.set(middle);
        left
    }
    fn to_reducer(&self) -> LeftFirst {
        LeftFirst
    }
}

struct LeftFirst;
impl<T> Reducer<Option<T>> for LeftFirst {
    fn reduce(self, left: Option<T>, right: Option<T>) -> Option<T> {
        left.or(right)
    }
}

struct FindFolder<'b, T> {
    find: Find<'b>,
    found: Option<T>,
}

impl<T> Folder<T> for FindFolder<'_, T> {
    type Result = Option<T>;
    fn consume(mut self, item: T) -> Self {
        if self.found.is_none() {
            self.find.best.fetch_min(self.find.from.get(), Ordering::Relaxed);
            self.found = Some(item);
        }
        self
    }
    fn complete(self) -> Option<T> {
        self.found
    }
    fn full(&self) -> bool {
        self.found.is_some() || self.find.stopped()
    }
}
