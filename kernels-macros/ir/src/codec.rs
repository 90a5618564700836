//! The tree as bytes: what the macro stores in a descriptor and the run time reads back.
//!
//! One version byte, then the fields of [`Function`] in order: enums as a tag byte, numbers as LEB128, text and lists
//! with their length in front. Spans are dropped (they decode as 0). A kernel of ten operations takes about 60 bytes.
//! [`decode`] accepts any bytes: it never panics, its memory is proportional to the input, and nesting beyond
//! [`MAX_DEPTH`] is an error.

use std::fmt;

use crate::ast::*;
use crate::builtin;

/// The first byte of every encoded function.
pub const VERSION: u8 = 1;

/// How deep expressions may nest: a debug build prints this depth within a 2 MiB thread stack. Chains such as
/// `a + b + …` nest once per operator.
pub const MAX_DEPTH: u32 = 64;

/// 64-bit FNV-1a: the identity of an encoded kernel.
pub const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
}

/// Why bytes are not a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Written by another version of the macro.
    Version(u8),
    /// The bytes end too early.
    Truncated,
    /// A tag that stands for nothing.
    BadTag(&'static str, u64),
    /// Text that is not UTF-8.
    BadText,
    /// A reference to a local, capture, constant or dependency that does not exist.
    BadReference(&'static str, u64),
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// Bytes after the end.
    TrailingBytes(usize),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Version(v) => write!(
                f,
                "kernel bytes of version {v}, expected {VERSION}: rebuild the crate that contains the kernel with this version of veda"
            ),
            DecodeError::Truncated => f.write_str("kernel bytes end too early"),
            DecodeError::BadTag(what, tag) => write!(f, "kernel bytes contain the unknown {what} {tag}"),
            DecodeError::BadText => f.write_str("kernel bytes contain a name that is not UTF-8"),
            DecodeError::BadReference(what, n) => write!(f, "kernel bytes refer to {what} {n}, which does not exist"),
            DecodeError::TooDeep => write!(f, "kernel bytes nest deeper than {MAX_DEPTH}"),
            DecodeError::TrailingBytes(n) => write!(f, "kernel bytes have {n} bytes too many"),
        }
    }
}

impl std::error::Error for DecodeError {}

const TYS: [Ty; 6] = [Ty::F32, Ty::U32, Ty::I32, Ty::Usize, Ty::Bool, Ty::Unit];
const UN_OPS: [UnOp; 2] = [UnOp::Neg, UnOp::Not];
const BIN_OPS: [BinOp; 18] = [
    BinOp::Add,
    BinOp::Sub,
    BinOp::Mul,
    BinOp::Div,
    BinOp::Rem,
    BinOp::BitAnd,
    BinOp::BitOr,
    BinOp::BitXor,
    BinOp::Shl,
    BinOp::Shr,
    BinOp::Eq,
    BinOp::Ne,
    BinOp::Lt,
    BinOp::Le,
    BinOp::Gt,
    BinOp::Ge,
    BinOp::And,
    BinOp::Or,
];
const FIELDS: [IndexField; 4] = [IndexField::X, IndexField::Y, IndexField::Z, IndexField::Flat];

