//! Commands on their way: built as data, handed to the device, and waited for by a thread that does nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use veda_kernels_ir::ast::Ty;

use super::board::{Board, Halt, Progress, Shared};
use super::cpu_node::{Window, panicked};
use super::host::HostBuffer;
use super::record::Observed;
use crate::device::{BufferBinding, Command, Device, DeviceBuffer, DeviceError, Pass, Pending, Shader};
use crate::planner::task_graph::{DatumId, TaskId};
use crate::planner::timeline::{Lane, What};
use crate::planner::work::Place;

/// What a dispatch binds.
#[derive(Debug)]
pub(super) enum Bound {
    Uniform(Vec<u32>),
    Buffer { buffer: DeviceBuffer, offset: u64, bytes: u64 },
}

/// A command that owns what it names.
#[derive(Debug)]
pub(super) enum Owned {
    Upload { window: Window, to: DeviceBuffer, offset: u64 },
    Zero { buffer: DeviceBuffer, bytes: u64 },
    Copy { from: DeviceBuffer, from_offset: u64, to: DeviceBuffer, to_offset: u64, bytes: u64 },
    Dispatch { shader: Arc<Shader>, bindings: Vec<Bound>, passes: Vec<Pass> },
    Download { from: DeviceBuffer, offset: u64, bytes: u64 },
}

/// Where a download goes.
#[derive(Debug)]
pub(super) enum Target {
    /// Not zero: a run-time check failed. Comes before all others, so that nothing wrong is taken over.
    Status,
    /// The number of survivors of a filter.
    Count(DatumId),
    /// Elements of an array.
    Elements { array: DatumId, host: Arc<HostBuffer>, from: usize, to: usize },
    /// Element 0 of a loop's test; read by the lane itself.
    Word,
}

/// Elements of a segment that commands write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filled {
    pub array: DatumId,
    /// Names the segment: its first element, and one past its last.
    pub segment: (usize, usize),
    pub from: usize,
    pub to: usize,
}

/// Commands in order, with what becomes true once they are handed over.
#[derive(Debug, Default)]
pub(super) struct List {
    pub commands: Vec<Owned>,
    /// One per download, in order.
    pub targets: Vec<Target>,
    /// What the commands write.
    pub filled: Vec<Filled>,
    /// The word that checks raise.
    pub status: Option<DeviceBuffer>,
    /// What it moves, bytes.
    pub bytes: u64,
    /// How much of that comes back.
    pub down: u64,
}

impl List {
    pub(super) fn download(&mut self, from: &DeviceBuffer, offset: u64, bytes: u64, target: Target) {
        self.bytes += bytes;
        self.down += bytes;
        self.commands.push(Owned::Download { from: from.clone(), offset, bytes });
        self.targets.push(target);
    }

    pub(super) fn upload(&mut self, window: Window, to: &DeviceBuffer, offset: u64) {
        self.bytes += 4 * (window.to - window.from) as u64;
        self.commands.push(Owned::Upload { window, to: to.clone(), offset });
    }

    /// Hands the commands over. Uploads are copied before it returns.
    pub(super) fn submit(&self, device: &Device, predicted_ns: u64) -> Result<Pending, DeviceError> {
        let words: Vec<Option<Vec<u32>>> = self.commands.iter().map(widened).collect();
        let bindings: Vec<Vec<BufferBinding<'_>>> = self.commands.iter().map(bindings).collect();
        let commands: Vec<Command<'_>> = self
            .commands
            .iter()
            .zip(&words)
            .zip(&bindings)
            .map(|((command, words), bindings)| match command {
                Owned::Upload { window, to, offset } => {
                    let data = match words {
                        Some(words) => bytemuck::cast_slice(words),
                        // SAFETY: the host's elements are valid, so nobody writes to them any more.
                        None => unsafe { window.input() }.slice.bytes(),
                    };
                    Command::Upload { data, to, offset: *offset }
                }
                Owned::Zero { buffer, bytes } => Command::Zero { buffer, offset: 0, bytes: *bytes },
                Owned::Copy { from, from_offset, to, to_offset, bytes } => {
                    Command::Copy { from, from_offset: *from_offset, to, to_offset: *to_offset, bytes: *bytes }
                }
                Owned::Dispatch { shader, passes, .. } => Command::Dispatch { shader, bindings, passes },
                Owned::Download { from, offset, bytes } => Command::Download { from, offset: *offset, bytes: *bytes },
            })
            .collect();
        device.submit(&commands, predicted_ns)
    }

