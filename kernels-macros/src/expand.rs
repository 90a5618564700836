//! What `#[kernel]` leaves in place of a function.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Ident, ItemFn, Pat};
use veda_kernels_ir::ast::Ty;

use crate::encode;
use crate::function::Header;
use crate::lower::Lowered;
use crate::options::{Options, Twins};
use crate::signature::{Param, Shape, rust_name};

/// One parameter in the expansion.
struct Expanded {
    /// The type parameter that stands for it, if it takes references too.
    generic: Option<Ident>,
    /// Its name in the signature.
    name: Ident,
    /// The plain type, by value: what `ElementKernel::call` receives.
    plain: TokenStream,
    /// What `call` passes for a value `p`.
    passed: TokenStream,
}

/// All items of a kernel.
pub fn expand(item: &ItemFn, header: &Header, lowered: &Lowered, options: &Options) -> TokenStream {
    let veda = &options.veda;
    let private = quote!(#veda::__private);
    let ItemFn { attrs, vis, sig, .. } = item;
    let name = &sig.ident;
    let cfgs: Vec<_> = attrs.iter().filter(|a| a.path().is_ident("cfg")).collect();
    let params: Vec<Expanded> =
        header.params.iter().enumerate().map(|(i, p)| Expanded::new(p, i, options.exact, &private)).collect();

    let function = function(item, header, lowered, &params, &private);
    let desc = encode::descriptor(&private, lowered);
    let plain: Vec<_> = params.iter().filter(|p| p.generic.is_some()).map(|p| p.plain.clone()).collect();
    let by_ref: Vec<_> = params
        .iter()
        .zip(&header.params)
        .filter(|(p, _)| p.generic.is_some())
        .map(|(_, p)| by_reference(&p.shape))
        .collect();
    let ids = if plain.is_empty() {
        quote!(#private::id_of(&#name))
    } else {
        quote!(#private::id_of(&#name::<#(#plain),*>), #private::id_of(&#name::<#(#by_ref),*>))
    };
    let turbofish = (!plain.is_empty()).then(|| quote!(::<#(#plain),*>));
    let element = (header.ret != Ty::Usize).then(|| element(name, header, &params, turbofish.as_ref(), &private));
    let on = (header.ret != Ty::Usize).then(|| on(item, header, &params, &private));
    let chunk = element.is_some().then(|| chunk(name, header, &params, &ids, &private));
    let (test, check) = if element.is_some() { emit_twin_check(name, &params, options, veda) } else { <_>::default() };
    quote! {
        #function

        #(#cfgs)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations, missing_docs, unreachable_pub)]
        #vis enum #name {}

        #(#cfgs)*
        #[allow(deprecated, non_snake_case, clippy::all, clippy::pedantic)]
        const _: () = {
            static DESC: #private::KernelDesc = #desc;
            impl #private::Kernel for #name {
                const DESC: &'static #private::KernelDesc = &DESC;
            }
            #element
            #private::inventory::submit! {
                #private::Registered { ids: || ::std::vec![#ids], desc: &DESC }
            }
            #chunk
            #check
        };

        #(#cfgs)*
        #on
        #test
    }
}

impl Expanded {
    fn new(param: &Param, i: usize, exact: bool, private: &TokenStream) -> Expanded {
        let generic = (!exact && param.shape.by_value()).then(|| format_ident!("Arg{i}"));
        let name = match &param.pat {
            Pat::Ident(name) => name.ident.clone(),
            _ => Ident::new(&format!("arg{i}"), Span::mixed_site()),
        };
        let p = Ident::new(&format!("p{i}"), Span::mixed_site());
        let (plain, passed) = plain(&param.shape, &quote!(#p), private);
        Expanded { generic, name, plain, passed }
    }
}

/// The type of a parameter by value, and how to pass a value `p` of it to the function.
fn plain(shape: &Shape, p: &TokenStream, private: &TokenStream) -> (TokenStream, TokenStream) {
    match shape {
        Shape::Value(ty, references) => {
            let ands = std::iter::repeat_n(quote!(&), *references);
            (name(*ty), quote!(#(#ands)* #p))
        }
        Shape::Slice(ty) => {
            let ty = name(*ty);
            (quote!(&'veda [#ty]), p.clone())
        }
        Shape::Index => (quote!(#private::Index), p.clone()),
        Shape::Tuple(parts) => {
            let parts = parts.iter().enumerate().map(|(i, part)| {
                let i = syn::Index::from(i);
                plain(part, &quote!(#p.#i), private)
            });
            let (types, values): (Vec<_>, Vec<_>) = parts.unzip();
            (quote!((#(#types,)*)), quote!((#(#values,)*)))
        }
    }
}

fn by_reference(shape: &Shape) -> TokenStream {
    match shape {
        Shape::Tuple(parts) => {
            let parts = parts.iter().map(by_reference);
            quote!((#(#parts,)*))
        }
        Shape::Value(ty, _) => {
            let ty = name(*ty);
            quote!(&'static #ty)
        }
        Shape::Slice(_) | Shape::Index => TokenStream::new(),
    }
}

fn name(ty: Ty) -> TokenStream {
    let name = Ident::new(rust_name(ty), Span::call_site());
    quote!(::core::primitive::#name)
}

/// The function itself: the CPU twin.
fn function(
    item: &ItemFn,
    header: &Header,
    lowered: &Lowered,
    params: &[Expanded],
    private: &TokenStream,
) -> TokenStream {
    let ItemFn { attrs, vis, sig, .. } = item;
    let ident = &sig.ident;
    let output = &sig.output;
    let inline = (!attrs.iter().any(|a| a.path().is_ident("inline"))).then(|| quote!(#[inline(always)]));
    let generics = params.iter().zip(&header.params).filter_map(|(p, param)| {
        let (generic, ty) = (p.generic.as_ref()?, &param.ty);
        Some(quote!(#generic: #private::Arg<#ty>))
    });
    let mut inputs = Vec::new();
    let mut prologue = TokenStream::new();
    for (p, param) in params.iter().zip(&header.params) {
        let (pat, ty, arg) = (&param.pat, &param.ty, &p.name);
        let usize_by_value = matches!(param.shape, Shape::Value(Ty::Usize, 0));
        if let Some(generic) = &p.generic {
            inputs.push(quote!(#arg: #generic));
            let value = quote!(<#generic as #private::Arg<#ty>>::get(#arg));
            let value = if usize_by_value { quote!(#private::ops::constant(#value)) } else { value };
            prologue.extend(quote!(let #pat: #ty = #value;));
        } else {
            inputs.push(quote!(#pat: #ty));
            if let (true, Pat::Ident(_)) = (usize_by_value, pat) {
                prologue.extend(quote!(let #pat: #ty = #private::ops::constant(#arg);));
            }
        }
    }
    let generics = (params.iter().any(|p| p.generic.is_some())).then(|| quote!(<#(#generics),*>));
    let twin = &lowered.twin;
    let lints = quote!(#[allow(unused_parens, unused_braces, clippy::all, clippy::pedantic)]);
    // A rejected body is empty: its parameters are not the user's mistake.
    let unused = lowered.function.params.is_empty().then(|| quote!(#[allow(unused, unreachable_code)]));
    quote! {
        #(#attrs)*
        #inline
        #lints
        #unused
        #vis fn #ident #generics (#(#inputs),*) #output {
            #prologue
            #twin
        }
    }
}

/// The kernel run element by element.
fn element(
    name: &Ident,
    header: &Header,
    params: &[Expanded],
    turbofish: Option<&TokenStream>,
    private: &TokenStream,
) -> TokenStream {
    let types: Vec<_> = params.iter().map(|p| &p.plain).collect();
    let passed = params.iter().map(|p| &p.passed);
    let names = (0..params.len()).map(|i| Ident::new(&format!("p{i}"), Span::mixed_site()));
    let lifetime = header.params.iter().any(|p| matches!(p.shape, Shape::Slice(_))).then(|| quote!(<'veda>));
    let ret = self::name(header.ret);
    quote! {
        impl #lifetime #private::ElementKernel<(#(#types,)*)> for #name {
            type Output = #ret;
            #[inline(always)]
            fn call((#(#names,)*): (#(#types,)*)) -> #ret {
                #name #turbofish (#(#passed),*)
            }
        }
    }
}

/// `on(..)`
fn on(item: &ItemFn, header: &Header, params: &[Expanded], private: &TokenStream) -> TokenStream {
    let (vis, name) = (&item.vis, &item.sig.ident);
    let mut generics = Vec::new();
    let mut inputs = Vec::new();
    let mut types = Vec::new();
    let mut values = Vec::new();
    let mut lifetime = None;
    for (i, (p, param)) in params.iter().zip(&header.params).enumerate() {
        let (arg, plain) = (&p.name, &p.plain);
        let source = format_ident!("Source{i}");
        match &param.shape {
            Shape::Value(..) | Shape::Tuple(_) => {
                generics.push(quote!(#source: #private::Bind<#plain>));
                inputs.push(quote!(#arg: #source));
                types.push(quote!(<#source as #private::Bind<#plain>>::Source));
                values.push(quote!(<#source as #private::Bind<#plain>>::bind(#arg)));
            }
            Shape::Slice(ty) => {
                lifetime = Some(quote!('veda,));
                let ty = self::name(*ty);
                generics.push(quote!(#source: #private::BindSlice<'veda, #ty>));
                inputs.push(quote!(#arg: #source));
                types.push(quote!(<#source as #private::BindSlice<'veda, #ty>>::Source));
                values.push(quote!(<#source as #private::BindSlice<'veda, #ty>>::bind(#arg)));
            }
            Shape::Index => {
                types.push(quote!(#private::Position));
                values.push(quote!(#private::Position));
            }
        }
    }
    let doc = format!(
        " Binds `{name}` to data: a scalar is the same for all invocations, a slice is read element by element \
         (a slice parameter whole). Hand the result to `veda::gpu::execute`."
    );
    quote! {
        #[allow(dead_code, missing_docs, unreachable_pub, non_snake_case, clippy::all, clippy::pedantic)]
        impl #name {
            #[doc = #doc]
            #[must_use]
            #vis fn on<#lifetime #(#generics),*>(#(#inputs),*) -> #private::Bound<#name, (#(#types,)*)> {
                #private::Bound::new((#(#values,)*))
            }
        }
    }
}

/// The loop that chains hand whole blocks to; for kernels of one scalar by value.
fn chunk(name: &Ident, header: &Header, params: &[Expanded], ids: &TokenStream, private: &TokenStream) -> TokenStream {
    let ([only], [declared]) = (params, header.params.as_slice()) else { return TokenStream::new() };
    if !matches!(declared.shape, Shape::Value(Ty::F32 | Ty::U32 | Ty::I32, _)) {
        return TokenStream::new();
    }
    let plain = &only.plain;
    quote! {
        #private::inventory::submit! { #private::Chunk::of::<#name, #plain>(|| ::std::vec![#ids]) }
    }
}

/// What compares the twins under `cfg(test)`: a test of its own if the option `test` asks for one, and (unless `no_test`)
/// an entry in the list that `veda::testing::check_all` goes through, which also reaches kernels in function bodies.
fn emit_twin_check(
    name: &Ident,
    params: &[Expanded],
    options: &Options,
    veda: &TokenStream,
) -> (TokenStream, TokenStream) {
    let types: Vec<TokenStream> = params
        .iter()
        .map(|p| {
            let tokens = p.plain.to_string().replace("'veda", "'static");
            tokens.parse().unwrap_or_default()
        })
        .collect();
    let tolerance = if let Some(tolerance) = &options.tolerance {
        quote!(::core::option::Option::Some(#tolerance))
    } else {
        quote!(::core::option::Option::None)
    };
    let run = quote!(#veda::testing::twin_test::<#name, (#(#types,)*)>(#tolerance));
    let check = quote! {
        #[cfg(test)]
        #veda::__private::inventory::submit! {
            #veda::testing::TwinCheck { kernel: &DESC, run: || #run }
        }
    };
    let function = format_ident!("veda_twin_test_{}", name.to_string().trim_start_matches("r#"));
    let test = quote! {
        #[cfg(test)]
        #[allow(non_snake_case)]
        #[test]
        fn #function() {
            #run;
        }
    };
    match options.twins {
        Twins::Unlisted => (TokenStream::new(), TokenStream::new()),
        Twins::Listed => (TokenStream::new(), check),
        Twins::Tested => (test, check),
    }
}
