//! How well is a call predicted after its kernel was seen once? On real kernels, beside the noise of the machine.
//!
//! `cargo bench --bench prediction` (`VEDA_BENCH_QUICK=1`: fewer calls). `VEDA_PROFILE` names the profile to begin with;
//! without it the built-in numbers, which were measured nowhere. Each kernel runs once per device (after its pipeline
//! was built) at one size; what that taught is saved, and a second runtime, which learns nothing, predicts calls of other
//! sizes from it. The second device is a software adapter where there is no GPU: a CPU, which says nothing about GPUs.

mod support;

use std::hint::black_box;

use support::kernels::{ITERATIONS, mandelbrot, polynomial, saxpy, sin_exp, unsharp};
use support::{Mode, head, row};
use veda::planner::Profile;
use veda::prelude::{Config, DeviceChoice, GpuKernel, Place};
use veda::{Explanation, Learning, Runtime};

/// Seen once; then asked at the others, none of which is a power of two or ten.
const SEEN: usize = 120_000;
const ASKED: [usize; 4] = [23_000, 70_000, 350_000, 900_000];
const KERNELS: [&str; 5] = ["saxpy", "polynomial", "sin * exp", "Mandelbrot", "unsharp mask"];

fn call(runtime: &Runtime, name: &str, n: usize, place: Place) -> Explanation {
    let x: Vec<f32> = (0..n).map(|i| i as f32 * (8.0 / n as f32)).collect();
    let y: Vec<f32> = (0..n).map(|i| (i % 1000) as f32).collect();
    let side = (n as f64).sqrt() as u32;
    macro_rules! run {
        ($bound:expr) => {{
            let (result, why) = veda::explain(|| $bound.on_device(place).route(runtime));
            black_box(result.expect("the call is valid"));
            why
        }};
    }
    match name {
        "saxpy" => run!(saxpy::on(2.0, &x, &y)),
        "polynomial" => run!(polynomial::on(&x)),
        "sin * exp" => run!(sin_exp::on(&x)),
        "Mandelbrot" => run!(mandelbrot::on(side, side, ITERATIONS).over([side, side])),
        _ => run!(unsharp::on(&x[..(side * side) as usize], side, side, 0.6).over([side, side])),
    }
}

/// One call: predicted, the ends of the interval, observed, nanoseconds.
fn sample(why: &Explanation, place: Place) -> Option<[f64; 4]> {
    let call = why.calls.first().filter(|call| call.ran_on == place)?;
    let e = call.decision.estimate(place)?;
    Some([e.mean_ns as f64, e.lo_ns as f64, e.hi_ns as f64, call.observed_ns? as f64])
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len().max(1) - 1) as f64 * q).round() as usize).copied().unwrap_or(f64::NAN)
}

fn main() {
    let mode = Mode::get();
    let calls = match mode {
        Mode::Full => 40,
        Mode::Quick => 12,
        Mode::Smoke => 2,
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("profile.json");
    let runtime = |learning| {
        let config = Config::builder().device(DeviceChoice::Auto).admit_software(true).profile(&path);
        Runtime::new(config.learning(learning).build()).expect("valid settings")
    };
    match std::env::var_os("VEDA_PROFILE") {
        Some(given) => drop(std::fs::copy(given, &path).expect("VEDA_PROFILE can be read")),
        None => {
            let threads = Runtime::global().expect("it starts").pool().num_threads();
            let adapters = adapters();
            Profile::builtin(veda::calibrate::host::host(threads), &adapters).save(&path).expect("writable");
            println!("built-in numbers: nothing was measured before (VEDA_PROFILE names a calibrated profile)");
        }
    }

    let teacher = runtime(Learning::Session);
    println!("{}", teacher.notes().join("\n"));
    let gpu = Place::Gpu(0);
    let x = [1.0f32; 100];
    let places = match polynomial::on(&x).on_device(gpu).route(&teacher) {
        Ok(_) => vec![Place::Cpu, gpu],
        Err(_) => vec![Place::Cpu],
    };
    for name in KERNELS {
        for &place in &places {
            if place == gpu {
                call(&teacher, name, SEEN, place); // builds the pipeline, which teaches how long that takes
            } else {
                // The twin's pages and workers are warm, and nothing is learned.
                call(&runtime(Learning::Off), name, SEEN, place);
            }
            call(&teacher, name, SEEN, place);
        }
    }
    teacher.save_profile().expect("writable").expect("something was learned");

    let pupil = runtime(Learning::Off);
    head(
        "Predicted after one observation at 120 000 elements",
        &[
            "device",
            "kernel",
            "elements",
            "predicted, us",
            "observed, us",
            "error",
            "in the interval",
            "noise (p90 / p10)",
        ],
    );
    for &place in &places {
        let (mut errors, mut inside, mut noises) = (Vec::new(), 0, Vec::new());
        for name in KERNELS {
            for n in ASKED {
                for _ in 0..2 {
                    call(&pupil, name, n, place);
                }
                let samples: Vec<[f64; 4]> =
                    (0..calls).filter_map(|_| sample(&call(&pupil, name, n, place), place)).collect();
                if samples.is_empty() {
                    println!("{name} did not run on {place}");
                    continue;
                }
                let mut error: Vec<f64> = samples.iter().map(|s| (s[3] / s[0] - 1.0).abs()).collect();
                let mut observed: Vec<f64> = samples.iter().map(|s| s[3]).collect();
                let held = samples.iter().filter(|s| (s[1]..=s[2]).contains(&s[3])).count();
                let noise = quantile(&mut observed, 0.9) / quantile(&mut observed, 0.1);
                row(&[
                    &place,
                    &name,
                    &n,
                    &format!("{:.0}", samples[0][0] / 1e3),
                    &format!("{:.0}", quantile(&mut observed, 0.5) / 1e3),
                    &format!("{:.0} %", 100.0 * quantile(&mut error, 0.5)),
                    &format!("{held} of {}", samples.len()),
                    &format!("{noise:.2}"),
                ]);
                errors.append(&mut error);
                inside += held;
                noises.push(noise);
            }
        }
        println!(
            "\n{place}: median error {:.1} %, p90 {:.0} %; the 80 % intervals hold {:.0} % of {} calls; noise of the \
             machine: p90 / p10 of equal calls {:.2} (median of the cases)\n",
            100.0 * quantile(&mut errors, 0.5),
            100.0 * quantile(&mut errors, 0.9),
            100.0 * inside as f64 / errors.len().max(1) as f64,
            errors.len(),
            quantile(&mut noises, 0.5)
        );
    }
}

#[cfg(feature = "gpu")]
fn adapters() -> Vec<veda::planner::profile::Adapter> {
    veda::device::Adapters::list().iter().map(veda::calibrate::host::adapter).collect()
}

#[cfg(not(feature = "gpu"))]
fn adapters() -> Vec<veda::planner::profile::Adapter> {
    Vec::new()
}
