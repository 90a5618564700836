//! `kernel_fn!`: a closure that is a kernel.
//!
//! The closure captures one value, the tuple of its scalars, so that the run time can read them back from the closure
//! (see `registry::tag` in veda).

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{ExprClosure, Ident, Pat};

use crate::encode;
use crate::error::fail;
use crate::lower::{self, Source};
use crate::signature::{self, Param};

/// The macro.
pub fn kernel_fn(input: TokenStream) -> TokenStream {
    match expand(input) {
        Ok(tokens) => tokens,
        Err(e) => e.to_compile_error(),
    }
}

fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let closure: ExprClosure = syn::parse2(input)?;
    if let Some(token) = &closure.asyncness {
        return fail(token, "a kernel cannot be `async`", "drop `async`");
    }
    if let Some(token) = &closure.constness {
        return fail(token, "a kernel cannot be `const`", "drop `const`");
    }
    if let Some(token) = &closure.movability {
        return fail(token, "a kernel cannot be `static`", "drop `static`");
    }
    let mut params = Vec::new();
    for input in &closure.inputs {
        let Pat::Type(typed) = input else {
            return fail(
                input,
                "the type of a closure kernel's parameter must be written",
                "write `|x: f32| -> f32 { .. }`",
            );
        };
        if params.len() == 12 {
            return fail(
                input,
                "a kernel takes at most 12 parameters",
                "pack constants into a slice, or split the kernel",
            );
        }
        let shape = signature::shape(&typed.ty)?;
        params.push(Param { pat: (*typed.pat).clone(), ty: (*typed.ty).clone(), shape });
    }
    let ret = signature::returns(&closure.output, &closure.or2_token)?;
    let source = Source { name: "{closure}".to_owned(), own_path: None, params: &params, ret, captures: true };
    let veda = quote!(::veda);
    let lowered = lower::function(&source, lower::Body::Expr(&closure.body), &veda)?;
    let private = quote!(#veda::__private);
    let desc = encode::descriptor(&private, &lowered);
    let caps = Ident::new("caps", Span::mixed_site());
    let (captures, twin) = (&lowered.captures, &lowered.twin);
    // As in a kernel function, a by-value scalar also takes a reference to it, so that a slice's items fit.
    let (inputs, gets): (Vec<TokenStream>, Vec<TokenStream>) = params
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let (pat, ty) = (&p.pat, &p.ty);
            let arg = Ident::new(&format!("arg{i}"), Span::mixed_site());
            if p.shape.by_value() {
                (quote!(#arg), quote!(let #pat: #ty = #private::Arg::<#ty>::get(#arg);))
            } else {
                (quote!(#pat: #ty), TokenStream::new())
            }
        })
        .unzip();
    let output = &closure.output;
    Ok(quote! {{
        let #caps = #private::Caps((#(#captures,)*));
        static DESC: #private::KernelDesc = #desc;
        #[allow(unused_parens, unused_braces, unused_unsafe, clippy::all, clippy::pedantic)]
        #private::tag(#caps, &DESC, move |#(#inputs),*| #output {
            let (#(#captures,)*) = #caps.all();
            #(#gets)*
            #twin
        })
    }})
}
