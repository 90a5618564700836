//! Walks a kernel once per call, with what is known of its arguments, until no local learns anything new.

use std::collections::BTreeMap;

use super::{Counted, DEFAULT_TRIPS, Fact, Given, Origin, Slice};
use crate::ast::{Arg, BinOp, Block, Builtin, Expr, ExprKind, IndexField, Lit, LocalId, LoopId, ParamPat, Stmt, Ty};
use crate::link::{Linked, Typed};
use crate::visit;

/// Kinds of calls that are told apart; beyond that all arguments count as loaded data, so that chains of calls stay cheap.
const MEMO: usize = 256;

/// Counted calls: the unit, what it was called with, its counts.
type Memo = Vec<(usize, Vec<Given>, Counted)>;

pub(super) fn count(linked: &Linked, unit: usize, args: &[Given], captures: &[Fact]) -> Counted {
    counted(linked, unit, args, captures, &mut Vec::new())
}

fn counted(linked: &Linked, unit: usize, args: &[Given], captures: &[Fact], memo: &mut Memo) -> Counted {
    let Some(typed) = linked.functions.get(unit) else { return Counted::default() };
    if let Some((.., known)) = memo.iter().find(|(u, a, _)| *u == unit && a == args) {
        return known.clone();
    }
    let function = &typed.unit.function;
    let locals = function.locals.len();
    let mut walker = Walker {
        linked,
        typed,
        memo,
        captures,
        facts: vec![Fact::UNIFORM; locals],
        slices: vec![None; locals],
        spaces: vec![None; locals],
        exits: BTreeMap::new(),
        control: Origin::Uniform,
        in_index: false,
        returned: None,
        changed: false,
        n: Counted::default(),
    };
    for (k, param) in function.params.iter().enumerate() {
        walker.bind(&param.pat, args.get(k));
    }
    loop {
        walker.changed = false;
        walker.n = Counted::default();
        walker.returned = None;
        let tail = walker.block(&function.body, 1.0);
        if !walker.changed {
            walker.n.result = walker.returned.map_or(tail, |early| early.either(tail));
            break;
        }
    }
    let total = walker.n;
    memo.push((unit, args.to_vec(), total.clone()));
    total
}

struct Walker<'a> {
    linked: &'a Linked,
    typed: &'a Typed,
    memo: &'a mut Memo,
    captures: &'a [Fact],
    /// By local.
    facts: Vec<Fact>,
    slices: Vec<Option<Slice>>,
    spaces: Vec<Option<[f64; 3]>>,
    /// What decides how long a loop runs: what is assigned in it depends on that.
    exits: BTreeMap<LoopId, Origin>,
    /// What decides whether this is reached.
    control: Origin,
    /// Inside an index.
    in_index: bool,
    returned: Option<Fact>,
    changed: bool,
    n: Counted,
}

