//! The submit thread: encodes and submits whatever waits, as one batch.
//!
//! Submission is serial in wgpu whatever the thread, and some drivers block a second submit until the first is done
//! (then jobs gather meanwhile and the next batch is larger). So one thread does it, and callers never block in a driver.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Shared;
use super::counters::add;
use super::error::{DeviceError, from_wgpu, panic_message, scoped};
use super::job::Pass;
use super::list::{List, encode_list};
use super::pipelines::{Compiled, MAX_DYNAMIC};
use super::poll::Flight;
use super::ticket::Ticket;

/// Submissions that may be on the device at once: one that runs and one behind it keep it busy, and what comes later
/// gathers into a larger batch.
const MAX_IN_FLIGHT: usize = 2;
/// Jobs of one batch.
const MAX_BATCH: usize = 64;
/// A batch takes no further job once it is predicted to run this long: the jobs of a batch finish together.
const MAX_BATCH_NS: u64 = 2_000_000;
/// Free buffers are given back after this long without work.
const IDLE_TRIM: Duration = Duration::from_secs(10);

/// A copy between buffers.
#[derive(Debug)]
pub(super) struct Copy {
    pub from: (wgpu::Buffer, u64),
    pub to: (wgpu::Buffer, u64),
    pub bytes: u64,
}

/// The dispatches of a job.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub compiled: Arc<Compiled>,
    pub group: wgpu::BindGroup,
    pub passes: Vec<Pass>,
}

/// A job in the submit thread's words.
#[derive(Debug)]
pub(super) struct Work {
    pub ticket: Arc<Ticket>,
    pub name: String,
    pub up: Vec<Copy>,
    pub clear: Vec<(wgpu::Buffer, u64)>,
    pub dispatch: Option<Dispatch>,
    pub down: Vec<Copy>,
    /// Commands that need their own order; such a work has nothing else but `map`.
    pub list: Option<List>,
    /// Buffers to map when it is done, and how.
    pub map: Vec<(wgpu::Buffer, wgpu::MapMode)>,
    pub predicted_ns: u64,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Work>,
    flying: HashMap<u64, Vec<Arc<Ticket>>>,
    next_flight: u64,
    closed: bool,
}

/// The line in front of the submit thread, and the list of what is on the device.
#[derive(Debug, Default)]
pub(super) struct Line {
    state: Mutex<State>,
    wake: Condvar,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a job to the submit thread.
    pub(super) fn enqueue(&self, work: Work, shared: &Shared) -> Result<(), DeviceError> {
        let mut state = self.lock();
        // Under the lock: a loss either sees this job in the line or is seen here.
        shared.check_lost()?;
        state.waiting.push_back(work);
        drop(state);
        self.wake.notify_all();
        Ok(())
    }

    /// Everybody who waits or flies. `mark` runs under the lock.
    pub(super) fn drain(&self, mark: impl FnOnce()) -> Vec<Arc<Ticket>> {
        let mut state = self.lock();
        mark();
        let mut tickets: Vec<_> = state.waiting.drain(..).map(|work| work.ticket).collect();
        tickets.extend(state.flying.values().flatten().cloned());
        tickets
    }

