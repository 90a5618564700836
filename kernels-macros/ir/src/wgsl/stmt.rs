//! Statements: blocks, branches, loops. WGSL has no labels and no expression-valued control flow; both are lowered to
//! variables here.

use std::collections::{BTreeSet, HashMap};

use super::expr::{Prec, Value, int};
use super::{Module, PrintError, SliceBinding, names, wgsl_ty};
use crate::ast::*;
use crate::infer::LocalTy;
use crate::link::Typed;
use crate::visit;

/// Where the value of an expression goes.
#[derive(Clone, Debug)]
pub(super) enum Dest {
    Discard,
    Var(String),
    Return,
}

struct Frame {
    label: LoopId,
    dest: Dest,
}

pub(super) struct FunctionPrinter<'m, 'a> {
    pub(super) m: &'m mut Module<'a>,
    pub(super) typed: &'a Typed,
    pub(super) slices: HashMap<LocalId, SliceBinding>,
    pub(super) names: Vec<String>,
    pub(super) captures: Vec<String>,
    /// Which locals are assigned after their declaration.
    pub(super) assigned: Vec<bool>,
    pub(super) out: Vec<String>,
    pub(super) indent: usize,
    temps: u32,
    frames: Vec<Frame>,
}

type Res<T> = Result<T, PrintError>;

