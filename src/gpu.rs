//! Whole kernels: run one on whichever device finishes first.
//!
//! ```
//! #[veda::kernel]
//! fn saxpy(a: f32, x: f32, y: f32) -> f32 { a * x + y }
//!
//! let (x, y) = (vec![1.0f32; 1000], vec![2.0f32; 1000]);
//! let z: Vec<f32> = veda::gpu::execute(saxpy::on(2.0, &x, &y))?;   // a scalar is broadcast, slices run in step
//! assert_eq!(z[999], 4.0);
//! # Ok::<(), veda::Error>(())
//! ```
//!
//! The module exists without the cargo feature `gpu` too: kernels then run as their CPU twins.

mod custom;

use std::borrow::Cow;
use std::mem::MaybeUninit;

use crate::error::{Error, Result};
use crate::index::Space;

use crate::kernel::arg::Source;
use crate::kernel::assemble::{self, Checks};
use crate::kernel::bound::Bound;
use crate::kernel::desc::ElementKernel;
use crate::kernel::scalar::Scalar;
use crate::kernel::terminal::Terminal;
use crate::runtime::Runtime;
use crate::runtime::explore::Output;
use crate::runtime::route::Routed;

pub use crate::executor::Pool;
pub use crate::kernel::place::Place;
pub use crate::planner::OpCounts;

/// Elements per task of the CPU pool: 16 KiB of output, which with its inputs stays in L1/L2, and long enough (some
/// microseconds) that the cost of a task (tens of nanoseconds) does not show.
const GRAIN: usize = 4096;

/// Runs a kernel on the device that is predicted to finish first, and returns its output in host memory.
///
/// A kernel runs on the CPU where there is no usable GPU, where its pipeline is still being built, and where the GPU
/// fails on the way; the result is the same. Blocks until the result is there.
///
/// # Errors
/// Bad arguments ([`Error::LengthMismatch`], [`Error::NoIndexSpace`], …). A device's failure is an error only if the
/// place was forced ([`GpuKernel::on_device`]).
#[allow(clippy::needless_pass_by_value)] // `execute(saxpy::on(..))` reads as a call; a bound kernel is used once
pub fn execute<K: GpuKernel>(kernel: K) -> Result<K::Output> {
    let runtime = Runtime::global()?;
    kernel.route(&runtime)
}

/// A kernel that [`execute`] can run: hand-written WGSL with its CPU twin, or what `#[veda::kernel]`'s `on(..)` returns.
///
/// ```
/// # use std::borrow::Cow;
/// use veda::gpu::{Bindings, GpuKernel, Outputs, Pool};
///
/// struct Double(Vec<u32>);
/// impl GpuKernel for Double {
///     type Output = Vec<u32>;
///     fn wgsl(&self) -> Cow<'_, str> {
///         "@group(0) @binding(0) var<storage, read> a: array<u32>;
///          @group(0) @binding(1) var<storage, read_write> b: array<u32>;
///          @compute @workgroup_size(64)
///          fn main(@builtin(global_invocation_id) id: vec3<u32>) {
///              if (id.x < arrayLength(&a)) { b[id.x] = 2u * a[id.x]; }
///          }".into()
///     }
///     fn bind<'a>(&'a self, b: &mut Bindings<'a>) {
///         b.input(&self.0);
///         b.output::<u32>(self.0.len());
///         b.workgroups([self.0.len().div_ceil(64) as u32, 1, 1]);
///     }
///     fn read(&self, mut out: Outputs) -> veda::Result<Vec<u32>> { out.take(0) }
///     fn cpu(&self, _: &Pool) -> veda::Result<Vec<u32>> { Ok(self.0.iter().map(|x| 2 * x).collect()) }
/// }
/// assert_eq!(veda::gpu::execute(Double(vec![1, 2, 3]))?, [2, 4, 6]);
/// # Ok::<(), veda::Error>(())
/// ```
pub trait GpuKernel: Send + Sync {
    /// What the kernel yields.
    type Output;

