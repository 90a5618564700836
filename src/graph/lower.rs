//! From a graph to what is planned and executed: the nodes that somebody wants, in order, with their prices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::order::{predecessors, topological};
use super::{Graph, Keep, Origin, Price, TaskNode, WORD};
use crate::error::{GraphError, Result};
use crate::kernel::place::Place;
use crate::planner::task_graph::{DataResidency, Datum, DatumId, Task, TaskCost, TaskGraph};
use crate::planner::{CostModel, ProfileSet};
use crate::runtime::Runtime;
use crate::runtime::graph::Store;
use crate::runtime::graph::op::{ArraySpec, Node, Program, Shape};
use crate::runtime::graph::price::host_cost;

/// A graph, ready to be planned. Data have the numbers of the variables.
#[derive(Debug, Default)]
pub(super) struct Lowered {
    /// What the executor runs.
    pub program: Program,
    /// What the planner plans.
    pub graph: TaskGraph,
    /// The caller's arrays.
    pub inputs: BTreeMap<DatumId, Arc<Store>>,
}

impl Lowered {
    /// Where the inputs are now.
    pub(super) fn residency(inputs: &BTreeMap<DatumId, Arc<Store>>) -> DataResidency {
        DataResidency { valid: inputs.iter().map(|(&d, store)| (d, store.valid())).collect() }
    }
}

impl Graph {
    /// Lowers it. `device`: where results are kept that are to stay on a device.
    ///
    /// # Errors
    /// [`GraphError::Cycle`], [`GraphError::NoOutput`].
    pub(super) fn lower(self, runtime: &Runtime, set: &ProfileSet, device: Place) -> Result<Lowered> {
        let mut writer = vec![None; self.values.len()];
        for (t, task) in self.tasks.iter().enumerate() {
            for &d in &task.writes {
                writer[d] = Some(t);
            }
        }
        let preds = predecessors(&self.tasks, &writer);
        let order = topological(&self.tasks, &preds)?;
        let live = self.live(&writer, &preds)?;
        let forced = runtime.preferred_place();

        let shapes: Vec<Shape> = self.values.iter().map(|v| v.shape).collect();
        let mut lowered = Lowered::default();
        for (d, value) in self.values.into_iter().enumerate() {
            let wanted = value.keep.map(|keep| if keep == Keep::Host { Place::Cpu } else { device });
            let (bytes, elements) = (WORD * value.shape.len as u64, value.shape.len as u64);
            lowered.graph.data.push(Datum { name: value.name.clone(), bytes, elements, wanted, piece: None });
            lowered.program.arrays.push(ArraySpec {
                name: value.name,
                shape: value.shape,
                dynamic: value.dynamic.is_some(),
            });
            if let Origin::Input(store) = value.from {
                lowered.inputs.insert(d, store);
            }
        }
        let mut place = vec![usize::MAX; self.tasks.len()];
        for (new, &old) in order.iter().filter(|t| live.contains(t)).enumerate() {
            place[old] = new;
        }
        let mut tasks: Vec<Option<TaskNode>> = self.tasks.into_iter().map(Some).collect();
        for &t in order.iter().filter(|t| live.contains(t)) {
            let Some(task) = tasks[t].take() else { continue };
            let inputs: Vec<Shape> = task.reads.iter().map(|r| shapes[r.datum]).collect();
            let outputs: Vec<Shape> = task.writes.iter().map(|&d| shapes[d]).collect();
            let cost = cost(&task, &inputs, runtime, &set.model)?;
            let device_form = matches!(cost, TaskCost::Kernel { .. });
            let fit = |&place: &Place| fits(inputs.iter().chain(&outputs), set, place);
            let only = task.place.or(forced).filter(|_| device_form).filter(fit);
            lowered.graph.tasks.push(Task {
                name: task.name,
                cost,
                only,
                reads: task.reads,
                writes: task.writes,
                after: task.after.iter().map(|&a| place[a]).collect(),
                divisible: task.divisible,
                fusible: task.fusible && device_form,
                origin: Vec::new(),
                window: None,
            });
            lowered.program.nodes.push(task.node);
        }
        Ok(lowered)
    }

    /// The tasks that somebody waits for.
    fn live(&self, writer: &[Option<usize>], preds: &[BTreeSet<usize>]) -> Result<BTreeSet<usize>, GraphError> {
        let kept = self.values.iter().enumerate().filter(|(_, v)| v.keep.is_some());
        let wanted = kept.clone().filter_map(|(d, _)| writer[d]);
        let pinned = self.tasks.iter().enumerate().filter(|(_, task)| task.pinned).map(|(t, _)| t);
        let mut stack: Vec<usize> = wanted.chain(pinned).collect();
        if stack.is_empty() && kept.count() == 0 {
            return Err(GraphError::NoOutput);
        }
        let mut live = BTreeSet::new();
        while let Some(t) = stack.pop() {
            if live.insert(t) {
                stack.extend(&preds[t]);
            }
        }
        Ok(live)
    }
}

/// Whether arrays fit into the memory of a place, all at once.
fn fits<'a>(shapes: impl Iterator<Item = &'a Shape>, set: &ProfileSet, place: Place) -> bool {
    let Some(offer) = set.admitted().into_iter().find(|offer| offer.place == place) else { return true };
    let taken = shapes.map(|shape| offer.footprint.of(WORD * shape.len as u64)).fold(0, u64::saturating_add);
    offer.capacity.is_none_or(|capacity| taken <= capacity)
}

fn cost(task: &TaskNode, inputs: &[Shape], runtime: &Runtime, model: &CostModel) -> Result<TaskCost> {
    let bytes: u64 = inputs.iter().map(|s| WORD * s.len as u64).sum();
    let (work, repeat) = match (&task.node, task.price) {
        (Node::Loop(body), Price::Host(key)) => {
            // Every round reads what the loop reads.
            let bytes = bytes.saturating_mul(body.count.most());
            return Ok(host_cost(model, key, bytes));
        }
        (_, Price::Host(key)) => return Ok(host_cost(model, key, bytes)),
        (_, Price::Staged(work)) => return Ok(TaskCost::Staged(work)),
        (Node::Op(op), Price::Form) => (runtime.node_work(op.as_ref(), inputs)?, 1),
        (Node::Loop(body), Price::Form) => (runtime.loop_work(body, inputs)?, body.count.most()),
        (Node::Staged(_), Price::Form) => (None, 1),
    };
    let Some(work) = work else {
        let key = super::key(&[&task.name, "no device form"]);
        return Ok(host_cost(model, key, bytes.saturating_mul(repeat)));
    };
    Ok(TaskCost::Kernel { work, repeat })
}
