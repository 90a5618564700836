//! Patterns of `match` arms.

use syn::{Expr, Lit, RangeLimits};
use veda_kernels_ir::ast::Pat;

use super::{Kind, Lower, plain_binding};
use crate::error::fail;

const GUARD: &str = "bind the value and test it in a guard: `v if v == K => ..`";

impl Lower<'_> {
    pub(super) fn pattern(&mut self, pat: &syn::Pat) -> syn::Result<Pat> {
        match pat {
            syn::Pat::Wild(_) => Ok(Pat::Wild),
            syn::Pat::Paren(inner) => self.pattern(&inner.pat),
            syn::Pat::Ident(name) => {
                plain_binding(name)?;
                if super::is_constant_name(&name.ident) {
                    return fail(name, "constants are not supported in patterns of a kernel", GUARD);
                }
                Ok(Pat::Bind(self.declare(&name.ident, Kind::Value(0), name.mutability.is_some())))
            }
            syn::Pat::Lit(lit) => match &lit.lit {
                Lit::Bool(b) => Ok(Pat::Bool(b.value)),
                lit => integer(lit).map(Pat::Int),
            },
            syn::Pat::Range(range) => {
                let start = range.start.as_deref().map(bound).transpose()?;
                let end = range.end.as_deref().map(bound).transpose()?;
                match (range.limits, end) {
                    (RangeLimits::HalfOpen(_), Some(end)) => Ok(Pat::Range(start, Some(end - 1))),
                    _ => Ok(Pat::Range(start, end)),
                }
            }
            syn::Pat::Or(or) => {
                if let Some(name) = or.cases.iter().find(|p| matches!(p, syn::Pat::Ident(_))) {
                    return fail(name, "a binding cannot be an alternative", GUARD);
                }
                or.cases.iter().map(|p| self.pattern(p)).collect::<syn::Result<_>>().map(Pat::Or)
            }
            syn::Pat::Path(path) => fail(path, "constants are not supported in patterns of a kernel", GUARD),
            other => fail(
                other,
                "this pattern is not supported in a kernel",
                "match integers and `bool`s: literals, ranges, `|`, `_`, a name",
            ),
        }
    }
}

fn bound(expr: &Expr) -> syn::Result<i64> {
    match expr {
        Expr::Lit(lit) => integer(&lit.lit),
        Expr::Unary(minus) if matches!(minus.op, syn::UnOp::Neg(_)) => Ok(-bound(&minus.expr)?),
        other => fail(other, "constants are not supported in patterns of a kernel", GUARD),
    }
}

fn integer(lit: &Lit) -> syn::Result<i64> {
    match lit {
        Lit::Int(lit) if lit.suffix() != "f32" => {
            let value: i64 = lit.base10_parse::<i64>().ok().filter(|v| *v <= i64::from(u32::MAX)).ok_or_else(|| {
                crate::error::error(lit, "this integer does not fit in 32 bits", "integers of kernels are 32-bit")
            })?;
            Ok(value)
        }
        Lit::Float(_) | Lit::Int(_) => fail(lit, "a kernel cannot match on a float", "compare with `if`"),
        _ => fail(lit, "this pattern is not supported in a kernel", "match integers and `bool`s"),
    }
}
