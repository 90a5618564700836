//! Write a function once; veda runs it on the GPU or on every core, whichever finishes first, and can say why.
// Lets the macros' `::veda::…` paths resolve inside this crate, whose math is written as kernels too.
extern crate self as veda;

pub mod calibrate;
#[cfg(feature = "gpu")]
pub mod device;
pub mod error;
pub mod executor;
mod index;
pub mod iter;
pub mod kernel;
pub mod math;
pub mod planner;
pub mod telemetry;

#[doc(hidden)]
pub mod __private {
    //! What the macros expand to. Not public API.
    pub use crate::index::Index;
    pub use crate::kernel::arg::{Arg, Bind, BindSlice, Position};
    pub use crate::kernel::bound::Bound;
    pub use crate::kernel::desc::{ElementKernel, Kernel, KernelDesc};
    pub use crate::kernel::ops;
    pub use crate::kernel::registry::{Caps, Registered, find, id_of, tag};
    pub use crate::kernel::scalar::{Scalar, Value32};
    pub use inventory;
    pub use veda_kernels_ir::ast::Value;
}

pub use error::{Error, Result};
pub use index::{Index, IntoSpace, Space};
