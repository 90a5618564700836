//! The operations of a pipe: counted once per structure, and again per lengths and uniforms where a loop depends on them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use veda_kernels_ir::ast::{Ty, Value};
use veda_kernels_ir::codec::fnv1a;
use veda_kernels_ir::cost::{self, Counted, Fact, Given, OpCounts, Slice};

use super::assemble::Program;
use super::pipe::{Operand, Pipe};
use super::terminal::Terminal;

/// Calls whose counts are kept; then all are forgotten.
const KEPT: usize = 256;

/// What was counted, by the hash of the values.
type Known = RwLock<HashMap<u64, Arc<Counted>>>;

/// The counts of all calls of one structure. Slices are numbered as the pipe's buffers.
#[derive(Debug)]
pub struct Counts {
    /// Of every call, where no loop depends on lengths, extents or uniforms.
    always: Arc<Counted>,
    /// Else what counts them, and what was counted.
    varying: Option<(Program, Known)>,
}

/// Lengths, extents and uniform integers for a count.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Values {
    Unknown,
    /// All the same: to see whether anything depends on them.
    All(f64),
    /// Those of the call.
    Call,
}

impl Values {
    fn given(self, actual: f64) -> Option<f64> {
        match self {
            Values::Unknown => None,
            Values::All(value) => Some(value),
            Values::Call => Some(actual),
        }
    }

    /// Floats do not bound loops.
    fn scalar(self, value: Value) -> Fact {
        let fact = Fact::of(value);
        Fact { value: fact.value.filter(|_| value.ty() != Ty::F32).and_then(|v| self.given(v)), ..fact }
    }
}

impl Counts {
    /// Counts a linked pipe.
    pub fn new(program: Program, pipe: &Pipe<'_>, terminal: &Terminal) -> Counts {
        let always = counted(&program, pipe, terminal, Values::Unknown);
        let varies = counted(&program, pipe, terminal, Values::All(37.0)) != always
            || counted(&program, pipe, terminal, Values::All(3.0)) != always;
        Counts { always: Arc::new(always), varying: varies.then(|| (program, RwLock::default())) }
    }

    /// The counts of a call. Free where no loop depends on the call's values, else a hash and a read lock (a few
    /// microseconds for values that were not seen before).
    pub fn of(&self, pipe: &Pipe<'_>, terminal: &Terminal) -> Arc<Counted> {
        let Some((program, known)) = &self.varying else { return Arc::clone(&self.always) };
        let values = fingerprint(pipe, terminal);
        if let Some(found) = known.read().unwrap_or_else(PoisonError::into_inner).get(&values) {
            return Arc::clone(found);
        }
        let made = Arc::new(counted(program, pipe, terminal, Values::Call));
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.clear();
        }
        Arc::clone(known.entry(values).or_insert(made))
    }
}

/// The counts where nothing is known of any argument: no operation is left out, and only loops between constants are
/// bounded.
pub fn of_data(program: &Program) -> OpCounts {
    let mut total = OpCounts::default();
    for &root in &program.roots {
        let captures = program.linked.functions[root].unit.captures.iter().map(|_| Fact::DATA).collect::<Vec<_>>();
        total.add(&cost::count(&program.linked, root, &[], &captures).ops, 1.0);
    }
    total
}

fn counted(program: &Program, pipe: &Pipe<'_>, terminal: &Terminal, values: Values) -> Counted {
    let mut total = Counted::default();
    let mut results: Vec<Fact> = Vec::with_capacity(pipe.stages.len());
    let facts = |captures: &[Value]| captures.iter().map(|&v| values.scalar(v)).collect::<Vec<_>>();
    for (stage, &root) in pipe.stages.iter().zip(&program.roots) {
        let args: Vec<Given> = stage.args.iter().map(|operand| given(pipe, operand, &results, values)).collect();
        let own = cost::count(&program.linked, root, &args, &facts(&stage.captures));
        results.push(own.result);
        total.add(&own, 1.0);
    }
    if let (Terminal::Reduce { captures, .. }, Some(&root)) = (terminal, program.roots.get(pipe.stages.len())) {
        let args = [Given::Scalar(Fact::DATA), Given::Scalar(Fact::DATA)];
        total.add(&cost::count(&program.linked, root, &args, &facts(captures)), 1.0);
    }
    total
}

fn given(pipe: &Pipe<'_>, operand: &Operand, results: &[Fact], values: Values) -> Given {
    match operand {
        Operand::Element(_) => Given::Scalar(Fact::DATA),
        Operand::Whole(k) => Given::Slice(Slice { number: *k, len: values.given(pipe.buffers[*k].len as f64) }),
        Operand::Uniform(value) => Given::Scalar(values.scalar(*value)),
        Operand::Index => {
            let dims = pipe.space.dims().map(|d| values.given(f64::from(d)));
            Given::Index(match dims {
                [Some(x), Some(y), Some(z)] => Some([x, y, z]),
                _ => None,
            })
        }
        Operand::Position(_, offset) => {
            let position = Fact::position(values.given(pipe.space.len() as f64));
            let value = position.value.zip(values.scalar(*offset).value).map(|(a, b)| a + b);
            Given::Scalar(Fact { value, ..position })
        }
        Operand::Stage(k) => Given::Scalar(results.get(*k).copied().unwrap_or(Fact::DATA)),
        Operand::Tuple(parts) => Given::Tuple(parts.iter().map(|p| given(pipe, p, results, values)).collect()),
    }
}

/// A hash of the values that counts may depend on.
fn fingerprint(pipe: &Pipe<'_>, terminal: &Terminal) -> u64 {
    let mut bytes = Vec::with_capacity(128);
    pipe.space.dims().iter().for_each(|d| bytes.extend_from_slice(&d.to_le_bytes()));
    for buffer in pipe.buffers.iter().filter(|b| b.whole) {
        bytes.extend_from_slice(&(buffer.len as u64).to_le_bytes());
    }
    for stage in &pipe.stages {
        stage.args.iter().for_each(|operand| scalars(operand, &mut bytes));
        stage.captures.iter().for_each(|value| scalar(*value, &mut bytes));
    }
    if let Terminal::Reduce { captures, .. } = terminal {
        for value in captures {
            scalar(*value, &mut bytes);
        }
    }
    fnv1a(&bytes)
}

fn scalars(operand: &Operand, bytes: &mut Vec<u8>) {
    match operand {
        Operand::Uniform(value) | Operand::Position(_, value) => scalar(*value, bytes),
        Operand::Tuple(parts) => parts.iter().for_each(|part| scalars(part, bytes)),
        Operand::Element(_) | Operand::Whole(_) | Operand::Index | Operand::Stage(_) => {}
    }
}

fn scalar(value: Value, bytes: &mut Vec<u8>) {
    if value.ty() != Ty::F32 {
        bytes.extend_from_slice(&value.bits().to_le_bytes());
    }
}
