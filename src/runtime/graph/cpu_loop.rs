//! A loop on the CPU: round by round, in as few buffers as the states need.

use std::sync::Arc;

use super::board::Shared;
use super::cpu_node::{Window, guarded, output_len};
use super::error::RunError;
use super::host::HostBuffer;
use super::op::{ArraySpec, Count, Input, LoopNode, Operand, Shape};
use crate::executor::Pool;
use veda_kernels_ir::ast::Ty;

/// Whether a loop goes on, by element 0 of its test.
pub(super) fn continues(word: u32) -> bool {
    word != 0
}

/// The rounds until the next look at the test, and the most that there are.
pub(super) fn rounds(count: &Count) -> (u64, u64) {
    match *count {
        Count::Times(n) => (n.max(1), n),
        Count::While { every, at_most, .. } => (every.max(1), at_most),
    }
}

/// Runs all rounds; the last values of the states.
///
/// A step writes into a buffer of its own that no state holds any more: two buffers take turns where a state is the
/// result of the last round, more where a state hands an older one on.
///
/// # Errors
/// A step's own, its panic, or a cancellation.
pub(super) fn run(
    pool: &Pool,
    body: &LoopNode,
    inputs: &[Window],
    shared: &Shared<'_>,
) -> Result<Vec<Window>, RunError> {
    let mut values: Vec<Window> = inputs.to_vec();
    let states = body.states.min(values.len());
    let mut spare: Vec<Vec<Arc<HostBuffer>>> = vec![Vec::new(); body.body.len()];
    let (every, most) = rounds(&body.count);
    let mut done = 0;
    while done < most {
        let mut last_steps = Vec::new();
        for _ in 0..every.min(most - done) {
            last_steps.clear(); // it would hold the buffers that this round is to write
            last_steps = round(pool, body, &values, &mut spare)?;
            let next: Vec<Window> = body.next.iter().map(|o| value(*o, &values, &last_steps)).collect();
            values.splice(..states, next);
            done += 1;
            // A round can take long; the token is one load.
            if shared.options.cancel.as_ref().is_some_and(|token| token.is_cancelled()) {
                return Err(RunError::Cancelled);
            }
        }
        if let Count::While { test, .. } = body.count
            && !continues(word(&value(test, &values, &last_steps)))
        {
            break;
        }
    }
    values.truncate(states);
    Ok(values)
}

fn value(operand: Operand, values: &[Window], steps: &[Window]) -> Window {
    match operand {
        Operand::Input(i) => values[i].clone(),
        Operand::Step(i) => steps[i].clone(),
    }
}

/// Element 0 as a word; an empty array is false.
fn word(window: &Window) -> u32 {
    // SAFETY: the round that wrote it is over.
    let slice = unsafe { window.input() }.slice;
    if slice.len() == 0 {
        return 0;
    }
    match window.buffer.ty() {
        Ty::Bool => slice.get::<bool>().map_or(0, |s| u32::from(s[0])),
        // A zero of either sign ends the loop.
        Ty::F32 => slice.get::<f32>().map_or(0, |s| u32::from(s[0] != 0.0)),
        _ => slice.bytes().first_chunk().map_or(0, |b| u32::from_ne_bytes(*b)),
    }
}

fn round(
    pool: &Pool,
    body: &LoopNode,
    values: &[Window],
    spare: &mut [Vec<Arc<HostBuffer>>],
) -> Result<Vec<Window>, RunError> {
    let mut steps: Vec<Window> = Vec::with_capacity(body.body.len());
    for (step, spare) in body.body.iter().zip(spare) {
        let reads: Vec<Window> = step.reads.iter().map(|o| value(*o, values, &steps)).collect();
        let name = step.op.name();
        let shapes: Vec<Shape> = reads.iter().map(Window::shape).collect();
        let spec = ArraySpec { name: String::new(), shape: step.output, dynamic: false };
        let len = guarded(&name, || output_len(step.op.as_ref(), &shapes, &spec))?;
        // Only the spare list holds it: no state, no step of this round.
        let free = spare.iter().find(|b| Arc::strong_count(b) == 1 && b.capacity() >= len).cloned();
        let buffer = free.unwrap_or_else(|| {
            let buffer = Arc::new(HostBuffer::zeroed(step.output.ty, len));
            spare.push(Arc::clone(&buffer));
            buffer
        });
        // SAFETY: what a step reads was written by earlier steps, rounds or tasks.
        let inputs: Vec<Input<'_>> = reads.iter().map(|w| unsafe { w.input() }).collect();
        // SAFETY: nobody else has this buffer.
        let output = unsafe { buffer.window_mut(0, len) };
        let n = guarded(&name, || step.op.cpu(pool, &inputs, 0..len, output))?;
        steps.push(Window { buffer, base: 0, from: 0, to: n.min(len) });
    }
    Ok(steps)
}
