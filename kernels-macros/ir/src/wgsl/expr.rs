//! Expressions: a WGSL expression, after the statements that it needs.

use super::stmt::{Dest, FunctionPrinter};
use super::{PrintError, SliceBinding, wgsl_ty};
use crate::ast::*;
use crate::visit;

/// How tightly a printed expression binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prec {
    Atom,
    Unary,
    Mul,
    Add,
    Other,
}

/// A printed expression.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) prec: Prec,
    /// A literal: naga evaluates operators on literals itself and rejects overflow, division by zero, infinities.
    pub(super) constant: bool,
    /// Whether later assignments cannot change it.
    pub(super) stable: bool,
    pub(super) depth: u32,
}

impl Value {
    pub(super) fn new(text: String, prec: Prec, of: &[&Value]) -> Value {
        let depth = 1 + of.iter().map(|v| v.depth).max().unwrap_or(0);
        Value { text, prec, constant: false, stable: of.iter().all(|v| v.stable), depth }
    }
    pub(super) fn atom(text: impl Into<String>) -> Value {
        Value { text: text.into(), prec: Prec::Atom, constant: false, stable: true, depth: 0 }
    }
    pub(super) fn literal(text: String) -> Value {
        Value { constant: true, ..Value::atom(text) }
    }
    /// Text in parentheses unless it binds at least as tightly as one of `ok`.
    pub(super) fn within(&self, ok: &[Prec]) -> String {
        if self.prec == Prec::Atom || ok.contains(&self.prec) { self.text.clone() } else { format!("({})", self.text) }
    }
    /// As a call's argument: comparisons in parentheses, lest `<` and `>` read as a template.
    pub(super) fn arg(&self) -> String {
        self.within(&[Prec::Unary, Prec::Mul, Prec::Add])
    }
}

/// A call of a WGSL function.
pub(super) fn call(name: &str, args: &[Value]) -> Value {
    let texts: Vec<String> = args.iter().map(Value::arg).collect();
    Value::new(format!("{name}({})", texts.join(", ")), Prec::Atom, &args.iter().collect::<Vec<_>>())
}

/// A scalar as a WGSL literal.
pub(super) fn literal(v: crate::ast::Value) -> Value {
    use crate::ast::Value as V;
    Value::literal(match v {
        V::F32(x) if !x.is_finite() || x.is_subnormal() => format!("bitcast<f32>({:#010x}u)", x.to_bits()),
        V::F32(x) if x.is_sign_negative() => format!("({x:?}f)"),
        V::F32(x) => format!("{x:?}f"),
        V::U32(x) | V::Usize(x) => format!("{x}u"),
        V::I32(i32::MIN) => "i32(-2147483648)".into(),
        V::I32(x) if x < 0 => format!("({x}i)"),
        V::I32(x) => format!("{x}i"),
        V::Bool(x) => x.to_string(),
    })
}

pub(super) fn int(ty: Ty, x: i64) -> Value {
    use crate::ast::Value as V;
    literal(match ty {
        Ty::I32 => V::I32(x as i32),
        Ty::F32 => V::F32(x as f32),
        _ => V::U32(x as u32),
    })
}

/// Expressions deeper than this are cut by a `let`: readable, and far from any front end's nesting limit.
const MAX_DEPTH: u32 = 16;

type Res<T> = Result<T, PrintError>;

impl FunctionPrinter<'_, '_> {
    /// Prints an expression; `None` if it never yields a value (it has then left the block).
    pub(super) fn expr(&mut self, e: &Expr) -> Res<Option<Value>> {
        let Some(v) = self.expr_inner(e)? else { return Ok(None) };
        if self.ty(e).is_none() {
            return Ok(None);
        }
        Ok(Some(if v.depth > MAX_DEPTH { self.spill(&v) } else { v }))
    }

