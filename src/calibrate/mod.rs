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
pub mod compare;
mod cpu;
mod cpu_costs;
pub mod drift;
pub mod examples;
pub mod fit;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "gpu")]
mod gpu_copies;
#[cfg(feature = "gpu")]
mod gpu_costs;
pub mod host;
pub mod names;
mod ops;
mod plan;
pub mod report;
pub mod sample_graph;
pub mod stats;

#[cfg(feature = "gpu")]
pub use gpu::adapters;
pub use plan::Plan;

use std::collections::BTreeMap;

use crate::Result;
use crate::executor::{Pool, PoolConfig};
use crate::planner::profile::{DeviceKind, DeviceProfile, Host, Profile, Quality, SCHEMA};
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
/// A GPU that fails (lost, refuses the shader) stays in the profile without numbers, so built-in ones stand in, and the
/// notes say so: a calibration is never lost to one driver.
///
/// # Errors
/// When the pool cannot be started.
pub fn calibrate(options: &Options, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Profile> {
    let plan = if options.quick { Plan::QUICK } else { Plan::FULL };
    calibrate_by(&plan, options, progress)
}

fn calibrate_by(plan: &Plan, options: &Options, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Profile> {
    let pool = Pool::new(&PoolConfig::with_threads(options.threads))?;
    let host = host::host(pool.num_threads());
    #[cfg(feature = "gpu")]
    let (measured, notes) = {
        let (mut gpus, mut notes) = open(options, plan, progress);
        match measure(&pool, plan, &host, &gpus, progress) {
            // Only GPUs fail: the second round, without them, cannot.
            Err(error) if gpus.iter().any(|g| g.bench.is_some()) => {
                notes.push(format!("GPUs not measured: {error}"));
                for gpu in &mut gpus {
                    gpu.bench = None;
                }
                (measure(&pool, plan, &host, &gpus, progress)?, notes)
            }
            measured => (measured?, notes),
        }
    };
    #[cfg(not(feature = "gpu"))]
    let (measured, notes) = (measure(&pool, plan, &host, progress)?, Vec::<String>::new());
    Ok(Profile {
        schema: SCHEMA.to_owned(),
        created: host::now(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        builtin: false,
        quality: Quality {
            epochs: plan.epochs as u32,
            cpu_wall: measured.cpu_wall,
            noisy: measured.noisy || measured.cpu_wall < 0.9,
            notes: notes.join("; "),
        },
        devices: measured.devices,
        host,
        learned: BTreeMap::new(),
    })
}

/// One round over all devices.
struct Measured {
    devices: Vec<DeviceProfile>,
    cpu_wall: f64,
    noisy: bool,
}

fn measure(
    pool: &Pool,
    plan: &Plan,
    host: &Host,
    #[cfg(feature = "gpu")] gpus: &[Gpu],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Measured> {
    let mut probes = plan::Probes::default();
    let cpu = cpu::probes(pool, plan, &mut probes);
    #[cfg(feature = "gpu")]
    let added: Vec<_> = gpus.iter().map(|g| g.bench.as_ref().map(|b| (b, b.probes(plan, &mut probes)))).collect();
    let sampled = probes.sample(plan, progress)?;
    let found = &sampled.summaries;
    let devices = std::iter::once(cpu::device(&cpu, found, host));
    #[cfg(feature = "gpu")]
    let devices = devices.chain(gpus.iter().zip(&added).map(|(gpu, added)| match added {
        Some((bench, probes)) => bench.device(probes, found),
        None => DeviceProfile { adapter: host::adapter(&gpu.info), ..DeviceProfile::default() },
    }));
    Ok(Measured { devices: devices.collect(), cpu_wall: sampled.cpu_wall, noisy: stats::noisy(found) })
}

/// An adapter, open where it can be measured.
#[cfg(feature = "gpu")]
struct Gpu {
    info: crate::device::DeviceInfo,
    bench: Option<gpu::Bench>,
}

/// Opens the GPUs, and says which ones cannot be measured.
#[cfg(feature = "gpu")]
fn open(options: &Options, plan: &Plan, progress: &mut dyn FnMut(Progress<'_>)) -> (Vec<Gpu>, Vec<String>) {
    let (mut gpus, mut notes) = (Vec::new(), Vec::new());
    if options.gpu {
        progress(Progress { stage: "looking for GPUs", done: 0.0 });
        for info in gpu::adapters(options.software) {
            progress(Progress { stage: &format!("opening {}", info.name), done: 0.0 });
            let bench = gpu::Bench::open(&info, plan)
                .inspect_err(|error| notes.push(format!("{} not measured: {error}", info.name)))
                .ok();
            gpus.push(Gpu { info, bench });
        }
    }
    (gpus, notes)
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

#[cfg(test)]
mod tests {
    use super::examples::EXAMPLES;
    use crate::planner::OpCounts;

    /// Both shaders, judged without a driver.
    #[test]
    fn shaders_are_valid_and_have_every_entry() {
        let ops = OpCounts::NAMES.map(|name| format!("op_{name}"));
        let primitives = ["idle", "stream", "reduce", "gather", "mixed"].map(str::to_owned);
        let examples = EXAMPLES.map(|e| e.name.to_owned());
        let files = [
            (include_str!("calibrate.wgsl"), primitives.into_iter().chain(ops).collect::<Vec<_>>()),
            (include_str!("examples.wgsl"), examples.into()),
        ];
        for (text, wanted) in files {
            let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(text)));
            let flags = naga::valid::ValidationFlags::all();
            let mut validator = naga::valid::Validator::new(flags, naga::valid::Capabilities::empty());
            validator.validate(&module).unwrap_or_else(|e| panic!("{}", e.emit_to_string(text)));
            let entries: Vec<&str> = module.entry_points.iter().map(|e| e.name.as_str()).collect();
            for name in &wanted {
                assert!(entries.contains(&name.as_str()), "no entry `{name}`");
            }
            assert_eq!(entries.len(), wanted.len(), "{entries:?}");
        }
    }
}
