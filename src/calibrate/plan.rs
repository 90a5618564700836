//! How long to measure what, and the sampling loop: round-robin over all probes, epoch after epoch.

use std::time::{Duration, Instant};

use super::stats::{Series, Summary};
use super::{Progress, host};
use crate::Result;

/// The budget of a calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Separated rounds over everything; a disturbance of one hurts all sizes alike.
    pub epochs: usize,
    /// Time for samples, without preparation (buffers, pipelines).
    pub sampling: Duration,
    /// Largest curve size in bytes on the CPU and on hardware GPUs.
    pub largest: u64,
    /// The same on software adapters, which move 10 to 20 times less.
    pub largest_software: u64,
    /// Largest curve size in bytes of what a hardware GPU does in its own memory: beyond its caches (50 MB and more).
    pub largest_device: u64,
    /// Every how many doublings a CPU curve has a knot.
    pub cpu_step: usize,
    /// Every how many doublings a GPU curve has a knot.
    pub gpu_step: usize,
    /// Most samples of one probe and epoch.
    pub samples: usize,
}

impl Plan {
    /// Under 30 seconds in total.
    pub const FULL: Self = Self {
        epochs: 4,
        sampling: Duration::from_secs(18),
        largest: 64 << 20,
        largest_software: 32 << 20,
        largest_device: 256 << 20,
        cpu_step: 1,
        gpu_step: 2,
        samples: 200,
    };
    /// Under 5 seconds in total.
    pub const QUICK: Self = Self {
        epochs: 3,
        sampling: Duration::from_millis(2300),
        largest: 64 << 20,
        largest_software: 8 << 20,
        largest_device: 64 << 20,
        cpu_step: 1,
        gpu_step: 2,
        samples: 60,
    };
    /// A second look: fewer sizes, the same probes. Under 4 seconds in total.
    pub const DRIFT: Self = Self {
        epochs: 3,
        sampling: Duration::from_secs(2),
        largest: 16 << 20,
        largest_software: 4 << 20,
        largest_device: 64 << 20,
        cpu_step: 2,
        gpu_step: 4,
        samples: 60,
    };
}

type Run<'a> = Box<dyn FnMut() -> Result<f64> + 'a>;

/// Things to time. A probe takes one sample and returns its microseconds.
#[derive(Default)]
pub(super) struct Probes<'a> {
    /// With whether all of its time is the calling thread's.
    runs: Vec<(Run<'a>, bool)>,
}

/// Processor time of the calling thread against wall time, over the samples that ran on it alone.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    cpu: Duration,
    wall: Duration,
}

/// What sampling found.
pub(super) struct Sampled {
    /// By the probe's number.
    pub(super) summaries: Vec<Summary>,
    /// Processor time over wall time, at most 1.
    pub(super) cpu_wall: f64,
}

impl<'a> Probes<'a> {
    /// Adds a probe; its number is where its summary will be.
    pub(super) fn add(&mut self, run: impl FnMut() -> Result<f64> + 'a) -> usize {
        self.runs.push((Box::new(run), false));
        self.runs.len() - 1
    }

    /// Adds a probe that computes on the calling thread alone: its processor time over its wall time says how much of the
    /// machine was ours.
    pub(super) fn add_alone(&mut self, run: impl FnMut() -> Result<f64> + 'a) -> usize {
        self.runs.push((Box::new(run), true));
        self.runs.len() - 1
    }

    /// Samples everything, in rounds over all probes, until each has used its slice of the budget or settled.
    pub(super) fn sample(mut self, plan: &Plan, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Sampled> {
        let mut series = vec![Series::default(); self.runs.len()];
        let mut share = Share::default();
        let slice = plan.sampling / (plan.epochs * self.runs.len().max(1)) as u32;
        for epoch in 0..plan.epochs {
            let mut spent = vec![(Duration::ZERO, 0usize); self.runs.len()];
            loop {
                let mut active = false;
                for (i, (run, alone)) in self.runs.iter_mut().enumerate() {
                    let (used, count) = spent[i];
                    // At least two per epoch: the first of an epoch warms caches and wakes the device.
                    if count >= 2 && (used >= slice || count >= plan.samples || series[i].settled(epoch)) {
                        continue;
                    }
                    active = true;
                    let cpu = if *alone { host::thread_time() } else { None };
                    let start = Instant::now();
                    let us = run()?;
                    let wall = start.elapsed();
                    if let (Some(before), Some(after)) = (cpu, cpu.and_then(|_| host::thread_time())) {
                        share.cpu += after.saturating_sub(before);
                        share.wall += wall;
                    }
                    spent[i] = (used + wall, count + 1);
                    if count > 0 || used > slice {
                        series[i].push(epoch, us);
                    }
                }
                let total: f64 =
                    spent.iter().map(|s| (s.0.as_secs_f64() / slice.as_secs_f64().max(1e-9)).min(1.0)).sum();
                let part = total / spent.len().max(1) as f64;
                progress(Progress { stage: "measuring", done: (epoch as f64 + part) / plan.epochs as f64 });
                if !active {
                    break;
                }
            }
        }
        // Every probe has at least one sample per epoch; a clock that never moved leaves a nanosecond.
        let idle = Summary { min: 1e-3, p10: 1e-3, p50: 1e-3, p90: 1e-3, n: 1, spread: 0.0 };
        let cpu_wall = match share.wall {
            Duration::ZERO => 1.0,
            wall => (share.cpu.as_secs_f64() / wall.as_secs_f64()).min(1.0),
        };
        Ok(Sampled { summaries: series.iter().map(|s| s.summary().unwrap_or(idle)).collect(), cpu_wall })
    }
}

/// Calls `f` `reps` times and returns the microseconds of one.
pub(super) fn timed(reps: usize, mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..reps {
        f();
    }
    start.elapsed().as_secs_f64() * 1e6 / reps as f64
}
