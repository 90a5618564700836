//! The CPU's lane: the calling thread, which runs one task after the other on the pool.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::board::{Board, Halt, Progress, Shared};
use super::cpu_node;
use super::record::Observed;
use super::steal;
use super::tasks::What;
use crate::planner::task_graph::TaskId;
use crate::planner::timeline::{Lane, What as Spanned};
use crate::planner::work::Place;

/// Tasks of graphs that the CPU runs now, in all runs of the process: they share its cores.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// What a lane found to do.
enum Pick {
    Task(TaskId),
    /// A step was done without work; look again.
    Again,
    /// Nothing now; with a pause after which something may have become late.
    Nothing(Option<Duration>),
    End,
}

/// Runs until everything is done or the lanes are stopped.
pub(super) fn lane(shared: &Shared<'_>) {
    let mut board = shared.lock();
    loop {
        if shared.stopped(&mut board) {
            return;
        }
        match pick(shared, &mut board) {
            Pick::End => return,
            Pick::Again => {}
            Pick::Nothing(pause) => board = shared.wait(board, Place::Cpu, pause),
            Pick::Task(t) => {
                drop(board);
                let others = RUNNING.fetch_add(1, Ordering::Relaxed) > 0;
                let before = others || busy_devices(shared);
                let start = shared.now();
                // What a node's own code panics with is caught nearer to it; this is for veda's.
                let result = catch_unwind(AssertUnwindSafe(|| cpu_node::execute(shared, t, Place::Cpu)));
                let end = shared.now();
                let others = RUNNING.fetch_sub(1, Ordering::Relaxed) > 1;
                let contended = before || others || busy_devices(shared);
                board = shared.lock();
                match result {
                    Ok(Ok(written)) => {
                        written.publish(&mut board);
                        let name = &shared.tasks[t].name;
                        board.record.span(Lane::Cpu, Spanned::Run(t), name, start, end);
                        let ns = end - start;
                        board.record.observed.push(Observed {
                            task: t,
                            place: Place::Cpu,
                            ns,
                            up: 0,
                            down: 0,
                            alone: true,
                            contended,
                        });
                        shared.done(&mut board, t);
                    }
                    Ok(Err(error)) => shared.halt(&mut board, Halt::Failed(error)),
                    Err(panic) => {
                        let error = cpu_node::panicked(&shared.tasks[t].name, &*panic);
                        shared.halt(&mut board, Halt::Failed(error));
                    }
                }
            }
        }
    }
}

/// Whether a device computes on the cores that the pool uses.
fn busy_devices(shared: &Shared<'_>) -> bool {
    #[cfg(feature = "gpu")]
    return shared
        .devices
        .values()
        .any(|device| device.info().kind == crate::device::Kind::Software && device.queued().jobs > 0);
    #[cfg(not(feature = "gpu"))]
    {
        let _ = shared;
        false
    }
}

fn pick(shared: &Shared<'_>, board: &mut Board) -> Pick {
    let count = board.lanes.get(&Place::Cpu).map_or(0, VecDeque::len);
    for i in 0..count {
        match board.lanes[&Place::Cpu][i].what {
            What::Run(t) => {
                if board.tasks[t] == Progress::Waiting && ready(shared, board, t) {
                    return take(board, i, t);
                }
            }
            What::Ensure(u, _) => {
                if shared.written(board, &u, None) {
                    if board.arrays[u.array].on_host(&u) {
                        remove(board, i);
                        shared.changed(board);
                        return Pick::Again;
                    }
                    shared.request(board, &u);
                }
            }
            What::Evict(..) => {
                remove(board, i);
                return Pick::Again;
            }
        }
    }
    if Shared::finished(board) {
        shared.changed(board);
        return Pick::End;
    }
    match steal::for_cpu(shared, board) {
        steal::Found::Task(t) => Pick::Task(t),
        steal::Found::Later(pause) => Pick::Nothing(Some(pause)),
        steal::Found::Nothing => Pick::Nothing(None),
    }
}

fn remove(board: &mut Board, i: usize) {
    if let Some(steps) = board.lanes.get_mut(&Place::Cpu) {
        steps.remove(i);
    }
}

fn take(board: &mut Board, i: usize, t: TaskId) -> Pick {
    remove(board, i);
    board.tasks[t] = Progress::Running;
    Pick::Task(t)
}

/// Whether a task can start on the host; asks for what it lacks.
fn ready(shared: &Shared<'_>, board: &mut Board, t: TaskId) -> bool {
    if !shared.preceded(board, t, None) {
        return false;
    }
    let mut here = true;
    for u in &shared.tasks[t].reads {
        if !board.arrays[u.array].on_host(u) {
            here = false;
            shared.request(board, u);
        }
    }
    here
}
