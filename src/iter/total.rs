//! `sum` and `product`: one text for both, since they differ in the operator only.

use std::iter::{Product, Sum};
use std::marker::PhantomData;

use super::ParallelIterator;
use super::kind::{is, is_order_sensitive, is_value, uncast};
use super::lanes::{Add, Lanes, Mul};
use super::offload::{self, Routed, Terminal};
use super::plumbing::{Consumer, Folder, Reducer, UnindexedConsumer};
use super::reduce::from_value;

/// Where the result and the items are this scalar: returns the reduction in lanes.
macro_rules! lanes {
    ($iter:ident, $item:ident, $result:ident, $op:ident; $($t:ty, $when:expr;)*) => {$(
        if is::<$result, $t>() && is_value::<$item::Item, $t>() && $when {
            let result: $t = $iter.drive_unindexed(Lanes::<$op<$t>>::new());
            return match uncast(result) {
                Some(result) => result,
                None => unreachable!("the result was found to be this type above"),
            };
        }
    )*};
}

macro_rules! totals {
    ($($name:ident, $on_cpu:ident, $trait:ident, $op:ident, $consumer:ident, $folder:ident;)*) => {$(
        pub(super) fn $name<I, S>(iter: I) -> S
        where
            I: ParallelIterator,
            S: Send + $trait<I::Item> + $trait<S>,
        {
            let scalar = is::<S, f32>() || is::<S, u32>() || is::<S, i32>();
            if !scalar || !iter.is_kernel_chain() {
                return $on_cpu(iter, false);
            }
            let routed = iter.describe().map(|pipe| offload::reduce(&pipe, &Terminal::$trait));
            match routed {
                None => $on_cpu(iter, true),
                Some(Routed::Done(value)) => match from_value(value) {
                    Some(result) => result,
                    // The router answers in the type of the chain, so this is a chain whose `Sum` or `Product` is the user's own.
                    None => $on_cpu(iter, true),
                },
                Some(Routed::Cpu(ticket)) => {
                    let result = $on_cpu(iter, true);
                    ticket.finish();
                    result
                }
            }
        }

        /// `wrapping`: integers wrap, as in kernels.
        fn $on_cpu<I, S>(iter: I, wrapping: bool) -> S
        where
            I: ParallelIterator,
            S: Send + $trait<I::Item> + $trait<S>,
        {
            lanes!(iter, I, S, $op; f32, true; f64, true; u32, wrapping; i32, wrapping;);
            iter.drive_unindexed($consumer(PhantomData))
        }

        /// Joins with the type's own `Sum` or `Product`.
        struct $consumer<S>(PhantomData<fn() -> S>);

        impl<T, S> Consumer<T> for $consumer<S>
        where
            S: Send + $trait<T> + $trait<S>,
        {
            type Folder = $folder<S>;
            type Reducer = Self;
            type Result = S;
            fn split_at(self, _: usize) -> (Self, Self, Self) {
                ($consumer(PhantomData), $consumer(PhantomData), $consumer(PhantomData))
            }
            #[inline(always)]
            fn into_folder(self) -> $folder<S> {
                $folder { acc: None }
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

        impl<T, S> UnindexedConsumer<T> for $consumer<S>
        where
            S: Send + $trait<T> + $trait<S>,
        {
            fn split_off_left(&self) -> Self {
                $consumer(PhantomData)
            }
            fn to_reducer(&self) -> Self {
                $consumer(PhantomData)
            }
        }

        impl<S: $trait<S>> Reducer<S> for $consumer<S> {
            fn reduce(self, left: S, right: S) -> S {
                [left, right].into_iter().$name()
            }
        }

        struct $folder<S> {
            /// `None` before the first item.
            acc: Option<S>,
        }

        impl<T, S> Folder<T> for $folder<S>
        where
            S: $trait<T> + $trait<S>,
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
                let more: S = iter.into_iter().$name();
                let acc = match self.acc {
                    Some(acc) => [acc, more].into_iter().$name(),
                    None => more,
                };
                $folder { acc: Some(acc) }
            }
            #[inline(always)]
            fn complete(self) -> S {
                self.acc.unwrap_or_else(|| std::iter::empty::<S>().$name())
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
    )*};
}
totals! {
    sum, sum_on_cpu, Sum, Add, SumConsumer, SumFolder;
    product, product_on_cpu, Product, Mul, ProductConsumer, ProductFolder;
}
