//! Types: one pass in source order with union-find over type variables.
//!
//! In-order is enough because rustc itself demands that a receiver's type is known at a method call. Used twice: the
//! macro [`check`]s one function alone, with the types of constants, captures and callees open; [`infer()`] runs at
//! link time with everything known and yields the type of every expression.

use std::fmt;

use crate::ast::*;
use crate::builtin::{ArgTy, Class, RetTy};
use crate::codec::MAX_DEPTH;
use crate::visit;

/// One error of inference; the first that is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeError {
    /// The expression that it is about.
    pub span: SpanId,
    /// What is wrong, in rustc's words.
    pub message: String,
    /// The way out, if there is an obvious one.
    pub help: Option<String>,
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |h| write!(f, "; {h}"))
    }
}

impl std::error::Error for TypeError {}

/// The outside of a kernel: what its callers see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Parameter types.
    pub params: Vec<ParamTy>,
    /// Result type.
    pub ret: Ty,
}

/// What is known about the names that a function takes from elsewhere; `None` is "not yet".
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Types of the constants.
    pub consts: Option<&'a [Ty]>,
    /// Types of the captures.
    pub captures: Option<&'a [Ty]>,
    /// Signatures of the dependencies.
    pub deps: Option<&'a [Signature]>,
}

/// The type of a local.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalTy {
    /// A scalar (or `()`, also for a local that is never declared).
    Value(Ty),
    /// A slice parameter of this element type.
    Slice(Ty),
    /// An index parameter.
    Index,
}

/// The types of one function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typing {
    /// The type of the expression with span `i`; `None` for one that never yields a value (`return`, `break`).
    pub exprs: Vec<Option<Ty>>,
    /// The type of each local.
    pub locals: Vec<LocalTy>,
}

/// Checks a function alone; types that depend on other items are left open.
///
/// # Errors
/// The first type error.
pub fn check(function: &Function) -> Result<(), TypeError> {
    infer(function, Context::default()).map(|_| ())
}

/// Types a function. [`Typing::exprs`] is indexed by span, so it is meaningful if spans are unique
/// ([`number`] makes them so).
///
/// # Errors
/// The first type error.
pub fn infer(function: &Function, context: Context<'_>) -> Result<Typing, TypeError> {
    let mut cx = Infer::new(function, context);
    cx.run()?;
    cx.finish()
}

/// Numbers all expressions of a function in pre-order, from 0, in their span; returns how many there are.
pub fn number(function: &mut Function) -> u32 {
    fn walk(e: &mut Expr, next: &mut u32) {
        e.span = *next;
        *next += 1;
        visit::children_mut(e, &mut |c| walk(c, next));
    }
    let mut next = 0;
    visit::block_children_mut(&mut function.body, &mut |e| walk(e, &mut next));
    next
}

/// The slice parameters of a function in order, looking into tuples.
pub fn slice_params(function: &Function) -> Vec<(Option<LocalId>, Ty)> {
    fn walk(pat: Option<&ParamPat>, ty: &ParamTy, out: &mut Vec<(Option<LocalId>, Ty)>) {
        match ty {
            ParamTy::Slice(t) => out.push((if let Some(ParamPat::Local(l)) = pat { Some(*l) } else { None }, *t)),
            ParamTy::Tuple(tys) => {
                for (i, t) in tys.iter().enumerate() {
                    walk(if let Some(ParamPat::Tuple(ps)) = pat { ps.get(i) } else { None }, t, out);
                }
            }
            ParamTy::Value(_) | ParamTy::Index => {}
        }
    }
    let mut out = Vec::new();
    function.params.iter().for_each(|p| walk(Some(&p.pat), &p.ty, &mut out));
    out
}

/// The name of a type as Rust writes it.
pub fn name(ty: Ty) -> &'static str {
    match ty {
        Ty::F32 => "f32",
        Ty::U32 => "u32",
        Ty::I32 => "i32",
        Ty::Usize => "usize",
        Ty::Bool => "bool",
        Ty::Unit => "()",
    }
}

type Var = usize;
type Res<T> = Result<T, TypeError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Int,
    Float,
    Is(Ty),
    Never,
}

const NEVER: Var = 6;

#[derive(Clone, Copy)]
enum LocalKind {
    Value(Var),
    Slice(Ty),
    Index,
    Undeclared,
}

