//! Hand-written kernels as nodes.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{Graph, Price, TaskNode, Var, Vars, WORD, key};
use crate::error::{GraphError, Result};
use crate::gpu::{Cost, GpuKernel};
use crate::kernel::place::Place;
use crate::kernel::scalar::Scalar;
use crate::planner::{OutputKind, Work};
use crate::runtime::Runtime;
use crate::runtime::graph::host::HostSliceMut;
use crate::runtime::graph::op::{Input, Node, StagedOp};
use crate::runtime::graph::span::{buffer, same_type};

impl Graph {
    /// Adds a hand-written kernel: `make` builds a [`GpuKernel`] from the elements when they are there. It takes its inputs
    /// from host memory and leaves its `len` results there, whichever device runs it.
    ///
    /// ```
    /// # use std::borrow::Cow;
    /// use veda::gpu::{Bindings, GpuKernel, Outputs, Pool};
    /// use veda::{Array, Graph};
    ///
    /// struct Double(Vec<u32>);
    /// impl GpuKernel for Double {
    ///     type Output = Vec<u32>;
    ///     // ...
    /// #   fn wgsl(&self) -> Cow<'_, str> {
    /// #       "@group(0) @binding(0) var<storage, read> a: array<u32>;
    /// #        @group(0) @binding(1) var<storage, read_write> b: array<u32>;
    /// #        @compute @workgroup_size(64)
    /// #        fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    /// #            if (id.x < arrayLength(&a)) { b[id.x] = 2u * a[id.x]; }
    /// #        }".into()
    /// #   }
    /// #   fn bind<'a>(&'a self, b: &mut Bindings<'a>) {
    /// #       b.input(&self.0);
    /// #       b.output::<u32>(self.0.len());
    /// #       b.workgroups([self.0.len().div_ceil(64) as u32, 1, 1]);
    /// #   }
    /// #   fn read(&self, mut out: Outputs) -> veda::Result<Vec<u32>> { out.take(0) }
    /// #   fn cpu(&self, _: &Pool) -> veda::Result<Vec<u32>> { Ok(self.0.iter().map(|x| 2 * x).collect()) }
    /// }
    ///
    /// let mut g = Graph::new();
    /// let x = g.input(&Array::from(vec![1u32, 2, 3]));
    /// let y = g.kernel("double", &x, &x, |x: &[u32]| Double(x.to_vec()))?;
    /// g.output(&y);
    /// assert_eq!(g.plan()?.run()?.get(&y)?.to_vec()?, [2, 4, 6]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`], [`GraphError::NotInLoop`]. When it runs: the kernel's own, and
    /// [`GraphError::LengthMismatch`] if it yields another number of elements than `len`.
    #[allow(clippy::needless_pass_by_value)] // handles: `&x` or `(&x, &y)`
    pub fn kernel<V, T, F, K>(
        &mut self,
        name: &str,
        reads: V,
        len: impl super::host::OutputLen,
        make: F,
    ) -> Result<Var<T>>
    where
        V: Vars,
        T: Scalar,
        K: GpuKernel<Output = Vec<T>>,
        F: for<'a> Fn(V::Slices<'a>) -> K + Send + Sync + 'static,
        V::Owned: for<'a> Vars<Slices<'a> = V::Slices<'a>> + 'static,
    {
        self.not_in_loop("a hand-written kernel")?;
        let variables = reads.variables();
        let mut reads = self.reads(name, &variables)?;
        let (len, dynamic, like) = self.output_len(name, len, &mut reads)?;
        let runtime = self.runtime()?;
        let elements = (len as u64).max(1);
        let in_bytes: u64 = reads.iter().map(|r| WORD * self.values[r.datum].shape.len as u64).sum();
        let work = Work {
            key: key(&[name, std::any::type_name::<K>()]),
            elements,
            groups: elements.div_ceil(256),
            ops: Cost::unknown().ops,
            in_bytes: in_bytes as f64 / elements as f64,
            out_bytes: WORD as f64,
            gather_bytes: 0.0,
            loops_unbounded: true,
            output: OutputKind::Map,
        };
        let op = Custom::<V::Owned, T, F> { name: name.to_owned(), like, runtime, make, types: PhantomData };
        let mut task = TaskNode::new(name.to_owned(), Node::Staged(Arc::new(op)), reads);
        task.price = Price::Staged(work);
        Ok(self.push(task, len, dynamic))
    }
}

struct Custom<V, T, F> {
    name: String,
    like: Option<usize>,
    runtime: Runtime,
    make: F,
    types: PhantomData<fn(V) -> T>,
}

impl<V, T, F> fmt::Debug for Custom<V, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<V, T, F, K> StagedOp for Custom<V, T, F>
where
    V: Vars + 'static,
    T: Scalar,
    K: GpuKernel<Output = Vec<T>>,
    F: for<'a> Fn(V::Slices<'a>) -> K + Send + Sync + 'static,
{
    fn name(&self) -> String {
        self.name.clone()
    }

    fn run(&self, place: Place, inputs: &[Input<'_>], output: HostSliceMut<'_>) -> Result<usize> {
        let wrong = || same_type(&self.name);
        let slices = V::slices(&mut inputs.iter().map(|i| buffer(i.slice))).ok_or_else(wrong)?;
        let result = (self.make)(slices).route_at(&self.runtime, Some(place))?;
        let out = output.get::<T>().ok_or_else(wrong)?;
        let len = super::host::length(self.like, inputs, out.len());
        let out = out.get_mut(..len).ok_or_else(wrong)?;
        if result.len() != out.len() {
            return Err(GraphError::LengthMismatch {
                node: self.name.clone(),
                left: "what the kernel yields".to_owned(),
                left_len: result.len(),
                right: "the output".to_owned(),
                right_len: out.len(),
            }
            .into());
        }
        out.copy_from_slice(&result);
        Ok(out.len())
    }
}
