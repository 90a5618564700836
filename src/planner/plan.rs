//! A plan: what runs where, in which order, what is copied and evicted when, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::task_graph::{DatumId, TaskGraph, TaskId};
use super::timeline::Timeline;
use super::work::Place;

/// What runs where, in which order. Plain data: the same graph, profiles, residency, objective and seed give the same
/// bytes, on any machine and from run to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Hash of everything that went in.
    pub id: u64,
    /// The graph to execute: the caller's, after fusing and cutting. Its tasks name their origins and windows, its data
    /// their parents. Data of the caller's graph keep their indices.
    pub graph: TaskGraph,
    /// Where each task of [`graph`](Self::graph) runs.
    pub places: Vec<Place>,
    /// Everything that is done, by predicted start; steps of one lane run in this order.
    pub steps: Vec<Step>,
    /// The predicted run.
    pub timeline: Timeline,
    /// Log standard deviation of the makespan.
    pub sigma: f64,
    /// Predicted energy, joules; `None` where the profile has no powers.
    pub energy_j: Option<f64>,
    /// Predicted peak of bytes by GPU.
    #[serde(with = "super::place_map")]
    pub peak_bytes: BTreeMap<Place, u64>,
    /// Predicted makespans of what was not chosen, e.g. `("all CPU", 1_200_000)`, the chosen one first.
    pub candidates: Vec<(String, u64)>,
}

/// One thing that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What.
    pub action: Action,
    /// Predicted start, nanoseconds from the beginning.
    pub start_ns: u64,
    /// Predicted end.
    pub end_ns: u64,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Runs a task at its place.
    Run(TaskId),
    /// Makes a datum valid at another place.
    Copy {
        /// What.
        datum: DatumId,
        /// From where.
        from: Place,
        /// To where.
        to: Place,
    },
    /// Gives up a datum's memory at a place; it is valid elsewhere or not needed any more.
    Evict {
        /// What.
        datum: DatumId,
        /// Where.
        place: Place,
    },
}
