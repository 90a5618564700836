//! `for_each`.

use super::ParallelIterator;
use super::plumbing::{Consumer, Folder, NoopReducer, UnindexedConsumer};

pub(super) fn for_each<I, F>(iter: I, op: &F)
where
    I: ParallelIterator,
    F: Fn(I::Item) + Sync,
{
    iter.drive_unindexed(ForEach { op });
}

struct ForEach<'f, F> {
    op: &'f F,
}

impl<T, F: Fn(T) + Sync> Consumer<T> for ForEach<'_, F> {
    type Folder = Self;
    type Reducer = NoopReducer;
    type Result = ();
    fn split_at(self, _: usize) -> (Self, Self, NoopReducer) {
        (ForEach { op: self.op }, self, NoopReducer)
    }
    #[inline(always)]
    fn into_folder(self) -> Self {
        self
    }
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
}

impl<T, F: Fn(T) + Sync> UnindexedConsumer<T> for ForEach<'_, F> {
    fn split_off_left(&self) -> Self {
        ForEach { op: self.op }
    }
    fn to_reducer(&self) -> NoopReducer {
        NoopReducer
    }
}

impl<T, F: Fn(T)> Folder<T> for ForEach<'_, F> {
    type Result = ();
    #[inline(always)]
    fn consume(self, item: T) -> Self {
        (self.op)(item);
        self
    }
    #[inline(always)]
    fn consume_iter<I>(self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        iter.into_iter().for_each(self.op);
        self
    }
    #[inline(always)]
    fn complete(self) {}
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
    #[inline(always)]
    fn stops(&self) -> bool {
        false
    }
}
