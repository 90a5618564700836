//! Blocks, `let` and assignments.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Pat, Type};
use veda_kernels_ir::ast::{BinOp, Block, ExprKind, Stmt, Ty};

use super::{Kind, Lower, Twin, bare, plain_binding};
use crate::error::fail;
use crate::signature;

impl<'a> Lower<'a> {
    /// A block; the twin's tokens include the braces.
    pub(super) fn block(&mut self, block: &'a syn::Block) -> syn::Result<(Block, TokenStream)> {
        self.scoped(|lower| {
            let mut ir = Block::default();
            let mut rust = TokenStream::new();
            let last = block.stmts.len().saturating_sub(1);
            for (i, stmt) in block.stmts.iter().enumerate() {
                lower.statement(stmt, i == last, &mut ir, &mut rust)?;
            }
            let braces = block.brace_token.span.join();
            Ok((ir, quote_spanned!(braces=> { #rust })))
        })
    }

    fn statement(
        &mut self,
        stmt: &'a syn::Stmt,
        last: bool,
        ir: &mut Block,
        rust: &mut TokenStream,
    ) -> syn::Result<()> {
        match stmt {
            syn::Stmt::Local(local) => self.binding_statement(local, ir, rust),
            syn::Stmt::Expr(expr, semicolon) => {
                let value = self.expr(expr)?;
                let tokens = value.rust;
                rust.extend(quote!(#tokens #semicolon));
                let unit = matches!(
                    value.ir.kind,
                    ExprKind::For { .. } | ExprKind::While(..) | ExprKind::Assign(..) | ExprKind::AssignOp(..)
                );
                if last && semicolon.is_none() && !unit {
                    ir.tail = Some(Box::new(value.ir));
                } else {
                    ir.stmts.push(Stmt::Expr(value.ir));
                }
                Ok(())
            }
            syn::Stmt::Item(item) => {
                fail(item, "items inside a kernel are not supported", "move it out of the function")
            }
            syn::Stmt::Macro(call) => Err(macro_error(&call.mac)),
        }
    }

    fn binding_statement(&mut self, local: &'a syn::Local, ir: &mut Block, rust: &mut TokenStream) -> syn::Result<()> {
        let (pat, ty) = match &local.pat {
            Pat::Type(typed) => (&*typed.pat, Some(&*typed.ty)),
            pat => (pat, None),
        };
        let Some(init) = &local.init else {
            let Pat::Ident(name) = pat else {
                return fail(pat, "a pattern needs a value", "declare the names one by one");
            };
            plain_binding(name)?;
            let ty = ty.map(signature::scalar).transpose()?;
            let id = self.declare(&name.ident, Kind::Value(0), true);
            ir.stmts.push(Stmt::Let { local: id, ty, init: None });
            let written = &local.pat;
            rust.extend(quote!(let #written;));
            return Ok(());
        };
        if let Some((token, _)) = &init.diverge {
            return fail(token, "`let … else` is not supported in a kernel", "use `if` and an early `return`");
        }
        // Values first: none of them sees the new names.
        let mut declared = Vec::new();
        let value = self.destructure(pat, ty, &init.expr, &mut declared)?;
        for (name, mutable, ty, value) in declared {
            match name {
                Some(name) => {
                    let id = self.declare(name, Kind::Value(0), mutable);
                    ir.stmts.push(Stmt::Let { local: id, ty, init: Some(value) });
                }
                None => ir.stmts.push(Stmt::Expr(value)),
            }
        }
        let written = &local.pat;
        rust.extend(quote!(let #written = #value;));
        Ok(())
    }

    /// Pairs a pattern with the parts of its value; returns the twin's tokens of the value.
    fn destructure(
        &mut self,
        pat: &'a Pat,
        ty: Option<&'a Type>,
        init: &'a syn::Expr,
        declared: &mut Vec<(Option<&'a syn::Ident>, bool, Option<Ty>, veda_kernels_ir::ast::Expr)>,
    ) -> syn::Result<TokenStream> {
        match pat {
            Pat::Paren(inner) => self.destructure(&inner.pat, ty, init, declared),
            Pat::Type(typed) => self.destructure(&typed.pat, Some(&typed.ty), init, declared),
            Pat::Ident(_) | Pat::Wild(_) => {
                let name = match pat {
                    Pat::Ident(name) => {
                        plain_binding(name)?;
                        Some(name)
                    }
                    _ => None,
                };
                let ty = match ty {
                    None | Some(Type::Infer(_)) => None,
                    Some(ty) => Some(signature::scalar(ty)?),
                };
                let value = self.expr(init)?;
                declared.push((name.map(|n| &n.ident), name.is_some_and(|n| n.mutability.is_some()), ty, value.ir));
                Ok(value.rust)
            }
            Pat::Tuple(tuple) => {
                let syn::Expr::Tuple(values) = bare(init) else {
                    // `x.sin_cos()` has an error of its own that says more.
                    self.expr(init)?;
                    return fail(init, "a kernel has no tuple values", "write the parts: `let (a, b) = (x, y);`");
                };
                let types: Vec<Option<&Type>> = match ty {
                    Some(Type::Tuple(types)) => types.elems.iter().map(Some).collect(),
                    _ => vec![None; tuple.elems.len()],
                };
                if tuple.elems.len() != values.elems.len() || types.len() != values.elems.len() {
                    return fail(
                        pat,
                        format_args!("{} names for {} values", tuple.elems.len(), values.elems.len()),
                        "make them equally many; `..` is not supported",
                    );
                }
                let mut parts = Vec::new();
                for ((pat, ty), value) in tuple.elems.iter().zip(types).zip(&values.elems) {
                    parts.push(self.destructure(pat, ty, value, declared)?);
                }
                Ok(quote!((#(#parts,)*)))
            }
            other => fail(other, "this pattern is not supported in a kernel", "bind a name, or a tuple of names"),
        }
    }

    /// `x = e`
    pub(super) fn assign(&mut self, assign: &'a syn::ExprAssign) -> syn::Result<Twin> {
        let value = self.expr(&assign.right)?;
        let (name, local) = self.target(&assign.left)?;
        let tokens = value.rust;
        let ir = self.node(ExprKind::Assign(local, Box::new(value.ir)), assign);
        Ok(Twin { ir, rust: quote!(#name = #tokens) })
    }

    /// `x op= e`
    pub(super) fn assign_op(&mut self, op: BinOp, binary: &'a syn::ExprBinary) -> syn::Result<Twin> {
        let value = self.expr(&binary.right)?;
        let (name, local) = self.target(&binary.left)?;
        let tokens = value.rust;
        // As in Rust, the right side is evaluated before the left one is read.
        let rhs = syn::Ident::new("__rhs", proc_macro2::Span::mixed_site().located_at(binary.right.span()));
        let result = self.operator(op, quote!(#name), quote!(#rhs), binary.op.span());
        let ir = self.node(ExprKind::AssignOp(op, local, Box::new(value.ir)), binary);
        Ok(Twin { ir, rust: quote!({ let #rhs = #tokens; #name = #result; }) })
    }

    /// The local that is assigned to.
    fn target(&mut self, target: &'a syn::Expr) -> syn::Result<(syn::Ident, veda_kernels_ir::ast::LocalId)> {
        match bare(target) {
            syn::Expr::Index(_) => {
                fail(target, "slices are read-only in a kernel", "return the value; veda writes it to the output")
            }
            syn::Expr::Tuple(_) => {
                fail(target, "a kernel cannot assign to a tuple", "assign one by one, or use `let (a, b) = ..`")
            }
            syn::Expr::Infer(_) => fail(target, "a kernel cannot assign to `_`", "write `let _ = ..;`"),
            syn::Expr::Unary(_) => {
                fail(target, "a kernel cannot assign through a reference", "copy the value: `let mut x = *x;`")
            }
            bare => match (bare, self.bound(bare)) {
                (_, Some((name, binding))) => {
                    if binding.kind != Kind::Value(0) {
                        return fail(
                            target,
                            format_args!("cannot assign to `{name}`"),
                            format_args!("copy it: `let mut {name} = *{name};`"),
                        );
                    }
                    if !binding.assignable {
                        return fail(
                            target,
                            format_args!("cannot assign to `{name}`, which is not `mut`"),
                            format_args!("declare it as `mut {name}`"),
                        );
                    }
                    self.locals[binding.id.0 as usize].mutable = true;
                    Ok((name, binding.id))
                }
                (syn::Expr::Path(path), None) => match path.path.get_ident() {
                    Some(name) if self.source.captures => fail(
                        name,
                        format_args!("cannot assign to `{name}`, which is captured"),
                        format_args!("copy it: `let mut {name} = {name};`"),
                    ),
                    Some(name) if !super::is_constant_name(name) => Err(super::unknown_name(name, &self.scope)),
                    _ => fail(target, "a kernel assigns to its locals only", "use a local"),
                },
                _ => fail(target, "a kernel assigns to its locals only", "use a local"),
            },
        }
    }
}

/// Macros cannot be expanded by a macro.
pub(super) fn macro_error(call: &syn::Macro) -> syn::Error {
    let name = call.path.to_token_stream().to_string().replace(' ', "");
    let help = match name.rsplit("::").next().unwrap_or_default() {
        "println" | "print" | "eprintln" | "eprint" | "dbg" => {
            "kernels cannot print; return the value and print it outside"
        }
        "assert" | "assert_eq" | "assert_ne" | "debug_assert" | "debug_assert_eq" | "panic" | "unreachable"
        | "todo" | "unimplemented" => "kernels cannot panic; return a value that marks the case",
        "vec" | "format" => "kernels compute on scalars only",
        "matches" => "write a `match` with `true` and `false`",
        _ => "write out what it stands for",
    };
    crate::error::error(call, format_args!("macro `{name}!` is not usable in a kernel"), help)
}
