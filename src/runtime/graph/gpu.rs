//! A GPU's lane: a thread that hands over commands as soon as their inputs are written or on the way, and never waits for
//! the device unless its memory is full.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, MutexGuard};
use std::thread;

use super::array::Array;
use super::board::{Board, Halt, Progress, Shared};
use super::cpu_node::{self, panicked};
use super::error::RunError;
use super::flight::{Flight, List, Trip, reap};
use super::gpu_pick::Job;
use super::gpu_task::{Ready, Trouble, ready};
use super::op::{Node, Shape};
use super::record::Observed;
use super::room::ATTEMPTS;
use super::store::{DeviceCopy, Store};
use super::tasks::{Step, Use, What};
use crate::device::{Device, DeviceError, PipelineState};
use crate::planner::task_graph::{DatumId, TaskId};
use crate::planner::timeline::{Lane, What as Spanned};
use crate::planner::work::Place;
use crate::runtime::Runtime;

/// One GPU's lane.
pub(super) struct GpuLane<'a> {
    pub shared: &'a Shared<'a>,
    pub gpu: u32,
    pub device: &'a Arc<Device>,
    /// Arrays that some task here reads as a whole.
    pub whole: BTreeSet<DatumId>,
    flights: Sender<Flight>,
    /// The nodes of a task as this device does them, for arrays at their largest; made when first asked for.
    forms: RefCell<BTreeMap<TaskId, Result<Vec<Ready>, String>>>,
    /// Shaders whose build was started, and when.
    builds: RefCell<BTreeMap<u64, Build>>,
}

#[derive(Clone, Copy)]
enum Build {
    Running(TaskId, u64),
    Over,
}

/// Starts a lane and the thread that waits for its commands.
pub(super) fn start<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    shared: &'scope Shared<'scope>,
    gpu: u32,
    device: &'scope Arc<Device>,
) {
    let (sender, flights) = channel();
    let reaper = thread::Builder::new().name(format!("veda-wait-{gpu}"));
    let lane = thread::Builder::new().name(format!("veda-lane-{gpu}"));
    let started = reaper.spawn_scoped(scope, move || reap(shared, gpu, &flights)).and_then(|_| {
        lane.spawn_scoped(scope, move || {
            let run = || GpuLane::new(shared, gpu, device, sender).run();
            if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                let error = panicked(&format!("the lane of GPU {gpu}"), &*panic);
                shared.halt(&mut shared.lock(), Halt::Failed(error));
            }
        })
    });
    if let Err(error) = started {
        let error = RunError::Device { device: format!("GPU {gpu}"), reason: format!("no thread for it: {error}") };
        shared.halt(&mut shared.lock(), Halt::Failed(error));
    }
}

