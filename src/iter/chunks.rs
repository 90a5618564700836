//! `chunks`.

use super::adapter::driven_by_bridge;
use super::plumbing::{Consumer, Producer, ProducerCallback, bridge};
use super::{IndexedParallelIterator, ParallelIterator};

/// Yields vectors of consecutive items; see [`IndexedParallelIterator::chunks`].
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Chunks<I> {
    pub(super) base: I,
    pub(super) size: usize,
}

impl<I> ParallelIterator for Chunks<I>
where
    I: IndexedParallelIterator,
{
    type Item = Vec<I::Item>;
    driven_by_bridge!();
}

impl<I> IndexedParallelIterator for Chunks<I>
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
        self.base.len().div_ceil(self.size)
    }
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<Self::Item>,
    {
        let len = self.base.len();
        self.base.with_producer(Callback { callback, size: self.size, len })
    }
}

#[allow(clippy::struct_field_names)]
struct Callback<CB> {
    callback: CB,
    size: usize,
    len: usize,
}
impl<T, CB> ProducerCallback<T> for Callback<CB>
where
    CB: ProducerCallback<Vec<T>>,
    T: Send,
{
    type Output = CB::Output;
    fn callback<P>(self, base: P) -> CB::Output
    where
        P: Producer<Item = T>,
    {
        self.callback.callback(ChunksProducer { base, size: self.size, len: self.len })
    }
}

struct ChunksProducer<P> {
    base: P,
    size: usize,
    /// Items of `base`.
    len: usize,
}
impl<P: Producer> Producer for ChunksProducer<P> {
    type Item = Vec<P::Item>;
    type IntoIter = ChunksIter<P>;
    fn into_iter(self) -> Self::IntoIter {
        ChunksIter { base: Some(self.base), size: self.size, len: self.len }
    }
    fn min_len(&self) -> usize {
        self.base.min_len().div_ceil(self.size)
    }
    fn max_len(&self) -> usize {
        (self.base.max_len() / self.size).max(1)
    }
    fn split_at(self, index: usize) -> (Self, Self) {
        let at = index.saturating_mul(self.size).min(self.len);
        let (left, right) = self.base.split_at(at);
        let size = self.size;
        (ChunksProducer { base: left, size, len: at }, ChunksProducer { base: right, size, len: self.len - at })
    }
}

/// Cuts chunks off either end.
struct ChunksIter<P> {
    /// `None` when all chunks are cut off.
    base: Option<P>,
    size: usize,
    len: usize,
}
impl<P: Producer> Iterator for ChunksIter<P> {
    type Item = Vec<P::Item>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.len == 0 {
            return None;
        }
        let base = self.base.take()?;
        let n = self.size.min(self.len);
        let (chunk, rest) = base.split_at(n);
        (self.base, self.len) = (Some(rest), self.len - n);
        Some(chunk.into_iter().collect())
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        let n = self.len.div_ceil(self.size);
        (n, Some(n))
    }
}
impl<P: Producer> DoubleEndedIterator for ChunksIter<P> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.len == 0 {
            return None;
        }
        let base = self.base.take()?;
        let n = if self.len.is_multiple_of(self.size) { self.size } else { self.len % self.size };
        let (rest, chunk) = base.split_at(self.len - n);
        (self.base, self.len) = (Some(rest), self.len - n);
        Some(chunk.into_iter().collect())
    }
}
impl<P: Producer> ExactSizeIterator for ChunksIter<P> {}
