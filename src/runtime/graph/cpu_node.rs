//! Runs the nodes of a task on host memory.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::board::{Board, Shared};
use super::cpu_loop;
use super::error::RunError;
use super::host::HostBuffer;
use super::op::{ArraySpec, Input, Node, Op, Shape};
use super::tasks::Use;
use crate::error::Result as NodeResult;
use crate::kernel::assemble::TILE;
use crate::planner::task_graph::{DatumId, TaskId};
use crate::planner::work::Place;

/// The elements `from..to` of an array in a host buffer whose first element is the array's element `base`.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub buffer: Arc<HostBuffer>,
    pub base: usize,
    pub from: usize,
    pub to: usize,
}

impl Window {
    /// All elements of a buffer that count.
    pub(super) fn all(buffer: Arc<HostBuffer>) -> Window {
        let to = buffer.len();
        Window { buffer, base: 0, from: 0, to }
    }

    /// Its elements, as an input.
    ///
    /// # Safety
    /// Nobody writes to these elements while the result lives.
    pub(super) unsafe fn input(&self) -> Input<'_> {
        // SAFETY: passed on to the caller.
        let slice = unsafe { self.buffer.window(self.from - self.base, self.to - self.base) };
        Input { slice, from: self.from }
    }

    pub(super) fn shape(&self) -> Shape {
        Shape { ty: self.buffer.ty(), len: self.to - self.from }
    }
}

/// What a task wrote, to be made known.
#[derive(Debug, Default)]
#[must_use = "nobody sees what was written until it is published"]
pub(super) struct Written(Vec<(DatumId, usize, usize, bool)>);

impl Written {
    /// The host has these elements now.
    pub(super) fn publish(self, board: &mut Board) {
        for (array, from, to, dynamic) in self.0 {
            let array = &mut board.arrays[array];
            if dynamic {
                array.len = Some(to);
                if let Some(host) = &array.host {
                    host.set_len(to);
                }
            }
            array.host_valid.add(from, to);
        }
    }
}

/// The error of a node that panicked.
pub(super) fn panicked(node: &str, panic: &(dyn Any + Send)) -> RunError {
    let text = panic.downcast_ref::<String>().cloned();
    let message = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
    RunError::Panicked { node: node.to_owned(), message: message.unwrap_or_else(|| "a panic without a message".into()) }
}

/// Runs a node's code; a panic is an error that names the node.
pub(super) fn guarded<R>(node: &str, f: impl FnOnce() -> NodeResult<R>) -> Result<R, RunError> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result.map_err(|source| RunError::Node { node: node.to_owned(), source }),
        Err(panic) => Err(panicked(node, &*panic)),
    }
}

/// The number of elements that a node can write for inputs of these lengths. Differs from the array's size only where a
/// filter before it, or in it, dropped some.
pub(super) fn output_len(op: &dyn Op, inputs: &[Shape], spec: &ArraySpec) -> NodeResult<usize> {
    if !spec.dynamic {
        return Ok(spec.shape.len);
    }
    let len = op.form(inputs)?.map_or(spec.shape.len, |form| {
        let space = form.pipe.space.len();
        (if form.terminal.reduces() { space.div_ceil(u64::from(TILE)) } else { space }) as usize
    });
    Ok(len.min(spec.shape.len))
}

/// Runs a task of which all inputs are on the host. Its outputs have no value until they are published. `place` is where
/// hand-written kernels run; everything else runs on the pool.
///
/// # Errors
/// The node's own, or its panic.
pub(super) fn execute(shared: &Shared<'_>, t: TaskId, place: Place) -> Result<Written, RunError> {
    let task = &shared.tasks[t];
    let mut locals: BTreeMap<DatumId, Window> = BTreeMap::new();
    let mut written = Written::default();
    for node in &task.nodes {
        let name = node_name(&node.code, shared, node.node);
        let inputs = inputs(shared, &locals, &node.inputs)?;
        match &node.code {
            Node::Loop(body) => {
                let states = cpu_loop::run(shared.runtime.pool(), body, &inputs, shared)?;
                for (output, state) in node.outputs.iter().zip(states) {
                    store_state(shared, output.array, &state, &mut written);
                }
            }
            other => {
                let [output] = node.outputs.as_slice() else {
                    let reason = format!("node `{name}` has {} outputs", node.outputs.len());
                    return Err(RunError::Plan { reason });
                };
                let spec = &shared.program.arrays[output.array];
                let shapes: Vec<Shape> = full_shapes(shared, &locals, &node.inputs);
                let room = match (other, output.window) {
                    (_, Some((from, to))) => (from, to.min(spec.shape.len)),
                    (Node::Op(op), None) => (0, guarded(&name, || output_len(op.as_ref(), &shapes, spec))?),
                    _ => (0, spec.shape.len),
                };
                let local = task.locals.contains(&output.array);
                let target = target(shared, output.array, room, local);
                let n = run_one(shared, other, &name, place, &inputs, &target)?;
                if n > room.1 - room.0 || (n < room.1 - room.0 && !spec.dynamic) {
                    let reason = format!("node `{name}` wrote {n} of {} elements", room.1 - room.0);
                    return Err(RunError::Plan { reason });
                }
                if local {
                    locals.insert(output.array, Window { to: target.from + n, ..target });
                } else {
                    written.0.push((output.array, room.0, room.0 + n, spec.dynamic));
                }
            }
        }
    }
    Ok(written)
}

