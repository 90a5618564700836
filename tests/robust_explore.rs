//! Slices on the device that was not chosen: the result stays the result, and what they cost stays small.
//!
//! The software adapter is admitted as if it were a GPU, so that there are two devices to choose from.
#![cfg(feature = "gpu")]
#![allow(missing_docs)]

#[allow(dead_code)] // this file needs a part
mod robust_support;

use std::path::Path;
use std::time::Instant;

use veda::calibrate::host;
use veda::gpu::{GpuKernel, Place};
use veda::planner::Profile;
use veda::{Config, DeviceChoice, Learning, Runtime};

const GPU: Place = Place::Gpu(0);
const N: usize = 200_000;
const CALLS: u32 = 60;

#[veda::kernel]
fn scramble(seed: u32, x: u32) -> u32 {
    let mut z = x ^ seed;
    for _ in 0..16u32 {
        z = (z ^ (z >> 16u32)) * 0x45d9f3bu32;
        z = z ^ (z << 7u32);
    }
    z
}

fn input() -> Vec<u32> {
    (0..N as u32).map(|i| i.wrapping_mul(7919)).collect()
}

fn runtime(profile: &Path, learning: Learning) -> Runtime {
    let config = Config::builder().device(DeviceChoice::Auto).admit_software(true).profile(profile).learning(learning);
    Runtime::new(config.build()).expect("valid settings")
}

/// Forced calls, which teach the model; returns the fastest, nanoseconds.
fn forced(runtime: &Runtime, input: &[u32], place: Place) -> u64 {
    let call = |seed| {
        let start = Instant::now();
        scramble::on(seed, input).on_device(place).route(runtime).expect("the place is there");
        start.elapsed().as_nanos() as u64
    };
    (0..6).map(call).min().expect("six calls")
}

/// A profile after which `guessed`, which nobody has used yet, takes 1.5 times as long as `known` really does: so close
/// that it is worth a trial, and so far that it is not chosen. Returns a runtime in which `known` was used.
fn undecided(directory: &Path, known: Place, guessed: Place, learning: Learning) -> Runtime {
    let input = input();
    let path = directory.join("profile.json");
    let adapters: Vec<_> = veda::device::Adapters::list().iter().map(host::adapter).collect();
    let threads =
        Runtime::new(Config::builder().device(DeviceChoice::Cpu).build()).expect("valid").pool().num_threads();
    let mut profile = Profile::builtin(host::host(threads), &adapters);
    profile.builtin = false;
    profile.save(&path).expect("writable");
    let first = runtime(&path, Learning::Off);
    let truth = forced(&first, &input, known);
    let (_, why) = veda::explain(|| scramble::on(0, &input).route(&first).expect("valid"));
    let told = *why.calls[0].decision.estimate(guessed).expect("two devices");
    let rest = told.mean_ns - told.terms.exec;
    let wanted = (3 * truth / 2).saturating_sub(rest).max(truth / 10);
    let index = usize::from(guessed != Place::Cpu);
    for rate in profile.devices[index].op_rates.values_mut() {
        *rate *= told.terms.exec as f64 / wanted as f64;
    }
    profile.save(&path).expect("writable");
    let runtime = runtime(&path, learning);
    forced(&runtime, &input, known);
    runtime
}

/// Routed calls; returns where slices ran.
fn slices(runtime: &Runtime) -> Vec<Place> {
    let input = input();
    let mut slices = Vec::new();
    for seed in 0..CALLS {
        let kernel = scramble::on(seed, &input);
        let expected: Vec<u32> = kernel.cpu(runtime.pool()).expect("valid");
        let (result, why) = veda::explain(|| kernel.route(runtime).expect("valid"));
        assert!(result == expected, "call {seed}: {why}");
        let call = why.calls.first().expect("one routed call");
        assert_eq!(call.elements, N as u64);
        for note in call.notes.iter().filter(|n| n.contains("to learn its speed")) {
            println!("call {seed} on {}: {note}", call.ran_on);
            let place = if note.contains("ran on CPU") { Place::Cpu } else { GPU };
            assert_ne!(place, call.ran_on, "a slice runs elsewhere");
            slices.push(place);
        }
    }
    let (spent, total) = runtime.exploration();
    println!("slices: {slices:?}, {:.2} % of the time", 100.0 * spent as f64 / total.max(1) as f64);
    // The expected loss is at most 2 %; what a slice really took is known only when it has run.
    assert!(spent as f64 <= 0.2 * total as f64, "{spent} of {total}");
    slices
}

#[test]
fn a_slice_tries_the_device_that_was_not_chosen_and_the_result_is_the_same() {
    if !robust_support::software() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    for (known, guessed) in [(GPU, Place::Cpu), (Place::Cpu, GPU)] {
        let runtime = undecided(directory.path(), known, guessed, Learning::Session);
        let slices = slices(&runtime);
        assert_eq!(slices.first(), Some(&guessed), "{known} known, {guessed} guessed");
    }
}

#[test]
fn nothing_is_tried_where_learning_is_off() {
    if !robust_support::software() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = undecided(directory.path(), GPU, Place::Cpu, Learning::Off);
    assert_eq!(slices(&runtime), []);
    assert_eq!(runtime.exploration(), (0, 0));
}
