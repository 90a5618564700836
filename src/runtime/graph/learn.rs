//! Feeds what tasks of a run took back into the cost model.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::op::{Count, Node, Program};
use super::record::Observed;
use crate::config::Learning;
use crate::planner::Work;
use crate::planner::task_graph::{Task, TaskCost, TaskGraph, TaskId};
use crate::planner::task_times::TaskObservation;
use crate::runtime::Runtime;

impl Runtime {
    /// Whether runs go by their plans alone and teach nothing ([`Learning::Off`]): the same graph gives the same plan then.
    pub(crate) fn deterministic(&self) -> bool {
        self.inner.learning == Learning::Off
    }

    /// Learns from the tasks of a plan's graph. `forced`: what tasks of the caller's graph do whose place was given, and how
    /// often. Hand-written kernels teach by themselves, contended tasks nothing.
    pub(crate) fn learn(
        &self,
        program: &Program,
        graph: &TaskGraph,
        forced: &BTreeMap<TaskId, (Work, u64)>,
        seen: &[Observed],
    ) {
        if self.deterministic() || seen.iter().all(|o| o.contended) {
            return;
        }
        let mut stale = Vec::new();
        {
            let mut model = self.inner.model.write().unwrap_or_else(PoisonError::into_inner);
            for observed in seen.iter().filter(|o| !o.contended) {
                let Some(task) = graph.tasks.get(observed.task) else { continue };
                if let TaskCost::Host { key, .. } = task.cost {
                    model.cost.observe_host(key, observed.ns);
                    continue;
                }
                let Some((work, repeat)) = work(task, observed.task, program, forced) else { continue };
                let Observed { place, ns, up, down, alone, .. } = *observed;
                let seen = TaskObservation { place, ns, up, down, alone };
                if model.cost.observe_task(&work, repeat, &seen) {
                    stale.push(work.key);
                }
            }
        }
        for key in stale {
            self.inner.decider.invalidate(key);
        }
    }
}

/// What a task does, and how often; `None` where its time says nothing about a kernel.
fn work(task: &Task, t: TaskId, program: &Program, forced: &BTreeMap<TaskId, (Work, u64)>) -> Option<(Work, u64)> {
    let own = [t];
    let origin = if task.origin.is_empty() { &own[..] } else { &task.origin[..] };
    let open = |node: &Node| matches!(node, Node::Loop(body) if matches!(body.count, Count::While { .. }));
    if origin.iter().any(|&node| program.nodes.get(node).is_none_or(open)) {
        return None; // nobody counted its rounds
    }
    match &task.cost {
        TaskCost::Kernel { work, repeat } => Some((*work, *repeat)),
        TaskCost::Fixed(_) => {
            let [node] = origin else { return None };
            let (work, repeat) = forced.get(node)?;
            let window = task.window.map_or(*work, |(from, to)| work.with_elements(to - from));
            Some((window, *repeat))
        }
        TaskCost::Host { .. } | TaskCost::Staged(_) => None,
    }
}
