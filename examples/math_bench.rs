//! Compares `veda::math` in a vectorised loop with std's functions: nanoseconds per element, 4096 elements in L1.

use std::hint::black_box;
use std::time::Instant;
use veda::kernel::isa;
use veda::math;

/// Nanoseconds per element of `f`, the best of 15 runs.
fn time(input: &[f32], output: &mut [f32], f: impl Fn(&[f32], &mut [f32])) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..15 {
        let start = Instant::now();
        for _ in 0..40 {
            f(black_box(input), black_box(output));
        }
        best = best.min(start.elapsed().as_nanos() as f64 / (40 * input.len()) as f64);
    }
    best
}

macro_rules! row {
    ($name:ident, $own:expr, $std:expr, $scale:expr) => {{
        let input: Vec<f32> = (0..4096).map(|i| (i as f32 + 0.5) * ($scale / 4096.0)).collect();
        let mut output = vec![0.0; 4096];
        let own: fn(&[f32], &mut [f32]) = |input, output| {
            isa::run(
                #[inline(always)]
                || {
                    for (o, &x) in output.iter_mut().zip(input) {
                        *o = $own(x);
                    }
                },
            );
        };
        let base: fn(&[f32], &mut [f32]) = |input, output| {
            for (o, &x) in output.iter_mut().zip(input) {
                *o = $own(x);
            }
        };
        let std: fn(&[f32], &mut [f32]) = |input, output| {
            for (o, &x) in output.iter_mut().zip(input) {
                *o = $std(x);
            }
        };
        let (a, b, c) =
            (time(&input, &mut output, own), time(&input, &mut output, base), time(&input, &mut output, std));
        println!("| {} | {a:.2} | {b:.2} | {c:.2} | {:.1} |", stringify!($name), c / a);
    }};
}

fn main() {
    println!("| function | ns ({:?}) | ns (base) | ns (std) | gain |\n|---|---|---|---|---|", isa::level());
    row!(exp, math::exp, f32::exp, 80.0);
    row!(exp2, math::exp2, f32::exp2, 80.0);
    row!(exp_m1, math::exp_m1, f32::exp_m1, 80.0);
    row!(ln, math::ln, f32::ln, 80.0);
    row!(log2, math::log2, f32::log2, 80.0);
    row!(log10, math::log10, f32::log10, 80.0);
    row!(ln_1p, math::ln_1p, f32::ln_1p, 80.0);
    row!(sin, math::sin, f32::sin, 100.0);
    row!(sin_huge, math::sin, f32::sin, 1e9);
    row!(cos, math::cos, f32::cos, 100.0);
    row!(tan, math::tan, f32::tan, 100.0);
    row!(asin, math::asin, f32::asin, 1.0);
    row!(acos, math::acos, f32::acos, 1.0);
    row!(atan, math::atan, f32::atan, 10.0);
    row!(sinh, math::sinh, f32::sinh, 10.0);
    row!(cosh, math::cosh, f32::cosh, 10.0);
    row!(tanh, math::tanh, f32::tanh, 10.0);
    row!(asinh, math::asinh, f32::asinh, 10.0);
    row!(acosh, math::acosh, |x: f32| x.acosh(), 10.0);
    row!(atanh, math::atanh, f32::atanh, 1.0);
    row!(cbrt, math::cbrt, f32::cbrt, 10.0);
    row!(powf, |x| math::powf(x, 2.5), |x: f32| x.powf(black_box(2.5)), 10.0);
    row!(atan2, |x| math::atan2(x, 1.5), |x: f32| x.atan2(black_box(1.5)), 10.0);
    row!(hypot, |x| math::hypot(x, 1.5), |x: f32| x.hypot(black_box(1.5)), 10.0);
}
