//! [`IndexedParallelIterator`].

use super::plumbing::{Consumer, ProducerCallback};
#[allow(clippy::wildcard_imports)] // the trait names every adapter
use super::*;

/// A parallel iterator that knows its exact length and can be cut at any index.
#[allow(clippy::len_without_is_empty)] // Rayon's trait
pub trait IndexedParallelIterator: ParallelIterator {
    /// Runs it into a consumer.
    fn drive<C>(self, consumer: C) -> C::Result
    where
        C: Consumer<Self::Item>;

    /// The number of items.
    fn len(&self) -> usize;

    /// Hands its producer to a callback.
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<Self::Item>;

    /// Collects into `target`, which is cleared first; its allocation is used again.
    fn collect_into_vec(self, target: &mut Vec<Self::Item>) {
        collect::into_vec(self, target);
    }

    /// Yields pairs of items, until the shorter side ends.
    fn zip<Z>(self, other: Z) -> Zip<Self, Z::Iter>
    where
        Z: IntoParallelIterator,
        Z::Iter: IndexedParallelIterator,
    {
        Zip { a: self, b: other.into_par_iter() }
    }

    /// Yields pairs of position and item.
    fn enumerate(self) -> Enumerate<Self> {
        Enumerate { base: self }
    }

    /// Yields vectors of `size` consecutive items; the last may be shorter.
    ///
    /// # Panics
    /// If `size` is 0.
    fn chunks(self, size: usize) -> Chunks<Self> {
        assert!(size != 0, "chunk_size must not be zero");
        Chunks { base: self, size }
    }

    /// Yields every `step`-th item, from the first.
    ///
    /// # Panics
    /// If `step` is 0.
    fn step_by(self, step: usize) -> StepBy<Self> {
        assert!(step != 0, "step must not be zero");
        StepBy { base: self, step }
    }

    /// Skips the first `n` items.
    fn skip(self, n: usize) -> Skip<Self> {
        Skip { base: self, n }
    }

    /// Yields the first `n` items.
    fn take(self, n: usize) -> Take<Self> {
        Take { base: self, n }
    }

    /// Yields the items from the last to the first.
    fn rev(self) -> Rev<Self> {
        Rev { base: self }
    }

    /// Threads get at least `min` items at once.
    fn with_min_len(self, min: usize) -> MinLen<Self> {
        MinLen { base: self, n: min }
    }

    /// Threads get at most `max` items at once. Does not change the tree of a reproducible reduction.
    fn with_max_len(self, max: usize) -> MaxLen<Self> {
        MaxLen { base: self, n: max }
    }

    /// The position of some item for which the predicate holds.
    fn position_any<P>(self, predicate: P) -> Option<usize>
    where
        P: Fn(Self::Item) -> bool + Sync + Send,
    {
        self.map(predicate).enumerate().find_any(|&(_, hit)| hit).map(|(at, _)| at)
    }

    /// The position of the first item for which the predicate holds.
    fn position_first<P>(self, predicate: P) -> Option<usize>
    where
        P: Fn(Self::Item) -> bool + Sync + Send,
    {
        self.map(predicate).enumerate().find_first(|&(_, hit)| hit).map(|(at, _)| at)
    }
}
