//! `enumerate`.

use super::adapter::driven_by_bridge;
use super::plumbing::{Consumer, Producer, ProducerCallback, bridge};
use super::{IndexedParallelIterator, ParallelIterator};
use crate::kernel::pipe::{Operand, Pipe};
use veda_kernels_ir::ast::{Ty, Value};

/// Yields pairs of position and item; see [`IndexedParallelIterator::enumerate`].
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Enumerate<I> {
    pub(super) base: I,
}

impl<I> ParallelIterator for Enumerate<I>
where
    I: IndexedParallelIterator,
{
    type Item = (usize, I::Item);
    driven_by_bridge!();
    fn is_kernel_chain(&self) -> bool {
        self.base.is_kernel_chain()
    }
    fn is_describable(&self) -> bool {
        self.base.is_describable()
    }
    fn describe(&self) -> Option<Pipe<'_>> {
        let mut pipe = self.base.describe()?;
        pipe.result = Operand::Tuple(vec![Operand::Position(Ty::Usize, Value::Usize(0)), pipe.result]);
        Some(pipe)
    }
}

impl<I> IndexedParallelIterator for Enumerate<I>
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
        self.base.with_producer(Callback { callback })
    }
}

struct Callback<CB> {
    callback: CB,
}
impl<T, CB> ProducerCallback<T> for Callback<CB>
where
    CB: ProducerCallback<(usize, T)>,
{
    type Output = CB::Output;
    fn callback<P>(self, base: P) -> CB::Output
    where
        P: Producer<Item = T>,
    {
        self.callback.callback(EnumerateProducer { base, offset: 0 })
    }
}

struct EnumerateProducer<P> {
    base: P,
    offset: usize,
}
impl<P: Producer> Producer for EnumerateProducer<P> {
    type Item = (usize, P::Item);
    type IntoIter = std::iter::Zip<std::ops::Range<usize>, P::IntoIter>;
    #[inline(always)]
    fn into_iter(self) -> Self::IntoIter {
        let base = self.base.into_iter();
        // A range of the same length: `zip` may be walked from its end.
        (self.offset..self.offset + base.len()).zip(base)
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
        (
            EnumerateProducer { base: left, offset: self.offset },
            EnumerateProducer { base: right, offset: self.offset + index },
        )
    }
    #[inline(always)]
    fn is_numeric(&self) -> bool {
        self.base.is_numeric()
    }
}
