//! Runs a plan to its end, whatever happens on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::array::Array;
use super::board::{Board, Halt, Progress, Shared};
use super::cpu;
use super::device::Device;
use super::error::{CancelToken, RunError};
use super::intervals::Intervals;
use super::op::Program;
use super::record::{Observed, Record};
use super::settle;
use super::store::Store;
use super::tasks::{Step, Traced, Use, What, trace};
use crate::planner::plan::Plan;
use crate::planner::task_graph::{DataResidency, DatumId, GraphError, Task, TaskGraph, TaskId};
use crate::planner::timeline::{Source, Timeline};
use crate::planner::work::Place;
use crate::runtime::Runtime;

/// Plans what is left of a graph after places were lost.
pub(crate) type Replan<'a> = dyn Fn(&TaskGraph, &DataResidency, &[Place]) -> Result<Plan, GraphError> + Sync + 'a;

/// The expected time of a task at a place, nanoseconds.
pub(crate) type Estimate<'a> = dyn Fn(&Task, Place) -> Option<u64> + Sync + 'a;

/// How a plan is to be run.
pub(crate) struct RunOptions<'a> {
    /// Stops the run between two steps.
    pub cancel: Option<Arc<CancelToken>>,
    /// Every task runs where the plan says, whatever is late.
    pub deterministic: bool,
    /// Plans what is left after a loss. Gets the tasks that are left over the caller's data (same indices), where these are
    /// valid, and all places lost so far.
    pub replan: &'a Replan<'a>,
    /// The expected time of a task of the plan's graph at a place, nanoseconds; `None` where it cannot run there. Without
    /// it an idle lane takes whatever is late.
    pub estimate: Option<&'a Estimate<'a>>,
}

/// What a run leaves behind.
#[derive(Debug)]
pub(crate) struct RunOutcome {
    /// The arrays that somebody wants, by datum of the caller's graph.
    pub outputs: BTreeMap<DatumId, Arc<Store>>,
    /// What ran when, by the host's clocks. A GPU's span begins when its commands were submitted and those ahead of them
    /// were done, and ends when the host learned that they are: wake-ups are part of it. Tasks are those of the plan that
    /// was current then.
    pub timeline: Timeline,
    /// How long the tasks of the last plan took.
    pub observed: Vec<Observed>,
    /// What did not go as planned, for people.
    pub notes: Vec<String>,
    /// Tasks that ran elsewhere than planned.
    pub rerouted: usize,
    /// The plans that replaced the first one after losses, and when (nanoseconds since the start).
    pub replans: Vec<(u64, Plan)>,
}

/// Runs a plan of `graph`, in which node `i` of the program is task `i`. Blocks until every wanted array is valid where it
/// is wanted.
///
/// The calling thread is the CPU's lane; each GPU of the plan has two threads of its own (one that hands over commands, one
/// that waits for them) for as long as the call lasts. The inputs stay as they are; copies that the run made of them
/// elsewhere are kept for the next one.
///
/// # Errors
/// [`RunError`]; no array has a new value then.
pub(crate) fn run(
    runtime: &Runtime,
    program: &Program,
    graph: &TaskGraph,
    plan: &Plan,
    inputs: &BTreeMap<DatumId, Arc<Store>>,
    options: &RunOptions<'_>,
) -> Result<RunOutcome, RunError> {
    let start = Instant::now();
    if program.nodes.len() < graph.tasks.len() || program.arrays.len() < graph.data.len() {
        return Err(RunError::Plan { reason: "the program has fewer nodes or arrays than the graph".into() });
    }
    let mut arrays = arrays(program, graph, inputs)?;
    let mut record = Record::default();
    let mut replans: Vec<(u64, Plan)> = Vec::new();
    let mut origins: Vec<TaskId> = (0..graph.tasks.len()).collect();
    let mut lost: BTreeSet<Place> = BTreeSet::new();
    loop {
        let current = replans.last().map_or(plan, |(_, plan)| plan);
        let mut traced = trace(program, graph, current, &origins)?;
        let devices = devices(runtime, &mut traced, &lost, &mut record);
        add_wanted(&mut traced, &arrays, &devices);
        let shared = Shared::new(
            (runtime, program, graph, current),
            traced,
            std::mem::take(&mut arrays),
            std::mem::take(&mut record),
            options,
            (devices, start),
        );
        let halt = lanes(&shared);
        let ran = finished_nodes(&shared, &origins);
        let now = shared.now();
        let Board { arrays: after, record: seen, .. } = shared.into_board();
        (arrays, record) = (after, seen);
        remember(runtime, &arrays);
        match halt {
            None => return Ok(outcome(runtime, &arrays, record, replans)),
            Some(Halt::Lost(gpu)) => {
                record.note(format!("GPU {gpu} was lost; the rest was planned again without it"));
                // Their numbers are those of the old plan.
                record.observed.clear();
                reopen(runtime, gpu);
                lost.insert(Place::Gpu(gpu));
                for array in &mut arrays {
                    array.gpus.remove(&gpu);
                }
                let rest = settle::suffix(graph, &mut arrays, &ran)?;
                let places: Vec<Place> = lost.iter().copied().collect();
                let next = (options.replan)(&rest.graph, &rest.residency, &places)?;
                origins = rest.origins;
                replans.push((now, next));
            }
            Some(Halt::Failed(error)) => return Err(error),
            Some(Halt::Redo(t, reason)) => {
                // `lanes` does these itself.
                return Err(RunError::Plan { reason: format!("task {t} was left undone: {reason}") });
            }
        }
    }
}

