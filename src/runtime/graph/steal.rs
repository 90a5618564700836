//! When an idle lane takes a task that the plan gave to another one: its pipeline is still being built, or the other lane
//! is late by more than chance explains. Never in a deterministic run.

use std::time::Duration;

use super::board::{Board, Progress, Shared};
use super::tasks::{Step, What};
use crate::planner::task_graph::TaskId;
use crate::planner::work::Place;

/// Lateness below this is noise of any machine.
const SLACK_NS: u64 = 2_000_000;

/// Pause before a task whose pipeline is being built is looked at again.
const BUILD_NS: u64 = 2_000_000;

/// What an idle lane found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is the caller's now.
    Task(TaskId),
    /// Something may become late after this pause.
    Later(Duration),
    Nothing,
}

/// When a step that was predicted to end at `end_ns` is late by more than two standard deviations of log time.
fn late_at(shared: &Shared<'_>, end_ns: u64) -> Option<u64> {
    let factor = (2.0 * shared.plan.sigma.max(0.05)).exp();
    (end_ns > 0 && end_ns < u64::MAX / 4).then_some((end_ns as f64 * factor) as u64 + SLACK_NS)
}

/// Whether the move pays: the other place is expected to take no longer than the task has already been late, or waited,
/// plus its own time. At worst that doubles the loss. Unknown times count as equal.
fn pays(shared: &Shared<'_>, t: TaskId, from: Place, to: Place, waited_ns: u64) -> bool {
    let Some(estimate) = shared.options.estimate else { return true };
    let task = &shared.plan.graph.tasks[t];
    match (estimate(task, from), estimate(task, to)) {
        (Some(own), Some(other)) => other <= waited_ns.saturating_add(own),
        (None, other) => other.is_some(),
        (Some(_), None) => false,
    }
}

/// A task of a GPU's lane for the idle CPU.
pub(super) fn for_cpu(shared: &Shared<'_>, board: &mut Board) -> Found {
    let host = |board: &Board, t: TaskId| {
        shared.preceded(board, t, None) && shared.tasks[t].reads.iter().all(|u| board.arrays[u.array].on_host(u))
    };
    search(shared, board, Place::Cpu, &host)
}

/// A task of another lane for an idle GPU, for which `can` says whether it could start there now.
#[cfg(feature = "gpu")]
pub(super) fn for_gpu(shared: &Shared<'_>, board: &mut Board, gpu: u32, can: &dyn Fn(&Board, TaskId) -> bool) -> Found {
    search(shared, board, Place::Gpu(gpu), can)
}

fn search(shared: &Shared<'_>, board: &mut Board, to: Place, can: &dyn Fn(&Board, TaskId) -> bool) -> Found {
    if shared.options.deterministic {
        return Found::Nothing;
    }
    let now = shared.now();
    let mut soonest: Option<u64> = None;
    let mut found = None;
    'lanes: for (&from, steps) in board.lanes.iter().filter(|(place, _)| **place != to) {
        for (i, &Step { what, end_ns, .. }) in steps.iter().enumerate() {
            let What::Run(t) = what else { continue };
            if board.tasks[t] != Progress::Waiting {
                continue;
            }
            let building = board.building.contains(&t);
            let late = late_at(shared, end_ns);
            let waited = if building { now } else { now.saturating_sub(end_ns) };
            if (building || late.is_some_and(|at| now > at)) && pays(shared, t, from, to, waited) && can(board, t) {
                found = Some((from, i, t, building));
                break 'lanes;
            }
            // What is being built pays some time later, at the latest when the other place's time has passed.
            let again = if building { Some(now + BUILD_NS) } else { late.filter(|&at| at >= now) };
            if let Some(at) = again {
                soonest = Some(soonest.map_or(at, |s| s.min(at)));
            }
        }
    }
    let Some((from, i, t, building)) = found else {
        let pause = |at: u64| Found::Later(Duration::from_nanos(at - now).clamp(MIN_PAUSE, MAX_PAUSE));
        return soonest.map_or(Found::Nothing, pause);
    };
    if let Some(steps) = board.lanes.get_mut(&from) {
        steps.remove(i);
    }
    board.tasks[t] = Progress::Running;
    board.places[t] = to;
    let why = if building { "its pipeline is being built" } else { "its lane is late" };
    board.record.note(format!("`{}` ran on the {to} instead of the {from}: {why}", shared.tasks[t].name));
    board.record.rerouted += 1;
    Found::Task(t)
}

/// Bounds of the pause before an idle lane looks again.
const MIN_PAUSE: Duration = Duration::from_micros(200);
const MAX_PAUSE: Duration = Duration::from_millis(100);
