//! `fold`.

use super::ParallelIterator;
use super::kind::is_order_sensitive;
use super::plumbing::{Consumer, Folder, UnindexedConsumer};

/// Folds each piece and yields one result per piece; see [`ParallelIterator::fold`].
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone)]
pub struct Fold<I, ID, F> {
    base: I,
    identity: ID,
    op: F,
}

impl<I, ID, F> Fold<I, ID, F> {
    pub(super) fn new(base: I, identity: ID, op: F) -> Self {
        Fold { base, identity, op }
    }
}

impl<I: std::fmt::Debug, ID, F> std::fmt::Debug for Fold<I, ID, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fold").field("base", &self.base).finish_non_exhaustive()
    }
}

impl<I, ID, F, U> ParallelIterator for Fold<I, ID, F>
where
    I: ParallelIterator,
    ID: Fn() -> U + Sync + Send,
    F: Fn(U, I::Item) -> U + Sync + Send,
    U: Send,
{
    type Item = U;
    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<U>,
    {
        self.base.drive_unindexed(FoldConsumer { base: consumer, identity: &self.identity, op: &self.op })
    }
}

struct FoldConsumer<'f, C, ID, F> {
    base: C,
    identity: &'f ID,
    op: &'f F,
}

impl<'f, T, U, C, ID, F> Consumer<T> for FoldConsumer<'f, C, ID, F>
where
    C: Consumer<U>,
    ID: Fn() -> U + Sync,
    F: Fn(U, T) -> U + Sync,
    U: Send,
{
    type Folder = FoldFolder<'f, C::Folder, U, F>;
    type Reducer = C::Reducer;
    type Result = C::Result;
    fn split_at(self, index: usize) -> (Self, Self, C::Reducer) {
        let (left, right, reducer) = self.base.split_at(index);
        (FoldConsumer { base: left, ..self }, FoldConsumer { base: right, ..self }, reducer)
    }
    #[inline(always)]
    fn into_folder(self) -> Self::Folder {
        FoldFolder { base: self.base.into_folder(), acc: (self.identity)(), op: self.op }
    }
    #[inline(always)]
    fn full(&self) -> bool {
        self.base.full()
    }
    #[inline(always)]
    fn fixed_tree(&self) -> bool {
        is_order_sensitive::<U>() || self.base.fixed_tree()
    }
}

impl<T, U, C, ID, F> UnindexedConsumer<T> for FoldConsumer<'_, C, ID, F>
where
    C: UnindexedConsumer<U>,
    ID: Fn() -> U + Sync,
    F: Fn(U, T) -> U + Sync,
    U: Send,
{
    fn split_off_left(&self) -> Self {
        FoldConsumer { base: self.base.split_off_left(), identity: self.identity, op: self.op }
    }
    fn to_reducer(&self) -> C::Reducer {
        self.base.to_reducer()
    }
}

struct FoldFolder<'f, C, U, F> {
    base: C,
    acc: U,
    op: &'f F,
}

impl<T, U, C, F> Folder<T> for FoldFolder<'_, C, U, F>
where
    C: Folder<U>,
    F: Fn(U, T) -> U,
{
    type Result = C::Result;
    #[inline(always)]
    fn consume(self, item: T) -> Self {
        FoldFolder { base: self.base, acc: (self.op)(self.acc, item), op: self.op }
    }
    #[inline(always)]
    fn consume_iter<I>(self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        let FoldFolder { base, mut acc, op } = self;
        if base.stops() {
            for item in iter {
                acc = op(acc, item);
                if base.full() {
                    break;
                }
            }
        } else {
            acc = iter.into_iter().fold(acc, op);
        }
        FoldFolder { base, acc, op }
    }
    #[inline(always)]
    fn complete(self) -> C::Result {
        self.base.consume(self.acc).complete()
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
