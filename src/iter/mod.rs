//! Parallel iterators.
