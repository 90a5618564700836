//! `reduce` and `reduce_with`.

use super::ParallelIterator;
use super::kind::{is_order_sensitive, uncast, value};
use super::offload::{self, Routed, Terminal};
use super::plumbing::{Consumer, Folder, Reducer, UnindexedConsumer};
use crate::kernel::registry;
use crate::kernel::scalar::Value32;
use veda_kernels_ir::ast::Value;

pub(super) fn reduce<I, ID, OP>(iter: I, identity: &ID, op: &OP) -> I::Item
where
    I: ParallelIterator,
    ID: Fn() -> I::Item + Sync,
    OP: Fn(I::Item, I::Item) -> I::Item + Sync,
{
    let ticket = match offer(&iter, identity, op) {
        Some(Routed::Done(result)) => return result,
        Some(Routed::Cpu(ticket)) => Some(ticket),
        None => None,
    };
    let result = iter.drive_unindexed(ReduceConsumer { identity, op });
    if let Some(ticket) = ticket {
        ticket.finish();
    }
    result
}

/// Offers the reduction to the router if its operator is a kernel.
fn offer<I, ID, OP>(iter: &I, identity: &ID, op: &OP) -> Option<Routed<I::Item>>
where
    I: ParallelIterator,
    ID: Fn() -> I::Item,
    OP: Fn(I::Item, I::Item) -> I::Item,
{
    if !iter.is_describable() {
        return None;
    }
    let (desc, captures) = registry::find(op)?;
    let pipe = iter.describe()?;
    let terminal = Terminal::Reduce { op: desc, captures, identity: to_value(identity())? };
    let join = |a, b| to_value(op(from_value(a)?, from_value(b)?));
    Some(match offload::reduce_by(&pipe, &terminal, &join) {
        Routed::Done(value) => Routed::Done(from_value(value)?),
        Routed::Cpu(ticket) => Routed::Cpu(ticket),
    })
}

/// A scalar as the router sees it.
fn to_value<T>(item: T) -> Option<Value> {
    macro_rules! first {
        ($($t:ty)*) => {$(
            if super::kind::is::<T, $t>() {
                return value::<T, $t>(item).map(Value32::value);
            }
        )*};
    }
    first!(f32 u32 i32 bool);
    None
}

/// A scalar from the router, if it is a `T`.
pub(super) fn from_value<T>(value: Value) -> Option<T> {
    match value {
        Value::F32(x) => uncast(x),
        Value::U32(x) => uncast(x),
        Value::I32(x) => uncast(x),
        Value::Usize(x) => uncast(x as usize),
        Value::Bool(x) => uncast(x),
    }
}

pub(super) fn reduce_with<I, OP>(iter: I, op: &OP) -> Option<I::Item>
where
    I: ParallelIterator,
    OP: Fn(I::Item, I::Item) -> I::Item + Sync + Send,
{
    let join = |a: Option<I::Item>, b: Option<I::Item>| match (a, b) {
        (Some(a), Some(b)) => Some(op(a, b)),
        (a, b) => a.or(b),
    };
    iter.map(Some).drive_unindexed(ReduceConsumer { identity: &|| None, op: &join })
}

struct ReduceConsumer<'r, ID, OP> {
    identity: &'r ID,
    op: &'r OP,
}

impl<ID, OP> Clone for ReduceConsumer<'_, ID, OP> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<ID, OP> Copy for ReduceConsumer<'_, ID, OP> {}

impl<'r, T, ID, OP> Consumer<T> for ReduceConsumer<'r, ID, OP>
where
    T: Send,
    ID: Fn() -> T + Sync,
    OP: Fn(T, T) -> T + Sync,
{
    type Folder = ReduceFolder<'r, T, OP>;
    type Reducer = Self;
    type Result = T;
    fn split_at(self, _: usize) -> (Self, Self, Self) {
        (self, self, self)
    }
    #[inline(always)]
    fn into_folder(self) -> Self::Folder {
        ReduceFolder { acc: (self.identity)(), op: self.op }
    }
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
    #[inline(always)]
    fn fixed_tree(&self) -> bool {
        is_order_sensitive::<T>()
    }
}

impl<T, ID, OP> UnindexedConsumer<T> for ReduceConsumer<'_, ID, OP>
where
    T: Send,
    ID: Fn() -> T + Sync,
    OP: Fn(T, T) -> T + Sync,
{
    fn split_off_left(&self) -> Self {
        *self
    }
    fn to_reducer(&self) -> Self {
        *self
    }
}

impl<T, ID, OP: Fn(T, T) -> T> Reducer<T> for ReduceConsumer<'_, ID, OP> {
    fn reduce(self, left: T, right: T) -> T {
        (self.op)(left, right)
    }
}

struct ReduceFolder<'r, T, OP> {
    acc: T,
    op: &'r OP,
}

impl<T, OP: Fn(T, T) -> T> Folder<T> for ReduceFolder<'_, T, OP> {
    type Result = T;
    #[inline(always)]
    fn consume(self, item: T) -> Self {
        ReduceFolder { acc: (self.op)(self.acc, item), op: self.op }
    }
    #[inline(always)]
    fn consume_iter<I>(self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        ReduceFolder { acc: iter.into_iter().fold(self.acc, self.op), op: self.op }
    }
    #[inline(always)]
    fn complete(self) -> T {
        self.acc
    }
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
    #[inline(always)]
    fn stops(&self) -> bool {
        false
    }
}
