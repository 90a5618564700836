//! Host functions: any Rust closure over arrays.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Graph, Price, TaskNode, Var, Vars, key};
use crate::error::{GraphError, Result};
use crate::executor::Pool;
use crate::kernel::deferred::Variable;
use crate::kernel::scalar::Scalar;
use crate::planner::task_graph::{Access, Read};
use crate::runtime::graph::host::HostSliceMut;
use crate::runtime::graph::op::{Form, Input, Node, Op, Shape};
use crate::runtime::graph::span::{buffer, same_type};

/// What a host function may return: nothing, or a `Result` whose error ends the run.
///
/// Nobody but veda implements it.
pub trait HostResult {
    #[doc(hidden)]
    fn check(self) -> Result<(), String>;
}
impl HostResult for () {
    fn check(self) -> Result<(), String> {
        Ok(())
    }
}
impl<E: fmt::Display> HostResult for Result<(), E> {
    fn check(self) -> Result<(), String> {
        self.map_err(|e| e.to_string())
    }
}

/// The number of elements of a host function's or hand-written kernel's output: so many, or as many as an array has.
///
/// Nobody but veda implements it.
pub trait OutputLen {
    #[doc(hidden)]
    fn of(self) -> Result<usize, Variable>;
}
impl OutputLen for usize {
    fn of(self) -> Result<usize, Variable> {
        Ok(self)
    }
}
impl<T> OutputLen for &Var<T> {
    fn of(self) -> Result<usize, Variable> {
        Err(Variable { graph: self.graph, id: self.id, whole: true })
    }
}
impl<T> OutputLen for Var<T> {
    fn of(self) -> Result<usize, Variable> {
        (&self).of()
    }
}

impl Graph {
    /// Adds a host function: it receives arrays as slices and writes its output of `len` elements (a number, or an array that
    /// has as many), which starts as zeros. It runs on the CPU, beside kernels on devices, and may use the pool
    /// (`par_iter`, `join`).
    ///
    /// A panic or a returned error ends the run with an error; no array of the graph has a value then, and inputs are as
    /// before. A host function is run even if nobody wants its output. It may run again after a device was lost.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// let mut g = Graph::new();
    /// let x = g.input(&Array::from(vec![3.0f32, 1.0, 2.0]));
    /// let sorted = g.host("sort", &x, &x, |x: &[f32], out: &mut [f32]| {
    ///     out.copy_from_slice(x);
    ///     out.sort_by(f32::total_cmp);
    /// })?;
    /// let ends = g.host("ends", (&x, &sorted), 2, |(_, sorted): (&[f32], &[f32]), out: &mut [f32]| {
    ///     let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return Err("nothing to look at") };
    ///     out.copy_from_slice(&[*first, *last]);
    ///     Ok(())
    /// })?;
    /// g.output(&ends);
    /// assert_eq!(g.plan()?.run()?.get(&ends)?.to_vec()?, [1.0, 3.0]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`].
    #[allow(clippy::needless_pass_by_value)] // handles: `&x` or `(&x, &y)`
    pub fn host<V, T, F, R>(&mut self, name: &str, reads: V, len: impl OutputLen, f: F) -> Result<Var<T>>
    where
        V: Vars,
        T: Scalar,
        R: HostResult,
        F: for<'a> Fn(V::Slices<'a>, &'a mut [T]) -> R + Send + Sync + 'static,
        V::Owned: for<'a> Vars<Slices<'a> = V::Slices<'a>> + 'static,
    {
        let variables = reads.variables();
        let mut reads = self.reads(name, &variables)?;
        let (len, dynamic, like) = self.output_len(name, len, &mut reads)?;
        let op = Host::<V::Owned, T, F> { name: name.to_owned(), like, f, types: PhantomData };
        let mut task = TaskNode::new(name.to_owned(), Node::Op(Arc::new(op)), reads);
        task.price = Price::Host(key(&[name, std::any::type_name::<F>()]));
        task.pinned = true;
        Ok(self.push(task, len, dynamic))
    }

    /// The length that an output is to have, the array that decides it, and which input tells it at run time where it is only
    /// known then (added to the reads if need be).
    pub(super) fn output_len(
        &mut self,
        node: &str,
        len: impl OutputLen,
        reads: &mut Vec<Read>,
    ) -> Result<(usize, Option<usize>, Option<usize>)> {
        let id = match len.of() {
            Ok(len) => return Ok((len, None, None)),
            Err(like) => self.resolve(node, 0, like)?,
        };
        let (len, dynamic) = (self.values[id].shape.len, self.values[id].dynamic);
        if dynamic.is_none() {
            return Ok((len, None, None));
        }
        let known = reads.iter().position(|r| r.datum == id);
        let like = known.unwrap_or_else(|| {
            reads.push(Read { datum: id, access: Access::Whole });
            reads.len() - 1
        });
        Ok((len, dynamic, Some(like)))
    }
}

struct Host<V, T, F> {
    name: String,
    /// The input that its output is as long as, where that is only known at run time.
    like: Option<usize>,
    f: F,
    types: PhantomData<fn(V) -> T>,
}

impl<V, T, F> fmt::Debug for Host<V, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<V, T, F, R> Op for Host<V, T, F>
where
    V: Vars + 'static,
    T: Scalar,
    R: HostResult,
    F: for<'a> Fn(V::Slices<'a>, &'a mut [T]) -> R + Send + Sync + 'static,
{
    fn name(&self) -> String {
        self.name.clone()
    }

    fn form(&self, _: &[Shape]) -> Result<Option<Form>> {
        Ok(None)
    }

    fn cpu(&self, pool: &Pool, inputs: &[Input<'_>], _: Range<usize>, output: HostSliceMut<'_>) -> Result<usize> {
        let wrong = || same_type(&self.name);
        let slices = V::slices(&mut inputs.iter().map(|i| buffer(i.slice))).ok_or_else(wrong)?;
        let out = output.get::<T>().ok_or_else(wrong)?;
        let len = length(self.like, inputs, out.len());
        let out = out.get_mut(..len).ok_or_else(wrong)?;
        let run = || pool.install(|| (self.f)(slices, out).check());
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => Ok(len),
            Ok(Err(message)) => Err(GraphError::Host { node: self.name.clone(), message }.into()),
            Err(panic) => Err(GraphError::Panicked { node: self.name.clone(), message: message(&*panic) }.into()),
        }
    }
}

/// The length of an output with room for `room` elements.
pub(super) fn length(like: Option<usize>, inputs: &[Input<'_>], room: usize) -> usize {
    like.and_then(|k| inputs.get(k)).map_or(room, |input| input.slice.len())
}

/// The text of a panic.
pub(super) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
