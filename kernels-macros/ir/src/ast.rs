//! The kernel language as a tree: what a kernel may say, before types are known.
//!
//! # Semantics (both twins, see the crate `veda`)
//! * Integers wrap. `x / 0 == x`, `x % 0 == 0`, `MIN / -1 == MIN`, `MIN % -1 == 0`. Shift amounts are taken modulo 32.
//! * [`Ty::Usize`] is a 32-bit unsigned integer: arithmetic is modulo 2^32. It is its own type for inference (as in
//!   Rust) and prints as `u32`.
//! * Float to integer casts saturate, NaN becomes 0. `round` is half away from zero. `!=` on NaN is true.
//! * Indexing beyond the end reads the last element (release) or fails (debug); an empty slice reads zero.
//! * `mul_add` may be rounded once or twice.

/// Identifies the source tokens of a node in the macro's span table; 0 is "none". Not stored by the codec.
pub type SpanId = u32;

/// A local variable; an index into [`Function::locals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(pub u32);

/// A scalar type of the kernel language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ty {
    /// IEEE binary32.
    F32,
    /// 32-bit unsigned.
    U32,
    /// 32-bit signed.
    I32,
    /// Rust's `usize`, 32-bit in kernels.
    Usize,
    /// Truth value; stored as a `u32` that is 0 or 1 in buffers.
    Bool,
    /// `()`: the type of a block without a value.
    Unit,
}

/// The type of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ParamTy {
    /// A scalar, by value or behind references (`f32`, `&f32`, `&&f32`: the same value in a kernel).
    Value(Ty),
    /// `&[T]`: a whole buffer, read-only, indexed anywhere.
    Slice(Ty),
    /// `veda::Index`: where in the index space this invocation stands.
    Index,
    /// A tuple parameter, as `zip` passes it: `(a, (b, c)): (f32, (u32, u32))`.
    Tuple(Vec<ParamTy>),
}

/// How a parameter binds its names; mirrors the shape of its [`ParamTy`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ParamPat {
    /// One name.
    Local(LocalId),
    /// `_`.
    Ignored,
    /// `(a, b)`.
    Tuple(Vec<ParamPat>),
}

/// A parameter of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Param {
    /// The names that it binds.
    pub pat: ParamPat,
    /// Its type.
    pub ty: ParamTy,
}

/// A named local: a parameter's name, a `let`, a loop variable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Local {
    /// The name in the user's source (not unique: shadowing makes several locals of one name).
    pub name: String,
    /// Whether it is assigned after its declaration.
    pub mutable: bool,
}

/// One kernel function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// The Rust name, used for readable WGSL.
    pub name: String,
    /// Parameters in order.
    pub params: Vec<Param>,
    /// Return type; never `Unit` for a kernel.
    pub ret: Ty,
    /// All locals.
    pub locals: Vec<Local>,
    /// Names of the captured scalars (`kernel_fn!`), in order; their types arrive at link time.
    pub captures: Vec<String>,
    /// Names of the constants used, in order; their values arrive at link time.
    pub consts: Vec<String>,
    /// Names of the kernels called, in order; resolved at link time.
    pub deps: Vec<String>,
    /// The body.
    pub body: Block,
}

/// `{ stmts; tail }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Block {
    /// Statements in order.
    pub stmts: Vec<Stmt>,
    /// The value of the block, if it has one.
    pub tail: Option<Box<Expr>>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stmt {
    /// `let name: ty = init;` (a `let` without initialiser has `init: None` and is assigned later).
    Let {
        /// The local that it declares.
        local: LocalId,
        /// The written type, if any.
        ty: Option<Ty>,
        /// The initial value.
        init: Option<Expr>,
    },
    /// An expression whose value is dropped.
    Expr(Expr),
}

/// An expression with the place in the source that it came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands in the source (macro only).
    pub span: SpanId,
}

/// A literal as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lit {
    /// Integer literal with its optional suffix.
    Int(u64, Option<Ty>),
    /// Float literal: the bits of its nearest `f32`; the suffix, if written, was `f32`.
    Float(u32, bool),
    /// `true` or `false`.
    Bool(bool),
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnOp {
    /// `-x`, wrapping on integers.
    Neg,
    /// `!x`: logical on bool, bitwise on integers.
    Not,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // they are their own documentation
pub enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// Short-circuit `&&`.
    And,
    /// Short-circuit `||`.
    Or,
}

/// A loop label, unique in its function (the macro numbers them; unlabelled loops get one as well).
pub type LoopId = u32;

/// A component of `veda::Index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexField {
    /// `id.x`
    X,
    /// `id.y`
    Y,
    /// `id.z`
    Z,
    /// `id.flat()`: the row-major position, `x + width * (y + height * z)`.
    Flat,
}

/// A pattern of a `match` arm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pat {
    /// `_`
    Wild,
    /// A binding `name` (always matches).
    Bind(LocalId),
    /// A literal (`-1` is stored as [`Pat::Int`]).
    Int(i64),
    /// `true` / `false`.
    Bool(bool),
    /// `a..=b`; `a..b` is stored with its inclusive end. `None` is open.
    Range(Option<i64>, Option<i64>),
    /// `p | q | r`
    Or(Vec<Pat>),
}

