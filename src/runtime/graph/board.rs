//! What the lanes of a run share: one lock over the state of every task and array, and one place to wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::array::Array;
use super::device::Device;
use super::error::RunError;
use super::op::Program;
use super::record::Record;
use super::run::RunOptions;
use super::tasks::{Step, TaskInfo, Traced, Use, What};
use crate::planner::plan::Plan;
use crate::planner::task_graph::{DatumId, TaskGraph, TaskId};
use crate::planner::work::Place;
use crate::runtime::Runtime;

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// In a lane's list.
    Waiting,
    /// A lane has it.
    Running,
    /// A GPU has its commands: what it writes is valid for commands behind them on that GPU, for nobody else.
    Submitted(u32),
    /// What it writes is valid, and the device's checks passed.
    Done,
}

/// Why the lanes stop before the end. Later ones replace earlier ones of less weight.
#[derive(Debug)]
pub(super) enum Halt {
    /// A device's result cannot be used (a check failed there): the CPU does this task, then those behind it again.
    Redo(TaskId, String),
    /// The GPU was lost.
    Lost(u32),
    /// The end.
    Failed(RunError),
}

impl Halt {
    fn weight(&self) -> u8 {
        match self {
            Halt::Redo(..) => 0,
            Halt::Lost(_) => 1,
            Halt::Failed(RunError::Cancelled) => 2,
            Halt::Failed(_) => 3,
        }
    }
}

/// State under the lock.
#[derive(Debug)]
pub(super) struct Board {
    pub arrays: Vec<Array>,
    pub tasks: Vec<Progress>,
    /// Where tasks run: the plan's places, until a device cannot do one.
    pub places: Vec<Place>,
    /// What each lane has left, in plan order.
    pub lanes: BTreeMap<Place, VecDeque<Step>>,
    /// Ranges that somebody needs from a GPU, on the host.
    pub requests: BTreeMap<u32, Vec<Use>>,
    pub halt: Option<Halt>,
    /// Tasks whose pipelines are not ready: their lane waits, and the CPU may take them.
    pub building: std::collections::BTreeSet<TaskId>,
    /// Submissions that are not done, by GPU: how many, and the bytes that they move.
    pub flights: BTreeMap<u32, (usize, u64)>,
    /// Tasks that are not done and read each array.
    readers: Vec<usize>,
    /// Changes; with it a lane that found nothing to do knows whether it has seen everything.
    version: u64,
    idle: BTreeMap<Place, u64>,
    pub record: Record,
}

/// What the lanes of a run share.
pub(super) struct Shared<'a> {
    pub runtime: &'a Runtime,
    pub program: &'a Program,
    pub graph: &'a TaskGraph,
    pub plan: &'a Plan,
    pub tasks: Vec<TaskInfo>,
    pub writers: BTreeMap<DatumId, Vec<TaskId>>,
    pub options: &'a RunOptions<'a>,
    /// The GPUs that have a lane.
    pub devices: BTreeMap<u32, Arc<Device>>,
    pub start: Instant,
    board: Mutex<Board>,
    wake: Condvar,
}

