//! `filter`.

use super::ParallelIterator;
use super::adapter::{adapter, op_consumer};
use super::map::push_stage;
use super::plumbing::{Consumer, Folder, UnindexedConsumer};
use crate::kernel::pipe::{Pipe, StageKind};
use crate::kernel::registry;

adapter! {
    /// Keeps the items for which a predicate holds; see [`ParallelIterator::filter`].
    Filter
}

impl<I, F> Filter<I, F> {
    pub(super) fn new(base: I, op: F) -> Self {
        Filter { base, op }
    }
}

impl<I, F> ParallelIterator for Filter<I, F>
where
    I: ParallelIterator,
    F: Fn(&I::Item) -> bool + Sync + Send,
{
    type Item = I::Item;
    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<I::Item>,
    {
        self.base.drive_unindexed(FilterConsumer { base: consumer, op: &self.op })
    }
    fn is_kernel_chain(&self) -> bool {
        registry::find(&self.op).is_some() && self.base.is_describable()
    }
    fn is_describable(&self) -> bool {
        self.is_kernel_chain()
    }
    fn describe(&self) -> Option<Pipe<'_>> {
        push_stage(self.base.describe()?, StageKind::Filter, &self.op)
    }
}

op_consumer!(FilterConsumer, FilterFolder, [T], T => T, F: Fn(&T) -> bool + Sync);

impl<C, F, T> Folder<T> for FilterFolder<'_, C, F>
where
    C: Folder<T>,
    F: Fn(&T) -> bool,
{
    type Result = C::Result;
    #[inline(always)]
    fn consume(self, item: T) -> Self {
        if (self.op)(&item) { FilterFolder { base: self.base.consume(item), op: self.op } } else { self }
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
        FilterFolder { base: self.base.consume_iter(iter.into_iter().filter(self.op)), op: self.op }
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
