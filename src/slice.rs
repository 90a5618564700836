//! Parallel iterators over slices.

use crate::iter::adapter::driven_by_bridge;
use crate::iter::plumbing::{Producer, ProducerCallback};
use crate::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator, kind};
use crate::kernel::pipe::Pipe;
use crate::source::{describe_slice, indexed_source, is_scalar};

/// Iterates over references.
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Debug)]
pub struct Iter<'data, T> {
    slice: &'data [T],
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Iter { slice: self.slice }
    }
}

impl<'data, T: Sync + 'data> IntoParallelIterator for &'data [T] {
    type Iter = Iter<'data, T>;
    type Item = &'data T;
    fn into_par_iter(self) -> Iter<'data, T> {
        Iter { slice: self }
    }
}

impl<'data, T: Sync + 'data> ParallelIterator for Iter<'data, T> {
    type Item = &'data T;
    driven_by_bridge!();
    fn is_describable(&self) -> bool {
        is_scalar::<T>()
    }
    fn describe(&self) -> Option<Pipe<'_>> {
        describe_slice(self.slice)
    }
}

impl<'data, T: Sync + 'data> IndexedParallelIterator for Iter<'data, T> {
    indexed_source!();
    fn len(&self) -> usize {
        self.slice.len()
    }
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<&'data T>,
    {
        callback.callback(IterProducer { slice: self.slice })
    }
}

struct IterProducer<'data, T: Sync> {
    slice: &'data [T],
}

impl<'data, T: Sync + 'data> Producer for IterProducer<'data, T> {
    type Item = &'data T;
    type IntoIter = std::slice::Iter<'data, T>;
    #[inline(always)]
    fn into_iter(self) -> Self::IntoIter {
        self.slice.iter()
    }
    #[inline(always)]
    fn split_at(self, index: usize) -> (Self, Self) {
        let (left, right) = self.slice.split_at(index);
        (IterProducer { slice: left }, IterProducer { slice: right })
    }
    #[inline(always)]
    fn is_numeric(&self) -> bool {
        kind::is_number::<T>()
    }
}

/// Iterates over mutable references.
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Debug)]
pub struct IterMut<'data, T> {
    slice: &'data mut [T],
}

impl<'data, T: Send + 'data> IntoParallelIterator for &'data mut [T] {
    type Iter = IterMut<'data, T>;
    type Item = &'data mut T;
    fn into_par_iter(self) -> IterMut<'data, T> {
        IterMut { slice: self }
    }
}

impl<'data, T: Send + 'data> ParallelIterator for IterMut<'data, T> {
    type Item = &'data mut T;
    driven_by_bridge!();
}

impl<'data, T: Send + 'data> IndexedParallelIterator for IterMut<'data, T> {
    indexed_source!();
    fn len(&self) -> usize {
        self.slice.len()
    }
    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<&'data mut T>,
    {
        callback.callback(IterMutProducer { slice: self.slice })
    }
}

struct IterMutProducer<'data, T: Send> {
    slice: &'data mut [T],
}

impl<'data, T: Send + 'data> Producer for IterMutProducer<'data, T> {
    type Item = &'data mut T;
    type IntoIter = std::slice::IterMut<'data, T>;
    #[inline(always)]
    fn into_iter(self) -> Self::IntoIter {
        self.slice.iter_mut()
    }
    #[inline(always)]
    fn split_at(self, index: usize) -> (Self, Self) {
        let (left, right) = self.slice.split_at_mut(index);
        (IterMutProducer { slice: left }, IterMutProducer { slice: right })
    }
    #[inline(always)]
    fn is_numeric(&self) -> bool {
        kind::is_number::<T>()
    }
}

/// Parallel views of slices in pieces.
pub trait ParallelSlice<T: Sync> {
    /// The slice.
    fn as_parallel_slice(&self) -> &[T];

