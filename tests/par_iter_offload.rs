//! Chains of kernels on the software GPU, against the same chains on the CPU.

use std::sync::Once;

use veda::DeviceChoice;
use veda::prelude::*;

#[veda::kernel]
fn square(x: f32) -> f32 {
    x * x
}
#[veda::kernel]
fn shift(x: f32) -> f32 {
    x - 100.0
}
#[veda::kernel]
fn positive(x: &f32) -> bool {
    *x > 0.0
}
#[veda::kernel]
fn dist((a, b): (f32, f32)) -> f32 {
    (a - b).abs()
}
#[veda::kernel]
fn mix(x: u32) -> u32 {
    (x ^ (x >> 7)) * 2654435761
}
#[veda::kernel]
fn odd(x: u32) -> bool {
    x % 2 == 1
}
#[veda::kernel]
fn join(a: u32, b: u32) -> u32 {
    a * 31 + b * 17 // not commutative, not associative: see the test
}
#[veda::kernel]
fn larger(a: u32, b: u32) -> u32 {
    a.max(b)
}

fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let software = veda::init_with_config(Config::builder().device(DeviceChoice::Software).build());
        if std::env::var_os("VEDA_REQUIRE_GPU").is_some() {
            software.expect("VEDA_REQUIRE_GPU is set");
        }
    });
}

/// Runs `f` and checks that a device ran its calls, if there is one.
fn on_gpu<R>(calls: usize, f: impl FnOnce() -> R) -> R {
    start();
    let (result, why) = veda::explain(f);
    assert_eq!(why.calls.len(), calls, "{why}");
    if std::env::var_os("VEDA_REQUIRE_GPU").is_some() {
        assert!(why.calls.iter().all(|c| c.ran_on != Place::Cpu), "{why}");
    }
    result
}

const LENGTHS: [usize; 9] = [1, 2, 255, 256, 257, 4095, 4097, 50_000, 100_003];

#[test]
fn map_collect() {
    for n in LENGTHS {
        let xs: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let ys: Vec<f32> = on_gpu(1, || xs.par_iter().map(square).map(shift).collect());
        assert!(ys.iter().enumerate().all(|(i, &y)| y == (i as f32) * (i as f32) - 100.0), "{n}");
    }
}

#[test]
fn map_filter_collect_keeps_order() {
    for n in LENGTHS {
        let xs: Vec<f32> = (0..n).map(|i| ((i * 7919) % 211) as f32).collect();
        let ys: Vec<f32> = on_gpu(1, || xs.par_iter().map(shift).filter(positive).map(square).collect());
        let expected: Vec<f32> = xs.iter().map(|x| x - 100.0).filter(|x| *x > 0.0).map(|x| x * x).collect();
        assert_eq!(ys, expected, "{n}");
    }
}

#[test]
fn sums() {
    for n in LENGTHS {
        let xs: Vec<f32> = (0..n).map(|i| (i % 100) as f32).collect();
        let sum: f32 = on_gpu(1, || xs.par_iter().map(square).map(shift).filter(positive).map(square).sum());
        let exact: f64 = xs.iter().map(|&x| f64::from(x * x - 100.0)).filter(|x| *x > 0.0).map(|x| x * x).sum();
        assert!((f64::from(sum) - exact).abs() <= exact * 1e-5, "{n}: {sum} {exact}");

        let us: Vec<u32> = (0..n as u32).collect();
        let sum: u32 = on_gpu(1, || us.par_iter().map(mix).sum());
        assert_eq!(sum, us.iter().map(|&x| mix(x)).fold(0, u32::wrapping_add), "{n}");
    }
}

#[test]
fn other_reductions() {
    for n in LENGTHS {
        let us: Vec<u32> = (0..n as u32).collect();
        let mixed = || us.iter().map(|&x| mix(x));
        assert_eq!(on_gpu(1, || us.par_iter().map(mix).max()), mixed().max());
        assert_eq!(on_gpu(1, || us.par_iter().map(mix).min()), mixed().min());
        assert_eq!(on_gpu(1, || us.par_iter().map(mix).reduce(|| 0, larger)), mixed().max().unwrap());
        assert_eq!(
            on_gpu(1, || us.par_iter().map(mix).filter(odd_ref).count()),
            mixed().filter(|x| x % 2 == 1).count()
        );
        assert_eq!(on_gpu(1, || us.par_iter().map(mix).any(odd)), mixed().any(|x| x % 2 == 1));
        assert_eq!(on_gpu(1, || us.par_iter().map(mix).all(odd)), mixed().all(|x| x % 2 == 1));
        assert_eq!(on_gpu(1, || us.par_iter().map(mix).product::<u32>()), mixed().fold(1, u32::wrapping_mul));
    }
    let xs: Vec<f32> = (0..10_000).map(|i| ((i * 7919) % 10_007) as f32).collect();
    assert_eq!(on_gpu(1, || xs.par_iter().copied().map(f32::sqrt).reduce(|| 0.0, f32::max)), (10_006f32).sqrt());
    let _ = join(1, 2);
}

#[veda::kernel]
fn odd_ref(x: &u32) -> bool {
    *x % 2 == 1
}

#[test]
fn zip_and_captures() {
    let a: Vec<f32> = (0..5000).map(|i| i as f32).collect();
    let b: Vec<f32> = (0..5000).map(|i| (i % 13) as f32).collect();
    let d: Vec<f32> = on_gpu(1, || a.par_iter().zip(&b).map(dist).collect());
    assert!(d.iter().zip(a.iter().zip(&b)).all(|(d, (a, b))| *d == (a - b).abs()));
    let (scale, offset) = (3.0f32, 1.0f32);
    let ys: Vec<f32> =
        on_gpu(1, || a.par_iter().map(veda::kernel_fn!(|x: f32| -> f32 { scale * x + offset })).collect());
    assert!(ys.iter().zip(&a).all(|(y, x)| *y == 3.0 * x + 1.0));
}

#[test]
fn ranges() {
    let ys: Vec<u32> = on_gpu(1, || (5u32..100_000).into_par_iter().map(mix).collect());
    assert!(ys.iter().zip(5u32..).all(|(y, x)| *y == mix(x)));
}

#[test]
fn closures_stay_on_the_cpu() {
    let xs = vec![1.0f32; 1000];
    let sum: f32 = on_gpu(0, || xs.par_iter().map(|x| x + 1.0).sum());
    assert_eq!(sum, 2000.0);
}

#[test]
fn twins_agree() {
    let reports = veda::testing::check_all();
    assert!(reports.len() >= 8, "{reports:?}");
    for report in reports {
        println!("{report}");
        assert!(report.compared > 0 || report.skipped.is_some(), "{report}");
    }
}
