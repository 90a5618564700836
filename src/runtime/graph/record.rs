//! What a run leaves behind beside its results: when what ran where, how long it took, and what did not go as planned.

use crate::planner::task_graph::TaskId;
use crate::planner::timeline::{Lane, Span, What};
use crate::planner::work::Place;

/// How long a task took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Observed {
    /// A task of the plan's graph.
    pub task: TaskId,
    /// Where it ran.
    pub place: Place,
    /// Nanoseconds, by the host's clock. On a GPU: from when it could start (it was submitted and what was ahead of it on
    /// the queue was done) until done, transfers that it needed included.
    pub ns: u64,
    /// Bytes that its own commands moved to the device.
    pub up: u64,
    /// Bytes that its own commands moved back.
    pub down: u64,
    /// Nothing was ahead of it on its queue.
    pub alone: bool,
    /// Other work shared the unit, so the time says little about the task: do not learn from it.
    pub contended: bool,
}

/// What a run leaves behind.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub spans: Vec<Span>,
    pub observed: Vec<Observed>,
    pub notes: Vec<String>,
    /// Tasks that ran elsewhere than planned.
    pub rerouted: usize,
}

impl Record {
    /// Adds a line for people, once.
    pub(super) fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    pub(super) fn span(&mut self, lane: Lane, what: What, label: &str, start_ns: u64, end_ns: u64) {
        self.spans.push(Span { lane, what, label: label.to_owned(), start_ns, end_ns: end_ns.max(start_ns) });
    }
}
