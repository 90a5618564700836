//! A loop on a GPU: many rounds in one submission, states in buffers that take turns, nothing comes back in between.

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use veda_kernels_ir::ast::Ty;

use super::array::Segment;
use super::board::Board;
use super::cpu_loop::{continues, rounds};
use super::flight::{Filled, List, Owned, Target, Trip};
use super::gpu::GpuLane;
use super::gpu_task::{Ready, Slice, Trouble, WORD, ready};
use super::intervals::Intervals;
use super::op::{Count, LoopNode, Operand, Shape};
use super::room::ATTEMPTS;
use super::tasks::{NodeUse, Use};
use crate::device::{DeviceBuffer, Pending};
use crate::planner::task_graph::TaskId;

/// Rounds of one submission, at most: a command list costs host time per dispatch, and drivers stop long submissions.
const MAX_ROUNDS: u64 = 128;
/// A submission is to take about this long, nanoseconds: others get their turn, and a cancellation is seen.
const SUBMISSION_NS: u64 = 10_000_000;
/// Submissions of a loop that are not done: one that runs and one behind it.
const AHEAD: usize = 2;

/// A value of a loop: where it is, and which of the loop's own buffers that is.
#[derive(Clone, Debug)]
struct Value {
    slice: Slice,
    /// Step, and number among the step's buffers; `None`: an input.
    owner: Option<(usize, usize)>,
}

/// The values of a loop, and the buffers of its steps.
struct Rounds<'l> {
    body: &'l LoopNode,
    forms: Vec<Ready>,
    /// States, then unchanging inputs.
    values: Vec<Value>,
    /// The results of the last round.
    last: Vec<Value>,
    /// By step: the buffers that it writes in turns.
    buffers: Vec<Vec<DeviceBuffer>>,
    /// Of the inputs.
    shapes: Vec<Shape>,
}

impl Rounds<'_> {
    fn value(&self, operand: Operand) -> &Value {
        match operand {
            Operand::Input(i) => &self.values[i],
            Operand::Step(i) => &self.last[i],
        }
    }

    fn ty(&self, operand: Operand) -> Ty {
        match operand {
            Operand::Input(i) => self.shapes[i].ty,
            Operand::Step(i) => self.body.body[i].output.ty,
        }
    }

    /// A buffer of a step that no state needs: two take turns where a state is the result of the last round, more where a
    /// state hands an older one on.
    fn free(&self, step: usize) -> Option<usize> {
        let states = &self.values[..self.body.states];
        (0..self.buffers[step].len()).find(|&i| states.iter().all(|v| v.owner != Some((step, i))))
    }
}