/// Has a lost device opened again in the background.
#[cfg_attr(not(feature = "gpu"), allow(unused_variables))]
fn reopen(runtime: &Runtime, gpu: u32) {
    #[cfg(feature = "gpu")]
    if let Some(gpu) = runtime.inner.gpus.wait().gpu(gpu) {
        gpu.lost();
    }
}

/// The arrays at the start: the inputs where their stores have them.
fn arrays(
    program: &Program,
    graph: &TaskGraph,
    inputs: &BTreeMap<DatumId, Arc<Store>>,
) -> Result<Vec<Array>, RunError> {
    let written: BTreeSet<DatumId> = graph.tasks.iter().flat_map(|t| t.writes.iter().copied()).collect();
    let read: BTreeSet<DatumId> = graph.tasks.iter().flat_map(|t| t.reads.iter().map(|r| r.datum)).collect();
    let mut arrays = Vec::with_capacity(graph.data.len());
    for (d, datum) in graph.data.iter().enumerate() {
        let spec = &program.arrays[d];
        let mut array = Array {
            name: if spec.name.is_empty() { datum.name.clone() } else { spec.name.clone() },
            shape: spec.shape,
            len: (!spec.dynamic).then_some(spec.shape.len),
            dynamic: spec.dynamic,
            store: None,
            wanted: datum.wanted,
            host: None,
            host_valid: Intervals::default(),
            arriving: Intervals::default(),
            gpus: BTreeMap::new(),
        };
        let needed = !written.contains(&d) && (read.contains(&d) || datum.wanted.is_some());
        match inputs.get(&d).filter(|_| needed) {
            Some(store) => adopt(&mut array, store)?,
            None if needed => {
                return Err(GraphError::NoValue { datum: d, name: array.name }.into());
            }
            None => {}
        }
        arrays.push(array);
    }
    Ok(arrays)
}

/// Takes an input in.
fn adopt(array: &mut Array, store: &Arc<Store>) -> Result<(), RunError> {
    if store.shape().ty != array.shape.ty || store.len() > array.shape.len {
        let reason = format!("array `{}` is {:?}, its value is {:?}", array.name, array.shape, store.shape());
        return Err(RunError::Plan { reason });
    }
    if store.len() < array.shape.len && !array.dynamic {
        let reason = format!("array `{}` has {} elements, its value {}", array.name, array.shape.len, store.len());
        return Err(RunError::Plan { reason });
    }
    array.len = Some(store.len());
    if let Some(host) = store.host_copy() {
        array.host_valid.add(0, store.len());
        array.host = Some(host);
    }
    #[cfg(feature = "gpu")]
    for copy in store.device_copies() {
        let mut valid = Intervals::default();
        valid.add(0, store.len());
        let segment = super::array::Segment { from: 0, to: store.len(), buffer: copy.buffer, valid };
        array.gpus.entry(copy.gpu).or_default().push(segment);
    }
    array.store = Some(Arc::clone(store));
    if array.anywhere(&Use { array: 0, window: None }) {
        return Ok(());
    }
    Err(RunError::ArrayLost { array: array.name.clone(), device: store.last_places() })
}

/// The devices of the plan that are open; tasks of others go to the CPU.
#[cfg_attr(not(feature = "gpu"), allow(unused_variables, unused_mut))]
fn devices(
    runtime: &Runtime,
    traced: &mut Traced,
    lost: &BTreeSet<Place>,
    record: &mut Record,
) -> BTreeMap<u32, Arc<Device>> {
    let mut devices: BTreeMap<u32, Arc<Device>> = BTreeMap::new();
    let lanes: Vec<Place> = traced.lanes.keys().copied().collect();
    for lane in lanes {
        let Place::Gpu(gpu) = lane else { continue };
        #[cfg(feature = "gpu")]
        if !lost.contains(&lane)
            && let Some(device) = runtime.inner.gpus.wait().gpu(gpu).and_then(crate::runtime::gpus::Gpu::device)
        {
            devices.insert(gpu, device);
            continue;
        }
        record.note(format!("GPU {gpu} is not there; its tasks ran on the CPU"));
        let moved = traced.lanes.remove(&lane).unwrap_or_default();
        let runs = moved.into_iter().filter(|step| matches!(step.what, What::Run(_)));
        traced.lanes.entry(Place::Cpu).or_default().extend(runs);
        for place in traced.places.iter_mut().filter(|place| **place == lane) {
            *place = Place::Cpu;
            record.rerouted += 1;
        }
    }
    devices
}

