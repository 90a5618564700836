//! What nodes share on the CPU: an output that several tasks write, and inputs as buffers of a pipe.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use veda_kernels_ir::ast::Ty;

use super::host::HostSlice;
use crate::error::Error;
use crate::kernel::pipe::Buffer;
use crate::kernel::scalar::Scalar;

/// Elements per task of the pool: 16 KiB, which with its inputs stays in L1/L2, and some microseconds of work.
pub(crate) const BLOCK: usize = 4096;

/// An exclusive slice that tasks write in disjoint parts.
#[derive(Debug)]
pub(crate) struct Span<'a, T> {
    ptr: *mut T,
    len: usize,
    lifetime: PhantomData<&'a mut [T]>,
}

// SAFETY: tasks get disjoint parts (see `part`), and the elements may be sent.
unsafe impl<T: Send> Sync for Span<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Span<'_, T> {}

impl<'a, T: Scalar> Span<'a, T> {
    /// Over a slice.
    pub(crate) fn new(slice: &'a mut [T]) -> Span<'a, T> {
        Span { ptr: slice.as_mut_ptr(), len: slice.len(), lifetime: PhantomData }
    }

    /// The elements `lo..hi`, to be written. (They stay initialised: whoever writes through a `MaybeUninit` writes a `T`.)
    ///
    /// # Safety
    /// No other part that lives overlaps.
    ///
    /// # Panics
    /// If it is out of bounds.
    #[allow(clippy::mut_from_ref)] // disjointness is the caller's promise
    pub(crate) unsafe fn part(&self, lo: usize, hi: usize) -> &mut [MaybeUninit<T>] {
        assert!(lo <= hi && hi <= self.len);
        // SAFETY: in bounds; exclusive by the caller's promise; `MaybeUninit<T>` has the layout of `T`.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(lo).cast(), hi - lo) }
    }

    /// The elements `lo..hi`.
    ///
    /// # Safety
    /// No other part that lives overlaps.
    ///
    /// # Panics
    /// If it is out of bounds.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn slice(&self, lo: usize, hi: usize) -> &mut [T] {
        assert!(lo <= hi && hi <= self.len);
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(lo), hi - lo) }
    }
}

/// A window of host memory as a buffer of a pipe.
pub(crate) fn buffer(slice: HostSlice<'_>) -> Buffer<'_> {
    fn typed<T: Scalar>(slice: HostSlice<'_>) -> Buffer<'_> {
        Buffer::new::<T>(slice.get().unwrap_or(&[]), false)
    }
    match slice.ty() {
        Ty::F32 => typed::<f32>(slice),
        Ty::I32 => typed::<i32>(slice),
        Ty::Bool => typed::<bool>(slice),
        Ty::U32 | Ty::Usize | Ty::Unit => typed::<u32>(slice),
    }
}

/// A node was given an array of another type: the graph's types rule that out, so it is a defect of veda's own.
pub(crate) fn same_type(node: &str) -> Error {
    Error::Link { kernel: node.to_owned(), reason: "an array has another element type than the node".to_owned() }
}
