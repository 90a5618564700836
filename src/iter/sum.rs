//! `sum`.

use std::iter::Sum;
use std::marker::PhantomData;

use super::ParallelIterator;
use super::kind::{is, is_order_sensitive, is_value, uncast};
use super::lanes::{Add, Lanes};
use super::offload::{self, Routed, Terminal};
use super::plumbing::{Consumer, Folder, Reducer, UnindexedConsumer};
use super::reduce::from_value;

pub(super) fn sum<I, S>(iter: I) -> S
where
    I: ParallelIterator,
    S: Send + Sum<I::Item> + Sum<S>,
{
    let scalar = is::<S, f32>() || is::<S, u32>() || is::<S, i32>();
    if !scalar || !iter.is_kernel_chain() {
        return on_cpu(iter, false);
    }
    let routed = iter.describe().map(|pipe| offload::reduce(&pipe, &Terminal::Sum));
    match routed {
        None => on_cpu(iter, true),
        Some(Routed::Done(value)) => match from_value(value) {
            Some(result) => result,
            // The router answers in the type of the chain, so this is a chain whose `Sum` is the user's own.
            None => on_cpu(iter, true),
        },
        Some(Routed::Cpu(ticket)) => {
            let result = on_cpu(iter, true);
            ticket.finish();
            result
        }
    }
}

/// `wrapping`: integers wrap, as in kernels.
fn on_cpu<I, S>(iter: I, wrapping: bool) -> S
where
    I: ParallelIterator,
    S: Send + Sum<I::Item> + Sum<S>,
{
    macro_rules! lanes {
        ($($t:ty, $when:expr;)*) => {$(
            if is::<S, $t>() && is_value::<I::Item, $t>() && $when {
                let result: $t = iter.drive_unindexed(Lanes::<Add<$t>>::new());
                return match uncast(result) {
                    Some(result) => result,
                    None => unreachable!("S was found to be this type above"),
                };
            }
        )*};
    }
    lanes!(f32, true; f64, true; u32, wrapping; i32, wrapping;);
    iter.drive_unindexed(SumConsumer(PhantomData))
}

/// Joins with the type's own `Sum`.
struct SumConsumer<S>(PhantomData<fn() -> S>);

impl<T, S> Consumer<T> for SumConsumer<S>
where
    S: Send + Sum<T> + Sum<S>,
{
    type Folder = SumFolder<S>;
    type Reducer = Self;
    type Result = S;
    fn split_at(self, _: usize) -> (Self, Self, Self) {
        (SumConsumer(PhantomData), SumConsumer(PhantomData), SumConsumer(PhantomData))
    }
    #[inline(always)]
    fn into_folder(self) -> SumFolder<S> {
        SumFolder { acc: None }
    }
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
    #[inline(always)]
    fn fixed_tree(&self) -> bool {
        is_order_sensitive::<S>()
    }
}

impl<T, S> UnindexedConsumer<T> for SumConsumer<S>
where
    S: Send + Sum<T> + Sum<S>,
{
    fn split_off_left(&self) -> Self {
        SumConsumer(PhantomData)
    }
    fn to_reducer(&self) -> Self {
        SumConsumer(PhantomData)
    }
}

impl<S: Sum<S>> Reducer<S> for SumConsumer<S> {
    fn reduce(self, left: S, right: S) -> S {
        [left, right].into_iter().sum()
    }
}

struct SumFolder<S> {
    /// `None` before the first item.
    acc: Option<S>,
}

impl<T, S> Folder<T> for SumFolder<S>
where
    S: Sum<T> + Sum<S>,
{
    type Result = S;
    #[inline(always)]
    fn consume(self, item: T) -> Self {
        Folder::<T>::consume_iter(self, std::iter::once(item))
    }
    #[inline(always)]
    fn consume_iter<I>(self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        let more: S = iter.into_iter().sum();
        let acc = match self.acc {
            Some(acc) => [acc, more].into_iter().sum(),
            None => more,
        };
        SumFolder { acc: Some(acc) }
    }
    #[inline(always)]
    fn complete(self) -> S {
        self.acc.unwrap_or_else(|| std::iter::empty::<S>().sum())
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
