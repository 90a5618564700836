//! Calls: functions of std, veda's math, other kernels.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Ident, Path};
use veda_kernels_ir::ast::{Arg, Builtin, ExprKind, IndexField, Lit, Ty};

use super::{Kind, Lower, Twin, bare};
use crate::error::{error, fail, nearest};
use crate::signature::{self, scalar_by_name};

/// The functions of std that are kernels in `veda::math`, with their number of arguments.
const MATH: [(&str, usize); 26] = [
    ("exp", 1),
    ("exp2", 1),
    ("exp_m1", 1),
    ("ln", 1),
    ("log2", 1),
    ("log10", 1),
    ("ln_1p", 1),
    ("log", 2),
    ("sin", 1),
    ("cos", 1),
    ("tan", 1),
    ("asin", 1),
    ("acos", 1),
    ("atan", 1),
    ("atan2", 2),
    ("sinh", 1),
    ("cosh", 1),
    ("tanh", 1),
    ("asinh", 1),
    ("acosh", 1),
    ("atanh", 1),
    ("powf", 2),
    ("cbrt", 1),
    ("hypot", 2),
    ("gamma", 1),
    ("ln_gamma", 1),
];

/// Methods of std that people reach for, and what to write instead.
const INSTEAD: [(&str, &str); 16] = [
    ("sin_cos", "call `sin` and `cos`"),
    ("clone", "scalars are copied; drop `.clone()`"),
    ("checked_add", "kernels wrap: use `+` and compare"),
    ("checked_sub", "compare first, then use `-`"),
    ("checked_mul", "kernels wrap: use `*`"),
    ("checked_div", "compare with 0 first; `x / 0` is `x` in a kernel"),
    ("checked_rem", "compare with 0 first; `x % 0` is 0 in a kernel"),
    ("overflowing_add", "kernels wrap: use `+` and compare"),
    ("saturating_mul", "clamp the factors"),
    ("max_by", "use `max`"),
    ("partial_cmp", "compare with `<`, `==`, `>`"),
    ("total_cmp", "compare with `<`, `==`, `>`"),
    ("cmp", "compare with `<`, `==`, `>`"),
    ("into", "cast with `as`"),
    ("try_into", "cast with `as`; it saturates"),
    ("to_string", "kernels compute on numbers; format them outside"),
];

