//! Integer nodes for tests of the executor: each is written twice, as a kernel and as a plain loop.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use veda_kernels_ir::ast::Ty;

use super::host::HostSliceMut;
use super::op::{Form, Input, Op, Shape};
use crate::error::Result;
use crate::executor::Pool;
use crate::index::Space;
use crate::kernel::assemble::TILE;
use crate::kernel::desc::{Kernel, KernelDesc};
use crate::kernel::pipe::{Buffer, Operand, Pipe, Stage, StageKind};
use crate::kernel::terminal::Terminal;

#[veda::kernel]
fn step(x: u32) -> u32 {
    x * 1664525 + 1013904223
}

#[veda::kernel]
fn join(x: u32, y: u32) -> u32 {
    x * 31 + (y ^ 7)
}

#[veda::kernel]
fn is_odd(x: u32) -> bool {
    x % 2 == 1
}

#[veda::kernel]
fn less(x: u32) -> u32 {
    x.max(1) - 1
}

/// More iterations than the software driver allows, for some elements.
#[veda::kernel]
fn long(x: u32) -> u32 {
    let mut n = 0u32;
    let mut i = 0u32;
    while i < x {
        n += i ^ x;
        i += 1;
    }
    n
}

fn long_twin(x: u32) -> u32 {
    (0..x).fold(0u32, |n, i| n.wrapping_add(i ^ x))
}

/// One node.
#[derive(Debug)]
pub(super) enum TestOp {
    /// `x * a + c`, wrapping.
    Step,
    /// Of two arrays, element by element.
    Join,
    /// bool.
    IsOdd,
    /// Drops even elements.
    KeepOdd,
    /// One partial sum per tile.
    Sum,
    /// `max(x, 1) - 1`.
    Less,
    Long,
    /// Adds up everything; the host only.
    Total,
    Panics,
    Fails,
    /// Waits until a flag is set, then does as `Step`; the host only.
    WaitsFor(Arc<AtomicBool>),
    /// Sets the flag, then does as `Step`; the host only.
    Sets(Arc<AtomicBool>),
    /// Calls something on the host, then does as `Step` on the host only.
    Calls(Arc<Hook>),
}

/// Something to call.
pub(super) struct Hook(pub Box<dyn Fn() + Send + Sync>);
impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}

impl TestOp {
    fn kernel(&self) -> Option<&'static KernelDesc> {
        Some(match self {
            TestOp::Step => step::DESC,
            TestOp::Join => join::DESC,
            TestOp::IsOdd | TestOp::KeepOdd => is_odd::DESC,
            TestOp::Less => less::DESC,
            TestOp::Long => long::DESC,
            _ => return None,
        })
    }

    /// What it yields for whole arrays: the reference of all tests.
    pub(super) fn reference(&self, inputs: &[&[u32]]) -> Vec<u32> {
        let map = |f: &dyn Fn(u32) -> u32| inputs[0].iter().map(|&x| f(x)).collect();
        match self {
            TestOp::Join => {
                inputs[0].iter().zip(inputs[1]).map(|(&x, &y)| x.wrapping_mul(31).wrapping_add(y ^ 7)).collect()
            }
            TestOp::IsOdd => map(&|x| x % 2),
            TestOp::KeepOdd => inputs[0].iter().copied().filter(|x| x % 2 == 1).collect(),
            TestOp::Sum => {
                inputs[0].chunks(TILE as usize).map(|c| c.iter().fold(0u32, |a, &x| a.wrapping_add(x))).collect()
            }
            TestOp::Less => map(&|x| x.max(1) - 1),
            TestOp::Long => map(&long_twin),
            TestOp::Total => vec![inputs[0].iter().fold(0u32, |a, &x| a.wrapping_add(x))],
            TestOp::Panics => panic!("on purpose"),
            _ => map(&|x| x.wrapping_mul(1664525).wrapping_add(1013904223)),
        }
    }
}

impl Op for TestOp {
    fn name(&self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn form(&self, inputs: &[Shape]) -> Result<Option<Form>> {
        let len = inputs[0].len;
        let buffers = inputs.iter().map(|i| Buffer::absent(i.ty, i.len, false)).collect();
        let space = Space([len as u32, 1, 1]);
        let args = (0..inputs.len()).map(Operand::Element).collect();
        let (stages, result, terminal) = match self {
            TestOp::Sum => (Vec::new(), Operand::Element(0), Terminal::Sum),
            other => {
                let Some(desc) = other.kernel() else { return Ok(None) };
                let filter = matches!(other, TestOp::KeepOdd);
                let kind = if filter { StageKind::Filter } else { StageKind::Map };
                let result = if filter { Operand::Element(0) } else { Operand::Stage(0) };
                (vec![Stage { kind, desc, captures: Vec::new(), args }], result, Terminal::Collect)
            }
        };
        Ok(Some(Form { pipe: Pipe { buffers, stages, result, space }, terminal }))
    }

    fn cpu(&self, _: &Pool, inputs: &[Input<'_>], window: Range<usize>, output: HostSliceMut<'_>) -> Result<usize> {
        match self {
            TestOp::WaitsFor(flag) => {
                while !flag.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
            }
            TestOp::Sets(flag) => flag.store(true, Ordering::Release),
            TestOp::Calls(hook) => (hook.0)(),
            TestOp::Fails => return Err(crate::Error::Panicked { message: "it fails".into() }),
            _ => {}
        }
        // The part of each input that belongs to the window.
        let per_output = if matches!(self, TestOp::Sum) { TILE as usize } else { 1 };
        let whole = matches!(self, TestOp::KeepOdd | TestOp::Total);
        let part = |input: &Input<'_>| {
            let all: Vec<u32> = match input.slice.ty() {
                Ty::Bool => input.slice.get::<bool>().expect("bools").iter().map(|&b| u32::from(b)).collect(),
                _ => input.slice.get::<u32>().expect("words").to_vec(),
            };
            if whole {
                return all;
            }
            let (from, to) = (window.start * per_output, window.end * per_output);
            all[from - input.from..(to - input.from).min(all.len())].to_vec()
        };
        let parts: Vec<Vec<u32>> = inputs.iter().map(part).collect();
        let result = self.reference(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let n = result.len();
        match self {
            TestOp::IsOdd => {
                let out = output.get::<bool>().expect("bools");
                result.iter().zip(out).for_each(|(&r, o)| *o = r == 1);
            }
            _ => output.get::<u32>().expect("words")[..n].copy_from_slice(&result),
        }
        Ok(n)
    }
}
