//! Does routing choose well? The regret table: a routed call against the better of both devices.
//!
//! `cargo bench --bench offload` (`VEDA_BENCH_QUICK=1`: fewer rounds). Needs no GPU: part (b) admits the software
//! adapter as if it were one, so that there are two devices between which routing can be wrong. Its times say nothing
//! about any GPU.

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use support::kernels::{ITERATIONS, mandelbrot, polynomial, saxpy, sin_exp, unsharp};
use support::{Mode, compare, head, row, time};
use veda::Runtime;
use veda::prelude::{Config, DeviceChoice, GpuKernel, Place};

/// A size is left out once one call of a device took longer.
const LONGEST: Duration = Duration::from_millis(400);
/// Routed calls before the clock runs: the model learns from each.
const WARM_UP: usize = 12;

/// The data of all workloads at one size, and the calls.
struct Case {
    x: Vec<f32>,
    y: Vec<f32>,
    side: u32,
}

impl Case {
    fn new(n: usize) -> Case {
        let side = (n as f64).sqrt() as u32;
        Case {
            x: (0..n).map(|i| i as f32 * (8.0 / n as f32)).collect(),
            y: (0..n).map(|i| (i % 1000) as f32).collect(),
            side,
        }
    }

    /// Runs a workload.
    fn call(&self, name: &str, how: How<'_>) {
        let n = self.side;
        macro_rules! run {
            ($bound:expr) => {{
                let result = match how {
                    How::Twin(runtime) => $bound.cpu(runtime.pool()),
                    How::Routed(runtime) => $bound.route(runtime),
                    How::On(runtime, place) => $bound.on_device(place).route(runtime),
                };
                drop(black_box(result.expect("the call is valid")));
            }};
        }
        match name {
            "saxpy" => run!(saxpy::on(2.0, &self.x, &self.y)),
            "polynomial" => run!(polynomial::on(&self.x)),
            "sin * exp" => run!(sin_exp::on(&self.x)),
            "Mandelbrot" => run!(mandelbrot::on(n, n, ITERATIONS).over([n, n])),
            _ => run!(unsharp::on(&self.x, n, n, 0.6).over([n, n])),
        }
    }
}

/// Who runs a call.
#[derive(Clone, Copy)]
enum How<'a> {
    /// The CPU twin, without routing, metrics or learning.
    Twin(&'a Runtime),
    /// Whom the router chooses.
    Routed(&'a Runtime),
    /// This place.
    On(&'a Runtime, Place),
}

const WORKLOADS: [&str; 5] = ["saxpy", "polynomial", "sin * exp", "Mandelbrot", "unsharp mask"];

fn main() {
    let mode = Mode::get();
    without_gpu(mode);
    with_software(mode);
}

fn sizes(mode: Mode) -> &'static [usize] {
    match mode {
        Mode::Full => &[100, 1000, 10_000, 100_000, 1_000_000, 10_000_000],
        Mode::Quick => &[100, 1000, 10_000, 100_000, 1_000_000],
        Mode::Smoke => &[100, 1000],
    }
}

/// Whether a call of this kind takes too long to be repeated.
fn too_long(case: &Case, name: &str, how: How<'_>) -> bool {
    let started = Instant::now();
    case.call(name, how);
    started.elapsed() > LONGEST
}

/// (a) Nothing but the CPU can be chosen: what does it cost to ask?
fn without_gpu(mode: Mode) {
    let runtime = Runtime::new(Config::builder().device(DeviceChoice::Auto).build()).expect("valid settings");
    println!("{}", runtime.notes().join("\n"));
    head(
        "(a) Nothing to choose from: a routed call against the bare CPU twin",
        &["workload", "elements", "twin", "routed", "more", "more, of minima"],
    );
    for name in WORKLOADS {
        for &n in sizes(mode) {
            let case = Case::new(n);
            if too_long(&case, name, How::Twin(&runtime)) {
                break;
            }
            let t = compare(
                mode,
                &mut [&mut || case.call(name, How::Twin(&runtime)), &mut || case.call(name, How::Routed(&runtime))],
            );
            let more = |a: f64, b: f64| format!("{:+.2} us ({:+.1} %)", (b - a) / 1e3, 100.0 * (b / a - 1.0));
            let (median, min) = (more(t[0].median, t[1].median), more(t[0].min, t[1].min));
            row(&[&name, &n, &time(t[0].median), &time(t[1].median), &median, &min]);
        }
    }
}

/// (b) The software adapter counts as a GPU.
fn with_software(mode: Mode) {
    let config = Config::builder().device(DeviceChoice::Auto).admit_software(true).build();
    let runtime = Runtime::new(config).expect("valid settings");
    println!("\n{}", runtime.notes().join("\n"));
    let probe = Case::new(100);
    let gpu = Place::Gpu(0);
    if polynomial::on(&probe.x).on_device(gpu).route(&runtime).is_err() {
        println!("no adapter: part (b) is left out");
        return;
    }
    head(
        "(b) CPU and software adapter: regret of routing",
        &["workload", "elements", "CPU", "software adapter", "routed", "chosen", "regret", "regret of minima"],
    );
    let mut regrets = Vec::new();
    for name in WORKLOADS {
        for &n in sizes(mode) {
            let case = Case::new(n);
            // Forced calls teach the model too: the warm-up is what a program that only routes would do.
            for _ in 0..WARM_UP {
                case.call(name, How::Routed(&runtime));
            }
            if too_long(&case, name, How::On(&runtime, Place::Cpu)) || too_long(&case, name, How::On(&runtime, gpu)) {
                break;
            }
            let t = compare(
                mode,
                &mut [
                    &mut || case.call(name, How::On(&runtime, Place::Cpu)),
                    &mut || case.call(name, How::On(&runtime, gpu)),
                    &mut || case.call(name, How::Routed(&runtime)),
                ],
            );
            let ((), why) = veda::explain(|| case.call(name, How::Routed(&runtime)));
            let chosen = why.calls.first().map_or_else(|| "?".to_owned(), |call| call.ran_on.to_string());
            let regret = t[2].median / t[0].median.min(t[1].median);
            let of_minima = t[2].min / t[0].min.min(t[1].min);
            regrets.push(regret);
            if regret > 1.5 && std::env::var_os("VEDA_BENCH_EXPLAIN").is_some() {
                println!("{why}");
            }
            row(&[
                &name,
                &n,
                &time(t[0].median),
                &time(t[1].median),
                &time(t[2].median),
                &chosen,
                &format!("{:+.1} %", 100.0 * (regret - 1.0)),
                &format!("{:+.1} %", 100.0 * (of_minima - 1.0)),
            ]);
        }
    }
    regrets.sort_by(f64::total_cmp);
    if let (Some(median), Some(worst)) = (regrets.get(regrets.len() / 2), regrets.last()) {
        println!("\nregret: median {:+.1} %, worst {:+.1} %", 100.0 * (median - 1.0), 100.0 * (worst - 1.0));
        let (spent, total) = runtime.exploration();
        println!("exploration: {:.2} % of the routed time", 100.0 * spent as f64 / total.max(1) as f64);
    }
}
