//! A function of one element: a kernel, a `kernel_fn!`, or any closure.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use super::{GRAIN, Graph, Price, TaskNode, Var, key};
use crate::error::Result;
use crate::executor::Pool;
use crate::index::Space;
use crate::kernel::deferred::Variable;
use crate::kernel::isa;
use crate::kernel::pipe::{Buffer, Operand, Pipe, Stage, StageKind};
use crate::kernel::registry;
use crate::kernel::scalar::Scalar;
use crate::kernel::terminal::Terminal;
use crate::planner::task_graph::Divisible;
use crate::runtime::graph::host::HostSliceMut;
use crate::runtime::graph::op::{Form, Input, Node, Op, Shape};
use crate::runtime::graph::span::{BLOCK, Span, same_type};

impl Graph {
    /// Applies a function to each element. A kernel or a [`kernel_fn!`](crate::kernel_fn!) (which captures scalars) runs on
    /// devices too, any other closure on the CPU only.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// let gain = 3.0f32;
    /// let mut g = Graph::new();
    /// let x = g.input(&Array::from(vec![1.0f32, 2.0]));
    /// let y = g.map(&x, veda::kernel_fn!(|x: f32| -> f32 { gain * x }))?;
    /// g.output(&y);
    /// assert_eq!(g.plan()?.run()?.get(&y)?.to_vec()?, [3.0, 6.0]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`](crate::error::GraphError::ForeignVar).
    pub fn map<T, U, F>(&mut self, of: &Var<T>, f: F) -> Result<Var<U>>
    where
        T: Scalar,
        U: Scalar,
        F: Fn(T) -> U + Send + Sync + 'static,
    {
        let kernel = registry::find(&f).is_some();
        let op = Map { f, types: PhantomData::<fn(T) -> U> };
        let name = op.name();
        let variable = Variable { graph: of.graph, id: of.id, whole: false };
        let reads = self.reads(&name, &[variable])?;
        let (len, dynamic) = (self.values[reads[0].datum].shape.len, self.values[reads[0].datum].dynamic);
        let mut task = TaskNode::new(name, Node::Op(Arc::new(op)), reads);
        if kernel {
            task.fusible = dynamic.is_none();
        } else {
            task.price = Price::Host(key(&["map", std::any::type_name::<F>()]));
        }
        if dynamic.is_none() {
            task.divisible = Divisible::By { grain: GRAIN, per_output: 1 };
        }
        Ok(self.push(task, len, dynamic))
    }
}

struct Map<T, U, F> {
    f: F,
    types: PhantomData<fn(T) -> U>,
}

impl<T, U, F> fmt::Debug for Map<T, U, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("f", &std::any::type_name::<F>()).finish_non_exhaustive()
    }
}

/// The loop over one block.
struct Body<'a, T, U, F>(&'a F, &'a [T], &'a mut [U]);
impl<T: Scalar, U: Scalar, F: Fn(T) -> U> isa::Loop for Body<'_, T, U, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (slot, &x) in self.2.iter_mut().zip(self.1) {
            *slot = (self.0)(x);
        }
    }
}

impl<T: Scalar, U: Scalar, F: Fn(T) -> U + Send + Sync + 'static> Op for Map<T, U, F> {
    fn name(&self) -> String {
        super::filter::function_name(&self.f, "map")
    }

    fn form(&self, inputs: &[Shape]) -> Result<Option<Form>> {
        let len = inputs.first().map_or(0, |i| i.len);
        let (Some((desc, captures)), Ok(words)) = (registry::find(&self.f), u32::try_from(len)) else {
            return Ok(None);
        };
        let buffers = vec![Buffer::absent(T::TY, len, false)];
        let stage = Stage { kind: StageKind::Map, desc, captures, args: vec![Operand::Element(0)] };
        let pipe = Pipe { buffers, stages: vec![stage], result: Operand::Stage(0), space: Space([words, 1, 1]) };
        Ok(Some(Form { pipe, terminal: Terminal::Collect }))
    }

    fn cpu(&self, pool: &Pool, inputs: &[Input<'_>], window: Range<usize>, output: HostSliceMut<'_>) -> Result<usize> {
        let wrong = || same_type(&self.name());
        let input = inputs.first().ok_or_else(wrong)?;
        let xs = input.slice.get::<T>().ok_or_else(wrong)?;
        let from = window.start.checked_sub(input.from).ok_or_else(wrong)?;
        let xs = xs.get(from..(from + window.len()).min(xs.len())).ok_or_else(wrong)?;
        let out = output.get::<U>().and_then(|out| out.get_mut(..xs.len())).ok_or_else(wrong)?;
        let span = Span::new(out);
        pool.for_each_chunk(xs.len(), BLOCK, |lo, hi| {
            // SAFETY: chunks are disjoint.
            let out = unsafe { span.slice(lo, hi) };
            isa::run_loop(Body(&self.f, &xs[lo..hi], out));
        });
        Ok(xs.len())
    }
}
