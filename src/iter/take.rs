//! `take`.

use super::adapter::driven_by_bridge;
use super::plumbing::{Consumer, Producer, ProducerCallback, bridge};
use super::{IndexedParallelIterator, ParallelIterator};
use crate::index::Space;
use crate::kernel::pipe::Pipe;

/// Yields the first items; see [`IndexedParallelIterator::take`].
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Take<I> {
    pub(super) base: I,
    pub(super) n: usize,
}

impl<I> ParallelIterator for Take<I>
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
        let mut pipe = self.base.describe()?;
        let n = u32::try_from(self.n).unwrap_or(u32::MAX);
        pipe.space = Space([pipe.space.0[0].min(n), 1, 1]);
        Some(pipe)
    }
}

impl<I> IndexedParallelIterator for Take<I>
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
        self.n.min(self.base.len())
    }
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<Self::Item>,
    {
        let n = self.len();
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
        self.callback.callback(base.split_at(self.n).0)
    }
}
