//! Expressions: literals, names, operators, casts, indexing.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;
use veda_kernels_ir::ast::{BinOp, ExprKind, IndexField, Lit, Ty, UnOp};

use super::{Kind, Lower, Twin, bare, stmt};
use crate::error::{error, fail};
use crate::signature;

impl<'a> Lower<'a> {
    /// The path of what expansions refer to.
    pub(super) fn private(&self) -> TokenStream {
        let veda = self.veda;
        quote!(#veda::__private)
    }

    pub(super) fn expr(&mut self, expr: &'a Expr) -> syn::Result<Twin> {
        match expr {
            Expr::Paren(inner) => self.expr(&inner.expr),
            Expr::Group(inner) => self.expr(&inner.expr),
            Expr::Lit(lit) => self.literal(lit, false),
            Expr::Path(path) => self.path(path),
            Expr::Unary(unary) => self.unary(unary),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Assign(assign) => self.assign(assign),
            Expr::Cast(cast) => self.cast(cast),
            Expr::If(e) => self.if_(e),
            Expr::Match(e) => self.match_(e),
            Expr::Block(e) => {
                if let Some(label) = &e.label {
                    return fail(label, "labelled blocks are not supported in a kernel", "use `loop` with `break`");
                }
                let (block, rust) = self.block(&e.block)?;
                Ok(Twin { ir: self.node(ExprKind::Block(block), expr), rust })
            }
            Expr::ForLoop(e) => self.for_(e),
            Expr::While(e) => self.while_(e),
            Expr::Loop(e) => self.loop_(e),
            Expr::Break(e) => self.break_(e),
            Expr::Continue(e) => self.continue_(e),
            Expr::Return(e) => self.return_(e),
            Expr::Call(e) => self.call(e),
            Expr::MethodCall(e) => self.method(e),
            Expr::Index(e) => self.index(e),
            Expr::Field(e) => self.field(e),
            other => unsupported(other),
        }
    }

    fn literal(&mut self, lit: &'a syn::ExprLit, negative: bool) -> syn::Result<Twin> {
        let span = lit.lit.span();
        let (ir, rust) = match &lit.lit {
            syn::Lit::Bool(b) => (Lit::Bool(b.value), b.to_token_stream()),
            syn::Lit::Float(float) => match float.suffix() {
                "" | "f32" => float_literal(float.base10_digits(), !float.suffix().is_empty(), lit)?,
                _ => return wrong_suffix(lit, float.suffix()),
            },
            syn::Lit::Int(int) if int.suffix() == "f32" => float_literal(int.base10_digits(), true, lit)?,
            syn::Lit::Int(int) => {
                let ty = match int.suffix() {
                    "" => None,
                    suffix => match signature::scalar_by_name(suffix) {
                        Some(ty) => Some(ty),
                        None => return wrong_suffix(lit, suffix),
                    },
                };
                let most = match ty {
                    Some(Ty::I32) => i32::MAX as u64 + u64::from(negative),
                    _ => u64::from(u32::MAX),
                };
                let value = int.base10_parse::<u64>().ok().filter(|v| *v <= most).ok_or_else(|| {
                    error(lit, "this integer does not fit in 32 bits", "integers of kernels are 32-bit, `usize` too")
                })?;
                (Lit::Int(value, ty), int.to_token_stream())
            }
            syn::Lit::Str(_) | syn::Lit::Char(_) => {
                return fail(lit, "text is not usable in a kernel", "kernels compute on numbers; keep text outside");
            }
            _ => return fail(lit, "this literal is not usable in a kernel", "write an integer, a float or a bool"),
        };
        Ok(Twin { ir: self.node(ExprKind::Lit(ir), lit), rust: quote_spanned!(span=> #rust) })
    }

    fn path(&mut self, path: &'a syn::ExprPath) -> syn::Result<Twin> {
        if let Some(qself) = &path.qself {
            return fail(
                qself.ty.to_token_stream(),
                "qualified paths are not supported in a kernel",
                "write the path to a constant: `f32::MAX`",
            );
        }
        if let Some(name) = path.path.get_ident() {
            if let Some(binding) = self.binding(name) {
                let depth = match binding.kind {
                    Kind::Value(depth) => depth,
                    Kind::Slice => {
                        return fail(
                            name,
                            format_args!("slice `{name}` is not a value"),
                            format_args!(
                                "read an element, `{name}[i]`, ask for `{name}.len()`, or pass it to a kernel"
                            ),
                        );
                    }
                    Kind::Index => {
                        return fail(
                            name,
                            format_args!("index `{name}` is not a number"),
                            format_args!("use `{name}.x`, `{name}.y`, `{name}.z` or `{name}.flat()`"),
                        );
                    }
                };
                let rust = dereferenced(name.to_token_stream(), depth);
                return Ok(Twin { ir: self.node(ExprKind::Local(binding.id), path), rust });
            }
            if name == "self" {
                return fail(name, "a kernel has no `self`", "take the field as a scalar: `let k = self.k;`");
            }
            if !super::is_constant_name(name) {
                if !self.source.captures {
                    return Err(super::unknown_name(name, &self.scope));
                }
                let at = self.captures.iter().position(|c| c == name).unwrap_or_else(|| {
                    self.captures.push(name.clone());
                    self.captures.len() - 1
                });
                return Ok(Twin { ir: self.node(ExprKind::Capture(at as u32), path), rust: name.to_token_stream() });
            }
        }
        // rustc would say so too, but three times over.
        let foreign = ["f64", "u64", "i64", "u128", "i128", "isize", "u8", "i8", "u16", "i16"];
        if let Some(s) = path.path.segments.iter().find(|s| foreign.iter().any(|f| s.ident == f)) {
            let ty = &s.ident;
            return fail(
                path,
                format_args!("a constant of type `{ty}` is not usable in a kernel"),
                "constants of kernels are `f32`, `u32`, `i32`, `bool` or `usize`: `std::f32::consts::PI`, `u32::MAX`",
            );
        }
        let at = self.constant(path.to_token_stream());
        let private = self.private();
        let rust = quote_spanned!(path.span()=> #private::ops::constant(#path));
        Ok(Twin { ir: self.node(ExprKind::Const(at), path), rust })
    }

    fn unary(&mut self, unary: &'a syn::ExprUnary) -> syn::Result<Twin> {
        let op = match &unary.op {
            syn::UnOp::Neg(_) => UnOp::Neg,
            syn::UnOp::Not(_) => UnOp::Not,
            syn::UnOp::Deref(_) => return self.dereference(unary),
            _ => return unsupported(unary),
        };
        // `-2147483648` is one number: its digits alone would not fit.
        if let (UnOp::Neg, Expr::Lit(lit)) = (op, bare(&unary.expr)) {
            let value = self.literal(lit, true)?;
            let rust = value.rust;
            let minus = &unary.op;
            return Ok(Twin {
                ir: self.node(ExprKind::Unary(op, Box::new(value.ir)), unary),
                rust: quote!((#minus #rust)),
            });
        }
        let value = self.expr(&unary.expr)?;
        let (rust, private) = (value.rust, self.private());
        let rust = match op {
            UnOp::Neg => quote_spanned!(unary.op.span()=> #private::ops::neg(#rust)),
            UnOp::Not => quote_spanned!(unary.op.span()=> #private::ops::not(#rust)),
        };
        Ok(Twin { ir: self.node(ExprKind::Unary(op, Box::new(value.ir)), unary), rust })
    }

    /// `*x` of a reference parameter: its value, however many references it is behind.
    fn dereference(&mut self, unary: &'a syn::ExprUnary) -> syn::Result<Twin> {
        let mut inner = bare(&unary.expr);
        let mut stars = 1;
        while let Expr::Unary(syn::ExprUnary { op: syn::UnOp::Deref(_), expr, .. }) = inner {
            inner = bare(expr);
            stars += 1;
        }
        match (inner, self.bound(inner)) {
            (Expr::Path(path), Some((_, binding))) if matches!(binding.kind, Kind::Value(depth) if depth >= stars) => {
                self.path(path)
            }
            _ => fail(unary, "only a reference parameter can be dereferenced in a kernel", "drop the `*`"),
        }
    }

    /// The twin's tokens of a binary operator.
    #[allow(clippy::needless_pass_by_value)] // token streams are moved into what is built from them
    pub(super) fn operator(&self, op: BinOp, a: TokenStream, b: TokenStream, span: Span) -> TokenStream {
        let private = self.private();
        let call = |name: &str| {
            let name = syn::Ident::new(name, span);
            quote_spanned!(span=> #private::ops::#name(#a, #b))
        };
        match op {
            BinOp::Add => call("add"),
            BinOp::Sub => call("sub"),
            BinOp::Mul => call("mul"),
            BinOp::Div => call("div"),
            BinOp::Rem => call("rem"),
            BinOp::BitAnd => call("bit_and"),
            BinOp::BitOr => call("bit_or"),
            BinOp::BitXor => call("bit_xor"),
            BinOp::Shl => call("shl"),
            BinOp::Shr => call("shr"),
            BinOp::Eq => quote_spanned!(span=> (#a == #b)),
            BinOp::Ne => quote_spanned!(span=> (#a != #b)),
            BinOp::Lt => quote_spanned!(span=> (#a < #b)),
            BinOp::Le => quote_spanned!(span=> (#a <= #b)),
            BinOp::Gt => quote_spanned!(span=> (#a > #b)),
            BinOp::Ge => quote_spanned!(span=> (#a >= #b)),
            BinOp::And => quote_spanned!(span=> (#a && #b)),
            BinOp::Or => quote_spanned!(span=> (#a || #b)),
        }
    }

    fn binary(&mut self, binary: &'a syn::ExprBinary) -> syn::Result<Twin> {
        use syn::BinOp as B;
        let (op, assigns) = match &binary.op {
            B::Add(_) => (BinOp::Add, false),
            B::Sub(_) => (BinOp::Sub, false),
            B::Mul(_) => (BinOp::Mul, false),
            B::Div(_) => (BinOp::Div, false),
            B::Rem(_) => (BinOp::Rem, false),
            B::And(_) => (BinOp::And, false),
            B::Or(_) => (BinOp::Or, false),
            B::BitXor(_) => (BinOp::BitXor, false),
            B::BitAnd(_) => (BinOp::BitAnd, false),
            B::BitOr(_) => (BinOp::BitOr, false),
            B::Shl(_) => (BinOp::Shl, false),
            B::Shr(_) => (BinOp::Shr, false),
            B::Eq(_) => (BinOp::Eq, false),
            B::Lt(_) => (BinOp::Lt, false),
            B::Le(_) => (BinOp::Le, false),
            B::Ne(_) => (BinOp::Ne, false),
            B::Ge(_) => (BinOp::Ge, false),
            B::Gt(_) => (BinOp::Gt, false),
            B::AddAssign(_) => (BinOp::Add, true),
            B::SubAssign(_) => (BinOp::Sub, true),
            B::MulAssign(_) => (BinOp::Mul, true),
            B::DivAssign(_) => (BinOp::Div, true),
            B::RemAssign(_) => (BinOp::Rem, true),
            B::BitXorAssign(_) => (BinOp::BitXor, true),
            B::BitAndAssign(_) => (BinOp::BitAnd, true),
            B::BitOrAssign(_) => (BinOp::BitOr, true),
            B::ShlAssign(_) => (BinOp::Shl, true),
            B::ShrAssign(_) => (BinOp::Shr, true),
            _ => return unsupported(binary),
        };
        if assigns {
            return self.assign_op(op, binary);
        }
        let a = self.expr(&binary.left)?;
        let b = self.expr(&binary.right)?;
        let rust = self.operator(op, a.rust, b.rust, binary.op.span());
        Ok(Twin { ir: self.node(ExprKind::Binary(op, Box::new(a.ir), Box::new(b.ir)), binary), rust })
    }

    fn cast(&mut self, cast: &'a syn::ExprCast) -> syn::Result<Twin> {
        let ty = signature::scalar(&cast.ty)?;
        if ty == Ty::Bool {
            return fail(&cast.ty, "a number cannot be cast to `bool`", "compare: `x != 0`");
        }
        let value = self.expr(&cast.expr)?;
        let (rust, private, target) = (value.rust, self.private(), &cast.ty);
        let rust = quote_spanned!(cast.as_token.span()=> #private::ops::cast::<_, #target>(#rust));
        Ok(Twin { ir: self.node(ExprKind::Cast(Box::new(value.ir), ty), cast), rust })
    }

    fn index(&mut self, index: &'a syn::ExprIndex) -> syn::Result<Twin> {
        let Some((name, binding)) = self.bound(&index.expr).filter(|(_, b)| b.kind == Kind::Slice) else {
            return fail(
                &index.expr,
                "only slice parameters can be indexed in a kernel",
                "take a parameter of type `&[f32]`",
            );
        };
        if let Expr::Range(range) = bare(&index.index) {
            return fail(range, "a kernel cannot take a part of a slice", "pass the offset along as a `usize`");
        }
        let at = self.expr(&index.index)?;
        let (at_rust, private, kernel) = (at.rust, self.private(), Literal::string(&self.source.name));
        let rust = quote_spanned! {index.span()=>
            #private::ops::index::<{ ::core::cfg!(debug_assertions) }, _>(#name, #at_rust, #kernel)
        };
        Ok(Twin { ir: self.node(ExprKind::Index(binding.id, Box::new(at.ir)), index), rust })
    }

    fn field(&mut self, field: &'a syn::ExprField) -> syn::Result<Twin> {
        let base = self.bound(&field.base);
        let Some((name, binding)) = base.filter(|(_, b)| b.kind == Kind::Index) else {
            return fail(
                field,
                "a kernel has no fields to read",
                "take the field as a scalar parameter; `kernel_fn!` captures locals: `let k = self.k;`",
            );
        };
        let component = match &field.member {
            syn::Member::Named(member) if member == "x" => IndexField::X,
            syn::Member::Named(member) if member == "y" => IndexField::Y,
            syn::Member::Named(member) if member == "z" => IndexField::Z,
            member => return fail(member, "`Index` has no such field", "it has `x`, `y`, `z` and `flat()`"),
        };
        let member = &field.member;
        Ok(Twin { ir: self.node(ExprKind::IndexField(binding.id, component), field), rust: quote!(#name.#member) })
    }
}

/// A reference parameter's value in the twin.
pub(super) fn dereferenced(name: TokenStream, depth: usize) -> TokenStream {
    if depth == 0 {
        return name;
    }
    let stars = std::iter::repeat_n(quote!(*), depth);
    quote!((#(#stars)* #name))
}

/// A float literal with its suffix written, so that rustc never falls back to f64.
fn float_literal(digits: &str, suffixed: bool, at: &syn::ExprLit) -> syn::Result<(Lit, TokenStream)> {
    let digits = digits.strip_suffix('.').unwrap_or(digits);
    let value: f32 = digits.parse().map_err(|_| error(at, "not a number", "write it as `1.5`"))?;
    if value.is_infinite() {
        return fail(at, "this number does not fit in an `f32`", "the largest is `f32::MAX`; write `f32::INFINITY`");
    }
    let mut literal: Literal =
        format!("{digits}f32").parse().map_err(|_| error(at, "not a number", "write it as `1.5`"))?;
    literal.set_span(at.span());
    Ok((Lit::Float(value.to_bits(), suffixed), literal.to_token_stream()))
}

fn wrong_suffix<T>(at: &syn::ExprLit, suffix: &str) -> syn::Result<T> {
    let help = if suffix == "f64" { "kernels compute in `f32`" } else { "write `u32`, `i32`, `usize` or `f32`" };
    fail(at, format_args!("`{suffix}` is not a type of kernels"), help)
}

fn unsupported<T>(expr: impl ToTokens) -> syn::Result<T> {
    let tokens = expr.to_token_stream();
    let parsed: Option<Expr> = syn::parse2(tokens.clone()).ok();
    let (what, help) = match &parsed {
        Some(Expr::Macro(call)) => return Err(stmt::macro_error(&call.mac)),
        Some(Expr::Closure(_)) => ("closures", "write a second kernel and call it"),
        Some(Expr::Async(_) | Expr::Await(_)) => {
            ("`async` and `.await`", "a kernel runs to its end; await its result outside")
        }
        Some(Expr::Unsafe(_)) => {
            ("`unsafe` blocks", "drop `unsafe`: indexing is checked, nothing in a kernel needs it")
        }
        Some(Expr::Try(_)) => ("the operator `?`", "return a value that marks the case"),
        Some(Expr::Struct(_)) => ("struct values", "compute on scalars; return one, and build structs outside"),
        Some(Expr::Array(_) | Expr::Repeat(_)) => {
            ("array values", "use a slice parameter for tables, locals for the rest")
        }
        Some(Expr::Tuple(tuple)) if tuple.elems.is_empty() => ("`()` values", "drop it"),
        Some(Expr::Tuple(_)) => ("tuple values", "use two locals, or `let (a, b) = (x, y);`"),
        Some(Expr::Reference(_)) => ("references", "kernels compute on values; slices are passed on by name"),
        Some(Expr::Range(_)) => ("ranges as values", "ranges stand in `for i in a..b` and in patterns"),
        Some(Expr::Let(_)) => ("`let` in conditions", "compare with `==`, or use `match`"),
        Some(Expr::Const(_)) => ("`const` blocks", "write a `const` outside of the kernel"),
        Some(Expr::Infer(_)) => ("`_` as a value", "write the value"),
        _ => ("this expression", "kernels have arithmetic, `if`, `match`, loops and calls of kernels"),
    };
    let verb = if what.starts_with("the ") || what.starts_with("this ") { "is" } else { "are" };
    fail(tokens, format_args!("{what} {verb} not supported in a kernel"), help)
}
