//! What each task of a plan computes: its windows and merged nodes traced back to the nodes and arrays of the caller's
//! graph.
//!
//! The plan says what is cut and merged, the caller's graph says which array is which argument. So a window of a task
//! reads a range of an array, whatever pieces the planner made of it; pieces are only names for ranges.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::error::RunError;
use super::fuse::{Part, Wire, fuse};
use super::op::{Node, Program};
use crate::planner::plan::{Action, Plan};
use crate::planner::task_graph::{Access, DatumId, Divisible, Read, TaskCost, TaskGraph, TaskId};
use crate::planner::work::Place;

/// A range of an array of the caller's graph; `None`: everything that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub array: DatumId,
    pub window: Option<(usize, usize)>,
}

impl Use {
    /// Whether the two share an element.
    pub(super) fn overlaps(&self, other: &Use) -> bool {
        let shared = match (self.window, other.window) {
            (Some((a, b)), Some((c, d))) => a.max(c) < b.min(d),
            _ => true,
        };
        self.array == other.array && shared
    }
}

/// One node as a task uses it.
#[derive(Clone, Debug)]
pub(super) struct NodeUse {
    /// The task of the caller's graph; the last one of a merged group.
    pub node: TaskId,
    /// What it computes.
    pub code: Node,
    /// Its arguments, in the node's order.
    pub inputs: Vec<Use>,
    /// What it writes: output elements.
    pub outputs: Vec<Use>,
    /// The part of its index space; `None`: all.
    pub window: Option<(usize, usize)>,
}

/// A task of the plan.
#[derive(Clone, Debug)]
pub(super) struct TaskInfo {
    pub name: String,
    /// Its nodes, in order: one, or several that were merged.
    pub nodes: Vec<NodeUse>,
    /// What it reads that other tasks write, or that is given.
    pub reads: Vec<Use>,
    /// What it writes for others.
    pub writes: Vec<Use>,
    /// Arrays between its own nodes; nobody else sees them.
    pub locals: BTreeSet<DatumId>,
    /// Tasks that must be done before.
    pub preds: Vec<TaskId>,
}

/// What one lane does, with the predicted times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub what: What,
    pub end_ns: u64,
}

/// See [`Action`]; ranges instead of pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Run(TaskId),
    /// Makes a range valid at a place.
    Ensure(Use, Place),
    /// Gives up a range's device memory.
    Evict(Use, u32),
}

/// A plan, traced back.
#[derive(Clone, Debug)]
pub(super) struct Traced {
    pub tasks: Vec<TaskInfo>,
    pub places: Vec<Place>,
    /// By lane, in plan order.
    pub lanes: BTreeMap<Place, VecDeque<Step>>,
    /// The tasks that write each array.
    pub writers: BTreeMap<DatumId, Vec<TaskId>>,
}

/// The range that a task's window `(from, to)` of the index space is of its output.
fn output_window(graph: &TaskGraph, node: TaskId, window: Option<(u64, u64)>) -> Option<(usize, usize)> {
    let (from, to) = window?;
    let per_output = match graph.tasks[node].divisible {
        Divisible::By { per_output, .. } => per_output.max(1),
        Divisible::No => 1,
    };
    Some(((from / per_output) as usize, to.div_ceil(per_output) as usize))
}

/// The range that it reads of an input.
fn input_window(graph: &TaskGraph, node: TaskId, read: &Read, window: Option<(u64, u64)>) -> Option<(usize, usize)> {
    let (from, to) = window?;
    let same_space = match &graph.tasks[node].cost {
        TaskCost::Kernel { work, .. } => graph.data[read.datum].elements == work.elements,
        _ => graph.data[read.datum].elements >= to,
    };
    (read.access == Access::Elements && same_space).then_some((from as usize, to as usize))
}

/// Traces a plan back. `origins[i]` is the task of `graph` that task `i` of the planned graph was.
pub(super) fn trace(program: &Program, graph: &TaskGraph, plan: &Plan, origins: &[TaskId]) -> Result<Traced, RunError> {
    let bad = |reason: String| RunError::Plan { reason };
    let mut tasks = Vec::with_capacity(plan.graph.tasks.len());
    for (t, task) in plan.graph.tasks.iter().enumerate() {
        let own = [t];
        let members = if task.origin.is_empty() { &own[..] } else { &task.origin[..] };
        let mut nodes = Vec::with_capacity(members.len());
        for &member in members {
            let node = *origins.get(member).ok_or_else(|| bad(format!("`{}` comes from task {member}", task.name)))?;
            let source = graph.tasks.get(node).filter(|_| node < program.nodes.len());
            let source = source.ok_or_else(|| bad(format!("there is no node {node}")))?;
            let input = |r: &Read| Use { array: r.datum, window: input_window(graph, node, r, task.window) };
            let output = |&d: &DatumId| Use { array: d, window: output_window(graph, node, task.window) };
            nodes.push(NodeUse {
                node,
                code: program.nodes[node].clone(),
                inputs: source.reads.iter().map(input).collect(),
                outputs: source.writes.iter().map(output).collect(),
                window: task.window.map(|(from, to)| (from as usize, to as usize)),
            });
        }
        let info = info(plan, t, nodes);
        tasks.push(merge(program, graph, info));
    }
    let mut writers: BTreeMap<DatumId, Vec<TaskId>> = BTreeMap::new();
    for (t, task) in tasks.iter().enumerate() {
        for write in &task.writes {
            writers.entry(write.array).or_default().push(t);
        }
    }
    for t in 0..tasks.len() {
        let mut preds: BTreeSet<TaskId> = plan.graph.tasks[t].after.iter().copied().collect();
        for read in &tasks[t].reads {
            let of = writers.get(&read.array).into_iter().flatten().copied();
            preds.extend(of.filter(|&w| w != t && tasks[w].writes.iter().any(|write| write.overlaps(read))));
        }
        if let Some(&late) = preds.iter().find(|&&p| p >= t) {
            return Err(bad(format!("`{}` waits for task {late}, which comes later", tasks[t].name)));
        }
        tasks[t].preds = preds.into_iter().collect();
    }
    let places: Vec<Place> = (0..tasks.len()).map(|t| plan.places.get(t).copied().unwrap_or(Place::Cpu)).collect();
    let lanes = lanes(plan, &tasks, &places);
    Ok(Traced { tasks, places, lanes, writers })
}

