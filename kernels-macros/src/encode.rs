//! The descriptor that both macros write.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use veda_kernels_ir::ast::Function;
use veda_kernels_ir::codec;

use crate::lower::Lowered;

/// A `KernelDesc` expression for a lowered function.
pub fn descriptor(private: &TokenStream, lowered: &Lowered) -> TokenStream {
    let function: &Function = &lowered.function;
    let bytes = codec::encode(function);
    let hash = Literal::u64_suffixed(codec::fnv1a(&bytes));
    let ir = Literal::byte_string(&bytes);
    let name = &function.name;
    let deps = lowered.deps.iter().map(|path| quote!(|| <#path as #private::Kernel>::DESC));
    // Through `ops::constant` as in the twin, so that a constant of a wrong type is one error and not two.
    let consts = lowered.consts.iter().map(|c| quote!(|| #private::Value32::value(#private::ops::constant(#c))));
    quote! {
        #private::KernelDesc {
            name: #name,
            path: ::core::concat!(::core::module_path!(), "::", #name),
            file: ::core::file!(),
            line: ::core::line!(),
            hash: #hash,
            ir: #ir,
            deps: &[#(#deps),*],
            consts: &[#(#consts),*],
            debug: ::core::cfg!(debug_assertions),
        }
    }
}
