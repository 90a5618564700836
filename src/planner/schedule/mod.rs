//! Scheduling a priced graph: candidates, one simulator that judges them, and a local search.
//!
//! What is searched is a [`Draft`]: a processor per task and a list of the tasks. The simulator makes a [`Schedule`] of it;
//! nothing else decides times. [`schedule()`] simulates the drafts of all heuristics (single processors, HEFT, PEFT, chain
//! DP, and what the caller hands in), then changes the best of them step by step. So the result is never worse than any
//! candidate, and on small graphs it is nearly always optimal.
//!
//! What holds: no clock, no threads, no hashing; integer nanoseconds (ranks are `f64`, summed in a fixed order); ties go
//! to the lower index; the budget counts simulated tasks, not time. [`check()`] tests any schedule from the definitions
//! alone. [`retime()`] keeps all orders of a schedule, and is monotone in all times.

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
mod state;
mod table;
mod transfer;

pub use check::{Violation, check};
pub use improve::Score;
pub use instance::Instance;
pub use portfolio::{Options, Origin, Outcome, schedule};
pub use result::{Build, Copy, Draft, Eviction, Infeasible, Schedule};
pub use retime::retime;
pub use simulate::{Simulator, simulate};
