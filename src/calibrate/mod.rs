//! Measures this machine.

pub mod host;
