//! `inspect`.

use super::adapter::{adapter, op_consumer, op_producer};
use super::plumbing::{Consumer, Folder, Producer, ProducerCallback, UnindexedConsumer};
use super::{IndexedParallelIterator, ParallelIterator};

adapter! {
    /// Shows each item to a function in passing; see [`ParallelIterator::inspect`].
    Inspect
}

impl<I, F> Inspect<I, F> {
    pub(super) fn new(base: I, op: F) -> Self {
        Inspect { base, op }
    }
}

impl<I, F> ParallelIterator for Inspect<I, F>
where
    I: ParallelIterator,
    F: Fn(&I::Item) + Sync + Send,
{
    type Item = I::Item;
    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<I::Item>,
    {
        self.base.drive_unindexed(InspectConsumer { base: consumer, op: &self.op })
    }
    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<I, F> IndexedParallelIterator for Inspect<I, F>
where
    I: IndexedParallelIterator,
    F: Fn(&I::Item) + Sync + Send,
{
    fn drive<C>(self, consumer: C) -> C::Result
    where
        C: Consumer<I::Item>,
    {
        self.base.drive(InspectConsumer { base: consumer, op: &self.op })
    }
    fn len(&self) -> usize {
        self.base.len()
    }
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<I::Item>,
    {
        self.base.with_producer(Callback { callback, op: self.op })
    }
}

op_producer!(InspectProducer, [T], T => T, std::iter::Inspect<P::IntoIter, &'f F>, |iter, op| iter.inspect(op),
    F: Fn(&T) + Sync + Send);
op_consumer!(InspectConsumer, InspectFolder, [T], T => T, F: Fn(&T) + Sync);

impl<C, F, T> Folder<T> for InspectFolder<'_, C, F>
where
    C: Folder<T>,
    F: Fn(&T),
{
    type Result = C::Result;
    #[inline(always)]
    fn consume(self, item: T) -> Self {
        (self.op)(&item);
        InspectFolder { base: self.base.consume(item), op: self.op }
    }
    #[inline(always)]
    fn consume_iter<I>(self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        InspectFolder { base: self.base.consume_iter(iter.into_iter().inspect(self.op)), op: self.op }
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