impl Walker<'_> {
    fn bind(&mut self, pat: &ParamPat, given: Option<&Given>) {
        match (pat, given) {
            (ParamPat::Ignored, _) => {}
            (ParamPat::Tuple(parts), given) => {
                for (k, part) in parts.iter().enumerate() {
                    let own = if let Some(Given::Tuple(given)) = given { given.get(k) } else { None };
                    self.bind(part, own);
                }
            }
            (ParamPat::Local(l), Some(Given::Scalar(fact))) => self.facts[l.0 as usize] = *fact,
            (ParamPat::Local(l), Some(Given::Slice(slice))) => self.slices[l.0 as usize] = Some(*slice),
            (ParamPat::Local(l), Some(Given::Index(space))) => self.spaces[l.0 as usize] = *space,
            (ParamPat::Local(l), Some(Given::Tuple(_)) | None) => self.facts[l.0 as usize] = Fact::DATA,
        }
    }

    fn ty(&self, e: &Expr) -> Option<Ty> {
        self.typed.typing.exprs.get(e.span as usize).copied().flatten()
    }

    /// A new fact about a local that may be assigned several times: its origins add up, and its value is not followed.
    fn assign(&mut self, local: LocalId, fact: Fact) {
        let own = &mut self.facts[local.0 as usize];
        let new = Fact { origin: own.origin.max(fact.origin).max(self.control), value: None };
        self.changed |= *own != new;
        *own = new;
    }

    fn declare(&mut self, local: LocalId, fact: Fact) {
        if self.typed.unit.function.locals[local.0 as usize].mutable {
            let own = self.facts[local.0 as usize];
            // Declared again in the next round: what was assigned stays known.
            self.facts[local.0 as usize] = Fact { origin: own.origin.max(fact.origin), value: None };
        } else {
            self.facts[local.0 as usize] = fact;
        }
    }

    fn leave(&mut self, label: LoopId, origin: Origin) {
        let own = self.exits.entry(label).or_default();
        self.changed |= *own < origin;
        *own = origin.max(*own);
    }

    fn under<T>(&mut self, origin: Origin, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.control;
        self.control = before.max(origin);
        let result = run(self);
        self.control = before;
        result
    }

    fn block(&mut self, b: &Block, w: f64) -> Fact {
        for s in &b.stmts {
            match s {
                Stmt::Let { local, init: Some(e), .. } => {
                    let fact = self.expr(e, w);
                    self.declare(*local, fact);
                }
                Stmt::Expr(e) => _ = self.expr(e, w),
                Stmt::Let { init: None, .. } => {}
            }
        }
        b.tail.as_ref().map_or(Fact::UNIFORM, |t| self.expr(t, w))
    }

    /// An operation with this result. What is uniform is computed once for all invocations.
    fn operator(&mut self, op: BinOp, ty: Option<Ty>, result: Fact, w: f64) {
        if result.origin == Origin::Uniform {
            return;
        }
        let float = ty == Some(Ty::F32);
        let folded = self.in_index && result.origin != Origin::Data;
        let n = &mut self.n.ops;
        *match op {
            BinOp::Add | BinOp::Sub if float => &mut n.float_add,
            BinOp::Mul if float => &mut n.float_mul,
            BinOp::Div | BinOp::Rem if float => &mut n.float_div,
            BinOp::Div | BinOp::Rem => &mut n.int_div,
            // Address arithmetic: induction variables and addressing modes.
            BinOp::Add | BinOp::Sub | BinOp::Mul if folded => return,
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

    fn builtin(&mut self, builtin: Builtin, ty: Option<Ty>, first: Option<Ty>, fact: Fact, w: f64) {
        if fact.origin == Origin::Uniform {
            return;
        }
        let n = &mut self.n.ops;
        match builtin {
            Builtin::Sqrt => n.float_sqrt += w,
            Builtin::Recip => n.float_div += w,
            Builtin::MulAdd => {
                n.float_mul += w;
                n.float_add += w;
            }
            Builtin::Min | Builtin::Max | Builtin::Clamp => n.compare_select += w,
            Builtin::RemEuclid | Builtin::DivEuclid => self.operator(BinOp::Div, first, fact, w),
            Builtin::WrappingAdd | Builtin::WrappingSub | Builtin::WrappingMul => {
                self.operator(BinOp::Add, ty, fact, w);
            }
            // Up to 32 rounds of two multiplications; small exponents are the rule.
            Builtin::Powi => n.float_mul += 6.0 * w,
            Builtin::Pow => n.int_ops += 6.0 * w,
            // The same bits.
            Builtin::ToBits | Builtin::FromBits => {}
            _ if ty == Some(Ty::F32) => n.float_add += w,
            _ => n.int_ops += w,
        }
    }

    fn looped(&mut self, label: LoopId, body: &Block, cond: Option<&Expr>, w: f64) -> Fact {
        self.n.ops.trips += w;
        self.n.ops.branches += w;
        if let Some(cond) = cond {
            let fact = self.expr(cond, w);
            self.leave(label, fact.origin);
        }
        let exit = self.exits.get(&label).copied().unwrap_or_default();
        self.under(exit, |own| own.block(body, w));
        Fact::UNIFORM.from(self.exits.get(&label).copied().unwrap_or_default())
    }

    fn expr(&mut self, e: &Expr, w: f64) -> Fact {
        match &e.kind {
            ExprKind::Lit(Lit::Int(n, _)) => Fact::uniform(*n as f64),
            ExprKind::Lit(Lit::Float(bits, _)) => Fact::of(crate::ast::Value::F32(f32::from_bits(*bits))),
            ExprKind::Lit(Lit::Bool(_)) | ExprKind::IsEmpty(_) => Fact::UNIFORM,
            ExprKind::Local(l) => self.facts[l.0 as usize],
            ExprKind::Capture(k) => self.captures.get(*k as usize).copied().unwrap_or(Fact::UNIFORM),
            ExprKind::Const(k) => {
                self.typed.unit.consts.get(*k as usize).map_or(Fact::UNIFORM, |&value| Fact::of(value))
            }
            ExprKind::Unary(op, a) => {
                let fact = self.expr(a, w).unary(*op);
                self.operator(BinOp::Sub, self.ty(e), fact, w);
                fact
            }
            ExprKind::Binary(op, a, b) => {
                let (ty, x, y) = (self.ty(a), self.expr(a, w), self.expr(b, w));
                let fact = Fact::binary(*op, x, y, ty == Some(Ty::F32));
                self.operator(*op, ty, fact, w);
                fact
            }
            ExprKind::Assign(l, a) => {
                let fact = self.expr(a, w);
                self.assign(*l, fact);
                Fact::UNIFORM
            }
            ExprKind::AssignOp(op, l, a) => {
                let (ty, fact) = (self.ty(a), self.expr(a, w));
                self.assign(*l, fact);
                let fact = self.facts[l.0 as usize];
                self.operator(*op, ty, fact, w);
                Fact::UNIFORM
            }
            ExprKind::Cast(a, to) => {
                let (from, fact) = (self.ty(a), self.expr(a, w));
                let converts = (from == Some(Ty::F32)) != (*to == Ty::F32);
                if converts && fact.origin != Origin::Uniform {
                    self.n.ops.cast += w;
                }
                let whole = converts && *to != Ty::F32;
                Fact { value: if whole { fact.value.map(f64::trunc) } else { fact.value }, ..fact }
            }
            ExprKind::If(cond, then, other) => {
                let cond = self.expr(cond, w);
                self.n.ops.branches += w;
                self.under(cond.origin, |own| {
                    let a = own.block(then, w / 2.0);
                    let b = other.as_ref().map_or(a, |other| own.expr(other, w / 2.0));
                    a.either(b).from(cond.origin)
                })
            }
            ExprKind::Match(s, arms) => {
                let s = self.expr(s, w);
                let each = w / (arms.len().max(1) as f64);
                let mut result: Option<Fact> = None;
                for arm in arms {
                    self.n.ops.branches += each;
                    if let crate::ast::Pat::Bind(l) = arm.pat {
                        self.declare(l, s);
                    }
                    let own = self.under(s.origin, |own| {
                        let guard = arm.guard.as_ref().map_or(Fact::UNIFORM, |g| own.expr(g, each));
                        own.under(guard.origin, |own| own.expr(&arm.body, each)).from(guard.origin)
                    });
                    result = Some(result.map_or(own, |before| before.either(own)));
                }
                result.unwrap_or(Fact::UNIFORM).from(s.origin)
            }
            ExprKind::Block(b) => self.block(b, w),
            ExprKind::For { var, start, end, inclusive, step, label, body, .. } => {
                let (a, b) = (self.expr(start, w), self.expr(end, w));
                let step = step.as_ref().map_or(Fact::uniform(1.0), |s| self.expr(s, w));
                let closed = f64::from(u8::from(*inclusive));
                let length = a.value.zip(b.value).zip(step.value).map(|((a, b), s)| {
                    let (span, s) = ((b - a + closed).max(0.0), s.max(1.0));
                    if s > 1.0 { (span / s).ceil() } else { span }
                });
                let leaves = |e: &Expr| match &e.kind {
                    ExprKind::Break(l, _) => l == label,
                    ExprKind::Return(_) => true,
                    _ => false,
                };
                let trips = match length {
                    Some(trips) if !visit::any_in_block(body, &leaves) => trips,
                    // Left early, on average half way.
                    Some(trips) => {
                        self.n.ops.left_early = true;
                        trips.min(1.0).max(trips / 2.0)
                    }
                    None => {
                        self.n.ops.unbounded = true;
                        DEFAULT_TRIPS
                    }
                };
                let origin = a.origin.max(b.origin).max(step.origin);
                if let Some(var) = var {
                    let value = a.value.zip(b.value).map(|(a, b)| f64::midpoint(a, (b - 1.0 + closed).max(a)));
                    self.declare(*var, Fact { origin, value });
                }
                self.leave(*label, origin);
                self.looped(*label, body, None, w * trips)
            }
            ExprKind::While(cond, label, body) => {
                self.n.ops.unbounded = true;
                self.looped(*label, body, Some(cond), w * DEFAULT_TRIPS)
            }
            ExprKind::Loop(label, body) => {
                self.n.ops.unbounded = true;
                self.looped(*label, body, None, w * DEFAULT_TRIPS)
            }
            ExprKind::Break(label, value) => {
                let fact = value.as_ref().map_or(Fact::UNIFORM, |v| self.expr(v, w));
                self.leave(*label, fact.origin.max(self.control));
                Fact::UNIFORM
            }
            ExprKind::Continue(_) => Fact::UNIFORM,
            ExprKind::Return(value) => {
                let fact = value.as_ref().map_or(Fact::UNIFORM, |v| self.expr(v, w)).from(self.control);
                self.returned = Some(self.returned.map_or(fact, |before| before.either(fact)));
                Fact::UNIFORM
            }
            ExprKind::Builtin(b, args) => {
                let first = args.first().and_then(|a| self.ty(a));
                let facts: Vec<Fact> = args.iter().map(|a| self.expr(a, w)).collect();
                let fact = Fact::builtin(*b, &facts, first == Some(Ty::F32));
                self.builtin(*b, self.ty(e), first, fact, w);
                fact
            }
            ExprKind::Call(d, args) => self.call(*d, args, w),
            ExprKind::Index(slice, index) => {
                let outer = std::mem::replace(&mut self.in_index, true);
                let at = self.expr(index, w).origin;
                self.in_index = outer;
                self.load(*slice, at, w)
            }
            ExprKind::Len(l) => {
                let len = self.slices[l.0 as usize].and_then(|s| s.len);
                Fact { origin: Origin::Uniform, value: len }
            }
            ExprKind::IndexField(l, field) => {
                let extent = self.spaces[l.0 as usize].map(|[x, y, z]| match field {
                    IndexField::X => x,
                    IndexField::Y => y,
                    IndexField::Z => z,
                    IndexField::Flat => x * y * z,
                });
                Fact::position(extent)
            }
        }
    }

    /// An element at an index of this origin. One at a uniform index is the same for all invocations.
    fn load(&mut self, slice: LocalId, at: Origin, w: f64) -> Fact {
        self.n.ops.loads += w;
        let number = self.slices[slice.0 as usize].map(|s| s.number);
        match at {
            Origin::Uniform => {
                self.n.ops.broadcasts += w;
                return Fact::UNIFORM;
            }
            Origin::Position => {
                if let Some(number) = number {
                    self.n.slice(number).regular += w;
                }
            }
            Origin::Data => {
                self.n.ops.gathers += w;
                if let Some(number) = number {
                    self.n.slice(number).gathered += w;
                }
            }
        }
        Fact::DATA
    }

    fn call(&mut self, dep: u32, args: &[Arg], w: f64) -> Fact {
        let Some(&unit) = self.typed.unit.deps.get(dep as usize) else { return Fact::UNIFORM };
        let full = self.memo.len() >= MEMO;
        let given: Vec<Given> = args.iter().map(|a| self.given(a, full, w)).collect();
        let callee = counted(self.linked, unit, &given, &[], self.memo);
        self.n.add(&callee, w);
        callee.result
    }

    fn given(&mut self, arg: &Arg, full: bool, w: f64) -> Given {
        match arg {
            Arg::Value(e) => {
                let fact = self.expr(e, w);
                // Only integers bound loops; values of floats would only tell equal calls apart.
                let float = self.ty(e) == Some(Ty::F32);
                Given::Scalar(match (full, float) {
                    (true, _) => Fact::DATA,
                    (false, true) => Fact { value: None, ..fact },
                    (false, false) => fact,
                })
            }
            Arg::Slice(l) => self.slices[l.0 as usize].map_or(Given::Tuple(Vec::new()), Given::Slice),
            Arg::Index(l) => Given::Index(self.spaces[l.0 as usize]),
            Arg::Tuple(args) => Given::Tuple(args.iter().map(|a| self.given(a, full, w)).collect()),
        }
    }
}
