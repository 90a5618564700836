//! The executor against plain loops: graphs of integer nodes with plans made by hand.

mod cpu;
#[cfg(feature = "gpu")]
mod device;
#[cfg(feature = "gpu")]
mod trouble;

use std::collections::BTreeMap;
use std::sync::Arc;

use veda_kernels_ir::ast::Ty;

use super::host::HostBuffer;
use super::op::{ArraySpec, LoopNode, Node, Program, Shape};
use super::run::RunOutcome;
use super::test_ops::TestOp;
use super::{CancelToken, RunError, RunOptions, Store, run};
use crate::config::Config;
use crate::kernel::assemble::TILE;
use crate::planner::plan::{Action, Plan, Step};
use crate::planner::task_graph::{
    Access, DataResidency, Datum, DatumId, Divisible, GraphError, Piece, Read, Task, TaskCost, TaskGraph, TaskId,
};
use crate::planner::timeline::Timeline;
use crate::planner::work::Place;
use crate::runtime::Runtime;

/// A graph with what it must yield.
#[derive(Default)]
struct Maker {
    graph: TaskGraph,
    program: Program,
    inputs: BTreeMap<DatumId, Arc<Store>>,
    /// The elements of each array, by the plain loops.
    values: Vec<Vec<u32>>,
}

/// Numbers without a pattern.
fn numbers(n: usize, seed: u32) -> Vec<u32> {
    (0..n as u32).map(|i| (i ^ seed).wrapping_mul(0x9e37_79b9).rotate_left(i % 32)).collect()
}

fn cpu_runtime() -> Runtime {
    Runtime::new(Config::builder().num_threads(2).enable_gpu(false).build()).expect("a runtime")
}

impl Maker {
    fn datum(&mut self, name: &str, ty: Ty, len: usize, dynamic: bool) -> DatumId {
        let datum = Datum { name: name.into(), bytes: 4 * len as u64, elements: len as u64, ..Datum::default() };
        self.graph.data.push(datum);
        self.program.arrays.push(ArraySpec { name: name.into(), shape: Shape { ty, len }, dynamic });
        self.values.push(Vec::new());
        self.graph.data.len() - 1
    }

    fn input(&mut self, values: Vec<u32>) -> DatumId {
        let d = self.datum("input", Ty::U32, values.len(), false);
        self.inputs.insert(d, Store::from_host("input", HostBuffer::from_vec(values.clone())));
        self.values[d] = values;
        d
    }

    fn task(&mut self, name: String, node: Node, reads: Vec<Read>, writes: Vec<DatumId>, divisible: Divisible) {
        let cost = TaskCost::Fixed(BTreeMap::new());
        let origin = vec![self.graph.tasks.len()];
        let (after, fusible, window) = (Vec::new(), false, None);
        self.graph.tasks.push(Task {
            name,
            cost,
            only: None,
            reads,
            writes,
            after,
            divisible,
            fusible,
            origin,
            window,
        });
        self.program.nodes.push(node);
    }

    /// Adds a node; its output.
    fn op(&mut self, op: TestOp, reads: &[DatumId]) -> DatumId {
        let panics = matches!(op, TestOp::Panics | TestOp::Fails);
        let inputs: Vec<&[u32]> = reads.iter().map(|&d| self.values[d].as_slice()).collect();
        let value = if panics { Vec::new() } else { op.reference(&inputs) };
        let source = &self.program.arrays[reads[0]];
        let tile = TILE as usize;
        let (len, per_output) = match op {
            TestOp::Sum => (source.shape.len.div_ceil(tile), u64::from(TILE)),
            TestOp::Total => (1, 1),
            _ => (source.shape.len, 1),
        };
        let filter = matches!(op, TestOp::KeepOdd);
        let dynamic = (source.dynamic && !matches!(op, TestOp::Total)) || filter;
        let ty = if matches!(op, TestOp::IsOdd) { Ty::Bool } else { Ty::U32 };
        let access = if matches!(op, TestOp::Total) { Access::Whole } else { Access::Elements };
        let name = super::op::Op::name(&op);
        let divisible = if dynamic || matches!(op, TestOp::Total) {
            Divisible::No
        } else {
            Divisible::By { grain: u64::from(TILE), per_output }
        };
        let output = self.datum(&format!("{name}'s output"), ty, len, dynamic);
        let reads = reads.iter().map(|&datum| Read { datum, access }).collect();
        self.task(name, Node::Op(Arc::new(op)), reads, vec![output], divisible);
        self.values[output] = value;
        output
    }

