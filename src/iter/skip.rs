//! `skip`.

use super::adapter::driven_by_bridge;
use super::plumbing::{Consumer, Producer, ProducerCallback, bridge};
use super::{IndexedParallelIterator, ParallelIterator};

/// Yields all items but the first; see [`IndexedParallelIterator::skip`].
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Skip<I> {
    pub(super) base: I,
    pub(super) n: usize,
}

impl<I> ParallelIterator for Skip<I>
where
    I: IndexedParallelIterator,
{
    type Item = I::Item;
    driven_by_bridge!();
}

impl<I> IndexedParallelIterator for Skip<I>
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
        self.base.len().saturating_sub(self.n)
    }
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<Self::Item>,
    {
        let n = self.n.min(self.base.len());
        self.base.with_producer(Callback { callback, n })
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
        // The items that are skipped are dropped, as producers of owned items must see to.
        self.callback.callback(base.split_at(self.n).1)
    }
}
