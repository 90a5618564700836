//! The procedural macros of veda. How they work, with a worked example, is in this crate's `README.md`.

mod closure;
mod encode;
mod error;
mod expand;
mod function;
mod lower;
mod options;
mod signature;

use proc_macro::TokenStream;

/// Makes a free function a kernel: it stays callable as a function, runs as a GPU shader or as its CPU twin where veda
/// routes it, and gets `on(..)` to bind it to data.
///
/// Options, separated by commas:
/// * `exact`: keep the signature as written; by default a scalar by-value parameter also takes a reference, so that
///   `slice.par_iter().map(square)` compiles.
/// * `crate = path`: where the crate `veda` is, if it was renamed.
/// * `test` / `no_test`: generate (or not) a test that runs both twins on edge and random inputs.
///
/// # Errors
/// What the kernel language does not have is a compile error on the token in question, with a line that says what to
/// write instead.
#[proc_macro_attribute]
pub fn kernel(options: TokenStream, item: TokenStream) -> TokenStream {
    function::kernel(options.into(), item.into()).into()
}

/// A closure that is a kernel: `kernel_fn!(|x: f32| -> f32 { a * x + b })`.
///
/// It is an ordinary closure for every caller. Scalars in lower case that are neither parameters nor locals are
/// captured by value (at most 8); paths and names in upper case are constants.
///
/// # Errors
/// As for `kernel`.
#[proc_macro]
pub fn kernel_fn(input: TokenStream) -> TokenStream {
    closure::kernel_fn(input.into()).into()
}