impl<'m, 'a> FunctionPrinter<'m, 'a> {
    pub(super) fn new(m: &'m mut Module<'a>, typed: &'a Typed, slices: HashMap<LocalId, SliceBinding>) -> Self {
        let f = &typed.unit.function;
        let free = |m: &Module<'_>, mut name: String| {
            while m.names.taken(&name) {
                name.push_str("_v");
            }
            name
        };
        let local_names =
            f.locals.iter().enumerate().map(|(i, l)| free(m, format!("{}_{i}", names::identifier(&l.name)))).collect();
        let captures =
            f.captures.iter().enumerate().map(|(i, c)| free(m, format!("{}_c{i}", names::identifier(c)))).collect();
        let mut assigned = vec![false; f.locals.len()];
        fn walk(e: &Expr, assigned: &mut Vec<bool>) {
            if let ExprKind::Assign(l, _) | ExprKind::AssignOp(_, l, _) = &e.kind {
                assigned[l.0 as usize] = true;
            }
            visit::children(e, &mut |c| walk(c, assigned));
        }
        visit::block_children(&f.body, &mut |e| walk(e, &mut assigned));
        FunctionPrinter {
            m,
            typed,
            slices,
            names: local_names,
            captures,
            assigned,
            out: Vec::new(),
            indent: 1,
            temps: 0,
            frames: Vec::new(),
        }
    }

    pub(super) fn ty(&self, e: &Expr) -> Option<Ty> {
        self.typed.typing.exprs.get(e.span as usize).copied().flatten()
    }

    fn local_ty(&self, l: LocalId) -> Ty {
        match self.typed.typing.locals[l.0 as usize] {
            LocalTy::Value(t) => t,
            LocalTy::Slice(_) | LocalTy::Index => Ty::Unit,
        }
    }

    pub(super) fn temp(&mut self) -> String {
        loop {
            self.temps += 1;
            let name = format!("tmp{}", self.temps);
            if !self.m.names.taken(&name) {
                return name;
            }
        }
    }

    pub(super) fn line(&self, text: &str) -> String {
        format!("{}{text}", "    ".repeat(self.indent))
    }

    #[allow(clippy::needless_pass_by_value)] // every caller formats its line on the spot
    pub(super) fn emit(&mut self, text: String) {
        let line = self.line(&text);
        self.out.push(line);
    }

    /// Runs `f` one level deeper.
    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.indent += 1;
        let result = f(self);
        self.indent -= 1;
        result
    }

    /// Runs `f` one level deeper and takes the lines that it emitted.
    fn aside<T>(&mut self, f: impl FnOnce(&mut Self) -> Res<T>) -> Res<(T, Vec<String>)> {
        let at = self.out.len();
        let result = self.deeper(f)?;
        Ok((result, self.out.split_off(at)))
    }

    /// The whole body, with the trailing `return` that WGSL's front ends demand after a loop.
    pub(super) fn body(&mut self) -> Res<()> {
        let f = &self.typed.unit.function;
        self.block_into(&f.body, &Dest::Return)?;
        if !self.block_returns(&f.body) && !self.out.last().is_some_and(|l| l.starts_with("    return ")) {
            let ty = wgsl_ty(f.ret);
            self.emit(format!("return {ty}();"));
        }
        Ok(())
    }

    /// Whether a block printed with `Dest::Return` ends in `return`, or in branches that all do.
    fn block_returns(&self, b: &Block) -> bool {
        match (&b.tail, b.stmts.last()) {
            (Some(tail), _) => self.returns(tail),
            (None, Some(Stmt::Expr(e))) => matches!(e.kind, ExprKind::Return(_)) && self.returns(e),
            _ => false,
        }
    }

    fn returns(&self, e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Block(b) => self.block_returns(b),
            ExprKind::If(_, then, other) => {
                self.block_returns(then) && other.as_ref().is_some_and(|other| self.returns(other))
            }
            // A guard on the last arm leaves an `if` without `else`.
            ExprKind::Match(_, arms) => {
                arms.last().is_some_and(|a| a.guard.is_none()) && arms.iter().all(|a| self.returns(&a.body))
            }
            ExprKind::Return(value) => value.as_ref().is_some_and(|v| self.returns(v)),
            ExprKind::Loop(..) => false,
            _ => self.ty(e).is_some(),
        }
    }

    /// Prints the statements; false if they leave the block.
    pub(super) fn stmts(&mut self, b: &Block) -> Res<bool> {
        for s in &b.stmts {
            match s {
                Stmt::Let { local, init, .. } => {
                    let name = self.names[local.0 as usize].clone();
                    let ty = self.local_ty(*local);
                    let Some(e) = init else {
                        if ty != Ty::Unit {
                            self.emit(format!("var {name}: {};", wgsl_ty(ty)));
                        }
                        self.assigned[local.0 as usize] = true;
                        continue;
                    };
                    if ty == Ty::Unit || self.ty(e).is_none() {
                        self.into(e, &Dest::Discard)?;
                        if self.ty(e).is_none() {
                            return Ok(false);
                        }
                        continue;
                    }
                    if matches!(e.kind, ExprKind::If(..) | ExprKind::Match(..) | ExprKind::Loop(..)) {
                        self.emit(format!("var {name}: {};", wgsl_ty(ty)));
                        self.into(e, &Dest::Var(name))?;
                        continue;
                    }
                    let Some(v) = self.expr(e)? else { return Ok(false) };
                    let keyword = if self.assigned[local.0 as usize] { "var" } else { "let" };
                    self.emit(format!("{keyword} {name}: {} = {};", wgsl_ty(ty), v.text));
                }
                Stmt::Expr(e) => {
                    self.into(e, &Dest::Discard)?;
                    if self.ty(e).is_none() {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    fn block_into(&mut self, b: &Block, dest: &Dest) -> Res<()> {
        if self.stmts(b)?
            && let Some(t) = &b.tail
        {
            self.into(t, dest)?;
        }
        Ok(())
    }

    /// Prints an expression as statements that put its value where it belongs.
    pub(super) fn into(&mut self, e: &Expr, dest: &Dest) -> Res<()> {
        match &e.kind {
            ExprKind::Block(b) => self.block_into(b, dest),
            ExprKind::If(c, then, other) => match self.expr(c)? {
                Some(c) => self.if_chain(&c, then, other.as_deref(), dest),
                None => Ok(()),
            },
            ExprKind::Match(s, arms) => {
                let ty = self.ty(s).unwrap_or(Ty::I32);
                match self.expr(s)? {
                    Some(v) => {
                        let v = if v.stable && !v.constant && v.depth == 0 { v } else { self.spill(&v) };
                        self.arms(&v, ty, arms, dest)
                    }
                    None => Ok(()),
                }
            }
            ExprKind::For { .. } => self.for_loop(e),
            ExprKind::While(c, label, body) => {
                self.declare_stop(*label, &Dest::Discard, body);
                let (cond, lines) = self.aside(|p| p.expr(c))?;
                match &cond {
                    Some(c) if lines.is_empty() => self.emit(format!("while ({}) {{", c.text)),
                    _ => {
                        self.emit("loop {".into());
                        self.out.extend(lines);
                        if let Some(c) = &cond {
                            self.deeper(|p| p.emit(format!("if (!{}) {{ break; }}", c.within(&[]))));
                        }
                    }
                }
                if cond.is_some() {
                    self.loop_body(*label, &Dest::Discard, body, &[])?;
                }
                self.emit("}".into());
                self.after_loop(e);
                Ok(())
            }
            ExprKind::Loop(label, body) => {
                self.declare_stop(*label, dest, body);
                self.emit("loop {".into());
                self.loop_body(*label, dest, body, &[])?;
                self.emit("}".into());
                self.after_loop(e);
                Ok(())
            }
            ExprKind::Assign(l, a) => {
                let name = self.names[l.0 as usize].clone();
                if self.local_ty(*l) == Ty::Unit {
                    self.into(a, &Dest::Discard)
                } else {
                    self.into(a, &Dest::Var(name))
                }
            }
            ExprKind::AssignOp(op, l, a) => {
                let i = l.0 as usize;
                let ty = self.local_ty(*l);
                let by = self.ty(a).unwrap_or(Ty::U32);
                // Rust evaluates the right side of a primitive's `op=` first.
                let Some(v) = self.expr(a)? else { return Ok(()) };
                let left = Value { stable: false, ..Value::atom(self.names[i].clone()) };
                let v = self.binary(*op, ty, by, vec![left, v]);
                self.emit(format!("{} = {};", self.names[i], v.text));
                Ok(())
            }
            ExprKind::Break(label, value) => {
                let Some(at) = self.frames.iter().rposition(|f| f.label == *label) else {
                    return Err(PrintError::Malformed("`break` outside of a loop".into()));
                };
                if let Some(value) = value {
                    let dest = self.frames[at].dest.clone();
                    self.into(value, &dest)?;
                    if self.ty(value).is_none() || matches!(dest, Dest::Return) {
                        return Ok(());
                    }
                }
                if at + 1 < self.frames.len() {
                    self.emit(format!("stop{label} = true;"));
                }
                self.emit("break;".into());
                Ok(())
            }
            ExprKind::Continue(label) => {
                if self.frames.last().is_some_and(|f| f.label == *label) {
                    self.emit("continue;".into());
                } else {
                    self.emit(format!("next{label} = true;"));
                    self.emit("break;".into());
                }
                Ok(())
            }
            ExprKind::Return(Some(value)) => self.into(value, &Dest::Return),
            ExprKind::Return(None) => Err(PrintError::Malformed("`return` without a value".into())),
            _ => {
                let ty = self.ty(e);
                let Some(v) = self.expr(e)? else { return Ok(()) };
                match dest {
                    Dest::Var(name) if ty != Some(Ty::Unit) => self.emit(format!("{name} = {};", v.text)),
                    Dest::Return => self.emit(format!("return {};", v.text)),
                    // A dropped value only matters for what reading it may report.
                    Dest::Discard if self.m.options.check_bounds && ty != Some(Ty::Unit) && !v.constant => {
                        self.emit(format!("_ = {};", v.text));
                    }
                    _ => {}
                }
                Ok(())
            }
        }
    }

    fn if_chain(&mut self, c: &Value, then: &Block, other: Option<&Expr>, dest: &Dest) -> Res<()> {
        self.emit(format!("if ({}) {{", c.text));
        self.deeper(|p| p.block_into(then, dest))?;
        let mut other = other;
        while let Some(e) = other {
            if let ExprKind::If(c, then, next) = &e.kind {
                let (cond, lines) = self.aside(|p| p.expr(c))?;
                if let Some(cond) = &cond
                    && lines.is_empty()
                {
                    self.emit(format!("}} else if ({}) {{", cond.text));
                    self.deeper(|p| p.block_into(then, dest))?;
                    other = next.as_deref();
                    continue;
                }
                self.emit("} else {".into());
                self.out.extend(lines);
                if let Some(cond) = cond {
                    self.deeper(|p| p.if_chain(&cond, then, next.as_deref(), dest))?;
                }
            } else {
                self.emit("} else {".into());
                self.deeper(|p| p.into(e, dest))?;
            }
            break;
        }
        self.emit("}".into());
        Ok(())
    }

    /// The arms of a `match` as a chain of `if`s (a `break` inside WGSL's `switch` would leave the switch).
    fn arms(&mut self, s: &Value, ty: Ty, arms: &[Arm], dest: &Dest) -> Res<()> {
        let mut chained = false; // an `if {` is open and waits for its `else`
        let mut opened = 0;
        for (i, arm) in arms.iter().enumerate() {
            // rustc has checked that the arms are exhaustive, so the last one needs no test.
            let last = i + 1 == arms.len() && arm.guard.is_none();
            let mut cond = if last { None } else { condition(&arm.pat, s, ty) };
            let bind = if let Pat::Bind(l) = &arm.pat { Some(*l) } else { None };
            let mut always = cond.is_none() && arm.guard.is_none();
            let mut simple = bind.is_none();
            if simple && let Some(g) = &arm.guard {
                let (guard, lines) = self.aside(|p| p.expr(g))?;
                match guard {
                    Some(guard) if lines.is_empty() => {
                        let both = |c| format!("({c}) && {}", guard.within(&[Prec::Unary]));
                        cond = Some(cond.map_or_else(|| guard.text.clone(), both));
                    }
                    _ => simple = false,
                }
            }
            if !simple {
                if chained {
                    self.emit("} else {".into());
                    self.indent += 1;
                    opened += 1;
                    chained = false;
                }
                if let Some(l) = bind {
                    let keyword = if self.assigned[l.0 as usize] { "var" } else { "let" };
                    let name = self.names[l.0 as usize].clone();
                    self.emit(format!("{keyword} {name} = {};", s.text));
                }
                if let Some(g) = &arm.guard {
                    cond = Some(if let Some(c) = &cond {
                        let hit = self.temp();
                        self.emit(format!("var {hit} = false;"));
                        self.emit(format!("if ({c}) {{"));
                        self.deeper(|p| p.into(g, &Dest::Var(hit.clone())))?;
                        self.emit("}".into());
                        hit
                    } else {
                        // A guard without a value has left the block.
                        self.expr(g)?.map_or_else(|| "false".to_owned(), |v| v.text)
                    });
                    always = false;
                }
            }
            if always {
                if chained {
                    self.emit("} else {".into());
                    self.deeper(|p| p.into(&arm.body, dest))?;
                } else {
                    self.into(&arm.body, dest)?;
                }
                break;
            }
            let head = if chained { "} else if" } else { "if" };
            self.emit(format!("{head} ({}) {{", cond.unwrap_or_else(|| "true".into())));
            self.deeper(|p| p.into(&arm.body, dest))?;
            chained = true;
        }
        if chained {
            self.emit("}".into());
        }
        for _ in 0..opened {
            self.indent -= 1;
            self.emit("}".into());
        }
        Ok(())
    }

    /// A flag for `break 'label` from a nested loop, declared before the loop.
    fn declare_stop(&mut self, label: LoopId, dest: &Dest, body: &Block) {
        // A `break` with the function's value is a `return`.
        if !matches!(dest, Dest::Return) && jumps_from_nested(body, label).0 {
            self.emit(format!("var stop{label} = false;"));
        }
    }

    /// The inside of a loop: the budget check, `head`, the body.
    fn loop_body(&mut self, label: LoopId, dest: &Dest, body: &Block, head: &[String]) -> Res<()> {
        self.indent += 1;
        if self.m.options.loop_budget {
            self.m.uses_fail = true;
            self.emit("if (veda_over_budget()) { veda_fail(); break; }".into());
        }
        for line in head {
            self.emit(line.clone());
        }
        if jumps_from_nested(body, label).1 {
            self.emit(format!("var next{label} = false;"));
        }
        self.frames.push(Frame { label, dest: dest.clone() });
        let result = self.block_into(body, &Dest::Discard);
        self.frames.pop();
        self.indent -= 1;
        result
    }

    /// After a loop: passes on the jumps from inside it that go further out.
    fn after_loop(&mut self, e: &Expr) {
        let mut jumps = BTreeSet::new();
        escapes(e, &mut Vec::new(), &mut jumps);
        let parent = self.frames.last().map(|f| f.label);
        for (label, stop) in jumps {
            if stop && self.frames.iter().any(|f| f.label == label && matches!(f.dest, Dest::Return)) {
                continue; // printed as `return`
            }
            let jump = if !stop && parent == Some(label) { "continue" } else { "break" };
            let flag = if stop { "stop" } else { "next" };
            self.emit(format!("if ({flag}{label}) {{ {jump}; }}"));
        }
    }

    /// `for`: right at the ends of the type, the bounds evaluated once.
    fn for_loop(&mut self, e: &Expr) -> Res<()> {
        let ExprKind::For { var, start, end, inclusive, reversed, step, label, body } = &e.kind else {
            return Ok(());
        };
        let ty = self.ty(start).unwrap_or(Ty::I32);
        let t = wgsl_ty(ty);
        let one = int(ty, 1).text;
        let Some(bounds) = self.operands([&**start, &**end].into_iter().chain(step.as_deref()))? else {
            return Ok(());
        };
        let fixed = |p: &mut Self, v: &Value| if v.stable && v.depth == 0 { v.clone() } else { p.spill(v) };
        let simple_up = !reversed && step.is_none();
        let max = if ty == Ty::I32 { "2147483647i" } else { "4294967295u" };
        let closed = *inclusive && !(bounds[1].constant && bounds[1].text != max);
        let hi = fixed(self, &bounds[1]);
        let plain = simple_up && !closed;
        let lo = if plain { bounds[0].clone() } else { fixed(self, &bounds[0]) };
        self.declare_stop(*label, &Dest::Discard, body);

        // The loop variable is the counter itself unless the body assigns it.
        let own = var.filter(|l| !self.assigned[l.0 as usize]).map(|l| self.names[l.0 as usize].clone());
        let declare = |p: &Self, value: &str| match var {
            Some(l) => {
                let keyword = if p.assigned[l.0 as usize] { "var" } else { "let" };
                vec![format!("{keyword} {}: {t} = {value};", p.names[l.0 as usize])]
            }
            None => Vec::new(),
        };
        if plain {
            let (n, head) = match own {
                Some(name) => (name, Vec::new()),
                None => {
                    let n = self.temp();
                    let head = declare(self, &n);
                    (n, head)
                }
            };
            let less = if *inclusive { "<=" } else { "<" };
            self.emit(format!("for (var {n}: {t} = {}; {n} {less} {}; {n} += {one}) {{", lo.text, hi.within(&[])));
            self.loop_body(*label, &Dest::Discard, body, &head)?;
            self.emit("}".into());
        } else if *reversed && step.is_none() && !inclusive {
            let n = self.temp();
            self.emit(format!("var {n}: {t} = {};", hi.text));
            self.emit(format!("while ({n} > {}) {{", lo.within(&[])));
            let mut head = vec![format!("{n} -= {one};")];
            head.extend(declare(self, &n));
            self.loop_body(*label, &Dest::Discard, body, &head)?;
            self.emit("}".into());
        } else {
            // Count the trips down to the last, so that no counter ever passes the end of its type.
            let less = if *inclusive { "<=" } else { "<" };
            let (k, last) = (self.temp(), self.temp());
            // Not a literal: naga would evaluate the distance of two itself, and reject what wraps.
            let lo_first = if lo.constant { self.spill(&lo) } else { lo };
            self.emit(format!("if ({} {less} {}) {{", lo_first.text, hi.within(&[])));
            self.indent += 1;
            let distance = if *inclusive { "" } else { " - 1u" };
            let stride = match step {
                Some(_) => {
                    if bounds[2].constant {
                        Some(if bounds[2].text == "0u" { "1u".to_owned() } else { bounds[2].text.clone() })
                    } else {
                        let s = self.temp();
                        self.emit(format!("let {s} = max({}, 1u);", bounds[2].arg()));
                        Some(s)
                    }
                }
                None => None,
            };
            let (by, times) = stride.map_or((String::new(), k.clone()), |s| (format!(" / {s}"), format!("{k} * {s}")));
            let span = match ty {
                Ty::I32 => format!("u32({}) - u32({}){distance}", hi.text, lo_first.text),
                _ => format!("{} - {}{distance}", hi.text, lo_first.text),
            };
            self.emit(if by.is_empty() {
                format!("let {last} = {span};")
            } else {
                format!("let {last} = ({span}){by};")
            });
            self.emit(format!("var {k} = 0u;"));
            self.emit("loop {".into());
            let offset = if ty == Ty::I32 { format!("i32({times})") } else { times };
            let value = match (reversed, inclusive) {
                (false, _) => format!("{} + {offset}", lo_first.text),
                (true, true) => format!("{} - {offset}", hi.text),
                (true, false) => format!("{} - {one} - {offset}", hi.text),
            };
            let head = declare(self, &value);
            self.loop_body(*label, &Dest::Discard, body, &head)?;
            self.deeper(|p| {
                p.emit("continuing {".into());
                p.deeper(|p| {
                    let done = p.temp();
                    p.emit(format!("let {done} = {k} == {last};"));
                    p.emit(format!("{k} += 1u;"));
                    p.emit(format!("break if {done};"));
                });
                p.emit("}".into());
            });
            self.emit("}".into());
            self.indent -= 1;
            self.emit("}".into());
        }
        self.after_loop(e);
        Ok(())
    }
}

/// The test that a pattern stands for; `None` if it always matches.
fn condition(pat: &Pat, s: &Value, ty: Ty) -> Option<String> {
    let s = &s.text;
    match pat {
        Pat::Wild | Pat::Bind(_) => None,
        Pat::Int(n) => Some(format!("{s} == {}", int(ty, *n).text)),
        Pat::Bool(true) => Some(s.clone()),
        Pat::Bool(false) => Some(format!("!{s}")),
        Pat::Range(a, b) => {
            let (min, max) =
                if ty == Ty::I32 { (i64::from(i32::MIN), i64::from(i32::MAX)) } else { (0, i64::from(u32::MAX)) };
            let a = a.filter(|&a| a > min).map(|a| format!("{s} >= {}", int(ty, a).text));
            let b = b.filter(|&b| b < max).map(|b| format!("{s} <= {}", int(ty, b).text));
            match (a, b) {
                (Some(a), Some(b)) => Some(format!("({a}) && ({b})")),
                (a, b) => a.or(b),
            }
        }
        Pat::Or(pats) => {
            let tests: Option<Vec<String>> =
                pats.iter().map(|p| Some(format!("({})", condition(p, &Value::atom(s.clone()), ty)?))).collect();
            tests.map(|t| t.join(" || "))
        }
    }
}

/// Whether loops nested in `body` break from (0) or continue (1) the loop `label` that `body` belongs to.
fn jumps_from_nested(body: &Block, label: LoopId) -> (bool, bool) {
    fn walk(e: &Expr, found: &mut BTreeSet<(LoopId, bool)>) {
        if visit::as_loop(e).is_some() {
            escapes(e, &mut Vec::new(), found);
        }
        visit::children(e, &mut |c| walk(c, found));
    }
    let mut found = BTreeSet::new();
    visit::block_children(body, &mut |e| walk(e, &mut found));
    (found.contains(&(label, true)), found.contains(&(label, false)))
}

/// The jumps in `e` to loops outside of `e`: the label, and whether it is a `break`.
fn escapes(e: &Expr, inside: &mut Vec<LoopId>, found: &mut BTreeSet<(LoopId, bool)>) {
    match &e.kind {
        ExprKind::Break(l, _) if !inside.contains(l) => {
            found.insert((*l, true));
        }
        ExprKind::Continue(l) if !inside.contains(l) => {
            found.insert((*l, false));
        }
        _ => {}
    }
    let label = visit::as_loop(e).map(|l| l.0);
    inside.extend(label);
    visit::children(e, &mut |c| escapes(c, inside, found));
    if label.is_some() {
        inside.pop();
    }
}