    /// Prints operands in order. If a later one needs statements, earlier ones that those could change are kept in
    /// `let`s before them.
    pub(super) fn operands<'e>(&mut self, es: impl IntoIterator<Item = &'e Expr>) -> Res<Option<Vec<Value>>> {
        let mut values: Vec<Value> = Vec::new();
        for e in es {
            let mut at = self.out.len();
            let Some(v) = self.expr(e)? else { return Ok(None) };
            if self.out.len() > at {
                for earlier in values.iter_mut().filter(|v| !v.stable) {
                    let name = self.temp();
                    let line = self.line(&format!("let {name} = {};", earlier.text));
                    self.out.insert(at, line);
                    at += 1;
                    *earlier = Value::atom(name);
                }
            }
            values.push(v);
        }
        Ok(Some(values))
    }

    /// The same value in a `let`.
    pub(super) fn spill(&mut self, v: &Value) -> Value {
        let name = self.temp();
        self.emit(format!("let {name} = {};", v.text));
        Value::atom(name)
    }

    /// Operands that are not all literals, so that naga does not evaluate the operator.
    pub(super) fn opaque(&mut self, mut values: Vec<Value>) -> Vec<Value> {
        if values.iter().all(|v| v.constant)
            && let Some(first) = values.first().cloned()
        {
            values[0] = self.spill(&first);
        }
        values
    }

    fn expr_inner(&mut self, e: &Expr) -> Res<Option<Value>> {
        let ty = self.ty(e);
        Ok(Some(match &e.kind {
            ExprKind::Lit(Lit::Bool(b)) => Value::literal(b.to_string()),
            ExprKind::Lit(Lit::Float(bits, _)) => literal(crate::ast::Value::F32(f32::from_bits(*bits))),
            ExprKind::Lit(Lit::Int(n, _)) => int(ty.unwrap_or(Ty::I32), *n as i64),
            ExprKind::Local(l) => {
                let i = l.0 as usize;
                Value { stable: !self.assigned[i], ..Value::atom(self.names[i].clone()) }
            }
            ExprKind::Capture(n) => Value::atom(self.captures[*n as usize].clone()),
            ExprKind::Const(n) => literal(self.typed.unit.consts[*n as usize]),
            ExprKind::Unary(op, a) => {
                if let (UnOp::Neg, ExprKind::Lit(lit)) = (op, &a.kind) {
                    return Ok(Some(match lit {
                        Lit::Int(n, _) => int(ty.unwrap_or(Ty::I32), (*n as i64).wrapping_neg()),
                        Lit::Float(bits, _) => literal(crate::ast::Value::F32(-f32::from_bits(*bits))),
                        Lit::Bool(_) => return Err(PrintError::Malformed("`-` on a bool".into())),
                    }));
                }
                let Some(v) = self.operands([&**a])? else { return Ok(None) };
                let v = self.opaque(v).remove(0);
                let sign = match (op, ty) {
                    (UnOp::Neg, _) => '-',
                    (UnOp::Not, Some(Ty::Bool)) => '!',
                    (UnOp::Not, _) => '~',
                };
                Value::new(format!("{sign}{}", v.within(&[])), Prec::Unary, &[&v])
            }
            ExprKind::Binary(op @ (BinOp::And | BinOp::Or), a, b) => return self.short_circuit(*op, a, b),
            ExprKind::Binary(op, a, b) => {
                let Some(v) = self.operands([&**a, &**b])? else { return Ok(None) };
                let ty = self.ty(a).unwrap_or(Ty::Unit);
                let shift_by = self.ty(b).unwrap_or(Ty::U32);
                self.binary(*op, ty, shift_by, v)
            }
            ExprKind::Cast(a, to) => {
                let Some(v) = self.operands([&**a])? else { return Ok(None) };
                let v = self.opaque(v);
                self.cast(self.ty(a).unwrap_or(Ty::Unit), *to, v)
            }
            ExprKind::Builtin(b, args) => {
                let Some(v) = self.operands(args)? else { return Ok(None) };
                let ty = self.ty(&args[0]).unwrap_or(Ty::Unit);
                self.builtin(*b, ty, v)
            }
            ExprKind::Call(n, args) => {
                let mut exprs = Vec::new();
                let mut slices = Vec::new();
                flatten(args, &mut exprs, &mut |l| slices.push(self.slices.get(&l).cloned()));
                let slices: Option<Vec<SliceBinding>> = slices.into_iter().collect();
                let slices = slices.ok_or_else(|| PrintError::Malformed("an argument is not a slice".into()))?;
                let name = self.m.function(self.typed.unit.deps[*n as usize], &slices)?;
                let Some(mut v) = self.operands(exprs.iter().filter_map(|a| a.ok()))? else { return Ok(None) };
                let mut values = v.drain(..);
                let mut all = Vec::new();
                for a in &exprs {
                    match a {
                        Ok(_) => all.extend(values.next()),
                        Err(l) => all.push(Value::atom(self.names[l.0 as usize].clone())),
                    }
                }
                call(&name, &all)
            }
            ExprKind::Index(l, i) => {
                let Some(v) = self.operands([&**i])? else { return Ok(None) };
                let b = self.slice(*l)?;
                let name = self.m.accessor(&b);
                call(&name, &v)
            }
            ExprKind::Len(l) => Value { prec: Prec::Atom, ..Value::atom(format!("({})", self.slice(*l)?.len)) },
            ExprKind::IsEmpty(l) => Value::new(format!("({}) == 0u", self.slice(*l)?.len), Prec::Other, &[]),
            ExprKind::IndexField(l, field) => {
                let field = match field {
                    IndexField::X => "x",
                    IndexField::Y => "y",
                    IndexField::Z => "z",
                    IndexField::Flat => "flat",
                };
                Value::atom(format!("{}.{field}", self.names[l.0 as usize]))
            }
            ExprKind::Block(b) => {
                if !self.stmts(b)? {
                    return Ok(None);
                }
                return match &b.tail {
                    Some(t) => self.expr(t),
                    None => Ok(Some(Value::atom(""))),
                };
            }
            _ => match ty {
                None => {
                    self.into(e, &Dest::Discard)?;
                    return Ok(None);
                }
                Some(Ty::Unit) => {
                    self.into(e, &Dest::Discard)?;
                    Value::atom("")
                }
                Some(ty) => {
                    let name = self.temp();
                    self.emit(format!("var {name}: {};", wgsl_ty(ty)));
                    self.into(e, &Dest::Var(name.clone()))?;
                    Value::atom(name)
                }
            },
        }))
    }

    fn slice(&self, l: LocalId) -> Res<SliceBinding> {
        self.slices.get(&l).cloned().ok_or_else(|| PrintError::Malformed("not a slice".into()))
    }

    /// `&&` and `||`. The right side becomes an `if` when it needs statements, or when evaluating it in vain could
    /// report a failure that Rust would not.
    fn short_circuit(&mut self, op: BinOp, a: &Expr, b: &Expr) -> Res<Option<Value>> {
        let Some(left) = self.expr(a)? else { return Ok(None) };
        let at = self.out.len();
        self.indent += 1;
        let right = self.expr(b);
        self.indent -= 1;
        let right = right?;
        let lines = self.out.split_off(at);
        let guarded = (self.m.options.check_bounds || self.m.options.loop_budget)
            && visit::any(b, &|e| matches!(e.kind, ExprKind::Index(..) | ExprKind::Call(..) | ExprKind::Builtin(..)));
        if let Some(r) = &right
            && lines.is_empty()
            && !guarded
        {
            let sign = if op == BinOp::And { "&&" } else { "||" };
            return Ok(Some(Value::new(
                format!("{} {sign} {}", left.within(&[Prec::Unary]), r.within(&[Prec::Unary])),
                Prec::Other,
                &[&left, r],
            )));
        }
        let name = self.temp();
        self.emit(format!("var {name}: bool = {};", left.text));
        self.emit(if op == BinOp::And { format!("if ({name}) {{") } else { format!("if (!{name}) {{") });
        self.out.extend(lines);
        self.indent += 1;
        if let Some(r) = right {
            self.emit(format!("{name} = {};", r.text));
        }
        self.indent -= 1;
        self.emit("}".into());
        Ok(Some(Value::atom(name)))
    }

    /// A binary operator on two printed operands of type `ty` (`by`: the type of a shift's amount).
    pub(super) fn binary(&mut self, op: BinOp, ty: Ty, by: Ty, v: Vec<Value>) -> Value {
        let mut v = self.opaque(v);
        let float = ty == Ty::F32;
        let unsigned = matches!(ty, Ty::U32 | Ty::Usize);
        if matches!(op, BinOp::Div | BinOp::Rem) && !(float && op == BinOp::Div) {
            // A literal divisor other than 0 and -1 needs no guard.
            let safe = v[1].constant && !matches!(v[1].text.as_str(), "0u" | "0i" | "(-1i)") && !float;
            if !safe {
                let name = match (op, float, unsigned) {
                    (_, true, _) => "veda_rem_f32",
                    (BinOp::Div, _, true) => "veda_div_u32",
                    (BinOp::Div, _, false) => "veda_div_i32",
                    (_, _, true) => "veda_rem_u32",
                    (_, _, false) => "veda_rem_i32",
                };
                return call(self.m.helper(name), &v);
            }
        }
        let (sign, prec) = match op {
            BinOp::Add => ("+", Prec::Add),
            BinOp::Sub => ("-", Prec::Add),
            BinOp::Mul => ("*", Prec::Mul),
            BinOp::Div => ("/", Prec::Mul),
            BinOp::Rem => ("%", Prec::Mul),
            BinOp::BitAnd => ("&", Prec::Other),
            BinOp::BitOr => ("|", Prec::Other),
            BinOp::BitXor if ty == Ty::Bool => ("!=", Prec::Other),
            BinOp::BitXor => ("^", Prec::Other),
            BinOp::Shl => ("<<", Prec::Other),
            BinOp::Shr => (">>", Prec::Other),
            BinOp::Eq | BinOp::And | BinOp::Or => ("==", Prec::Other),
            BinOp::Ne => ("!=", Prec::Other),
            BinOp::Lt => ("<", Prec::Other),
            BinOp::Le => ("<=", Prec::Other),
            BinOp::Gt => (">", Prec::Other),
            BinOp::Ge => (">=", Prec::Other),
        };
        if matches!(op, BinOp::Shl | BinOp::Shr) {
            return self.shift(sign, by, &v);
        }
        if ty == Ty::Bool && matches!(op, BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge) {
            v = v.iter().map(|x| call("u32", std::slice::from_ref(x))).collect();
        }
        let (left, right) = match prec {
            Prec::Add => (v[0].within(&[Prec::Add, Prec::Mul, Prec::Unary]), v[1].within(&[Prec::Mul])),
            Prec::Mul => (v[0].within(&[Prec::Mul, Prec::Unary]), v[1].within(&[])),
            _ => (v[0].within(&[Prec::Unary]), v[1].within(&[Prec::Unary])),
        };
        let of = [&v[0], &v[1]];
        if float && op == BinOp::Ne {
            // naga prints an ordered `!=`, which is false for NaN.
            return Value::new(format!("!({left} == {right})"), Prec::Unary, &of);
        }
        Value::new(format!("{left} {sign} {right}"), prec, &of)
    }

    /// A shift by an amount modulo 32.
    pub(super) fn shift(&mut self, sign: &str, by: Ty, v: &[Value]) -> Value {
        let known = v[1].text.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u32>();
        let by = match known {
            Ok(n) if v[1].constant && n < 32 && !v[1].text.contains('-') => format!("{n}u"),
            _ if v[1].constant => {
                let v = self.spill(&v[1]);
                format!("({} & 31u)", if by == Ty::I32 { format!("u32({})", v.text) } else { v.text })
            }
            _ if by == Ty::I32 => format!("(u32({}) & 31u)", v[1].arg()),
            _ => format!("({} & 31u)", v[1].within(&[])),
        };
        Value::new(format!("{} {sign} {by}", v[0].within(&[])), Prec::Other, &[&v[0], &v[1]])
    }
}

/// The scalar (`Ok`) and index (`Err`) arguments of a call in order; slices go to `slice`.
fn flatten<'e>(args: &'e [Arg], out: &mut Vec<Result<&'e Expr, LocalId>>, slice: &mut dyn FnMut(LocalId)) {
    for a in args {
        match a {
            Arg::Value(e) => out.push(Ok(e)),
            Arg::Index(l) => out.push(Err(*l)),
            Arg::Slice(l) => slice(*l),
            Arg::Tuple(args) => flatten(args, out, slice),
        }
    }
}
