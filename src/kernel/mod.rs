//! What a kernel is: its descriptor, the registry that finds it by type, chains of kernels as plain data ([`pipe`]),
//! and the WGSL that they become.
//!
//! Floor 1: nothing here knows a device, a thread or a clock.

pub mod arg;
pub mod assemble;
pub mod bound;
pub mod chunk;
pub mod count;
pub mod deferred;
pub mod desc;
pub mod isa;
#[allow(clippy::return_self_not_must_use)] // only the macro's output calls them, always for their value
pub mod ops;
pub mod pipe;
pub mod place;
pub mod registry;
pub mod scalar;
mod std_functions;
pub mod terminal;
