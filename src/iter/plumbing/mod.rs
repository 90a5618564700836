//! The machinery below the iterators: producers that can be split, consumers that can be split the same way, and the
//! [`bridge`] that splits both and joins the halves.
//!
//! Names and signatures are Rayon's, so that code which implements its own parallel iterators compiles unchanged.

mod bridge;
mod fixed_tree;
mod splitter;

pub(crate) use bridge::{BLOCK, LANES};
pub use bridge::{bridge, bridge_producer_consumer, bridge_unindexed};

/// An iterator that knows its length and can be cut in two at any index.
pub trait Producer: Send + Sized {
    /// What it yields.
    type Item;
    /// The sequential iterator that a piece becomes.
    type IntoIter: Iterator<Item = Self::Item> + DoubleEndedIterator + ExactSizeIterator;

    /// The sequential iterator over this piece.
    fn into_iter(self) -> Self::IntoIter;

    /// Pieces shorter than this are not made.
    fn min_len(&self) -> usize {
        1
    }

    /// Pieces longer than this are cut further, even if no thread asks for work.
    fn max_len(&self) -> usize {
        usize::MAX
    }

    /// The first `index` items and the rest.
    fn split_at(self, index: usize) -> (Self, Self);

    /// Feeds all items to a folder.
    #[inline(always)]
    #[allow(clippy::return_self_not_must_use)]
    fn fold_with<F>(self, folder: F) -> F
    where
        F: Folder<Self::Item>,
    {
        folder.consume_iter(self.into_iter())
    }

    /// Whether the items come from plain numbers, so that leaves are worth compiling for wide vectors.
    #[doc(hidden)]
    #[inline(always)]
    fn is_numeric(&self) -> bool {
        false
    }
}

/// A closure that is generic over the producer which it is called with.
pub trait ProducerCallback<T> {
    /// What it returns.
    type Output;

    /// Calls it.
    fn callback<P>(self, producer: P) -> Self::Output
    where
        P: Producer<Item = T>;
}

/// Where items go: it can be cut as its producer is, and yields one result per piece.
pub trait Consumer<Item>: Send + Sized {
    /// Takes the items of one piece.
    type Folder: Folder<Item, Result = Self::Result>;
    /// Joins the results of two neighbouring pieces.
    type Reducer: Reducer<Self::Result>;
    /// The result of a piece.
    type Result: Send;

    /// A consumer for the first `index` items, one for the rest, and what joins their results.
    fn split_at(self, index: usize) -> (Self, Self, Self::Reducer);

    /// Starts a piece.
    fn into_folder(self) -> Self::Folder;

    /// Whether no more items are wanted.
    fn full(&self) -> bool;

    /// Whether the shape of the tree shows in the result, so that it must depend on the length alone.
    #[doc(hidden)]
    #[inline(always)]
    fn fixed_tree(&self) -> bool {
        false
    }
}

/// A consumer that can be cut without knowing where.
pub trait UnindexedConsumer<I>: Consumer<I> {
    /// A consumer for the items to the left of what `self` will see from now on.
    #[must_use]
    fn split_off_left(&self) -> Self;

    /// What joins the left result with this one.
    fn to_reducer(&self) -> Self::Reducer;
}

/// The state of one piece while items arrive.
pub trait Folder<Item>: Sized {
    /// The result of the piece.
    type Result;

    /// Takes one item.
    #[must_use]
    fn consume(self, item: Item) -> Self;

    /// Takes items until the iterator ends or the folder is full.
    #[must_use]
    #[inline(always)]
    fn consume_iter<I>(mut self, iter: I) -> Self
    where
        I: IntoIterator<Item = Item>,
    {
        for item in iter {
            self = self.consume(item);
            if self.full() {
                break;
            }
        }
        self
    }

    /// Ends the piece.
    fn complete(self) -> Self::Result;

    /// Whether no more items are wanted.
    fn full(&self) -> bool;

    /// Whether it may become full. Adapters that drop items must then ask after each item, not only after each item
    /// that they pass on.
    #[doc(hidden)]
    #[inline(always)]
    fn stops(&self) -> bool {
        true
    }
}

/// Joins two results, the left one first.
pub trait Reducer<Result> {
    /// Joins.
    fn reduce(self, left: Result, right: Result) -> Result;
}

/// A producer that does not know its length but may be able to split itself.
pub trait UnindexedProducer: Send + Sized {
    /// What it yields.
    type Item;

    /// Two pieces, or `None` for the second if it cannot be split.
    fn split(self) -> (Self, Option<Self>);

    /// Feeds all items to a folder.
    fn fold_with<F>(self, folder: F) -> F
    where
        F: Folder<Self::Item>;
}

/// A reducer for results that carry nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoopReducer;

impl Reducer<()> for NoopReducer {
    #[inline(always)]
    fn reduce(self, (): (), (): ()) {}
}
