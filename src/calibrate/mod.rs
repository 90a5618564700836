//! Measures this machine for the planner: see [`calibrate`].
//!
//! ```no_run
//! use veda::calibrate::{Options, calibrate};
//!
//! let profile = calibrate(&Options::default().quick(true), &mut |_| {})?;
//! if let Some(path) = veda::planner::Profile::default_path() {
//!     profile.save(&path).map_err(|e| e.at(&path))?;
//! }
//! # Ok::<(), veda::Error>(())
//! ```

pub mod check;
mod cpu;
pub mod examples;
#[cfg(feature = "gpu")]
mod gpu;
pub mod host;
mod ops;
mod plan;
pub mod report;
pub mod stats;

#[cfg(feature = "gpu")]
pub use gpu::adapters;
pub use plan::Plan;

use std::collections::BTreeMap;

use crate::Result;
use crate::executor::{Pool, PoolConfig};
use crate::planner::profile::{DeviceKind, Profile, Quality, SCHEMA};
use crate::planner::profile_key::ProfileKey;

/// What to measure, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Under 5 seconds instead of under 30.
    pub quick: bool,
    /// Measure GPUs; `false` loads no driver.
    pub gpu: bool,
    /// Measure software adapters as well (they are CPUs: for tests).
    pub software: bool,
    /// Workers of the measured pool; 0 for the default of this machine.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { quick: false, gpu: true, software: false, threads: 0 }
    }
}

impl Options {
    /// Sets [`Options::quick`].
    #[must_use]
    pub fn quick(mut self, on: bool) -> Self {
        self.quick = on;
        self
    }

    /// Sets [`Options::gpu`].
    #[must_use]
    pub fn gpu(mut self, on: bool) -> Self {
        self.gpu = on;
        self
    }

    /// Sets [`Options::software`].
    #[must_use]
    pub fn software(mut self, on: bool) -> Self {
        self.software = on;
        self
    }

    /// Sets [`Options::threads`].
    #[must_use]
    pub fn threads(mut self, n: usize) -> Self {
        self.threads = n;
        self
    }
}

/// How far a calibration is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress<'a> {
    /// What it does: a device that is being opened, or `measuring`.
    pub stage: &'a str,
    /// The part of the sampling that is done, 0 to 1.
    pub done: f64,
}

/// Measures the CPU and the GPUs: under 30 seconds, quick under 5, and all cores are busy most of the time.
///
/// A GPU that fails (lost, refuses the shader) is left out, and the profile's notes say so: a calibration is never lost
/// to one driver.
///
/// # Errors
/// When the pool cannot be started.
pub fn calibrate(options: &Options, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Profile> {
    let plan = if options.quick { Plan::QUICK } else { Plan::FULL };
    let pool = Pool::new(&PoolConfig::with_threads(options.threads))?;
    let host = host::host(pool.num_threads());
    let mut notes: Vec<String> = Vec::new();
    #[cfg(feature = "gpu")]
    let mut benches = open(options, &plan, &mut notes, progress);
    loop {
        let mut probes = plan::Probes::default();
        let cpu = cpu::probes(&pool, &plan, &mut probes);
        #[cfg(feature = "gpu")]
        let gpus: Vec<_> = benches.iter().map(|b| b.probes(&plan, &mut probes)).collect();
        let sampled = match probes.sample(&plan, progress) {
            Ok(sampled) => sampled,
            // Only GPU probes fail. Without the devices the second round cannot.
            #[cfg(feature = "gpu")]
            Err(error) if !benches.is_empty() => {
                drop(gpus);
                notes.push(format!("GPUs left out: {error}"));
                benches.clear();
                continue;
            }
            Err(error) => return Err(error),
        };
        let found = &sampled.summaries;
        let cpu = cpu::device(&cpu, found, &host);
        let devices = std::iter::once(cpu);
        #[cfg(feature = "gpu")]
        let devices = devices.chain(benches.iter().zip(&gpus).map(|(b, p)| b.device(p, found)));
        return Ok(Profile {
            schema: SCHEMA.to_owned(),
            created: host::now(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            builtin: false,
            quality: Quality {
                epochs: plan.epochs as u32,
                cpu_wall: sampled.cpu_wall,
                noisy: stats::noisy(found) || sampled.cpu_wall < 0.9,
                notes: notes.join("; "),
            },
            devices: devices.collect(),
            host,
            learned: BTreeMap::new(),
        });
    }
}

#[cfg(feature = "gpu")]
fn open(
    options: &Options,
    plan: &Plan,
    notes: &mut Vec<String>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Vec<gpu::Bench> {
    let mut benches = Vec::new();
    if options.gpu {
        progress(Progress { stage: "looking for GPUs", done: 0.0 });
        for info in gpu::adapters(options.software) {
            progress(Progress { stage: &format!("opening {}", info.name), done: 0.0 });
            match gpu::Bench::open(&info, plan) {
                Ok(bench) => benches.push(bench),
                Err(error) => notes.push(format!("{} left out: {error}", info.name)),
            }
        }
    }
    benches
}

/// The key of this machine as far as `profile` describes it: without GPUs where the profile has none, with software
/// adapters where it has one. [`Profile::matches`] of it says whether the profile was made here.
pub fn key_like(profile: &Profile) -> ProfileKey {
    let host = host::host(crate::executor::default_num_threads());
    let has_gpus = profile.gpus().next().is_some();
    let software = profile.gpus().any(|d| d.adapter.kind == DeviceKind::Software);
    #[cfg(feature = "gpu")]
    let adapters = if has_gpus { gpu::adapters(software).iter().map(host::adapter).collect() } else { Vec::new() };
    #[cfg(not(feature = "gpu"))]
    let adapters = {
        let _ = (has_gpus, software);
        Vec::new()
    };
    ProfileKey::new(&host.cpu_model, host.pool_threads, &host.target_features, adapters)
}
