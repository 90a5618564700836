//! What a GPU's lane does next.

use std::collections::VecDeque;
use std::time::Duration;

use super::board::{Board, Progress, Shared};
use super::gpu::GpuLane;
use super::op::Node;
use super::room::forgotten;
use super::steal;
use super::tasks::{Use, What};
use crate::device::PipelineState;
use crate::planner::task_graph::TaskId;
use crate::planner::timeline::{Lane, What as Spanned};
use crate::planner::work::Place;

/// Submissions that are not done, at most: enough to keep the device busy, few enough that a change of mind costs little.
const MAX_FLIGHTS: usize = 32;
/// How often the lane looks whether a pipeline is ready; builds take milliseconds to seconds.
const BUILD_POLL: Duration = Duration::from_micros(500);

/// What the lane found to do.
pub(super) enum Job {
    Run(TaskId),
    Upload(Use),
    Download(Vec<Use>),
    Again,
    Nothing(Option<Duration>),
    End,
}

/// What became of an eviction.
enum Eviction {
    Done,
    /// Steps before it use the array.
    Needed,
    /// The host does not have all of it yet; commands that bring it are on their way.
    Leaving,
}

impl GpuLane<'_> {
    /// The first step of this lane that can start, or a task of another one that is late.
    pub(super) fn pick(&self, board: &mut Board) -> Job {
        let requests = board.requests.get_mut(&self.gpu).map(std::mem::take).unwrap_or_default();
        if !requests.is_empty() {
            return Job::Download(requests);
        }
        let (count, bytes) = board.flights.get(&self.gpu).copied().unwrap_or_default();
        if count >= MAX_FLIGHTS || (count > 0 && bytes > self.device.info().memory_budget / 4) {
            return Job::Nothing(None);
        }
        let mut building = false;
        // What comes later in the plan counts on memory that is given up as soon as the host has its contents.
        let mut leaving = false;
        let steps = board.lanes.get(&self.place()).map_or(0, VecDeque::len);
        for i in 0..steps {
            let what = board.lanes[&self.place()][i].what;
            let job = match what {
                What::Run(t) => {
                    if leaving || board.tasks[t] != Progress::Waiting || !self.startable(board, t) {
                        continue;
                    }
                    if !self.built(board, t) {
                        building = true;
                        continue;
                    }
                    board.tasks[t] = Progress::Running;
                    Job::Run(t)
                }
                What::Ensure(u, Place::Cpu) => {
                    if !self.shared.written(board, &u, Some(self.gpu)) {
                        continue;
                    }
                    if self.bring(board, &u) { Job::Download(vec![u]) } else { Job::Again }
                }
                What::Ensure(u, _) => {
                    if board.arrays[u.array].wanted != Some(self.place()) && Shared::readers(board, u.array) == 0 {
                        // Whoever was to read it here ran elsewhere, and its memory may be gone.
                        self.drop_step(board, i);
                        return Job::Again;
                    }
                    if leaving || !self.shared.written(board, &u, Some(self.gpu)) {
                        continue;
                    }
                    let unused = Shared::readers(board, u.array) == 0 && board.arrays[u.array].wanted.is_none();
                    if unused || board.arrays[u.array].on_gpu(self.gpu, &u) && !self.gather(board, &u) {
                        // Nothing to copy: it is here, or another lane took its reader and its memory is gone.
                        Job::Again
                    } else if board.arrays[u.array].within_reach(self.gpu, &u) {
                        Job::Upload(u)
                    } else {
                        self.shared.request(board, &u);
                        continue;
                    }
                }
                What::Evict(u, _) => match self.evict(board, i, &u) {
                    Eviction::Done => Job::Again,
                    Eviction::Needed => continue,
                    Eviction::Leaving => {
                        leaving = true;
                        continue;
                    }
                },
            };
            self.drop_step(board, i);
            return job;
        }
        // A task of this lane may need on the host what this GPU has.
        if board.requests.get(&self.gpu).is_some_and(|line| !line.is_empty()) {
            return Job::Again;
        }
        if Shared::finished(board) {
            self.shared.changed(board);
            return Job::End;
        }
        let poll = building.then_some(BUILD_POLL);
        let can = |board: &Board, t: TaskId| self.could(board, t);
        match steal::for_gpu(self.shared, board, self.gpu, &can) {
            steal::Found::Task(t) => Job::Run(t),
            steal::Found::Later(pause) => Job::Nothing(Some(poll.map_or(pause, |p| p.min(pause)))),
            steal::Found::Nothing => Job::Nothing(poll),
        }
    }

    /// Takes a step off the list.
    fn drop_step(&self, board: &mut Board, i: usize) {
        if let Some(steps) = board.lanes.get_mut(&self.place()) {
            steps.remove(i);
        }
        self.shared.changed(board);
    }

    /// Whether a task's inputs are written and within reach; asks for those that are elsewhere.
    fn startable(&self, board: &mut Board, t: TaskId) -> bool {
        let staged = self.staged(t);
        if !self.shared.preceded(board, t, if staged { None } else { Some(self.gpu) }) {
            return false;
        }
        let mut here = true;
        for u in &self.shared.tasks[t].reads {
            let array = &board.arrays[u.array];
            let there = if staged { array.on_host(u) } else { array.within_reach(self.gpu, u) };
            if !there {
                here = false;
                self.shared.request(board, u);
            }
        }
        here
    }

    /// Whether this lane could take another one's task now.
    fn could(&self, board: &Board, t: TaskId) -> bool {
        let tasks = &self.shared.tasks[t];
        let ops = tasks.nodes.iter().all(|n| matches!(n.code, Node::Op(_)));
        ops && self.shared.preceded(board, t, Some(self.gpu))
            && tasks.reads.iter().all(|u| board.arrays[u.array].within_reach(self.gpu, u))
            && self.forms(t).is_ok_and(|forms| {
                // Starts the build: the next look may find it ready.
                forms.iter().all(|f| !matches!(self.device.prepare(&f.prepared.shader), PipelineState::Building))
            })
    }

    pub(super) fn staged(&self, t: TaskId) -> bool {
        self.shared.tasks[t].nodes.iter().any(|n| matches!(n.code, Node::Staged(_)))
    }

    /// Whether a range is here, but in several buffers although it is to be one.
    fn gather(&self, board: &Board, u: &Use) -> bool {
        let array = &board.arrays[u.array];
        let (from, to) = array.range(u.window);
        let mut segments = array.gpus.get(&self.gpu).into_iter().flatten();
        array.wanted == Some(self.place()) && u.window.is_none() && !segments.any(|s| s.valid.covers(from, to))
    }

    /// Whether the host lacks something of a range that this GPU has and nobody brings yet.
    fn bring(&self, board: &Board, u: &Use) -> bool {
        let array = &board.arrays[u.array];
        let (from, to) = array.range(u.window);
        let here = array.gpu_valid(self.gpu);
        let missing = array.host_valid.missing(from, to);
        let open = missing.iter().flat_map(|&(a, b)| array.arriving.missing(a, b));
        open.into_iter().any(|(a, b)| !here.within(a, b).is_empty())
    }

    /// Does an eviction of the plan, if it can be done yet. Whoever uses the array here before it in the plan goes first, and
    /// what is valid nowhere else is not given up.
    fn evict(&self, board: &mut Board, i: usize, u: &Use) -> Eviction {
        let uses = |what: &What| match what {
            What::Run(t) => {
                let task = &self.shared.tasks[*t];
                task.reads.iter().chain(&task.writes).any(|other| other.overlaps(u))
            }
            What::Ensure(other, _) | What::Evict(other, _) => other.overlaps(u),
        };
        let mut before = board.lanes[&self.place()].iter().take(i);
        if before.any(|step| uses(&step.what)) {
            return Eviction::Needed;
        }
        let arriving = board.arrays[u.array].range(u.window);
        if !board.arrays[u.array].arriving.within(arriving.0, arriving.1).is_empty() {
            return Eviction::Leaving;
        }
        let (from, to) = arriving;
        let array = &mut board.arrays[u.array];
        let mut elsewhere = array.host_valid.clone();
        for gpu in array.gpus.keys().filter(|gpu| **gpu != self.gpu) {
            array.gpu_valid(*gpu).ranges().iter().for_each(|&(a, b)| elsewhere.add(a, b));
        }
        // Only whole buffers give memory back.
        if let Some(segments) = array.gpus.get_mut(&self.gpu) {
            segments.retain(|s| {
                let inside = from <= s.from && s.to <= to;
                !(inside && s.valid.ranges().iter().all(|&(a, b)| elsewhere.covers(a, b)))
            });
        }
        if u.window.is_none() {
            forgotten(array, self.gpu);
        }
        let (name, now) = (array.name.clone(), self.shared.now());
        board.record.span(Lane::Gpu(self.gpu), Spanned::Evict(u.array), &name, now, now);
        Eviction::Done
    }
}
