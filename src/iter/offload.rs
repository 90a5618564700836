//! Where a terminal operation hands its chain of kernels to the router, and hears "run it yourself" in most cases.

use veda_kernels_ir::ast::{Ty, Value};

use crate::gpu;
use crate::kernel::pipe::Pipe;
use crate::kernel::scalar::Scalar;
use crate::runtime::{Runtime, route};

pub(crate) use crate::kernel::terminal::Terminal;
pub(crate) use crate::runtime::route::Ticket as CpuTicket;

/// What the router decided.
#[derive(Debug)]
pub(crate) enum Routed<T> {
    /// The result is here.
    Done(T),
    /// Run it on the CPU and call [`CpuTicket::finish`] afterwards.
    Cpu(CpuTicket),
}

/// Offers a collection.
pub(crate) fn collect<T: Scalar>(pipe: &Pipe<'_>) -> Routed<Vec<T>> {
    let mut items = Vec::new();
    match route(pipe, &Terminal::Collect, &mut |bytes| gpu::extend(&mut items, bytes)) {
        route::Routed::Done(_) => Routed::Done(items),
        route::Routed::Cpu(ticket) => Routed::Cpu(ticket),
    }
}

/// Offers a reduction by a built-in operator. `Min` and `Max` of nothing, which have no value, are decided before.
pub(crate) fn reduce(pipe: &Pipe<'_>, terminal: &Terminal) -> Routed<Value> {
    let join = |a, b| {
        Some(match (terminal, a, b) {
            (Terminal::Sum, Value::F32(a), Value::F32(b)) => Value::F32(a + b),
            (Terminal::Sum | Terminal::Count | Terminal::Any | Terminal::All, Value::U32(a), Value::U32(b)) => {
                Value::U32(a.wrapping_add(b))
            }
            (Terminal::Sum, Value::I32(a), Value::I32(b)) => Value::I32(a.wrapping_add(b)),
            (Terminal::Product, Value::F32(a), Value::F32(b)) => Value::F32(a * b),
            (Terminal::Product, Value::U32(a), Value::U32(b)) => Value::U32(a.wrapping_mul(b)),
            (Terminal::Product, Value::I32(a), Value::I32(b)) => Value::I32(a.wrapping_mul(b)),
            (Terminal::Min, Value::U32(a), Value::U32(b)) => Value::U32(a.min(b)),
            (Terminal::Min, Value::I32(a), Value::I32(b)) => Value::I32(a.min(b)),
            (Terminal::Max, Value::U32(a), Value::U32(b)) => Value::U32(a.max(b)),
            (Terminal::Max, Value::I32(a), Value::I32(b)) => Value::I32(a.max(b)),
            _ => return None,
        })
    };
    let routed = reduce_by(pipe, terminal, &join);
    match (terminal, routed) {
        (Terminal::Count, Routed::Done(Value::U32(n))) => Routed::Done(Value::Usize(n)),
        (Terminal::Any, Routed::Done(Value::U32(hits))) => Routed::Done(Value::Bool(hits > 0)),
        (Terminal::All, Routed::Done(Value::U32(misses))) => Routed::Done(Value::Bool(misses == 0)),
        (_, routed) => routed,
    }
}

/// Offers a reduction; `join` combines two partial results, left operand first (`None`: the types do not fit).
pub(crate) fn reduce_by(
    pipe: &Pipe<'_>,
    terminal: &Terminal,
    join: &dyn Fn(Value, Value) -> Option<Value>,
) -> Routed<Value> {
    let mut partials: Vec<u32> = Vec::new();
    match route(pipe, terminal, &mut |bytes| gpu::extend(&mut partials, bytes)) {
        route::Routed::Cpu(ticket) => Routed::Cpu(ticket),
        route::Routed::Done(ty) => {
            let value = |bits| match ty {
                Ty::F32 => Some(Value::F32(f32::from_bits(bits))),
                Ty::I32 => Some(Value::I32(bits as i32)),
                Ty::U32 => Some(Value::U32(bits)),
                _ => None,
            };
            let values: Option<Vec<Value>> = partials.into_iter().map(value).collect();
            match values.and_then(|values| tree(&values, join)) {
                Some(result) => Routed::Done(result),
                None => Routed::Cpu(CpuTicket::default()),
            }
        }
    }
}

/// Combines partial results by position: the left half has the largest power of two below the length.
fn tree(values: &[Value], join: &dyn Fn(Value, Value) -> Option<Value>) -> Option<Value> {
    match values {
        [] => None,
        [one] => Some(*one),
        _ => {
            let (left, right) = values.split_at(crate::executor::tree_split(values.len(), 1));
            join(tree(left, join)?, tree(right, join)?)
        }
    }
}

fn route(pipe: &Pipe<'_>, terminal: &Terminal, sink: &mut dyn FnMut(&[u8])) -> route::Routed {
    let cpu = || route::Routed::Cpu(CpuTicket::default());
    let Ok(runtime) = Runtime::global() else { return cpu() };
    // Without a forced place routing cannot fail: what goes wrong on a device ends on the CPU.
    runtime.route(pipe, terminal, None, sink).unwrap_or_else(|_| cpu())
}
