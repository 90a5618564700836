//! Arguments of a kernel whose data come later: what `on(..)` makes of a graph's variables.
//!
//! [`Source`] is data that is there; [`Deferred`] is a promise of it. A node of a graph keeps the promise, describes itself
//! with the lengths alone, and turns into sources when the data have been computed.

use std::marker::PhantomData;

use super::arg::{Position, Source, Uniform, Whole};
use super::pipe::{Buffer, Operand, PipeBuilder};
use super::scalar::{Scalar, Value32};
use crate::index::Index;

/// What one parameter of a kernel in a graph receives, once there are data for `'a`.
pub type Item<'a, S> = <<S as Deferred>::At<'a> as Source>::Item;

/// Where one parameter of a kernel in a graph comes from: a variable of the graph, or a scalar.
///
/// Variables are numbered by position: the first one that [`variables`](Self::variables) names takes the first buffer
/// of [`at`](Self::at) and [`describe`](Self::describe), and so on.
#[diagnostic::on_unimplemented(
    message = "a graph cannot hold the argument `{Self}`",
    label = "expected variables of the graph (`&Var<T>`) and scalars",
    note = "a slice may be gone before the graph runs: make it an `Array` and pass `&graph.input(&array)`"
)]
pub trait Deferred: Send + Sync + 'static {
    /// The source that it becomes.
    type At<'a>: Source;

    /// Names the variables that it stands for, in order.
    fn variables(&self, names: &mut Vec<Variable>);

    /// The source over data; `None` if the data are of another type, or do not cover the window.
    fn at<'a>(&self, data: &mut Data<'a>) -> Option<Self::At<'a>>;

    /// Adds absent buffers of these lengths to a pipe.
    fn describe(&self, pipe: &mut PipeBuilder<'static>, lens: &mut dyn Iterator<Item = usize>) -> Operand;
}

/// A variable of a graph, as a node reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Which graph.
    pub graph: u64,
    /// Its number there.
    pub id: usize,
    /// Whether every invocation sees it whole (else one element each).
    pub whole: bool,
}

/// Buffers for the variables of a node, in order, and the window that is computed.
#[derive(Debug)]
pub struct Data<'a> {
    buffers: std::vec::IntoIter<(Buffer<'a>, usize)>,
    window: std::ops::Range<usize>,
}

impl<'a> Data<'a> {
    /// Each buffer comes with the index of its first element.
    pub fn new(buffers: Vec<(Buffer<'a>, usize)>, window: std::ops::Range<usize>) -> Data<'a> {
        Data { buffers: buffers.into_iter(), window }
    }

    fn next<T: Scalar>(&mut self) -> Option<(&'a [T], usize)> {
        let (buffer, from) = self.buffers.next()?;
        Some((buffer.elements::<T>()?, from))
    }
}

/// A variable read element by element.
#[derive(Clone, Copy, Debug)]
pub struct Pending<T> {
    variable: Variable,
    ty: PhantomData<fn() -> T>,
}

/// A variable that every invocation sees whole.
#[derive(Clone, Copy, Debug)]
pub struct PendingWhole<T> {
    variable: Variable,
    ty: PhantomData<fn() -> T>,
}

impl<T> Pending<T> {
    /// Variable `id` of a graph.
    pub fn new(graph: u64, id: usize) -> Self {
        Pending { variable: Variable { graph, id, whole: false }, ty: PhantomData }
    }
}

impl<T> PendingWhole<T> {
    /// Variable `id` of a graph.
    pub fn new(graph: u64, id: usize) -> Self {
        PendingWhole { variable: Variable { graph, id, whole: true }, ty: PhantomData }
    }
}

/// A window of an array, read element by element.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a, T> {
    slice: &'a [T],
    /// Index of its first element.
    from: u32,
}

impl<T: Scalar> Source for Window<'_, T> {
    type Item = T;
    #[inline(always)]
    unsafe fn get(self, at: Index) -> T {
        // SAFETY: `Deferred::at` found that the slice covers the window, and the caller promises `at` to lie in it.
        unsafe { *self.slice.get_unchecked(at.flat().wrapping_sub(self.from) as usize) }
    }
    fn describe<'p>(self, pipe: &mut PipeBuilder<'p>) -> Operand
    where
        Self: 'p,
    {
        pipe.elements(self.slice)
    }
}

