//! Joins a producer with a consumer: splits both, forks, and runs the leaves.

use super::fixed_tree;
use super::splitter::Splitter;
use super::{Consumer, Folder, Producer, ProducerCallback, Reducer, UnindexedConsumer, UnindexedProducer};
use crate::executor::join_context;
use crate::iter::IndexedParallelIterator;
use crate::kernel::isa::{self, Isa};

/// Runs an indexed iterator into a consumer.
pub fn bridge<I, C>(par_iter: I, consumer: C) -> C::Result
where
    I: IndexedParallelIterator,
    C: Consumer<I::Item>,
{
    struct Callback<C> {
        len: usize,
        consumer: C,
    }
    impl<C, I> ProducerCallback<I> for Callback<C>
    where
        C: Consumer<I>,
    {
        type Output = C::Result;
        fn callback<P>(self, producer: P) -> C::Result
        where
            P: Producer<Item = I>,
        {
            bridge_producer_consumer(self.len, producer, self.consumer)
        }
    }
    let len = par_iter.len();
    par_iter.with_producer(Callback { len, consumer })
}

/// Runs a producer of `len` items into a consumer.
pub fn bridge_producer_consumer<P, C>(len: usize, producer: P, consumer: C) -> C::Result
where
    P: Producer,
    C: Consumer<P::Item>,
{
    let splitter = Splitter::new(len, producer.min_len(), producer.max_len());
    if consumer.fixed_tree() {
        fixed(len, fixed_tree::grain(len), false, splitter, producer, consumer)
    } else {
        adaptive(len, false, splitter, producer, consumer)
    }
}

fn adaptive<P, C>(len: usize, migrated: bool, mut splitter: Splitter, producer: P, consumer: C) -> C::Result
where
    P: Producer,
    C: Consumer<P::Item>,
{
    if consumer.full() {
        return consumer.into_folder().complete();
    }
    if !splitter.fork(len, migrated) {
        return leaf(producer, consumer.into_folder()).complete();
    }
    let mid = len / 2;
    let (left, right) = producer.split_at(mid);
    let (to_left, to_right, reducer) = consumer.split_at(mid);
    let (a, b) = join_context(
        |context| adaptive(mid, context.migrated(), splitter, left, to_left),
        |context| adaptive(len - mid, context.migrated(), splitter, right, to_right),
    );
    reducer.reduce(a, b)
}

/// As [`adaptive`], but every node of the combination tree is joined, forked or not.
fn fixed<P, C>(len: usize, grain: usize, migrated: bool, mut splitter: Splitter, producer: P, consumer: C) -> C::Result
where
    P: Producer,
    C: Consumer<P::Item>,
{
    if consumer.full() {
        return consumer.into_folder().complete();
    }
    if len <= grain && len <= LANES {
        // Too short for wide vectors; the dispatch would be half of the cost.
        return producer.fold_with(consumer.into_folder()).complete();
    }
    if len <= grain {
        return blocks(len, producer, consumer.into_folder()).complete();
    }
    let mid = fixed_tree::cut(len, grain);
    let (left, right) = producer.split_at(mid);
    let (to_left, to_right, reducer) = consumer.split_at(mid);
    let (a, b) = if splitter.fork(len, migrated) {
        join_context(
            |context| fixed(mid, grain, context.migrated(), splitter, left, to_left),
            |context| fixed(len - mid, grain, context.migrated(), splitter, right, to_right),
        )
    } else {
        let a = fixed(mid, grain, false, splitter, left, to_left);
        (a, fixed(len - mid, grain, false, splitter, right, to_right))
    };
    reducer.reduce(a, b)
}

/// Lanes of a float sum: as many `f32` as the widest register holds.
pub(crate) const LANES: usize = 16;

/// Items per call of `consume_iter` in a leaf of a fixed tree: what float sums buffer on the stack.
pub(crate) const BLOCK: usize = 512;

/// A leaf in blocks, each a whole iterator: the standard library then sees `buffer.zip(iterator)` with both lengths
/// known and the loop vectorises, which it does not for an iterator that must survive the loop.
fn blocks<P, F>(len: usize, producer: P, folder: F) -> F
where
    P: Producer,
    F: Folder<P::Item>,
{
    if len <= BLOCK || !producer.is_numeric() {
        return leaf(producer, folder);
    }
    match isa::level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level is Avx512 only if the CPU has every feature that the function enables.
        Isa::Avx512 => unsafe { blocks_avx512(len, producer, folder) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above, for Avx2.
        Isa::Avx2 => unsafe { blocks_avx2(len, producer, folder) },
        _ => blocks_base(len, producer, folder),
    }
}

#[inline(always)]
fn blocks_base<P, F>(mut len: usize, mut producer: P, mut folder: F) -> F
where
    P: Producer,
    F: Folder<P::Item>,
{
    while len > BLOCK && !folder.full() {
        let (block, rest) = producer.split_at(BLOCK);
        folder = block.fold_with(folder);
        producer = rest;
        len -= BLOCK;
    }
    if folder.full() { folder } else { producer.fold_with(folder) }
}

/// Runs a leaf, compiled for the widest vectors where its items are numbers.
///
/// Direct calls, not `isa::run` with a closure: a closure that is called from three places need not be inlined.
#[inline]
fn leaf<P, F>(producer: P, folder: F) -> F
where
    P: Producer,
    F: Folder<P::Item>,
{
    if producer.is_numeric() {
        match isa::level() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level is Avx512 only if the CPU has every feature that the function enables.
            Isa::Avx512 => return unsafe { leaf_avx512(producer, folder) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above, for Avx2.
            Isa::Avx2 => return unsafe { leaf_avx2(producer, folder) },
            _ => {}
        }
    }
    producer.fold_with(folder)
}

macro_rules! compiled_for {
    ($leaf:ident, $blocks:ident, $features:literal) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        fn $leaf<P, F>(producer: P, folder: F) -> F
        where
            P: Producer,
            F: Folder<P::Item>,
        {
            producer.fold_with(folder)
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        fn $blocks<P, F>(len: usize, producer: P, folder: F) -> F
        where
            P: Producer,
            F: Folder<P::Item>,
        {
            blocks_base(len, producer, folder)
        }
    };
}
compiled_for!(leaf_avx2, blocks_avx2, "avx2,fma,bmi1,bmi2,lzcnt,popcnt");
compiled_for!(leaf_avx512, blocks_avx512, "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2,lzcnt,popcnt");

/// Runs an unindexed producer into a consumer.
pub fn bridge_unindexed<P, C>(producer: P, consumer: C) -> C::Result
where
    P: UnindexedProducer,
    C: UnindexedConsumer<P::Item>,
{
    unindexed(false, Splitter::unindexed(), producer, consumer)
}

fn unindexed<P, C>(migrated: bool, mut splitter: Splitter, producer: P, consumer: C) -> C::Result
where
    P: UnindexedProducer,
    C: UnindexedConsumer<P::Item>,
{
    if consumer.full() {
        return consumer.into_folder().complete();
    }
    if !splitter.fork(usize::MAX, migrated) {
        return producer.fold_with(consumer.into_folder()).complete();
    }
    match producer.split() {
        (left, Some(right)) => {
            let reducer = consumer.to_reducer();
            let to_left = consumer.split_off_left();
            let (a, b) = join_context(
                |context| unindexed(context.migrated(), splitter, left, to_left),
                |context| unindexed(context.migrated(), splitter, right, consumer),
            );
            reducer.reduce(a, b)
        }
        (whole, None) => whole.fold_with(consumer.into_folder()).complete(),
    }
}
