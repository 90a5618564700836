//! How well is a call predicted after its kernel was seen? On real kernels, beside the noise of the machine.
//!
//! `cargo bench --bench prediction` (`VEDA_BENCH_QUICK=1`: fewer calls). Begins with a quick calibration, or with the
//! profile that `VEDA_PROFILE` names. Each kernel then runs once (five times) per device, after its pipeline was built, at
//! one size; what that taught is saved, and a second runtime, which learns nothing, predicts calls of other sizes from it.
//! At last a runtime predicts while it goes on learning, as programs see it. The second device is a software adapter where
//! there is no GPU: a CPU, which says nothing about GPUs.

mod support;

use std::hint::black_box;

use support::kernels::{ITERATIONS, mandelbrot, polynomial, saxpy, sin_exp, unsharp};
use support::{Mode, head, row};
use veda::calibrate::{Options, calibrate};
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

/// Errors, calls inside the 80 % interval, and the noise of each case.
#[derive(Default)]
struct Score {
    errors: Vec<f64>,
    inside: usize,
    noises: Vec<f64>,
}

impl Score {
    /// Adds one case; prints its row.
    fn add(&mut self, title: [&dyn std::fmt::Display; 3], samples: &[[f64; 4]]) {
        let Some(first) = samples.first() else { return };
        let mut errors: Vec<f64> = samples.iter().map(|s| (s[3] / s[0] - 1.0).abs()).collect();
        let mut observed: Vec<f64> = samples.iter().map(|s| s[3]).collect();
        let held = samples.iter().filter(|s| (s[1]..=s[2]).contains(&s[3])).count();
        let noise = quantile(&mut observed, 0.9) / quantile(&mut observed, 0.1);
        row(&[
            title[0],
            title[1],
            title[2],
            &format!("{:.0}", first[0] / 1e3),
            &format!("{:.0}", quantile(&mut observed, 0.5) / 1e3),
            &format!("{:.0} %", 100.0 * quantile(&mut errors, 0.5)),
            &format!("{held} of {}", samples.len()),
            &format!("{noise:.2}"),
        ]);
        self.errors.append(&mut errors);
        self.inside += held;
        self.noises.push(noise);
    }

    fn summary(mut self, place: Place) -> String {
        format!(
            "{place}: median error {:.1} %, p90 {:.0} %; the 80 % intervals hold {:.0} % of {} calls; p90 / p10 of equal calls \
             {:.2} (median of the cases)",
            100.0 * quantile(&mut self.errors, 0.5),
            100.0 * quantile(&mut self.errors, 0.9),
            100.0 * self.inside as f64 / self.errors.len().max(1) as f64,
            self.errors.len(),
            quantile(&mut self.noises, 0.5)
        )
    }
}

const COLUMNS: [&str; 8] = [
    "device",
    "kernel",
    "elements",
    "predicted first, us",
    "observed, us",
    "error",
    "in the interval",
    "noise (p90 / p10)",
];

fn main() {
    let mode = Mode::get();
    let calls = match mode {
        Mode::Full => 40,
        Mode::Quick => 12,
        Mode::Smoke => 2,
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("profile.json");
    let profile = match (std::env::var_os("VEDA_PROFILE"), mode) {
        (Some(given), _) => Profile::load(given.as_ref()).expect("VEDA_PROFILE can be read"),
        (None, Mode::Smoke) => {
            let threads = Runtime::global().expect("it starts").pool().num_threads();
            Profile::builtin(veda::calibrate::host::host(threads), &[])
        }
        _ => calibrate(&Options::default().quick(true).software(true), &mut |_| {}).expect("it can be measured"),
    };
    println!("profile: CPU over wall time {:.2}, noisy: {}", profile.quality.cpu_wall, profile.quality.noisy);
    let runtime = |learning| {
        let config = Config::builder().device(DeviceChoice::Auto).admit_software(true).profile(&path);
        Runtime::new(config.learning(learning).build()).expect("valid settings")
    };
    let gpu = Place::Gpu(0);
    let mut summaries = Vec::new();
    for (title, times, goes_on) in
        [("after one call", 1, false), ("after five calls", 5, false), ("while learning goes on", 1, true)]
    {
        profile.save(&path).expect("writable");
        let teacher = runtime(Learning::Session);
        let x = [1.0f32; 100];
        let places = match polynomial::on(&x).on_device(gpu).route(&teacher) {
            Ok(_) => vec![Place::Cpu, gpu],
            Err(_) => vec![Place::Cpu],
        };
        let warm = runtime(Learning::Off);
        for name in KERNELS {
            for &place in &places {
                // The twin's pages and workers are warm, and nothing is learned; on a GPU the pipeline is built, which
                // teaches how long that takes.
                call(if place == gpu { &teacher } else { &warm }, name, SEEN, place);
                for _ in 0..times {
                    call(&teacher, name, SEEN, place);
                }
            }
        }
        drop(warm);
        let pupil = if goes_on {
            teacher
        } else {
            teacher.save_profile().expect("writable").expect("something was learned");
            runtime(Learning::Off)
        };
        head(&format!("Predicted {title} at {SEEN} elements; {}", pupil.notes().join("; ")), &COLUMNS);
        for &place in &places {
            let mut score = Score::default();
            for name in KERNELS {
                for n in ASKED {
                    if !goes_on {
                        call(&pupil, name, n, place);
                        call(&pupil, name, n, place);
                    }
                    let samples: Vec<[f64; 4]> =
                        (0..calls).filter_map(|_| sample(&call(&pupil, name, n, place), place)).collect();
                    score.add([&place, &name, &n], &samples);
                }
            }
            summaries.push(format!("{title}, {}", score.summary(place)));
        }
    }
    println!("\n{}", summaries.join("\n"));
}
