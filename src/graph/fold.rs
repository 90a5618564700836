//! Reductions: one partial result per tile, then the partial results in order.
//!
//! The CPU adds in the order of `reduce.wgsl`: the elements of a tile go to 256 lanes, which are joined by neighbours. So
//! a sum of floats has the same bits on every device and in every window, as long as its elements do.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use veda_kernels_ir::ast::Ty;

use super::{GRAIN, Graph, Price, TaskNode, Var, kernels, key};
use crate::error::Result;
use crate::executor::Pool;
use crate::index::Space;
use crate::kernel::assemble::TILE;
use crate::kernel::deferred::Variable;
use crate::kernel::desc::{Kernel, KernelDesc};
use crate::kernel::isa;
use crate::kernel::pipe::{Buffer, Operand, Pipe, Stage, StageKind};
use crate::kernel::registry;
use crate::kernel::scalar::{Scalar, Value32};
use crate::kernel::terminal::Terminal;
use crate::planner::task_graph::{Divisible, Read};
use crate::runtime::graph::host::HostSliceMut;
use crate::runtime::graph::op::{Form, Input, Node, Op, Shape};
use crate::runtime::graph::span::{Span, same_type};

const TILE_LEN: usize = TILE as usize;
/// Invocations of a workgroup of `reduce.wgsl`, and elements that each takes.
const LANES: usize = 256;
const ROWS: usize = TILE_LEN / LANES;

/// A scalar that can be added up and compared: f32, u32, i32.
///
/// Nobody but veda implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be added up or compared in a graph",
    label = "expected elements of type `f32`, `u32` or `i32`",
    note = "for `bool` there are `count`, `any` and `all`"
)]
pub trait Number: Scalar {
    #[doc(hidden)]
    fn combine(operator: Operator, a: Self, b: Self) -> Self;
    #[doc(hidden)]
    fn neutral(operator: Operator) -> Self;
}

/// An operator of a reduction.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Sum,
    Product,
    Min,
    Max,
}

macro_rules! integers {
    ($($t:ty)*) => {$(
        impl Number for $t {
            #[inline(always)]
            fn combine(operator: Operator, a: $t, b: $t) -> $t {
                match operator {
                    Operator::Sum => a.wrapping_add(b),
                    Operator::Product => a.wrapping_mul(b),
                    Operator::Min => a.min(b),
                    Operator::Max => a.max(b),
                }
            }
            fn neutral(operator: Operator) -> $t {
                match operator {
                    Operator::Sum => 0,
                    Operator::Product => 1,
                    Operator::Min => <$t>::MAX,
                    Operator::Max => <$t>::MIN,
                }
            }
        }
    )*};
}
integers!(u32 i32);

impl Number for f32 {
    #[inline(always)]
    fn combine(operator: Operator, a: f32, b: f32) -> f32 {
        match operator {
            Operator::Sum => a + b,
            Operator::Product => a * b,
            Operator::Min => kernels::smaller(a, b),
            Operator::Max => kernels::larger(a, b),
        }
    }
    fn neutral(operator: Operator) -> f32 {
        match operator {
            Operator::Sum => 0.0,
            Operator::Product => 1.0,
            Operator::Min => f32::INFINITY,
            Operator::Max => f32::NEG_INFINITY,
        }
    }
}

/// How elements become one value.
trait Fold: Send + Sync + 'static {
    type Item: Scalar;
    type Acc: Scalar;
    fn name(&self) -> String;
    fn identity(&self) -> Self::Acc;
    fn lift(&self, x: Self::Item) -> Self::Acc;
    fn join(&self, a: Self::Acc, b: Self::Acc) -> Self::Acc;
    /// Whether neighbours must be joined in order (operators that are not known to commute).
    fn ordered(&self) -> bool;
    /// The operator as devices know it; `None`: the CPU only.
    fn terminal(&self) -> Option<Terminal>;
    /// The kernel that lifts; `None`: elements are taken as they are.
    fn lifting(&self) -> Option<&'static KernelDesc> {
        None
    }
    /// Identifies it for learned times where it has no device form.
    fn key(&self) -> u64 {
        key(&[&self.name(), std::any::type_name::<Self>()])
    }
}

