//! A kernel bound to data: what `on(..)` returns.

use std::marker::PhantomData;

/// A kernel with a source for each parameter.
#[derive(Clone, Copy, Debug)]
pub struct Bound<K, S> {
    /// Where the parameters come from.
    pub sources: S,
    kernel: PhantomData<K>,
}

impl<K, S> Bound<K, S> {
    /// Binds `K` to its sources.
    pub fn new(sources: S) -> Bound<K, S> {
        Bound { sources, kernel: PhantomData }
    }
}
