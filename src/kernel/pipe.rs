//! A chain of kernels over buffers as plain data: what one routed call computes, before anybody decides where.

use std::marker::PhantomData;

use veda_kernels_ir::ast::{Ty, Value};

use super::desc::KernelDesc;
use super::scalar::Scalar;
use crate::index::Space;

/// A buffer in host memory that a pipe reads.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<'a> {
    /// First element; `len` elements of 4 bytes (1 byte for bool) follow.
    ptr: *const u8,
    /// Elements.
    pub len: usize,
    /// Element type.
    pub ty: Ty,
    /// Whether every invocation sees the whole buffer (else one element each).
    pub whole: bool,
    lifetime: PhantomData<&'a [u8]>,
}

// SAFETY: a `Buffer` is a shared borrow of a slice of a `Scalar`, which is `Sync`.
unsafe impl Send for Buffer<'_> {}
// SAFETY: as above.
unsafe impl Sync for Buffer<'_> {}

impl<'a> Buffer<'a> {
    /// A view of a slice.
    pub fn new<T: Scalar>(slice: &'a [T], whole: bool) -> Buffer<'a> {
        Buffer { ptr: slice.as_ptr().cast(), len: slice.len(), ty: T::TY, whole, lifetime: PhantomData }
    }

    /// A buffer of which only type and length are known; it has no bytes to show.
    pub fn absent(ty: Ty, len: usize, whole: bool) -> Buffer<'static> {
        Buffer { ptr: std::ptr::null(), len, ty, whole, lifetime: PhantomData }
    }

    /// The elements; `None` if the type is another one, or the buffer is [absent](Self::absent).
    pub fn elements<T: Scalar>(&self) -> Option<&'a [T]> {
        // SAFETY: `ptr` comes from a slice of `len` elements of this type that lives for 'a.
        (T::TY == self.ty && !self.ptr.is_null())
            .then(|| unsafe { std::slice::from_raw_parts(self.ptr.cast::<T>(), self.len) })
    }

    /// Bytes per element in host memory.
    pub fn host_stride(&self) -> usize {
        if self.ty == Ty::Bool { 1 } else { 4 }
    }

    /// The elements `from..to` as the bytes of host memory.
    ///
    /// # Panics
    /// If the range is out of bounds, or the buffer is [absent](Self::absent).
    pub fn bytes(&self, from: usize, to: usize) -> &'a [u8] {
        assert!(from <= to && to <= self.len && !self.ptr.is_null());
        let stride = self.host_stride();
        // SAFETY: `ptr` comes from a slice of `len` elements of `stride` bytes that lives for 'a; f32, u32, i32 and
        // bool have no padding, so their bytes are initialised.
        unsafe { std::slice::from_raw_parts(self.ptr.add(from * stride), (to - from) * stride) }
    }
}

/// What a stage reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// The element of the n-th buffer.
    Element(usize),
    /// The n-th buffer, whole.
    Whole(usize),
    /// A value that is the same for all invocations.
    Uniform(Value),
    /// The invocation's [`Index`](crate::Index).
    Index,
    /// The flat position as a scalar of this type (`enumerate`, ranges), plus an offset.
    Position(Ty, Value),
    /// The result of the n-th stage.
    Stage(usize),
    /// A tuple, as `zip` makes it.
    Tuple(Vec<Operand>),
}

/// What a stage does with its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StageKind {
    /// Its result is a value for later stages.
    Map,
    /// Its result is a bool: elements for which it is false are dropped.
    Filter,
}

/// One kernel of a pipe.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Map or filter.
    pub kind: StageKind,
    /// The kernel.
    pub desc: &'static KernelDesc,
    /// Values of its captured scalars.
    pub captures: Vec<Value>,
    /// Its arguments, one per parameter.
    pub args: Vec<Operand>,
}

/// A chain of kernels over buffers.
#[derive(Clone, Debug)]
pub struct Pipe<'a> {
    /// The buffers that it reads.
    pub buffers: Vec<Buffer<'a>>,
    /// Its kernels, in order.
    pub stages: Vec<Stage>,
    /// What each surviving invocation yields.
    pub result: Operand,
    /// How many invocations there are, and in what shape.
    pub space: Space,
}

/// Collects the buffers of a pipe while its operands are described.
#[derive(Debug, Default)]
pub struct PipeBuilder<'a> {
    buffers: Vec<Buffer<'a>>,
}

impl<'a> PipeBuilder<'a> {
    /// Adds a buffer that is read element by element.
    pub fn elements<T: Scalar>(&mut self, slice: &'a [T]) -> Operand {
        self.buffers.push(Buffer::new(slice, false));
        Operand::Element(self.buffers.len() - 1)
    }

    /// Adds a buffer that every invocation sees whole.
    pub fn whole<T: Scalar>(&mut self, slice: &'a [T]) -> Operand {
        self.buffers.push(Buffer::new(slice, true));
        Operand::Whole(self.buffers.len() - 1)
    }

    /// Adds a buffer of which only type and length are known.
    pub fn absent(&mut self, ty: Ty, len: usize, whole: bool) -> Operand {
        self.buffers.push(Buffer::absent(ty, len, whole));
        let k = self.buffers.len() - 1;
        if whole { Operand::Whole(k) } else { Operand::Element(k) }
    }

    /// The buffers added so far.
    pub fn into_buffers(self) -> Vec<Buffer<'a>> {
        self.buffers
    }
}
