//! Cuts tasks into windows and data into pieces, so that copies and kernels overlap, devices share a task, and what does
//! not fit into a device's memory passes through it.

use std::collections::{BTreeMap, BTreeSet};

use super::index_space;
use crate::planner::task_graph::{Access, Datum, DatumId, Piece, Read, Task, TaskCost, TaskGraph, TaskId};

/// Where to cut each task: the starts of its windows after the first, ascending.
pub type Cuts = BTreeMap<TaskId, Vec<u64>>;

/// Boundaries for `k` windows of about the same size that start at multiples of `grain`. Fewer where `n` is small.
pub fn even(n: u64, grain: u64, k: u64) -> Vec<u64> {
    let k = k.max(1);
    let at = |i: u64| (u128::from(n) * u128::from(i) / u128::from(k)) as u64;
    let starts: BTreeSet<u64> = (1..k).map(|i| at(i) / grain * grain).filter(|&b| b > 0 && b < n).collect();
    starts.into_iter().collect()
}

/// Cuts tasks into windows. Each datum that a cut task writes, or reads element by element, becomes pieces: its writer's
/// windows, or (no cut task writes it) its readers'. Nobody reads, writes or wants the parent any more: the pieces stand
/// for it everywhere, a window reads those that it overlaps, and a reader that needs everything reads all.
///
/// Tasks that may not be cut, and boundaries that are no multiples of the grain or outside the index space, are ignored.
#[must_use]
pub fn cut(graph: &TaskGraph, cuts: &Cuts) -> TaskGraph {
    let windows: Vec<Option<Windows>> =
        graph.tasks.iter().enumerate().map(|(t, task)| Windows::of(graph, task, cuts.get(&t)?)).collect();
    let mut result = TaskGraph { data: graph.data.clone(), tasks: Vec::new() };
    let pieces = pieces(graph, &windows, &mut result.data);
    // The new tasks of each old one.
    let mut copies: Vec<std::ops::Range<TaskId>> = Vec::with_capacity(graph.tasks.len());
    for (task, windows) in graph.tasks.iter().zip(&windows) {
        let first = result.tasks.len();
        let after: Vec<TaskId> = task.after.iter().flat_map(|&a| copies[a].clone()).collect();
        match windows {
            None => {
                let reads = task.reads.iter().flat_map(|r| all(&pieces, r)).collect();
                let writes = task.writes.iter().flat_map(|d| pieces.get(d).map_or(vec![*d], |p| p.ids.clone()));
                result.tasks.push(Task { reads, writes: writes.collect(), after, ..task.clone() });
            }
            Some(w) => {
                for (i, (from, to)) in w.ranges().enumerate() {
                    let mut part = window(graph, task, &pieces, w.n, (from, to));
                    part.writes = task.writes.iter().filter_map(|d| pieces.get(d)?.ids.get(i).copied()).collect();
                    part.after.clone_from(&after);
                    part.name = format!("{} [{}/{}]", task.name, i + 1, w.starts.len());
                    result.tasks.push(part);
                }
            }
        }
        copies.push(first..result.tasks.len());
    }
    result
}

/// The windows of one task.
struct Windows {
    starts: Vec<u64>,
    n: u64,
    per_output: u64,
}

impl Windows {
    /// `None` where nothing is left to cut.
    fn of(graph: &TaskGraph, task: &Task, inner: &[u64]) -> Option<Windows> {
        let (n, grain, per_output) = index_space(graph, task)?;
        let valid = inner.iter().copied().filter(|&b| b > 0 && b < n && b % grain == 0);
        let starts: Vec<u64> = valid.chain([0]).collect::<BTreeSet<_>>().into_iter().collect();
        (starts.len() > 1).then_some(Windows { starts, n, per_output })
    }

    fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        let ends = self.starts.iter().skip(1).copied().chain([self.n]);
        self.starts.iter().copied().zip(ends)
    }
}

/// The pieces of one datum: `ids[i]` is the window from `starts[i]`.
struct Pieces {
    starts: Vec<u64>,
    ids: Vec<DatumId>,
}

/// Decides which data are cut, and appends their pieces.
fn pieces(graph: &TaskGraph, windows: &[Option<Windows>], data: &mut Vec<Datum>) -> BTreeMap<DatumId, Pieces> {
    let mut starts: BTreeMap<DatumId, BTreeSet<u64>> = BTreeMap::new();
    for (task, w) in graph.tasks.iter().zip(windows) {
        let Some(w) = w else { continue };
        for &d in &task.writes {
            starts.insert(d, w.starts.iter().map(|s| s / w.per_output).collect());
        }
    }
    let written: BTreeSet<DatumId> = starts.keys().copied().collect();
    for (task, w) in graph.tasks.iter().zip(windows) {
        let Some(w) = w else { continue };
        for read in task.reads.iter().filter(|r| r.access == Access::Elements && !written.contains(&r.datum)) {
            let datum = &graph.data[read.datum];
            if datum.elements == w.n && datum.piece.is_none() {
                starts.entry(read.datum).or_default().extend(&w.starts);
            }
        }
    }
    let mut pieces = BTreeMap::new();
    for (d, starts) in starts {
        let whole = graph.data[d].clone();
        let starts: Vec<u64> = starts.into_iter().filter(|&s| s < whole.elements).collect();
        let bytes = |element: u64| u128::from(whole.bytes) * u128::from(element) / u128::from(whole.elements.max(1));
        let ends = starts.iter().skip(1).copied().chain([whole.elements]);
        let mut ids = Vec::with_capacity(starts.len());
        for (from, to) in starts.iter().copied().zip(ends) {
            ids.push(data.len());
            data.push(Datum {
                name: format!("{} [{from}..{to}]", whole.name),
                bytes: (bytes(to) - bytes(from)) as u64,
                elements: to - from,
                wanted: whole.wanted,
                piece: Some(Piece { of: d, from, to }),
            });
        }
        data[d].wanted = None;
        pieces.insert(d, Pieces { starts, ids });
    }
    pieces
}

/// A read of everything.
fn all(pieces: &BTreeMap<DatumId, Pieces>, read: &Read) -> Vec<Read> {
    let ids = pieces.get(&read.datum).map_or(vec![read.datum], |p| p.ids.clone());
    ids.into_iter().map(|datum| Read { datum, access: read.access }).collect()
}

/// One window of a task, without what it writes.
fn window(graph: &TaskGraph, task: &Task, pieces: &BTreeMap<DatumId, Pieces>, n: u64, (from, to): (u64, u64)) -> Task {
    let mut part = task.clone();
    part.window = Some((from, to));
    if let TaskCost::Kernel { work, .. } = &mut part.cost {
        *work = work.with_elements(to - from);
    }
    let read = |r: &Read| match pieces.get(&r.datum) {
        Some(p) if r.access == Access::Elements && graph.data[r.datum].elements == n => {
            let first = p.starts.partition_point(|&s| s <= from).saturating_sub(1);
            let end = p.starts.partition_point(|&s| s < to);
            let ids = p.ids[first..end].iter();
            ids.map(|&datum| Read { datum, access: Access::Elements }).collect()
        }
        _ => all(pieces, r),
    };
    part.reads = task.reads.iter().flat_map(read).collect();
    part
}
