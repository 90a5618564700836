//! One node of a graph as the executor sees it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use veda_kernels_ir::ast::Ty;

use super::host::{HostSlice, HostSliceMut};
use crate::error::Result;
use crate::executor::Pool;
use crate::kernel::pipe::Pipe;
use crate::kernel::place::Place;
use crate::kernel::terminal::Terminal;

/// An input of a node: the elements `from..from + len` of an array of `total` elements. Element-wise inputs bring the
/// window that is being computed, others everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// The elements.
    pub slice: HostSlice<'a>,
    /// Index of the first one in the array.
    pub from: usize,
}

/// Type and length of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub ty: Ty,
    pub len: usize,
}

/// What a device computes: a pipe whose buffers are the node's inputs in order, described without their data
/// (`Buffer::absent`), and what ends it.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub pipe: Pipe<'static>,
    pub terminal: Terminal,
}

/// A computation with one output array.
///
/// An output element depends on the inputs only, never on the window that it is computed in: windows computed on different
/// devices make one array.
pub(crate) trait Op: fmt::Debug + Send + Sync {
    /// For people.
    fn name(&self) -> String;

    /// The computation as a device does it, for inputs of these lengths; `None` where it runs on the CPU only.
    ///
    /// # Errors
    /// Lengths that do not fit.
    fn form(&self, inputs: &[Shape]) -> Result<Option<Form>>;

    /// Computes the elements `window` of the output from its inputs on the pool; the number of elements that it wrote (fewer
    /// than there is room for where a filter dropped some).
    ///
    /// # Errors
    /// The node's own.
    fn cpu(&self, pool: &Pool, inputs: &[Input<'_>], window: Range<usize>, output: HostSliceMut<'_>) -> Result<usize>;
}

/// A hand-written device kernel: takes host memory, leaves its result in host memory, on any place.
pub(crate) trait StagedOp: fmt::Debug + Send + Sync {
    /// For people.
    fn name(&self) -> String;

    /// Runs it at `place`; the number of elements that it wrote.
    ///
    /// # Errors
    /// The kernel's own.
    fn run(&self, place: Place, inputs: &[Input<'_>], output: HostSliceMut<'_>) -> Result<usize>;
}

/// What a task does.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A map, zip-map, whole-buffer kernel, reduction to one partial result per tile, filter, or host function.
    Op(Arc<dyn Op>),
    /// A hand-written kernel.
    Staged(Arc<dyn StagedOp>),
    /// A body that is repeated on one device.
    Loop(Arc<LoopNode>),
}

/// A repeated body. Its steps read the loop's state, the loop's inputs, and results of earlier steps of the same round;
/// after each round the state takes the values of `next`.
#[derive(Clone, Debug)]
pub(crate) struct LoopNode {
    /// For people.
    pub name: String,
    /// The first `states` inputs of the task are the initial states; the others do not change.
    pub states: usize,
    /// The computations of one round, in order.
    pub body: Vec<LoopStep>,
    /// The new value of each state after a round.
    pub next: Vec<Operand>,
    /// How often.
    pub count: Count,
}

/// One computation of a loop's body.
#[derive(Clone, Debug)]
pub(crate) struct LoopStep {
    /// What it computes; it must have a device form unless the loop runs on the CPU.
    pub op: Arc<dyn Op>,
    /// Its inputs.
    pub reads: Vec<Operand>,
    /// Type and length of its output.
    pub output: Shape,
}

/// What a step of a loop reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// An input of the task: a state at its present value, or an unchanging one.
    Input(usize),
    /// The output of an earlier step of the same round.
    Step(usize),
}

/// How often a loop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// So many rounds.
    Times(u64),
    /// Until element 0 of this operand is zero (or false); looked at after every `every` rounds, at most `at_most` rounds.
    While {
        /// What is tested.
        test: Operand,
        /// Rounds between looks (each look is a round trip to the device).
        every: u64,
        /// An end in any case.
        at_most: u64,
    },
}

impl Count {
    /// The most rounds that there can be.
    pub(crate) fn most(&self) -> u64 {
        match *self {
            Count::Times(n) => n,
            Count::While { at_most, .. } => at_most,
        }
    }
}

/// An array of a graph: a task's output or an input.
#[derive(Clone, Debug)]
pub(crate) struct ArraySpec {
    /// For people.
    pub name: String,
    /// Element type and number of elements (at most, where a filter made it).
    pub shape: Shape,
    /// Its length is only known when it has been computed.
    pub dynamic: bool,
}

/// What a graph computes, beside its [`TaskGraph`](crate::planner::TaskGraph): nodes by task, arrays by datum. A task may
/// have several outputs only if it is a loop (one per state).
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// By task.
    pub nodes: Vec<Node>,
    /// By datum.
    pub arrays: Vec<ArraySpec>,
}
