//! Measures the largest error of every function of `veda::math`.
//!
//! `cargo run --release --example math_bounds [-- [stride] [names..]]`: with stride 1 all 2^32 arguments (an hour on two
//! cores for all functions), by default every 251st. Prints the table of `docs/math.md`.

#[path = "../tests/math_cases/mod.rs"]
mod math_cases;

use math_cases::{BINARY, Binary, UNARY, Unary, ulps};
use std::sync::atomic::{AtomicU32, Ordering};

const CHUNKS: u32 = 256;

/// The largest error seen, and where.
#[derive(Clone, Copy, Default)]
struct Worst {
    error: f64,
    at: (f32, f32),
}

impl Worst {
    fn see(&mut self, error: f64, at: (f32, f32)) {
        if error > self.error {
            *self = Worst { error, at };
        }
    }
}

/// Runs `chunk` for 0..CHUNKS on every core, with progress on stderr.
fn parallel(name: &str, chunk: impl Fn(u32) -> Worst + Sync) -> Worst {
    let next = AtomicU32::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let worst = std::thread::scope(|scope| {
        let work = || {
            let mut worst = Worst::default();
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                if i >= CHUNKS {
                    return worst;
                }
                if i.is_multiple_of(16) {
                    eprint!("\r{name}: {} %   ", i * 100 / CHUNKS);
                }
                let w = chunk(i);
                worst.see(w.error, w.at);
            }
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut worst = Worst::default();
        for handle in handles {
            let w = handle.join().expect("a measuring thread panicked");
            worst.see(w.error, w.at);
        }
        worst
    });
    eprint!("\r                    \r");
    worst
}

fn measure(case: &Unary, stride: u64) -> Worst {
    let size = (1u64 << 32) / u64::from(CHUNKS);
    parallel(case.name, |i| {
        let mut worst = Worst::default();
        let start = u64::from(i) * size;
        let mut bits = start.next_multiple_of(stride);
        while bits < start + size {
            let x = f32::from_bits(bits as u32);
            worst.see(ulps((case.function)(x), (case.reference)(f64::from(x))), (x, 0.0));
            bits += stride;
        }
        worst
    })
}

/// Pseudo-random bits (splitmix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn measure_pairs(case: &Binary, pairs: u64) -> Worst {
    parallel(case.name, |i| {
        let mut worst = Worst::default();
        let mut state = u64::from(i) << 40;
        for j in 0..pairs / u64::from(CHUNKS) {
            let bits = random(&mut state);
            let (mut x, mut y) = (f32::from_bits(bits as u32), f32::from_bits((bits >> 32) as u32));
            // Half of the pairs where the results are not all 0 and infinity.
            if j % 2 == 0 {
                let unit = |b: u64| (b & 0xff_ffff) as f32 / 16_777_216.0;
                x = (unit(bits) * 40.0 - 20.0).exp2();
                y = (unit(bits >> 32) - 0.5) * (unit(bits >> 13) * 14.0).exp2();
            }
            worst.see(ulps((case.function)(x, y), (case.reference)(f64::from(x), f64::from(y))), (x, y));
        }
        worst
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let stride = arguments.iter().find_map(|a| a.parse().ok()).unwrap_or(251u64).max(1);
    let names: Vec<&String> = arguments.iter().filter(|a| a.parse::<u64>().is_err()).collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| *n == name);
    println!("| function | max error (ULP) | at | documented bound |\n|---|---|---|---|");
    for case in UNARY.iter().filter(|c| wanted(c.name)) {
        let w = measure(case, stride);
        println!("| {} | {:.3} | {:e} | {} |", case.name, w.error, w.at.0, case.bound);
    }
    for case in BINARY.iter().filter(|c| wanted(c.name)) {
        let w = measure_pairs(case, (1u64 << 33) / stride);
        println!("| {} | {:.3} | {:e}, {:e} | {} |", case.name, w.error, w.at.0, w.at.1, case.bound);
    }
}
