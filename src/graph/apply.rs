//! A kernel bound to variables: maps, zip-maps and whole-buffer kernels.

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;

use super::{GRAIN, Graph, TaskNode, Var};
use crate::error::{Error, GraphError, Result};
use crate::executor::Pool;
use crate::kernel::bound::{Bound, fill};
use crate::kernel::deferred::{Data, Deferred, Item};
use crate::kernel::desc::{ElementKernel, Kernel};
use crate::kernel::pipe::Operand;
use crate::kernel::scalar::Scalar;
use crate::kernel::terminal::Terminal;
use crate::planner::task_graph::{Access, Divisible};
use crate::runtime::graph::host::HostSliceMut;
use crate::runtime::graph::op::{Form, Input, Node, Op, Shape};
use crate::runtime::graph::span::{BLOCK, Span, buffer, same_type};

impl Graph {
    /// Adds a kernel that is bound to variables of this graph, as `on(..)` binds it: a scalar is the same for all
    /// invocations, a variable is read element by element (by a slice parameter whole).
    ///
    /// ```
    /// # use veda::{Array, Graph, Index};
    /// #[veda::kernel]
    /// fn saxpy(a: f32, x: f32, y: f32) -> f32 { a * x + y }
    /// #[veda::kernel]
    /// fn mirrored(row: &[f32], width: usize, i: Index) -> f32 { row[width - 1 - i.x as usize] }
    ///
    /// let mut g = Graph::new();
    /// let x = g.input(&Array::from(vec![1.0f32, 2.0, 3.0]));
    /// let y = g.apply(saxpy::on(2.0, &x, &x))?;
    /// let z = g.apply(mirrored::on(&y, 3).over(3))?;
    /// g.output(&z);
    /// assert_eq!(g.plan()?.run()?.get(&z)?.to_vec()?, [9.0, 6.0, 3.0]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// `.on_device(place)` forces where it runs.
    ///
    /// # Errors
    /// [`GraphError`] for variables of other graphs and lengths that do not fit; [`Error::NoIndexSpace`] and
    /// [`Error::IndexSpaceMismatch`] as for [`gpu::execute`](crate::gpu::execute).
    pub fn apply<K, S, T>(&mut self, kernel: Bound<K, S>) -> Result<Var<T>>
    where
        K: Kernel,
        S: Deferred,
        T: Scalar,
        for<'a> K: ElementKernel<Item<'a, S>, Output = T>,
    {
        let name = K::DESC.name.to_owned();
        let mut variables = Vec::new();
        kernel.sources().variables(&mut variables);
        let reads = self.reads(&name, &variables)?;
        let common = self.common(&name, &reads)?;
        let lens = reads.iter().map(|r| self.values[r.datum].shape.len);
        let pipe = kernel.absent_pipe(lens)?;
        let dynamic = common.and_then(|(_, dynamic)| dynamic);
        if let (Some(datum), Some(_)) = (dynamic, kernel.dims()) {
            let array = self.values[datum].name.clone();
            let why = "so its index space cannot be given by `over`";
            return Err(GraphError::DynamicLength { node: name, array, why }.into());
        }
        let place = kernel.place();
        let len = pipe.space.len() as usize;
        let flat = pipe.space.dims()[0] as usize == len;
        let uses_index = pipe.stages.iter().any(|s| s.args.iter().any(reads_index));
        let op = Arc::new(Apply { kernel, output: PhantomData::<fn() -> T> });
        let mut task = TaskNode::new(name, Node::Op(op), reads);
        task.place = place;
        task.fusible = place.is_none()
            && dynamic.is_none()
            && !task.reads.is_empty()
            && task.reads.iter().all(|r| r.access == Access::Elements)
            && (flat || !uses_index);
        if dynamic.is_none() {
            task.divisible = Divisible::By { grain: GRAIN, per_output: 1 };
        }
        Ok(self.push(task, len, dynamic))
    }
}

fn reads_index(operand: &Operand) -> bool {
    match operand {
        Operand::Index => true,
        Operand::Tuple(parts) => parts.iter().any(reads_index),
        _ => false,
    }
}

/// A kernel with variables and scalars for its parameters.
struct Apply<K, S, T> {
    kernel: Bound<K, S>,
    output: PhantomData<fn() -> T>,
}

impl<K: Kernel, S, T> fmt::Debug for Apply<K, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apply").field("kernel", &K::DESC.path).finish_non_exhaustive()
    }
}

impl<K, S, T> Op for Apply<K, S, T>
where
    K: Kernel,
    S: Deferred,
    T: Scalar,
    for<'a> K: ElementKernel<Item<'a, S>, Output = T>,
{
    fn name(&self) -> String {
        K::DESC.name.to_owned()
    }

    fn form(&self, inputs: &[Shape]) -> Result<Option<Form>> {
        let pipe = self.kernel.absent_pipe(inputs.iter().map(|i| i.len))?;
        Ok(Some(Form { pipe, terminal: Terminal::Collect }))
    }

    fn cpu(&self, pool: &Pool, inputs: &[Input<'_>], window: Range<usize>, output: HostSliceMut<'_>) -> Result<usize> {
        let mut variables = Vec::new();
        self.kernel.sources().variables(&mut variables);
        // Element-wise inputs bring a window at least; what they have of the whole decides where the length is dynamic.
        let ends = inputs.iter().zip(&variables).filter(|(_, v)| !v.whole).map(|(i, _)| i.from + i.slice.len());
        let end = ends.fold(window.end, usize::min);
        let window = window.start..end.max(window.start);
        let space = match self.kernel.dims() {
            Some(dims) => crate::index::Space(dims.map(|d| u32::try_from(d).unwrap_or(u32::MAX))),
            None => crate::index::Space([u32::try_from(window.end).unwrap_or(u32::MAX), 1, 1]),
        };
        let out = output.get::<T>().ok_or_else(|| same_type(&self.name()))?;
        let short = || Error::Link { kernel: self.name(), reason: "its inputs do not cover the window".to_owned() };
        if out.len() < window.len() || window.end as u64 > space.len() {
            return Err(short());
        }
        let buffers = inputs.iter().map(|i| (buffer(i.slice), i.from)).collect();
        let sources = self.kernel.sources().at(&mut Data::new(buffers, window.clone())).ok_or_else(short)?;
        let span = Span::new(out);
        pool.for_each_chunk(window.len(), BLOCK, |lo, hi| {
            // SAFETY: chunks are disjoint ranges below `window.len()`, which is at most `out.len()`.
            let chunk: &mut [MaybeUninit<T>] = unsafe { span.part(lo, hi) };
            // SAFETY: the window lies in the space, and `at` found that the sources cover it.
            unsafe { fill::<K, S::At<'_>>(sources, space, (window.start + lo) as u32, chunk) };
        });
        Ok(window.len())
    }
}
