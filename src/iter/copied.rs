//! `copied`.

use super::map::MapConsumer;
use super::plumbing::{Consumer, Producer, ProducerCallback, UnindexedConsumer};
use super::{IndexedParallelIterator, ParallelIterator};
use crate::kernel::pipe::Pipe;

/// Yields copies of the items behind references; see [`ParallelIterator::copied`].
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Copied<I> {
    pub(super) base: I,
}

impl<'a, T, I> ParallelIterator for Copied<I>
where
    I: ParallelIterator<Item = &'a T>,
    T: Copy + Send + Sync + 'a,
{
    type Item = T;
    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<T>,
    {
        self.base.drive_unindexed(MapConsumer { base: consumer, op: &copy::<T> })
    }
    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
    fn is_kernel_chain(&self) -> bool {
        self.base.is_kernel_chain()
    }
    fn is_describable(&self) -> bool {
        self.base.is_describable()
    }
    fn describe(&self) -> Option<Pipe<'_>> {
        self.base.describe()
    }
}

#[inline(always)]
fn copy<T: Copy>(item: &T) -> T {
    *item
}

impl<'a, T, I> IndexedParallelIterator for Copied<I>
where
    I: IndexedParallelIterator<Item = &'a T>,
    T: Copy + Send + Sync + 'a,
{
    fn drive<C>(self, consumer: C) -> C::Result
    where
        C: Consumer<T>,
    {
        self.base.drive(MapConsumer { base: consumer, op: &copy::<T> })
    }
    fn len(&self) -> usize {
        self.base.len()
    }
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<T>,
    {
        self.base.with_producer(Callback { callback })
    }
}

struct Callback<CB> {
    callback: CB,
}
impl<'a, T, CB> ProducerCallback<&'a T> for Callback<CB>
where
    CB: ProducerCallback<T>,
    T: Copy + Send + 'a,
{
    type Output = CB::Output;
    fn callback<P>(self, base: P) -> CB::Output
    where
        P: Producer<Item = &'a T>,
    {
        self.callback.callback(CopiedProducer { base })
    }
}

struct CopiedProducer<P> {
    base: P,
}
impl<'a, T, P> Producer for CopiedProducer<P>
where
    P: Producer<Item = &'a T>,
    T: Copy + 'a,
{
    type Item = T;
    type IntoIter = std::iter::Copied<P::IntoIter>;
    #[inline(always)]
    fn into_iter(self) -> Self::IntoIter {
        self.base.into_iter().copied()
    }
    fn min_len(&self) -> usize {
        self.base.min_len()
    }
    fn max_len(&self) -> usize {
        self.base.max_len()
    }
    #[inline(always)]
    fn split_at(self, index: usize) -> (Self, Self) {
        let (left, right) = self.base.split_at(index);
        (CopiedProducer { base: left }, CopiedProducer { base: right })
    }
    #[inline(always)]
    fn is_numeric(&self) -> bool {
        self.base.is_numeric()
    }
}
