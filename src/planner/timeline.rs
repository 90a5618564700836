//! When what ran where: predicted, simulated or real, in one type.

use serde::{Deserialize, Serialize};

use super::task_graph::{DatumId, TaskId};
use super::work::Place;

/// Spans of one run of a plan, ordered by start, lane and label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Where the times come from.
    pub source: Source,
    /// The spans.
    pub spans: Vec<Span>,
    /// From 0 to the end of the last span, nanoseconds.
    pub makespan_ns: u64,
}

/// Where a timeline comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The planner's own simulation, without noise.
    #[default]
    Predicted,
    /// A simulation with noise.
    Simulated,
    /// Clocks of a real run.
    Measured,
}

/// Something that one unit does for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Who does it.
    pub lane: Lane,
    /// What it is.
    pub what: What,
    /// For people: the task's or datum's name.
    pub label: String,
    /// Nanoseconds since the run began.
    pub start_ns: u64,
    /// Nanoseconds since the run began; at least `start_ns`.
    pub end_ns: u64,
}

/// A unit that does one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// The pool, as one unit.
    Cpu,
    /// The compute queue of a GPU.
    Gpu(u32),
    /// Copies from the host to a GPU.
    Upload(u32),
    /// Copies from a GPU to the host.
    Download(u32),
    /// Building pipelines for a GPU.
    Build(u32),
}

/// What a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A task of the plan's graph.
    Run(TaskId),
    /// A copy of a datum.
    Copy(DatumId),
    /// Building the pipeline of a task.
    Build(TaskId),
    /// A datum's memory is given up.
    Evict(DatumId),
}

impl Lane {
    /// Where tasks of this place run.
    pub const fn of(place: Place) -> Lane {
        match place {
            Place::Cpu => Lane::Cpu,
            Place::Gpu(i) => Lane::Gpu(i),
        }
    }
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Lane::Cpu => f.pad("CPU"),
            Lane::Gpu(i) => f.pad(&format!("GPU {i}")),
            Lane::Upload(i) => f.pad(&format!("upload {i}")),
            Lane::Download(i) => f.pad(&format!("download {i}")),
            Lane::Build(i) => f.pad(&format!("build {i}")),
        }
    }
}

impl Timeline {
    /// Sorts the spans and sets the makespan.
    pub fn new(source: Source, mut spans: Vec<Span>) -> Timeline {
        spans.sort_by_key(|s| (s.start_ns, s.lane, s.what, s.end_ns));
        let makespan_ns = spans.iter().map(|s| s.end_ns).max().unwrap_or(0);
        Timeline { source, spans, makespan_ns }
    }

    /// The span of a task, if it ran.
    pub fn run(&self, task: TaskId) -> Option<&Span> {
        self.spans.iter().find(|s| s.what == What::Run(task))
    }

    /// Time that a lane was busy, nanoseconds.
    pub fn busy_ns(&self, lane: Lane) -> u64 {
        self.spans.iter().filter(|s| s.lane == lane).map(|s| s.end_ns - s.start_ns).sum()
    }

    /// The lanes that occur, in order.
    pub fn lanes(&self) -> Vec<Lane> {
        let mut lanes: Vec<_> = self.spans.iter().map(|s| s.lane).collect();
        lanes.sort_unstable();
        lanes.dedup();
        lanes
    }
}
