//! Functions of std and casts in WGSL.

use super::expr::{Prec, Value, call};
use super::stmt::FunctionPrinter;
use super::wgsl_ty;
use crate::ast::{BinOp, Builtin, Ty};

impl FunctionPrinter<'_, '_> {
    /// `x as to`.
    pub(super) fn cast(&mut self, from: Ty, to: Ty, v: Vec<Value>) -> Value {
        match (from, to) {
            (Ty::F32, Ty::I32) => call(self.m.helper("veda_f32_to_i32"), &v),
            (Ty::F32, Ty::U32 | Ty::Usize) => call(self.m.helper("veda_f32_to_u32"), &v),
            _ if wgsl_ty(from) == wgsl_ty(to) => v.into_iter().next().unwrap_or_else(|| Value::atom("")),
            _ => call(wgsl_ty(to), &v),
        }
    }

    /// A builtin on printed arguments; `ty` is the receiver's type.
    pub(super) fn builtin(&mut self, b: Builtin, ty: Ty, v: Vec<Value>) -> Value {
        let v = self.opaque(v);
        let float = ty == Ty::F32;
        let signed = ty == Ty::I32;
        let op = |p: &mut Self, op| p.binary(op, ty, Ty::U32, v.clone());
        let of: Vec<&Value> = v.iter().collect();
        match b {
            Builtin::Floor => call("floor", &v),
            Builtin::Ceil => call("ceil", &v),
            Builtin::Trunc => call("trunc", &v),
            Builtin::RoundTiesEven => call("round", &v),
            Builtin::Round => call(self.m.helper("veda_round"), &v),
            Builtin::Fract => call(self.m.helper("veda_fract"), &v),
            Builtin::Sqrt => call(self.m.helper("veda_sqrt"), &v),
            Builtin::Recip => Value::new(format!("1.0f / {}", v[0].within(&[])), Prec::Mul, &of),
            Builtin::MulAdd => {
                let text = format!("{} * {} + {}", v[0].within(&[]), v[1].within(&[]), v[2].within(&[Prec::Mul]));
                Value::new(text, Prec::Add, &of)
            }
            Builtin::Copysign => call(self.m.helper("veda_copysign"), &v),
            Builtin::ToDegrees => {
                Value::new(format!("{} * {:?}f", v[0].within(&[]), 1f32.to_degrees()), Prec::Mul, &of)
            }
            Builtin::ToRadians => {
                Value::new(format!("{} * {:?}f", v[0].within(&[]), 1f32.to_radians()), Prec::Mul, &of)
            }
            Builtin::IsNan => call(self.m.helper("veda_is_nan"), &v),
            Builtin::IsFinite => call(self.m.helper("veda_is_finite"), &v),
            Builtin::IsInfinite => call(self.m.helper("veda_is_infinite"), &v),
            Builtin::IsSignNegative => call(self.m.helper("veda_is_sign_negative"), &v),
            Builtin::IsSignPositive => {
                let negative = call(self.m.helper("veda_is_sign_negative"), &v);
                Value::new(format!("!{}", negative.text), Prec::Unary, &of)
            }
            Builtin::ToBits => call("bitcast<u32>", &v),
            Builtin::FromBits => call("bitcast<f32>", &v),
            Builtin::Abs => call("abs", &v),
            Builtin::Signum if float => call(self.m.helper("veda_signum"), &v),
            Builtin::Signum => call("sign", &v),
            Builtin::Min if float => call(self.m.helper("veda_min_f32"), &v),
            Builtin::Min => call("min", &v),
            Builtin::Max if float => call(self.m.helper("veda_max_f32"), &v),
            Builtin::Max => call("max", &v),
            Builtin::Clamp if float => call(self.m.helper("veda_clamp_f32"), &v),
            // Not `clamp`, which SPIR-V leaves undefined for bounds in the wrong order.
            Builtin::Clamp => call("min", &[call("max", &v[..2]), v[2].clone()]),
            Builtin::RemEuclid if float => call(self.m.helper("veda_rem_euclid_f32"), &v),
            Builtin::RemEuclid if signed => call(self.m.helper("veda_rem_euclid_i32"), &v),
            Builtin::RemEuclid => op(self, BinOp::Rem),
            Builtin::DivEuclid if float => call(self.m.helper("veda_div_euclid_f32"), &v),
            Builtin::DivEuclid if signed => call(self.m.helper("veda_div_euclid_i32"), &v),
            Builtin::DivEuclid => op(self, BinOp::Div),
            Builtin::Powi => call(self.m.helper("veda_powi"), &v),
            Builtin::WrappingAdd => op(self, BinOp::Add),
            Builtin::WrappingSub => op(self, BinOp::Sub),
            Builtin::WrappingMul => op(self, BinOp::Mul),
            Builtin::WrappingNeg if signed => Value::new(format!("-{}", v[0].within(&[])), Prec::Unary, &of),
            Builtin::WrappingNeg => Value::new(format!("0u - {}", v[0].within(&[])), Prec::Add, &of),
            Builtin::WrappingShl => op(self, BinOp::Shl),
            Builtin::WrappingShr => op(self, BinOp::Shr),
            Builtin::SaturatingAdd if signed => call(self.m.helper("veda_saturating_add_i32"), &v),
            Builtin::SaturatingAdd => call(self.m.helper("veda_saturating_add_u32"), &v),
            Builtin::SaturatingSub if signed => call(self.m.helper("veda_saturating_sub_i32"), &v),
            Builtin::SaturatingSub => call(self.m.helper("veda_saturating_sub_u32"), &v),
            Builtin::AbsDiff if signed => call(self.m.helper("veda_abs_diff_i32"), &v),
            Builtin::AbsDiff => call(self.m.helper("veda_abs_diff_u32"), &v),
            Builtin::UnsignedAbs => call("u32", &[call("abs", &v)]),
            Builtin::CountOnes => call("countOneBits", &unsigned(&v, signed)),
            Builtin::CountZeros => {
                let x = &unsigned(&v, signed)[0];
                call("countOneBits", &[Value::new(format!("~{}", x.within(&[])), Prec::Unary, &[x])])
            }
            Builtin::LeadingZeros => call("countLeadingZeros", &unsigned(&v, signed)),
            Builtin::TrailingZeros => call("countTrailingZeros", &unsigned(&v, signed)),
            Builtin::RotateLeft => self.on_bits("veda_rotate_left", &v, signed),
            Builtin::RotateRight => self.on_bits("veda_rotate_right", &v, signed),
            Builtin::SwapBytes => self.on_bits("veda_swap_bytes", &v, signed),
            Builtin::Pow => self.on_bits("veda_pow_u32", &v, signed),
            Builtin::ReverseBits => call("reverseBits", &v),
            Builtin::IsPowerOfTwo => Value::new(format!("{} == 1u", call("countOneBits", &v).text), Prec::Other, &of),
        }
    }

    /// A helper on `u32` for a receiver that may be `i32`: the same bits.
    fn on_bits(&mut self, helper: &'static str, v: &[Value], signed: bool) -> Value {
        let result = call(self.m.helper(helper), &unsigned(v, signed));
        if signed { call("i32", &[result]) } else { result }
    }
}

/// The arguments with the first as `u32`.
fn unsigned(v: &[Value], signed: bool) -> Vec<Value> {
    let mut v = v.to_vec();
    if signed {
        v[0] = call("u32", &v[..1]);
    }
    v
}
