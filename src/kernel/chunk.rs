//! The loop of a large one-argument kernel over a slice, compiled once per instruction set where the kernel is defined.
//!
//! A chain calls its functions through the closure traits. A small function is inlined into the chain's loop and shares
//! its vector instructions; the compiler refuses a large one (everything that calls `sin` or `exp`), which then runs
//! as baseline code, one element at a time: 2.2 to 2.6 times slower than libm for `sin(x) * exp(-x * x)`. So the macro
//! leaves this loop beside each such kernel, and chains hand it whole blocks.

use std::any::TypeId;
use std::sync::OnceLock;

use super::desc::{ElementKernel, KernelDesc};
use super::isa;
use super::registry::{ById, key};
use super::scalar::Scalar;

/// A kernel with more encoded tree than this is not expected to be inlined, nor one that calls kernels.
const LARGE: usize = 300;

/// The loop of one kernel, entered at link time.
#[derive(Debug)]
pub struct Chunk {
    ids: fn() -> Vec<TypeId>,
    desc: &'static KernelDesc,
    input: fn() -> TypeId,
    output: fn() -> TypeId,
    run: Run,
}
inventory::collect!(Chunk);

/// Reads `n` elements and writes `n` results.
type Run = unsafe fn(input: *const u8, output: *mut u8, n: usize);

impl Chunk {
    /// The loop of `K`; `ids` are the types of the function's instances.
    pub const fn of<K: ElementKernel<(T,)>, T: Scalar>(ids: fn() -> Vec<TypeId>) -> Chunk {
        Chunk { ids, desc: K::DESC, input: TypeId::of::<T>, output: TypeId::of::<K::Output>, run: run::<K, T> }
    }
}

/// # Safety
/// `input` points to `n` elements of `T`, `output` to room for `n` of `K::Output`; they do not overlap.
unsafe fn run<K: ElementKernel<(T,)>, T: Scalar>(input: *const u8, output: *mut u8, n: usize) {
    struct Body<'a, T, U, K>(&'a [T], *mut U, std::marker::PhantomData<K>);
    impl<T: Scalar, K: ElementKernel<(T,)>> isa::Loop for Body<'_, T, K::Output, K> {
        type Output = ();
        #[inline(always)]
        fn run(self) {
            for (i, &x) in self.0.iter().enumerate() {
                // SAFETY: the caller promises room for as many results as there are elements.
                unsafe { self.1.add(i).write(K::call((x,))) };
            }
        }
    }
    // SAFETY: the caller promises `n` elements.
    let elements = unsafe { std::slice::from_raw_parts(input.cast::<T>(), n) };
    isa::run_loop(Body::<T, K::Output, K>(elements, output.cast(), std::marker::PhantomData));
}

/// A loop found for a function type and its element types.
#[derive(Clone, Copy, Debug)]
pub struct Found<T, U> {
    run: Run,
    types: std::marker::PhantomData<fn(T) -> U>,
}

impl<T: Copy, U: Copy> Found<T, U> {
    /// Writes the kernel's results for `input` to the front of `output`, and returns that part.
    ///
    /// # Panics
    /// If `output` is shorter than `input`.
    #[inline]
    pub fn run<'o>(&self, input: &[T], output: &'o mut [U]) -> &'o [U] {
        let output = &mut output[..input.len()];
        // SAFETY: `find` checked that the loop reads T and writes U; the lengths agree, and a shared and a mutable
        // borrow do not overlap.
        unsafe { (self.run)(input.as_ptr().cast(), output.as_mut_ptr().cast(), input.len()) };
        output
    }
}

/// The loop of the kernel whose function type is `F`, if it is a large one from `T` to `U`. One hash lookup.
pub fn find<F, T: 'static, U: 'static>() -> Option<Found<T, U>> {
    static TABLE: OnceLock<ById<&'static Chunk>> = OnceLock::new();
    if size_of::<F>() != 0 {
        return None; // functions have no captures
    }
    let table = TABLE.get_or_init(|| {
        let large = |c: &&'static Chunk| !c.desc.deps.is_empty() || c.desc.ir.len() > LARGE;
        inventory::iter::<Chunk>
            .into_iter()
            .filter(large)
            .flat_map(|c| (c.ids)().into_iter().map(move |id| (id, c)))
            .collect()
    });
    let chunk = table.get(&key::<F>())?;
    let fits = (chunk.input)() == TypeId::of::<T>() && (chunk.output)() == TypeId::of::<U>();
    fits.then_some(Found { run: chunk.run, types: std::marker::PhantomData })
}
