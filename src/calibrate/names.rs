//! Scalars of a profile that are measured beside those which the cost model prices one call with
//! ([`keys`](crate::planner::profile::keys)): what one more submit, bind group or task costs, and waking sleeping workers.

/// GPU scalar: one more submit before the wait, µs.
pub const SUBMIT_US: &str = "submit_us";
/// GPU scalar: one more set of bindings in the same submit, µs, the dispatch itself left out.
pub const BIND_US: &str = "bind_us";
/// CPU scalar: one more task spawned in a scope, µs, all workers together.
pub const TASK_US: &str = "task_us";
/// CPU scalar: one more block of a parallel call, µs, all workers together.
pub const SPLIT_US: &str = "split_us";
/// CPU scalar: an empty parallel call after the workers went to sleep, µs.
pub const FORK_JOIN_PARKED_US: &str = "fork_join_parked_us";
