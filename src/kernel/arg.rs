//! How values reach a kernel's parameters: [`Arg`] when it is called as a function or mapped over an iterator,
//! [`Bind`] and [`Source`] when it is bound with `on(..)`.

use super::pipe::{Operand, PipeBuilder};
use super::scalar::{Scalar, Value32};
use crate::index::Index;

/// What a scalar by-value parameter of a kernel accepts: the scalar or a reference to it, so that
/// `slice.par_iter().map(square)` and `square(2.0)` both compile.
#[diagnostic::on_unimplemented(
    message = "a kernel parameter of type `{T}` cannot take `{Self}`",
    label = "expected `{T}` or `&{T}`",
    note = "`#[veda::kernel(exact)]` gives the function its plain signature"
)]
pub trait Arg<T> {
    /// The scalar.
    fn get(self) -> T;
}

impl<T: Value32> Arg<T> for T {
    #[inline(always)]
    fn get(self) -> T {
        self
    }
}

impl<T: Value32> Arg<T> for &T {
    #[inline(always)]
    fn get(self) -> T {
        *self
    }
}

/// Where one parameter of a bound kernel comes from, per invocation.
#[diagnostic::on_unimplemented(
    message = "the argument `{Self}` has no data yet",
    label = "a kernel over variables of a graph is a node: pass it to `Graph::apply`"
)]
pub trait Source: Copy + Send + Sync {
    /// What the parameter receives.
    type Item;

    /// The parameter's value for the invocation at `at`.
    ///
    /// # Safety
    /// `at.flat()` is below the length of every slice that is read element by element.
    unsafe fn get(self, at: Index) -> Self::Item;

    /// Adds the source to a pipe and says how a stage refers to it.
    fn describe<'p>(self, pipe: &mut PipeBuilder<'p>) -> Operand
    where
        Self: 'p;
}

/// What may be passed for a scalar parameter in `on(..)`: a scalar (broadcast), or a slice or a graph's variable (read
/// element by element).
#[diagnostic::on_unimplemented(
    message = "a kernel parameter of type `{T}` cannot be bound to `{Self}`",
    label = "expected `{T}`, `&[{T}]`, `&Vec<{T}>` or `&Var<{T}>`"
)]
pub trait Bind<T> {
    /// What it becomes: a [`Source`], or a [`Deferred`](super::deferred::Deferred) one for a variable of a graph.
    type Source;
    /// Converts.
    fn bind(self) -> Self::Source;
}

/// What may be passed for a `&[T]` parameter in `on(..)`.
#[diagnostic::on_unimplemented(
    message = "a kernel parameter of type `&[{T}]` cannot be bound to `{Self}`",
    label = "expected `&[{T}]`, `&Vec<{T}>` or `&Var<{T}>`"
)]
pub trait BindSlice<'a, T: Scalar> {
    /// What it becomes.
    type Source;
    /// Converts.
    fn bind(self) -> Self::Source;
}

/// One value for all invocations.
#[derive(Clone, Copy, Debug)]
pub struct Uniform<T>(pub T);

/// A slice read element by element.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a, T>(pub &'a [T]);

/// A slice that each invocation sees whole.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a, T>(pub &'a [T]);

/// The invocation's place in the index space.
#[derive(Clone, Copy, Debug)]
pub struct Position;

impl<T: Value32> Source for Uniform<T> {
    type Item = T;
    #[inline(always)]
    unsafe fn get(self, _: Index) -> T {
        self.0
    }
    fn describe<'p>(self, _: &mut PipeBuilder<'p>) -> Operand
    where
        Self: 'p,
    {
        Operand::Uniform(self.0.value())
    }
}

impl<T: Scalar> Source for Elements<'_, T> {
    type Item = T;
    #[inline(always)]
    unsafe fn get(self, at: Index) -> T {
        // SAFETY: the caller promises `at.flat < self.0.len()`.
        unsafe { *self.0.get_unchecked(at.flat() as usize) }
    }
    fn describe<'p>(self, pipe: &mut PipeBuilder<'p>) -> Operand
    where
        Self: 'p,
    {
        pipe.elements(self.0)
    }
}

impl<'a, T: Scalar> Source for Whole<'a, T> {
    type Item = &'a [T];
    #[inline(always)]
    unsafe fn get(self, _: Index) -> &'a [T] {
        self.0
    }
    fn describe<'p>(self, pipe: &mut PipeBuilder<'p>) -> Operand
    where
        Self: 'p,
    {
        pipe.whole(self.0)
    }
}