    /// What it fills is valid for commands behind it.
    pub(super) fn publish(&mut self, board: &mut Board, gpu: u32) {
        for Filled { array, segment, from, to } in self.filled.drain(..) {
            let segments = board.arrays[array].gpus.entry(gpu).or_default();
            if let Some(found) = segments.iter_mut().find(|s| (s.from, s.to) == segment) {
                found.valid.add(from, to);
            }
        }
        for target in &self.targets {
            if let Target::Elements { array, from, to, .. } = *target {
                board.arrays[array].arriving.add(from, to);
            }
        }
    }
}

/// Bools as the device has them, 4 bytes each.
fn widened(command: &Owned) -> Option<Vec<u32>> {
    let Owned::Upload { window, .. } = command else { return None };
    // SAFETY: as for every upload.
    let bytes = unsafe { window.input() }.slice.bytes();
    (window.buffer.ty() == Ty::Bool).then(|| bytes.iter().map(|&b| u32::from(b)).collect())
}

fn bindings(command: &Owned) -> Vec<BufferBinding<'_>> {
    let Owned::Dispatch { bindings, .. } = command else { return Vec::new() };
    bindings.iter().map(binding).collect()
}

fn binding(bound: &Bound) -> BufferBinding<'_> {
    match bound {
        Bound::Uniform(words) => BufferBinding::Uniform(bytemuck::cast_slice(words)),
        Bound::Buffer { buffer, offset, bytes } => BufferBinding::Buffer { buffer, offset: *offset, bytes: *bytes },
    }
}

/// What commands are for.
#[derive(Debug, Default)]
pub(super) struct Trip {
    /// The task that is done with it.
    pub task: Option<TaskId>,
    /// What it copies, if it is no task.
    pub copies: Option<(Lane, DatumId)>,
    /// When its first part was handed over, if it had several.
    pub since: Option<Instant>,
    /// Others had work on the device.
    pub contended: bool,
}

/// Commands that were handed over.
#[derive(Debug)]
pub(super) struct Flight {
    pub pending: Pending,
    pub targets: Vec<Target>,
    pub trip: Trip,
    /// What they move, and how much of that comes back.
    pub bytes: u64,
    pub down: u64,
}

/// Waits for one flight after the other, in the order of the queue. Ends with the lane that sends them.
pub(super) fn reap(shared: &Shared<'_>, gpu: u32, flights: &Receiver<Flight>) {
    let mut previous: Option<Instant> = None;
    for flight in flights {
        let bytes = flight.bytes;
        let landed = catch_unwind(AssertUnwindSafe(|| land(shared, gpu, flight, &mut previous)));
        let mut board = shared.lock();
        if let Err(panic) = landed {
            let error = panicked(&format!("the waiting thread of GPU {gpu}"), &*panic);
            shared.halt(&mut board, Halt::Failed(error));
        }
        if let Some((count, flying)) = board.flights.get_mut(&gpu) {
            *count = count.saturating_sub(1);
            *flying = flying.saturating_sub(bytes);
        }
        shared.changed(&mut board);
    }
}

/// What a flight brought.
#[derive(Default)]
struct Brought {
    failed: bool,
    counts: Vec<(DatumId, usize)>,
}