/// Encodes a function.
pub fn encode(function: &Function) -> Vec<u8> {
    let mut w = Writer(vec![VERSION]);
    w.text(&function.name);
    w.list(&function.params, |w, p| {
        w.param_pat(&p.pat);
        w.param_ty(&p.ty);
    });
    w.ty(function.ret);
    w.list(&function.locals, |w, l| {
        w.text(&l.name);
        w.byte(u8::from(l.mutable));
    });
    for names in [&function.captures, &function.consts, &function.deps] {
        w.list(names, |w, n| w.text(n));
    }
    w.block(&function.body);
    w.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, b: u8) {
        self.0.push(b);
    }
    fn num(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.byte(n as u8 | 0x80);
            n >>= 7;
        }
        self.byte(n as u8);
    }
    fn signed(&mut self, n: i64) {
        self.num(((n << 1) ^ (n >> 63)) as u64); // zigzag: small magnitudes stay short
    }
    fn text(&mut self, s: &str) {
        self.num(s.len() as u64);
        self.0.extend_from_slice(s.as_bytes());
    }
    fn list<T>(&mut self, items: &[T], each: impl Fn(&mut Writer, &T)) {
        self.num(items.len() as u64);
        for item in items {
            each(self, item);
        }
    }
    fn option<T>(&mut self, item: Option<&T>, each: impl FnOnce(&mut Writer, &T)) {
        self.byte(u8::from(item.is_some()));
        if let Some(item) = item {
            each(self, item);
        }
    }
    fn ty(&mut self, ty: Ty) {
        self.byte(ty as u8);
    }
    fn local(&mut self, l: LocalId) {
        self.num(u64::from(l.0));
    }
    fn param_pat(&mut self, pat: &ParamPat) {
        match pat {
            ParamPat::Local(l) => {
                self.byte(0);
                self.local(*l);
            }
            ParamPat::Ignored => self.byte(1),
            ParamPat::Tuple(pats) => {
                self.byte(2);
                self.list(pats, Writer::param_pat);
            }
        }
    }
    fn param_ty(&mut self, ty: &ParamTy) {
        match ty {
            ParamTy::Value(t) => {
                self.byte(0);
                self.ty(*t);
            }
            ParamTy::Slice(t) => {
                self.byte(1);
                self.ty(*t);
            }
            ParamTy::Index => self.byte(2),
            ParamTy::Tuple(tys) => {
                self.byte(3);
                self.list(tys, Writer::param_ty);
            }
        }
    }
    fn block(&mut self, b: &Block) {
        self.list(&b.stmts, |w, s| match s {
            Stmt::Let { local, ty, init } => {
                w.byte(0);
                w.local(*local);
                w.option(ty.as_ref(), |w, t| w.ty(*t));
                w.option(init.as_ref(), Writer::expr);
            }
            Stmt::Expr(e) => {
                w.byte(1);
                w.expr(e);
            }
        });
        self.option(b.tail.as_deref(), Writer::expr);
    }
    fn pat(&mut self, p: &Pat) {
        match p {
            Pat::Wild => self.byte(0),
            Pat::Bind(l) => {
                self.byte(1);
                self.local(*l);
            }
            Pat::Int(n) => {
                self.byte(2);
                self.signed(*n);
            }
            Pat::Bool(b) => self.byte(3 + u8::from(*b)),
            Pat::Range(a, b) => {
                self.byte(5);
                self.option(a.as_ref(), |w, n| w.signed(*n));
                self.option(b.as_ref(), |w, n| w.signed(*n));
            }
            Pat::Or(ps) => {
                self.byte(6);
                self.list(ps, Writer::pat);
            }
        }
    }
    fn arg(&mut self, a: &Arg) {
        match a {
            Arg::Value(e) => {
                self.byte(0);
                self.expr(e);
            }
            Arg::Slice(l) => {
                self.byte(1);
                self.local(*l);
            }
            Arg::Index(l) => {
                self.byte(2);
                self.local(*l);
            }
            Arg::Tuple(args) => {
                self.byte(3);
                self.list(args, Writer::arg);
            }
        }
    }
    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Lit(Lit::Int(n, suffix)) => {
                self.byte(0);
                self.num(*n);
                self.option(suffix.as_ref(), |w, t| w.ty(*t));
            }
            ExprKind::Lit(Lit::Float(bits, suffix)) => {
                self.byte(1);
                self.0.extend_from_slice(&bits.to_le_bytes());
                self.byte(u8::from(*suffix));
            }
            ExprKind::Lit(Lit::Bool(b)) => self.byte(2 + u8::from(*b)),
            ExprKind::Local(l) => {
                self.byte(4);
                self.local(*l);
            }
            ExprKind::Capture(n) => {
                self.byte(5);
                self.num(u64::from(*n));
            }
            ExprKind::Const(n) => {
                self.byte(6);
                self.num(u64::from(*n));
            }
            ExprKind::Unary(op, a) => {
                self.byte(7);
                self.byte(*op as u8);
                self.expr(a);
            }
            ExprKind::Binary(op, a, b) => {
                self.byte(8);
                self.byte(*op as u8);
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Assign(l, a) => {
                self.byte(9);
                self.local(*l);
                self.expr(a);
            }
            ExprKind::AssignOp(op, l, a) => {
                self.byte(10);
                self.byte(*op as u8);
                self.local(*l);
                self.expr(a);
            }
            ExprKind::Cast(a, t) => {
                self.byte(11);
                self.expr(a);
                self.ty(*t);
            }
            ExprKind::If(c, then, other) => {
                self.byte(12);
                self.expr(c);
                self.block(then);
                self.option(other.as_deref(), Writer::expr);
            }
            ExprKind::Match(s, arms) => {
                self.byte(13);
                self.expr(s);
                self.list(arms, |w, arm| {
                    w.pat(&arm.pat);
                    w.option(arm.guard.as_ref(), Writer::expr);
                    w.expr(&arm.body);
                });
            }
            ExprKind::Block(b) => {
                self.byte(14);
                self.block(b);
            }
            ExprKind::For { var, start, end, inclusive, reversed, step, label, body } => {
                self.byte(15);
                self.option(var.as_ref(), |w, l| w.local(*l));
                self.expr(start);
                self.expr(end);
                self.byte(u8::from(*inclusive) | u8::from(*reversed) << 1);
                self.option(step.as_deref(), Writer::expr);
                self.num(u64::from(*label));
                self.block(body);
            }
            ExprKind::While(c, label, body) => {
                self.byte(16);
                self.expr(c);
                self.num(u64::from(*label));
                self.block(body);
            }
            ExprKind::Loop(label, body) => {
                self.byte(17);
                self.num(u64::from(*label));
                self.block(body);
            }
            ExprKind::Break(label, value) => {
                self.byte(18);
                self.num(u64::from(*label));
                self.option(value.as_deref(), Writer::expr);
            }
            ExprKind::Continue(label) => {
                self.byte(19);
                self.num(u64::from(*label));
            }
            ExprKind::Return(value) => {
                self.byte(20);
                self.option(value.as_deref(), Writer::expr);
            }
            ExprKind::Builtin(b, args) => {
                self.byte(21);
                self.byte(*b as u8);
                self.list(args, Writer::expr);
            }
            ExprKind::Call(n, args) => {
                self.byte(22);
                self.num(u64::from(*n));
                self.list(args, Writer::arg);
            }
            ExprKind::Index(l, i) => {
                self.byte(23);
                self.local(*l);
                self.expr(i);
            }
            ExprKind::Len(l) => {
                self.byte(24);
                self.local(*l);
            }
            ExprKind::IsEmpty(l) => {
                self.byte(25);
                self.local(*l);
            }
            ExprKind::IndexField(l, field) => {
                self.byte(26);
                self.local(*l);
                self.byte(*field as u8);
            }
        }
    }
}

