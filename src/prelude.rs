//! What most programs import: `use veda::prelude::*`.

pub use crate::config::{Config, DeviceChoice};
pub use crate::gpu::{GpuKernel, Place};
pub use crate::index::Index;
pub use crate::iter::{
    FromParallelIterator, IndexedParallelIterator, IntoParallelIterator, IntoParallelRefIterator,
    IntoParallelRefMutIterator, ParallelExtend, ParallelIterator,
};
pub use crate::slice::{ParallelSlice, ParallelSliceMut};
