//! `zip`.

use super::adapter::driven_by_bridge;
use super::plumbing::{Consumer, Producer, ProducerCallback, bridge};
use super::{IndexedParallelIterator, ParallelIterator};
use crate::index::Space;
use crate::kernel::pipe::{Operand, Pipe};

/// Yields pairs, until the shorter side ends; see [`IndexedParallelIterator::zip`].
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Zip<A, B> {
    pub(super) a: A,
    pub(super) b: B,
}

impl<A, B> ParallelIterator for Zip<A, B>
where
    A: IndexedParallelIterator,
    B: IndexedParallelIterator,
{
    type Item = (A::Item, B::Item);
    driven_by_bridge!();
    fn is_kernel_chain(&self) -> bool {
        self.is_describable() && (self.a.is_kernel_chain() || self.b.is_kernel_chain())
    }
    fn is_describable(&self) -> bool {
        self.a.is_describable() && self.b.is_describable()
    }
    fn describe(&self) -> Option<Pipe<'_>> {
        Some(merge(self.a.describe()?, self.b.describe()?))
    }
}

/// Both pipes side by side: the right one's buffers and stages come after the left one's.
fn merge<'p>(mut a: Pipe<'p>, b: Pipe<'p>) -> Pipe<'p> {
    let (buffers, stages) = (a.buffers.len(), a.stages.len());
    let shift = |operand: &Operand| shifted(operand, buffers, stages);
    a.buffers.extend(b.buffers);
    a.stages.extend(b.stages.into_iter().map(|mut stage| {
        stage.args = stage.args.iter().map(shift).collect();
        stage
    }));
    a.result = Operand::Tuple(vec![a.result, shift(&b.result)]);
    // Indexed iterators are one-dimensional.
    a.space = Space([a.space.0[0].min(b.space.0[0]), 1, 1]);
    a
}

fn shifted(operand: &Operand, buffers: usize, stages: usize) -> Operand {
    match operand {
        Operand::Element(n) => Operand::Element(n + buffers),
        Operand::Whole(n) => Operand::Whole(n + buffers),
        Operand::Stage(n) => Operand::Stage(n + stages),
        Operand::Tuple(parts) => Operand::Tuple(parts.iter().map(|part| shifted(part, buffers, stages)).collect()),
        same @ (Operand::Uniform(_) | Operand::Index | Operand::Position(..)) => same.clone(),
    }
}

impl<A, B> IndexedParallelIterator for Zip<A, B>
where
    A: IndexedParallelIterator,
    B: IndexedParallelIterator,
{
    fn drive<C>(self, consumer: C) -> C::Result
    where
        C: Consumer<Self::Item>,
    {
        bridge(self, consumer)
    }
    fn len(&self) -> usize {
        self.a.len().min(self.b.len())
    }
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<Self::Item>,
    {
        self.a.with_producer(First { callback, b: self.b })
    }
}

struct First<CB, B> {
    callback: CB,
    b: B,
}
impl<CB, T, B> ProducerCallback<T> for First<CB, B>
where
    B: IndexedParallelIterator,
    CB: ProducerCallback<(T, B::Item)>,
{
    type Output = CB::Output;
    fn callback<P>(self, a: P) -> CB::Output
    where
        P: Producer<Item = T>,
    {
        self.b.with_producer(Second { callback: self.callback, a })
    }
}

struct Second<CB, P> {
    callback: CB,
    a: P,
}
impl<CB, U, P> ProducerCallback<U> for Second<CB, P>
where
    P: Producer,
    CB: ProducerCallback<(P::Item, U)>,
{
    type Output = CB::Output;
    fn callback<Q>(self, b: Q) -> CB::Output
    where
        Q: Producer<Item = U>,
    {
        self.callback.callback(ZipProducer { a: self.a, b })
    }
}

struct ZipProducer<A, B> {
    a: A,
    b: B,
}
impl<A: Producer, B: Producer> Producer for ZipProducer<A, B> {
    type Item = (A::Item, B::Item);
    type IntoIter = std::iter::Zip<A::IntoIter, B::IntoIter>;
    #[inline(always)]
    fn into_iter(self) -> Self::IntoIter {
        self.a.into_iter().zip(self.b.into_iter())
    }
    fn min_len(&self) -> usize {
        self.a.min_len().max(self.b.min_len())
    }
    fn max_len(&self) -> usize {
        self.a.max_len().min(self.b.max_len())
    }
    #[inline(always)]
    fn split_at(self, index: usize) -> (Self, Self) {
        let (a, a2) = self.a.split_at(index);
        let (b, b2) = self.b.split_at(index);
        (ZipProducer { a, b }, ZipProducer { a: a2, b: b2 })
    }
    #[inline(always)]
    fn is_numeric(&self) -> bool {
        self.a.is_numeric() && self.b.is_numeric()
    }
}