#[derive(Clone, Copy)]
enum Wanted {
    Class(Class, What),
    Cast(Ty),
    Literal { value: u64, negative: bool },
}

#[derive(Clone, Copy)]
enum What {
    Binary(BinOp),
    Unary(UnOp),
    Method(Builtin),
    Pattern,
    Range,
}

struct Looping {
    label: LoopId,
    takes_value: bool,
    result: Option<Var>,
    want: Option<Var>,
}

struct Infer<'a> {
    f: &'a Function,
    cx: Context<'a>,
    parent: Vec<Var>,
    kind: Vec<Kind>,
    locals: Vec<LocalKind>,
    consts: Vec<Var>,
    captures: Vec<Var>,
    exprs: Vec<(SpanId, Var)>,
    later: Vec<(Var, SpanId, Wanted)>,
    loops: Vec<Looping>,
    depth: u32,
}

fn fail<T>(span: SpanId, message: impl Into<String>, help: Option<String>) -> Res<T> {
    Err(TypeError { span, message: message.into(), help })
}

fn ty_var(ty: Ty) -> Var {
    ty as usize
}

impl<'a> Infer<'a> {
    fn new(f: &'a Function, cx: Context<'a>) -> Infer<'a> {
        let kinds = [Ty::F32, Ty::U32, Ty::I32, Ty::Usize, Ty::Bool, Ty::Unit].map(Kind::Is);
        let mut s = Infer {
            f,
            cx,
            parent: (0..7).collect(),
            kind: kinds.into_iter().chain([Kind::Never]).collect(),
            locals: vec![LocalKind::Undeclared; f.locals.len()],
            consts: Vec::new(),
            captures: Vec::new(),
            exprs: Vec::new(),
            later: Vec::new(),
            loops: Vec::new(),
            depth: 0,
        };
        s.consts = s.outside(f.consts.len(), cx.consts);
        s.captures = s.outside(f.captures.len(), cx.captures);
        s
    }

    fn outside(&mut self, n: usize, known: Option<&[Ty]>) -> Vec<Var> {
        (0..n).map(|i| known.and_then(|k| k.get(i)).map_or_else(|| self.fresh(Kind::Open), |&t| ty_var(t))).collect()
    }

    fn fresh(&mut self, kind: Kind) -> Var {
        self.parent.push(self.parent.len());
        self.kind.push(kind);
        self.parent.len() - 1
    }

    fn root(&mut self, mut v: Var) -> Var {
        while self.parent[v] != v {
            self.parent[v] = self.parent[self.parent[v]];
            v = self.parent[v];
        }
        v
    }

    fn of(&mut self, v: Var) -> Kind {
        let r = self.root(v);
        self.kind[r]
    }

    fn never(&mut self, v: Var) -> bool {
        self.of(v) == Kind::Never
    }

    fn show(&mut self, v: Var) -> String {
        match self.of(v) {
            Kind::Open => "_".into(),
            Kind::Int => "{integer}".into(),
            Kind::Float => "{float}".into(),
            Kind::Is(t) => name(t).into(),
            Kind::Never => "!".into(),
        }
    }

    fn unify(&mut self, a: Var, b: Var) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return true;
        }
        let (from, to) = match (self.kind[a], self.kind[b]) {
            (Kind::Open, Kind::Never) | (Kind::Never, Kind::Open) => return true,
            (Kind::Open, _) => (a, b),
            (_, Kind::Open) => (b, a),
            (Kind::Int, Kind::Int) | (Kind::Float, Kind::Float) => (a, b),
            (Kind::Int, Kind::Is(t)) if Class::Int.has(t) => (a, b),
            (Kind::Is(t), Kind::Int) if Class::Int.has(t) => (b, a),
            (Kind::Float, Kind::Is(Ty::F32)) => (a, b),
            (Kind::Is(Ty::F32), Kind::Float) => (b, a),
            _ => return false,
        };
        self.parent[from] = to;
        true
    }

    fn coerce(&mut self, found: Var, want: Var, e: &Expr) -> Res<()> {
        if self.never(found) || self.never(want) || self.unify(found, want) {
            return Ok(());
        }
        let help = match (self.of(want), self.of(found), &e.kind) {
            (Kind::Is(Ty::F32) | Kind::Float, Kind::Int | Kind::Is(_), ExprKind::Lit(Lit::Int(n, None))) => {
                Some(format!("write `{n}.0`"))
            }
            (Kind::Is(w), Kind::Is(f), _)
                if Class::Num.has(w) && Class::Scalar.has(f) && (f, w) != (Ty::Bool, Ty::F32) =>
            {
                Some(format!("convert it: `as {}`", name(w)))
            }
            _ => None,
        };
        let message = format!("expected `{}`, found `{}`", self.show(want), self.show(found));
        fail(e.span, message, help)
    }

    fn require(&mut self, v: Var, span: SpanId, wanted: Wanted) -> Res<()> {
        if matches!(self.of(v), Kind::Is(_)) {
            return self.settle(v, span, wanted);
        }
        self.later.push((v, span, wanted));
        Ok(())
    }

    fn settle(&mut self, v: Var, span: SpanId, wanted: Wanted) -> Res<()> {
        let Some(ty) = self.value_of(v) else { return Ok(()) };
        let t = name(ty);
        match wanted {
            Wanted::Class(class, _) if class.has(ty) => Ok(()),
            Wanted::Class(_, What::Binary(op)) => {
                let verb = match op {
                    BinOp::Add => "add to",
                    BinOp::Sub => "subtract from",
                    BinOp::Mul => "multiply",
                    BinOp::Div => "divide",
                    BinOp::Rem => "calculate the remainder of",
                    BinOp::Shl | BinOp::Shr => "shift with",
                    _ => return fail(span, format!("this operator cannot be applied to type `{t}`"), None),
                };
                fail(span, format!("cannot {verb} `{t}`"), None)
            }
            Wanted::Class(_, What::Unary(op)) => {
                let op = if op == UnOp::Neg { '-' } else { '!' };
                fail(span, format!("cannot apply unary operator `{op}` to type `{t}`"), None)
            }
            Wanted::Class(_, What::Method(b)) => {
                fail(span, format!("no method named `{}` found for type `{t}`", b.name()), None)
            }
            Wanted::Class(_, What::Pattern) => fail(span, format!("cannot match on `{t}` with such a pattern"), None),
            Wanted::Class(_, What::Range) => fail(span, format!("cannot loop over a range of `{t}`"), None),
            Wanted::Cast(to) => match (ty, to) {
                (Ty::F32 | Ty::U32 | Ty::I32 | Ty::Usize, Ty::Bool) => {
                    fail(span, format!("cannot cast `{t}` as `bool`"), Some("compare with zero instead".into()))
                }
                (Ty::Bool, Ty::F32) => fail(
                    span,
                    "casting `bool` as `f32` is invalid",
                    Some("cast through an integer first: `as u32 as f32`".into()),
                ),
                (Ty::Unit, _) | (_, Ty::Unit) => fail(span, format!("cannot cast `{t}` as `{}`", name(to)), None),
                _ => Ok(()),
            },
            Wanted::Literal { value, negative } => {
                let limit = match ty {
                    Ty::I32 => 0x7fff_ffff + u64::from(negative),
                    Ty::U32 | Ty::Usize => 0xffff_ffff,
                    _ => u64::MAX,
                };
                if value <= limit {
                    return Ok(());
                }
                let help = (ty == Ty::Usize).then(|| "in kernels `usize` has 32 bits".to_string());
                fail(span, format!("literal out of range for `{t}`"), help)
            }
        }
    }

    fn value_of(&mut self, v: Var) -> Option<Ty> {
        match self.of(v) {
            Kind::Is(t) => Some(t),
            Kind::Int => Some(Ty::I32),
            Kind::Float => Some(Ty::F32),
            Kind::Open | Kind::Never => None,
        }
    }

    fn run(&mut self) -> Res<()> {
        let f = self.f;
        for p in &f.params {
            self.bind_param(&p.pat, &p.ty)?;
        }
        if f.ret == Ty::Unit {
            return fail(0, "a kernel must return a value", None);
        }
        let want = ty_var(f.ret);
        let body = self.block(&f.body, Some(want))?;
        if !self.never(body) && !self.unify(body, want) {
            let span = match f.body.stmts.last() {
                Some(Stmt::Expr(e)) if f.body.tail.is_none() => e.span,
                _ => f.body.tail.as_ref().map_or(0, |t| t.span),
            };
            let help = matches!(f.body.stmts.last(), Some(Stmt::Expr(_)))
                .then(|| "remove the semicolon to return this value".to_string());
            let message = format!("expected `{}`, found `{}`", name(f.ret), self.show(body));
            return fail(span, message, help);
        }
        Ok(())
    }

    fn finish(mut self) -> Res<Typing> {
        for (v, span, wanted) in std::mem::take(&mut self.later) {
            self.settle(v, span, wanted)?;
        }
        let linked = self.cx.deps.is_some();
        let mut exprs = vec![None; self.exprs.iter().map(|e| e.0 as usize + 1).max().unwrap_or(0).min(1 << 24)];
        for (span, v) in std::mem::take(&mut self.exprs) {
            let ty = self.value_of(v);
            if ty.is_none() && linked && !self.never(v) {
                return fail(span, "type annotations needed", None);
            }
            if let Some(slot) = exprs.get_mut(span as usize) {
                *slot = ty;
            }
        }
        let locals = std::mem::take(&mut self.locals);
        let locals = locals
            .into_iter()
            .map(|l| match l {
                LocalKind::Value(v) => LocalTy::Value(self.value_of(v).unwrap_or(Ty::Unit)),
                LocalKind::Slice(t) => LocalTy::Slice(t),
                LocalKind::Index => LocalTy::Index,
                LocalKind::Undeclared => LocalTy::Value(Ty::Unit),
            })
            .collect();
        Ok(Typing { exprs, locals })
    }

    fn bind_param(&mut self, pat: &ParamPat, ty: &ParamTy) -> Res<()> {
        match (pat, ty) {
            (ParamPat::Ignored, _) => Ok(()),
            (ParamPat::Local(l), ParamTy::Value(t)) => self.declare(*l, LocalKind::Value(ty_var(*t)), 0),
            (ParamPat::Local(l), ParamTy::Slice(t)) => self.declare(*l, LocalKind::Slice(*t), 0),
            (ParamPat::Local(l), ParamTy::Index) => self.declare(*l, LocalKind::Index, 0),
            (ParamPat::Tuple(ps), ParamTy::Tuple(ts)) if ps.len() == ts.len() => {
                ps.iter().zip(ts).try_for_each(|(p, t)| self.bind_param(p, t))
            }
            _ => fail(0, "a parameter's pattern does not have the shape of its type", None),
        }
    }

    fn declare(&mut self, l: LocalId, kind: LocalKind, span: SpanId) -> Res<()> {
        match self.locals.get_mut(l.0 as usize) {
            Some(slot) => {
                *slot = kind;
                Ok(())
            }
            None => fail(span, format!("unknown local {}", l.0), None),
        }
    }

    fn local(&self, l: LocalId, span: SpanId) -> Res<LocalKind> {
        match self.locals.get(l.0 as usize) {
            Some(LocalKind::Undeclared) | None => {
                fail(span, format!("local {} is used before it is declared", l.0), None)
            }
            Some(&kind) => Ok(kind),
        }
    }

    fn local_value(&self, l: LocalId, span: SpanId) -> Res<Var> {
        match self.local(l, span)? {
            LocalKind::Value(v) => Ok(v),
            LocalKind::Slice(_) => {
                fail(span, "in a kernel a slice can only be indexed, measured or handed to another kernel", None)
            }
            _ => fail(
                span,
                "in a kernel an `Index` can only be asked for `x`, `y`, `z` and `flat()`, or handed on",
                None,
            ),
        }
    }

    fn local_slice(&self, l: LocalId, span: SpanId) -> Res<Ty> {
        match self.local(l, span)? {
            LocalKind::Slice(t) => Ok(t),
            _ => fail(span, format!("`{}` is not a slice", self.f.locals[l.0 as usize].name), None),
        }
    }

    fn block(&mut self, b: &Block, want: Option<Var>) -> Res<Var> {
        let mut diverges = false;
        for s in &b.stmts {
            match s {
                Stmt::Let { local, ty, init } => {
                    let declared = ty.map(ty_var);
                    let v = match init {
                        Some(e) => {
                            let v = self.expr(e, declared)?;
                            diverges |= self.never(v);
                            declared.unwrap_or(v)
                        }
                        None => declared.unwrap_or_else(|| self.fresh(Kind::Open)),
                    };
                    self.declare(*local, LocalKind::Value(v), init.as_ref().map_or(0, |e| e.span))?;
                }
                Stmt::Expr(e) => {
                    let v = self.expr(e, None)?;
                    diverges |= self.never(v);
                }
            }
        }
        let v = match &b.tail {
            Some(t) => self.expr(t, want)?,
            None => ty_var(Ty::Unit),
        };
        Ok(if diverges { NEVER } else { v })
    }

    fn expr(&mut self, e: &Expr, want: Option<Var>) -> Res<Var> {
        if self.depth == MAX_DEPTH {
            return fail(
                e.span,
                format!("this expression nests deeper than {MAX_DEPTH}"),
                Some("split it with `let`".into()),
            );
        }
        self.depth += 1;
        let v = self.kind(e, want)?;
        self.depth -= 1;
        if let Some(w) = want {
            self.coerce(v, w, e)?;
        }
        self.exprs.push((e.span, v));
        Ok(v)
    }

    /// The type of two branches that meet.
    fn join(&mut self, a: Var, b: Var, at: &Expr) -> Res<Var> {
        if self.never(a) {
            return Ok(b);
        }
        self.coerce(b, a, at)?;
        Ok(a)
    }

    fn kind(&mut self, e: &Expr, want: Option<Var>) -> Res<Var> {
        let (bool_, unit) = (ty_var(Ty::Bool), ty_var(Ty::Unit));
        Ok(match &e.kind {
            ExprKind::Lit(Lit::Bool(_)) => bool_,
            ExprKind::Lit(Lit::Float(_, suffix)) => {
                if *suffix {
                    ty_var(Ty::F32)
                } else {
                    self.fresh(Kind::Float)
                }
            }
            ExprKind::Lit(Lit::Int(n, suffix)) => self.int_literal(*n, *suffix, false, e.span)?,
            ExprKind::Local(l) => self.local_value(*l, e.span)?,
            ExprKind::Capture(n) => match self.captures.get(*n as usize) {
                Some(&v) => v,
                None => return fail(e.span, format!("unknown capture {n}"), None),
            },
            ExprKind::Const(n) => match self.consts.get(*n as usize) {
                Some(&v) => v,
                None => return fail(e.span, format!("unknown constant {n}"), None),
            },
            ExprKind::Unary(UnOp::Neg, a) => {
                let v = if let ExprKind::Lit(Lit::Int(n, suffix)) = a.kind {
                    let v = self.int_literal(n, suffix, true, a.span)?;
                    self.exprs.push((a.span, v));
                    v
                } else {
                    self.expr(a, None)?
                };
                self.require(v, e.span, Wanted::Class(Class::Signed, What::Unary(UnOp::Neg)))?;
                v
            }
            ExprKind::Unary(UnOp::Not, a) => {
                let v = self.expr(a, None)?;
                self.require(v, e.span, Wanted::Class(Class::Bits, What::Unary(UnOp::Not)))?;
                v
            }
            ExprKind::Binary(op, a, b) => self.binary(*op, a, b, e.span)?,
            ExprKind::Assign(l, a) => {
                let v = self.local_value(*l, e.span)?;
                let found = self.expr(a, Some(v))?;
                if self.never(found) { NEVER } else { unit }
            }
            ExprKind::AssignOp(op, l, b) => {
                let a = self.local_value(*l, e.span)?;
                if matches!(
                    op,
                    BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge | BinOp::And | BinOp::Or
                ) {
                    return fail(e.span, "a comparison cannot be combined with an assignment", None);
                }
                let v = self.operator(*op, a, b, e.span)?;
                if self.never(v) { NEVER } else { unit }
            }
            ExprKind::Cast(a, to) => {
                let v = self.expr(a, None)?;
                if matches!(a.kind, ExprKind::Lit(_)) && self.of(v) == Kind::Int && Class::Int.has(*to) {
                    self.unify(v, ty_var(*to));
                }
                self.require(v, e.span, Wanted::Cast(*to))?;
                if self.never(v) { NEVER } else { ty_var(*to) }
            }
            ExprKind::If(c, then, other) => {
                let cond = self.expr(c, Some(bool_))?;
                let v = match other {
                    Some(other) => {
                        let a = self.block(then, want)?;
                        let b = self.expr(other, want)?;
                        self.join(a, b, other)?
                    }
                    None => {
                        let a = self.block(then, Some(unit))?;
                        if !self.never(a) && !self.unify(a, unit) {
                            return fail(e.span, "`if` may be missing an `else` clause", None);
                        }
                        unit
                    }
                };
                if self.never(cond) { NEVER } else { v }
            }
            ExprKind::Match(s, arms) => {
                let scrutinee = self.expr(s, None)?;
                let mut result = NEVER;
                for arm in arms {
                    self.pattern(&arm.pat, scrutinee, s)?;
                    if let Some(g) = &arm.guard {
                        self.expr(g, Some(bool_))?;
                    }
                    let v = self.expr(&arm.body, want)?;
                    result = self.join(result, v, &arm.body)?;
                }
                if self.never(scrutinee) { NEVER } else { result }
            }
            ExprKind::Block(b) => self.block(b, want)?,
            ExprKind::For { var, start, end, step, label, body, .. } => {
                let v = self.expr(start, None)?;
                let w = self.expr(end, Some(v))?;
                self.require(v, start.span, Wanted::Class(Class::Int, What::Range))?;
                let mut diverges = self.never(v) || self.never(w);
                if let Some(step) = step {
                    let s = self.expr(step, Some(ty_var(Ty::Usize)))?;
                    diverges |= self.never(s);
                }
                if let Some(l) = var {
                    self.declare(*l, LocalKind::Value(v), e.span)?;
                }
                self.looping(*label, false, None, body)?;
                if diverges { NEVER } else { unit }
            }
            ExprKind::While(c, label, body) => {
                let cond = self.expr(c, Some(bool_))?;
                self.looping(*label, false, None, body)?;
                if self.never(cond) { NEVER } else { unit }
            }
            ExprKind::Loop(label, body) => self.looping(*label, true, want, body)?.unwrap_or(NEVER),
            ExprKind::Break(label, value) => {
                let Some(i) = self.loops.iter().rposition(|l| l.label == *label) else {
                    return fail(e.span, "`break` outside of a loop", None);
                };
                if value.is_some() && !self.loops[i].takes_value {
                    return fail(e.span, "`break` with value from a `while` or `for` loop", None);
                }
                let want = self.loops[i].want.or(self.loops[i].result);
                let v = match value {
                    Some(value) => self.expr(value, want)?,
                    None => unit,
                };
                let result = match self.loops[i].result {
                    Some(r) => self.join(r, v, value.as_deref().unwrap_or(e))?,
                    None => v,
                };
                self.loops[i].result = Some(result);
                NEVER
            }
            ExprKind::Continue(label) => {
                if !self.loops.iter().any(|l| l.label == *label) {
                    return fail(e.span, "`continue` outside of a loop", None);
                }
                NEVER
            }
            ExprKind::Return(value) => {
                let ret = ty_var(self.f.ret);
                match value {
                    Some(value) => self.expr(value, Some(ret))?,
                    None => return fail(e.span, format!("expected `{}`, found `()`", name(self.f.ret)), None),
                };
                NEVER
            }
            ExprKind::Builtin(b, args) => self.builtin(*b, args, e.span)?,
            ExprKind::Call(n, args) => self.call(*n, args, e.span)?,
            ExprKind::Index(l, i) => {
                let ty = self.local_slice(*l, e.span)?;
                let v = self.expr(i, None)?;
                if !self.never(v) && !self.unify(v, ty_var(Ty::Usize)) {
                    let found = self.show(v);
                    return fail(i.span, format!("cannot index with `{found}`"), Some("write `as usize`".into()));
                }
                if self.never(v) { NEVER } else { ty_var(ty) }
            }
            ExprKind::Len(l) => {
                self.local_slice(*l, e.span)?;
                ty_var(Ty::Usize)
            }
            ExprKind::IsEmpty(l) => {
                self.local_slice(*l, e.span)?;
                bool_
            }
            ExprKind::IndexField(l, _) => match self.local(*l, e.span)? {
                LocalKind::Index => ty_var(Ty::U32),
                _ => return fail(e.span, "only an `Index` has components", None),
            },
        })
    }

    fn int_literal(&mut self, value: u64, suffix: Option<Ty>, negative: bool, span: SpanId) -> Res<Var> {
        let v = match suffix {
            Some(t) if Class::Num.has(t) => ty_var(t),
            Some(t) => return fail(span, format!("invalid suffix `{}` for number literal", name(t)), None),
            None => self.fresh(Kind::Int),
        };
        self.require(v, span, Wanted::Literal { value, negative })?;
        Ok(v)
    }

    fn looping(&mut self, label: LoopId, takes_value: bool, want: Option<Var>, body: &Block) -> Res<Option<Var>> {
        self.loops.push(Looping { label, takes_value, result: None, want });
        let unit = ty_var(Ty::Unit);
        let v = self.block(body, Some(unit))?;
        let done = self.loops.pop();
        if !self.never(v) && !self.unify(v, unit) {
            let message = format!("expected `()`, found `{}`", self.show(v));
            return fail(body.tail.as_ref().map_or(0, |t| t.span), message, None);
        }
        Ok(done.and_then(|l| l.result))
    }

    fn binary(&mut self, op: BinOp, a: &Expr, b: &Expr, span: SpanId) -> Res<Var> {
        if matches!(op, BinOp::And | BinOp::Or) {
            let bool_ = ty_var(Ty::Bool);
            let v = self.expr(a, Some(bool_))?;
            self.expr(b, Some(bool_))?;
            return Ok(if self.never(v) { NEVER } else { bool_ });
        }
        let v = self.expr(a, None)?;
        // `1 + x` with a float x: the literal is at fault, not x.
        if self.of(v) == Kind::Int
            && let ExprKind::Lit(Lit::Int(n, None)) = a.kind
            && !matches!(op, BinOp::Shl | BinOp::Shr)
        {
            let w = self.expr(b, None)?;
            if matches!(self.of(w), Kind::Is(Ty::F32) | Kind::Float) {
                let found = self.show(w);
                return fail(
                    a.span,
                    format!("expected `{found}`, found `{{integer}}`"),
                    Some(format!("write `{n}.0`")),
                );
            }
            self.coerce(w, v, b)?;
            return self.result(op, v, w, span);
        }
        self.operator(op, v, b, span)
    }

    fn operator(&mut self, op: BinOp, a: Var, b: &Expr, span: SpanId) -> Res<Var> {
        let shift = matches!(op, BinOp::Shl | BinOp::Shr);
        let w = self.expr(b, if shift { None } else { Some(a) })?;
        if shift {
            self.require(w, b.span, Wanted::Class(Class::Int, What::Binary(op)))?;
        }
        self.result(op, a, w, span)
    }

    fn result(&mut self, op: BinOp, a: Var, b: Var, span: SpanId) -> Res<Var> {
        let (class, ret) = match op {
            BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Rem => (Class::Num, a),
            BinOp::Shl | BinOp::Shr => (Class::Int, a),
            BinOp::BitAnd | BinOp::BitOr | BinOp::BitXor => (Class::Bits, a),
            _ => (Class::Scalar, ty_var(Ty::Bool)),
        };
        self.require(a, span, Wanted::Class(class, What::Binary(op)))?;
        Ok(if self.never(a) || self.never(b) { NEVER } else { ret })
    }

    fn pattern(&mut self, pat: &Pat, v: Var, at: &Expr) -> Res<()> {
        let number = |s: &mut Self, n: i64| {
            if n < 0 {
                s.require(v, at.span, Wanted::Class(Class::SignedInt, What::Pattern))?;
            }
            s.require(v, at.span, Wanted::Class(Class::Int, What::Pattern))?;
            s.require(v, at.span, Wanted::Literal { value: n.unsigned_abs(), negative: n < 0 })
        };
        match pat {
            Pat::Wild => Ok(()),
            Pat::Bind(l) => self.declare(*l, LocalKind::Value(v), at.span),
            Pat::Int(n) => number(self, *n),
            Pat::Range(a, b) => [a, b].into_iter().flatten().try_for_each(|n| number(self, *n)),
            Pat::Bool(_) => self.coerce(v, ty_var(Ty::Bool), at),
            Pat::Or(pats) => pats.iter().try_for_each(|p| self.pattern(p, v, at)),
        }
    }

    fn builtin(&mut self, b: Builtin, args: &[Expr], span: SpanId) -> Res<Var> {
        let sig = b.signature();
        let [receiver, rest @ ..] = args else {
            return fail(span, format!("`{}` takes {} arguments", b.name(), b.arity()), None);
        };
        if rest.len() != sig.args.len() {
            let message = format!("`{}` takes {} arguments, found {}", b.name(), b.arity(), args.len());
            return fail(span, message, None);
        }
        let r = self.expr(receiver, (b == Builtin::FromBits).then_some(ty_var(Ty::U32)))?;
        let mut diverges = self.never(r);
        if sig.receiver == Class::Float && self.of(r) == Kind::Open {
            self.unify(r, ty_var(Ty::F32));
        }
        self.require(r, receiver.span, Wanted::Class(sig.receiver, What::Method(b)))?;
        for (arg, ty) in rest.iter().zip(sig.args) {
            let want = match ty {
                ArgTy::Same => r,
                ArgTy::Is(t) => ty_var(*t),
            };
            let v = self.expr(arg, Some(want))?;
            diverges |= self.never(v);
        }
        if diverges {
            return Ok(NEVER);
        }
        Ok(match sig.ret {
            RetTy::Same => r,
            RetTy::Is(t) => ty_var(t),
            RetTy::Unsigned => match self.of(r) {
                Kind::Int => {
                    self.unify(r, ty_var(Ty::I32));
                    ty_var(Ty::U32)
                }
                Kind::Is(Ty::I32) => ty_var(Ty::U32),
                Kind::Open => self.fresh(Kind::Open),
                _ => r,
            },
        })
    }

    fn call(&mut self, n: u32, args: &[Arg], span: SpanId) -> Res<Var> {
        let Some(dep) = self.f.deps.get(n as usize) else {
            return fail(span, format!("unknown dependency {n}"), None);
        };
        let sig = self.cx.deps.and_then(|d| d.get(n as usize));
        if let Some(sig) = sig
            && sig.params.len() != args.len()
        {
            return fail(span, format!("`{dep}` takes {} arguments, found {}", sig.params.len(), args.len()), None);
        }
        let mut diverges = false;
        for (i, a) in args.iter().enumerate() {
            diverges |= self.argument(a, sig.map(|s| &s.params[i]), dep, span)?;
        }
        if diverges {
            return Ok(NEVER);
        }
        Ok(match sig {
            Some(s) => ty_var(s.ret),
            None => self.fresh(Kind::Open),
        })
    }

    fn argument(&mut self, a: &Arg, ty: Option<&ParamTy>, dep: &str, span: SpanId) -> Res<bool> {
        match (a, ty) {
            (Arg::Value(e), Some(ParamTy::Value(t))) => {
                let v = self.expr(e, Some(ty_var(*t)))?;
                Ok(self.never(v))
            }
            (Arg::Value(e), None) => {
                let v = self.expr(e, None)?;
                Ok(self.never(v))
            }
            (Arg::Slice(l), _) => {
                let found = self.local_slice(*l, span)?;
                match ty {
                    None => Ok(false),
                    Some(ParamTy::Slice(t)) if *t == found => Ok(false),
                    Some(ParamTy::Slice(t)) => {
                        fail(span, format!("expected `&[{}]`, found `&[{}]`", name(*t), name(found)), None)
                    }
                    Some(_) => fail(span, format!("`{dep}` does not take a slice here"), None),
                }
            }
            (Arg::Index(l), None | Some(ParamTy::Index)) => match self.local(*l, span)? {
                LocalKind::Index => Ok(false),
                _ => fail(span, "expected an `Index`", None),
            },
            (Arg::Tuple(args), None) => args.iter().try_fold(false, |d, a| Ok(d | self.argument(a, None, dep, span)?)),
            (Arg::Tuple(args), Some(ParamTy::Tuple(tys))) if args.len() == tys.len() => {
                args.iter().zip(tys).try_fold(false, |d, (a, t)| Ok(d | self.argument(a, Some(t), dep, span)?))
            }
            _ => fail(span, format!("an argument of `{dep}` does not have the shape of its parameter"), None),
        }
    }
}
