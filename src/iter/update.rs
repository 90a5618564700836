//! `update`.

use super::adapter::{adapter, op_consumer, op_producer};
use super::plumbing::{Consumer, Folder, Producer, ProducerCallback, UnindexedConsumer};
use super::{IndexedParallelIterator, ParallelIterator};

adapter! {
    /// Lets a function change each item in passing; see [`ParallelIterator::update`].
    Update
}

impl<I, F> Update<I, F> {
    pub(super) fn new(base: I, op: F) -> Self {
        Update { base, op }
    }
}

impl<I, F> ParallelIterator for Update<I, F>
where
    I: ParallelIterator,
    F: Fn(&mut I::Item) + Sync + Send,
{
    type Item = I::Item;
    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<I::Item>,
    {
        self.base.drive_unindexed(UpdateConsumer { base: consumer, op: &self.op })
    }
    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<I, F> IndexedParallelIterator for Update<I, F>
where
    I: IndexedParallelIterator,
    F: Fn(&mut I::Item) + Sync + Send,
{
    fn drive<C>(self, consumer: C) -> C::Result
    where
        C: Consumer<I::Item>,
    {
        self.base.drive(UpdateConsumer { base: consumer, op: &self.op })
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

op_producer!(UpdateProducer, [T], T => T, UpdateIter<'f, P::IntoIter, F>, |base, op| UpdateIter { base, op },
    F: Fn(&mut T) + Sync + Send);
op_consumer!(UpdateConsumer, UpdateFolder, [T], T => T, F: Fn(&mut T) + Sync);

struct UpdateIter<'f, I, F> {
    base: I,
    op: &'f F,
}

impl<I, F> Iterator for UpdateIter<'_, I, F>
where
    I: Iterator,
    F: Fn(&mut I::Item),
{
    type Item = I::Item;
    #[inline(always)]
    fn next(&mut self) -> Option<I::Item> {
        let mut item = self.base.next()?;
        (self.op)(&mut item);
        Some(item)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.base.size_hint()
    }
}

impl<I, F> DoubleEndedIterator for UpdateIter<'_, I, F>
where
    I: DoubleEndedIterator,
    F: Fn(&mut I::Item),
{
    #[inline(always)]
    fn next_back(&mut self) -> Option<I::Item> {
        let mut item = self.base.next_back()?;
        (self.op)(&mut item);
        Some(item)
    }
}

impl<I, F> ExactSizeIterator for UpdateIter<'_, I, F>
where
    I: ExactSizeIterator,
    F: Fn(&mut I::Item),
{
}

impl<C, F, T> Folder<T> for UpdateFolder<'_, C, F>
where
    C: Folder<T>,
    F: Fn(&mut T),
{
    type Result = C::Result;
    #[inline(always)]
    fn consume(self, item: T) -> Self {
        let mut item = item;
        (self.op)(&mut item);
        UpdateFolder { base: self.base.consume(item), op: self.op }
    }
    #[inline(always)]
    fn consume_iter<I>(self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        UpdateFolder {
            base: self.base.consume_iter(iter.into_iter().map(|mut item| {
                (self.op)(&mut item);
                item
            })),
            op: self.op,
        }
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