    /// WGSL with one compute entry point. Validated at first use, cached by text.
    fn wgsl(&self) -> Cow<'_, str>;

    /// Names inputs, outputs and uniforms in the order of their bindings in `@group(0)`, and the number of workgroups.
    fn bind<'a>(&'a self, b: &mut Bindings<'a>);

    /// Makes the output from what the device wrote.
    ///
    /// # Errors
    /// Whatever the kernel finds wrong with it.
    fn read(&self, out: Outputs) -> Result<Self::Output>;

    /// The CPU twin: the same result, computed on the pool.
    ///
    /// # Errors
    /// Whatever the kernel finds wrong with its arguments.
    fn cpu(&self, pool: &Pool) -> Result<Self::Output>;

    /// What it is expected to cost; a hint until it has been observed.
    fn cost(&self) -> Cost {
        Cost::unknown()
    }

    /// Forces where it runs.
    #[allow(clippy::return_self_not_must_use)] // `OnDevice` is
    fn on_device(self, place: Place) -> OnDevice<Self>
    where
        Self: Sized,
    {
        OnDevice { kernel: self, place }
    }

    #[doc(hidden)]
    fn place(&self) -> Option<Place> {
        None
    }

    #[doc(hidden)]
    fn route(&self, runtime: &Runtime) -> Result<Self::Output>
    where
        Self: Sized,
    {
        self.route_at(runtime, self.place())
    }

    #[doc(hidden)]
    fn route_at(&self, runtime: &Runtime, place: Option<Place>) -> Result<Self::Output>
    where
        Self: Sized,
    {
        runtime.route_custom(self, place)
    }
}

/// What a hand-written kernel is expected to cost: a hint until its calls have been observed.
///
/// ```
/// use veda::gpu::{Cost, OpCounts};
/// let saxpy = Cost::per_element(1_000_000, OpCounts { add: 1.0, mul: 1.0, ..OpCounts::default() });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    pub(crate) elements: Option<u64>,
    pub(crate) ops: OpCounts,
}

impl Cost {
    /// Nothing is known: one element per 4 bytes of output, a few operations each, with a wide interval.
    pub fn unknown() -> Cost {
        Cost { elements: None, ops: OpCounts { add: 8.0, mul: 8.0, ..OpCounts::default() } }
    }

    /// These operations for each of so many elements.
    pub fn per_element(elements: u64, ops: OpCounts) -> Cost {
        Cost { elements: Some(elements), ops }
    }
}

/// A kernel whose place is forced; see [`GpuKernel::on_device`].
#[derive(Clone, Debug)]
#[must_use = "a kernel does nothing until `veda::gpu::execute` runs it"]
pub struct OnDevice<K> {
    kernel: K,
    place: Place,
}

impl<K: GpuKernel> GpuKernel for OnDevice<K> {
    type Output = K::Output;
    fn wgsl(&self) -> Cow<'_, str> {
        self.kernel.wgsl()
    }
    fn bind<'a>(&'a self, b: &mut Bindings<'a>) {
        self.kernel.bind(b);
    }
    fn read(&self, out: Outputs) -> Result<K::Output> {
        self.kernel.read(out)
    }
    fn cpu(&self, pool: &Pool) -> Result<K::Output> {
        self.kernel.cpu(pool)
    }
    fn cost(&self) -> Cost {
        self.kernel.cost()
    }
    fn place(&self) -> Option<Place> {
        Some(self.place)
    }
    // The kernel's own way, so that veda's kernels find their shader by structure instead of assembling its text.
    fn route_at(&self, runtime: &Runtime, place: Option<Place>) -> Result<K::Output> {
        self.kernel.route_at(runtime, place)
    }
}

/// One binding of a hand-written kernel.
#[derive(Debug)]
#[cfg_attr(not(feature = "gpu"), allow(dead_code))] // only devices read it
pub(crate) enum Slot<'a> {
    Input(&'a [u8]),
    Uniform(Vec<u8>),
    Output { bytes: usize },
}