impl<'a> Shared<'a> {
    pub(super) fn new(
        (runtime, program, graph, plan): (&'a Runtime, &'a Program, &'a TaskGraph, &'a Plan),
        traced: Traced,
        arrays: Vec<Array>,
        record: Record,
        options: &'a RunOptions<'a>,
        (devices, start): (BTreeMap<u32, Arc<Device>>, Instant),
    ) -> Shared<'a> {
        let board = Board {
            tasks: vec![Progress::Waiting; traced.tasks.len()],
            readers: Vec::new(),
            arrays,
            places: traced.places,
            lanes: traced.lanes,
            requests: BTreeMap::new(),
            halt: None,
            building: std::collections::BTreeSet::new(),
            flights: BTreeMap::new(),
            version: 0,
            idle: BTreeMap::new(),
            record,
        };
        let shared = Shared {
            runtime,
            program,
            graph,
            plan,
            tasks: traced.tasks,
            writers: traced.writers,
            options,
            devices,
            start,
            board: Mutex::new(board),
            wake: Condvar::new(),
        };
        shared.count_readers(&mut shared.lock());
        shared
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_board(self) -> Board {
        self.board.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds since the run began.
    pub(super) fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    pub(super) fn at(&self, instant: Instant) -> u64 {
        u64::try_from(instant.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Something changed: whoever waits looks again.
    pub(super) fn changed(&self, board: &mut Board) {
        board.version += 1;
        self.wake.notify_all();
    }

    /// Stops all lanes.
    pub(super) fn halt(&self, board: &mut Board, halt: Halt) {
        if board.halt.as_ref().is_none_or(|old| old.weight() < halt.weight()) {
            board.halt = Some(halt);
        }
        self.changed(board);
    }

    /// Whether the lanes are to stop; notices a cancellation.
    pub(super) fn stopped(&self, board: &mut Board) -> bool {
        if board.halt.is_none() && self.options.cancel.as_ref().is_some_and(|token| token.is_cancelled()) {
            self.halt(board, Halt::Failed(RunError::Cancelled));
        }
        board.halt.is_some()
    }

    /// Waits for a change; `lane` found nothing to do. `poll`: something may become ready without anybody saying so.
    pub(super) fn wait<'b>(
        &self,
        mut board: MutexGuard<'b, Board>,
        lane: Place,
        poll: Option<Duration>,
    ) -> MutexGuard<'b, Board> {
        let version = board.version;
        if poll.is_none() {
            board.idle.insert(lane, version);
        }
        let lanes = self.devices.len() + 1;
        let idle = board.idle.values().filter(|&&seen| seen == version).count();
        let flying = board.flights.values().any(|&(n, _)| n > 0);
        if idle == lanes && !flying && poll.is_none() && board.halt.is_none() {
            // Nobody will ever change anything: say so instead of waiting for ever.
            let reason = self.stuck(&board);
            self.halt(&mut board, Halt::Failed(RunError::Plan { reason }));
            return board;
        }
        let mut board = match poll {
            None => self.wake.wait(board).unwrap_or_else(PoisonError::into_inner),
            Some(pause) => self.wake.wait_timeout(board, pause).unwrap_or_else(PoisonError::into_inner).0,
        };
        board.idle.remove(&lane);
        board
    }

    /// Waits for any change without being idle: the lane holds a task.
    pub(super) fn wait_busy<'b>(&self, board: MutexGuard<'b, Board>) -> MutexGuard<'b, Board> {
        self.wake.wait(board).unwrap_or_else(PoisonError::into_inner)
    }

    fn stuck(&self, board: &Board) -> String {
        let name = |step: &Step| match step.what {
            What::Run(t) => format!("`{}` cannot start", self.tasks[t].name),
            What::Ensure(u, place) => format!("`{}` cannot get to the {place}", board.arrays[u.array].name),
            What::Evict(u, gpu) => format!("`{}` cannot leave GPU {gpu}", board.arrays[u.array].name),
        };
        board.lanes.values().flatten().next().map_or_else(|| "a task never ended".to_owned(), name)
    }

    /// Whether every lane's work is done.
    pub(super) fn finished(board: &Board) -> bool {
        board.lanes.values().all(VecDeque::is_empty)
            && board.tasks.iter().all(|&p| p == Progress::Done)
            && board.requests.values().all(Vec::is_empty)
            && board.flights.values().all(|&(n, _)| n == 0)
    }

    /// Whether what a use needs has been written, as a command on `gpu` sees it (`None`: as the host does).
    pub(super) fn written(&self, board: &Board, u: &Use, gpu: Option<u32>) -> bool {
        let ok = |&t: &TaskId| !self.tasks[t].writes.iter().any(|w| w.overlaps(u)) || progressed(board.tasks[t], gpu);
        self.writers.get(&u.array).is_none_or(|tasks| tasks.iter().all(ok)) && board.arrays[u.array].len.is_some()
    }

    /// Whether a task's predecessors are done, as a command on `gpu` sees it (`None`: as the host does).
    pub(super) fn preceded(&self, board: &Board, t: TaskId, gpu: Option<u32>) -> bool {
        self.tasks[t].preds.iter().all(|&p| progressed(board.tasks[p], gpu))
            && self.tasks[t].reads.iter().all(|u| board.arrays[u.array].len.is_some())
    }

    /// Asks the GPUs for what the host lacks of a range. Whether something is on its way now.
    pub(super) fn request(&self, board: &mut Board, u: &Use) -> bool {
        let array = &board.arrays[u.array];
        let (from, to) = array.range(u.window);
        let mut posted = Vec::new();
        for (a, b) in array.host_valid.missing(from, to) {
            for (c, d) in array.arriving.missing(a, b) {
                for &gpu in array.gpus.keys().filter(|gpu| self.devices.contains_key(gpu)) {
                    for (e, f) in array.gpu_valid(gpu).within(c, d) {
                        posted.push((gpu, Use { array: u.array, window: Some((e, f)) }));
                    }
                }
            }
        }
        let mut new = false;
        for (gpu, part) in posted {
            let line = board.requests.entry(gpu).or_default();
            if !line.contains(&part) {
                line.push(part);
                new = true;
            }
        }
        if new {
            self.changed(board);
        }
        new
    }

    /// A task is done; memory that nobody needs any more is given back.
    pub(super) fn done(&self, board: &mut Board, t: TaskId) {
        board.tasks[t] = Progress::Done;
        let mut touched: Vec<DatumId> = self.tasks[t].writes.iter().map(|u| u.array).collect();
        for array in arrays_read(&self.tasks[t]) {
            board.readers[array] = board.readers[array].saturating_sub(1);
            touched.push(array);
        }
        for d in touched {
            let written = |w: &TaskId| board.tasks[*w] == Progress::Done;
            let over = self.writers.get(&d).is_none_or(|tasks| tasks.iter().all(written));
            let array = &mut board.arrays[d];
            if board.readers[d] == 0 && over && array.wanted.is_none() && array.store.is_none() {
                array.release();
            }
        }
        self.changed(board);
    }

    /// Counts anew who reads what; after tasks were set back.
    pub(super) fn count_readers(&self, board: &mut Board) {
        board.readers = vec![0; board.arrays.len()];
        for (task, progress) in self.tasks.iter().zip(&board.tasks) {
            if *progress != Progress::Done {
                for array in arrays_read(task) {
                    board.readers[array] += 1;
                }
            }
        }
    }

    /// Tasks that are not done and read an array.
    pub(super) fn readers(board: &Board, array: DatumId) -> usize {
        board.readers[array]
    }

    /// Gives a task that a lane could not do to the CPU.
    pub(super) fn to_cpu(&self, board: &mut Board, t: TaskId, why: &str) {
        board.tasks[t] = Progress::Waiting;
        board.places[t] = Place::Cpu;
        board.record.note(format!("`{}` ran on the CPU: {why}", self.tasks[t].name));
        board.record.rerouted += 1;
        // Before everything else: whoever needed it there waits.
        let lane = board.lanes.entry(Place::Cpu).or_default();
        lane.push_front(Step { what: What::Run(t), end_ns: 0 });
        self.changed(board);
    }
}

fn progressed(progress: Progress, gpu: Option<u32>) -> bool {
    match progress {
        Progress::Done => true,
        Progress::Submitted(on) => gpu == Some(on),
        Progress::Waiting | Progress::Running => false,
    }
}

fn arrays_read(task: &TaskInfo) -> std::collections::BTreeSet<DatumId> {
    task.reads.iter().map(|u| u.array).collect()
}
