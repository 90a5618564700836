//! Decides where work runs: pure functions over plain data, no wgpu, no threads, no clock.

pub mod builtin;
pub mod cost_model;
pub mod curve;
pub mod decide;
pub mod estimate;
pub mod explain;
pub mod objective;
pub mod part;
pub mod plan;
pub mod price;
pub mod profile;
pub mod profile_file;
pub mod profile_key;
pub mod profile_set;
pub mod residual;
pub mod rewrite;
pub mod schedule;
pub mod sim;
pub mod task_graph;
pub mod timeline;
pub mod trace;
pub mod work;

pub use cost_model::{CostModel, Observation};
pub use decide::{Candidate, Decider, Decision, FlipPoint, Reason, decide};
pub use estimate::{Estimate, Terms};
pub use explain::{CallExplanation, Explanation};
pub use objective::{Goal, Objective};
pub use plan::{Action, Plan, Step};
pub use profile::Profile;
pub use profile_set::{PlaceOffer, ProfileSet};
pub use task_graph::{DataResidency, TaskGraph};
pub use timeline::Timeline;
pub use work::{Bytes, OpCounts, OutputKind, Place, Residency, Work};