/// A built-in operator over numbers.
struct Builtin<T> {
    operator: Operator,
    ty: std::marker::PhantomData<fn() -> T>,
}

impl<T: Number> Fold for Builtin<T> {
    type Item = T;
    type Acc = T;
    fn name(&self) -> String {
        format!("{:?}", self.operator).to_lowercase()
    }
    fn identity(&self) -> T {
        T::neutral(self.operator)
    }
    #[inline(always)]
    fn lift(&self, x: T) -> T {
        x
    }
    #[inline(always)]
    fn join(&self, a: T, b: T) -> T {
        T::combine(self.operator, a, b)
    }
    fn ordered(&self) -> bool {
        self.float_extremum().is_some()
    }
    fn terminal(&self) -> Option<Terminal> {
        let identity = self.identity().value();
        Some(match (self.float_extremum(), self.operator) {
            (Some(op), _) => Terminal::Reduce { op, captures: Vec::new(), identity },
            (None, Operator::Sum) => Terminal::Sum,
            (None, Operator::Product) => Terminal::Product,
            (None, Operator::Min) => Terminal::Min,
            (None, Operator::Max) => Terminal::Max,
        })
    }
}

impl<T: Number> Builtin<T> {
    fn new(operator: Operator) -> Self {
        Builtin { operator, ty: std::marker::PhantomData }
    }
    /// Devices have `min` and `max` for integers; for floats a kernel says what NaN does.
    fn float_extremum(&self) -> Option<&'static KernelDesc> {
        match (T::TY, self.operator) {
            (Ty::F32, Operator::Min) => Some(kernels::smaller::DESC),
            (Ty::F32, Operator::Max) => Some(kernels::larger::DESC),
            _ => None,
        }
    }
}

/// Counts the elements for which a kernel says 1.
struct Tally {
    of: &'static KernelDesc,
    one: fn(bool) -> u32,
}

impl Fold for Tally {
    type Item = bool;
    type Acc = u32;
    fn name(&self) -> String {
        "count".to_owned()
    }
    fn identity(&self) -> u32 {
        0
    }
    #[inline(always)]
    fn lift(&self, x: bool) -> u32 {
        (self.one)(x)
    }
    #[inline(always)]
    fn join(&self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
    fn ordered(&self) -> bool {
        false
    }
    fn terminal(&self) -> Option<Terminal> {
        Some(Terminal::Sum)
    }
    fn lifting(&self) -> Option<&'static KernelDesc> {
        Some(self.of)
    }
}

/// The caller's operator.
struct Custom<T, F> {
    identity: T,
    op: F,
}

impl<T: Scalar, F: Fn(T, T) -> T + Send + Sync + 'static> Fold for Custom<T, F> {
    type Item = T;
    type Acc = T;
    fn name(&self) -> String {
        match registry::find(&self.op) {
            Some((desc, _)) => format!("reduce({})", desc.name),
            None => "reduce".to_owned(),
        }
    }
    fn identity(&self) -> T {
        self.identity
    }
    #[inline(always)]
    fn lift(&self, x: T) -> T {
        x
    }
    #[inline(always)]
    fn join(&self, a: T, b: T) -> T {
        (self.op)(a, b)
    }
    fn ordered(&self) -> bool {
        true
    }
    fn terminal(&self) -> Option<Terminal> {
        let (op, captures) = registry::find(&self.op).filter(|_| T::TY != Ty::Bool)?;
        Some(Terminal::Reduce { op, captures, identity: self.identity.value() })
    }
}

/// The same operator over partial results.
struct Again<F>(Arc<F>);

impl<F: Fold> Fold for Again<F> {
    type Item = F::Acc;
    type Acc = F::Acc;
    fn name(&self) -> String {
        format!("{} of partial results", self.0.name())
    }
    fn identity(&self) -> F::Acc {
        self.0.identity()
    }
    #[inline(always)]
    fn lift(&self, x: F::Acc) -> F::Acc {
        x
    }
    #[inline(always)]
    fn join(&self, a: F::Acc, b: F::Acc) -> F::Acc {
        self.0.join(a, b)
    }
    fn ordered(&self) -> bool {
        self.0.ordered()
    }
    fn terminal(&self) -> Option<Terminal> {
        self.0.terminal()
    }
}