impl Source for Position {
    type Item = Index;
    #[inline(always)]
    unsafe fn get(self, at: Index) -> Index {
        at
    }
    fn describe<'p>(self, _: &mut PipeBuilder<'p>) -> Operand
    where
        Self: 'p,
    {
        Operand::Index
    }
}

impl<T: Value32> Bind<T> for T {
    type Source = Uniform<T>;
    fn bind(self) -> Uniform<T> {
        Uniform(self)
    }
}
impl<'a, T: Scalar> Bind<T> for &'a [T] {
    type Source = Elements<'a, T>;
    fn bind(self) -> Elements<'a, T> {
        Elements(self)
    }
}
impl<'a, T: Scalar> Bind<T> for &'a Vec<T> {
    type Source = Elements<'a, T>;
    fn bind(self) -> Elements<'a, T> {
        Elements(self)
    }
}
impl<'a, T: Scalar, const N: usize> Bind<T> for &'a [T; N] {
    type Source = Elements<'a, T>;
    fn bind(self) -> Elements<'a, T> {
        Elements(self)
    }
}
impl<'a, T: Scalar> BindSlice<'a, T> for &'a [T] {
    type Source = Whole<'a, T>;
    fn bind(self) -> Whole<'a, T> {
        Whole(self)
    }
}
impl<'a, T: Scalar> BindSlice<'a, T> for &'a Vec<T> {
    type Source = Whole<'a, T>;
    fn bind(self) -> Whole<'a, T> {
        Whole(self)
    }
}
impl<'a, T: Scalar, const N: usize> BindSlice<'a, T> for &'a [T; N] {
    type Source = Whole<'a, T>;
    fn bind(self) -> Whole<'a, T> {
        Whole(self)
    }
}

macro_rules! tuple_sources {
    ($($s:ident $t:ident $i:tt),+) => {
        impl<$($s: Source),+> Source for ($($s,)+) {
            type Item = ($($s::Item,)+);
            #[inline(always)]
            unsafe fn get(self, at: Index) -> Self::Item {
                // SAFETY: passed on to the caller.
                unsafe { ($(self.$i.get(at),)+) }
            }
            fn describe<'p>(self, pipe: &mut PipeBuilder<'p>) -> Operand
    where
        Self: 'p,
    {
                Operand::Tuple(vec![$(self.$i.describe(pipe)),+])
            }
        }
        impl<$($s,)+ $($t),+> Arg<($($t,)+)> for ($($s,)+)
        where
            $($s: Arg<$t>),+
        {
            #[inline(always)]
            fn get(self) -> ($($t,)+) {
                ($(self.$i.get(),)+)
            }
        }
        impl<$($s,)+ $($t),+> Bind<($($t,)+)> for ($($s,)+)
        where
            $($s: Bind<$t>),+
        {
            type Source = ($($s::Source,)+);
            fn bind(self) -> Self::Source {
                ($(self.$i.bind(),)+)
            }
        }
    };
}
tuple_sources!(S0 T0 0);
tuple_sources!(S0 T0 0, S1 T1 1);
tuple_sources!(S0 T0 0, S1 T1 1, S2 T2 2);
tuple_sources!(S0 T0 0, S1 T1 1, S2 T2 2, S3 T3 3);
tuple_sources!(S0 T0 0, S1 T1 1, S2 T2 2, S3 T3 3, S4 T4 4);
tuple_sources!(S0 T0 0, S1 T1 1, S2 T2 2, S3 T3 3, S4 T4 4, S5 T5 5);
tuple_sources!(S0 T0 0, S1 T1 1, S2 T2 2, S3 T3 3, S4 T4 4, S5 T5 5, S6 T6 6);
tuple_sources!(S0 T0 0, S1 T1 1, S2 T2 2, S3 T3 3, S4 T4 4, S5 T5 5, S6 T6 6, S7 T7 7);
tuple_sources!(S0 T0 0, S1 T1 1, S2 T2 2, S3 T3 3, S4 T4 4, S5 T5 5, S6 T6 6, S7 T7 7, S8 T8 8);
tuple_sources!(S0 T0 0, S1 T1 1, S2 T2 2, S3 T3 3, S4 T4 4, S5 T5 5, S6 T6 6, S7 T7 7, S8 T8 8, S9 T9 9);
tuple_sources!(S0 T0 0, S1 T1 1, S2 T2 2, S3 T3 3, S4 T4 4, S5 T5 5, S6 T6 6, S7 T7 7, S8 T8 8, S9 T9 9, S10 T10 10);
tuple_sources!(S0 T0 0, S1 T1 1, S2 T2 2, S3 T3 3, S4 T4 4, S5 T5 5, S6 T6 6, S7 T7 7, S8 T8 8, S9 T9 9, S10 T10 10, S11 T11 11);