/// The last steps: what is wanted gets to where it is wanted.
fn add_wanted(traced: &mut Traced, arrays: &[Array], devices: &BTreeMap<u32, Arc<Device>>) {
    for (d, array) in arrays.iter().enumerate() {
        let Some(wanted) = array.wanted else { continue };
        let all = Use { array: d, window: None };
        let there = |gpu: &u32| devices.contains_key(gpu);
        let place = match wanted {
            Place::Gpu(gpu) if there(&gpu) => wanted,
            _ => Place::Cpu,
        };
        traced.lanes.entry(place).or_default().push_back(Step { what: What::Ensure(all, place), end_ns: u64::MAX });
    }
}

/// Runs the lanes until they are done or stopped for good; tasks that a device could not do are done again by the CPU.
fn lanes(shared: &Shared<'_>) -> Option<Halt> {
    let planned = shared.lock().lanes.clone();
    loop {
        once(shared);
        let mut board = shared.lock();
        let halt = board.halt.take()?;
        settle::forget_undone(shared, &mut board);
        let Halt::Redo(t, reason) = halt else { return Some(halt) };
        let name = &shared.tasks[t].name;
        board.record.note(format!("`{name}` ran again on the CPU: {reason}"));
        board.record.rerouted += 1;
        board.places[t] = Place::Cpu;
        settle::resume(shared, &mut board, &planned);
    }
}

#[cfg(not(feature = "gpu"))]
fn once(shared: &Shared<'_>) {
    cpu::lane(shared);
}

#[cfg(feature = "gpu")]
fn once(shared: &Shared<'_>) {
    std::thread::scope(|scope| {
        for (&gpu, device) in &shared.devices {
            super::gpu::start(scope, shared, gpu, device);
        }
        cpu::lane(shared);
    });
}

/// The nodes of the caller's graph that ran to their end.
fn finished_nodes(shared: &Shared<'_>, origins: &[TaskId]) -> BTreeSet<TaskId> {
    let board = shared.lock();
    let mut done: BTreeSet<TaskId> = (0..shared.graph.tasks.len()).collect();
    for t in origins {
        done.remove(t);
    }
    let mut undone: BTreeSet<TaskId> = BTreeSet::new();
    for (task, progress) in shared.tasks.iter().zip(&board.tasks) {
        let set = if *progress == Progress::Done { &mut done } else { &mut undone };
        set.extend(task.nodes.iter().map(|n| n.node));
    }
    &done - &undone
}

/// Keeps copies that the run made of its inputs.
#[cfg_attr(not(feature = "gpu"), allow(unused_variables))]
fn remember(runtime: &Runtime, arrays: &[Array]) {
    for array in arrays {
        let Some(store) = &array.store else { continue };
        if let Some(host) = array.host.as_ref().filter(|_| array.on_host(&Use { array: 0, window: None })) {
            store.remember_host(Arc::clone(host));
        }
        #[cfg(feature = "gpu")]
        super::gpu::remember(runtime, array, store);
    }
}

fn outcome(runtime: &Runtime, arrays: &[Array], record: Record, replans: Vec<(u64, Plan)>) -> RunOutcome {
    let wanted = arrays.iter().enumerate().filter(|(_, a)| a.wanted.is_some());
    let outputs = wanted.map(|(d, array)| (d, output(runtime, array))).collect();
    let mut notes = record.notes;
    notes.sort();
    RunOutcome {
        outputs,
        timeline: Timeline::new(Source::Measured, record.spans),
        observed: record.observed,
        notes,
        rerouted: record.rerouted,
        replans,
    }
}

/// A finished array.
#[cfg_attr(not(feature = "gpu"), allow(unused_variables))]
fn output(runtime: &Runtime, array: &Array) -> Arc<Store> {
    if let Some(store) = &array.store {
        return Arc::clone(store);
    }
    let len = array.len.unwrap_or(0);
    let all = Use { array: 0, window: None };
    let host = if array.on_host(&all) {
        let host = array.host.clone();
        // Nothing was ever written where nothing is left.
        Some(host.unwrap_or_else(|| Arc::new(super::host::HostBuffer::zeroed(array.shape.ty, array.shape.len))))
    } else {
        None
    };
    if let Some(host) = host.as_ref().filter(|_| array.dynamic) {
        host.set_len(len);
    }
    let store = Store::new(array.name.clone(), array.shape, len, host, Vec::new());
    #[cfg(feature = "gpu")]
    super::gpu::remember(runtime, array, &store);
    store
}
