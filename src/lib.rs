//! Write a function once; veda runs it on the GPU or on every core, whichever finishes first, and can say why.
//!
//! ```
//! use veda::prelude::*;
//!
//! #[veda::kernel]
//! fn square(x: f32) -> f32 { x * x }
//!
//! let xs: Vec<f32> = (0..1000).map(|i| i as f32).collect();
//! let sum: f32 = xs.par_iter().map(square).sum();
//! assert_eq!(sum, 332_833_500.0);
//! ```
//!
//! * [`macro@kernel`] keeps the function an ordinary function and adds its WGSL; [`kernel_fn!`] does so for a closure
//!   that captures scalars.
//! * [`prelude`] has the parallel iterators; chains that consist of kernels are routed, all others run on the CPU pool.
//! * [`gpu::execute`] routes whole kernels: images, matrices, anything that is indexed.
//! * [`Graph`] plans several kernels as a whole; [`Array`]s stay on the device where they were last used.
//! * [`explain`] says where calls ran and why, [`metrics`] counts, the tool `veda-calibrate` measures the machine.
//!
//! Without a GPU, a driver or the cargo feature `gpu`, everything works and runs on the CPU.

// Lets the macros' `::veda::…` paths resolve inside this crate, whose math is written as kernels too.
extern crate self as veda;

pub mod array;
pub mod calibrate;
pub mod config;
#[cfg(feature = "gpu")]
pub mod device;
pub mod error;
pub mod executor;
pub mod gpu;
pub mod graph;
mod index;
pub mod iter;
pub mod kernel;
pub mod math;
mod page;
pub mod planner;
pub mod prelude;
pub mod range;
mod runtime;
pub mod slice;
mod source;
pub mod telemetry;
pub mod testing;
pub mod vec;

pub use array::Array;
pub use config::{Config, ConfigBuilder, DeviceChoice, Learning};
pub use error::{Error, Result};
pub use executor::{
    JoinHandle, Pool, Scope, ScopeError, current_num_threads, current_thread_index, join, scope, spawn, try_scope,
};
pub use graph::{Graph, Var};
pub use index::{Index, IntoSpace, Space};
pub use planner::Explanation;
pub use runtime::global::GlobalMetrics;
pub use runtime::{Runtime, explain, init, init_with_config, metrics, shutdown};
pub use veda_kernels_macros::{kernel, kernel_fn};

#[doc(hidden)]
pub mod __private {
    //! What the macros expand to. Not public API.
    pub use crate::index::Index;
    pub use crate::kernel::arg::{Arg, Bind, BindSlice, Position};
    pub use crate::kernel::bound::Bound;
    pub use crate::kernel::chunk::Chunk;
    pub use crate::kernel::desc::{ElementKernel, Kernel, KernelDesc};
    pub use crate::kernel::ops;
    pub use crate::kernel::registry::{Caps, Registered, find, id_of, tag};
    pub use crate::kernel::scalar::{Scalar, Value32};
    pub use inventory;
    pub use veda_kernels_ir::ast::Value;
}
