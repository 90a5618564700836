//! The functions of `veda::math` beside their references and documented bounds.

use veda::math;

/// A function of one argument.
#[derive(Debug, Clone, Copy)]
pub struct Unary {
    pub name: &'static str,
    pub function: fn(f32) -> f32,
    pub reference: fn(f64) -> f64,
    /// Documented bound in ULP.
    pub bound: f64,
    /// f(-x) = -f(x) bit for bit.
    #[allow(dead_code)] // read by the tests, not by the example that includes this file
    pub odd: bool,
}

/// A function of two arguments.
#[derive(Debug, Clone, Copy)]
pub struct Binary {
    pub name: &'static str,
    pub function: fn(f32, f32) -> f32,
    pub reference: fn(f64, f64) -> f64,
    pub bound: f64,
}

const fn unary(
    name: &'static str,
    function: fn(f32) -> f32,
    reference: fn(f64) -> f64,
    bound: f64,
    odd: bool,
) -> Unary {
    Unary { name, function, reference, bound, odd }
}

/// std's `acosh` and `asinh` lose digits in f64 near 1 and 0; these do not at f32's scale.
fn acosh(x: f64) -> f64 {
    let t = x - 1.0;
    if x < 1.0 { f64::NAN } else { (t + (t * (x + 1.0)).sqrt()).ln_1p() }
}

fn asinh(x: f64) -> f64 {
    let a = x.abs();
    if a.is_infinite() { x } else { (a + a * a / (1.0 + (a * a + 1.0).sqrt())).ln_1p().copysign(x) }
}

fn atanh(x: f64) -> f64 {
    let a = x.abs();
    (0.5 * (2.0 * a / (1.0 - a)).ln_1p()).copysign(x)
}

pub const UNARY: [Unary; 20] = [
    unary("exp", math::exp, f64::exp, 1.1, false),
    unary("exp2", math::exp2, f64::exp2, 1.2, false),
    unary("exp_m1", math::exp_m1, f64::exp_m1, 1.6, false),
    unary("ln", math::ln, f64::ln, 1.0, false),
    unary("log2", math::log2, f64::log2, 1.3, false),
    unary("log10", math::log10, f64::log10, 1.2, false),
    unary("ln_1p", math::ln_1p, f64::ln_1p, 1.6, false),
    unary("sin", math::sin, f64::sin, 1.7, true),
    unary("cos", math::cos, f64::cos, 1.7, false),
    unary("tan", math::tan, f64::tan, 2.25, true),
    unary("asin", math::asin, f64::asin, 1.8, true),
    unary("acos", math::acos, f64::acos, 1.3, false),
    unary("atan", math::atan, f64::atan, 1.4, true),
    unary("sinh", math::sinh, f64::sinh, 1.8, true),
    unary("cosh", math::cosh, f64::cosh, 1.6, false),
    unary("tanh", math::tanh, f64::tanh, 1.2, true),
    unary("asinh", math::asinh, asinh, 1.8, true),
    unary("acosh", math::acosh, acosh, 2.2, false),
    unary("atanh", math::atanh, atanh, 1.2, true),
    unary("cbrt", math::cbrt, f64::cbrt, 1.0, true),
];

pub const BINARY: [Binary; 4] = [
    Binary { name: "powf", function: math::powf, reference: f64::powf, bound: 1.5 },
    Binary { name: "atan2", function: math::atan2, reference: f64::atan2, bound: 1.7 },
    Binary { name: "hypot", function: math::hypot, reference: f64::hypot, bound: 1.4 },
    Binary { name: "log", function: math::log, reference: f64::log, bound: 4.0 },
];

/// Distance of `got` from `exact`, in units in the last place of an f32 as large as `exact`. Infinite where one of
/// them is NaN and the other is not, or where an infinity is missing or wrong.
pub fn ulps(got: f32, exact: f64) -> f64 {
    // Halfway between f32::MAX and 2^128: what rounds to infinity.
    const OVERFLOW: f64 = 3.4028235677973366e38;
    if exact.is_nan() || got.is_nan() {
        return if exact.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if exact.is_infinite() {
        return if f64::from(got) == exact { 0.0 } else { f64::INFINITY };
    }
    if got.is_infinite() {
        let near = exact.abs() > OVERFLOW * (1.0 - 2e-7) && (got > 0.0) == (exact > 0.0);
        return if near { ((OVERFLOW - exact.abs()) / 2f64.powi(104)).max(0.0) } else { f64::INFINITY };
    }
    let exponent = ((exact.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    let ulp = 2f64.powi((exponent - 23).clamp(-149, 104));
    (f64::from(got) - exact).abs() / ulp
}
