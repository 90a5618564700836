//! What the benches share: interleaved timing, quick mode, and the kernels.
//!
//! The machine that runs a bench is rarely quiet. Candidates therefore take turns, round by round, and a table shows
//! the median and the minimum of the rounds: a disturbance hits all candidates alike, and the minimum is what was left
//! when nobody disturbed. A ratio compares medians unless the column says otherwise.
#![allow(dead_code, reason = "each bench uses a part")]

pub mod kernels;

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How much time a bench may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything, then criterion's statistics.
    Full,
    /// Tables from few rounds (`VEDA_BENCH_QUICK=1`, `--quick`).
    Quick,
    /// Everything once (`cargo test --benches`): does it still run?
    Smoke,
}

impl Mode {
    /// From the arguments and the environment. Cargo passes `--bench` only under `cargo bench`.
    pub fn get() -> Mode {
        let given = |flag: &str| std::env::args().any(|a| a == flag);
        if !given("--bench") || given("--test") {
            Mode::Smoke
        } else if given("--quick") || std::env::var_os("VEDA_BENCH_QUICK").is_some_and(|v| v != "0") {
            Mode::Quick
        } else {
            Mode::Full
        }
    }

    /// Time for one row of a table.
    pub fn budget(self) -> Duration {
        match self {
            Mode::Full => Duration::from_millis(2500),
            Mode::Quick => Duration::from_millis(500),
            Mode::Smoke => Duration::ZERO,
        }
    }
}

/// Times of one candidate in nanoseconds per call.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The fastest round.
    pub min: f64,
    /// The middle one.
    pub median: f64,
}

/// Lets the candidates take turns until the budget is spent; at least 3 rounds (1 in smoke mode).
///
/// A turn is one call, or as many as fill 500 us: the clock and the waking of sleeping workers then do not show.
pub fn compare(mode: Mode, candidates: &mut [&mut dyn FnMut()]) -> Vec<Times> {
    let turn = Duration::from_micros(500);
    let mut calls = Vec::new();
    for candidate in candidates.iter_mut() {
        // First-use costs and cold caches are not what is compared.
        let mut once = Duration::MAX;
        for _ in 0..if mode == Mode::Smoke { 1 } else { 5 } {
            let started = Instant::now();
            candidate();
            once = once.min(started.elapsed().max(Duration::from_nanos(20)));
            if once > 10 * turn {
                break;
            }
        }
        calls.push(if mode == Mode::Smoke { 1 } else { (turn.as_nanos() / once.as_nanos()).clamp(1, 10_000) as u32 });
    }
    let mut samples = vec![Vec::new(); candidates.len()];
    let (started, least) = (Instant::now(), if mode == Mode::Smoke { 1 } else { 3 });
    let mut round = 0;
    while round < least || (started.elapsed() < mode.budget() && round < 2000) {
        for turn in 0..candidates.len() {
            // Forwards and backwards, from another start each time: nobody always follows the same neighbour.
            let turn = if round % 2 == 0 { turn } else { candidates.len() - 1 - turn };
            let who = (turn + round / 2) % candidates.len();
            let started = Instant::now();
            for _ in 0..calls[who] {
                candidates[who]();
            }
            samples[who].push(started.elapsed().as_nanos() as f64 / f64::from(calls[who]));
        }
        round += 1;
    }
    samples
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            Times { min: times[0], median: times[times.len() / 2] }
        })
        .collect()
}

/// Nanoseconds for people.
pub fn time(ns: f64) -> String {
    match ns {
        _ if ns < 1e3 => format!("{ns:.0} ns"),
        _ if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        _ if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.2} s", ns / 1e9),
    }
}

/// Prints the head of a table in Markdown.
pub fn head(title: &str, columns: &[&str]) {
    println!("\n### {title}\n\n| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
}

/// Prints a row.
pub fn row(cells: &[&dyn Display]) {
    let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
    println!("| {} |", cells.join(" | "));
}
