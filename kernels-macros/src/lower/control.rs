//! `if`, `match`, loops and jumps.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use veda_kernels_ir::ast::{Arm, ExprKind, LoopId};

use super::{Kind, Loop, Lower, Twin, bare, label_name};
use crate::error::fail;

impl<'a> Lower<'a> {
    pub(super) fn if_(&mut self, whole: &'a syn::ExprIf) -> syn::Result<Twin> {
        if let syn::Expr::Let(test) = bare(&whole.cond) {
            return fail(test, "`if let` is not supported in a kernel", "compare with `==`, or use `match`");
        }
        let cond = self.expr(&whole.cond)?;
        let (then, then_rust) = self.block(&whole.then_branch)?;
        let otherwise = whole.else_branch.as_ref().map(|(_, e)| self.expr(e)).transpose()?;
        let cond_rust = cond.rust;
        let else_rust = otherwise.as_ref().map(|e| {
            let rust = &e.rust;
            quote!(else #rust)
        });
        let kind = ExprKind::If(Box::new(cond.ir), then, otherwise.map(|e| Box::new(e.ir)));
        Ok(Twin { ir: self.node(kind, whole), rust: quote!(if #cond_rust #then_rust #else_rust) })
    }

    pub(super) fn match_(&mut self, whole: &'a syn::ExprMatch) -> syn::Result<Twin> {
        if let syn::Expr::Tuple(tuple) = bare(&whole.expr) {
            return fail(tuple, "a kernel matches on scalars", "nest one `match` in another");
        }
        let scrutinee = self.expr(&whole.expr)?;
        let scrutinee_rust = scrutinee.rust;
        let mut arms = Vec::new();
        let mut arms_rust = TokenStream::new();
        for arm in &whole.arms {
            self.scoped(|lower| {
                let pat = lower.pattern(&arm.pat)?;
                let guard = arm.guard.as_ref().map(|(_, g)| lower.expr(g)).transpose()?;
                let body = lower.expr(&arm.body)?;
                let (pattern, body_rust) = (&arm.pat, body.rust);
                let guard_rust = guard.as_ref().map(|g| {
                    let rust = &g.rust;
                    quote!(if #rust)
                });
                arms_rust.extend(quote!(#pattern #guard_rust => #body_rust,));
                arms.push(Arm { pat, guard: guard.map(|g| g.ir), body: body.ir });
                Ok(())
            })?;
        }
        let ir = self.node(ExprKind::Match(Box::new(scrutinee.ir), arms), whole);
        Ok(Twin { ir, rust: quote!(match #scrutinee_rust { #arms_rust }) })
    }

    /// Lowers a loop's body with its label in scope.
    fn body(
        &mut self,
        label: Option<&'a syn::Label>,
        body: &'a syn::Block,
    ) -> syn::Result<(LoopId, veda_kernels_ir::ast::Block, TokenStream)> {
        let id = self.loop_id();
        self.loops.push(Loop { label: label.map(|l| label_name(&l.name)), id });
        let lowered = self.block(body);
        self.loops.pop();
        let (ir, rust) = lowered?;
        Ok((id, ir, rust))
    }

    pub(super) fn loop_(&mut self, whole: &'a syn::ExprLoop) -> syn::Result<Twin> {
        let (id, body, rust) = self.body(whole.label.as_ref(), &whole.body)?;
        let label = &whole.label;
        Ok(Twin { ir: self.node(ExprKind::Loop(id, body), whole), rust: quote!(#label loop #rust) })
    }

    pub(super) fn while_(&mut self, whole: &'a syn::ExprWhile) -> syn::Result<Twin> {
        if let syn::Expr::Let(test) = bare(&whole.cond) {
            return fail(test, "`while let` is not supported in a kernel", "use `loop` with `break`");
        }
        let cond = self.expr(&whole.cond)?;
        let (id, body, rust) = self.body(whole.label.as_ref(), &whole.body)?;
        let (label, cond_rust) = (&whole.label, cond.rust);
        let ir = self.node(ExprKind::While(Box::new(cond.ir), id, body), whole);
        Ok(Twin { ir, rust: quote!(#label while #cond_rust #rust) })
    }

    pub(super) fn for_(&mut self, whole: &'a syn::ExprForLoop) -> syn::Result<Twin> {
        let mut iter = bare(&whole.expr);
        let (mut step, mut reversed) = (None, false);
        // From the outside in: the range, then `.rev()`, then `.step_by(n)`.
        while let syn::Expr::MethodCall(call) = iter {
            match (call.method.to_string().as_str(), call.args.len()) {
                ("rev", 0) if step.is_none() && reversed => {
                    return fail(&call.method, "`.rev()` twice", "drop both");
                }
                ("rev", 0) => reversed = true,
                ("step_by", 1) if reversed => {
                    return fail(
                        &call.method,
                        "`.step_by(n).rev()` is not supported in a kernel",
                        "count upwards and compute the position, or write `.rev().step_by(n)` if the start is meant",
                    );
                }
                ("step_by", 1) if step.is_none() => step = Some(&call.args[0]),
                _ => return not_a_range(&whole.expr),
            }
            iter = bare(&call.receiver);
        }
        let syn::Expr::Range(range) = iter else { return not_a_range(&whole.expr) };
        let (Some(start), Some(end)) = (&range.start, &range.end) else {
            return fail(range, "a loop in a kernel needs both ends", "write `0..n`, or use `loop`");
        };
        let inclusive = matches!(range.limits, syn::RangeLimits::Closed(_));
        let start = self.expr(start)?;
        let end = self.expr(end)?;
        let step = step.map(|s| self.expr(s)).transpose()?;
        let depth = self.scope.len();
        let var = match &*whole.pat {
            syn::Pat::Wild(_) => None,
            syn::Pat::Ident(name) => {
                super::plain_binding(name)?;
                Some(self.declare(&name.ident, Kind::Value(0), name.mutability.is_some()))
            }
            other => return fail(other, "a loop in a kernel binds one name", "write `for i in 0..n`"),
        };
        let lowered = self.body(whole.label.as_ref(), &whole.body);
        self.scope.truncate(depth);
        let (label, body, body_rust) = lowered?;

        let private = self.private();
        let (start_rust, end_rust, limits) = (start.rust, end.rust, &range.limits);
        let mut range_rust = quote!((#start_rust #limits #end_rust));
        if reversed {
            range_rust = quote!(#range_rust.rev());
        }
        if let Some(step) = &step {
            let step_rust = &step.rust;
            range_rust = quote!(#range_rust.step_by(#private::ops::step(#step_rust)));
        }
        let (written_label, pat) = (&whole.label, &whole.pat);
        let rust = quote!(#written_label for #pat in #range_rust #body_rust);
        let kind = ExprKind::For {
            var,
            start: Box::new(start.ir),
            end: Box::new(end.ir),
            inclusive,
            reversed,
            step: step.map(|s| Box::new(s.ir)),
            label,
            body,
        };
        Ok(Twin { ir: self.node(kind, whole), rust })
    }

    /// The loop that a jump leaves or continues.
    fn jump_target(&self, label: Option<&syn::Lifetime>, jump: &dyn ToTokens) -> syn::Result<LoopId> {
        let found = match label {
            Some(label) => {
                let name = label_name(label);
                self.loops.iter().rev().find(|l| l.label.as_ref() == Some(&name))
            }
            None => self.loops.last(),
        };
        match (found, label) {
            (Some(found), _) => Ok(found.id),
            (None, Some(label)) => {
                fail(label, format_args!("no loop is labelled `{label}`"), "label the loop: `'name: loop { .. }`")
            }
            (None, None) => fail(jump, "there is no loop here", "use `return` to leave the kernel"),
        }
    }

    pub(super) fn break_(&mut self, jump: &'a syn::ExprBreak) -> syn::Result<Twin> {
        let id = self.jump_target(jump.label.as_ref(), jump)?;
        let value = jump.expr.as_ref().map(|e| self.expr(e)).transpose()?;
        let label = &jump.label;
        let rust = value.as_ref().map(|v| v.rust.clone());
        let ir = self.node(ExprKind::Break(id, value.map(|v| Box::new(v.ir))), jump);
        Ok(Twin { ir, rust: quote!(break #label #rust) })
    }

    pub(super) fn continue_(&mut self, jump: &'a syn::ExprContinue) -> syn::Result<Twin> {
        let id = self.jump_target(jump.label.as_ref(), jump)?;
        Ok(Twin { ir: self.node(ExprKind::Continue(id), jump), rust: jump.to_token_stream() })
    }

    pub(super) fn return_(&mut self, jump: &'a syn::ExprReturn) -> syn::Result<Twin> {
        let value = jump.expr.as_ref().map(|e| self.expr(e)).transpose()?;
        let rust = value.as_ref().map(|v| v.rust.clone());
        let ir = self.node(ExprKind::Return(value.map(|v| Box::new(v.ir))), jump);
        Ok(Twin { ir, rust: quote!(return #rust) })
    }
}

fn not_a_range<T>(iter: &syn::Expr) -> syn::Result<T> {
    fail(
        iter,
        "a loop in a kernel runs over a range",
        "write `for i in 0..src.len()` and read `src[i]`; `.rev()` and `.step_by(n)` may follow the range",
    )
}
