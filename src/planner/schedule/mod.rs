//! Scheduling a priced graph: candidates, one simulator that judges them, and a local search.

pub mod chain;
pub mod check;
pub mod heft;
pub mod improve;
mod insertion;
pub mod instance;
mod lane;
pub mod peft;
pub mod portfolio;
pub mod result;
pub mod retime;
mod rng;
pub mod simulate;
pub mod single;
mod space;
mod table;

pub use check::{Violation, check};
pub use instance::Instance;
pub use portfolio::{Options, Origin, Outcome, schedule};
pub use result::{Build, Copy, Draft, Eviction, Infeasible, Schedule};
pub use retime::retime;
pub use simulate::{Simulator, simulate};
