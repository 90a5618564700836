//! What telemetry costs, and what it costs that chains can be described.
//!
//! `cargo bench --bench telemetry`. Telemetry of routed calls is a setting, compared here; counters of the pool are
//! compiled in by the cargo feature: run this bench with and without it for their cost.

mod support;

use std::hint::black_box;

use support::kernels::{polynomial, sin_exp};
use support::{Mode, compare, head, row, time};
use veda::Runtime;
use veda::prelude::{Config, GpuKernel, IntoParallelRefIterator, ParallelIterator};

fn runtime(telemetry: bool) -> Runtime {
    Runtime::new(Config::builder().enable_gpu(false).enable_telemetry(telemetry).build()).expect("valid settings")
}

/// Three plain stages on Rayon; a module, so that the traits of the two crates do not meet.
mod peer {
    use rayon::prelude::*;

    pub fn chain(x: &[f32]) -> f32 {
        x.par_iter().map(|x| x + 1.0).map(|x| x * 2.0).filter(|x| *x > 3.0).sum()
    }
}

fn main() {
    let mode = Mode::get();
    let (off, on) = (runtime(false), runtime(true));
    head("Routed calls: telemetry off and on", &["kernel", "elements", "off", "on", "more", "of minima"]);
    for n in [100usize, 10_000, 1_000_000] {
        let x: Vec<f32> = (0..n).map(|i| i as f32 * 0.001).collect();
        let line = |name: &str, off: &mut dyn FnMut(), on: &mut dyn FnMut()| {
            let t = compare(mode, &mut [off, on]);
            let percent = |a: f64, b: f64| format!("{:+.1} %", 100.0 * (b / a - 1.0));
            let (median, min) = (percent(t[0].median, t[1].median), percent(t[0].min, t[1].min));
            row(&[&name, &n, &time(t[0].median), &time(t[1].median), &median, &min]);
        };
        line("polynomial", &mut || drop(black_box(polynomial::on(&x).route(&off))), &mut || {
            drop(black_box(polynomial::on(&x).route(&on)));
        });
        line("sin * exp", &mut || drop(black_box(sin_exp::on(&x).route(&off))), &mut || {
            drop(black_box(sin_exp::on(&x).route(&on)));
        });
    }

    let feature = if cfg!(feature = "telemetry") { "on" } else { "off" };
    head(&format!("Pool tasks, cargo feature `telemetry` {feature}"), &["what", "Rayon", "veda", "ratio"]);
    let t = compare(
        mode,
        &mut [&mut || rayon::scope(|s| (0..1000).for_each(|i| s.spawn(move |_| _ = black_box(i)))), &mut || {
            veda::scope(|s| (0..1000).for_each(|i| s.spawn(move || _ = black_box(i))));
        }],
    );
    row(&[&"1000 tasks", &time(t[0].median), &time(t[1].median), &format!("{:.2}", t[1].median / t[0].median)]);

    head(
        "Plain closures, three stages: nothing may cost per element",
        &["elements", "std iterator", "Rayon", "veda", "veda - std, per call", "veda : Rayon"],
    );
    for n in [1usize, 16, 100, 10_000] {
        let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let t = compare(
            mode,
            &mut [
                &mut || _ = black_box(x.iter().map(|x| x + 1.0).map(|x| x * 2.0).filter(|x| *x > 3.0).sum::<f32>()),
                &mut || _ = black_box(peer::chain(&x)),
                &mut || {
                    let sum: f32 = x.par_iter().map(|x| x + 1.0).map(|x| x * 2.0).filter(|x| *x > 3.0).sum();
                    black_box(sum);
                },
            ],
        );
        let (std, rayon, veda) = (t[0].median, t[1].median, t[2].median);
        row(&[
            &n,
            &time(std),
            &time(rayon),
            &time(veda),
            &time((veda - std).max(0.0)),
            &format!("{:.2}", veda / rayon),
        ]);
    }
}
