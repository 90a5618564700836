//! Several maps as one node: one shader on a device, cache-sized blocks on the CPU.

use std::ops::Range;
use std::sync::Arc;

use veda_kernels_ir::ast::Ty;

use super::host::{HostBuffer, HostSliceMut};
use super::op::{Form, Input, Op, Shape};
use super::span::BLOCK;
use crate::error::{Error, Result};
use crate::executor::Pool;
use crate::kernel::assemble::TILE;
use crate::kernel::pipe::{Buffer, Operand, Pipe, Stage, StageKind};

/// Blocks per task of the pool: the scratch of a task is allocated once for so many.
const BLOCKS: usize = 16;

/// What a merged node reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// An input of the merged node.
    Input(usize),
    /// The output of an earlier node of the group.
    Node(usize),
}

/// One node of a group.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// What it computes: a map that reads element by element; the last one may be a reduction or a filter too.
    pub op: Arc<dyn Op>,
    /// Its inputs.
    pub reads: Vec<Wire>,
    /// Element type of its output.
    pub output: Ty,
}

/// Merges a group over one index space; the output is that of the last part.
pub(crate) fn fuse(parts: Vec<Part>) -> Arc<dyn Op> {
    Arc::new(Fused { parts })
}

#[derive(Debug)]
struct Fused {
    parts: Vec<Part>,
}

/// How the last part's output follows from its input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Map,
    Reduce,
    Filter,
}

impl Fused {
    /// The shapes that a part reads, where each array of the index space has `n` elements.
    fn shapes(&self, part: usize, inputs: &[Shape], n: usize) -> Vec<Shape> {
        let shape = |wire: &Wire| match *wire {
            Wire::Input(k) => inputs.get(k).copied().unwrap_or(Shape { ty: Ty::F32, len: n }),
            Wire::Node(k) => Shape { ty: self.parts[k].output, len: n },
        };
        self.parts[part].reads.iter().map(shape).collect()
    }

    fn end(&self, inputs: &[Shape], n: usize) -> Result<End> {
        let Some(last) = self.parts.len().checked_sub(1) else { return Ok(End::Map) };
        let form = self.parts[last].op.form(&self.shapes(last, inputs, n))?;
        Ok(match form {
            Some(form) if form.terminal.reduces() => End::Reduce,
            Some(form) if form.pipe.stages.iter().any(|s| s.kind == StageKind::Filter) => End::Filter,
            _ => End::Map,
        })
    }

    /// Runs the parts `..count` over the elements `lo..hi`; their outputs are in `scratch`, from element 0.
    ///
    /// # Safety
    /// Nobody else uses `scratch` during the call.
    unsafe fn run(
        &self,
        pool: &Pool,
        inputs: &[Input<'_>],
        count: usize,
        (lo, hi): (usize, usize),
        scratch: &[HostBuffer],
    ) -> Result<()> {
        for (p, part) in self.parts[..count].iter().enumerate() {
            // SAFETY: an earlier part wrote it, before this line.
            let reads = unsafe { wired(part, inputs, (lo, hi), scratch) };
            // SAFETY: nobody else writes it, by the caller's promise; a part does not read its own output.
            let out = unsafe { scratch[p].window_mut(0, hi - lo) };
            part.op.cpu(pool, &reads, lo..hi, out)?;
        }
        Ok(())
    }

    fn scratch(&self, count: usize, len: usize) -> Vec<HostBuffer> {
        self.parts[..count].iter().map(|part| HostBuffer::zeroed(part.output, len)).collect()
    }
}

/// The inputs of a part for the elements `lo..hi`.
///
/// # Safety
/// Nobody writes to what it reads of `scratch` while the result lives.
unsafe fn wired<'a>(
    part: &Part,
    inputs: &[Input<'a>],
    (lo, hi): (usize, usize),
    scratch: &'a [HostBuffer],
) -> Vec<Input<'a>> {
    let read = |wire: &Wire| match *wire {
        Wire::Input(k) => inputs[k],
        // SAFETY: passed on to the caller.
        Wire::Node(k) => Input { slice: unsafe { scratch[k].window(0, hi - lo) }, from: lo },
    };
    part.reads.iter().map(read).collect()
}

