//! The functions of `veda::math` on a device, against the same functions on the CPU: units in the last place.
//!
//! The documented bounds are the CPU's. A device may divide with 2.5 ULP and take roots with 1 (WGSL allows no more to be
//! promised), and may fuse `a * b + c`; the margin below is what that may add.

use veda::gpu::Place;
use veda::{Config, DeviceChoice};

/// Beyond the CPU's own result: two divisions of 2.5 ULP where a function has them, one unit elsewhere.
const MARGIN: u64 = 6;

/// The distance of two floats in representable numbers; NaN is as far from NaN as from itself.
fn ulps(a: f32, b: f32) -> u64 {
    if a.is_nan() && b.is_nan() {
        return 0;
    }
    // Subnormal results may be flushed.
    if a.abs() < f32::MIN_POSITIVE && b.abs() < f32::MIN_POSITIVE {
        return 0;
    }
    let ordered = |x: f32| {
        let bits = i64::from(x.to_bits() as i32);
        if bits < 0 { i64::from(i32::MIN) - bits } else { bits }
    };
    if a.is_nan() == b.is_nan() { ordered(a).abs_diff(ordered(b)) } else { u64::MAX }
}

/// Edge values and a walk over all exponents.
fn inputs() -> Vec<f32> {
    let edges = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        2.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        1e-45,
        std::f32::consts::PI,
        std::f32::consts::FRAC_PI_2,
        88.7,
        -103.9,
        6400.0,
        1e10,
    ];
    let walk = (0..120_000u32).map(|i| f32::from_bits(i.wrapping_mul(2_654_435_761)));
    let near = (0..40_000).map(|i| (i as f32 - 20_000.0) * 1e-3);
    edges.into_iter().chain(walk).chain(near).collect()
}

#[test]
fn devices_keep_the_bounds() {
    let runtime = veda::init_with_config(Config::builder().device(DeviceChoice::Software).build());
    if let Err(error) = runtime {
        assert!(std::env::var_os("VEDA_REQUIRE_GPU").is_none(), "{error}");
        eprintln!("not compared: {error}");
        return;
    }
    let xs = inputs();
    let ys: Vec<f32> = xs.iter().rev().copied().collect();
    let mut failed = Vec::new();
    let mut compare = |name: &str, cpu: &[f32], run: &dyn Fn() -> Vec<f32>| {
        let (gpu, why) = veda::explain(run);
        assert!(why.calls.iter().all(|c| c.ran_on != Place::Cpu), "{why}");
        let worst = cpu.iter().zip(&gpu).enumerate().map(|(i, (a, b))| (ulps(*a, *b), i)).max().unwrap();
        println!("{name:8} {:>4} ULP from the CPU, at {:e} ({:e})", worst.0, xs[worst.1], ys[worst.1]);
        if worst.0 > MARGIN {
            let (cpu, gpu) = (cpu[worst.1], gpu[worst.1]);
            failed.push(format!(
                "{name}({:e}, {:e}) = {cpu:e} on the CPU, {gpu:e} on the device",
                xs[worst.1], ys[worst.1]
            ));
        }
    };
    macro_rules! unary {
        ($($name:ident)*) => {$(
            let cpu: Vec<f32> = xs.iter().map(|&x| veda::math::$name(x)).collect();
            compare(stringify!($name), &cpu, &|| veda::gpu::execute(veda::math::$name::on(&xs)).unwrap());
        )*};
    }
    macro_rules! binary {
        ($($name:ident)*) => {$(
            let cpu: Vec<f32> = xs.iter().zip(&ys).map(|(&x, &y)| veda::math::$name(x, y)).collect();
            compare(stringify!($name), &cpu, &|| veda::gpu::execute(veda::math::$name::on(&xs, &ys)).unwrap());
        )*};
    }
    unary!(exp exp2 exp_m1 ln log2 log10 ln_1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh cbrt);
    binary!(powf atan2 hypot log);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