impl GpuLane<'_> {
    /// The steps of a loop's body as this device does them.
    pub(super) fn loop_forms(&self, body: &LoopNode, inputs: &[Shape]) -> Result<Vec<Ready>, String> {
        let shape = |o: &Operand| match *o {
            Operand::Input(i) => inputs.get(i).copied(),
            Operand::Step(i) => body.body.get(i).map(|s| s.output),
        };
        let step = |step: &super::op::LoopStep| {
            let shapes: Option<Vec<Shape>> = step.reads.iter().map(shape).collect();
            let shapes = shapes.ok_or("its body reads what is not there")?;
            let ready = ready(self.shared, self, step.op.as_ref(), &shapes)?;
            let compact = ready.prepared.assembled.roles.contains(&crate::kernel::assemble::Role::Counts);
            if compact || ready.form.pipe.buffers.len() != shapes.len() {
                return Err(format!("`{}` cannot be repeated on a device", step.op.name()));
            }
            Ok(ready)
        };
        // A state keeps its shape.
        let kept = body.next.iter().enumerate().all(|(i, o)| shape(o) == inputs.get(i).copied());
        if !kept || body.next.len() != body.states {
            return Err("its states change their shape".into());
        }
        body.body.iter().map(step).collect()
    }

    /// Runs a loop; returns when its last commands are handed over.
    pub(super) fn loop_task<'b>(
        &'b self,
        mut board: MutexGuard<'b, Board>,
        t: TaskId,
        node: &NodeUse,
        body: &Arc<LoopNode>,
    ) -> Result<MutexGuard<'b, Board>, Trouble> {
        let since = Instant::now();
        let shapes: Vec<Shape> = node
            .inputs
            .iter()
            .map(|u| Shape { ty: board.arrays[u.array].shape.ty, len: board.arrays[u.array].len.unwrap_or(0) })
            .collect();
        let forms = self.loop_forms(body, &shapes).map_err(Trouble::Cpu)?;
        let mut attempts = 0;
        let (mut list, values) = loop {
            attempts += 1;
            let mut list = List::default();
            let values: Result<Vec<Slice>, Trouble> = node
                .inputs
                .iter()
                .map(|u| self.complete(&mut board, &mut list, &Use { array: u.array, window: None }))
                .collect();
            match values {
                Ok(values) => break (list, values),
                Err(Trouble::Full(_)) if attempts < ATTEMPTS => board = self.make_room(board, Some(t), true)?,
                Err(Trouble::Full(_)) => return Err(Trouble::Cpu("others hold the device's memory".into())),
                Err(trouble) => return Err(trouble),
            }
        };
        let values = values.into_iter().map(|slice| Value { slice, owner: None }).collect();
        let buffers = vec![Vec::new(); body.body.len()];
        let mut state = Rounds { body, forms, values, last: Vec::new(), buffers, shapes };
        let (every, most) = rounds(&body.count);
        let per_round = (self.predicted(t) / most.max(1)).max(1);
        let chunk = (SUBMISSION_NS / per_round).clamp(1, MAX_ROUNDS);
        let contended = self.device.queued().jobs > board.flights.get(&self.gpu).map_or(0, |&(n, _)| n);
        let mut flying: VecDeque<Pending> = VecDeque::new();
        let mut done = 0;
        while done < most {
            let look = if matches!(body.count, Count::While { .. }) { every } else { most };
            // Up to the next look, in submissions of bounded length.
            let until = (done / look + 1).saturating_mul(look).min(most);
            let n = chunk.min(until - done);
            (board, list) = self.encode(board, t, &mut state, list, n)?;
            done += n;
            let test = match body.count {
                Count::While { test, .. } if done == until => Some(test),
                _ => None,
            };
            if test.is_none() && done == most {
                break; // the last list goes with the results
            }
            let word = test.map(|test| state.value(test).slice.clone());
            if let Some(slice) = word.as_ref().filter(|slice| slice.len() > 0) {
                list.download(&slice.buffer, slice.offset, WORD, Target::Word);
            }
            let ty = test.map_or(Ty::U32, |test| state.ty(test));
            drop(board);
            let pending = list.submit(self.device, per_round.saturating_mul(n))?;
            board = self.shared.lock();
            list.publish(&mut board, self.gpu);
            // The status word lives as long as the loop.
            list = List { status: list.status.take(), ..List::default() };
            if word.is_some() {
                drop(board);
                let mut bits = 0;
                flying.clear();
                pending.wait(&mut |_, bytes| bits = bytes.first_chunk().map_or(0, |b| u32::from_le_bytes(*b)))?;
                board = self.shared.lock();
                // A zero of either sign ends the loop.
                let bits = if ty == Ty::F32 && f32::from_bits(bits) == 0.0 { 0 } else { bits };
                if !continues(bits) {
                    break;
                }
            } else {
                flying.push_back(pending);
                if flying.len() >= AHEAD
                    && let Some(oldest) = flying.pop_front()
                {
                    drop(board);
                    oldest.done()?;
                    board = self.shared.lock();
                }
            }
            if self.shared.stopped(&mut board) {
                return Err(Trouble::Stopped);
            }
        }
        self.finish(board, t, node, (state, list), (since, contended))
    }

    /// Adds rounds to a list; makes room where buffers are missing.
    fn encode<'b>(
        &'b self,
        mut board: MutexGuard<'b, Board>,
        t: TaskId,
        state: &mut Rounds<'_>,
        mut list: List,
        n: u64,
    ) -> Result<(MutexGuard<'b, Board>, List), Trouble> {
        for _ in 0..n {
            let mut attempts = 0;
            loop {
                let (before, had_status) = (list.commands.len(), list.status.is_some());
                match self.round(state, &mut list) {
                    Ok(()) => break,
                    Err(Trouble::Full(_)) if attempts < ATTEMPTS => {
                        attempts += 1;
                        // Zeroing the status word went in front.
                        list.commands.truncate(before + usize::from(list.status.is_some() && !had_status));
                        board = self.make_room(board, Some(t), true)?;
                    }
                    Err(Trouble::Full(_)) => return Err(Trouble::Cpu("others hold the device's memory".into())),
                    Err(trouble) => return Err(trouble),
                }
            }
        }
        Ok((board, list))
    }

    /// Adds one round to a list. After an error the state is as before, but for buffers that it may have more of.
    fn round(&self, state: &mut Rounds<'_>, list: &mut List) -> Result<(), Trouble> {
        let body = state.body;
        let mut steps: Vec<Value> = Vec::with_capacity(body.body.len());
        for (k, step) in body.body.iter().enumerate() {
            let inputs: Vec<Slice> = step
                .reads
                .iter()
                .map(|o| match *o {
                    Operand::Input(i) => state.values[i].slice.clone(),
                    Operand::Step(i) => steps[i].slice.clone(),
                })
                .collect();
            let i = if let Some(i) = state.free(k) {
                i
            } else {
                let bytes = (WORD * step.output.len as u64).max(WORD);
                state.buffers[k].push(self.allocate(bytes)?);
                state.buffers[k].len() - 1
            };
            let slice = Slice { buffer: state.buffers[k][i].clone(), offset: 0, from: 0, to: step.output.len };
            let n = state.forms[k].form.pipe.space.len();
            self.dispatch(list, &state.forms[k], &inputs, &slice, (0, n))?;
            steps.push(Value { slice, owner: Some((k, i)) });
        }
        state.last = steps;
        let next: Vec<Value> = body.next.iter().map(|o| state.value(*o).clone()).collect();
        state.values.splice(..body.states, next);
        Ok(())
    }

    /// Makes the states the task's results, and hands the last commands over.
    fn finish<'b>(
        &'b self,
        mut board: MutexGuard<'b, Board>,
        t: TaskId,
        node: &NodeUse,
        (state, mut list): (Rounds<'_>, List),
        (since, contended): (Instant, bool),
    ) -> Result<MutexGuard<'b, Board>, Trouble> {
        for (output, value) in node.outputs.iter().zip(&state.values) {
            let len = value.slice.len();
            let mut buffer = value.slice.buffer.clone();
            if value.slice.offset != 0 {
                // An input that is a part of a larger buffer was handed on.
                let mut attempts = 0;
                let own = loop {
                    attempts += 1;
                    match self.allocate((WORD * len as u64).max(WORD)) {
                        Ok(own) => break own,
                        Err(Trouble::Full(_)) if attempts < ATTEMPTS => board = self.make_room(board, Some(t), true)?,
                        Err(trouble) => return Err(trouble),
                    }
                };
                list.commands.push(Owned::Copy {
                    from: buffer,
                    from_offset: value.slice.offset,
                    to: own.clone(),
                    to_offset: 0,
                    bytes: WORD * len as u64,
                });
                buffer = own;
            }
            let array = &mut board.arrays[output.array];
            array.len = Some(len);
            let segment = Segment { from: 0, to: len, buffer, valid: Intervals::default() };
            array.gpus.insert(self.gpu, vec![segment]);
            list.filled.push(Filled { array: output.array, segment: (0, len), from: 0, to: len });
        }
        if let Some(status) = list.status.clone() {
            list.download(&status, 0, WORD, Target::Status);
        }
        for write in &self.shared.tasks[t].writes {
            self.bring_back(&mut board, &mut list, write);
        }
        let trip = Trip { task: Some(t), since: Some(since), contended, ..Trip::default() };
        match self.fly(board, list, trip) {
            Err(Trouble::Full(_)) => Err(Trouble::Cpu("the device's memory is too small for it".into())),
            other => other,
        }
    }
}