    /// A submission is done.
    pub(super) fn landed(&self, flight: u64) {
        self.lock().flying.remove(&flight);
        self.wake.notify_all();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    /// Waits for work; `None` when the device is dropped.
    fn next(&self, shared: &Shared) -> Option<(u64, Vec<Work>)> {
        let mut state = self.lock();
        let mut trimmed = false;
        loop {
            if !state.waiting.is_empty() && state.flying.len() < MAX_IN_FLIGHT {
                let mut batch = Vec::new();
                let mut predicted = 0u64;
                while batch.len() < MAX_BATCH && predicted < MAX_BATCH_NS {
                    let Some(work) = state.waiting.front() else { break };
                    if !batch.is_empty() && predicted.saturating_add(work.predicted_ns) > MAX_BATCH_NS {
                        break;
                    }
                    predicted = predicted.saturating_add(work.predicted_ns);
                    batch.extend(state.waiting.pop_front());
                }
                let flight = state.next_flight;
                state.next_flight += 1;
                state.flying.insert(flight, batch.iter().map(|work| Arc::clone(&work.ticket)).collect());
                return Some((flight, batch));
            }
            if state.closed && state.waiting.is_empty() {
                return None;
            }
            if trimmed || !state.waiting.is_empty() || !state.flying.is_empty() {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                trimmed = false;
            } else {
                let (next, timeout) = self.wake.wait_timeout(state, IDLE_TRIM).unwrap_or_else(PoisonError::into_inner);
                state = next;
                if timeout.timed_out() && state.waiting.is_empty() {
                    drop(state);
                    shared.pool.trim();
                    // Then sleep without a timeout until somebody comes: an idle device costs nothing.
                    trimmed = true;
                    state = self.lock();
                }
            }
        }
    }

    /// The submit thread. Ends when the device is dropped; the poll thread ends with the sender.
    pub(super) fn submit_loop(&self, shared: &Arc<Shared>, to_poll: &Sender<Flight>) {
        while let Some((flight, batch)) = self.next(shared) {
            let tickets: Vec<_> = batch.iter().map(|work| Arc::clone(&work.ticket)).collect();
            // wgpu panics on what it calls fatal; that ends the device, not the program.
            let submitted = catch_unwind(AssertUnwindSafe(|| submit(shared, batch)));
            match submitted {
                Ok(Some(index)) => {
                    add(&shared.counters.batches, 1);
                    let _ = to_poll.send(Flight { id: flight, index, tickets });
                }
                Ok(None) => self.landed(flight),
                Err(panic) => {
                    shared.lose(&panic_message(&*panic));
                    self.landed(flight);
                }
            }
        }
    }
}

/// Encodes and submits a batch; `None` where nothing was submitted (then every ticket has failed).
fn submit(shared: &Shared, mut batch: Vec<Work>) -> Option<wgpu::SubmissionIndex> {
    let mut commands = Vec::new();
    match encode(shared, &batch) {
        Ok(buffer) => commands.push(buffer),
        Err(error) if batch.len() == 1 => {
            batch[0].ticket.fail(error);
            return None;
        }
        // One of them spoils the encoder for all: encode each alone to find it. Their inputs are still in place.
        Err(_) => batch.retain(|work| match encode(shared, std::slice::from_ref(work)) {
            Ok(buffer) => {
                commands.push(buffer);
                true
            }
            Err(error) => {
                work.ticket.fail(error);
                false
            }
        }),
    }
    if batch.is_empty() {
        return None;
    }
    let start = Instant::now();
    for work in &batch {
        work.ticket.submitted(start, work.map.len());
    }
    let (index, error) = scoped(&shared.wgpu, || shared.queue.submit(commands));
    if let Some(error) = error {
        for work in &batch {
            work.ticket.fail(from_wgpu(&error, &work.name, 0));
        }
        return None;
    }
    let ((), error) = scoped(&shared.wgpu, || {
        for work in &batch {
            for (buffer, mode) in &work.map {
                let ticket = Arc::clone(&work.ticket);
                buffer.map_async(*mode, .., move |result| ticket.arrive(result.is_ok()));
            }
        }
    });
    if let Some(error) = error {
        for work in &batch {
            work.ticket.fail(from_wgpu(&error, &work.name, 0));
        }
    }
    Some(index)
}

/// All copies up, then all dispatches in one pass, then all copies down: jobs share no buffers, so their order among each
/// other is free, and the device needs no barriers between them. Command lists share buffers with each other, not with
/// jobs: they run between, one after the other.
fn encode(shared: &Shared, batch: &[Work]) -> Result<wgpu::CommandBuffer, DeviceError> {
    let (commands, error) = scoped(&shared.wgpu, || {
        let mut encoder = shared.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        let copy = |encoder: &mut wgpu::CommandEncoder, copy: &Copy| {
            encoder.copy_buffer_to_buffer(&copy.from.0, copy.from.1, &copy.to.0, copy.to.1, copy.bytes);
        };
        for work in batch {
            for up in &work.up {
                copy(&mut encoder, up);
            }
            for (buffer, bytes) in &work.clear {
                encoder.clear_buffer(buffer, 0, Some(*bytes));
            }
        }
        if batch.iter().any(|work| work.dispatch.is_some()) {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for dispatch in batch.iter().filter_map(|work| work.dispatch.as_ref()) {
                pass.set_bind_group(0, &dispatch.group, &[0; MAX_DYNAMIC][..dispatch.compiled.dynamic]);
                for step in &dispatch.passes {
                    pass.set_pipeline(&dispatch.compiled.pipelines[step.entry]);
                    pass.dispatch_workgroups(step.groups[0], step.groups[1], step.groups[2]);
                }
            }
        }
        for list in batch.iter().filter_map(|work| work.list.as_ref()) {
            encode_list(&mut encoder, list);
        }
        for down in batch.iter().flat_map(|work| &work.down) {
            copy(&mut encoder, down);
        }
        encoder.finish()
    });
    match error {
        Some(error) => Err(from_wgpu(&error, &batch[0].name, 0)),
        None => Ok(commands),
    }
}