impl<T: Scalar> Deferred for Pending<T> {
    type At<'a> = Window<'a, T>;
    fn variables(&self, names: &mut Vec<Variable>) {
        names.push(self.variable);
    }
    fn at<'a>(&self, data: &mut Data<'a>) -> Option<Window<'a, T>> {
        let (slice, from) = data.next::<T>()?;
        let covers = from <= data.window.start && data.window.end <= from + slice.len();
        covers.then_some(Window { slice, from: u32::try_from(from).ok()? })
    }
    fn describe(&self, pipe: &mut PipeBuilder<'static>, lens: &mut dyn Iterator<Item = usize>) -> Operand {
        pipe.absent(T::TY, lens.next().unwrap_or(0), false)
    }
}

impl<T: Scalar> Deferred for PendingWhole<T> {
    type At<'a> = Whole<'a, T>;
    fn variables(&self, names: &mut Vec<Variable>) {
        names.push(self.variable);
    }
    fn at<'a>(&self, data: &mut Data<'a>) -> Option<Whole<'a, T>> {
        data.next::<T>().map(|(slice, _)| Whole(slice))
    }
    fn describe(&self, pipe: &mut PipeBuilder<'static>, lens: &mut dyn Iterator<Item = usize>) -> Operand {
        pipe.absent(T::TY, lens.next().unwrap_or(0), true)
    }
}

impl<T: Value32> Deferred for Uniform<T> {
    type At<'a> = Uniform<T>;
    fn variables(&self, _: &mut Vec<Variable>) {}
    fn at(&self, _: &mut Data<'_>) -> Option<Uniform<T>> {
        Some(*self)
    }
    fn describe(&self, _: &mut PipeBuilder<'static>, _: &mut dyn Iterator<Item = usize>) -> Operand {
        Operand::Uniform(self.0.value())
    }
}

impl Deferred for Position {
    type At<'a> = Position;
    fn variables(&self, _: &mut Vec<Variable>) {}
    fn at(&self, _: &mut Data<'_>) -> Option<Position> {
        Some(Position)
    }
    fn describe(&self, _: &mut PipeBuilder<'static>, _: &mut dyn Iterator<Item = usize>) -> Operand {
        Operand::Index
    }
}

macro_rules! tuples {
    ($($s:ident $i:tt),+) => {
        impl<$($s: Deferred),+> Deferred for ($($s,)+) {
            type At<'a> = ($($s::At<'a>,)+);
            fn variables(&self, names: &mut Vec<Variable>) {
                $(self.$i.variables(names);)+
            }
            fn at<'a>(&self, data: &mut Data<'a>) -> Option<Self::At<'a>> {
                Some(($(self.$i.at(data)?,)+))
            }
            fn describe(&self, pipe: &mut PipeBuilder<'static>, lens: &mut dyn Iterator<Item = usize>) -> Operand {
                Operand::Tuple(vec![$(self.$i.describe(pipe, lens)),+])
            }
        }
    };
}
tuples!(S0 0);
tuples!(S0 0, S1 1);
tuples!(S0 0, S1 1, S2 2);
tuples!(S0 0, S1 1, S2 2, S3 3);
tuples!(S0 0, S1 1, S2 2, S3 3, S4 4);
tuples!(S0 0, S1 1, S2 2, S3 3, S4 4, S5 5);
tuples!(S0 0, S1 1, S2 2, S3 3, S4 4, S5 5, S6 6);
tuples!(S0 0, S1 1, S2 2, S3 3, S4 4, S5 5, S6 6, S7 7);
tuples!(S0 0, S1 1, S2 2, S3 3, S4 4, S5 5, S6 6, S7 7, S8 8);
tuples!(S0 0, S1 1, S2 2, S3 3, S4 4, S5 5, S6 6, S7 7, S8 8, S9 9);
tuples!(S0 0, S1 1, S2 2, S3 3, S4 4, S5 5, S6 6, S7 7, S8 8, S9 9, S10 10);
tuples!(S0 0, S1 1, S2 2, S3 3, S4 4, S5 5, S6 6, S7 7, S8 8, S9 9, S10 10, S11 11);
