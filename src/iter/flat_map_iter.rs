//! `flat_map_iter`.

use super::ParallelIterator;
use super::adapter::{adapter, op_consumer};
use super::plumbing::{Consumer, Folder, UnindexedConsumer};

adapter! {
    /// Yields the items of the sequential iterators that a function makes; see [`ParallelIterator::flat_map_iter`].
    FlatMapIter
}

impl<I, F> FlatMapIter<I, F> {
    pub(super) fn new(base: I, op: F) -> Self {
        FlatMapIter { base, op }
    }
}

impl<I, F, SI> ParallelIterator for FlatMapIter<I, F>
where
    I: ParallelIterator,
    F: Fn(I::Item) -> SI + Sync + Send,
    SI: IntoIterator,
    SI::Item: Send,
{
    type Item = SI::Item;
    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<SI::Item>,
    {
        self.base.drive_unindexed(FlatMapIterConsumer { base: consumer, op: &self.op })
    }
}

op_consumer!(FlatMapIterConsumer, FlatMapIterFolder, [T, SI], T => SI::Item, F: Fn(T) -> SI + Sync, SI: IntoIterator,
    SI::Item: Send);

impl<C, F, T, SI> Folder<T> for FlatMapIterFolder<'_, C, F>
where
    C: Folder<SI::Item>,
    F: Fn(T) -> SI,
    SI: IntoIterator,
{
    type Result = C::Result;
    #[inline(always)]
    fn consume(self, item: T) -> Self {
        FlatMapIterFolder { base: self.base.consume_iter((self.op)(item)), op: self.op }
    }
    #[inline(always)]
    fn consume_iter<I>(self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        FlatMapIterFolder { base: self.base.consume_iter(iter.into_iter().flat_map(self.op)), op: self.op }
    }
    #[inline(always)]
    fn complete(self) -> C::Result {
        self.base.complete()
    }
    #[inline(always)]
    fn full(&self) -> bool {
        self.base.full()
    }
    #[inline(always)]
    fn stops(&self) -> bool {
        self.base.stops()
    }
}
