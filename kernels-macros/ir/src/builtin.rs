//! Which functions of std a kernel may use, and their types.

use crate::ast::{Builtin, Ty};

/// The types that a function accepts as its first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `f32`.
    Float,
    /// `u32`, `i32`, `usize`.
    Int,
    /// `u32`, `usize`.
    Unsigned,
    /// `i32`.
    SignedInt,
    /// `f32`, `i32`.
    Signed,
    /// `f32` and the integers.
    Num,
    /// The integers and `bool`.
    Bits,
    /// Anything with a value.
    Scalar,
}

impl Class {
    /// Whether `ty` belongs to the class.
    pub fn has(self, ty: Ty) -> bool {
        use Ty::{Bool, F32, I32, U32, Unit, Usize};
        match self {
            Class::Float => ty == F32,
            Class::Int => matches!(ty, U32 | I32 | Usize),
            Class::Unsigned => matches!(ty, U32 | Usize),
            Class::SignedInt => ty == I32,
            Class::Signed => matches!(ty, F32 | I32),
            Class::Num => matches!(ty, F32 | U32 | I32 | Usize),
            Class::Bits => matches!(ty, Bool | U32 | I32 | Usize),
            Class::Scalar => ty != Unit,
        }
    }
}

/// The type of a further argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgTy {
    /// The receiver's type.
    Same,
    /// A fixed type.
    Is(Ty),
}

/// The type of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetTy {
    /// The receiver's type.
    Same,
    /// A fixed type.
    Is(Ty),
    /// The receiver's type without its sign: `u32` for `i32`.
    Unsigned,
}

/// The types of a [`Builtin`]: its receiver's class, its further arguments, its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltinSignature {
    /// What the first argument may be.
    pub receiver: Class,
    /// The arguments after the first.
    pub args: &'static [ArgTy],
    /// The result.
    pub ret: RetTy,
}

macro_rules! builtins {
    ($($variant:ident $name:literal $class:ident [$($arg:expr),*] $ret:expr;)*) => {
        /// Every builtin, in the order of the enum.
        pub const ALL: &[Builtin] = &[$(Builtin::$variant),*];

        impl Builtin {
            /// The function's name in std.
            pub fn name(self) -> &'static str {
                match self { $(Builtin::$variant => $name,)* }
            }

            /// The function of this name, if kernels may use it. Whether it exists for a receiver's type is decided
            /// by inference ([`signature`](Self::signature)).
            pub fn by_name(name: &str) -> Option<Builtin> {
                match name { $($name => Some(Builtin::$variant),)* _ => None }
            }

            /// Its types.
            pub fn signature(self) -> BuiltinSignature {
                match self {
                    $(Builtin::$variant => BuiltinSignature {
                        receiver: Class::$class,
                        args: &[$($arg),*],
                        ret: $ret,
                    },)*
                }
            }
        }
    };
}

const SAME: ArgTy = ArgTy::Same;
const U32: ArgTy = ArgTy::Is(Ty::U32);
const I32: ArgTy = ArgTy::Is(Ty::I32);
const BOOL_OUT: RetTy = RetTy::Is(Ty::Bool);
const U32_OUT: RetTy = RetTy::Is(Ty::U32);

builtins! {
    Floor "floor" Float [] RetTy::Same;
    Ceil "ceil" Float [] RetTy::Same;
    Trunc "trunc" Float [] RetTy::Same;
    Round "round" Float [] RetTy::Same;
    RoundTiesEven "round_ties_even" Float [] RetTy::Same;
    Fract "fract" Float [] RetTy::Same;
    Sqrt "sqrt" Float [] RetTy::Same;
    Recip "recip" Float [] RetTy::Same;
    MulAdd "mul_add" Float [SAME, SAME] RetTy::Same;
    Copysign "copysign" Float [SAME] RetTy::Same;
    ToDegrees "to_degrees" Float [] RetTy::Same;
    ToRadians "to_radians" Float [] RetTy::Same;
    IsNan "is_nan" Float [] BOOL_OUT;
    IsFinite "is_finite" Float [] BOOL_OUT;
    IsInfinite "is_infinite" Float [] BOOL_OUT;
    IsSignPositive "is_sign_positive" Float [] BOOL_OUT;
    IsSignNegative "is_sign_negative" Float [] BOOL_OUT;
    ToBits "to_bits" Float [] U32_OUT;
    FromBits "from_bits" Unsigned [] RetTy::Is(Ty::F32);
    Abs "abs" Signed [] RetTy::Same;
    Signum "signum" Signed [] RetTy::Same;
    Min "min" Num [SAME] RetTy::Same;
    Max "max" Num [SAME] RetTy::Same;
    Clamp "clamp" Num [SAME, SAME] RetTy::Same;
    RemEuclid "rem_euclid" Num [SAME] RetTy::Same;
    DivEuclid "div_euclid" Num [SAME] RetTy::Same;
    Powi "powi" Float [I32] RetTy::Same;
    WrappingAdd "wrapping_add" Int [SAME] RetTy::Same;
    WrappingSub "wrapping_sub" Int [SAME] RetTy::Same;
    WrappingMul "wrapping_mul" Int [SAME] RetTy::Same;
    WrappingNeg "wrapping_neg" Int [] RetTy::Same;
    WrappingShl "wrapping_shl" Int [U32] RetTy::Same;
    WrappingShr "wrapping_shr" Int [U32] RetTy::Same;
    SaturatingAdd "saturating_add" Int [SAME] RetTy::Same;
    SaturatingSub "saturating_sub" Int [SAME] RetTy::Same;
    AbsDiff "abs_diff" Int [SAME] RetTy::Unsigned;
    UnsignedAbs "unsigned_abs" SignedInt [] U32_OUT;
    CountOnes "count_ones" Int [] U32_OUT;
    CountZeros "count_zeros" Int [] U32_OUT;
    LeadingZeros "leading_zeros" Int [] U32_OUT;
    TrailingZeros "trailing_zeros" Int [] U32_OUT;
    RotateLeft "rotate_left" Int [U32] RetTy::Same;
    RotateRight "rotate_right" Int [U32] RetTy::Same;
    ReverseBits "reverse_bits" Int [] RetTy::Same;
    SwapBytes "swap_bytes" Int [] RetTy::Same;
    Pow "pow" Int [U32] RetTy::Same;
    IsPowerOfTwo "is_power_of_two" Unsigned [] BOOL_OUT;
}

impl Builtin {
    /// The number of arguments, the receiver included.
    pub fn arity(self) -> usize {
        1 + self.signature().args.len()
    }
}
