//! [`ParallelIterator`].

use std::cmp::Ordering;
use std::iter::{Product, Sum};

use super::plumbing::UnindexedConsumer;
#[allow(clippy::wildcard_imports)] // the trait names every adapter
use super::*;
use crate::kernel::pipe::Pipe;

/// An iterator whose items may be visited by several threads at once. Lazy: nothing runs before a terminal operation.
///
/// ```
/// use veda::iter::*;
/// let squares: Vec<u64> = (0..1000u64).into_par_iter().map(|x| x * x).filter(|x| x % 3 == 0).collect();
/// assert_eq!(squares[2], 36);
/// ```
pub trait ParallelIterator: Sized + Send {
    /// What it yields.
    type Item: Send;

    /// Runs it into a consumer.
    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<Self::Item>;

    /// The number of items, if it is known; then `drive_unindexed` calls the consumer as an indexed one.
    fn opt_len(&self) -> Option<usize> {
        None
    }

    /// Whether [`describe`](Self::describe) may succeed and a kernel is in the chain. One hash lookup per closure at
    /// most; asks the outermost adapter first, allocates nothing.
    #[doc(hidden)]
    fn is_kernel_chain(&self) -> bool {
        false
    }

    /// Whether this is a buffer, a position or kernels over them.
    #[doc(hidden)]
    fn is_describable(&self) -> bool {
        false
    }

