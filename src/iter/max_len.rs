//! `with_max_len`.

use super::adapter::driven_by_bridge;
use super::plumbing::{Consumer, Producer, ProducerCallback, bridge};
use super::{IndexedParallelIterator, ParallelIterator};
use crate::kernel::pipe::Pipe;

/// Sets the maximum length of the pieces that threads get; see [`IndexedParallelIterator::with_max_len`].
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct MaxLen<I> {
    pub(super) base: I,
    pub(super) n: usize,
}

impl<I> ParallelIterator for MaxLen<I>
where
    I: IndexedParallelIterator,
{
    type Item = I::Item;
    driven_by_bridge!();
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

impl<I> IndexedParallelIterator for MaxLen<I>
where
    I: IndexedParallelIterator,
{
    fn drive<C>(self, consumer: C) -> C::Result
    where
        C: Consumer<Self::Item>,
    {
        bridge(self, consumer)
    }
    fn len(&self) -> usize {
        self.base.len()
    }
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<Self::Item>,
    {
        self.base.with_producer(Callback { callback, n: self.n })
    }
}

struct Callback<CB> {
    callback: CB,
    n: usize,
}
impl<T, CB> ProducerCallback<T> for Callback<CB>
where
    CB: ProducerCallback<T>,
{
    type Output = CB::Output;
    fn callback<P>(self, base: P) -> CB::Output
    where
        P: Producer<Item = T>,
    {
        self.callback.callback(MaxLenProducer { base, n: self.n })
    }
}

struct MaxLenProducer<P> {
    base: P,
    n: usize,
}
impl<P: Producer> Producer for MaxLenProducer<P> {
    type Item = P::Item;
    type IntoIter = P::IntoIter;
    #[inline(always)]
    fn into_iter(self) -> P::IntoIter {
        self.base.into_iter()
    }
    fn max_len(&self) -> usize {
        self.n.min(self.base.max_len())
    }
    fn min_len(&self) -> usize {
        self.base.min_len()
    }
    #[inline(always)]
    fn split_at(self, index: usize) -> (Self, Self) {
        let (left, right) = self.base.split_at(index);
        (MaxLenProducer { base: left, n: self.n }, MaxLenProducer { base: right, n: self.n })
    }
    #[inline(always)]
    fn fold_with<F>(self, folder: F) -> F
    where
        F: super::plumbing::Folder<P::Item>,
    {
        self.base.fold_with(folder)
    }
    #[inline(always)]
    fn is_numeric(&self) -> bool {
        self.base.is_numeric()
    }
}
