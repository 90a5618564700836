//! From a profile and what was observed to the time of one call on one device. Pure: no clock, no threads.

use std::collections::BTreeMap;

use super::builtin;
use super::curve::Curve;
use super::estimate::{Estimate, Terms};
use super::profile::{DeviceKind, DeviceProfile, Learned, Profile, keys};
use super::residual::{Residual, ResidualKey, SIGMA_CALIBRATED, SIGMA_NOISE, SIGMA_UNSEEN};
use super::work::{OpCounts, OutputKind, Place, Residency, Work};
use crate::telemetry::sketch::ErrorSketch;

/// One device with its curves and rates prepared.
#[derive(Clone, Debug)]
struct Device {
    kind: DeviceKind,
    /// µs per operation, all threads where it is the CPU.
    op_us: [f64; 11],
    stream: Curve,
    stream_one: Option<Curve>,
    gather: Curve,
    upload: Option<Curve>,
    download: Option<Curve>,
    scalars: BTreeMap<String, f64>,
    errors: ErrorSketch,
}

/// Predicts and learns. Cloning it gives an independent copy.
#[derive(Clone, Debug)]
pub struct CostModel {
    /// The CPU, then the GPUs in the order of their indices.
    devices: Vec<Device>,
    threads: f64,
    /// Log standard deviation of launches and transfers.
    fixed_sigma: f64,
    noise: f64,
    residuals: BTreeMap<ResidualKey, Residual>,
}

/// One finished call, for [`CostModel::observe`].
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// Where it ran.
    pub place: Place,
    /// From submission to result, without the time it waited behind other work.
    pub observed_ns: u64,
    /// The first run of a pipeline is a warm-up: kept out of the statistics.
    pub warm_up: bool,
    /// Other work shared the device: kept out as well.
    pub contended: bool,
}

impl Device {
    fn new(own: &DeviceProfile, threads: u32) -> Self {
        let assumed = builtin::device(own.adapter.clone(), threads);
        let curve = |key: &str| {
            let knots = |d: &DeviceProfile| d.curves.get(key).and_then(|k| Curve::new(k).ok());
            knots(own).or_else(|| knots(&assumed))
        };
        let is_cpu = own.adapter.kind == DeviceKind::Cpu;
        let one = Curve::from_points(&[(1, 1.0, 1.0)]).unwrap_or_else(|_| unreachable!("one valid knot"));
        let mut scalars: BTreeMap<String, f64> = assumed.scalars.iter().map(|(k, s)| (k.clone(), s.v)).collect();
        scalars.extend(own.scalars.iter().map(|(k, s)| (k.clone(), s.v)));
        Self {
            kind: own.adapter.kind,
            op_us: OpCounts::NAMES
                .map(|n| 1.0 / own.op_rates.get(n).or(assumed.op_rates.get(n)).copied().unwrap_or(1.0)),
            stream: curve(keys::STREAM).unwrap_or_else(|| one.clone()),
            stream_one: if is_cpu { curve(keys::STREAM_ONE) } else { None },
            gather: curve(keys::GATHER).unwrap_or(one),
            upload: curve(keys::UPLOAD),
            download: curve(keys::DOWNLOAD),
            scalars,
            errors: ErrorSketch::default(),
        }
    }

    fn scalar(&self, key: &str) -> f64 {
        self.scalars.get(key).copied().unwrap_or(0.0)
    }

    /// Arithmetic of all elements on one lane of `op_us`, and memory through `stream`, `overlap` of the shorter hidden.
    fn exec(&self, work: &Work, stream: &Curve, speed_up: f64, overlap: f64) -> f64 {
        let n = work.elements as f64;
        let per_element: f64 = work.ops.values().iter().zip(&self.op_us).map(|(c, us)| c * us).sum();
        let compute = per_element * n / speed_up;
        let memory = stream.us(work.in_bytes * n + work.result_bytes()) + self.gather.us(work.gather_bytes * n);
        compute + memory - overlap * compute.min(memory)
    }
}

fn ns(us: f64) -> u64 {
    // Saturates; NaN cannot occur: all inputs are finite and positive.
    (us * 1000.0).round() as u64
}

impl CostModel {
    /// Prepares a validated profile; what it leaves out is filled in with built-in numbers.
    pub fn new(profile: &Profile) -> Self {
        let threads = profile.host.pool_threads.max(1);
        let devices =
            profile.cpu().into_iter().chain(profile.gpus()).map(|d| Device::new(d, threads)).collect::<Vec<_>>();
        let residuals =
            profile.learned.iter().filter_map(|(k, l)| Some((k.parse().ok()?, Residual::from_learned(l)))).collect();
        Self {
            devices,
            threads: f64::from(threads),
            fixed_sigma: if profile.builtin { SIGMA_UNSEEN } else { SIGMA_CALIBRATED },
            noise: if profile.quality.noisy { 2.0 * SIGMA_NOISE } else { SIGMA_NOISE },
            residuals,
        }
    }

    fn device(&self, place: Place) -> Option<&Device> {
        match place {
            Place::Cpu => self.devices.first().filter(|d| d.kind == DeviceKind::Cpu),
            Place::Gpu(i) => self.devices.iter().filter(|d| d.kind != DeviceKind::Cpu).nth(i as usize),
        }
    }

    /// The kind of a device; `None` where the profile has no such device.
    pub fn kind(&self, place: Place) -> Option<DeviceKind> {
        self.device(place).map(|d| d.kind)
    }