/// One tile of at most [`TILE`] elements.
fn tile<F: Fold>(fold: &F, xs: &[F::Item]) -> F::Acc {
    struct Body<'a, F: Fold>(&'a F, &'a [F::Item]);
    impl<F: Fold> isa::Loop for Body<'_, F> {
        type Output = F::Acc;
        #[inline(always)]
        fn run(self) -> F::Acc {
            let Body(fold, xs) = self;
            let mut lanes = [fold.identity(); LANES];
            if fold.ordered() {
                for (lane, chunk) in lanes.iter_mut().zip(xs.chunks(ROWS)) {
                    for &x in chunk {
                        *lane = fold.join(*lane, fold.lift(x));
                    }
                }
            } else {
                for row in xs.chunks(LANES) {
                    for (lane, &x) in lanes.iter_mut().zip(row) {
                        *lane = fold.join(*lane, fold.lift(x));
                    }
                }
            }
            let mut n = LANES;
            while n > 1 {
                n /= 2;
                for i in 0..n {
                    lanes[i] = fold.join(lanes[2 * i], lanes[2 * i + 1]);
                }
            }
            lanes[0]
        }
    }
    isa::run_loop(Body(fold, xs))
}

/// The partial results of a node: one per tile, or all elements in one where `last`.
struct Tiles<F> {
    fold: Arc<F>,
    /// Writes one element, whatever it reads; at most a tile unless its length is dynamic.
    last: bool,
}

impl<F: Fold> fmt::Debug for Tiles<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tiles").field("fold", &self.fold.name()).field("last", &self.last).finish()
    }
}

impl<F: Fold> Op for Tiles<F> {
    fn name(&self) -> String {
        self.fold.name()
    }

    fn form(&self, inputs: &[Shape]) -> Result<Option<Form>> {
        let len = inputs.first().map_or(0, |i| i.len);
        let Ok(words) = u32::try_from(len) else { return Ok(None) };
        // A device leaves one result per tile: of no tile, none.
        let fits = !self.last || (1..=TILE_LEN).contains(&len);
        let Some(terminal) = self.fold.terminal().filter(|_| fits) else { return Ok(None) };
        let buffers = vec![Buffer::absent(F::Item::TY, len, false)];
        let space = Space([words, 1, 1]);
        let args = vec![Operand::Element(0)];
        let stages = self.fold.lifting().map(|desc| Stage { kind: StageKind::Map, desc, captures: Vec::new(), args });
        let result = if stages.is_some() { Operand::Stage(0) } else { Operand::Element(0) };
        let pipe = Pipe { buffers, stages: stages.into_iter().collect(), result, space };
        Ok(Some(Form { pipe, terminal }))
    }

    fn cpu(&self, pool: &Pool, inputs: &[Input<'_>], window: Range<usize>, output: HostSliceMut<'_>) -> Result<usize> {
        let wrong = || same_type(&self.name());
        let input = inputs.first().ok_or_else(wrong)?;
        let xs = input.slice.get::<F::Item>().ok_or_else(wrong)?;
        let out = output.get::<F::Acc>().ok_or_else(wrong)?;
        if self.last {
            let mut partials = tiles(pool, &*self.fold, xs);
            while partials.len() > 1 {
                partials = tiles(pool, &Again(Arc::clone(&self.fold)), &partials);
            }
            *out.first_mut().ok_or_else(wrong)? = partials.first().copied().unwrap_or_else(|| self.fold.identity());
            return Ok(1);
        }
        // The window counts tiles; the input brings at least their elements.
        let from = (window.start * TILE_LEN).checked_sub(input.from).ok_or_else(wrong)?;
        let to = (window.end * TILE_LEN).saturating_sub(input.from).min(xs.len());
        let xs = xs.get(from..to.max(from)).ok_or_else(wrong)?;
        let n = xs.len().div_ceil(TILE_LEN);
        fill_tiles(pool, &*self.fold, xs, out.get_mut(..n).ok_or_else(wrong)?);
        Ok(n)
    }
}

fn tiles<F: Fold>(pool: &Pool, fold: &F, xs: &[F::Item]) -> Vec<F::Acc> {
    let mut out = vec![F::Acc::default(); xs.len().div_ceil(TILE_LEN)];
    fill_tiles(pool, fold, xs, &mut out);
    out
}

fn fill_tiles<F: Fold>(pool: &Pool, fold: &F, xs: &[F::Item], out: &mut [F::Acc]) {
    let n = out.len();
    let span = Span::new(out);
    pool.for_each_chunk(n, 4, |lo, hi| {
        // SAFETY: chunks are disjoint.
        let out = unsafe { span.slice(lo, hi) };
        for (slot, t) in out.iter_mut().zip(lo..hi) {
            *slot = tile(fold, &xs[t * TILE_LEN..((t + 1) * TILE_LEN).min(xs.len())]);
        }
    });
}

impl Graph {
    /// The sum of an array, as an array of one element. Integers wrap. Floats are added in a fixed order: the same bits on
    /// every device.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// let mut g = Graph::new();
    /// let x = g.input(&Array::from(vec![1.5f32; 1000]));
    /// let sum = g.sum(&x)?;
    /// g.output(&sum);
    /// assert_eq!(g.plan()?.run()?.get(&sum)?.to_vec()?, [1500.0]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`](crate::error::GraphError::ForeignVar).
    pub fn sum<T: Number>(&mut self, of: &Var<T>) -> Result<Var<T>> {
        self.fold(of, Builtin::new(Operator::Sum))
    }

