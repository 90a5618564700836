//! What the nodes of a graph cost, and what a plan for this machine may use.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::op::{Form, LoopNode, Op, Operand, Shape};
use crate::error::Result;
use crate::kernel::place::Place;
use crate::planner::task_graph::TaskCost;
use crate::planner::{CostModel, OpCounts, OutputKind, Work};
use crate::runtime::Runtime;

/// What a host function is taken to need before it has been seen: a call, and its arrays at 4 GB/s.
const HOST_CALL_NS: u64 = 5_000;
const HOST_NS_PER_BYTE: f64 = 0.25;
/// Log standard deviation of that: a factor of 3 either way.
const HOST_SIGMA: f64 = 1.1;

impl Runtime {
    /// A node by its device form; `None` where it has none.
    ///
    /// # Errors
    /// Lengths that do not fit.
    pub(crate) fn node_work(&self, op: &dyn Op, inputs: &[Shape]) -> Result<Option<Work>> {
        let form = op.form(inputs)?;
        Ok(form.and_then(|Form { pipe, terminal }| self.inner.work(&pipe, &terminal)))
    }

    /// One round of a loop; `None` if a step has no device form.
    ///
    /// # Errors
    /// Lengths that do not fit.
    pub(crate) fn loop_work(&self, node: &LoopNode, inputs: &[Shape]) -> Result<Option<Work>> {
        let shape = |operand: &Operand| match *operand {
            Operand::Input(k) => inputs[k],
            Operand::Step(k) => node.body[k].output,
        };
        let mut works = Vec::with_capacity(node.body.len());
        for step in &node.body {
            let reads: Vec<Shape> = step.reads.iter().map(shape).collect();
            match self.node_work(step.op.as_ref(), &reads)? {
                Some(work) => works.push(work),
                None => return Ok(None),
            }
        }
        Ok(Some(sum(&works)))
    }

    /// The cost model as it is now, with the GPUs in it. Waits for the search for GPUs (50 to 300 ms, once), unless they are
    /// switched off.
    pub(crate) fn cost_model(&self) -> CostModel {
        #[cfg(feature = "gpu")]
        self.inner.adopt(self.inner.gpus.wait());
        self.inner.model.read().unwrap_or_else(PoisonError::into_inner).cost.clone()
    }
}

/// Code for the CPU only.
pub(crate) fn host_cost(key: u64, bytes: u64) -> TaskCost {
    TaskCost::Host { key, ns: HOST_CALL_NS + (HOST_NS_PER_BYTE * bytes as f64) as u64, sigma: HOST_SIGMA }
}

/// A kernel that may run at one place only.
pub(crate) fn fixed_cost(model: &CostModel, work: &Work, place: Place) -> TaskCost {
    let residency = crate::planner::Residency { result_may_stay: true, ..Default::default() };
    let ns = model.estimate(work, place, &residency, 0, true).map_or(HOST_CALL_NS, |e| e.mean_ns);
    TaskCost::Fixed(BTreeMap::from([(place, ns)]))
}

/// Kernels that run one after the other, as one over as many elements as the largest.
fn sum(works: &[Work]) -> Work {
    let elements = works.iter().map(|w| w.elements).max().unwrap_or(0).max(1);
    let mut all = Work { elements, output: OutputKind::Map, ..Work::default() };
    let mut ops = [0.0; 11];
    let mut bytes = Vec::with_capacity(8 * works.len());
    for work in works {
        let share = work.elements as f64 / elements as f64;
        for (sum, count) in ops.iter_mut().zip(work.ops.values()) {
            *sum += share * count;
        }
        all.groups += work.groups;
        all.in_bytes += share * work.in_bytes;
        all.out_bytes += work.result_bytes() / elements as f64;
        all.gather_bytes += share * work.gather_bytes;
        all.loops_unbounded |= work.loops_unbounded;
        bytes.extend_from_slice(&work.key.to_le_bytes());
    }
    all.key = veda_kernels_ir::codec::fnv1a(&bytes);
    let [add, mul, div, sqrt, int, int_div, select, cast, load, branch, special] = ops;
    all.ops = OpCounts { add, mul, div, sqrt, int, int_div, select, cast, load, branch, special };
    all
}