/// One arm of a `match`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arm {
    /// What it matches.
    pub pat: Pat,
    /// `if guard`.
    pub guard: Option<Expr>,
    /// Its value.
    pub body: Expr,
}

/// A function of std on f32/u32/i32/usize/bool, written as a method (`x.abs()`) or as a path (`f32::abs(x)`); the
/// receiver is the first argument. Functions that veda implements itself in the kernel language (`sin`, `exp`, …)
/// are not here: they are calls to the kernels in `veda::math`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // named exactly as in std
pub enum Builtin {
    // f32
    Floor,
    Ceil,
    Trunc,
    Round,
    RoundTiesEven,
    Fract,
    Sqrt,
    Recip,
    MulAdd,
    Copysign,
    ToDegrees,
    ToRadians,
    IsNan,
    IsFinite,
    IsInfinite,
    IsSignPositive,
    IsSignNegative,
    ToBits,
    FromBits,
    // f32 and integers
    Abs,
    Signum,
    Min,
    Max,
    Clamp,
    RemEuclid,
    DivEuclid,
    Powi,
    // integers
    WrappingAdd,
    WrappingSub,
    WrappingMul,
    WrappingNeg,
    WrappingShl,
    WrappingShr,
    SaturatingAdd,
    SaturatingSub,
    AbsDiff,
    UnsignedAbs,
    CountOnes,
    CountZeros,
    LeadingZeros,
    TrailingZeros,
    RotateLeft,
    RotateRight,
    ReverseBits,
    SwapBytes,
    Pow,
    IsPowerOfTwo,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExprKind {
    /// A literal.
    Lit(Lit),
    /// A local variable.
    Local(LocalId),
    /// The n-th captured scalar.
    Capture(u32),
    /// The n-th constant.
    Const(u32),
    /// A unary operator.
    Unary(UnOp, Box<Expr>),
    /// A binary operator; operands are evaluated left to right, `&&`/`||` short-circuit.
    Binary(BinOp, Box<Expr>, Box<Expr>),
    /// `local = value`
    Assign(LocalId, Box<Expr>),
    /// `local op= value`
    AssignOp(BinOp, LocalId, Box<Expr>),
    /// `x as ty`
    Cast(Box<Expr>, Ty),
    /// `if c { a } else { b }`
    If(Box<Expr>, Block, Option<Box<Expr>>),
    /// `match x { … }`
    Match(Box<Expr>, Vec<Arm>),
    /// `{ … }`
    Block(Block),
    /// `for var in start..end` (or `..=`); `var` may be ignored (`_`).
    For {
        /// The loop variable.
        var: Option<LocalId>,
        /// First value.
        start: Box<Expr>,
        /// End.
        end: Box<Expr>,
        /// `..=`
        inclusive: bool,
        /// `.rev()`
        reversed: bool,
        /// `.step_by(n)`; evaluated once, a step of 0 counts as 1.
        step: Option<Box<Expr>>,
        /// Its label.
        label: LoopId,
        /// The body.
        body: Block,
    },
    /// `while cond { … }`
    While(Box<Expr>, LoopId, Block),
    /// `loop { … }`
    Loop(LoopId, Block),
    /// `break 'label value`
    Break(LoopId, Option<Box<Expr>>),
    /// `continue 'label`
    Continue(LoopId),
    /// `return value`
    Return(Option<Box<Expr>>),
    /// A function of std.
    Builtin(Builtin, Vec<Expr>),
    /// A call of the n-th dependency.
    Call(u32, Vec<Arg>),
    /// `slice[index]`; the local is a slice parameter; the index is `usize`.
    Index(LocalId, Box<Expr>),
    /// `slice.len()`, a `usize`.
    Len(LocalId),
    /// `slice.is_empty()`
    IsEmpty(LocalId),
    /// A component of an index parameter.
    IndexField(LocalId, IndexField),
}

/// An argument of a kernel call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Arg {
    /// A value.
    Value(Expr),
    /// One of the caller's slice parameters handed on whole.
    Slice(LocalId),
    /// The caller's index parameter handed on.
    Index(LocalId),
    /// A tuple argument.
    Tuple(Vec<Arg>),
}

/// A scalar value: a constant, a capture, an identity of a reduction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// f32
    F32(f32),
    /// u32
    U32(u32),
    /// i32
    I32(i32),
    /// usize, modulo 2^32
    Usize(u32),
    /// bool
    Bool(bool),
}

impl Value {
    /// The type of the value.
    pub fn ty(self) -> Ty {
        match self {
            Value::F32(_) => Ty::F32,
            Value::U32(_) => Ty::U32,
            Value::I32(_) => Ty::I32,
            Value::Usize(_) => Ty::Usize,
            Value::Bool(_) => Ty::Bool,
        }
    }

    /// The 32 bits that represent it in a uniform or storage buffer.
    pub fn bits(self) -> u32 {
        match self {
            Value::F32(x) => x.to_bits(),
            Value::U32(x) | Value::Usize(x) => x,
            Value::I32(x) => x as u32,
            Value::Bool(x) => u32::from(x),
        }
    }
}
