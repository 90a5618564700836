//! Host memory of one array version: written window by window, by several lanes at once.

use std::sync::atomic::{AtomicU64, Ordering};

use veda_kernels_ir::ast::Ty;

use crate::kernel::scalar::Scalar;

/// The elements, typed.
#[derive(Debug)]
enum Elements {
    F32(Box<[f32]>),
    U32(Box<[u32]>),
    I32(Box<[i32]>),
    Bool(Box<[bool]>),
}

/// An array in host memory whose windows are written by different threads. Starts as zeros.
///
/// The executor's rules make this sound, and `planner::schedule::check` checks them for every plan that tests make: a
/// version has one writer per window, windows of one version do not overlap, and whoever reads a window does so after its
/// writer is done (a lock is released and taken in between).
#[derive(Debug)]
pub(crate) struct HostBuffer {
    ptr: *mut u8,
    capacity: usize,
    ty: Ty,
    /// Elements that count: less than the capacity where a filter dropped some.
    len: AtomicU64,
    /// Owns what `ptr` points to; never touched while the buffer is shared.
    owner: Elements,
}

// SAFETY: the memory is plain scalars; `window` and `window_mut` are unsafe and state who may call them when.
unsafe impl Send for HostBuffer {}
// SAFETY: as above.
unsafe impl Sync for HostBuffer {}

impl HostBuffer {
    /// `capacity` zeros. The system hands them out lazily, so unused memory costs nothing.
    pub(crate) fn zeroed(ty: Ty, capacity: usize) -> HostBuffer {
        let owner = match ty {
            Ty::F32 => Elements::F32(vec![0.0; capacity].into()),
            Ty::I32 => Elements::I32(vec![0; capacity].into()),
            Ty::Bool => Elements::Bool(vec![false; capacity].into()),
            Ty::U32 | Ty::Usize | Ty::Unit => Elements::U32(vec![0; capacity].into()),
        };
        HostBuffer::own(owner, ty, capacity)
    }

    /// Takes a vector over without a copy.
    pub(crate) fn from_vec<T: Scalar>(vec: Vec<T>) -> HostBuffer {
        use std::any::Any;
        let capacity = vec.len();
        let boxed: Box<dyn Any> = Box::new(vec);
        // `Scalar` is sealed: these four are all there are.
        let owner = match boxed.downcast::<Vec<f32>>() {
            Ok(v) => Elements::F32((*v).into()),
            Err(boxed) => match boxed.downcast::<Vec<u32>>() {
                Ok(v) => Elements::U32((*v).into()),
                Err(boxed) => match boxed.downcast::<Vec<i32>>() {
                    Ok(v) => Elements::I32((*v).into()),
                    Err(boxed) => match boxed.downcast::<Vec<bool>>() {
                        Ok(v) => Elements::Bool((*v).into()),
                        Err(_) => unreachable!("every scalar is one of f32, u32, i32, bool"),
                    },
                },
            },
        };
        HostBuffer::own(owner, T::TY, capacity)
    }

    fn own(mut owner: Elements, ty: Ty, capacity: usize) -> HostBuffer {
        let ptr = match &mut owner {
            Elements::F32(v) => v.as_mut_ptr().cast(),
            Elements::U32(v) => v.as_mut_ptr().cast(),
            Elements::I32(v) => v.as_mut_ptr().cast(),
            Elements::Bool(v) => v.as_mut_ptr().cast(),
        };
        HostBuffer { ptr, capacity, ty, len: AtomicU64::new(capacity as u64), owner }
    }

    /// Element type.
    pub(crate) fn ty(&self) -> Ty {
        self.ty
    }

    /// Elements that there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Elements that count.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire) as usize
    }

    /// Says how many elements count.
    pub(crate) fn set_len(&self, len: usize) {
        debug_assert!(len <= self.capacity);
        self.len.store(len as u64, Ordering::Release);
    }

    /// The elements `from..to`, for reading.
    ///
    /// # Safety
    /// Nobody writes into this window while the result lives.
    ///
    /// # Panics
    /// If the window is out of bounds.
    pub(crate) unsafe fn window(&self, from: usize, to: usize) -> HostSlice<'_> {
        assert!(from <= to && to <= self.capacity);
        // SAFETY: in bounds.
        let ptr = unsafe { self.ptr.add(from * stride(self.ty)) };
        HostSlice { ptr, len: to - from, ty: self.ty, lifetime: std::marker::PhantomData }
    }

    /// The elements `from..to`, for writing.
    ///
    /// # Safety
    /// Nobody else reads or writes this window while the result lives.
    ///
    /// # Panics
    /// If the window is out of bounds.
    pub(crate) unsafe fn window_mut(&self, from: usize, to: usize) -> HostSliceMut<'_> {
        assert!(from <= to && to <= self.capacity);
        // SAFETY: in bounds.
        let ptr = unsafe { self.ptr.add(from * stride(self.ty)) };
        HostSliceMut { ptr, len: to - from, ty: self.ty, lifetime: std::marker::PhantomData }
    }

    /// The elements as a vector, without a copy where all of them count. `None` if the type is another one.
    pub(crate) fn into_vec<T: Scalar>(self) -> Option<Vec<T>> {
        let len = self.len();
        if T::TY != self.ty {
            return None;
        }
        use std::any::Any;
        let any: Box<dyn Any> = match self.owner {
            Elements::F32(v) => Box::new(v.into_vec()),
            Elements::U32(v) => Box::new(v.into_vec()),
            Elements::I32(v) => Box::new(v.into_vec()),
            Elements::Bool(v) => Box::new(v.into_vec()),
        };
        let mut vec = *any.downcast::<Vec<T>>().ok()?;
        vec.truncate(len);
        Some(vec)
    }
}

