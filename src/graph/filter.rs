//! Compaction: the elements for which a predicate holds, in order.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Graph, Price, TaskNode, Var, key};
use crate::error::Result;
use crate::executor::Pool;
use crate::index::Space;
use crate::kernel::deferred::Variable;
use crate::kernel::isa;
use crate::kernel::pipe::{Buffer, Operand, Pipe, Stage, StageKind};
use crate::kernel::registry;
use crate::kernel::scalar::Scalar;
use crate::kernel::terminal::Terminal;
use crate::runtime::graph::host::HostSliceMut;
use crate::runtime::graph::op::{Form, Input, Node, Op, Shape};
use crate::runtime::graph::span::{BLOCK, Span, same_type};

/// The name of a function for people: that of the kernel, or `otherwise`.
pub(super) fn function_name<F>(f: &F, otherwise: &str) -> String {
    match registry::find(f) {
        Some((desc, _)) if desc.name != "{closure}" => desc.name.to_owned(),
        _ => otherwise.to_owned(),
    }
}

impl Graph {
    /// Keeps the elements for which a predicate holds, in order. How many there are is only known when the graph has run:
    /// the result can be mapped, filtered and reduced on, be read in step with arrays made from it, and be read whole by
    /// kernels and host functions.
    ///
    /// The predicate takes elements by value. It runs on devices if it is a kernel or a [`kernel_fn!`](crate::kernel_fn!),
    /// else on the CPU only.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// #[veda::kernel]
    /// fn is_positive(x: f32) -> bool { x > 0.0 }
    ///
    /// let mut g = Graph::new();
    /// let x = g.input(&Array::from(vec![1.0f32, -1.0, 2.0]));
    /// let kept = g.filter(&x, is_positive)?;
    /// let sum = g.sum(&kept)?;
    /// g.output(&kept);
    /// g.output(&sum);
    /// let out = g.plan()?.run()?;
    /// assert_eq!(out.get(&kept)?.to_vec()?, [1.0, 2.0]);
    /// assert_eq!(out.get(&sum)?.to_vec()?, [3.0]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError`](crate::error::GraphError) for a variable of another graph, and in a loop's body.
    pub fn filter<T, F>(&mut self, of: &Var<T>, keep: F) -> Result<Var<T>>
    where
        T: Scalar,
        F: Fn(T) -> bool + Send + Sync + 'static,
    {
        self.not_in_loop("a filter")?;
        let kernel = registry::find(&keep).is_some();
        let op = Filter { keep, ty: PhantomData::<fn(T)> };
        let name = op.name();
        let variable = Variable { graph: of.graph, id: of.id, whole: false };
        let reads = self.reads(&name, &[variable])?;
        let len = self.values[reads[0].datum].shape.len;
        let mut task = TaskNode::new(name, Node::Op(Arc::new(op)), reads);
        task.fusible = kernel && self.values[task.reads[0].datum].dynamic.is_none();
        if !kernel {
            task.price = Price::Host(key(&["filter", std::any::type_name::<F>()]));
        }
        Ok(self.push(task, len, Some(usize::MAX)))
    }
}

struct Filter<T, F> {
    keep: F,
    ty: PhantomData<fn(T)>,
}

impl<T, F> fmt::Debug for Filter<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("keep", &std::any::type_name::<F>()).finish_non_exhaustive()
    }
}

/// One bit per element of a block.
struct Bits<'a, T, F>(&'a F, &'a [T], &'a mut [u64]);
impl<T: Scalar, F: Fn(T) -> bool> isa::Loop for Bits<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (word, xs) in self.2.iter_mut().zip(self.1.chunks(64)) {
            *word = xs.iter().enumerate().fold(0, |word, (i, &x)| word | u64::from((self.0)(x)) << i);
        }
    }
}

impl<T: Scalar, F: Fn(T) -> bool + Send + Sync + 'static> Op for Filter<T, F> {
    fn name(&self) -> String {
        function_name(&self.keep, "filter")
    }

    fn form(&self, inputs: &[Shape]) -> Result<Option<Form>> {
        let len = inputs.first().map_or(0, |i| i.len);
        let (Some((desc, captures)), Ok(words)) = (registry::find(&self.keep), u32::try_from(len)) else {
            return Ok(None);
        };
        let buffers = vec![Buffer::absent(T::TY, len, false)];
        let stage = Stage { kind: StageKind::Filter, desc, captures, args: vec![Operand::Element(0)] };
        let pipe = Pipe { buffers, stages: vec![stage], result: Operand::Element(0), space: Space([words, 1, 1]) };
        Ok(Some(Form { pipe, terminal: Terminal::Collect }))
    }

    /// Two passes: bits and their number per block, then each survivor to its place. The predicate runs once per element.
    fn cpu(&self, pool: &Pool, inputs: &[Input<'_>], _: Range<usize>, output: HostSliceMut<'_>) -> Result<usize> {
        let wrong = || same_type(&self.name());
        let xs = inputs.first().and_then(|i| i.slice.get::<T>()).ok_or_else(wrong)?;
        let out = output.get::<T>().ok_or_else(wrong)?;
        let blocks: Vec<(Box<[u64]>, usize)> = {
            let slots: Vec<Mutex<(Box<[u64]>, usize)>> =
                (0..xs.len().div_ceil(BLOCK)).map(|_| Mutex::default()).collect();
            pool.for_each_chunk(xs.len(), BLOCK, |lo, hi| {
                let mut bits = vec![0u64; (hi - lo).div_ceil(64)].into_boxed_slice();
                isa::run_loop(Bits(&self.keep, &xs[lo..hi], &mut bits));
                let count = bits.iter().map(|word| word.count_ones() as usize).sum();
                *slots[lo / BLOCK].lock().unwrap_or_else(PoisonError::into_inner) = (bits, count);
            });
            slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
        };
        let mut starts = Vec::with_capacity(blocks.len());
        let mut total = 0;
        for (_, count) in &blocks {
            starts.push(total);
            total += count;
        }
        let span = Span::new(out.get_mut(..total).ok_or_else(wrong)?);
        pool.for_each_chunk(xs.len(), BLOCK, |lo, _| {
            let (bits, count) = &blocks[lo / BLOCK];
            let start = starts[lo / BLOCK];
            // SAFETY: the blocks' places follow one another.
            let mut out = unsafe { span.slice(start, start + count) }.iter_mut();
            for (w, &word) in bits.iter().enumerate() {
                let mut left = word;
                while left != 0 {
                    let i = left.trailing_zeros() as usize;
                    if let Some(slot) = out.next() {
                        *slot = xs[lo + 64 * w + i];
                    }
                    left &= left - 1;
                }
            }
        });
        Ok(total)
    }
}
