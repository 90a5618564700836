//! `map`.

use super::adapter::{adapter, op_consumer, op_producer};
use super::blocks;
use super::plumbing::{Consumer, Folder, Producer, ProducerCallback, UnindexedConsumer};
use super::{IndexedParallelIterator, ParallelIterator};
use crate::kernel::pipe::{Operand, Pipe, Stage, StageKind};
use crate::kernel::registry;

adapter! {
    /// Yields what a function makes of each item; see [`ParallelIterator::map`].
    Map
}

impl<I, F> Map<I, F> {
    pub(super) fn new(base: I, op: F) -> Self {
        Map { base, op }
    }
}

/// Appends the kernel that `op` is to a pipe.
pub(super) fn push_stage<'p, F>(mut pipe: Pipe<'p>, kind: StageKind, op: &F) -> Option<Pipe<'p>> {
    let (desc, captures) = registry::find(op)?;
    pipe.stages.push(Stage { kind, desc, captures, args: vec![pipe.result.clone()] });
    if kind == StageKind::Map {
        pipe.result = Operand::Stage(pipe.stages.len() - 1);
    }
    Some(pipe)
}

impl<I, F, R> ParallelIterator for Map<I, F>
where
    I: ParallelIterator,
    F: Fn(I::Item) -> R + Sync + Send,
    R: Send,
{
    type Item = R;
    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<R>,
    {
        self.base.drive_unindexed(MapConsumer { base: consumer, op: &self.op })
    }
    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
    fn is_kernel_chain(&self) -> bool {
        registry::find(&self.op).is_some() && self.base.is_describable()
    }
    fn is_describable(&self) -> bool {
        self.is_kernel_chain()
    }
    fn describe(&self) -> Option<Pipe<'_>> {
        push_stage(self.base.describe()?, StageKind::Map, &self.op)
    }
}

impl<I, F, R> IndexedParallelIterator for Map<I, F>
where
    I: IndexedParallelIterator,
    F: Fn(I::Item) -> R + Sync + Send,
    R: Send,
{
    fn drive<C>(self, consumer: C) -> C::Result
    where
        C: Consumer<R>,
    {
        self.base.drive(MapConsumer { base: consumer, op: &self.op })
    }
    fn len(&self) -> usize {
        self.base.len()
    }
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<R>,
    {
        self.base.with_producer(Callback { callback, op: self.op })
    }
}

op_producer!(MapProducer, [T, R], T => R, std::iter::Map<P::IntoIter, &'f F>, |iter, op| iter.map(op),
    F: Fn(T) -> R + Sync + Send, R: Send);
op_consumer!(MapConsumer, MapFolder, [T, R], T => R, F: Fn(T) -> R + Sync, R: Send);

impl<C, F, T, R> Folder<T> for MapFolder<'_, C, F>
where
    C: Folder<R>,
    F: Fn(T) -> R,
{
    type Result = C::Result;
    #[inline(always)]
    fn consume(self, item: T) -> Self {
        MapFolder { base: self.base.consume((self.op)(item)), op: self.op }
    }
    #[inline(always)]
    fn consume_iter<I>(self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        let base = match blocks::consume::<_, F, T, R, _>(self.base, iter.into_iter()) {
            Ok(base) => base,
            Err((base, iter)) => base.consume_iter(iter.map(self.op)),
        };
        MapFolder { base, op: self.op }
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
