//! Sums and products of numbers in 16 lanes.
//!
//! Within a leaf, the item at position `i` goes to lane `i % 16`; at its end the lanes are joined pairwise (0 with 8,
//! 1 with 9, ..., then 0 with 4, ...). Both are fixed, so the bits do not depend on the vector width: AVX-512 keeps the
//! lanes of `f32` in one register, SSE2 in four. A leaf of at most 16 source items is added from left to right.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use super::kind::value;
use super::plumbing::{BLOCK, Consumer, Folder, LANES, Reducer, UnindexedConsumer};

/// An operation with a neutral element.
pub(super) trait Monoid: Send + 'static {
    /// What it joins.
    type S: Copy + Send + 'static;
    /// Its neutral element, to the sign of zero.
    const NEUTRAL: Self::S;
    /// Joins.
    fn join(a: Self::S, b: Self::S) -> Self::S;
}

/// Addition: rounded for floats, wrapping for integers.
pub(super) struct Add<S>(PhantomData<S>);
/// Multiplication: rounded for floats, wrapping for integers.
pub(super) struct Mul<S>(PhantomData<S>);

macro_rules! monoids {
    ($($t:ty: $zero:expr, $one:expr, $add:expr, $mul:expr;)*) => {$(
        impl Monoid for Add<$t> {
            type S = $t;
            const NEUTRAL: $t = $zero;
            #[inline(always)]
            fn join(a: $t, b: $t) -> $t {
                $add(a, b)
            }
        }
        impl Monoid for Mul<$t> {
            type S = $t;
            const NEUTRAL: $t = $one;
            #[inline(always)]
            fn join(a: $t, b: $t) -> $t {
                $mul(a, b)
            }
        }
    )*};
}
monoids! {
    // -0.0 + x is x for every x, which 0.0 + x is not.
    f32: -0.0, 1.0, |a: f32, b: f32| a + b, |a: f32, b: f32| a * b;
    f64: -0.0, 1.0, |a: f64, b: f64| a + b, |a: f64, b: f64| a * b;
    u32: 0, 1, u32::wrapping_add, u32::wrapping_mul;
    i32: 0, 1, i32::wrapping_add, i32::wrapping_mul;
}

/// Joins items that are `M::S` or `&M::S` (by [`is_value`](super::kind::is_value), checked by the caller).
pub(super) struct Lanes<M>(PhantomData<M>);

impl<M> Lanes<M> {
    pub(super) fn new() -> Self {
        Lanes(PhantomData)
    }
}

impl<T, M: Monoid> Consumer<T> for Lanes<M> {
    type Folder = LanesFolder<M>;
    type Reducer = Self;
    type Result = M::S;
    fn split_at(self, _: usize) -> (Self, Self, Self) {
        (Lanes::new(), Lanes::new(), Lanes::new())
    }
    #[inline(always)]
    fn into_folder(self) -> LanesFolder<M> {
        LanesFolder { lanes: [M::NEUTRAL; LANES], next: 0 }
    }
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
    #[inline(always)]
    fn fixed_tree(&self) -> bool {
        // For integers only the blocks are of use, not the order; one tree for all keeps one code path.
        true
    }
}

impl<T, M: Monoid> UnindexedConsumer<T> for Lanes<M> {
    fn split_off_left(&self) -> Self {
        Lanes::new()
    }
    fn to_reducer(&self) -> Self {
        Lanes::new()
    }
}

impl<M: Monoid> Reducer<M::S> for Lanes<M> {
    #[inline(always)]
    fn reduce(self, left: M::S, right: M::S) -> M::S {
        M::join(left, right)
    }
}

pub(super) struct LanesFolder<M: Monoid> {
    lanes: [M::S; LANES],
    /// Items in the lanes so far; 0 also while only `lanes[0]` is in use (a short leaf).
    next: usize,
}

impl<M: Monoid> LanesFolder<M> {
    #[inline(always)]
    fn push(&mut self, x: M::S) {
        let lane = &mut self.lanes[self.next % LANES];
        *lane = M::join(*lane, x);
        self.next += 1;
    }
}

#[inline(always)]
fn number<T, M: Monoid>(item: T) -> M::S {
    match value::<T, M::S>(item) {
        Some(x) => x,
        // Callers choose `Lanes<M>` by the same test that `value` makes.
        None => unreachable!("Lanes over items of another type"),
    }
}

impl<T, M: Monoid> Folder<T> for LanesFolder<M> {
    type Result = M::S;
    #[inline(always)]
    fn consume(mut self, item: T) -> Self {
        self.push(number::<T, M>(item));
        self
    }
    #[inline(always)]
    fn consume_iter<I>(mut self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        let iter = iter.into_iter();
        let (low, high) = iter.size_hint();
        if self.next == 0 && high.is_some_and(|high| high <= LANES) {
            // The whole leaf (longer ones come in blocks of 512): one lane.
            self.lanes[0] = iter.fold(self.lanes[0], |acc, item| M::join(acc, number::<T, M>(item)));
            return self;
        }
        if high != Some(low) || low > BLOCK || !self.next.is_multiple_of(LANES) {
            iter.for_each(|item| self.push(number::<T, M>(item)));
            return self;
        }
        // Two loops: the first runs the chain and vectorises whatever it does, the second adds.
        let mut buffer = [const { MaybeUninit::<M::S>::uninit() }; BLOCK];
        let mut n = 0;
        buffer.iter_mut().zip(iter).for_each(|(slot, item)| {
            slot.write(number::<T, M>(item));
            n += 1;
        });
        // SAFETY: the loop above wrote the first `n` slots, in order, and `n <= BLOCK`.
        let filled = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<M::S>(), n) };
        let (rows, rest) = filled.as_chunks::<LANES>();
        let mut lanes = self.lanes;
        for row in rows {
            for (lane, &x) in lanes.iter_mut().zip(row) {
                *lane = M::join(*lane, x);
            }
        }
        self.lanes = lanes;
        self.next += rows.len() * LANES;
        for &x in rest {
            self.push(x);
        }
        self
    }
    #[inline(always)]
    fn complete(self) -> M::S {
        if self.next == 0 {
            return self.lanes[0];
        }
        let mut lanes = self.lanes;
        let mut half = LANES / 2;
        while half > 0 {
            for i in 0..half {
                lanes[i] = M::join(lanes[i], lanes[i + half]);
            }
            half /= 2;
        }
        lanes[0]
    }
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
    #[inline(always)]
    fn stops(&self) -> bool {
        false
    }
}