    /// Time of `work` at `place` when its inputs lie as `residency` says and `queued_ns` of other work is before it.
    ///
    /// `None` where the profile has no such device. `ready`: the pipeline exists (CPU twins always do).
    pub fn estimate(
        &self,
        work: &Work,
        place: Place,
        residency: &Residency,
        queued_ns: u64,
        ready: bool,
    ) -> Option<Estimate> {
        let device = self.device(place)?;
        let key = ResidualKey { key: work.key, place, class: residency.class() };
        let unseen = Residual::new(if work.loops_unbounded { 1.0 } else { SIGMA_UNSEEN });
        let residual = self.residuals.get(&key).unwrap_or(&unseen);
        // Scaled before inline and parallel are compared, so that more elements never cost less.
        let scale = residual.mean.exp();
        let n = work.elements;
        let link = |curve: &Option<Curve>, bytes: f64| curve.as_ref().map_or(0.0, |c| c.us(bytes));
        let (exec, launch, upload, download, compile) = if place == Place::Cpu {
            let owner = self.device(Place::Gpu(residency.owner));
            let download = owner.map_or(0.0, |d| link(&d.download, residency.device.at(n)));
            let alone = device.exec(work, device.stream_one.as_ref().unwrap_or(&device.stream), 1.0, 0.95) * scale;
            let speed_up = (self.threads * device.scalar(keys::PARALLEL_EFFICIENCY)).min(n as f64).max(1.0);
            let shared = device.exec(work, &device.stream, speed_up, 0.95) * scale;
            let fork = device.scalar(keys::FORK_JOIN_US);
            if alone <= fork + shared { (alone, 0.0, 0.0, download, 0.0) } else { (shared, fork, 0.0, download, 0.0) }
        } else {
            let elsewhere = if place == Place::Gpu(residency.owner) { 0.0 } else { residency.device.at(n) };
            let from = self.device(Place::Gpu(residency.owner)).map_or(0.0, |d| link(&d.download, elsewhere));
            let upload = from + link(&device.upload, residency.host.at(n) + elsewhere);
            let download = if residency.result_may_stay { 0.0 } else { link(&device.download, work.result_bytes()) };
            let busy = device.exec(work, &device.stream, 1.0, device.scalar(keys::OVERLAP));
            let passes = if work.output == OutputKind::Map { 0.0 } else { device.scalar(keys::MARGINAL_US) };
            let compile = if ready { 0.0 } else { device.scalar(keys::COMPILE_US) };
            (
                busy.max(device.scalar(keys::FILL_US)) * scale,
                device.scalar(keys::ROUND_TRIP_US) + passes,
                upload,
                download,
                compile,
            )
        };
        let fixed = launch + upload + download + compile;
        let total = exec + fixed;
        let spread = (exec * exec * residual.variance + fixed * fixed * self.fixed_sigma * self.fixed_sigma).sqrt();
        let sigma = if total > 0.0 { (spread / total).hypot(self.noise) } else { 0.0 };
        let terms = Terms {
            exec: ns(exec),
            upload: ns(upload),
            download: ns(download),
            launch: ns(launch),
            wait: queued_ns,
            compile: ns(compile),
        };
        Some(Estimate::new(terms, sigma))
    }

    /// Learns from a finished call. The residual moves the execution term; the more of the call was launch and transfer,
    /// the less a sample says about it (its noise grows by total / exec).
    ///
    /// Returns whether the prediction for this kernel moved by more than 2 %: cached decisions are then stale.
    pub fn observe(&mut self, work: &Work, residency: &Residency, seen: &Observation) -> bool {
        if seen.warm_up || seen.contended || seen.observed_ns == 0 {
            return false;
        }
        let Some(predicted) = self.estimate(work, seen.place, residency, 0, true) else { return false };
        let t = predicted.terms;
        let fixed = (t.launch + t.upload + t.download) as f64;
        let observed = seen.observed_ns as f64;
        let key = ResidualKey { key: work.key, place: seen.place, class: residency.class() };
        let sigma0 = if work.loops_unbounded { 1.0 } else { SIGMA_UNSEEN };
        let residual = self.residuals.entry(key).or_insert(Residual::new(sigma0));
        let before = residual.mean;
        let base = t.exec.max(1) as f64 / before.exp();
        // What is left for execution; at least a tenth of the base, where the fixed part was overestimated. (A tenth of
        // the prediction would shrink by ten again with every such call, without end.)
        let exec = (observed - fixed).max(0.1 * base);
        let share = (exec / observed).clamp(0.02, 1.0);
        residual.observe(exec / base, self.noise / share);
        let moved = (residual.mean - before).abs() > 0.02;
        let covered = (predicted.lo_ns..=predicted.hi_ns).contains(&seen.observed_ns);
        let index = match seen.place {
            Place::Cpu => 0,
            Place::Gpu(i) => 1 + i as usize,
        };
        if let Some(device) = self.devices.get_mut(index) {
            device.errors.record(predicted.mean_ns, seen.observed_ns, covered);
        }
        moved
    }

    /// Prediction errors seen at `place`.
    pub fn errors(&self, place: Place) -> Option<&ErrorSketch> {
        self.device(place).map(|d| &d.errors)
    }

    /// What was learned, for [`Profile::learned`].
    pub fn learned(&self) -> BTreeMap<String, Learned> {
        self.residuals.iter().map(|(k, r)| (k.to_string(), r.learned())).collect()
    }
}