/// A node's name: its own.
fn node_name(node: &Node, shared: &Shared<'_>, id: TaskId) -> String {
    match node {
        Node::Op(op) => op.name(),
        Node::Staged(op) => op.name(),
        Node::Loop(body) if !body.name.is_empty() => body.name.clone(),
        Node::Loop(_) => shared.graph.tasks[id].name.clone(),
    }
}

fn run_one(
    shared: &Shared<'_>,
    node: &Node,
    name: &str,
    place: Place,
    inputs: &[Window],
    target: &Window,
) -> Result<usize, RunError> {
    // SAFETY: the task's predecessors are done, so nobody writes what it reads, until it is done itself.
    let inputs: Vec<Input<'_>> = inputs.iter().map(|w| unsafe { w.input() }).collect();
    // SAFETY: this task alone writes this range of this version, and nobody reads it before it is published.
    let output = unsafe { target.buffer.window_mut(target.from - target.base, target.to - target.base) };
    guarded(name, || match node {
        Node::Op(op) => op.cpu(shared.runtime.pool(), &inputs, target.from..target.to, output),
        Node::Staged(op) => op.run(place, &inputs, output),
        Node::Loop(_) => Ok(0),
    })
}

/// Where the elements of a node's inputs are.
fn inputs(shared: &Shared<'_>, locals: &BTreeMap<DatumId, Window>, uses: &[Use]) -> Result<Vec<Window>, RunError> {
    let board = shared.lock();
    let find = |u: &Use| {
        if let Some(local) = locals.get(&u.array) {
            return Ok(local.clone());
        }
        let array = &board.arrays[u.array];
        let (from, to) = array.range(u.window);
        let buffer = match &array.host {
            Some(buffer) => Arc::clone(buffer),
            // Nothing of it was ever written: it is empty.
            None if from == to => Arc::new(HostBuffer::zeroed(array.shape.ty, array.shape.len)),
            None => return Err(RunError::Plan { reason: format!("array `{}` is not on the host", array.name) }),
        };
        Ok(Window { buffer, base: 0, from, to })
    };
    uses.iter().map(find).collect()
}

/// Types and lengths of the whole arrays that a node reads.
pub(super) fn full_shapes(shared: &Shared<'_>, locals: &BTreeMap<DatumId, Window>, uses: &[Use]) -> Vec<Shape> {
    let board = shared.lock();
    let shape = |u: &Use| match locals.get(&u.array) {
        Some(local) if shared.program.arrays[u.array].dynamic => local.shape(),
        Some(_) => shared.program.arrays[u.array].shape,
        None => {
            let array = &board.arrays[u.array];
            Shape { ty: array.shape.ty, len: array.len.unwrap_or(array.shape.len) }
        }
    };
    uses.iter().map(shape).collect()
}

/// Room for the elements `from..to` of an array.
fn target(shared: &Shared<'_>, array: DatumId, (from, to): (usize, usize), local: bool) -> Window {
    if local {
        let buffer = HostBuffer::zeroed(shared.program.arrays[array].shape.ty, to - from);
        return Window { buffer: Arc::new(buffer), base: from, from, to };
    }
    Window { buffer: shared.lock().arrays[array].host_buffer(), base: 0, from, to }
}

/// Makes a loop's last state an array.
fn store_state(shared: &Shared<'_>, array: DatumId, state: &Window, written: &mut Written) {
    let len = state.to - state.from;
    let target = shared.lock().arrays[array].host_buffer();
    // SAFETY: nobody writes to a state any more; this task alone writes the array, which nobody reads yet.
    let (from, to) = unsafe {
        let end = len.min(target.capacity());
        (state.input().slice, target.window_mut(0, end))
    };
    to.copy_elements(from);
    written.0.push((array, 0, len, shared.program.arrays[array].dynamic));
}
