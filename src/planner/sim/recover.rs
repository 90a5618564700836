//! What is left to do when a device is lost: its unfinished tasks, and finished ones whose results were only there.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::item::{Facts, Item, Job};
use super::play::State;
use super::{Happening, Times};
use crate::planner::task_graph::{DatumId, TaskId};
use crate::planner::work::Place;

/// The list for the rest.
pub(super) struct Rest {
    pub(super) items: Vec<Item>,
    /// What happens, and at the start of which item.
    pub(super) events: Vec<(usize, Happening)>,
    /// What is decided at once.
    pub(super) now: Vec<Happening>,
    pub(super) unfinished: BTreeSet<TaskId>,
}

/// Plans the rest. `left` are the items that were not done, in order; `state` is what survived. Tasks keep their places as
/// far as these exist; the others go to the host, or to the first GPU that can do them if the host cannot.
pub(super) fn rest(
    facts: &Facts<'_>,
    times: Option<&dyn Times>,
    limits: &BTreeMap<Place, u64>,
    lost: &BTreeSet<Place>,
    state: &State,
    left: &[Item],
) -> Rest {
    let mut now = Vec::new();
    let planned: BTreeMap<TaskId, Item> = left.iter().filter_map(|i| run_of(i).map(|t| (t, *i))).collect();
    let again = again(facts, state, &planned, &mut now);
    now.extend(again.iter().map(|&t| Happening::Redone(t)));
    let mut tasks: Vec<TaskId> = planned.keys().copied().chain(again).collect();
    // By planned start; where one takes no time, by the graph's topological order.
    tasks.sort_by_key(|&t| (facts.starts[t], t));
    let builds: BTreeMap<TaskId, Item> = left.iter().filter_map(|i| build_of(i).map(|t| (t, *i))).collect();
    let mut others: BTreeSet<Place> = facts.plan.places.iter().copied().collect();
    others.insert(Place::Cpu);
    let mut fed: Vec<Item> = Vec::new();
    let mut stuck = BTreeSet::new();
    for task in tasks {
        if let Some(item) = planned.get(&task).filter(|i| !lost.iter().any(|&p| i.job.touches(p))) {
            fed.extend(builds.get(&task));
            fed.push(*item);
            continue;
        }
        let mut options = others.iter().filter(|p| !lost.contains(p));
        let found = options.find_map(|&p| Draft::run_ns(facts, times, task, p).map(|ns| (p, ns)));
        let Some((place, ns)) = found else {
            stuck.insert(task);
            continue;
        };
        now.push(Happening::Moved { task, to: place });
        let job = Job::Run { task, place };
        fed.push(Item::new(job, ns));
    }
    let jobs: Vec<Job> = fed.iter().map(|i| i.job).collect();
    let mut draft = Draft::new(facts, times, limits, lost, state.store.clone(), &jobs);
    draft.unfinished = stuck;
    for item in fed {
        draft.feed(item.job, item);
    }
    draft.finish();
    Rest { items: draft.items, events: draft.events, now, unfinished: draft.unfinished }
}

fn run_of(item: &Item) -> Option<TaskId> {
    match item.job {
        Job::Run { task, .. } => Some(task),
        _ => None,
    }
}

fn build_of(item: &Item) -> Option<TaskId> {
    match item.job {
        Job::Build { task, .. } => Some(task),
        _ => None,
    }
}

/// Finished tasks that must be done again: the rest reads, or somebody wants, what they wrote, and it is gone.
fn again(
    facts: &Facts<'_>,
    state: &State,
    left: &BTreeMap<TaskId, Item>,
    now: &mut Vec<Happening>,
) -> BTreeSet<TaskId> {
    let data = &facts.plan.graph.data;
    let mut again = BTreeSet::new();
    let mut gone = BTreeSet::new();
    let mut needed: Vec<DatumId> = left.keys().flat_map(|&t| facts.reads(t)).collect();
    needed.extend((0..data.len()).filter(|&d| data[d].wanted.is_some()));
    while let Some(d) = needed.pop() {
        if state.store.anywhere(&facts.families, d) {
            continue;
        }
        let mut sources = facts.families.sources(d).peekable();
        if sources.peek().is_none() && gone.insert(d) {
            now.push(Happening::DatumLost(d));
        }
        for task in sources {
            let writes = &facts.plan.graph.tasks[task].writes;
            let needs = writes.iter().any(|&w| !state.store.anywhere(&facts.families, w));
            if needs && state.done.contains_key(&task) && !left.contains_key(&task) && again.insert(task) {
                needed.extend(facts.reads(task));
            }
        }
    }
    again
}
