//! `product`.

use std::iter::Product;
use std::marker::PhantomData;

use super::ParallelIterator;
use super::kind::{is, is_order_sensitive, is_value, uncast};
use super::lanes::{Lanes, Mul};
use super::offload::{self, Routed, Terminal};
use super::plumbing::{Consumer, Folder, Reducer, UnindexedConsumer};
use super::reduce::from_value;

pub(super) fn product<I, S>(iter: I) -> S
where
    I: ParallelIterator,
    S: Send + Product<I::Item> + Product<S>,
{
    let scalar = is::<S, f32>() || is::<S, u32>() || is::<S, i32>();
    if !scalar || !iter.is_kernel_chain() {
        return on_cpu(iter, false);
    }
    let routed = iter.describe().map(|pipe| offload::reduce(&pipe, &Terminal::Product));
    match routed {
        None => on_cpu(iter, true),
        Some(Routed::Done(value)) => match from_value(value) {
            Some(result) => result,
            // The router answers in the type of the chain, so this is a chain whose `Product` is the user's own.
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
    S: Send + Product<I::Item> + Product<S>,
{
    macro_rules! lanes {
        ($($t:ty, $when:expr;)*) => {$(
            if is::<S, $t>() && is_value::<I::Item, $t>() && $when {
                let result: $t = iter.drive_unindexed(Lanes::<Mul<$t>>::new());
                return match uncast(result) {
                    Some(result) => result,
                    None => unreachable!("S was found to be this type above"),
                };
            }
        )*};
    }
    lanes!(f32, true; f64, true; u32, wrapping; i32, wrapping;);
    iter.drive_unindexed(ProductConsumer(PhantomData))
}

/// Joins with the type's own `Product`.
struct ProductConsumer<S>(PhantomData<fn() -> S>);

impl<T, S> Consumer<T> for ProductConsumer<S>
where
    S: Send + Product<T> + Product<S>,
{
    type Folder = ProductFolder<S>;
    type Reducer = Self;
    type Result = S;
    fn split_at(self, _: usize) -> (Self, Self, Self) {
        (ProductConsumer(PhantomData), ProductConsumer(PhantomData), ProductConsumer(PhantomData))
    }
    #[inline(always)]
    fn into_folder(self) -> ProductFolder<S> {
        ProductFolder { acc: None }
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

impl<T, S> UnindexedConsumer<T> for ProductConsumer<S>
where
    S: Send + Product<T> + Product<S>,
{
    fn split_off_left(&self) -> Self {
        ProductConsumer(PhantomData)
    }
    fn to_reducer(&self) -> Self {
        ProductConsumer(PhantomData)
    }
}

impl<S: Product<S>> Reducer<S> for ProductConsumer<S> {
    fn reduce(self, left: S, right: S) -> S {
        [left, right].into_iter().product()
    }
}

struct ProductFolder<S> {
    /// `None` before the first item.
    acc: Option<S>,
}

impl<T, S> Folder<T> for ProductFolder<S>
where
    S: Product<T> + Product<S>,
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
        let more: S = iter.into_iter().product();
        let acc = match self.acc {
            Some(acc) => [acc, more].into_iter().product(),
            None => more,
        };
        ProductFolder { acc: Some(acc) }
    }
    #[inline(always)]
    fn complete(self) -> S {
        self.acc.unwrap_or_else(|| std::iter::empty::<S>().product())
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
