//! `#[kernel]` on a function: checks its signature, lowers its body, and reports one error at a time.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{FnArg, ItemFn, Signature};
use veda_kernels_ir::ast::Ty;

use crate::error::fail;
use crate::expand;
use crate::lower::{self, Lowered, Source};
use crate::options::Options;
use crate::signature::{self, Param, Shape};

/// The signature in the kernel language.
pub struct Header {
    pub params: Vec<Param>,
    pub ret: Ty,
}

/// The attribute.
pub fn kernel(options: TokenStream, item: TokenStream) -> TokenStream {
    let item: ItemFn = match syn::parse2(item.clone()) {
        Ok(item) => item,
        Err(e) => return not_a_function(item, e),
    };
    let (options, options_error) = match Options::parse(options) {
        Ok(options) => (options, None),
        Err(e) => (Options::default(), Some(e)),
    };
    let header = match header(&item.sig) {
        Ok(header) => header,
        Err(e) => return hollow(&item, &options_error.unwrap_or(e)),
    };
    let lowered = match options_error {
        Some(e) => Err(e),
        None => lower(&item, &header, &options),
    };
    match lowered {
        Ok(lowered) => expand::expand(&item, &header, &lowered, &options),
        Err(e) => {
            // The same items with an empty body, so that callers and other kernels resolve and this is the one error.
            let error = e.to_compile_error();
            let items = expand::expand(&item, &header, &Lowered::hollow(&item.sig, &header), &options);
            quote!(#error #items)
        }
    }
}

fn lower(item: &ItemFn, header: &Header, options: &Options) -> syn::Result<Lowered> {
    let name = &item.sig.ident;
    let source = Source {
        name: name.to_string().trim_start_matches("r#").to_owned(),
        own_path: Some(name),
        params: &header.params,
        ret: header.ret,
        captures: false,
    };
    lower::function(&source, lower::Body::Block(&item.block), &options.veda)
}

/// Not a function at all: say so, and keep the item if it is one.
#[allow(clippy::needless_pass_by_value)] // token streams are moved into what is built from them
fn not_a_function(item: TokenStream, parse_error: syn::Error) -> TokenStream {
    match syn::parse2::<syn::Item>(item) {
        Ok(item) => {
            let head = match &item {
                syn::Item::Impl(i) => i.impl_token.to_token_stream(),
                syn::Item::Struct(i) => i.struct_token.to_token_stream(),
                syn::Item::Trait(i) => i.trait_token.to_token_stream(),
                other => other.to_token_stream(),
            };
            let e = fail::<()>(head, "`#[kernel]` goes on a free function", "put it on a `fn` outside of an `impl`")
                .expect_err("fail fails")
                .to_compile_error();
            quote!(#item #e)
        }
        Err(_) => parse_error.to_compile_error(),
    }
}

/// The function as written with an empty body, and the error: for signatures that are no kernel's.
fn hollow(item: &ItemFn, e: &syn::Error) -> TokenStream {
    let ItemFn { attrs, vis, sig, .. } = item;
    let mut sig = sig.clone();
    // rustc rejects patterns it cannot check; the names do not matter in an empty body.
    sig.constness = None;
    sig.asyncness = None;
    let e = e.to_compile_error();
    quote! {
        #(#attrs)*
        #[allow(unused, clippy::all, clippy::pedantic)]
        #vis #sig { ::core::unreachable!() }
        #e
    }
}

/// Checks everything before the body.
fn header(sig: &Signature) -> syn::Result<Header> {
    if let Some(token) = &sig.constness {
        return fail(token, "a kernel cannot be a `const fn`", "drop `const`");
    }
    if let Some(token) = &sig.asyncness {
        return fail(token, "a kernel cannot be `async`", "drop `async`: running it on a device is veda's business");
    }
    if let Some(token) = &sig.unsafety {
        return fail(
            token,
            "a kernel cannot be `unsafe`",
            "drop `unsafe`: indexing is checked, nothing in a kernel needs it",
        );
    }
    if let Some(abi) = &sig.abi {
        return fail(abi, "a kernel cannot be `extern`", "drop the ABI, and call the kernel from an `extern` function");
    }
    if let Some(FnArg::Receiver(receiver)) = sig.receiver().map(|r| FnArg::Receiver(r.clone())) {
        return fail(
            receiver,
            "a kernel cannot be a method",
            "write a free function that takes the fields it needs as scalars",
        );
    }
    if !sig.generics.params.is_empty() {
        return fail(
            &sig.generics,
            "a kernel cannot be generic",
            "write one kernel per type; lifetimes of slices need no names",
        );
    }
    if let Some(clause) = &sig.generics.where_clause {
        return fail(clause, "a kernel cannot have a `where` clause", "drop it");
    }
    if let Some(dots) = &sig.variadic {
        return fail(dots, "a kernel cannot be variadic", "take a slice");
    }
    let mut params = Vec::new();
    for input in &sig.inputs {
        let FnArg::Typed(input) = input else { continue };
        if params.len() == 12 {
            return fail(
                input,
                "a kernel takes at most 12 parameters",
                "pack constants into a slice, or split the kernel",
            );
        }
        if let Some(attr) = input.attrs.first() {
            return fail(attr, "attributes on parameters are not supported in kernels", "drop it");
        }
        let shape = signature::shape(&input.ty)?;
        params.push(Param { pat: (*input.pat).clone(), ty: (*input.ty).clone(), shape });
    }
    if params.is_empty() {
        return fail(&sig.ident, "a kernel needs a parameter", "a function without one is a constant: write `const`");
    }
    if let Some(second) = params.iter().filter(|p| matches!(p.shape, Shape::Index)).nth(1) {
        return fail(&second.ty, "a kernel takes one `Index`", "drop this one");
    }
    let ret = signature::returns(&sig.output, &sig.ident)?;
    Ok(Header { params, ret })
}
