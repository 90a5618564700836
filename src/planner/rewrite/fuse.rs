//! Merges maps into the maps that read them: the datum in between is never written.

use std::collections::{BTreeMap, BTreeSet};

use super::lcm;
use crate::planner::task_graph::{Access, DatumId, Divisible, Read, Task, TaskCost, TaskGraph, TaskId};
use crate::planner::work::{OpCounts, OutputKind, Work};
use crate::telemetry::fnv::Fnv;

/// The data that merging could make vanish, with their writers and readers: written by a fusible map that writes nothing
/// else, read by one fusible task over the same index space element by element and by nobody else, not wanted, and with no
/// task that must wait for the writer alone.
pub fn candidates(graph: &TaskGraph) -> Vec<(DatumId, TaskId, TaskId)> {
    let mut readers: Vec<Vec<(TaskId, Access)>> = vec![Vec::new(); graph.data.len()];
    let mut waited: Vec<BTreeSet<TaskId>> = vec![BTreeSet::new(); graph.tasks.len()];
    for (t, task) in graph.tasks.iter().enumerate() {
        for read in &task.reads {
            readers[read.datum].push((t, read.access));
        }
        for &a in &task.after {
            waited[a].insert(t);
        }
    }
    let mut found = Vec::new();
    for (p, task) in graph.tasks.iter().enumerate() {
        let (Some(work), [datum]) = (fusible(task), task.writes.as_slice()) else { continue };
        let (d, info) = (*datum, &graph.data[*datum]);
        let Some(&(c, _)) = readers[d].first() else { continue };
        let alone = readers[d].iter().all(|&(t, access)| t == c && access == Access::Elements);
        let same = fusible(&graph.tasks[c]).is_some_and(|w| w.elements == work.elements);
        let map = work.output == OutputKind::Map && info.elements == work.elements;
        let free = info.wanted.is_none() && info.piece.is_none() && waited[p].iter().all(|&t| t == c);
        if alone && same && map && free && task.only == graph.tasks[c].only {
            found.push((d, p, c));
        }
    }
    found
}

/// The work of a task that merging may touch.
fn fusible(task: &Task) -> Option<&Work> {
    match &task.cost {
        TaskCost::Kernel { work, repeat: 1 } if task.fusible && task.window.is_none() => Some(work),
        _ => None,
    }
}

/// The [`Work::key`] of a kernel merged from kernels with these keys, in the order of their tasks.
pub fn merged_key(keys: impl IntoIterator<Item = u64>) -> u64 {
    let mut fnv = Fnv::new();
    for key in keys {
        fnv.bytes(&key.to_le_bytes());
    }
    fnv.finish()
}

/// Merges over these data; those that are no [`candidates`] are left alone. The merged task stands where the reader stood.
#[must_use]
pub fn fuse(graph: &TaskGraph, over: &BTreeSet<DatumId>) -> TaskGraph {
    let mut reader_of: BTreeMap<TaskId, TaskId> = BTreeMap::new();
    let mut gone: BTreeSet<DatumId> = BTreeSet::new();
    for (d, p, c) in candidates(graph) {
        if over.contains(&d) {
            reader_of.insert(p, c);
            gone.insert(d);
        }
    }
    // A task's last reader is later than itself, so following the map ends.
    let last = |mut t: TaskId| {
        while let Some(&c) = reader_of.get(&t) {
            t = c;
        }
        t
    };
    let mut members: BTreeMap<TaskId, Vec<TaskId>> = BTreeMap::new();
    for t in 0..graph.tasks.len() {
        members.entry(last(t)).or_default().push(t);
    }
    let position: BTreeMap<TaskId, TaskId> = members.keys().enumerate().map(|(new, &old)| (old, new)).collect();
    let moved = |t: TaskId| position[&last(t)];
    let tasks = members.iter().map(|(&t, group)| {
        let mut task = if group.len() == 1 { graph.tasks[t].clone() } else { merged(graph, group, &gone) };
        let here = moved(t);
        task.after =
            task.after.iter().map(|&a| moved(a)).filter(|&a| a != here).collect::<BTreeSet<_>>().into_iter().collect();
        task
    });
    TaskGraph { data: graph.data.clone(), tasks: tasks.collect() }
}

/// One task for a group, whose last member is the one that is left.
fn merged(graph: &TaskGraph, group: &[TaskId], gone: &BTreeSet<DatumId>) -> Task {
    let parts: Vec<&Task> = group.iter().map(|&t| &graph.tasks[t]).collect();
    let mut task = parts[parts.len() - 1].clone();
    task.name = parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(" + ");
    task.after = parts.iter().flat_map(|p| p.after.iter().copied()).collect();
    task.origin = parts.iter().flat_map(|p| p.origin.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect();
    let grain = |a: Option<(u64, u64)>, p: &&Task| match (a, p.divisible) {
        (Some((g, _)), Divisible::By { grain, per_output }) => Some((lcm(g, grain.max(1))?, per_output)),
        _ => None,
    };
    task.divisible = match parts.iter().fold(Some((1, 1)), grain) {
        Some((grain, per_output)) => Divisible::By { grain, per_output },
        None => Divisible::No,
    };
    let mut reads: BTreeMap<DatumId, Access> = BTreeMap::new();
    let mut order = Vec::new();
    let mut works = parts.iter().filter_map(|p| fusible(p));
    let Some(mut work) = works.next_back().copied() else { return task };
    let (mut ops, mut in_bytes, mut gather_bytes) = ([0.0; 11], 0.0, 0.0);
    for part in &parts {
        let Some(own) = fusible(part) else { continue };
        ops.iter_mut().zip(own.ops.values()).for_each(|(sum, v)| *sum += v);
        in_bytes += own.in_bytes;
        gather_bytes += own.gather_bytes;
        work.loops_unbounded |= own.loops_unbounded;
        for read in &part.reads {
            let datum = &graph.data[read.datum];
            let per_element = datum.bytes as f64 / datum.elements.max(1) as f64;
            if gone.contains(&read.datum) {
                in_bytes -= per_element;
                continue;
            }
            match reads.insert(read.datum, read.access) {
                None => order.push(read.datum),
                Some(before) => {
                    if before == Access::Whole {
                        reads.insert(read.datum, before);
                    } else if read.access == Access::Elements {
                        // Read once by the merged body.
                        in_bytes -= per_element;
                    }
                }
            }
        }
    }
    work.key = merged_key(parts.iter().filter_map(|p| fusible(p)).map(|w| w.key));
    work.ops = OpCounts::from_values(ops);
    (work.in_bytes, work.gather_bytes) = (in_bytes.max(0.0), gather_bytes);
    task.reads = order.into_iter().map(|datum| Read { datum, access: reads[&datum] }).collect();
    task.cost = TaskCost::Kernel { work, repeat: 1 };
    task
}