/// Collects what a [`GpuKernel`] binds; the order of the calls is the order of `@binding(..)`.
#[derive(Debug, Default)]
pub struct Bindings<'a> {
    pub(crate) slots: Vec<Slot<'a>>,
    pub(crate) workgroups: [u32; 3],
}

impl<'a> Bindings<'a> {
    /// The next binding is `var<storage, read>` with these elements.
    pub fn input<T: bytemuck::NoUninit>(&mut self, data: &'a [T]) {
        self.slots.push(Slot::Input(bytemuck::cast_slice(data)));
    }

    /// The next binding is `var<uniform>` with this value (its layout must follow WGSL's uniform rules).
    pub fn uniform<T: bytemuck::NoUninit>(&mut self, value: &T) {
        self.slots.push(Slot::Uniform(bytemuck::bytes_of(value).to_vec()));
    }

    /// The next binding is `var<storage, read_write>` with room for `len` elements, zeroed.
    pub fn output<T: bytemuck::AnyBitPattern>(&mut self, len: usize) {
        self.slots.push(Slot::Output { bytes: len * size_of::<T>() });
    }

    /// The number of workgroups to dispatch, at most 65 535 in each dimension.
    pub fn workgroups(&mut self, count: [u32; 3]) {
        self.workgroups = count;
    }
}

/// What a device wrote: the outputs of a [`GpuKernel`] in binding order.
#[derive(Debug, Default)]
pub struct Outputs {
    pub(crate) buffers: Vec<Vec<u8>>,
}

impl Outputs {
    /// Takes the n-th output as elements of `T`.
    ///
    /// # Errors
    /// [`Error::Shader`] if there is no n-th output or its size is no multiple of `T`'s.
    pub fn take<T: bytemuck::AnyBitPattern + bytemuck::NoUninit>(&mut self, n: usize) -> Result<Vec<T>> {
        let bad = |reason: String| Error::Shader { kernel: "hand-written kernel".to_owned(), reason };
        let count = self.buffers.len();
        let bytes = self.buffers.get_mut(n).ok_or_else(|| bad(format!("output {n} of {count} was taken")))?;
        if size_of::<T>() == 0 || bytes.len() % size_of::<T>() != 0 {
            return Err(bad(format!("output {n} has {} bytes, no multiple of {}", bytes.len(), size_of::<T>())));
        }
        let bytes = std::mem::take(bytes);
        let mut elements: Vec<T> = vec![bytemuck::Zeroable::zeroed(); bytes.len() / size_of::<T>()];
        bytemuck::cast_slice_mut::<T, u8>(&mut elements).copy_from_slice(&bytes);
        Ok(elements)
    }
}

impl<K, S> GpuKernel for Bound<K, S>
where
    S: Source,
    K: ElementKernel<S::Item>,
{
    type Output = Vec<K::Output>;

    /// The assembled shader, as readable text; a comment with the reason where the kernel does not link.
    fn wgsl(&self) -> Cow<'_, str> {
        let text = self.pipe().and_then(|pipe| assemble::assemble(&pipe, &Terminal::Collect, Checks::default()));
        match text {
            Ok(assembled) => assembled.wgsl.into(),
            Err(error) => format!("// {error}").into(),
        }
    }

    // The run time binds veda's own kernels window by window (see `route`), never through these two.
    fn bind<'a>(&'a self, _: &mut Bindings<'a>) {}

    fn read(&self, mut out: Outputs) -> Result<Self::Output> {
        Ok(out.take::<u32>(0)?.into_iter().map(K::Output::from_bits).collect())
    }

    fn cpu(&self, pool: &Pool) -> Result<Self::Output> {
        let space = self.pipe()?.space;
        let mut out = Vec::new();
        // SAFETY: `pipe` succeeded with this space.
        unsafe { fill(self, pool, space, (0, space.len()), &mut out) };
        Ok(out)
    }

    fn place(&self) -> Option<Place> {
        Bound::place(self)
    }

    fn route_at(&self, runtime: &Runtime, place: Option<Place>) -> Result<Self::Output> {
        let pipe = self.pipe()?;
        let (pool, space) = (runtime.pool(), pipe.space);
        let mut collected = Collected { kernel: self, pool, space, out: Vec::new() };
        match runtime.route_into(&pipe, &Terminal::Collect, place, &mut collected)? {
            Routed::Done(_) => Ok(collected.out),
            Routed::Cpu(ticket) => {
                let first = ticket.first();
                collected.out.truncate(first as usize);
                collected.twin(first, space.len());
                ticket.finish();
                Ok(collected.out)
            }
        }
    }
}

