//! What all adapters with a closure share: the struct, and consumers that pass everything on but the item.

/// An adapter struct: a base and a closure. `Debug` shows the base.
macro_rules! adapter {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
        #[derive(Clone)]
        pub struct $name<I, F> {
            pub(super) base: I,
            pub(super) op: F,
        }
        impl<I: std::fmt::Debug, F> std::fmt::Debug for $name<I, F> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("base", &self.base).finish_non_exhaustive()
            }
        }
    };
}

/// A consumer that holds `base` and `op: &F` and differs from `base` only in its folder.
macro_rules! op_consumer {
    ($consumer:ident, $folder:ident, [$($generic:ident),*], $input:ty => $output:ty, $($bound:tt)*) => {
        pub(super) struct $consumer<'f, C, F> {
            pub(super) base: C,
            pub(super) op: &'f F,
        }
        pub(super) struct $folder<'f, C, F> {
            base: C,
            op: &'f F,
        }
        impl<'f, $($generic,)* C, F> Consumer<$input> for $consumer<'f, C, F>
        where
            C: Consumer<$output>,
            $($bound)*
        {
            type Folder = $folder<'f, C::Folder, F>;
            type Reducer = C::Reducer;
            type Result = C::Result;
            fn split_at(self, index: usize) -> (Self, Self, C::Reducer) {
                let (left, right, reducer) = self.base.split_at(index);
                ($consumer { base: left, op: self.op }, $consumer { base: right, op: self.op }, reducer)
            }
            #[inline(always)]
            fn into_folder(self) -> Self::Folder {
                $folder { base: self.base.into_folder(), op: self.op }
            }
            #[inline(always)]
            fn full(&self) -> bool {
                self.base.full()
            }
            #[inline(always)]
            fn fixed_tree(&self) -> bool {
                self.base.fixed_tree()
            }
        }
        impl<'f, $($generic,)* C, F> UnindexedConsumer<$input> for $consumer<'f, C, F>
        where
            C: UnindexedConsumer<$output>,
            $($bound)*
        {
            fn split_off_left(&self) -> Self {
                $consumer { base: self.base.split_off_left(), op: self.op }
            }
            fn to_reducer(&self) -> C::Reducer {
                self.base.to_reducer()
            }
        }
    };
}

/// `with_producer` of an adapter with a closure: wraps the producer of its base.
macro_rules! op_producer {
    ($producer:ident, [$($generic:ident),*], $input:ty => $output:ty, $iter:ty, |$seq:ident, $op:ident| $make:expr, $($bound:tt)*) => {
        struct $producer<'f, P, F> {
            base: P,
            op: &'f F,
        }
        impl<'f, $($generic,)* P, F> Producer for $producer<'f, P, F>
        where
            P: Producer<Item = $input>,
            $($bound)*
        {
            type Item = $output;
            type IntoIter = $iter;
            #[inline(always)]
            fn into_iter(self) -> Self::IntoIter {
                let ($seq, $op) = (self.base.into_iter(), self.op);
                $make
            }
            fn min_len(&self) -> usize {
                self.base.min_len()
            }
            fn max_len(&self) -> usize {
                self.base.max_len()
            }
            #[inline(always)]
            fn split_at(self, index: usize) -> (Self, Self) {
                let (left, right) = self.base.split_at(index);
                ($producer { base: left, op: self.op }, $producer { base: right, op: self.op })
            }
            #[inline(always)]
            fn is_numeric(&self) -> bool {
                self.base.is_numeric()
            }
        }
        struct Callback<CB, F> {
            callback: CB,
            op: F,
        }
        impl<$($generic,)* CB, F> ProducerCallback<$input> for Callback<CB, F>
        where
            CB: ProducerCallback<$output>,
            $($bound)*
        {
            type Output = CB::Output;
            fn callback<P>(self, base: P) -> CB::Output
            where
                P: Producer<Item = $input>,
            {
                self.callback.callback($producer { base, op: &self.op })
            }
        }
    };
}

/// `ParallelIterator` and `IndexedParallelIterator` of an adapter of one indexed base that exists only as a producer:
/// `drive` is `bridge`.
macro_rules! driven_by_bridge {
    () => {
        fn drive_unindexed<C>(self, consumer: C) -> C::Result
        where
            C: $crate::iter::plumbing::UnindexedConsumer<Self::Item>,
        {
            $crate::iter::plumbing::bridge(self, consumer)
        }
        fn opt_len(&self) -> Option<usize> {
            Some($crate::iter::IndexedParallelIterator::len(self))
        }
    };
}

pub(crate) use {adapter, driven_by_bridge, op_consumer, op_producer};