/// Decodes a function.
///
/// # Errors
/// If the bytes were not written by [`encode`] of this version.
pub fn decode(bytes: &[u8]) -> Result<Function, DecodeError> {
    let mut r = Reader { bytes, depth: 0, locals: u64::MAX, captures: 0, consts: 0, deps: 0 };
    let version = r.byte()?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let name = r.text()?;
    let params = r.list(|r| Ok(Param { pat: r.param_pat()?, ty: r.param_ty()? }))?;
    let ret = r.ty()?;
    let locals = r.list(|r| Ok(Local { name: r.text()?, mutable: r.flag()? }))?;
    r.locals = locals.len() as u64;
    for p in &params {
        check_pat(&p.pat, r.locals)?;
    }
    let captures = r.list(Reader::text)?;
    let consts = r.list(Reader::text)?;
    let deps = r.list(Reader::text)?;
    (r.captures, r.consts, r.deps) = (captures.len() as u64, consts.len() as u64, deps.len() as u64);
    let body = r.block()?;
    if !r.bytes.is_empty() {
        return Err(DecodeError::TrailingBytes(r.bytes.len()));
    }
    Ok(Function { name, params, ret, locals, captures, consts, deps, body })
}

fn check_pat(pat: &ParamPat, locals: u64) -> Result<(), DecodeError> {
    match pat {
        ParamPat::Local(l) if u64::from(l.0) >= locals => Err(DecodeError::BadReference("local", u64::from(l.0))),
        ParamPat::Tuple(pats) => pats.iter().try_for_each(|p| check_pat(p, locals)),
        _ => Ok(()),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    depth: u32,
    locals: u64,
    captures: u64,
    consts: u64,
    deps: u64,
}

type Decoded<T> = Result<T, DecodeError>;

impl Reader<'_> {
    fn byte(&mut self) -> Decoded<u8> {
        let (&first, rest) = self.bytes.split_first().ok_or(DecodeError::Truncated)?;
        self.bytes = rest;
        Ok(first)
    }
    fn take(&mut self, n: usize) -> Decoded<&[u8]> {
        let (head, rest) = self.bytes.split_at_checked(n).ok_or(DecodeError::Truncated)?;
        self.bytes = rest;
        Ok(head)
    }
    fn num(&mut self) -> Decoded<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            n |= u64::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Ok(n);
            }
        }
        Err(DecodeError::BadTag("number", n))
    }
    fn num32(&mut self) -> Decoded<u32> {
        let n = self.num()?;
        u32::try_from(n).map_err(|_| DecodeError::BadTag("number", n))
    }
    fn signed(&mut self) -> Decoded<i64> {
        let n = self.num()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }
    fn flag(&mut self) -> Decoded<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            b => Err(DecodeError::BadTag("flag", u64::from(b))),
        }
    }
    fn text(&mut self) -> Decoded<String> {
        let n = usize::try_from(self.num()?).map_err(|_| DecodeError::Truncated)?;
        String::from_utf8(self.take(n)?.to_vec()).map_err(|_| DecodeError::BadText)
    }
    /// Every item takes at least one byte, so a false length ends in `Truncated` before memory grows beyond the input.
    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Decoded<T>) -> Decoded<Vec<T>> {
        let n = self.num()?;
        if n > self.bytes.len() as u64 {
            return Err(DecodeError::Truncated);
        }
        let mut items = Vec::with_capacity((n as usize).min(8));
        for _ in 0..n {
            items.push(each(self)?);
        }
        Ok(items)
    }
    fn option<T>(&mut self, each: impl FnOnce(&mut Self) -> Decoded<T>) -> Decoded<Option<T>> {
        Ok(if self.flag()? { Some(each(self)?) } else { None })
    }
    fn nested<T>(&mut self, each: impl FnOnce(&mut Self) -> Decoded<T>) -> Decoded<T> {
        if self.depth == MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        self.depth += 1;
        let result = each(self);
        self.depth -= 1;
        result
    }
    fn one_of<T: Copy>(&mut self, what: &'static str, of: &[T]) -> Decoded<T> {
        let b = self.byte()?;
        of.get(usize::from(b)).copied().ok_or(DecodeError::BadTag(what, u64::from(b)))
    }
    fn below(&mut self, what: &'static str, limit: u64) -> Decoded<u32> {
        let n = self.num32()?;
        if u64::from(n) < limit { Ok(n) } else { Err(DecodeError::BadReference(what, u64::from(n))) }
    }
    fn ty(&mut self) -> Decoded<Ty> {
        self.one_of("type", &TYS)
    }
    fn local(&mut self) -> Decoded<LocalId> {
        Ok(LocalId(self.below("local", self.locals)?))
    }
    fn param_pat(&mut self) -> Decoded<ParamPat> {
        self.nested(|r| match r.byte()? {
            0 => Ok(ParamPat::Local(r.local()?)),
            1 => Ok(ParamPat::Ignored),
            2 => Ok(ParamPat::Tuple(r.list(Self::param_pat)?)),
            b => Err(DecodeError::BadTag("parameter pattern", u64::from(b))),
        })
    }
    fn param_ty(&mut self) -> Decoded<ParamTy> {
        self.nested(|r| match r.byte()? {
            0 => Ok(ParamTy::Value(r.ty()?)),
            1 => Ok(ParamTy::Slice(r.ty()?)),
            2 => Ok(ParamTy::Index),
            3 => Ok(ParamTy::Tuple(r.list(Self::param_ty)?)),
            b => Err(DecodeError::BadTag("parameter type", u64::from(b))),
        })
    }
    fn block(&mut self) -> Decoded<Block> {
        let stmts = self.list(|r| match r.byte()? {
            0 => Ok(Stmt::Let { local: r.local()?, ty: r.option(Self::ty)?, init: r.option(Self::expr)? }),
            1 => Ok(Stmt::Expr(r.expr()?)),
            b => Err(DecodeError::BadTag("statement", u64::from(b))),
        })?;
        Ok(Block { stmts, tail: self.option(Self::boxed)? })
    }
    fn pat(&mut self) -> Decoded<Pat> {
        self.nested(|r| match r.byte()? {
            0 => Ok(Pat::Wild),
            1 => Ok(Pat::Bind(r.local()?)),
            2 => Ok(Pat::Int(r.signed()?)),
            3 => Ok(Pat::Bool(false)),
            4 => Ok(Pat::Bool(true)),
            5 => Ok(Pat::Range(r.option(Self::signed)?, r.option(Self::signed)?)),
            6 => Ok(Pat::Or(r.list(Self::pat)?)),
            b => Err(DecodeError::BadTag("pattern", u64::from(b))),
        })
    }
    fn arg(&mut self) -> Decoded<Arg> {
        self.nested(|r| match r.byte()? {
            0 => Ok(Arg::Value(r.expr()?)),
            1 => Ok(Arg::Slice(r.local()?)),
            2 => Ok(Arg::Index(r.local()?)),
            3 => Ok(Arg::Tuple(r.list(Self::arg)?)),
            b => Err(DecodeError::BadTag("argument", u64::from(b))),
        })
    }
    fn boxed(&mut self) -> Decoded<Box<Expr>> {
        Ok(Box::new(self.expr()?))
    }
    fn expr(&mut self) -> Decoded<Expr> {
        Ok(Expr { kind: self.nested(Self::kind)?, span: 0 })
    }
    fn kind(&mut self) -> Decoded<ExprKind> {
        Ok(match self.byte()? {
            0 => ExprKind::Lit(Lit::Int(self.num()?, self.option(Self::ty)?)),
            1 => {
                let mut bits = [0; 4];
                bits.copy_from_slice(self.take(4)?);
                ExprKind::Lit(Lit::Float(u32::from_le_bytes(bits), self.flag()?))
            }
            2 => ExprKind::Lit(Lit::Bool(false)),
            3 => ExprKind::Lit(Lit::Bool(true)),
            4 => ExprKind::Local(self.local()?),
            5 => ExprKind::Capture(self.below("capture", self.captures)?),
            6 => ExprKind::Const(self.below("constant", self.consts)?),
            7 => ExprKind::Unary(self.one_of("operator", &UN_OPS)?, self.boxed()?),
            8 => ExprKind::Binary(self.one_of("operator", &BIN_OPS)?, self.boxed()?, self.boxed()?),
            9 => ExprKind::Assign(self.local()?, self.boxed()?),
            10 => ExprKind::AssignOp(self.one_of("operator", &BIN_OPS)?, self.local()?, self.boxed()?),
            11 => ExprKind::Cast(self.boxed()?, self.ty()?),
            12 => ExprKind::If(self.boxed()?, self.block()?, self.option(Self::boxed)?),
            13 => ExprKind::Match(
                self.boxed()?,
                self.list(|r| Ok(Arm { pat: r.pat()?, guard: r.option(Self::expr)?, body: r.expr()? }))?,
            ),
            14 => ExprKind::Block(self.block()?),
            15 => {
                let var = self.option(Self::local)?;
                let (start, end) = (self.boxed()?, self.boxed()?);
                let flags = self.byte()?;
                if flags > 3 {
                    return Err(DecodeError::BadTag("range", u64::from(flags)));
                }
                ExprKind::For {
                    var,
                    start,
                    end,
                    inclusive: flags & 1 != 0,
                    reversed: flags & 2 != 0,
                    step: self.option(Self::boxed)?,
                    label: self.num32()?,
                    body: self.block()?,
                }
            }
            16 => ExprKind::While(self.boxed()?, self.num32()?, self.block()?),
            17 => ExprKind::Loop(self.num32()?, self.block()?),
            18 => ExprKind::Break(self.num32()?, self.option(Self::boxed)?),
            19 => ExprKind::Continue(self.num32()?),
            20 => ExprKind::Return(self.option(Self::boxed)?),
            21 => ExprKind::Builtin(self.one_of("function", builtin::ALL)?, self.list(Self::expr)?),
            22 => ExprKind::Call(self.below("dependency", self.deps)?, self.list(Self::arg)?),
            23 => ExprKind::Index(self.local()?, self.boxed()?),
            24 => ExprKind::Len(self.local()?),
            25 => ExprKind::IsEmpty(self.local()?),
            26 => ExprKind::IndexField(self.local()?, self.one_of("field", &FIELDS)?),
            b => return Err(DecodeError::BadTag("expression", u64::from(b))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_follow_the_enums() {
        assert!(TYS.iter().enumerate().all(|(i, &t)| t as usize == i));
        assert!(UN_OPS.iter().enumerate().all(|(i, &t)| t as usize == i));
        assert!(BIN_OPS.iter().enumerate().all(|(i, &t)| t as usize == i));
        assert!(FIELDS.iter().enumerate().all(|(i, &t)| t as usize == i));
        assert!(builtin::ALL.iter().enumerate().all(|(i, &t)| t as usize == i));
        assert_eq!(builtin::ALL.len(), Builtin::IsPowerOfTwo as usize + 1);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