    /// The chain as data, for a device.
    #[doc(hidden)]
    fn describe(&self) -> Option<Pipe<'_>> {
        None
    }

    /// Calls `op` with each item.
    fn for_each<OP>(self, op: OP)
    where
        OP: Fn(Self::Item) + Sync + Send,
    {
        for_each::for_each(self, &op);
    }

    /// Yields `op` of each item.
    fn map<F, R>(self, op: F) -> Map<Self, F>
    where
        F: Fn(Self::Item) -> R + Sync + Send,
        R: Send,
    {
        Map::new(self, op)
    }

    /// Yields the items behind references, copied.
    fn copied<'a, T>(self) -> Copied<Self>
    where
        T: 'a + Copy + Send,
        Self: ParallelIterator<Item = &'a T>,
    {
        Copied { base: self }
    }

    /// Yields the items behind references, cloned.
    fn cloned<'a, T>(self) -> Cloned<Self>
    where
        T: 'a + Clone + Send,
        Self: ParallelIterator<Item = &'a T>,
    {
        Cloned { base: self }
    }

    /// Calls `op` with a reference to each item on its way.
    fn inspect<OP>(self, op: OP) -> Inspect<Self, OP>
    where
        OP: Fn(&Self::Item) + Sync + Send,
    {
        Inspect::new(self, op)
    }

    /// Lets `op` change each item on its way.
    fn update<F>(self, op: F) -> Update<Self, F>
    where
        F: Fn(&mut Self::Item) + Sync + Send,
    {
        Update::new(self, op)
    }

    /// Keeps the items for which the predicate holds.
    fn filter<P>(self, predicate: P) -> Filter<Self, P>
    where
        P: Fn(&Self::Item) -> bool + Sync + Send,
    {
        Filter::new(self, predicate)
    }

    /// Keeps what `op` makes of each item, if anything.
    fn filter_map<P, R>(self, op: P) -> FilterMap<Self, P>
    where
        P: Fn(Self::Item) -> Option<R> + Sync + Send,
        R: Send,
    {
        FilterMap::new(self, op)
    }

    /// Yields the items of the sequential iterators that `op` makes.
    fn flat_map_iter<F, SI>(self, op: F) -> FlatMapIter<Self, F>
    where
        F: Fn(Self::Item) -> SI + Sync + Send,
        SI: IntoIterator,
        SI::Item: Send,
    {
        FlatMapIter::new(self, op)
    }

    /// Folds each piece and yields one result per piece.
    fn fold<T, ID, F>(self, identity: ID, op: F) -> Fold<Self, ID, F>
    where
        F: Fn(T, Self::Item) -> T + Sync + Send,
        ID: Fn() -> T + Sync + Send,
        T: Send,
    {
        Fold::new(self, identity, op)
    }

    /// Joins all items with an associative `op`. Results of small plain types (`f64`, a struct of floats) have the same
    /// bits for any number of threads: the tree depends on the length alone.
    fn reduce<OP, ID>(self, identity: ID, op: OP) -> Self::Item
    where
        OP: Fn(Self::Item, Self::Item) -> Self::Item + Sync + Send,
        ID: Fn() -> Self::Item + Sync + Send,
    {
        reduce::reduce(self, &identity, &op)
    }

    /// Joins all items with an associative `op`; `None` if there is none. Reproducible as [`reduce`](Self::reduce).
    fn reduce_with<OP>(self, op: OP) -> Option<Self::Item>
    where
        OP: Fn(Self::Item, Self::Item) -> Self::Item + Sync + Send,
    {
        reduce::reduce_with(self, &op)
    }

    /// Adds the items. Float sums have the same bits for any number of threads. Integer sums of a chain of kernels
    /// wrap, as kernels do; other integer sums overflow as Rust's `Sum` does.
    fn sum<S>(self) -> S
    where
        S: Send + Sum<Self::Item> + Sum<S>,
    {
        total::sum(self)
    }

    /// Multiplies the items; otherwise as [`sum`](Self::sum).
    fn product<P>(self) -> P
    where
        P: Send + Product<Self::Item> + Product<P>,
    {
        total::product(self)
    }

    /// The number of items.
    fn count(self) -> usize {
        count::count(self)
    }

    /// The smallest item; the first of equals.
    fn min(self) -> Option<Self::Item>
    where
        Self::Item: Ord,
    {
        min_max::min(self)
    }

    /// The largest item; the last of equals.
    fn max(self) -> Option<Self::Item>
    where
        Self::Item: Ord,
    {
        min_max::max(self)
    }

    /// The smallest item by a comparison; the first of equals.
    fn min_by<F>(self, f: F) -> Option<Self::Item>
    where
        F: Sync + Send + Fn(&Self::Item, &Self::Item) -> Ordering,
    {
        self.reduce_with(|a, b| if f(&a, &b) == Ordering::Greater { b } else { a })
    }

    /// The largest item by a comparison; the last of equals.
    fn max_by<F>(self, f: F) -> Option<Self::Item>
    where
        F: Sync + Send + Fn(&Self::Item, &Self::Item) -> Ordering,
    {
        self.reduce_with(|a, b| if f(&a, &b) == Ordering::Greater { a } else { b })
    }

    /// The item with the smallest key; the first of equals.
    fn min_by_key<K, F>(self, f: F) -> Option<Self::Item>
    where
        K: Ord + Send,
        F: Sync + Send + Fn(&Self::Item) -> K,
    {
        let keyed = self.map(|item| (f(&item), item));
        keyed.reduce_with(|a, b| if a.0 > b.0 { b } else { a }).map(|(_, item)| item)
    }

    /// The item with the largest key; the last of equals.
    fn max_by_key<K, F>(self, f: F) -> Option<Self::Item>
    where
        K: Ord + Send,
        F: Sync + Send + Fn(&Self::Item) -> K,
    {
        let keyed = self.map(|item| (f(&item), item));
        keyed.reduce_with(|a, b| if a.0 > b.0 { a } else { b }).map(|(_, item)| item)
    }

    /// Some item for which the predicate holds. Stops early.
    fn find_any<P>(self, predicate: P) -> Option<Self::Item>
    where
        P: Fn(&Self::Item) -> bool + Sync + Send,
    {
        find::find_any(self.filter(predicate))
    }

    /// The first item for which the predicate holds. Stops early.
    fn find_first<P>(self, predicate: P) -> Option<Self::Item>
    where
        P: Fn(&Self::Item) -> bool + Sync + Send,
    {
        find::find_first(self.filter(predicate))
    }

    /// Some result that `op` makes of an item. Stops early.
    fn find_map_any<P, R>(self, op: P) -> Option<R>
    where
        P: Fn(Self::Item) -> Option<R> + Sync + Send,
        R: Send,
    {
        find::find_any(self.filter_map(op))
    }

    /// The first result that `op` makes of an item. Stops early.
    fn find_map_first<P, R>(self, op: P) -> Option<R>
    where
        P: Fn(Self::Item) -> Option<R> + Sync + Send,
        R: Send,
    {
        find::find_first(self.filter_map(op))
    }

    /// Whether the predicate holds for an item. Stops early.
    fn any<P>(self, predicate: P) -> bool
    where
        P: Fn(Self::Item) -> bool + Sync + Send,
    {
        any_all::any(self.map(predicate))
    }

    /// Whether the predicate holds for every item. Stops early.
    fn all<P>(self, predicate: P) -> bool
    where
        P: Fn(Self::Item) -> bool + Sync + Send,
    {
        any_all::all(self.map(predicate))
    }

    /// Collects the items, in order.
    fn collect<C>(self) -> C
    where
        C: FromParallelIterator<Self::Item>,
    {
        C::from_par_iter(self)
    }

    /// Collects pairs into two collections, in order.
    fn unzip<A, B, FromA, FromB>(self) -> (FromA, FromB)
    where
        Self: ParallelIterator<Item = (A, B)>,
        FromA: Default + Send + ParallelExtend<A>,
        FromB: Default + Send + ParallelExtend<B>,
        A: Send,
        B: Send,
    {
        collect::unzip(self)
    }
}
