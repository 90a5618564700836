//! The descriptor that `#[veda::kernel]` leaves beside each function.

use veda_kernels_ir::ast::Value;

/// Everything veda knows about one kernel before its first use. One `static` per kernel, written by the macro.
#[derive(Debug)]
pub struct KernelDesc {
    /// The function's name; `{closure}` for `kernel_fn!`.
    pub name: &'static str,
    /// `module::path::name`.
    pub path: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Source line.
    pub line: u32,
    /// FNV-1a of [`ir`](Self::ir): identifies the lowered kernel, not its name.
    pub hash: u64,
    /// The encoded [`Function`](veda_kernels_ir::ast::Function).
    pub ir: &'static [u8],
    /// The kernels that it calls, in the order of `Function::deps`.
    pub deps: &'static [fn() -> &'static KernelDesc],
    /// The constants that it uses, in the order of `Function::consts`.
    pub consts: &'static [fn() -> Value],
    /// Whether its crate was built with debug assertions: an index out of bounds is then a panic on both devices.
    pub debug: bool,
}

/// A function marked `#[veda::kernel]`; implemented by the hidden type of the function's name.
pub trait Kernel: 'static {
    /// Its descriptor. Points to one `static`, so descriptors can be compared by address.
    const DESC: &'static KernelDesc;
}

/// A kernel that runs element by element on parameters `P` and yields one element.
///
/// `P` is the tuple of its parameters, e.g. `(f32, &'a [f32], Index)`.
pub trait ElementKernel<P>: Kernel {
    /// What one invocation returns.
    type Output: super::scalar::Scalar;
    /// Runs one invocation.
    fn call(params: P) -> Self::Output;
}
