//! Counts the operations of a kernel: the planner's first guess before anything was measured.

use crate::ast::{BinOp, Block, Builtin, Expr, ExprKind, Lit, Stmt, Ty};
use crate::link::{Linked, Typed};
use crate::visit;

/// The trips that a loop of unknown length is counted with.
pub const DEFAULT_TRIPS: f64 = 16.0;

/// Expected operations of one invocation, callees included. A branch's sides count half each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OpCounts {
    /// `+ - mul_add`, rounding and other cheap float functions.
    pub float_add: f64,
    /// Float `*`.
    pub float_mul: f64,
    /// Float `/`, `recip`, `%`.
    pub float_div: f64,
    /// `sqrt`.
    pub float_sqrt: f64,
    /// Integer and bit operations.
    pub int_ops: f64,
    /// Integer `/` and `%`.
    pub int_div: f64,
    /// Comparisons, `min`, `max`, `&&`.
    pub compare_select: f64,
    /// `as` between different types.
    pub cast: f64,
    /// Elements read from slices.
    pub loads: f64,
    /// `if`, `match` arms, loop tests.
    pub branches: f64,
    /// Iterations of all loops.
    pub trips: f64,
    /// Whether a loop of unknown length was counted with [`DEFAULT_TRIPS`].
    pub unbounded: bool,
}

impl OpCounts {
    fn add(&mut self, o: &OpCounts, weight: f64) {
        self.float_add += weight * o.float_add;
        self.float_mul += weight * o.float_mul;
        self.float_div += weight * o.float_div;
        self.float_sqrt += weight * o.float_sqrt;
        self.int_ops += weight * o.int_ops;
        self.int_div += weight * o.int_div;
        self.compare_select += weight * o.compare_select;
        self.cast += weight * o.cast;
        self.loads += weight * o.loads;
        self.branches += weight * o.branches;
        self.trips += weight * o.trips;
        self.unbounded |= o.unbounded;
    }
}

/// Counts the operations of a linked kernel; zero for a unit that does not exist. Each callee is counted once.
pub fn count(linked: &Linked, unit: usize) -> OpCounts {
    counted(linked, unit, &mut vec![None; linked.functions.len()])
}

fn counted(linked: &Linked, unit: usize, memo: &mut Vec<Option<OpCounts>>) -> OpCounts {
    let Some(typed) = linked.functions.get(unit) else { return OpCounts::default() };
    if let Some(known) = memo[unit] {
        return known;
    }
    let deps: Vec<OpCounts> = typed.unit.deps.iter().map(|&d| counted(linked, d, memo)).collect();
    let mut total = OpCounts::default();
    block(&typed.unit.function.body, &Counter { typed, deps: &deps }, 1.0, &mut total);
    memo[unit] = Some(total);
    total
}

struct Counter<'a> {
    typed: &'a Typed,
    deps: &'a [OpCounts],
}

fn block(b: &Block, c: &Counter<'_>, w: f64, n: &mut OpCounts) {
    for s in &b.stmts {
        match s {
            Stmt::Let { init: Some(e), .. } | Stmt::Expr(e) => expr(e, c, w, n),
            Stmt::Let { init: None, .. } => {}
        }
    }
    if let Some(t) = &b.tail {
        expr(t, c, w, n);
    }
}

fn operator(op: BinOp, ty: Option<Ty>, w: f64, n: &mut OpCounts) {
    let float = ty == Some(Ty::F32);
    *match op {
        BinOp::Add | BinOp::Sub if float => &mut n.float_add,
        BinOp::Mul if float => &mut n.float_mul,
        BinOp::Div | BinOp::Rem if float => &mut n.float_div,
        BinOp::Div | BinOp::Rem => &mut n.int_div,
        BinOp::Add
        | BinOp::Sub
        | BinOp::Mul
        | BinOp::BitAnd
        | BinOp::BitOr
        | BinOp::BitXor
        | BinOp::Shl
        | BinOp::Shr => &mut n.int_ops,
        _ => &mut n.compare_select,
    } += w;
}