/// The elements `lo..hi` of an array of which a slice begins at element `from`, cut out of that slice.
fn cut(input: Input<'_>, lo: usize, hi: usize) -> Input<'_> {
    let (start, end) = (lo.saturating_sub(input.from), hi.saturating_sub(input.from));
    let end = end.min(input.slice.len());
    Input { slice: input.slice.part(start.min(end), end), from: input.from + start.min(end) }
}

impl Op for Fused {
    fn name(&self) -> String {
        self.parts.iter().map(|part| part.op.name()).collect::<Vec<_>>().join(" > ")
    }

    fn form(&self, inputs: &[Shape]) -> Result<Option<Form>> {
        let n = inputs.first().map_or(0, |i| i.len);
        let buffers: Vec<Buffer<'static>> = inputs.iter().map(|i| Buffer::absent(i.ty, i.len, false)).collect();
        let mut stages: Vec<Stage> = Vec::new();
        let mut results: Vec<Operand> = Vec::new();
        let mut end = None;
        for (p, part) in self.parts.iter().enumerate() {
            let Some(form) = part.op.form(&self.shapes(p, inputs, n))? else { return Ok(None) };
            let first = stages.len();
            let moved = |operand: &Operand| moved(operand, &part.reads, &results, first);
            let mut added = Vec::with_capacity(form.pipe.stages.len());
            for stage in &form.pipe.stages {
                let Some(args) = stage.args.iter().map(&moved).collect() else { return Ok(None) };
                added.push(Stage { args, ..stage.clone() });
            }
            let Some(result) = moved(&form.pipe.result) else { return Ok(None) };
            stages.extend(added);
            results.push(result);
            end = Some((form.terminal, form.pipe.space));
        }
        let (Some((terminal, space)), Some(result)) = (end, results.pop()) else { return Ok(None) };
        Ok(Some(Form { pipe: Pipe { buffers, stages, result, space }, terminal }))
    }

    fn cpu(&self, pool: &Pool, inputs: &[Input<'_>], window: Range<usize>, output: HostSliceMut<'_>) -> Result<usize> {
        let Some(last) = self.parts.len().checked_sub(1) else { return Ok(0) };
        let shapes: Vec<Shape> =
            inputs.iter().map(|i| Shape { ty: i.slice.ty(), len: i.from + i.slice.len() }).collect();
        let n = shapes.iter().map(|s| s.len).min().unwrap_or(window.end);
        let end = self.end(&shapes, n)?;
        if end == End::Filter {
            // Compaction needs all elements at once: the maps go through blocks, into one array per part.
            let (lo, hi) = (inputs.iter().map(|i| i.from).max().unwrap_or(0), n);
            let scratch = self.scratch(last, hi - lo);
            // SAFETY: the scratch is this call's own.
            unsafe { self.run(pool, inputs, last, (lo, hi), &scratch)? };
            let part = &self.parts[last];
            // SAFETY: nobody writes any more.
            let reads: Vec<Input<'_>> =
                unsafe { wired(part, inputs, (lo, hi), &scratch) }.into_iter().map(|i| cut(i, lo, hi)).collect();
            return part.op.cpu(pool, &reads, window, output);
        }
        let per_output = if end == End::Reduce { TILE as usize } else { 1 };
        let (from, to) = (window.start * per_output, (window.end * per_output).min(n));
        let written = (to.max(from) - from).div_ceil(per_output);
        if output.len() < written {
            let reason = "its inputs do not cover the window".to_owned();
            return Err(Error::Link { kernel: self.name(), reason });
        }
        let output = output.shared();
        let failed = std::sync::Mutex::new(None);
        pool.for_each_chunk(to.max(from) - from, BLOCKS * BLOCK, |first, end| {
            let scratch = self.scratch(last, BLOCK);
            let mut lo = from + first;
            while lo < from + end {
                let hi = (lo + BLOCK).min(from + end);
                // SAFETY: the scratch is this task's own.
                let done = unsafe { self.run(pool, inputs, last, (lo, hi), &scratch) }.and_then(|()| {
                    let part = &self.parts[last];
                    // SAFETY: nobody writes the scratch now.
                    let reads: Vec<Input<'_>> = unsafe { wired(part, inputs, (lo, hi), &scratch) }
                        .into_iter()
                        .map(|i| cut(i, lo, hi))
                        .collect();
                    let (a, b) = (lo / per_output, hi.div_ceil(per_output));
                    // SAFETY: blocks are whole tiles (the last one ends the index space), so their outputs are disjoint.
                    let out = unsafe { output.part(a - window.start, b - window.start) };
                    part.op.cpu(pool, &reads, a..b, out)
                });
                if let Err(error) = done {
                    failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                    return;
                }
                lo = hi;
            }
        });
        match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(written),
        }
    }
}

/// An operand of a part, in the merged pipe; `None` for a buffer that is read whole.
fn moved(operand: &Operand, reads: &[Wire], results: &[Operand], first: usize) -> Option<Operand> {
    Some(match operand {
        Operand::Element(k) => match *reads.get(*k)? {
            Wire::Input(k) => Operand::Element(k),
            Wire::Node(k) => results.get(k)?.clone(),
        },
        Operand::Whole(_) => return None,
        Operand::Stage(k) => Operand::Stage(first + k),
        Operand::Tuple(parts) => {
            Operand::Tuple(parts.iter().map(|part| moved(part, reads, results, first)).collect::<Option<_>>()?)
        }
        Operand::Uniform(_) | Operand::Index | Operand::Position(..) => operand.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::assemble::{self, Checks};
    use crate::kernel::scalar::Scalar;
    use crate::runtime::graph::op::Node;
    use crate::{Array, Graph, Var};

    #[veda::kernel(no_test)]
    fn scaled(a: f32, x: f32) -> f32 {
        a * x
    }
    #[veda::kernel(no_test)]
    fn difference(x: f32, y: f32) -> f32 {
        x - y
    }
    #[veda::kernel(no_test)]
    fn is_odd(x: f32) -> bool {
        x as u32 % 2 == 1
    }

    /// Fuses all nodes of a graph with the inputs 0 and 1.
    fn fused(g: &Graph) -> Arc<dyn Op> {
        let parts = g.nodes().map(|(node, reads, output)| {
            let Node::Op(op) = node else { panic!("no plain node") };
            let wire = |&d: &usize| if d < 2 { Wire::Input(d) } else { Wire::Node(d - 2) };
            Part { op: Arc::clone(op), reads: reads.iter().map(wire).collect(), output }
        });
        fuse(parts.collect())
    }

    fn run<T: Scalar>(op: &dyn Op, xs: &[f32], ys: &[f32], base: usize, window: Range<usize>, room: usize) -> Vec<T> {
        let (x, y) = (HostBuffer::from_vec(xs.to_vec()), HostBuffer::from_vec(ys.to_vec()));
        let out = HostBuffer::zeroed(T::TY, room);
        // SAFETY: nobody else has these buffers.
        let (x, y, target) = unsafe { (x.window(0, x.len()), y.window(0, y.len()), out.window_mut(0, room)) };
        let inputs = [x, y].map(|slice| Input { slice, from: base });
        let n = op.cpu(&Pool::global(), &inputs, window, target).unwrap();
        out.set_len(n);
        out.into_vec().unwrap()
    }

    fn graph(n: usize) -> (Graph, Var<f32>) {
        let mut g = Graph::new();
        let (x, y) = (g.input(&Array::from(vec![0.0f32; n])), g.input(&Array::from(vec![0.0f32; n])));
        let a = g.apply(scaled::on(3.0, &x)).unwrap();
        let b = g.apply(difference::on(&a, &y)).unwrap();
        let c = g.apply(difference::on(&b, &a)).unwrap();
        (g, c)
    }

    fn data(n: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let x: Vec<f32> = (0..n).map(|i| (i % 97) as f32).collect();
        let y: Vec<f32> = (0..n).map(|i| (i % 31) as f32 - 40.0).collect();
        let expected = x.iter().zip(&y).map(|(x, y)| (3.0 * x - y) - 3.0 * x).collect();
        (x, y, expected)
    }

    fn shader(op: &dyn Op, n: usize) -> assemble::Assembled {
        let form = op.form(&[Shape { ty: Ty::F32, len: n }; 2]).unwrap().unwrap();
        assemble::assemble(&form.pipe, &form.terminal, Checks::default()).unwrap()
    }

    #[test]
    fn maps_in_a_window() {
        let n = 200_001;
        let (g, _) = graph(n);
        let op = fused(&g);
        let (x, y, expected) = data(n);
        assert_eq!(run::<f32>(&*op, &x, &y, 0, 0..n, n), expected);
        // The inputs bring their window only.
        let (from, to) = (8192, 100_000);
        assert_eq!(run::<f32>(&*op, &x[from..to], &y[from..to], from, from..to, to - from), &expected[from..to]);
        let shader = shader(&*op, n);
        assert_eq!(shader.entries, ["veda_map"]);
        assert_eq!(shader.wgsl.matches("let s").count(), 3, "{}", shader.wgsl);
    }

    #[test]
    fn maps_before_a_reduction() {
        let n = 70_000;
        let (mut g, c) = graph(n);
        let _ = g.sum(&c).unwrap();
        let (partials, sum) = (g.nodes().nth(3).map(|(n, ..)| n.clone()), g.nodes().count());
        assert_eq!(sum, 5);
        let Some(Node::Op(alone)) = partials else { panic!("no plain node") };
        let op = {
            let parts: Vec<Part> = g
                .nodes()
                .take(4)
                .map(|(node, reads, output)| {
                    let Node::Op(op) = node else { panic!("no plain node") };
                    let wire = |&d: &usize| if d < 2 { Wire::Input(d) } else { Wire::Node(d - 2) };
                    Part { op: Arc::clone(op), reads: reads.iter().map(wire).collect(), output }
                })
                .collect();
            fuse(parts)
        };
        let (x, y, expected) = data(n);
        let all = run::<f32>(&*alone, &expected, &[], 0, 0..18, 18);
        assert_eq!(run::<f32>(&*op, &x, &y, 0, 0..18, 18), all);
        // Tiles 2..18 from their elements alone.
        let from = 2 * TILE as usize;
        assert_eq!(run::<f32>(&*op, &x[from..], &y[from..], from, 2..18, 16), &all[2..]);
        assert_eq!(shader(&*op, n).entries, ["veda_reduce"]);
    }

    #[test]
    fn maps_before_a_filter() {
        let n = 30_000;
        let (mut g, c) = graph(n);
        let _ = g.filter(&c, is_odd).unwrap();
        let op = fused(&g);
        let (x, y, expected) = data(n);
        let expected: Vec<f32> = expected.into_iter().filter(|&x| is_odd(x)).collect();
        assert!(!expected.is_empty());
        assert_eq!(run::<f32>(&*op, &x, &y, 0, 0..n, n), expected);
        assert_eq!(shader(&*op, n).entries.len(), 3);
    }
}