impl<'a> Lower<'a> {
    /// `receiver.method(args)`
    pub(super) fn method(&mut self, call: &'a syn::ExprMethodCall) -> syn::Result<Twin> {
        if let Some(generics) = &call.turbofish {
            return fail(generics, "generic arguments are not supported in a kernel", "drop them");
        }
        let name = call.method.to_string();
        if let Some((local, binding)) = self.bound(&call.receiver) {
            match binding.kind {
                Kind::Slice => {
                    let (kind, rust) = match (name.as_str(), call.args.len()) {
                        ("len", 0) => (ExprKind::Len(binding.id), {
                            let private = self.private();
                            quote_spanned!(call.method.span()=> #private::ops::len(#local))
                        }),
                        ("is_empty", 0) => (ExprKind::IsEmpty(binding.id), quote!(#local.is_empty())),
                        _ => {
                            let help = match name.as_str() {
                                "iter" | "into_iter" | "get" | "first" | "last" | "get_unchecked" => {
                                    format!("read elements by position: `{local}[i]` for `i` in `0..{local}.len()`")
                                }
                                _ => "slices have `[i]`, `len()` and `is_empty()` in a kernel".to_owned(),
                            };
                            return fail(
                                &call.method,
                                format_args!("`{name}` is not available on slices in a kernel"),
                                help,
                            );
                        }
                    };
                    return Ok(Twin { ir: self.node(kind, call), rust });
                }
                Kind::Index => {
                    if name != "flat" || !call.args.is_empty() {
                        return fail(
                            &call.method,
                            format_args!("`Index` has no method `{name}`"),
                            "it has `x`, `y`, `z` and `flat()`",
                        );
                    }
                    let ir = self.node(ExprKind::IndexField(binding.id, IndexField::Flat), call);
                    return Ok(Twin { ir, rust: quote!(#local.flat()) });
                }
                Kind::Value(_) => {}
            }
        }
        let mut args = vec![&*call.receiver];
        args.extend(&call.args);
        self.named(&call.method, None, &args, call)
    }

    /// `path(args)`
    pub(super) fn call(&mut self, call: &'a syn::ExprCall) -> syn::Result<Twin> {
        let Expr::Path(function) = bare(&call.func) else {
            return fail(&call.func, "a kernel calls kernels by their names", "name the function");
        };
        if let Some(qself) = &function.qself {
            return fail(
                qself.ty.to_token_stream(),
                "qualified paths are not supported in a kernel",
                "write `f32::max(a, b)`, or `a.max(b)`",
            );
        }
        let path = &function.path;
        if let Some(segment) = path.segments.iter().find(|s| !s.arguments.is_none()) {
            return fail(
                &segment.arguments,
                "generic arguments are not supported in a kernel",
                "drop them; kernels are not generic",
            );
        }
        let Some(last) = path.segments.last() else {
            return fail(path, "a kernel calls kernels by their names", "name the function");
        };
        let args: Vec<&'a Expr> = call.args.iter().collect();
        // `f32::max(a, b)`, also as `core::primitive::f32::max`.
        let owner = path.segments.iter().rev().nth(1).and_then(|s| scalar_by_name(&s.ident.to_string()));
        if let Some(ty) = owner {
            return self.named(&last.ident, Some(ty), &args, call);
        }
        if let Some(name) = path.get_ident() {
            if self.binding(name).is_some() {
                return fail(
                    name,
                    format_args!("`{name}` is a value, not a kernel"),
                    "kernels call kernels by their names",
                );
            }
            if self.source.own_path == Some(name) {
                return fail(call, "a kernel cannot call itself", "GPUs have no recursion: use a loop");
            }
        }
        if last.ident.to_string().starts_with(char::is_uppercase) {
            return fail(
                call,
                "struct and enum values are not supported in a kernel",
                "compute on scalars; return one, and build structs outside",
            );
        }
        if path.segments.first().is_some_and(|s| s.ident == "Self") {
            return fail(call, "`Self` is not supported in a kernel", "call free functions marked `#[veda::kernel]`");
        }
        if let [.., module, _] = &path.segments.iter().collect::<Vec<_>>()[..]
            && matches!(module.ident.to_string().as_str(), "cmp" | "mem" | "ptr" | "array" | "iter" | "hint")
            && path
                .segments
                .first()
                .is_some_and(|s| matches!(s.ident.to_string().as_str(), "std" | "core" | "cmp" | "mem"))
        {
            let name = path.to_token_stream().to_string().replace(' ', "");
            return fail(
                call,
                format_args!("`{name}` is not a kernel"),
                "use operators and methods: `a.min(b)`, `a.max(b)`, `let (a, b) = (b, a);`",
            );
        }
        self.dependency_call(path, path.to_token_stream(), &args, call)
    }

    /// A call of another kernel.
    #[allow(clippy::needless_pass_by_value)] // token streams are moved into what is built from them
    fn dependency_call(
        &mut self,
        path: &Path,
        function: TokenStream,
        args: &[&'a Expr],
        call: &'a dyn ToTokens,
    ) -> syn::Result<Twin> {
        let mut ir = Vec::new();
        let mut rust = Vec::new();
        for arg in args {
            let (arg, tokens) = self.argument(arg)?;
            ir.push(arg);
            rust.push(tokens);
        }
        let at = self.dependency(path);
        let span = path.span();
        Ok(Twin { ir: self.node(ExprKind::Call(at, ir), call), rust: quote_spanned!(span=> #function(#(#rust),*)) })
    }

    fn argument(&mut self, arg: &'a Expr) -> syn::Result<(Arg, TokenStream)> {
        match bare(arg) {
            Expr::Tuple(tuple) if !tuple.elems.is_empty() => {
                let parts = tuple.elems.iter().map(|e| self.argument(e)).collect::<syn::Result<Vec<_>>>()?;
                let (ir, rust): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
                Ok((Arg::Tuple(ir), quote!((#(#rust,)*))))
            }
            Expr::Reference(reference) => {
                if let Some(mutable) = &reference.mutability {
                    return fail(mutable, "a kernel cannot lend `&mut`", "let the called kernel return the new value");
                }
                let (ir, rust) = self.argument(&reference.expr)?;
                Ok((ir, quote!(&#rust)))
            }
            inner => {
                let (stars, name) = stars(inner);
                match self.bound(name) {
                    Some((local, binding)) if binding.kind == Kind::Slice && stars == 0 => {
                        Ok((Arg::Slice(binding.id), local.to_token_stream()))
                    }
                    Some((local, binding)) if binding.kind == Kind::Index && stars == 0 => {
                        Ok((Arg::Index(binding.id), local.to_token_stream()))
                    }
                    // A reference is handed on as the user wrote it.
                    Some((_, binding)) if matches!(binding.kind, Kind::Value(depth) if stars < depth) => {
                        let ir = self.node(ExprKind::Local(binding.id), arg);
                        Ok((Arg::Value(ir), inner.to_token_stream()))
                    }
                    _ => {
                        let value = self.expr(arg)?;
                        Ok((Arg::Value(value.ir), value.rust))
                    }
                }
            }
        }
    }

    /// A function of std by its name: a builtin, or a kernel of `veda::math`.
    fn named(
        &mut self,
        name: &'a Ident,
        owner: Option<Ty>,
        args: &[&'a Expr],
        call: &'a dyn ToTokens,
    ) -> syn::Result<Twin> {
        let text = name.to_string();
        if let Some(&(_, arity)) = MATH.iter().find(|(n, _)| *n == text) {
            check_arity(name, arity, args.len(), owner.is_some())?;
            if let Some(ty) = owner.filter(|ty| *ty != Ty::F32) {
                return fail(
                    name,
                    format_args!("`{}` has no function `{text}`", signature::rust_name(ty)),
                    "cast with `as f32`",
                );
            }
            let veda = self.veda;
            let tokens = quote_spanned!(name.span()=> #veda::math::#name);
            let path: Path = syn::parse2(tokens.clone()).map_err(|_| error(name, "not a name", "write a name"))?;
            return self.dependency_call(&path, tokens, args, call);
        }
        let Some(builtin) = Builtin::by_name(&text) else {
            let instead = INSTEAD.iter().find(|(n, _)| *n == text).map(|(_, help)| (*help).to_owned());
            let near = || {
                let names = MATH.iter().map(|(n, _)| *n).chain(veda_kernels_ir::builtin::ALL.iter().map(|b| b.name()));
                nearest(&text, names).map(|near| format!("did you mean `{near}`?"))
            };
            let help = instead.or_else(near).unwrap_or_else(|| {
                "kernels have the arithmetic of `f32`, `u32` and `i32`; write the rest as a kernel of your own"
                    .to_owned()
            });
            return fail(name, format_args!("`{text}` is not available in kernels"), help);
        };
        check_arity(name, builtin.arity(), args.len(), owner.is_some())?;
        let mut ir = Vec::new();
        let mut rust = Vec::new();
        for arg in args {
            let value = self.expr(arg)?;
            ir.push(value.ir);
            rust.push(value.rust);
        }
        let private = self.private();
        if let Some(ty) = owner
            && builtin != Builtin::FromBits
        {
            // `u32::max(1, 2)`: the path says the type.
            if let ExprKind::Lit(Lit::Int(_, suffix @ None)) = &mut ir[0].kind {
                *suffix = Some(ty);
            }
            let (first, ty) = (&rust[0], Ident::new(signature::rust_name(ty), name.span()));
            rust[0] = quote_spanned!(name.span()=> #private::ops::same::<#ty>(#first));
        }
        let rust = quote_spanned!(name.span()=> #private::ops::#name(#(#rust),*));
        Ok(Twin { ir: self.node(ExprKind::Builtin(builtin, ir), call), rust })
    }
}

fn check_arity(name: &Ident, wanted: usize, given: usize, path: bool) -> syn::Result<()> {
    if wanted == given {
        return Ok(());
    }
    let (wanted, given) = if path { (wanted, given) } else { (wanted - 1, given - 1) };
    let plural = if wanted == 1 { "" } else { "s" };
    fail(name, format_args!("`{name}` takes {wanted} argument{plural}, not {given}"), "see the documentation of std")
}

/// Dereferences in front of an expression.
fn stars(expr: &Expr) -> (usize, &Expr) {
    match expr {
        Expr::Unary(syn::ExprUnary { op: syn::UnOp::Deref(_), expr, .. }) => {
            let (stars, inner) = stars(bare(expr));
            (stars + 1, inner)
        }
        other => (0, other),
    }
}
