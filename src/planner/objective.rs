//! What a plan is to be good at.

use serde::{Deserialize, Serialize};

/// What a plan is to be good at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// What is minimised.
    pub goal: Goal,
    /// Bytes of device memory that the plan may use on each GPU; `None`: what the device offers.
    pub memory_cap: Option<u64>,
}

/// What is minimised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// The time until everything is done.
    #[default]
    Makespan,
    /// The probability of being later than this (then the expected time): the best chance to be done in time.
    Deadline {
        /// Nanoseconds from the start.
        ns: u64,
    },
    /// Energy in joules: busy power of each unit times its busy time, plus idle power times the makespan.
    Energy,
    /// The least time of all plans that take at most this energy; the least energy if none does.
    EnergyCap {
        /// Joules.
        joules: f64,
    },
}
