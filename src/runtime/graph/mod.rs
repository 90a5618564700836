//! Executes plans of graphs: what each node computes, where its arrays are valid, and one lane per unit.
//!
//! See `README.md` beside this file for the states of an array, the rules of the lanes, and what happens when a device is
//! lost.

mod device;
mod error;
pub(crate) mod fuse;
pub(crate) mod host;
pub(crate) mod op;
pub(crate) mod price;
pub(crate) mod span;
mod store;

pub(crate) use error::{CancelToken, RunError};
pub(crate) use store::Store;
