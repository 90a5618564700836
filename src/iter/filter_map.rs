//! `filter_map`.

use super::ParallelIterator;
use super::adapter::{adapter, op_consumer};
use super::plumbing::{Consumer, Folder, UnindexedConsumer};

adapter! {
    /// Keeps what a function makes of each item, if anything; see [`ParallelIterator::filter_map`].
    FilterMap
}

impl<I, F> FilterMap<I, F> {
    pub(super) fn new(base: I, op: F) -> Self {
        FilterMap { base, op }
    }
}

impl<I, F, R> ParallelIterator for FilterMap<I, F>
where
    I: ParallelIterator,
    F: Fn(I::Item) -> Option<R> + Sync + Send,
    R: Send,
{
    type Item = R;
    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<R>,
    {
        self.base.drive_unindexed(FilterMapConsumer { base: consumer, op: &self.op })
    }
}

op_consumer!(FilterMapConsumer, FilterMapFolder, [T, R], T => R, F: Fn(T) -> Option<R> + Sync, R: Send);

impl<C, F, T, R> Folder<T> for FilterMapFolder<'_, C, F>
where
    C: Folder<R>,
    F: Fn(T) -> Option<R>,
{
    type Result = C::Result;
    #[inline(always)]
    fn consume(self, item: T) -> Self {
        match (self.op)(item) {
            Some(item) => FilterMapFolder { base: self.base.consume(item), op: self.op },
            None => self,
        }
    }
    #[inline(always)]
    fn consume_iter<I>(self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        if self.stops() {
            let mut folder = self;
            for item in iter {
                folder = folder.consume(item);
                if folder.full() {
                    break;
                }
            }
            return folder;
        }
        FilterMapFolder { base: self.base.consume_iter(iter.into_iter().filter_map(self.op)), op: self.op }
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