    /// The product of an array, as an array of one element. Integers wrap. See [`sum`](Self::sum).
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`](crate::error::GraphError::ForeignVar).
    pub fn product<T: Number>(&mut self, of: &Var<T>) -> Result<Var<T>> {
        self.fold(of, Builtin::new(Operator::Product))
    }

    /// The smallest element, as an array of one element; of nothing, the largest value that there is (infinity). NaNs are
    /// passed over, as by [`f32::min`]. See [`sum`](Self::sum).
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`](crate::error::GraphError::ForeignVar).
    pub fn min<T: Number>(&mut self, of: &Var<T>) -> Result<Var<T>> {
        self.fold(of, Builtin::new(Operator::Min))
    }

    /// The largest element, as an array of one element; of nothing, the smallest value that there is (minus infinity).
    /// NaNs are passed over, as by [`f32::max`]. See [`sum`](Self::sum).
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`](crate::error::GraphError::ForeignVar).
    pub fn max<T: Number>(&mut self, of: &Var<T>) -> Result<Var<T>> {
        self.fold(of, Builtin::new(Operator::Max))
    }
}

impl Graph {
    /// How many elements are true, as an array of one element.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// #[veda::kernel]
    /// fn is_even(x: u32) -> bool { x % 2 == 0 }
    ///
    /// let mut g = Graph::new();
    /// let x = g.input(&Array::from((0..101u32).collect::<Vec<_>>()));
    /// let even = g.apply(is_even::on(&x))?;
    /// let (count, any, all) = (g.count(&even)?, g.any(&even)?, g.all(&even)?);
    /// g.output(&count);
    /// g.output(&any);
    /// g.output(&all);
    /// let out = g.plan()?.run()?;
    /// assert_eq!(out.get(&count)?.to_vec()?, [51]);
    /// assert_eq!(out.get(&any)?.to_vec()?, [true]);
    /// assert_eq!(out.get(&all)?.to_vec()?, [false]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`](crate::error::GraphError::ForeignVar).
    pub fn count(&mut self, of: &Var<bool>) -> Result<Var<u32>> {
        self.fold(of, Tally { of: kernels::one_if::DESC, one: kernels::one_if::<bool> })
    }

    /// Whether any element is true, as an array of one element. See [`count`](Self::count).
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`](crate::error::GraphError::ForeignVar).
    pub fn any(&mut self, of: &Var<bool>) -> Result<Var<bool>> {
        let hits = self.count(of)?;
        self.apply(kernels::is_some::on(&hits))
    }

    /// Whether all elements are true, as an array of one element. See [`count`](Self::count).
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`](crate::error::GraphError::ForeignVar).
    pub fn all(&mut self, of: &Var<bool>) -> Result<Var<bool>> {
        let misses = self.fold(of, Tally { of: kernels::one_unless::DESC, one: kernels::one_unless::<bool> })?;
        self.apply(kernels::is_none::on(&misses))
    }

    /// Joins all elements by an operator, as an array of one element. Elements are joined with their neighbours, in order, so
    /// the operator need not commute; it must be associative as far as the result is to be, and `identity` its neutral
    /// element.
    ///
    /// The operator runs on devices if it is a kernel or a [`kernel_fn!`](crate::kernel_fn!), else on the CPU only.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// #[veda::kernel]
    /// fn join(a: u32, b: u32) -> u32 { a | b }
    ///
    /// let mut g = Graph::new();
    /// let x = g.input(&Array::from(vec![1u32, 2, 8]));
    /// let bits = g.reduce(&x, 0, join)?;
    /// g.output(&bits);
    /// assert_eq!(g.plan()?.run()?.get(&bits)?.to_vec()?, [11]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`](crate::error::GraphError::ForeignVar).
    pub fn reduce<T, F>(&mut self, of: &Var<T>, identity: T, op: F) -> Result<Var<T>>
    where
        T: Scalar,
        F: Fn(T, T) -> T + Send + Sync + 'static,
    {
        self.fold(of, Custom { identity, op })
    }

    /// Adds the nodes of a reduction: levels of tiles until one element is left.
    fn fold<F: Fold>(&mut self, of: &Var<F::Item>, fold: F) -> Result<Var<F::Acc>> {
        let variable = Variable { graph: of.graph, id: of.id, whole: false };
        let fold = Arc::new(fold);
        let first = self.tasks.len();
        let read = self.reads(&fold.name(), &[variable])?[0];
        let (len, dynamic) = (self.values[read.datum].shape.len, self.values[read.datum].dynamic);
        let result = if len <= TILE_LEN {
            self.level(&fold, read, 1, true, dynamic)
        } else {
            let mut len = len.div_ceil(TILE_LEN);
            let mut partials = self.level(&fold, read, len, false, dynamic);
            let again = Arc::new(Again(Arc::clone(&fold)));
            // 4096 elements become one: beyond 16 M elements there are more than two levels.
            while len > TILE_LEN {
                len = len.div_ceil(TILE_LEN);
                partials = self.level(&again, Read { datum: partials.id, ..read }, len, false, dynamic);
            }
            self.level(&again, Read { datum: partials.id, ..read }, 1, true, dynamic)
        };
        let last = self.tasks.len() - 1;
        self.values[result.id].from = super::Origin::Tasks(first, last);
        Ok(result)
    }

    /// One level of a reduction.
    fn level<F: Fold>(
        &mut self,
        fold: &Arc<F>,
        read: Read,
        len: usize,
        last: bool,
        dynamic: Option<usize>,
    ) -> Var<F::Acc> {
        let op = Arc::new(Tiles { fold: Arc::clone(fold), last });
        let mut task = TaskNode::new(fold.name(), Node::Op(op), vec![read]);
        let on_device = fold.terminal().is_some() && !(last && dynamic.is_some());
        if !on_device {
            task.price = Price::Host(fold.key());
        }
        // A map before it can be merged into it.
        task.fusible = on_device && dynamic.is_none();
        if !last && dynamic.is_none() {
            task.divisible = Divisible::By { grain: GRAIN, per_output: GRAIN };
        }
        self.push(task, len, if last { None } else { dynamic })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_those_of_devices() {
        for operator in [Operator::Sum, Operator::Product, Operator::Min, Operator::Max] {
            let fold = Builtin::<i32>::new(operator);
            let device = fold.terminal().and_then(|t| t.identity(Ty::I32));
            assert_eq!(device.map(veda_kernels_ir::ast::Value::bits), Some(fold.identity() as u32), "{operator:?}");
        }
    }

    #[test]
    fn a_tile_joins_in_order() {
        // Concatenation of "digits" shows the order: keep the first and the last operand.
        let op = |a: u32, b: u32| {
            if a == 0 {
                b
            } else if b == 0 {
                a
            } else {
                (a & 0xffff_0000) | (b & 0xffff)
            }
        };
        let fold = Custom { identity: 0u32, op };
        let xs: Vec<u32> = (1..=4096u32).map(|i| i << 16 | i).collect();
        assert_eq!(tile(&fold, &xs), 1 << 16 | 4096);
        assert_eq!(tile(&fold, &xs[..1000]), (1 << 16) + 1000);
        assert_eq!(tile(&fold, &[]), 0);
    }
}