/// A bound or step that is known before the kernel runs.
fn known(e: &Expr, c: &Counter<'_>) -> Option<i64> {
    match &e.kind {
        ExprKind::Lit(Lit::Int(n, _)) => i64::try_from(*n).ok(),
        ExprKind::Unary(crate::ast::UnOp::Neg, a) => known(a, c).map(|n| -n),
        ExprKind::Const(n) => match c.typed.unit.consts.get(*n as usize)? {
            crate::ast::Value::I32(x) => Some(i64::from(*x)),
            crate::ast::Value::U32(x) | crate::ast::Value::Usize(x) => Some(i64::from(*x)),
            _ => None,
        },
        _ => None,
    }
}

fn expr(e: &Expr, c: &Counter<'_>, w: f64, n: &mut OpCounts) {
    let ty = |e: &Expr| c.typed.typing.exprs.get(e.span as usize).copied().flatten();
    match &e.kind {
        ExprKind::If(cond, then, other) => {
            expr(cond, c, w, n);
            n.branches += w;
            block(then, c, w / 2.0, n);
            if let Some(other) = other {
                expr(other, c, w / 2.0, n);
            }
            return;
        }
        ExprKind::Match(s, arms) => {
            expr(s, c, w, n);
            let each = w / (arms.len().max(1) as f64);
            for arm in arms {
                n.branches += each;
                if let Some(g) = &arm.guard {
                    expr(g, c, each, n);
                }
                expr(&arm.body, c, each, n);
            }
            return;
        }
        ExprKind::For { start, end, inclusive, step, body, .. } => {
            expr(start, c, w, n);
            expr(end, c, w, n);
            let step_by = match step {
                Some(s) => {
                    expr(s, c, w, n);
                    known(s, c)
                }
                None => Some(1),
            };
            let trips = match (known(start, c), known(end, c), step_by) {
                (Some(a), Some(b), Some(s)) => {
                    let (span, s) = ((b - a + i64::from(*inclusive)).max(0), s.max(1));
                    ((span + s - 1) / s) as f64
                }
                _ => {
                    n.unbounded = true;
                    DEFAULT_TRIPS
                }
            };
            looped(body, None, c, w * trips, n);
            return;
        }
        ExprKind::While(cond, _, body) => {
            n.unbounded = true;
            looped(body, Some(cond), c, w * DEFAULT_TRIPS, n);
            return;
        }
        ExprKind::Loop(_, body) => {
            n.unbounded = true;
            looped(body, None, c, w * DEFAULT_TRIPS, n);
            return;
        }
        ExprKind::Unary(..) => match ty(e) {
            Some(Ty::F32) => n.float_add += w,
            _ => n.int_ops += w,
        },
        ExprKind::Binary(op, a, _) => operator(*op, ty(a), w, n),
        ExprKind::AssignOp(op, _, a) => operator(*op, ty(a), w, n),
        ExprKind::Cast(a, to) if ty(a) != Some(*to) => n.cast += w,
        ExprKind::Builtin(b, args) => match b {
            Builtin::Sqrt => n.float_sqrt += w,
            Builtin::Recip => n.float_div += w,
            Builtin::MulAdd => {
                n.float_mul += w;
                n.float_add += w;
            }
            Builtin::Min | Builtin::Max | Builtin::Clamp => n.compare_select += w,
            Builtin::RemEuclid | Builtin::DivEuclid => operator(BinOp::Div, args.first().and_then(ty), w, n),
            // Up to 32 rounds of two multiplications; small exponents are the rule.
            Builtin::Powi => n.float_mul += 6.0 * w,
            Builtin::Pow => n.int_ops += 6.0 * w,
            _ if ty(e) == Some(Ty::F32) => n.float_add += w,
            _ => n.int_ops += w,
        },
        ExprKind::Call(d, _) => {
            if let Some(callee) = c.deps.get(*d as usize) {
                n.add(callee, w);
            }
        }
        ExprKind::Index(..) => n.loads += w,
        _ => {}
    }
    visit::children(e, &mut |child| expr(child, c, w, n));
}

fn looped(body: &Block, cond: Option<&Expr>, c: &Counter<'_>, w: f64, n: &mut OpCounts) {
    n.trips += w;
    n.branches += w;
    if let Some(cond) = cond {
        expr(cond, c, w, n);
    }
    block(body, c, w, n);
}
