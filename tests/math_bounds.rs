//! The documented bounds of `veda::math`, on a sample; `examples/math_bounds.rs` measures all of f32.

mod math_cases;

use math_cases::{BINARY, UNARY, ulps};
use veda::math;

/// Every sign, both ends of every kind of number, and where the methods change.
fn edges() -> Vec<f32> {
    let mut values = Vec::new();
    for bits in [
        0u32,
        1,
        2,
        0x007f_ffff,
        0x0080_0000,
        0x0080_0001,
        0x3280_0000,
        0x32ff_ffff,
        0x3300_0000,
        0x3300_0001,
        0x3d00_0000,
        0x3eff_ffff,
        0x3f00_0000,
        0x3f00_0001,
        0x3f35_04f2,
        0x3f35_04f3,
        0x3f35_04f4,
        0x3f49_0fdb,
        0x3f7f_ffff,
        0x3f80_0000,
        0x3f80_0001,
        0x3fb5_04f3,
        0x3fc9_0fdb,
        0x4000_0000,
        0x4040_0000,
        0x4049_0fdb,
        0x4120_0000,
        0x42b1_7217,
        0x42b1_7218,
        0x42b2_d4fc,
        0x42b2_d4fd,
        0x42ff_ffff,
        0x4300_0000,
        0x4314_ffff,
        0x4315_0000,
        0x4316_0000,
        0x4316_0001,
        0x45c7_ffff,
        0x45c8_0000,
        0x45ff_ffff,
        0x4600_0001,
        0x4b00_0000,
        0x4b00_0001,
        0x4b7f_ffff,
        0x4b80_0000,
        0x4c00_0000,
        0x4c80_0001,
        0x5f80_0000,
        0x6240_0000,
        0x7f00_0000,
        0x7f7f_ffff,
        0x7f80_0000,
        0x7fc0_0000,
    ] {
        values.push(f32::from_bits(bits));
        values.push(-f32::from_bits(bits));
    }
    values.extend([2.5, -2.5, 0.25, 10.0, 100.0, 1000.0, -1000.0, 1e-3, 1e10, -1e10]);
    values
}

#[test]
fn unary_functions_keep_their_bounds() {
    // 1 in 4001 is 1.07 million arguments per function.
    let sample = (0..=u32::MAX).step_by(4001).map(f32::from_bits);
    for case in UNARY {
        for x in sample.clone().chain(edges()) {
            let (got, exact) = ((case.function)(x), (case.reference)(f64::from(x)));
            let error = ulps(got, exact);
            assert!(error <= case.bound, "{}({x:e}) = {got:e}, exactly {exact:e}: {error} ULP", case.name);
        }
    }
}

#[test]
fn binary_functions_keep_their_bounds_at_the_edges_and_between() {
    let mut points = edges();
    points.extend((0..=u32::MAX).step_by(9_999_991).map(f32::from_bits));
    points.extend((0..200).map(|i| (i as f32 - 99.7) * 0.173));
    for case in BINARY {
        for &x in &points {
            for &y in &points {
                let (got, exact) = ((case.function)(x, y), (case.reference)(f64::from(x), f64::from(y)));
                let error = ulps(got, exact);
                assert!(error <= case.bound, "{}({x:e}, {y:e}) = {got:e}, exactly {exact:e}: {error} ULP", case.name);
            }
        }
    }
}

#[test]
fn zeros_keep_their_sign() {
    for case in UNARY {
        let (plus, minus) = ((case.function)(0.0), (case.function)(-0.0));
        let expected = ((case.reference)(0.0), (case.reference)(-0.0));
        if expected.0 == 0.0 {
            assert_eq!(plus.to_bits(), (expected.0 as f32).to_bits(), "{}(0)", case.name);
            assert_eq!(minus.to_bits(), (expected.1 as f32).to_bits(), "{}(-0)", case.name);
        }
    }
    let zeros = [0.0f32, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, 3.0, -3.0, 0.5];
    for y in zeros {
        for x in zeros {
            for case in BINARY.iter().filter(|c| c.name != "log") {
                let (got, exact) = ((case.function)(y, x), (case.reference)(f64::from(y), f64::from(x)) as f32);
                if exact == 0.0 || exact.is_infinite() {
                    assert_eq!(got.to_bits(), exact.to_bits(), "{}({y}, {x})", case.name);
                }
            }
        }
    }
}

#[test]
fn odd_functions_are_odd_and_even_ones_even() {
    for bits in (0..0x7f80_0000u32).step_by(10_007) {
        let x = f32::from_bits(bits);
        for case in UNARY.iter().filter(|c| c.odd) {
            let (plus, minus) = ((case.function)(x), (case.function)(-x));
            assert!(plus.to_bits() ^ minus.to_bits() == 0x8000_0000 || plus.is_nan(), "{} at {x:e}", case.name);
        }
        assert_eq!(math::cos(x).to_bits(), math::cos(-x).to_bits());
        assert_eq!(math::cosh(x).to_bits(), math::cosh(-x).to_bits());
    }
}

#[test]
fn powers_of_two_are_exact() {
    for k in -149..128i32 {
        let x = 2f64.powi(k) as f32;
        assert_eq!(math::exp2(k as f32).to_bits(), x.to_bits(), "2^{k}");
        assert_eq!(math::log2(x), k as f32, "log2 2^{k}");
        assert_eq!(math::powf(2.0, k as f32).to_bits(), x.to_bits(), "powf(2, {k})");
        assert_eq!(math::log(x, 2.0), k as f32);
    }
    for n in 0..=256u16 {
        let x = f32::from(n);
        assert_eq!(math::powf(x, 2.0), x * x, "{n}^2");
    }
}
