//! How well is a call predicted whose kernel nobody has seen? Maps, neighbours, products, tables, on the CPU.
//!
//! `cargo bench --bench unseen` (`VEDA_BENCH_QUICK=1`: fewer calls). Begins with a quick calibration, or with the profile that
//! `VEDA_PROFILE` names; nothing is learned. The machine is rarely quiet, so the fastest call is compared.

mod support;

use std::hint::black_box;

use support::kernels::{ITERATIONS, mandelbrot, polynomial, saxpy, sin_exp, unsharp};
use support::{Mode, head, row, time};
use veda::calibrate::{Options, calibrate};
use veda::planner::Profile;
use veda::prelude::{Config, DeviceChoice, GpuKernel, Place};
use veda::{Explanation, Learning, Runtime};

/// A five-point stencil; the border reads the nearest element.
#[veda::kernel]
fn heat(id: veda::Index, u: &[f32], width: usize, height: usize) -> f32 {
    let x = id.x as usize;
    let y = id.y as usize;
    let at = y * width + x;
    let c = u[at];
    if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
        c
    } else {
        c + 0.2 * (u[at - 1] + u[at + 1] + u[at - width] + u[at + width] - 4.0 * c)
    }
}

/// A row filter whose length is that of its weights.
#[veda::kernel]
fn row_filter(id: veda::Index, src: &[f32], weights: &[f32], width: u32) -> f32 {
    let reach = weights.len() as i32 / 2;
    let mut sum = 0.0;
    for tap in 0..weights.len() {
        let x = (id.x as i32 + tap as i32 - reach).clamp(0, width as i32 - 1);
        sum += weights[tap] * src[(id.y * width + x as u32) as usize];
    }
    sum
}

/// The same along columns.
#[veda::kernel]
fn column_filter(id: veda::Index, src: &[f32], weights: &[f32], width: u32, height: u32) -> f32 {
    let reach = weights.len() as i32 / 2;
    let mut sum = 0.0;
    for tap in 0..weights.len() {
        let y = (id.y as i32 + tap as i32 - reach).clamp(0, height as i32 - 1);
        sum += weights[tap] * src[(y as u32 * width + id.x) as usize];
    }
    sum
}

/// A product of square matrices.
#[veda::kernel]
fn product(id: veda::Index, a: &[f32], b: &[f32], n: u32) -> f32 {
    let mut sum = 0.0;
    for k in 0..n {
        sum += a[(id.y * n + k) as usize] * b[(k * n + id.x) as usize];
    }
    sum
}

/// All pairs along one axis: a loop as long as the input.
#[veda::kernel]
fn potential(x: f32, all: &[f32]) -> f32 {
    let mut sum = 0.0;
    for k in 0..all.len() {
        let d = x - all[k];
        sum += 1.0 / (d * d + 0.01).sqrt();
    }
    sum
}

/// Elements through an array of indices.
#[veda::kernel]
fn permute(at: u32, table: &[f32]) -> f32 {
    table[at as usize]
}

const KERNELS: [&str; 12] = [
    "saxpy",
    "polynomial",
    "sin * exp",
    "Mandelbrot",
    "stencil",
    "unsharp mask",
    "row filter, 9 taps",
    "column filter, 9 taps",
    "row filter, 31 taps",
    "matrix product",
    "all pairs",
    "permutation",
];

fn call(runtime: &Runtime, name: &str, side: u32) -> Explanation {
    let n = (side * side) as usize;
    let x: Vec<f32> = (0..n).map(|i| i as f32 * (8.0 / n as f32)).collect();
    macro_rules! run {
        ($bound:expr) => {{
            let (result, why) = veda::explain(|| $bound.on_device(Place::Cpu).route(runtime));
            black_box(result.expect("the call is valid"));
            why
        }};
    }
    match name {
        "saxpy" => run!(saxpy::on(2.0, &x, &x)),
        "polynomial" => run!(polynomial::on(&x)),
        "sin * exp" => run!(sin_exp::on(&x)),
        "Mandelbrot" => run!(mandelbrot::on(side, side, ITERATIONS).over([side, side])),
        "stencil" => run!(heat::on(&x, side as usize, side as usize).over([side, side])),
        "unsharp mask" => run!(unsharp::on(&x, side, side, 0.6).over([side, side])),
        "row filter, 9 taps" => run!(row_filter::on(&x, &[0.1; 9], side).over([side, side])),
        "row filter, 31 taps" => run!(row_filter::on(&x, &[0.1; 31], side).over([side, side])),
        "column filter, 9 taps" => run!(column_filter::on(&x, &[0.1; 9], side, side).over([side, side])),
        "matrix product" => run!(product::on(&x, &x, side).over([side, side])),
        "all pairs" => run!(potential::on(&x[..n.min(8192)], &x[..n.min(4096)])),
        _ => {
            let at: Vec<u32> = (0..n as u32).map(|i| i.wrapping_mul(0x9e37_79b1) % n as u32).collect();
            run!(permute::on(&at, &x))
        }
    }
}

fn main() {
    let mode = Mode::get();
    let (calls, sides): (usize, &[u32]) = match mode {
        Mode::Full => (40, &[256, 1000]),
        Mode::Quick => (12, &[256, 1000]),
        Mode::Smoke => (1, &[64]),
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("profile.json");
    let profile = match (std::env::var_os("VEDA_PROFILE"), mode) {
        (Some(given), _) => Profile::load(given.as_ref()).expect("VEDA_PROFILE can be read"),
        (None, Mode::Smoke) => {
            let threads = Runtime::global().expect("it starts").pool().num_threads();
            Profile::builtin(veda::calibrate::host::host(threads), &[])
        }
        _ => calibrate(&Options::default().quick(true).gpu(false), &mut |_| {}).expect("it can be measured"),
    };
    profile.save(&path).expect("writable");
    let config = Config::builder().device(DeviceChoice::Cpu).profile(&path).learning(Learning::Off);
    let runtime = Runtime::new(config.build()).expect("valid settings");
    head(
        "Predicted before anything was seen, CPU",
        &["kernel", "elements", "predicted", "observed (fastest)", "observed / predicted"],
    );
    let mut errors = Vec::new();
    for name in KERNELS {
        for &side in sides {
            let mut best: Option<(f64, f64)> = None;
            for _ in 0..calls {
                let why = call(&runtime, name, side);
                let Some(call) = why.calls.first() else { continue };
                let Some((estimate, seen)) = call.decision.estimate(Place::Cpu).zip(call.observed_ns) else { continue };
                let seen = seen as f64;
                if best.is_none_or(|(_, fastest)| seen < fastest) {
                    best = Some((estimate.mean_ns as f64, seen));
                }
            }
            let Some((predicted, seen)) = best else { continue };
            let ratio = seen / predicted;
            errors.push(ratio.ln().abs());
            let n = side * side;
            row(&[&name, &n, &time(predicted), &time(seen), &format!("{ratio:.2}")]);
        }
    }
    errors.sort_by(f64::total_cmp);
    let within = |factor: f64| errors.iter().filter(|e| **e <= factor.ln()).count();
    println!(
        "\nwithin a factor of 1.5: {} of {}; of 2: {}; of 3: {}; median factor {:.2}",
        within(1.5),
        errors.len(),
        within(2.0),
        within(3.0),
        errors.get(errors.len() / 2).copied().unwrap_or(f64::NAN).exp()
    );
}