/// Bytes of one element in host memory.
pub(crate) fn stride(ty: Ty) -> usize {
    if ty == Ty::Bool { 1 } else { 4 }
}

/// A window for reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostSlice<'a> {
    ptr: *const u8,
    len: usize,
    ty: Ty,
    lifetime: std::marker::PhantomData<&'a [u8]>,
}

// SAFETY: a shared borrow of plain scalars.
unsafe impl Send for HostSlice<'_> {}
// SAFETY: as above.
unsafe impl Sync for HostSlice<'_> {}

impl<'a> HostSlice<'a> {
    /// Its elements; `None` if the type is another one.
    pub(crate) fn get<T: Scalar>(self) -> Option<&'a [T]> {
        // SAFETY: `window` was called with this length on elements of this type.
        (T::TY == self.ty).then(|| unsafe { std::slice::from_raw_parts(self.ptr.cast::<T>(), self.len) })
    }

    /// The elements `from..to` of the window.
    ///
    /// # Panics
    /// If they are out of bounds.
    pub(crate) fn part(self, from: usize, to: usize) -> HostSlice<'a> {
        assert!(from <= to && to <= self.len);
        // SAFETY: in bounds.
        HostSlice { ptr: unsafe { self.ptr.add(from * stride(self.ty)) }, len: to - from, ..self }
    }

    /// Its bytes as host memory has them (bool: 1 byte each).
    pub(crate) fn bytes(self) -> &'a [u8] {
        // SAFETY: as above; scalars have no padding.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len * stride(self.ty)) }
    }

    /// Elements.
    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// Element type.
    pub(crate) fn ty(self) -> Ty {
        self.ty
    }
}

/// A window for writing.
#[derive(Debug)]
pub(crate) struct HostSliceMut<'a> {
    ptr: *mut u8,
    len: usize,
    ty: Ty,
    lifetime: std::marker::PhantomData<&'a mut [u8]>,
}

// SAFETY: an exclusive borrow of plain scalars.
unsafe impl Send for HostSliceMut<'_> {}

impl<'a> HostSliceMut<'a> {
    /// Its elements; `None` if the type is another one.
    pub(crate) fn get<T: Scalar>(self) -> Option<&'a mut [T]> {
        // SAFETY: `window_mut` was called with this length on elements of this type, and all bytes are initialised.
        (T::TY == self.ty).then(|| unsafe { std::slice::from_raw_parts_mut(self.ptr.cast::<T>(), self.len) })
    }

    /// Copies elements of the same type in, as many as both have.
    pub(crate) fn copy_elements(self, from: HostSlice<'_>) {
        debug_assert_eq!(self.ty, from.ty);
        let bytes = self.len.min(from.len) * stride(self.ty);
        // SAFETY: both have so many bytes, and the borrow is exclusive, so they do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(from.ptr, self.ptr, bytes) };
    }

    /// The window for several tasks that write disjoint parts.
    pub(crate) fn shared(self) -> SharedSliceMut<'a> {
        SharedSliceMut(self)
    }

    /// Copies device words (4 bytes per element) in.
    ///
    /// # Panics
    /// If the lengths differ.
    pub(crate) fn copy_words(self, words: &[u8]) {
        assert_eq!(words.len(), 4 * self.len);
        if self.ty == Ty::Bool {
            for (i, word) in words.chunks_exact(4).enumerate() {
                // SAFETY: `i` is below `len`; a bool is written as 0 or 1.
                unsafe { self.ptr.add(i).write(u8::from(word != [0; 4])) };
            }
        } else {
            // SAFETY: `4 * len` bytes each, and the borrow is exclusive, so they do not overlap.
            unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), self.ptr, words.len()) };
        }
    }

    /// Elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// A window that several tasks write.
#[derive(Debug)]
pub(crate) struct SharedSliceMut<'a>(HostSliceMut<'a>);

// SAFETY: `part` is unsafe and asks for disjoint parts.
unsafe impl Sync for SharedSliceMut<'_> {}

impl SharedSliceMut<'_> {
    /// The elements `from..to` of the window.
    ///
    /// # Safety
    /// No other part that lives overlaps.
    ///
    /// # Panics
    /// If they are out of bounds.
    pub(crate) unsafe fn part(&self, from: usize, to: usize) -> HostSliceMut<'_> {
        assert!(from <= to && to <= self.0.len);
        // SAFETY: in bounds.
        let ptr = unsafe { self.0.ptr.add(from * stride(self.0.ty)) };
        HostSliceMut { ptr, len: to - from, ty: self.0.ty, lifetime: std::marker::PhantomData }
    }
}
