//! Executes plans of graphs: what each node computes, where its arrays are valid, and one lane per unit.

mod device;
pub(crate) mod error;
pub(crate) mod host;
pub(crate) mod op;
pub(crate) mod span;
pub(crate) mod store;
