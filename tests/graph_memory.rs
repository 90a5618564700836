//! Plans for a device with little memory fit: nothing is evicted or moved to the CPU that the plan did not foresee.
#![cfg(feature = "gpu")]
#![allow(missing_docs, reason = "tests")]

use std::process::Command;

use veda::planner::Place;
use veda::{Array, Config, DeviceChoice, Graph, Runtime};

#[veda::kernel]
fn scaled(a: f32, x: f32) -> f32 {
    a * x
}
#[veda::kernel]
fn difference(x: f32, y: f32) -> f32 {
    x - y
}

/// Runs the test in a process of its own, where the variable is set.
fn alone(name: &str, budget: &str) -> bool {
    const CHILD: &str = "VEDA_TEST_MEMORY_CHILD";
    if std::env::var(CHILD).is_ok_and(|child| child == name) {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]).env(CHILD, name).env("VEDA_GPU_MEMORY", budget);
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|t| String::from_utf8_lossy(&t).into_owned()).concat();
    assert!(output.status.success(), "{text}");
    false
}

/// A runtime whose every kernel runs on the adapter; `None` without one.
fn forced() -> Option<Runtime> {
    let config = Config::builder().device(DeviceChoice::Gpu(Some(0))).admit_software(true).num_threads(2).build();
    let found = Runtime::new(config);
    assert!(found.is_ok() || std::env::var("VEDA_REQUIRE_GPU").as_deref() != Ok("1"), "{:?}", found.err());
    found.ok()
}

fn values(n: usize, k: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7 + k) % 1000) as f32).collect()
}

/// `n` elements per array, `width` results that are all kept until the end on the device.
fn run(n: usize, width: usize, fits: bool) {
    let Some(runtime) = forced() else { return };
    let mut g = Graph::on(&runtime);
    let x = g.input(&Array::from(values(n, 1)));
    let parts: Vec<_> = (0..width).map(|k| g.apply(scaled::on(k as f32, &x)).unwrap()).collect();
    let mut last = parts[0];
    for part in parts.iter().skip(1).chain(parts.iter().rev()) {
        last = g.apply(difference::on(part, &last)).unwrap();
    }
    g.output(&last);
    let plan = g.plan().unwrap();
    assert_eq!(plan.details().places.contains(&Place::Gpu(0)), fits, "{}", plan.schedule());
    let out = plan.run().unwrap();
    assert!(out.notes().is_empty(), "{:?}\n{}", out.notes(), plan.schedule());
    assert_eq!(out.rerouted(), 0);

    let expected = values(n, 1).into_iter().map(|x| {
        let parts: Vec<f32> = (0..width).map(|k| scaled(k as f32, x)).collect();
        parts.iter().skip(1).chain(parts.iter().rev()).fold(parts[0], |last, part| difference(*part, last))
    });
    assert_eq!(out.get(&last).unwrap().to_vec().unwrap(), expected.collect::<Vec<_>>());
}

#[test]
fn more_live_arrays_than_fit_are_evicted_by_the_plan() {
    // 4 MiB: an array of 360 000 bytes takes 393 216, so nine fit and not eleven. Eleven are alive.
    if alone("more_live_arrays_than_fit_are_evicted_by_the_plan", "4MiB") {
        run(90_000, 11, true);
    }
}

#[test]
fn what_is_larger_than_the_memory_of_the_demanded_device_goes_to_the_cpu() {
    if alone("what_is_larger_than_the_memory_of_the_demanded_device_goes_to_the_cpu", "2MiB") {
        run(700_000, 2, false);
    }
}

#[test]
fn arrays_just_above_a_power_of_two_count_with_their_size_class() {
    if alone("arrays_just_above_a_power_of_two_count_with_their_size_class", "8MiB") {
        run((1 << 18) + 64, 7, true);
    }
}