    /// Pieces of `size` elements; the last may be shorter.
    ///
    /// # Panics
    /// If `size` is 0.
    fn par_chunks(&self, size: usize) -> Chunks<'_, T> {
        assert!(size != 0, "chunk_size must not be zero");
        Chunks { slice: self.as_parallel_slice(), size }
    }

    /// All runs of `size` neighbouring elements, overlapping.
    ///
    /// # Panics
    /// If `size` is 0.
    fn par_windows(&self, size: usize) -> Windows<'_, T> {
        assert!(size != 0, "window size must not be zero");
        Windows { slice: self.as_parallel_slice(), size }
    }
}

impl<T: Sync> ParallelSlice<T> for [T] {
    fn as_parallel_slice(&self) -> &[T] {
        self
    }
}

/// Parallel mutable views of slices in pieces.
pub trait ParallelSliceMut<T: Send> {
    /// The slice.
    fn as_parallel_slice_mut(&mut self) -> &mut [T];

    /// Mutable pieces of `size` elements; the last may be shorter.
    ///
    /// # Panics
    /// If `size` is 0.
    fn par_chunks_mut(&mut self, size: usize) -> ChunksMut<'_, T> {
        assert!(size != 0, "chunk_size must not be zero");
        ChunksMut { slice: self.as_parallel_slice_mut(), size }
    }
}

impl<T: Send> ParallelSliceMut<T> for [T] {
    fn as_parallel_slice_mut(&mut self) -> &mut [T] {
        self
    }
}

/// Iterates over pieces of a slice.
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Chunks<'data, T> {
    slice: &'data [T],
    size: usize,
}

/// Iterates over mutable pieces of a slice.
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Debug)]
pub struct ChunksMut<'data, T> {
    slice: &'data mut [T],
    size: usize,
}

/// Iterates over all runs of neighbouring elements.
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
#[derive(Clone, Debug)]
pub struct Windows<'data, T> {
    slice: &'data [T],
    size: usize,
}

macro_rules! pieces {
    ($name:ident: $bound:ident, $item:ty, $iter:ty, $chunks:ident,
     |$it:ident| $len:expr, |$whole:ident, $index:ident| $split:expr) => {
        impl<'data, T: $bound + 'data> ParallelIterator for $name<'data, T> {
            type Item = $item;
            driven_by_bridge!();
        }
        impl<'data, T: $bound + 'data> IndexedParallelIterator for $name<'data, T> {
            indexed_source!();
            fn len(&self) -> usize {
                let $it = self;
                $len
            }
            fn with_producer<CB>(self, callback: CB) -> CB::Output
            where
                CB: ProducerCallback<$item>,
            {
                callback.callback(self)
            }
        }
        impl<'data, T: $bound + 'data> Producer for $name<'data, T> {
            type Item = $item;
            type IntoIter = $iter;
            #[inline(always)]
            fn into_iter(self) -> Self::IntoIter {
                self.slice.$chunks(self.size)
            }
            fn split_at(self, index: usize) -> (Self, Self) {
                let size = self.size;
                let ($whole, $index) = (self, index);
                let (left, right) = $split;
                ($name { slice: left, size }, $name { slice: right, size })
            }
        }
    };
}
pieces!(Chunks: Sync, &'data [T], std::slice::Chunks<'data, T>, chunks,
    |it| it.slice.len().div_ceil(it.size),
    |it, index| it.slice.split_at(index.saturating_mul(it.size).min(it.slice.len())));
pieces!(ChunksMut: Send, &'data mut [T], std::slice::ChunksMut<'data, T>, chunks_mut,
|it| it.slice.len().div_ceil(it.size),
|it, index| {
    let at = index.saturating_mul(it.size).min(it.slice.len());
    it.slice.split_at_mut(at)
});
pieces!(Windows: Sync, &'data [T], std::slice::Windows<'data, T>, windows,
    |it| (it.slice.len() + 1).saturating_sub(it.size),
    |it, index| (&it.slice[..(index + it.size - 1).min(it.slice.len())], &it.slice[index.min(it.slice.len())..]));