/// The result of a bound kernel while it grows, whoever computes it.
struct Collected<'a, K: ElementKernel<S::Item>, S: Source> {
    kernel: &'a Bound<K, S>,
    pool: &'a Pool,
    /// The space of the kernel's pipe, which was made without an error.
    space: Space,
    out: Vec<K::Output>,
}

impl<K: ElementKernel<S::Item>, S: Source> Output for Collected<'_, K, S> {
    fn append(&mut self, bytes: &[u8]) {
        extend(&mut self.out, bytes);
    }

    fn ranged(&self) -> bool {
        true
    }

    fn twin(&mut self, from: u64, to: u64) {
        // Whoever runs the first part makes room for all.
        self.out.reserve_exact((self.space.len() as usize).saturating_sub(self.out.len()));
        // SAFETY: `pipe` succeeded with this space (see the field).
        unsafe { fill(self.kernel, self.pool, self.space, (from, to.min(self.space.len())), &mut self.out) };
    }

    fn clear(&mut self) {
        self.out.clear();
    }
}

/// Appends the elements `from..to` of a kernel to `out`, computed on the pool.
///
/// # Safety
/// `kernel.pipe()` succeeded with this `space`, and `to` is at most its length.
unsafe fn fill<K, S>(kernel: &Bound<K, S>, pool: &Pool, space: Space, (from, to): (u64, u64), out: &mut Vec<K::Output>)
where
    S: Source,
    K: ElementKernel<S::Item>,
{
    let len = to.saturating_sub(from) as usize;
    out.reserve_exact(len);
    let before = out.len();
    let spare = Spare(out.spare_capacity_mut().as_mut_ptr());
    pool.for_each_chunk(len, GRAIN, |start, end| {
        // SAFETY: chunks are disjoint ranges below `len`, and `out` has room for `len` elements more.
        let chunk = unsafe { std::slice::from_raw_parts_mut(spare.at(start), end - start) };
        // SAFETY: passed on to the caller; `from + end` is at most `to`.
        unsafe { kernel.fill(space, from as u32 + start as u32, chunk) };
    });
    // SAFETY: every chunk was written; a panic in a kernel does not come here (scalars need no drop).
    unsafe { out.set_len(before + len) };
}

/// A pointer into a `Vec`'s spare room that tasks share.
struct Spare<T>(*mut MaybeUninit<T>);
// SAFETY: used by tasks for disjoint ranges only, and `T: Send` elements are written, never read.
unsafe impl<T: Send> Sync for Spare<T> {}
impl<T> Spare<T> {
    /// # Safety
    /// `i` is within the allocation.
    unsafe fn at(&self, i: usize) -> *mut MaybeUninit<T> {
        // SAFETY: passed on to the caller.
        unsafe { self.0.add(i) }
    }
}

/// Appends elements as a device wrote them (4 bytes each) to a vector.
pub(crate) fn extend<T: Scalar>(out: &mut Vec<T>, bytes: &[u8]) {
    out.extend(
        bytes.chunks_exact(4).map(|word| T::from_bits(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))),
    );
}
