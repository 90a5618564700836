//! What is known of a value before the kernel runs: where it comes from, and what it is on average.

use crate::ast::{BinOp, Builtin, UnOp, Value};

/// Where a value comes from; the later one decides where several meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The same for all invocations (loop variables with such bounds included).
    #[default]
    Uniform,
    /// Follows the invocation's position.
    Position,
    /// Depends on an element that the invocation loaded.
    Data,
}

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fact {
    /// Where it comes from.
    pub origin: Origin,
    /// The expected value where it can be computed: exact for uniforms, the mean for positions and loop variables.
    pub value: Option<f64>,
}

/// A slice that a kernel is called with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    /// The caller's number for it.
    pub number: usize,
    /// Its length, where it is known.
    pub len: Option<f64>,
}

/// What is known of an argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// A scalar.
    Scalar(Fact),
    /// A whole slice.
    Slice(Slice),
    /// The invocation's index: the extent of the space along x, y and z, where it is known.
    Index(Option<[f64; 3]>),
    /// A tuple.
    Tuple(Vec<Given>),
}

impl Fact {
    /// Uniform, of unknown value.
    pub const UNIFORM: Fact = Fact { origin: Origin::Uniform, value: None };
    /// A loaded element.
    pub const DATA: Fact = Fact { origin: Origin::Data, value: None };

    /// A value that is the same for all invocations.
    pub fn uniform(value: f64) -> Fact {
        Fact { origin: Origin::Uniform, value: Some(value) }
    }

    /// The position along an axis of this extent.
    pub fn position(extent: Option<f64>) -> Fact {
        Fact { origin: Origin::Position, value: extent.map(|n| ((n - 1.0) / 2.0).max(0.0)) }
    }

    /// A constant or a capture.
    pub fn of(value: Value) -> Fact {
        match value {
            Value::I32(x) => Fact::uniform(f64::from(x)),
            Value::U32(x) | Value::Usize(x) => Fact::uniform(f64::from(x)),
            Value::F32(x) if x.is_finite() => Fact::uniform(f64::from(x)),
            Value::F32(_) | Value::Bool(_) => Fact::UNIFORM,
        }
    }

    /// One of two values, each half of the time.
    pub(super) fn either(self, other: Fact) -> Fact {
        Fact { origin: self.origin.max(other.origin), value: both(self, other).map(|(a, b)| f64::midpoint(a, b)) }
    }

    pub(super) fn from(self, origin: Origin) -> Fact {
        Fact { origin: self.origin.max(origin), ..self }
    }

    pub(super) fn unary(self, op: UnOp) -> Fact {
        Fact { value: self.value.filter(|_| op == UnOp::Neg).map(|a| -a), ..self }
    }

    /// `float`: the operands are floats.
    pub(super) fn binary(op: BinOp, a: Fact, b: Fact, float: bool) -> Fact {
        let value = both(a, b).and_then(|(x, y)| {
            let whole = |q: f64| if float { q } else { q.trunc() };
            match op {
                BinOp::Add => Some(x + y),
                BinOp::Sub => Some(x - y),
                BinOp::Mul => Some(x * y),
                BinOp::Div if y != 0.0 => Some(whole(x / y)),
                BinOp::Rem if y != 0.0 && b.origin == Origin::Uniform => match a.origin {
                    Origin::Uniform => Some(x % y),
                    // Runs through the remainders.
                    _ => Some(((y - 1.0) / 2.0).min(x)),
                },
                BinOp::Shl => Some(x * y.rem_euclid(32.0).exp2()),
                BinOp::Shr => Some((x / y.rem_euclid(32.0).exp2()).floor()),
                _ => None,
            }
        });
        Fact { origin: a.origin.max(b.origin), value }
    }

    pub(super) fn builtin(builtin: Builtin, args: &[Fact], float: bool) -> Fact {
        let origin = args.iter().map(|a| a.origin).max().unwrap_or_default();
        let op = |op| Fact::binary(op, args[0], args[1], float).value;
        let value = match (builtin, args) {
            (Builtin::WrappingAdd | Builtin::SaturatingAdd, [_, _]) => op(BinOp::Add),
            (Builtin::WrappingSub, [_, _]) => op(BinOp::Sub),
            (Builtin::SaturatingSub, [_, _]) => op(BinOp::Sub).map(|v| v.max(0.0)),
            (Builtin::AbsDiff, [_, _]) => op(BinOp::Sub).map(f64::abs),
            (Builtin::WrappingMul, [_, _]) => op(BinOp::Mul),
            (Builtin::DivEuclid, [_, _]) => op(BinOp::Div),
            (Builtin::RemEuclid, [_, _]) => op(BinOp::Rem),
            (Builtin::Min, [a, b]) => both(*a, *b).map(|(a, b)| a.min(b)),
            (Builtin::Max, [a, b]) => both(*a, *b).map(|(a, b)| a.max(b)),
            (Builtin::Clamp, [a, lo, hi]) => both(*lo, *hi).and_then(|(lo, hi)| a.value.map(|a| a.max(lo).min(hi))),
            (Builtin::Abs | Builtin::UnsignedAbs, [a]) => a.value.map(f64::abs),
            (Builtin::Floor | Builtin::Trunc, [a]) => a.value.map(f64::floor),
            (Builtin::Ceil, [a]) => a.value.map(f64::ceil),
            (Builtin::Round | Builtin::RoundTiesEven, [a]) => a.value.map(f64::round),
            (Builtin::Sqrt, [a]) => a.value.map(|a| a.max(0.0).sqrt()),
            _ => None,
        };
        Fact { origin, value }
    }
}

fn both(a: Fact, b: Fact) -> Option<(f64, f64)> {
    Some((a.value?, b.value?))
}
