//! The cost model of a runtime: from a profile that fits this machine, else from built-in numbers.

use std::path::PathBuf;

use crate::calibrate::host;
use crate::config::Config;
use crate::error::Error;
use crate::executor::Pool;
use crate::planner::learned::Entries;
use crate::planner::profile::{Adapter, DeviceKind};
use crate::planner::residual::SIGMA_CALIBRATED;
use crate::planner::{CostModel, Profile};
use crate::telemetry::TaskSnapshot;

/// The cost model, and whether the GPUs are in it yet.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) cost: CostModel,
    /// Whether the search for GPUs has been taken into account.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code))] // only devices read it
    pub(crate) complete: bool,
    /// The file's numbers, if a file was found.
    pub(super) measured: Option<(PathBuf, Profile)>,
    /// Where the profile lies or would lie.
    pub(super) path: Option<PathBuf>,
    /// The numbers that the cost model was made from.
    pub(super) numbers: Profile,
    /// What the file had learned when it was read or written last.
    pub(super) base: Entries,
    threads: usize,
}

impl Model {
    /// The model of the CPU alone. A profile that is named (setting or `VEDA_PROFILE`) must be usable, else there is an
    /// error beside the built-in numbers; one in the user's cache directory is used if it is there and fits.
    pub(crate) fn for_host(config: &Config, threads: usize) -> (Model, Option<Error>) {
        let named = config.named_profile();
        let path = named.clone().or_else(Profile::default_path);
        let (measured, mut problem) = match &path {
            Some(path) if named.is_some() || path.exists() => match Profile::load(path) {
                // Built-in numbers of another version: what was learned beside them does not hold for this one's.
                Ok(profile) if profile.builtin && profile.tool_version != env!("CARGO_PKG_VERSION") => (None, None),
                Ok(profile) => (Some((path.clone(), profile)), None),
                Err(error) => (None, Some(error.at(path))),
            },
            _ => (None, None),
        };
        let numbers = Profile::builtin(host::host(threads), &[]);
        let cost = CostModel::new(&numbers);
        let base = Entries::new();
        let mut model = Model { cost, complete: false, measured, path, numbers, base, threads };
        problem = problem.or_else(|| model.host_mismatch());
        if problem.is_some() {
            model.measured = None;
        }
        model.rebuild(&[]);
        // Nobody asked for the file in the cache directory: if it is bad or old, do without.
        (model, problem.filter(|_| named.is_some()))
    }

    /// Whether the file was measured on another machine.
    fn host_mismatch(&self) -> Option<Error> {
        let (path, profile) = self.measured.as_ref()?;
        let host = host::host(self.threads);
        let mut key = profile.key();
        key.cpu_model = host.cpu_model;
        key.pool_threads = host.pool_threads;
        key.target_features = host.target_features;
        let mismatch = profile.matches(&key).err()?;
        Some(Error::Profile { path: path.clone(), reason: mismatch.to_string() })
    }

    /// Takes the adapters into the model, in the order of their numbers, so that `Place::Gpu(n)` means adapter `n` to the
    /// planner, to callers and in explanations, also while one of them is lost: measured numbers where the file has this very adapter
    /// and driver, built-in ones elsewhere. Keeps what was learned about the CPU, and nothing of what was learned about GPUs before.
    pub(crate) fn rebuild(&mut self, adapters: &[Adapter]) {
        let mut profile = Profile::builtin(host::host(self.threads), adapters);
        if let Some((_, measured)) = &self.measured {
            for device in &mut profile.devices {
                let same = |other: &Adapter| {
                    let cpu = device.adapter.kind == DeviceKind::Cpu && other.kind == DeviceKind::Cpu;
                    cpu || *other == device.adapter
                };
                if let Some(found) = measured.devices.iter().find(|d| same(&d.adapter)) {
                    *device = found.clone();
                }
            }
            profile.builtin = measured.builtin;
            profile.quality = measured.quality.clone();
            // What was learned about GPUs is keyed by their number: it holds only if the numbers mean the same cards.
            let same_gpus = profile.gpus().map(|d| &d.adapter).eq(measured.gpus().map(|d| &d.adapter));
            let about_gpu = |key: &str| key.contains("gpu");
            profile.learned = measured.learned.clone();
            profile.learned.retain(|key, _| same_gpus || !about_gpu(key));
            profile.created.clone_from(&measured.created);
            if measured.tool_version != profile.tool_version {
                // Another version may count operations in another way: half the confidence.
                for learned in profile.learned.values_mut() {
                    learned.variance = 2.0 * learned.variance.max(SIGMA_CALIBRATED * SIGMA_CALIBRATED);
                }
            }
            self.base = measured.learned.clone();
        }
        let so_far = self.cost.learned();
        let about_cpu = |key: &str| !key.contains("gpu");
        profile.learned.extend(so_far.into_iter().filter(|(key, _)| about_cpu(key)));
        self.cost = CostModel::new(&profile);
        self.numbers = profile;
    }
}

/// The pool's numbers for a snapshot.
pub(crate) fn tasks(pool: &Pool) -> TaskSnapshot {
    let mut all = TaskSnapshot::default();
    let mut latencies = crate::telemetry::worker::LatencyHistogram::default();
    for worker in pool.stats() {
        all.tasks_executed += worker.executed;
        all.tasks_stolen += worker.stolen;
        all.tasks_panicked += worker.panicked;
        all.busy_ns += worker.busy_ns;
        all.idle_ns += worker.idle_ns;
        latencies.merge(&worker.latency);
    }
    let (sum, count) = latencies.buckets().fold((0, 0), |(sum, count), (ns, n)| (sum + ns * n, count + n));
    all.avg_latency_ns = sum.checked_div(count).unwrap_or(0);
    all.p50_latency_ns = latencies.quantile(0.5).unwrap_or(0);
    all.p99_latency_ns = latencies.quantile(0.99).unwrap_or(0);
    all
}
