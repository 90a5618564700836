//! `cloned`.

use super::map::MapConsumer;
use super::plumbing::{Consumer, Producer, ProducerCallback, UnindexedConsumer};
use super::{IndexedParallelIterator, ParallelIterator};
use crate::kernel::pipe::Pipe;

/// Yields copies of the items behind references; see [`ParallelIterator::cloned`].
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Cloned<I> {
    pub(super) base: I,
}

impl<'a, T, I> ParallelIterator for Cloned<I>
where
    I: ParallelIterator<Item = &'a T>,
    T: Clone + Send + Sync + 'a,
{
    type Item = T;
    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<T>,
    {
        self.base.drive_unindexed(MapConsumer { base: consumer, op: &T::clone })
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

impl<'a, T, I> IndexedParallelIterator for Cloned<I>
where
    I: IndexedParallelIterator<Item = &'a T>,
    T: Clone + Send + Sync + 'a,
{
    fn drive<C>(self, consumer: C) -> C::Result
    where
        C: Consumer<T>,
    {
        self.base.drive(MapConsumer { base: consumer, op: &T::clone })
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
    T: Clone + Send + 'a,
{
    type Output = CB::Output;
    fn callback<P>(self, base: P) -> CB::Output
    where
        P: Producer<Item = &'a T>,
    {
        self.callback.callback(ClonedProducer { base })
    }
}

struct ClonedProducer<P> {
    base: P,
}
impl<'a, T, P> Producer for ClonedProducer<P>
where
    P: Producer<Item = &'a T>,
    T: Clone + 'a,
{
    type Item = T;
    type IntoIter = std::iter::Cloned<P::IntoIter>;
    #[inline(always)]
    fn into_iter(self) -> Self::IntoIter {
        self.base.into_iter().cloned()
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
        (ClonedProducer { base: left }, ClonedProducer { base: right })
    }
    #[inline(always)]
    fn is_numeric(&self) -> bool {
        self.base.is_numeric()
    }
}