    /// Adds a loop over states that keep their length; its last states.
    fn repeat(&mut self, node: LoopNode, reads: &[DatumId], values: Vec<Vec<u32>>) -> Vec<DatumId> {
        let outputs: Vec<DatumId> = values
            .into_iter()
            .map(|value| {
                let d = self.datum("state", Ty::U32, value.len(), false);
                self.values[d] = value;
                d
            })
            .collect();
        let reads = reads.iter().map(|&datum| Read { datum, access: Access::Whole }).collect();
        self.task(node.name.clone(), Node::Loop(Arc::new(node)), reads, outputs.clone(), Divisible::No);
        outputs
    }

    fn want(&mut self, d: DatumId) {
        self.graph.data[d].wanted = Some(Place::Cpu);
    }

    fn want_all(&mut self, data: impl IntoIterator<Item = DatumId>) {
        data.into_iter().for_each(|d| self.want(d));
    }

    /// Tasks at places, in order, without copies: the lanes fetch what they need.
    fn plan(&self, places: &[Place]) -> Plan {
        plan_of(&self.graph, places)
    }

    fn run(&self, runtime: &Runtime, plan: &Plan) -> Result<RunOutcome, RunError> {
        self.run_with(runtime, plan, None, true)
    }

    fn run_with(
        &self,
        runtime: &Runtime,
        plan: &Plan,
        cancel: Option<Arc<CancelToken>>,
        deterministic: bool,
    ) -> Result<RunOutcome, RunError> {
        let replan = &all_cpu;
        let options = RunOptions { cancel, deterministic, replan, estimate: None };
        run(runtime, &self.program, &self.graph, plan, &self.inputs, &options)
    }

    /// Runs it and compares every wanted array; what else came of it.
    #[track_caller]
    fn check(&self, runtime: &Runtime, plan: &Plan) -> RunOutcome {
        let outcome = self.run(runtime, plan).expect("it runs");
        self.compare(&outcome);
        outcome
    }

    #[track_caller]
    fn compare(&self, outcome: &RunOutcome) {
        let wanted: Vec<_> = (0..self.graph.data.len()).filter(|&d| self.graph.data[d].wanted.is_some()).collect();
        assert_eq!(outcome.outputs.keys().copied().collect::<Vec<_>>(), wanted);
        for (&d, store) in &outcome.outputs {
            assert_eq!(elements(store), self.values[d], "array {d}, {:?}", outcome.notes);
        }
        for (&d, store) in &self.inputs {
            assert_eq!(elements(store), self.values[d], "input {d} is as before");
        }
    }
}

/// What a store holds.
#[track_caller]
fn elements(store: &Store) -> Vec<u32> {
    let host = store.host().expect("it is somewhere");
    // SAFETY: stores do not change.
    let slice = unsafe { host.window(0, store.len()) };
    match slice.ty() {
        Ty::Bool => slice.get::<bool>().expect("bools").iter().map(|&b| u32::from(b)).collect(),
        _ => slice.get::<u32>().expect("words").to_vec(),
    }
}

fn plan_of(graph: &TaskGraph, places: &[Place]) -> Plan {
    let steps = (0..graph.tasks.len()).map(|t| Step { action: Action::Run(t), start_ns: 0, end_ns: 0 }).collect();
    Plan {
        id: 0,
        graph: graph.clone(),
        places: (0..graph.tasks.len()).map(|t| places.get(t).copied().unwrap_or(Place::Cpu)).collect(),
        steps,
        timeline: Timeline::default(),
        sigma: 0.1,
        energy_j: None,
        peak_bytes: BTreeMap::new(),
        candidates: Vec::new(),
    }
}

/// A replan: everything on the CPU. The tasks know themselves as origins no more.
fn all_cpu(graph: &TaskGraph, residency: &DataResidency, _: &[Place]) -> Result<Plan, GraphError> {
    graph.validate(residency)?;
    let mut graph = graph.clone();
    graph.tasks.iter_mut().enumerate().for_each(|(t, task)| task.origin = vec![t]);
    Ok(plan_of(&graph, &[]))
}

