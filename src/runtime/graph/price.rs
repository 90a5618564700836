//! What the nodes of a graph cost, and what a plan for this machine may use.

use std::sync::PoisonError;

use super::op::{Form, LoopNode, Op, Operand, Shape};
use crate::error::Result;
use crate::kernel::place::Place;
#[cfg(feature = "gpu")]
use crate::planner::footprint::Footprint;
use crate::planner::task_graph::{Task, TaskCost};
use crate::planner::task_times::UNSEEN_HOST;
use crate::planner::{Bytes, CostModel, OpCounts, OutputKind, PlaceOffer, ProfileSet, Residency, Work};
use crate::runtime::Runtime;

/// What a host function is taken to need before it has been seen: a call, and its arrays at 4 GB/s.
const HOST_CALL_NS: u64 = 5_000;
const HOST_NS_PER_BYTE: f64 = 0.25;

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

    /// What a plan may use: the cost model as it is now, and the devices. Waits for the search for GPUs (50 to 300 ms, once),
    /// unless they are switched off. `often`: building pipelines does not count.
    /// Where nothing is learned, what happens to be queued or built does not count either: the same graph gives the same
    /// plan.
    pub(crate) fn profile_set(&self, often: bool) -> ProfileSet {
        #[cfg_attr(not(feature = "gpu"), allow(unused_mut))]
        let mut places = vec![PlaceOffer::idle(Place::Cpu)];
        #[cfg(feature = "gpu")]
        {
            let found = self.inner.gpus.wait();
            self.inner.adopt(found);
            let known = self.inner.shaders.keys();
            let target = self.inner.preferred();
            let fixed = self.deterministic();
            let wanted = |gpu: &u32| target.is_none_or(|place| place == Place::Gpu(*gpu));
            for (gpu, device) in found.usable().filter(|(gpu, _)| wanted(&gpu.index)) {
                places.push(PlaceOffer {
                    place: Place::Gpu(gpu.index),
                    capacity: Some(super::room::capacity(&device)),
                    // `Device::footprint` as data: a test of the pool compares them.
                    footprint: Footprint::Classes { least: 256, steps: 4 },
                    queued_ns: if fixed { 0 } else { device.queued().estimated_ns },
                    software_admitted: true, // only where it is admitted or forced
                    ready: known.iter().copied().filter(|&key| !fixed && device.is_ready(key)).collect(),
                    all_ready: often,
                });
            }
        }
        let _ = often;
        let model = self.inner.model.read().unwrap_or_else(PoisonError::into_inner).cost.clone();
        ProfileSet { model, places }
    }
}

/// The expected time of a task of a plan at a place, nanoseconds; `None` where it cannot run there.
pub(crate) fn expected(model: &CostModel, task: &Task, place: Place) -> Option<u64> {
    if task.only.is_some_and(|only| only != place) {
        return None;
    }
    match &task.cost {
        TaskCost::Kernel { work, repeat } => Some(model.exec(work, place)?.mean_ns.saturating_mul(*repeat)),
        TaskCost::Host { ns, .. } => (place == Place::Cpu).then_some(*ns),
        TaskCost::Fixed(times) => times.get(&place).copied(),
        TaskCost::Staged(work) if place == Place::Cpu => Some(model.exec(work, place)?.mean_ns),
        TaskCost::Staged(work) => {
            let host = Bytes { fixed: 0.0, per_element: work.in_bytes };
            let residency = Residency { host, ..Residency::default() };
            Some(model.estimate(work, place, &residency, 0, true)?.mean_ns)
        }
    }
}

/// Code for the CPU only: as long as it took before, whatever its arrays, else a guess by their bytes.
pub(crate) fn host_cost(model: &CostModel, key: u64, bytes: u64) -> TaskCost {
    let guess = || (HOST_CALL_NS + (HOST_NS_PER_BYTE * bytes as f64) as u64, UNSEEN_HOST);
    let (ns, sigma) = model.host_time(key).unwrap_or_else(guess);
    TaskCost::Host { key, ns, sigma }
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
    all.ops = OpCounts::from_values(ops);
    all
}
