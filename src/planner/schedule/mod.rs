//! Scheduling a priced graph: candidates, one simulator that judges them, and a local search.

pub mod instance;