/// A plan with every task but the listed ones cut into windows that start at these elements, at the places in turn.
fn cut(graph: &TaskGraph, starts: &[u64], places: &[Place], whole: &[TaskId]) -> Plan {
    let mut result = TaskGraph { data: graph.data.clone(), tasks: Vec::new() };
    let mut pieces: BTreeMap<DatumId, Vec<(DatumId, u64, u64)>> = BTreeMap::new();
    let mut at = Vec::new();
    for (t, task) in graph.tasks.iter().enumerate() {
        let all = |reads: &[Read], pieces: &BTreeMap<DatumId, Vec<(DatumId, u64, u64)>>| -> Vec<Read> {
            let of = |r: &Read| pieces.get(&r.datum).map_or(vec![r.datum], |p| p.iter().map(|x| x.0).collect());
            reads.iter().flat_map(|r| of(r).into_iter().map(|datum| Read { datum, ..*r })).collect()
        };
        let (Divisible::By { per_output, .. }, false) = (task.divisible, whole.contains(&t)) else {
            result.tasks.push(Task { reads: all(&task.reads, &pieces), origin: vec![t], ..task.clone() });
            at.push(Place::Cpu);
            continue;
        };
        let n = graph.data[task.reads[0].datum].elements;
        let mut ends: Vec<u64> = starts.iter().skip(1).copied().collect();
        ends.push(n);
        for (i, (&from, &to)) in starts.iter().zip(&ends).enumerate() {
            let mut part = Task { origin: vec![t], window: Some((from, to)), ..task.clone() };
            part.reads = task
                .reads
                .iter()
                .flat_map(|r| match pieces.get(&r.datum) {
                    Some(p) => p.iter().filter(|x| x.1 < to && from < x.2).map(|x| Read { datum: x.0, ..*r }).collect(),
                    None => vec![*r],
                })
                .collect();
            let of = task.writes[0];
            let (a, b) = (from / per_output, to.div_ceil(per_output));
            let d = result.data.len();
            result.data.push(Datum {
                name: format!("piece {a}..{b}"),
                bytes: 4 * (b - a),
                elements: b - a,
                wanted: result.data[of].wanted,
                piece: Some(Piece { of, from: a, to: b }),
            });
            part.writes = vec![d];
            pieces.entry(of).or_default().push((d, a, b));
            result.tasks.push(part);
            at.push(places[i % places.len()]);
        }
    }
    plan_of(&result, &at)
}

/// A graph of random nodes over a few lengths; everything that nobody reads is wanted, and some of the rest.
fn random_graph(seed: u32, tasks: usize) -> Maker {
    let mut state = seed;
    let mut next = |n: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % n
    };
    let mut m = Maker::default();
    let lengths = [1, 777, 5_000, 9_001];
    // Arrays by length; what filters leave is among nobody but itself.
    let mut by_length: Vec<Vec<DatumId>> = Vec::new();
    for (i, &n) in lengths.iter().enumerate() {
        let (a, b) = (m.input(numbers(n, seed + i as u32)), m.input(numbers(n, seed ^ 0x63)));
        by_length.push(vec![a, b]);
    }
    for _ in 0..tasks {
        let group = next(by_length.len());
        let pick = |next: &mut dyn FnMut(usize) -> usize| by_length[group][next(by_length[group].len())];
        let (x, y) = (pick(&mut next), pick(&mut next));
        let d = match next(10) {
            0..4 => m.op(TestOp::Step, &[x]),
            4..8 => m.op(TestOp::Join, &[x, y]),
            8 => {
                let kept = m.op(TestOp::KeepOdd, &[x]);
                let sums = m.op(TestOp::Sum, &[kept]);
                by_length.push(vec![kept]);
                m.want(sums);
                continue;
            }
            _ => {
                let sums = m.op(TestOp::Sum, &[x]);
                let total = m.op(TestOp::Total, &[sums]);
                by_length[0].push(total);
                continue;
            }
        };
        by_length[group].push(d);
        if next(8) == 0 {
            m.want(d);
        }
    }
    let read: std::collections::BTreeSet<DatumId> =
        m.graph.tasks.iter().flat_map(|t| t.reads.iter().map(|r| r.datum)).collect();
    let ends: Vec<DatumId> = m.graph.tasks.iter().map(|t| t.writes[0]).filter(|d| !read.contains(d)).collect();
    m.want_all(ends);
    m
}
