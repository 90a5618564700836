//! After the lanes stopped early: what is done stays done, what is not sure is forgotten, and what is still needed is
//! found.
//!
//! One rule serves failed checks and lost devices: *a task must run (again) if an output of it is needed and valid
//! nowhere; an output is needed if somebody wants it at the end, or a task that must run reads it.*

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::array::Array;
use super::board::{Board, Progress, Shared};
use super::error::RunError;
use super::tasks::{Step, Use, What};
use crate::planner::task_graph::{DataResidency, DatumId, TaskCost, TaskGraph, TaskId};
use crate::planner::work::Place;

/// Forgets everything that is not done. No lane runs, nothing is in flight.
pub(super) fn forget_undone(shared: &Shared<'_>, board: &mut Board) {
    for (t, task) in shared.tasks.iter().enumerate() {
        if board.tasks[t] != Progress::Done {
            board.tasks[t] = Progress::Waiting;
            for write in &task.writes {
                board.arrays[write.array].invalidate(write.window);
            }
        }
    }
    for array in &mut board.arrays {
        array.arriving = super::intervals::Intervals::default();
    }
    board.requests.clear();
    board.flights.clear();
    board.building.clear();
}

/// Puts the tasks that must run (again) back into their lanes, by the same plan.
pub(super) fn resume(shared: &Shared<'_>, board: &mut Board, lanes: &BTreeMap<Place, VecDeque<Step>>) {
    let mut needed = vec![false; shared.tasks.len()];
    let mut read: Vec<Use> = Vec::new();
    for (t, task) in shared.tasks.iter().enumerate().rev() {
        let is_needed = |u: &Use| {
            let wanted = board.arrays[u.array].wanted.is_some() || read.iter().any(|r| r.overlaps(u));
            wanted && !board.arrays[u.array].anywhere(u)
        };
        needed[t] = board.tasks[t] != Progress::Done || task.writes.iter().any(is_needed);
        if needed[t] {
            read.extend(&task.reads);
        }
    }
    for (t, needed) in needed.iter().enumerate() {
        board.tasks[t] = if *needed { Progress::Waiting } else { Progress::Done };
    }
    let mut left: BTreeMap<Place, VecDeque<Step>> = BTreeMap::new();
    for (lane, steps) in lanes {
        for step in steps {
            let lane = match step.what {
                What::Run(t) if needed[t] => board.places[t],
                What::Run(_) => continue,
                What::Ensure(..) | What::Evict(..) => *lane,
            };
            left.entry(lane).or_default().push_back(*step);
        }
    }
    // Tasks that moved to the CPU stand behind its own; tasks are numbered in topological order.
    if let Some(steps) = left.get_mut(&Place::Cpu) {
        steps.make_contiguous().sort_by_key(|step| match step.what {
            What::Run(t) => t,
            _ => usize::MAX,
        });
    }
    board.lanes = left;
    shared.count_readers(board);
}

/// What is left of the caller's graph.
pub(super) struct Suffix {
    /// The tasks that must run, over the same data.
    pub graph: TaskGraph,
    /// The task of the caller's graph that each of them is.
    pub origins: Vec<TaskId>,
    /// Where data are valid.
    pub residency: DataResidency,
}

/// Finds what is left after a loss, as tasks of the caller's graph. Arrays of which a part is missing have no value
/// afterwards.
///
/// # Errors
/// [`RunError::ArrayLost`] for an input that was valid on a lost device only.
pub(super) fn suffix(graph: &TaskGraph, arrays: &mut [Array], ran: &BTreeSet<TaskId>) -> Result<Suffix, RunError> {
    let whole = |d: DatumId| Use { array: d, window: None };
    let mut needed = vec![false; graph.tasks.len()];
    let mut read: BTreeSet<DatumId> = BTreeSet::new();
    for (t, task) in graph.tasks.iter().enumerate().rev() {
        let missing = |d: &DatumId| {
            let used = arrays[*d].wanted.is_some() || read.contains(d);
            used && !arrays[*d].anywhere(&whole(*d))
        };
        // Host functions run for what they do, too: once, whether somebody reads what they write or not.
        let effect = matches!(task.cost, TaskCost::Host { .. }) && !ran.contains(&t);
        needed[t] = effect || task.writes.iter().any(missing);
        if needed[t] {
            read.extend(task.reads.iter().map(|r| r.datum));
        }
    }
    for (task, needed) in graph.tasks.iter().zip(&needed) {
        if *needed {
            task.writes.iter().for_each(|&d| arrays[d].invalidate(None));
        }
    }
    for &d in &read {
        if let Some(store) = &arrays[d].store
            && !arrays[d].anywhere(&whole(d))
        {
            return Err(RunError::ArrayLost { array: arrays[d].name.clone(), device: store.last_places() });
        }
    }
    let origins: Vec<TaskId> = (0..graph.tasks.len()).filter(|&t| needed[t]).collect();
    let position: BTreeMap<TaskId, TaskId> = origins.iter().enumerate().map(|(new, &old)| (old, new)).collect();
    let tasks = origins.iter().map(|&t| {
        let mut task = graph.tasks[t].clone();
        task.after = task.after.iter().filter_map(|a| position.get(a).copied()).collect();
        task
    });
    let graph = TaskGraph { data: graph.data.clone(), tasks: tasks.collect() };
    Ok(Suffix { residency: residency(arrays), graph, origins })
}

/// Where whole arrays are valid. One that is spread over several places counts as valid on the host: the lanes fetch its
/// parts from where they are.
pub(super) fn residency(arrays: &[Array]) -> DataResidency {
    let mut residency = DataResidency::default();
    for (d, array) in arrays.iter().enumerate() {
        let all = Use { array: d, window: None };
        let gpus = array.gpus.keys().filter(|gpu| array.on_gpu(**gpu, &all)).map(|gpu| Place::Gpu(*gpu));
        let mut places: BTreeSet<Place> = gpus.collect();
        if array.on_host(&all) || (places.is_empty() && array.anywhere(&all)) {
            places.insert(Place::Cpu);
        }
        if !places.is_empty() {
            residency.valid.insert(d, places);
        }
    }
    residency
}
