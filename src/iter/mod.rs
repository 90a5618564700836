//! Parallel iterators with Rayon's names and signatures.
//!
//! A chain is lazy. Its terminal operation first asks whether the chain is made of kernels (then it is offered to the
//! router as data), otherwise it runs on the CPU pool. See `README.md` beside this file.

pub(crate) mod adapter;
mod any_all;
mod blocks;
mod chunks;
mod cloned;
mod collect;
mod convert;
mod copied;
mod count;
mod enumerate;
mod filter;
mod filter_map;
mod find;
mod flat_map_iter;
mod fold;
mod for_each;
mod indexed;
mod inspect;
pub(crate) mod kind;
mod lanes;
mod map;
mod max_len;
mod min_len;
mod min_max;
pub(crate) mod offload;
mod parallel;
pub mod plumbing;
mod reduce;
mod rev;
mod skip;
mod step_by;
mod take;
mod total;
mod update;
mod zip;

pub use crate::slice::{ParallelSlice, ParallelSliceMut};
pub use chunks::Chunks;
pub use cloned::Cloned;
pub use convert::{
    FromParallelIterator, IntoParallelIterator, IntoParallelRefIterator, IntoParallelRefMutIterator, ParallelExtend,
};
pub use copied::Copied;
pub use enumerate::Enumerate;
pub use filter::Filter;
pub use filter_map::FilterMap;
pub use flat_map_iter::FlatMapIter;
pub use fold::Fold;
pub use indexed::IndexedParallelIterator;
pub use inspect::Inspect;
pub use map::Map;
pub use max_len::MaxLen;
pub use min_len::MinLen;
pub use parallel::ParallelIterator;
pub use rev::Rev;
pub use skip::Skip;
pub use step_by::StepBy;
pub use take::Take;
pub use update::Update;
pub use zip::Zip;
