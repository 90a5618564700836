//! Executes plans of graphs: what each node computes, where its arrays are valid, and one lane per unit.
//!
//! See `README.md` beside this file for the states of an array, the rules of the lanes, and what happens when a device is
//! lost.

mod array;
mod board;
mod cpu;
mod cpu_loop;
mod cpu_node;
mod device;
mod error;
#[cfg(feature = "gpu")]
mod flight;
pub(crate) mod fuse;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "gpu")]
mod gpu_loop;
#[cfg(feature = "gpu")]
mod gpu_pick;
#[cfg(feature = "gpu")]
mod gpu_task;
pub(crate) mod host;
mod intervals;
mod learn;
pub(crate) mod op;
pub(crate) mod price;
mod record;
#[cfg(feature = "gpu")]
mod room;
mod run;
mod settle;
pub(crate) mod span;
mod steal;
mod store;
mod tasks;

pub(crate) use error::{CancelToken, RunError};
pub(crate) use run::{RunOptions, run};
pub(crate) use store::Store;

#[cfg(test)]
mod test_ops;
#[cfg(test)]
mod tests;
