//! Graph rewrites: pure functions from task graph to task graph that keep what is computed and change how it is cut up.
//!
//! Data of the graph that goes in keep their indices; new data are appended. Tasks say which of the caller's tasks they
//! stand for (`origin`) and which part of the index space they compute (`window`), data say of what they are a piece.

pub mod cut;
pub mod fuse;

use std::collections::BTreeSet;

use super::task_graph::{Access, DataResidency, Divisible, Task, TaskCost, TaskGraph};
use super::work::OutputKind;

/// The same graph with every task's `origin` filled in: itself, where the caller left it empty.
#[must_use]
pub fn normalised(graph: &TaskGraph) -> TaskGraph {
    let mut graph = graph.clone();
    for (t, task) in graph.tasks.iter_mut().enumerate() {
        if task.origin.is_empty() {
            task.origin = vec![t];
        }
    }
    graph
}

/// Where the data of a rewritten graph are valid: pieces are where their parents are.
#[must_use]
pub fn residency(rewritten: &TaskGraph, original: &DataResidency) -> DataResidency {
    let mut valid = original.valid.clone();
    for (d, datum) in rewritten.data.iter().enumerate() {
        if let Some(places) = datum.piece.and_then(|piece| original.valid.get(&piece.of)) {
            valid.entry(d).or_insert_with(|| places.clone());
        }
    }
    DataResidency { valid }
}

/// Elements of the index space of a task that may be cut, with its grain and elements per output element; `None` where it
/// may not: not divisible, a loop, a window already, no kernel, or outputs that do not have one element per `per_output`.
pub fn index_space(graph: &TaskGraph, task: &Task) -> Option<(u64, u64, u64)> {
    let (TaskCost::Kernel { work, repeat: 1 }, Divisible::By { grain, per_output }) = (&task.cost, task.divisible)
    else {
        return None;
    };
    let (n, per_output) = (work.elements, per_output.max(1));
    let grain = lcm(grain.max(1), per_output)?;
    let whole = task.window.is_none() && work.output != OutputKind::Compact && n > grain && !task.writes.is_empty();
    let matches = |&d: &usize| graph.data[d].elements == n.div_ceil(per_output) && graph.data[d].piece.is_none();
    (whole && task.writes.iter().all(matches)).then_some((n, grain, per_output))
}

/// Least common multiple; `None` where it does not fit.
pub(super) fn lcm(a: u64, b: u64) -> Option<u64> {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x.max(1)).checked_mul(b)
}

/// The tasks that must precede each task: writers of what it reads, and those that it names.
pub fn predecessors(graph: &TaskGraph) -> Vec<BTreeSet<usize>> {
    let writers = graph.writers();
    let of = |task: &Task| {
        let data = task.reads.iter().filter_map(|r| writers.get(r.datum).copied().flatten());
        data.chain(task.after.iter().copied()).collect()
    };
    graph.tasks.iter().map(of).collect()
}

/// Groups of tasks that can be cut at the same places: connected by data that one writes and another reads element by
/// element over the same index space. Each group ascending; groups of one task too.
pub fn chains(graph: &TaskGraph) -> Vec<Vec<usize>> {
    let writers = graph.writers();
    let spaces: Vec<_> = graph.tasks.iter().map(|t| index_space(graph, t)).collect();
    let mut group: Vec<usize> = (0..graph.tasks.len()).collect();
    for (t, task) in graph.tasks.iter().enumerate() {
        let Some((n, _, _)) = spaces[t] else { continue };
        for read in task.reads.iter().filter(|r| r.access == Access::Elements && graph.data[r.datum].elements == n) {
            let Some(w) = writers[read.datum] else { continue };
            if spaces[w].is_some_and(|(m, _, per_output)| m == n && per_output == 1) {
                let (a, b) = (root(&mut group, w), root(&mut group, t));
                group[a.max(b)] = a.min(b);
            }
        }
    }
    let mut chains: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for (t, space) in spaces.iter().enumerate() {
        if space.is_some() {
            chains.entry(root(&mut group, t)).or_default().push(t);
        }
    }
    chains.into_values().collect()
}

/// The smallest member of a task's group, with path halving.
fn root(group: &mut [usize], mut t: usize) -> usize {
    while group[t] != t {
        group[t] = group[group[t]];
        t = group[t];
    }
    t
}
