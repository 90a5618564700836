//! Executes plans of graphs: what each node computes, where its arrays are valid, and one lane per unit.

pub(crate) mod host;
pub(crate) mod op;