fn info(plan: &Plan, t: TaskId, nodes: Vec<NodeUse>) -> TaskInfo {
    let task = &plan.graph.tasks[t];
    let parent = |d: DatumId| plan.graph.data[d].piece.map_or(d, |piece| piece.of);
    let outside: BTreeSet<DatumId> = task.writes.iter().map(|&d| parent(d)).collect();
    let inner = nodes.iter().flat_map(|n| n.outputs.iter().map(|o| o.array));
    let locals: BTreeSet<DatumId> = inner.filter(|d| !outside.contains(d)).collect();
    // A node alone writes all that it writes for others, whoever reads it.
    let locals = if nodes.len() == 1 { BTreeSet::new() } else { locals };
    let written: BTreeSet<DatumId> = nodes.iter().flat_map(|n| n.outputs.iter().map(|o| o.array)).collect();
    let mut reads: Vec<Use> = Vec::new();
    for input in nodes.iter().flat_map(|n| &n.inputs) {
        if !written.contains(&input.array) && !reads.contains(input) {
            reads.push(*input);
        }
    }
    let writes = nodes.iter().flat_map(|n| &n.outputs).filter(|o| !locals.contains(&o.array)).copied().collect();
    TaskInfo { name: task.name.clone(), nodes, reads, writes, locals, preds: Vec::new() }
}

/// Makes one node of a group of maps (the last may reduce or filter) that read element by element, whose arrays in between
/// nobody sees. Other groups stay as they are: their nodes run one after the other, and the arrays in between are local.
fn merge(program: &Program, graph: &TaskGraph, task: TaskInfo) -> TaskInfo {
    let Some((last, before)) = task.nodes.split_last().filter(|(_, before)| !before.is_empty()) else { return task };
    let elements = |n: &NodeUse| graph.tasks[n.node].reads.iter().all(|r| r.access == Access::Elements);
    let hidden = |n: &NodeUse| n.outputs.iter().all(|o| task.locals.contains(&o.array));
    if !task.nodes.iter().all(|n| elements(n) && n.outputs.len() == 1) || !before.iter().all(hidden) || hidden(last) {
        return task;
    }
    let mut inputs: Vec<Use> = Vec::new();
    let mut parts = Vec::with_capacity(task.nodes.len());
    for (i, node) in task.nodes.iter().enumerate() {
        let Node::Op(op) = &node.code else { return task };
        let mut wire = |u: &Use| {
            if let Some(inner) = task.nodes[..i].iter().position(|n| n.outputs[0].array == u.array) {
                return Wire::Node(inner);
            }
            let known = inputs.iter().position(|other| other == u);
            Wire::Input(known.unwrap_or_else(|| {
                inputs.push(*u);
                inputs.len() - 1
            }))
        };
        let reads = node.inputs.iter().map(&mut wire).collect();
        parts.push(Part { op: Arc::clone(op), reads, output: program.arrays[node.outputs[0].array].shape.ty });
    }
    let node = NodeUse { code: Node::Op(fuse(parts)), inputs, ..last.clone() };
    TaskInfo { nodes: vec![node], locals: BTreeSet::new(), ..task }
}

fn lanes(plan: &Plan, tasks: &[TaskInfo], places: &[Place]) -> BTreeMap<Place, VecDeque<Step>> {
    let mut lanes: BTreeMap<Place, VecDeque<Step>> = BTreeMap::from([(Place::Cpu, VecDeque::new())]);
    let mut seen = vec![false; tasks.len()];
    let range = |d: DatumId| match plan.graph.data[d].piece {
        Some(piece) => Use { array: piece.of, window: Some((piece.from as usize, piece.to as usize)) },
        None => Use { array: d, window: None },
    };
    for step in &plan.steps {
        let (lane, what) = match step.action {
            Action::Run(t) if t < tasks.len() && !seen[t] => {
                seen[t] = true;
                (places[t], What::Run(t))
            }
            Action::Copy { datum, from, to } if datum < plan.graph.data.len() => {
                // The device's end does the copy.
                (if to == Place::Cpu { from } else { to }, What::Ensure(range(datum), to))
            }
            Action::Evict { datum, place: place @ Place::Gpu(gpu) } if datum < plan.graph.data.len() => {
                (place, What::Evict(range(datum), gpu))
            }
            _ => continue, // host memory is given up when nobody needs it
        };
        lanes.entry(lane).or_default().push_back(Step { what, end_ns: step.end_ns });
    }
    for t in (0..tasks.len()).filter(|&t| !seen[t]) {
        lanes.entry(places[t]).or_default().push_back(Step { what: What::Run(t), end_ns: u64::MAX });
    }
    lanes
}