fn land(shared: &Shared<'_>, gpu: u32, flight: Flight, previous: &mut Option<Instant>) {
    let Flight { pending, targets, trip, bytes, down } = flight;
    let Trip { task, copies, since, contended } = trip;
    let mut brought = Brought::default();
    let result = pending.wait(&mut |i, bytes| match &targets[i] {
        Target::Status => brought.failed |= bytes.iter().any(|&b| b != 0),
        Target::Count(array) => {
            let count = bytes.first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
            brought.counts.push((*array, count as usize));
        }
        Target::Elements { host, from, to, .. } if !brought.failed => {
            // SAFETY: one download at a time brings these elements, they have no other writer, and nobody reads them
            // before they are valid.
            unsafe { host.window_mut(*from, *to) }.copy_words(bytes);
        }
        Target::Elements { .. } | Target::Word => {}
    });
    let copied = Instant::now();
    let mut board = shared.lock();
    for target in &targets {
        if let Target::Elements { array, from, to, .. } = *target {
            board.arrays[array].arriving.remove(from, to);
        }
    }
    let times = match result {
        Ok(times) => times,
        Err(error) => return fail(shared, &mut board, gpu, task, &error),
    };
    let ready = since.unwrap_or(times.submitted).max(previous.unwrap_or(times.submitted));
    let alone = ready == times.submitted;
    // Lists of one submission are done together, but their threads may have looked at the clock in another order.
    let ready = ready.min(times.done);
    *previous = Some(previous.map_or(times.done, |before| before.max(times.done)));
    let (start, end) = (shared.at(ready), shared.at(times.done));
    if let Some(t) = task {
        let name = &shared.tasks[t].name;
        board.record.span(Lane::Gpu(gpu), What::Run(t), name, start, end);
        if brought.failed {
            let reason = "a run-time check failed on the device".to_owned();
            return shared.halt(&mut board, Halt::Redo(t, reason));
        }
    }
    if let Some((lane, array)) = copies {
        let name = board.arrays[array].name.clone();
        let end = if matches!(lane, Lane::Download(_)) { shared.at(copied) } else { end };
        board.record.span(lane, What::Copy(array), &name, start, end);
    }
    // A task whose predecessor failed computed on wrong data.
    if task.is_some_and(|t| !shared.tasks[t].preds.iter().all(|&p| board.tasks[p] == Progress::Done)) {
        return;
    }
    let sure = board.halt.is_none() || task.is_some();
    for (array, count) in brought.counts {
        board.arrays[array].len = Some(count.min(board.arrays[array].shape.len));
    }
    for target in targets {
        if let Target::Elements { array, from, to, .. } = target
            && sure
        {
            if task.is_some() {
                // The download is a part of the task's own commands: its span is the copy out of staging memory.
                let name = board.arrays[array].name.clone();
                let span = (shared.at(times.done), shared.at(copied));
                board.record.span(Lane::Download(gpu), What::Copy(array), &name, span.0, span.1);
            }
            board.arrays[array].host_valid.add(from, to);
        }
    }
    if let Some(t) = task.filter(|&t| board.tasks[t] == Progress::Submitted(gpu)) {
        let observed =
            Observed { task: t, place: Place::Gpu(gpu), ns: end - start, up: bytes - down, down, alone, contended };
        board.record.observed.push(observed);
        shared.done(&mut board, t);
    }
}

fn fail(shared: &Shared<'_>, board: &mut Board, gpu: u32, task: Option<TaskId>, error: &DeviceError) {
    let halt = match (task, error) {
        (_, DeviceError::Lost { .. }) => Halt::Lost(gpu),
        (Some(t), error) => Halt::Redo(t, error.to_string()),
        (None, error) => {
            // Copies are the least that a device must do; go on without it.
            board.record.note(format!("a copy failed on GPU {gpu}: {error}"));
            Halt::Lost(gpu)
        }
    };
    shared.halt(board, halt);
}