impl<'a> GpuLane<'a> {
    fn new(shared: &'a Shared<'a>, gpu: u32, device: &'a Arc<Device>, flights: Sender<Flight>) -> GpuLane<'a> {
        let board = shared.lock();
        let mut whole = BTreeSet::new();
        for (t, task) in shared.tasks.iter().enumerate() {
            if board.places[t] == Place::Gpu(gpu) {
                whole.extend(task.reads.iter().filter(|u| u.window.is_none()).map(|u| u.array));
            }
        }
        let wanted = |(_, a): &(usize, &Array)| a.wanted == Some(Place::Gpu(gpu));
        whole.extend(board.arrays.iter().enumerate().filter(wanted).map(|(d, _)| d));
        drop(board);
        let (forms, builds) = (RefCell::default(), RefCell::default());
        GpuLane { shared, gpu, device, whole, flights, forms, builds }
    }

    pub(super) fn place(&self) -> Place {
        Place::Gpu(self.gpu)
    }

    fn run(&self) {
        self.prepare();
        let mut board = self.shared.lock();
        loop {
            if self.shared.stopped(&mut board) {
                return;
            }
            let outcome = match self.pick(&mut board) {
                Job::End => return,
                Job::Again => continue,
                Job::Nothing(pause) => {
                    board = self.shared.wait(board, self.place(), pause);
                    continue;
                }
                Job::Run(t) => self.task(board, t).map_err(|trouble| (trouble, Some(t))),
                Job::Upload(u) => self.upload(board, &u).map_err(|trouble| {
                    self.instead(&u);
                    (trouble, None)
                }),
                // Somebody waits for it, and only this GPU has it.
                Job::Download(parts) => self.download(board, &parts).map_err(|trouble| (self.fatal(trouble), None)),
            };
            board = match outcome {
                Ok(board) => board,
                Err((trouble, task)) => {
                    let mut board = self.shared.lock();
                    self.trouble(&mut board, trouble, task);
                    board
                }
            };
        }
    }

    /// A range did not get here. If it was wanted here at the end, the host will have it.
    fn instead(&self, u: &Use) {
        let mut board = self.shared.lock();
        if board.arrays[u.array].wanted == Some(self.place()) {
            let step = Step { what: What::Ensure(*u, Place::Cpu), end_ns: u64::MAX };
            board.lanes.entry(Place::Cpu).or_default().push_back(step);
            self.shared.changed(&mut board);
        }
    }

    /// Trouble for which there is no way round.
    fn fatal(&self, trouble: Trouble) -> Trouble {
        let reason = match trouble {
            Trouble::Device(DeviceError::Lost { .. }) | Trouble::Stopped | Trouble::Failed(_) => return trouble,
            Trouble::Device(error) => error.to_string(),
            Trouble::Full(bytes) => format!("{bytes} bytes do not fit into its memory"),
            Trouble::Cpu(reason) => reason,
        };
        Trouble::Failed(RunError::Device { device: self.device.info().name.clone(), reason })
    }

    /// Something did not work.
    fn trouble(&self, board: &mut Board, trouble: Trouble, task: Option<TaskId>) {
        let shared = self.shared;
        let reason = match trouble {
            Trouble::Stopped => return,
            Trouble::Failed(error) => return shared.halt(board, Halt::Failed(error)),
            Trouble::Device(DeviceError::Lost { .. }) => return shared.halt(board, Halt::Lost(self.gpu)),
            Trouble::Device(error) => error.to_string(),
            Trouble::Full(bytes) => format!("{bytes} bytes do not fit into the device's memory"),
            Trouble::Cpu(reason) => reason,
        };
        match task {
            Some(t) => shared.to_cpu(board, t, &reason),
            // A copy ahead of time; the task that needs it will see for itself.
            None => board.record.note(format!("a copy on GPU {} was left out: {reason}", self.gpu)),
        }
    }

    /// Starts building the pipelines of all tasks of this lane, in plan order.
    fn prepare(&self) {
        let tasks: Vec<TaskId> = {
            let board = self.shared.lock();
            let steps = board.lanes.get(&self.place()).into_iter().flatten();
            steps.filter_map(|s| if let What::Run(t) = s.what { Some(t) } else { None }).collect()
        };
        for t in tasks {
            let _ = self.forms(t); // not under the lock: assembling a shader takes a millisecond
            self.built(&mut self.shared.lock(), t);
        }
    }

    /// The forms of a task's nodes, or why it has none.
    pub(super) fn forms(&self, t: TaskId) -> Result<Vec<Ready>, String> {
        if let Some(known) = self.forms.borrow().get(&t) {
            return known.clone();
        }
        let made = self.make_forms(t);
        self.forms.borrow_mut().insert(t, made.clone());
        made
    }

    fn make_forms(&self, t: TaskId) -> Result<Vec<Ready>, String> {
        let program = self.shared.program;
        let mut forms = Vec::new();
        for node in &self.shared.tasks[t].nodes {
            let shapes: Vec<Shape> = node.inputs.iter().map(|u| program.arrays[u.array].shape).collect();
            match &node.code {
                Node::Op(op) => forms.push(ready(self.shared, self, op.as_ref(), &shapes)?),
                Node::Staged(_) => {}
                Node::Loop(body) => forms.extend(self.loop_forms(body, &shapes)?),
            }
        }
        Ok(forms)
    }

    /// Whether a task's pipelines are there; starts to build them otherwise. One that cannot be built counts as there: the
    /// error comes with the attempt to use it.
    pub(super) fn built(&self, board: &mut Board, t: TaskId) -> bool {
        let Ok(forms) = self.forms(t) else { return true };
        let mut all = true;
        for form in &forms {
            let shader = &form.prepared.shader;
            let known = self.builds.borrow().get(&shader.key).copied();
            let (task, start) = match known {
                Some(Build::Over) => continue,
                Some(Build::Running(task, start)) => (task, start),
                None => (t, self.shared.now()),
            };
            let over = !matches!(self.device.prepare(shader), PipelineState::Building);
            all &= over;
            let state = if over { Build::Over } else { Build::Running(task, start) };
            self.builds.borrow_mut().insert(shader.key, state);
            if over && known.is_some() {
                let (name, now) = (&self.shared.tasks[task].name, self.shared.now());
                board.record.span(Lane::Build(self.gpu), Spanned::Build(task), name, start, now);
            }
        }
        if all {
            board.building.remove(&t);
        } else if board.building.insert(t) {
            self.shared.changed(board);
        }
        all
    }

    /// Hands a task's commands over, or runs a hand-written kernel.
    fn task<'b>(&'b self, mut board: MutexGuard<'b, Board>, t: TaskId) -> Result<MutexGuard<'b, Board>, Trouble> {
        if self.staged(t) {
            drop(board);
            return self.staged_task(t);
        }
        let nodes = &self.shared.tasks[t].nodes;
        if let Some((node, body)) = nodes.iter().find_map(|n| match &n.code {
            Node::Loop(body) => Some((n, Arc::clone(body))),
            _ => None,
        }) {
            return self.loop_task(board, t, node, &body);
        }
        for _ in 0..ATTEMPTS {
            let list = match self.build(&mut board, t) {
                Ok(list) => list,
                Err(Trouble::Full(_)) => {
                    board = self.make_room(board, Some(t), true)?;
                    continue;
                }
                Err(trouble) => return Err(trouble),
            };
            match self.fly(board, list, Trip { task: Some(t), ..Trip::default() }) {
                Err(Trouble::Full(_)) => board = self.make_room(self.shared.lock(), Some(t), true)?,
                other => return other,
            }
        }
        Err(Trouble::Cpu("others hold the device's memory".into()))
    }

    /// Makes a range valid here.
    fn upload<'b>(&'b self, mut board: MutexGuard<'b, Board>, u: &Use) -> Result<MutexGuard<'b, Board>, Trouble> {
        let force = board.arrays[u.array].wanted == Some(self.place());
        for _ in 0..ATTEMPTS {
            let mut list = List::default();
            match self.complete(&mut board, &mut list, u) {
                Ok(_) => {}
                Err(Trouble::Full(_)) => {
                    board = self.make_room(board, None, force)?;
                    continue;
                }
                Err(trouble) => return Err(trouble),
            }
            match self.fly(board, list, Trip { copies: Some((Lane::Upload(self.gpu), u.array)), ..Trip::default() }) {
                Err(Trouble::Full(_)) => board = self.make_room(self.shared.lock(), None, force)?,
                other => return other,
            }
        }
        Err(Trouble::Cpu("others hold the device's memory".into()))
    }

    /// Brings what the host lacks of some ranges.
    fn download<'b>(
        &'b self,
        mut board: MutexGuard<'b, Board>,
        parts: &[Use],
    ) -> Result<MutexGuard<'b, Board>, Trouble> {
        for u in parts {
            for _ in 0..ATTEMPTS {
                match self.bring_in_parts(board, u) {
                    Ok(next) => {
                        board = next;
                        break;
                    }
                    Err(Trouble::Full(_)) => board = self.make_room(self.shared.lock(), None, true)?,
                    Err(trouble) => return Err(trouble),
                }
            }
        }
        Ok(board)
    }

    /// Hands commands over, without the lock: uploads are copied meanwhile.
    pub(super) fn fly<'b>(
        &'b self,
        board: MutexGuard<'b, Board>,
        mut list: List,
        mut trip: Trip,
    ) -> Result<MutexGuard<'b, Board>, Trouble> {
        if list.commands.is_empty() && trip.task.is_none() {
            return Ok(board);
        }
        let own = board.flights.get(&self.gpu).map_or(0, |&(n, _)| n);
        if trip.since.is_none() {
            trip.contended = self.device.queued().jobs > own;
        }
        let predicted = trip.task.map_or(0, |t| self.predicted(t));
        drop(board);
        let pending = list.submit(self.device, predicted)?;
        let mut board = self.shared.lock();
        list.publish(&mut board, self.gpu);
        if let Some(t) = trip.task {
            board.tasks[t] = Progress::Submitted(self.gpu);
        }
        let flight = Flight { pending, targets: list.targets, trip, bytes: list.bytes, down: list.down };
        self.send(&mut board, flight);
        Ok(board)
    }

    pub(super) fn send(&self, board: &mut Board, flight: Flight) {
        let flights = board.flights.entry(self.gpu).or_default();
        flights.0 += 1;
        flights.1 += flight.bytes;
        if self.flights.send(flight).is_err() {
            let reason = "the thread that waits for it ended".to_owned();
            let error = RunError::Device { device: format!("GPU {}", self.gpu), reason };
            self.shared.halt(board, Halt::Failed(error));
        }
        self.shared.changed(board);
    }

    /// The predicted time of a task, nanoseconds.
    pub(super) fn predicted(&self, t: TaskId) -> u64 {
        self.shared.plan.timeline.run(t).map_or(0, |span| span.end_ns - span.start_ns)
    }

    /// A hand-written kernel: it takes host memory and leaves host memory.
    fn staged_task(&self, t: TaskId) -> Result<MutexGuard<'_, Board>, Trouble> {
        let start = self.shared.now();
        let written = cpu_node::execute(self.shared, t, self.place()).map_err(Trouble::Failed)?;
        let end = self.shared.now();
        let mut board = self.shared.lock();
        written.publish(&mut board);
        board.record.span(Lane::Gpu(self.gpu), Spanned::Run(t), &self.shared.tasks[t].name, start, end);
        let contended = board.flights.get(&self.gpu).is_some_and(|&(n, _)| n > 0);
        board.record.observed.push(Observed {
            task: t,
            place: self.place(),
            ns: end - start,
            up: 0,
            down: 0,
            alone: true,
            contended,
        });
        self.shared.done(&mut board, t);
        Ok(board)
    }
}

/// Keeps the copies of a finished array that lie in one buffer on a device that is open.
pub(super) fn remember(runtime: &Runtime, array: &Array, store: &Store) {
    let Some(len) = array.len.filter(|&len| len > 0) else { return };
    for (&gpu, segments) in &array.gpus {
        let Some(segment) = segments.iter().find(|s| s.from == 0 && s.valid.covers(0, len)) else { continue };
        let device = runtime.inner.gpus.wait().gpu(gpu).and_then(crate::runtime::gpus::Gpu::device);
        if let Some(device) = device.filter(|d| d.generation() == segment.buffer.generation()) {
            store.remember(DeviceCopy { gpu, device, buffer: segment.buffer.clone() });
        }
    }
}
