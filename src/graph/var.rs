//! Handles of a graph's arrays, and tuples of them.

use std::fmt;
use std::marker::PhantomData;

use crate::kernel::arg::{Bind, BindSlice};
use crate::kernel::deferred::{Pending, PendingWhole, Variable};
use crate::kernel::pipe::Buffer;
use crate::kernel::scalar::Scalar;

/// An array of a [`Graph`](super::Graph) that will have a value when the graph runs. A cheap `Copy` handle.
///
/// Kernels take it where they take slices: `saxpy::on(2.0, &x, &y)`.
///
/// ```
/// use veda::{Array, Graph};
///
/// let mut g = Graph::new();
/// let x = g.input(&Array::from(vec![1.0f32, 2.0]));
/// let also_x: veda::Var<f32> = x;
/// assert_eq!(x, also_x);
/// ```
pub struct Var<T> {
    pub(super) graph: u64,
    pub(super) id: usize,
    ty: PhantomData<fn() -> T>,
}

impl<T> Var<T> {
    pub(super) fn new(graph: u64, id: usize) -> Var<T> {
        Var { graph, id, ty: PhantomData }
    }
}
impl<T> Clone for Var<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Var<T> {}
impl<T> PartialEq for Var<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.graph, self.id) == (other.graph, other.id)
    }
}
impl<T> Eq for Var<T> {}
impl<T> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Var<{}>({} of graph {})", std::any::type_name::<T>(), self.id, self.graph)
    }
}

macro_rules! bindable {
    ($($v:ty),*) => {$(
        impl<T: Scalar> Bind<T> for $v {
            type Source = Pending<T>;
            fn bind(self) -> Pending<T> {
                Pending::new(self.graph, self.id)
            }
        }
        impl<T: Scalar> BindSlice<'_, T> for $v {
            type Source = PendingWhole<T>;
            fn bind(self) -> PendingWhole<T> {
                PendingWhole::new(self.graph, self.id)
            }
        }
        impl<T: Scalar> OneVar for $v {
            type Element = T;
            fn one(&self) -> Var<T> {
                Var::new(self.graph, self.id)
            }
        }
    )*};
}
bindable!(Var<T>, &Var<T>);

/// A variable or a reference to one.
pub trait OneVar {
    /// Its element type.
    type Element: Scalar;
    /// The variable.
    fn one(&self) -> Var<Self::Element>;
}

/// The variables that a host function, a hand-written kernel or a loop takes: one, or a tuple of up to eight.
///
/// Nobody but veda implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a variable of a graph, nor a tuple of up to eight",
    label = "expected `&Var<T>` or `(&Var<A>, &Var<B>, ..)`"
)]
pub trait Vars {
    /// The same as values: what a loop's body receives and returns.
    type Owned: Vars<Owned = Self::Owned>;
    /// Their elements: what a host function receives.
    type Slices<'a>: Send;

    #[doc(hidden)]
    fn variables(&self) -> Vec<Variable>;
    #[doc(hidden)]
    fn owned(graph: u64, ids: &mut dyn Iterator<Item = usize>) -> Option<Self::Owned>;
    #[doc(hidden)]
    fn slices<'a>(buffers: &mut dyn Iterator<Item = Buffer<'a>>) -> Option<Self::Slices<'a>>;
}

fn variable<V: OneVar>(var: &V) -> Variable {
    let var = var.one();
    Variable { graph: var.graph, id: var.id, whole: true }
}

macro_rules! one {
    ($($v:ty),*) => {$(
        impl<T: Scalar> Vars for $v {
            type Owned = Var<T>;
            type Slices<'a> = &'a [T];
            fn variables(&self) -> Vec<Variable> {
                vec![variable(self)]
            }
            fn owned(graph: u64, ids: &mut dyn Iterator<Item = usize>) -> Option<Var<T>> {
                Some(Var::new(graph, ids.next()?))
            }
            fn slices<'a>(buffers: &mut dyn Iterator<Item = Buffer<'a>>) -> Option<&'a [T]> {
                buffers.next()?.elements()
            }
        }
    )*};
}
one!(Var<T>, &Var<T>);

macro_rules! tuples {
    ($($v:ident $i:tt),*) => {
        impl<$($v: OneVar),*> Vars for ($($v,)*) {
            type Owned = ($(Var<$v::Element>,)*);
            type Slices<'a> = ($(&'a [$v::Element],)*);
            fn variables(&self) -> Vec<Variable> {
                vec![$(variable(&self.$i)),*]
            }
            fn owned(graph: u64, ids: &mut dyn Iterator<Item = usize>) -> Option<Self::Owned> {
                Some(($(Var::<$v::Element>::new(graph, ids.next()?),)*))
            }
            fn slices<'a>(buffers: &mut dyn Iterator<Item = Buffer<'a>>) -> Option<Self::Slices<'a>> {
                Some(($(buffers.next()?.elements::<$v::Element>()?,)*))
            }
        }
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
