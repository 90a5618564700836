//! From a profile and what was observed to the time of one call on one device. Pure: no clock, no threads.

use std::collections::BTreeMap;

use super::builtin;
use super::curve::Curve;
use super::estimate::{Estimate, Terms};
use super::noise::Noise;
use super::part::{Part, PartKey};
use super::profile::{DeviceKind, DeviceProfile, Learned, Profile, keys};
use super::residual::{
    CONFIRMED, Residual, ResidualKey, SIGMA_CALIBRATED, SIGMA_COMPILE, SIGMA_LOOPS, SIGMA_NOISE, SIGMA_UNSEEN,
};
use super::task_times;
use super::work::{OpCounts, OutputKind, Place, Residency, ResidencyClass, Work};
use crate::telemetry::fnv::Fnv;
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
    /// GPUs only, where it was measured.
    reduce: Option<Curve>,
    upload: Option<Curve>,
    download: Option<Curve>,
    scalars: BTreeMap<String, f64>,
    /// What was learned about each [`Part`].
    parts: [Residual; 3],
    noise: Noise,
    errors: ErrorSketch,
}

/// Predicts and learns. Cloning it gives an independent copy.
#[derive(Clone, Debug)]
pub struct CostModel {
    /// The CPU, then the GPUs in the order of their indices.
    devices: Vec<Device>,
    threads: f64,
    pub(super) residuals: BTreeMap<ResidualKey, Residual>,
    /// Times of host functions, ln of milliseconds, by key.
    pub(super) hosts: BTreeMap<u64, Residual>,
    /// Counts the moves of a [`Part`]: they change the predictions of all kernels.
    epoch: u64,
    /// The epoch that was last reported for a kernel.
    reported: BTreeMap<u64, u64>,
}

/// One finished call, for [`CostModel::observe`].
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// Where it ran.
    pub place: Place,
    /// From submission to result, without the time it waited behind other work.
    pub observed_ns: u64,
    /// The call built its pipeline, and its time includes that: it teaches the compile time and nothing else.
    pub warm_up: bool,
    /// Other work shared the device: teaches nothing.
    pub contended: bool,
}

impl Device {
    /// `sigma`: log standard deviation of launches and transfers; `noise`: of one measurement.
    fn new(
        own: &DeviceProfile,
        threads: u32,
        (sigma, noise): (f64, f64),
        learned: impl Fn(Part) -> Option<Residual>,
    ) -> Self {
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
            reduce: if is_cpu { None } else { curve(keys::REDUCE) },
            upload: curve(keys::UPLOAD),
            download: curve(keys::DOWNLOAD),
            scalars,
            parts: Part::ALL.map(|part| {
                let sigma = if part == Part::Compile { SIGMA_UNSEEN } else { sigma };
                learned(part).unwrap_or_else(|| Residual::trusted(sigma, SIGMA_UNSEEN))
            }),
            noise: Noise::new(noise),
            errors: ErrorSketch::default(),
        }
    }

    fn scalar(&self, key: &str) -> f64 {
        self.scalars.get(key).copied().unwrap_or(0.0)
    }

    fn factor(&self, part: Part) -> f64 {
        self.parts[part as usize].factor()
    }

    /// Arithmetic of all elements on one lane of `op_us`, and memory through `stream` (reductions through their own curve
    /// where there is one), `overlap` of the shorter hidden.
    fn exec(&self, work: &Work, stream: &Curve, speed_up: f64, overlap: f64) -> f64 {
        let n = work.elements as f64;
        let per_element: f64 = work.ops.values().iter().zip(&self.op_us).map(|(c, us)| c * us).sum();
        let compute = per_element * n / speed_up;
        let ordered = match &self.reduce {
            // Its partial results are in the curve.
            Some(reduce) if work.output == OutputKind::Reduce => reduce.us(work.in_bytes * n),
            _ => stream.us(work.in_bytes * n + work.result_bytes()),
        };
        let memory = ordered + self.gather.us(work.gather_bytes * n);
        compute + memory - overlap * compute.min(memory)
    }

    /// Execution on a GPU, at least the time of a dispatch that does not fill it.
    fn gpu_exec(&self, work: &Work) -> f64 {
        self.exec(work, &self.stream, 1.0, self.scalar(keys::OVERLAP).min(1.0)).max(self.scalar(keys::FILL_US))
    }
}

/// Power of a device, watts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// What computing adds.
    pub busy: f64,
    /// Whether it computes or not.
    pub idle: f64,
}

/// At most 10^18 ns (30 years), so that sums of terms cannot overflow; `min` also takes the NaN of inf − inf there.
fn ns(us: f64) -> u64 {
    (us * 1000.0).round().min(1e18) as u64
}

/// The residual of a kernel that nobody has seen; unknown trip counts make it wider.
fn unseen(work: &Work) -> Residual {
    Residual::new(if work.loops_unbounded { SIGMA_LOOPS } else { SIGMA_UNSEEN })
}

/// The place of a device in [`CostModel::devices`].
const fn index(place: Place) -> usize {
    match place {
        Place::Cpu => 0,
        Place::Gpu(i) => 1 + i as usize,
    }
}

impl CostModel {
    /// Prepares a validated profile; what it leaves out is filled in with built-in numbers.
    pub fn new(profile: &Profile) -> Self {
        let threads = profile.host.pool_threads.max(1);
        let sigma = if profile.builtin { SIGMA_UNSEEN } else { SIGMA_CALIBRATED };
        let noise = if profile.quality.noisy { 2.0 * SIGMA_NOISE } else { SIGMA_NOISE };
        let learned =
            |part: Part, place: Place| profile.learned.get(&PartKey::text(part, place)).map(Residual::from_learned);
        let places = std::iter::once(Place::Cpu).chain((0..).map(Place::Gpu));
        let devices = profile
            .cpu()
            .into_iter()
            .chain(profile.gpus())
            .zip(places)
            .map(|(d, place)| Device::new(d, threads, (sigma, noise), |part| learned(part, place)))
            .collect::<Vec<_>>();
        let residuals =
            profile.learned.iter().filter_map(|(k, l)| Some((k.parse().ok()?, Residual::from_learned(l)))).collect();
        let functions = profile.learned.iter();
        let hosts = functions.filter_map(|(k, l)| Some((task_times::parse(k)?, Residual::from_learned(l)))).collect();
        Self { devices, threads: f64::from(threads), residuals, hosts, epoch: 0, reported: BTreeMap::new() }
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
        let residual = self.residual(work, &key);
        // Scaled before inline and parallel are compared, so that more elements never cost less.
        let scale = residual.factor();
        let launching = device.factor(Part::Launch);
        let n = work.elements;
        let link = |curve: &Option<Curve>, bytes: f64| curve.as_ref().map_or(0.0, |c| c.us(bytes));
        let (exec, launch, upload, download, compile) = if place == Place::Cpu {
            let owner = self.device(Place::Gpu(residency.owner));
            let download = owner.map_or(0.0, |d| link(&d.download, residency.device.at(n)));
            let (exec, fork) = self.cpu_exec(device, work, scale);
            (exec, fork, 0.0, download, 0.0)
        } else {
            let elsewhere = if place == Place::Gpu(residency.owner) { 0.0 } else { residency.device.at(n) };
            let from = self.device(Place::Gpu(residency.owner)).map_or(0.0, |d| link(&d.download, elsewhere));
            let upload = from + link(&device.upload, residency.host.at(n) + elsewhere);
            let download = if residency.result_may_stay { 0.0 } else { link(&device.download, work.result_bytes()) };
            let passes = if work.output == OutputKind::Map { 0.0 } else { device.scalar(keys::MARGINAL_US) };
            let compile = device.scalar(keys::COMPILE_US) * device.factor(Part::Compile);
            let compile = if ready { 0.0 } else { compile };
            (
                device.gpu_exec(work) * scale,
                (device.scalar(keys::ROUND_TRIP_US) + passes) * launching,
                upload,
                download,
                compile,
            )
        };
        let linking = device.factor(Part::Link);
        let terms = Terms {
            exec: ns(exec),
            upload: ns(upload * linking),
            download: ns(download * linking),
            launch: ns(launch),
            wait: queued_ns,
            compile: ns(compile),
        };
        Some(Estimate::new(terms, Self::spread(device, residual, &terms)))
    }

    /// Execution and launch on the CPU: one thread, or all of them after a fork.
    fn cpu_exec(&self, device: &Device, work: &Work, scale: f64) -> (f64, f64) {
        let overlap = device.scalar(keys::OVERLAP).min(1.0);
        let alone = device.exec(work, device.stream_one.as_ref().unwrap_or(&device.stream), 1.0, overlap) * scale;
        let speed_up = (self.threads * device.scalar(keys::PARALLEL_EFFICIENCY)).min(work.elements as f64).max(1.0);
        let shared = device.exec(work, &device.stream, speed_up, overlap) * scale;
        let fork = device.scalar(keys::FORK_JOIN_US) * device.factor(Part::Launch);
        if alone <= fork + shared { (alone, 0.0) } else { (shared, fork) }
    }

    /// Time of one task of a graph: inputs at `place`, the result stays there, the pipeline exists.
    ///
    /// The launch on a GPU is that of one more dispatch (`marginal_us`; two where the output needs a second pass): the host
    /// does not wait. The rest of the round trip is part of the download that the host waits for ([`Self::transfer`]), so
    /// that one upload, one map and one download add up to [`Self::estimate`]. The learned execution factor is that of
    /// resident inputs, else that of the kernel's other calls. `None` where the profile has no such device.
    pub fn exec(&self, work: &Work, place: Place) -> Option<Estimate> {
        let device = self.device(place)?;
        let residual = self.task_residual(work, place);
        let scale = residual.factor();
        let (exec, launch) = if place == Place::Cpu {
            self.cpu_exec(device, work, scale)
        } else {
            let passes = if work.output == OutputKind::Map { 1.0 } else { 2.0 };
            let launch = device.scalar(keys::MARGINAL_US) * passes * device.factor(Part::Launch);
            (device.gpu_exec(work) * scale, launch)
        };
        let terms = Terms { exec: ns(exec), launch: ns(launch), ..Terms::default() };
        Some(Estimate::new(terms, Self::spread(device, residual, &terms)))
    }

    /// What is known about a kernel as a task: with resident inputs, else from its other calls.
    pub(super) fn task_residual(&self, work: &Work, place: Place) -> Residual {
        use ResidencyClass::{Device as Resident, Host, Mixed};
        let classes = if place == Place::Cpu { [Host, Mixed, Resident] } else { [Resident, Mixed, Host] };
        let learned = classes.map(|class| self.residuals.get(&ResidualKey { key: work.key, place, class }).copied());
        learned.into_iter().flatten().find(|r| r.n > 0).unwrap_or_else(|| unseen(work))
    }

    /// Time to make `bytes` valid at `to`. A download holds the host's wait, as its launch: the round trip without the
    /// dispatch that [`Self::exec`] counts. From one GPU to another the way is through the host.
    pub fn transfer(&self, from: Place, to: Place, bytes: u64) -> Option<Estimate> {
        let mut terms = Terms::default();
        let link =
            |d: &Device, c: &Option<Curve>| ns(c.as_ref().map_or(0.0, |c| c.us(bytes as f64)) * d.factor(Part::Link));
        let mut device = self.device(to)?;
        if from != to && from != Place::Cpu {
            let source = self.device(from)?;
            let wait = (source.scalar(keys::ROUND_TRIP_US) - source.scalar(keys::MARGINAL_US)).max(0.0);
            terms.download = link(source, &source.download);
            terms.launch = ns(wait * source.factor(Part::Launch));
            device = if to == Place::Cpu { source } else { device };
        }
        if from != to && to != Place::Cpu {
            terms.upload = link(device, &device.upload);
        }
        Some(Estimate::new(terms, Self::spread(device, Residual::new(0.0), &terms)))
    }

    /// Time to build a pipeline that no cache holds; nothing on the CPU.
    pub fn compile(&self, place: Place) -> Option<Estimate> {
        let device = self.device(place)?;
        let compile = match place {
            Place::Cpu => 0,
            Place::Gpu(_) => ns(device.scalar(keys::COMPILE_US) * device.factor(Part::Compile)),
        };
        let terms = Terms { compile, ..Terms::default() };
        Some(Estimate::new(terms, Self::spread(device, Residual::new(0.0), &terms)))
    }

    /// The parts of uploads and of downloads that hide behind kernels, 0..=1.
    pub fn overlap(&self, gpu: Place) -> Option<(f64, f64)> {
        let device = self.device(gpu)?;
        let part = |key: &str| device.scalar(key).clamp(0.0, 1.0);
        Some((part(keys::OVERLAP_UPLOAD), part(keys::OVERLAP_DOWNLOAD)))
    }

    /// Power of a device; `None` where the profile does not say.
    pub fn power(&self, place: Place) -> Option<Power> {
        let scalars = &self.device(place)?.scalars;
        Some(Power { busy: *scalars.get(keys::BUSY_WATTS)?, idle: *scalars.get(keys::IDLE_WATTS)? })
    }

    /// The devices that the model knows, the CPU first.
    pub fn places(&self) -> Vec<Place> {
        let gpus = self.devices.iter().filter(|d| d.kind != DeviceKind::Cpu).count() as u32;
        std::iter::once(Place::Cpu).chain((0..gpus).map(Place::Gpu)).filter(|&p| self.device(p).is_some()).collect()
    }

    /// Hash of everything that predictions depend on.
    pub fn digest(&self) -> u64 {
        let mut fnv = Fnv::new();
        let mut number = |v: f64| fnv.bytes(&v.to_bits().to_le_bytes());
        number(self.threads);
        for device in &self.devices {
            number(f64::from(device.kind as u8));
            device.noise.levels().for_each(&mut number);
            device.op_us.iter().for_each(|&v| number(v));
            let curves = [Some(&device.stream), device.stream_one.as_ref(), Some(&device.gather)];
            let links = [device.upload.as_ref(), device.download.as_ref()];
            for (index, curve) in curves.into_iter().chain(links).enumerate() {
                number(index as f64);
                curve.into_iter().flat_map(Curve::knots).for_each(|(bytes, us)| {
                    number(bytes);
                    number(us);
                });
            }
            device.scalars.values().for_each(|&v| number(v));
            device.parts.iter().for_each(|r| {
                number(r.mean);
                number(r.variance);
            });
        }
        for (key, residual) in &self.residuals {
            fnv.text(&key.to_string());
            fnv.bytes(&residual.mean.to_bits().to_le_bytes());
            fnv.bytes(&residual.variance.to_bits().to_le_bytes());
        }
        fnv.finish()
    }

    fn residual(&self, work: &Work, key: &ResidualKey) -> Residual {
        self.residuals.get(key).copied().unwrap_or_else(|| unseen(work))
    }

    /// Standard deviation of ln(time without the wait): the parts' variances by the squares of their shares, and noise.
    fn spread(device: &Device, residual: Residual, terms: &Terms) -> f64 {
        let shares = terms.shares();
        let variances = std::iter::once(residual.variance).chain(device.parts.iter().map(|p| p.variance));
        let model: f64 = shares.iter().zip(variances).map(|(share, variance)| share * share * variance).sum();
        let compile = shares[1 + Part::Compile as usize] * SIGMA_COMPILE;
        let noise = device.noise.at(terms.own());
        (model + noise * noise + compile * compile).sqrt()
    }

    /// Learns from a finished call.
    ///
    /// The error of the whole prediction is divided between its parts (the kernel's execution; the device's launch and
    /// transfers) by how uncertain each is and how much of the call it was: an extended Kalman filter with one residual per
    /// part. A launch-bound call thus corrects the device's launch for all kernels and hardly its own execution.
    ///
    /// Returns whether decisions cached for this kernel are stale: a prediction moved by more than 2 %, or a part of a
    /// device did (5 %) since the kernel was last observed.
    pub fn observe(&mut self, work: &Work, residency: &Residency, seen: &Observation) -> bool {
        if seen.contended || seen.observed_ns == 0 {
            return false;
        }
        let Some(predicted) = self.estimate(work, seen.place, residency, 0, !seen.warm_up) else { return false };
        let key = ResidualKey { key: work.key, place: seen.place, class: residency.class() };
        let residual = self.residual(work, &key);
        let scatter = self.noise(seen.place, predicted.mean_ns);
        let noise = if seen.warm_up { scatter.hypot(SIGMA_COMPILE) } else { scatter };
        let innovation = (seen.observed_ns as f64 / predicted.mean_ns.max(1) as f64).ln();
        let shares = predicted.terms.shares();
        let mut kernel_moved = false;
        if !seen.warm_up {
            let entry = self.residuals.entry(key).or_insert(residual);
            entry.correct(innovation, shares[0], predicted.sigma.max(noise), noise);
            kernel_moved = shares[0] * (entry.mean - residual.mean).abs() > 0.02;
        }
        if let Some(device) = self.devices.get_mut(index(seen.place)) {
            for part in Part::ALL {
                let share = shares[1 + part as usize];
                if share > 0.0 && seen.warm_up == (part == Part::Compile) {
                    let residual = &mut device.parts[part as usize];
                    let before = residual.mean;
                    residual.correct(innovation, share, predicted.sigma.max(noise), noise);
                    // Ticks when a multiple of 5 % is crossed, so that slow drifts add up; noise across one costs a recomputed crossover.
                    let step = |mean: f64| (mean / 0.05).round();
                    self.epoch += u64::from(step(before) != step(residual.mean));
                }
            }
            if !seen.warm_up {
                let covered = (predicted.lo_ns..=predicted.hi_ns).contains(&seen.observed_ns);
                if residual.n >= CONFIRMED {
                    device.noise.observe(predicted.mean_ns, covered);
                }
                device.errors.record(predicted.mean_ns, seen.observed_ns, covered);
            }
        }
        let reported = self.reported.insert(work.key, self.epoch).unwrap_or(0);
        kernel_moved || reported != self.epoch
    }

    /// Standard deviation of ln(time) of one call at `place` when its kernel is known: what no observation removes.
    ///
    /// `ns`: about how long the call takes. Learned, beginning with 10 % (20 % where the calibration was noisy).
    pub fn noise(&self, place: Place, ns: u64) -> f64 {
        self.device(place).map_or(SIGMA_NOISE, |d| d.noise.at(ns))
    }

    /// Calls of this kernel that were observed at `place`, with inputs that lay like this.
    pub fn observations(&self, work: &Work, place: Place, residency: &Residency) -> u64 {
        self.residuals.get(&ResidualKey { key: work.key, place, class: residency.class() }).map_or(0, |r| r.n)
    }

    /// Prediction errors seen at `place`.
    pub fn errors(&self, place: Place) -> Option<&ErrorSketch> {
        self.device(place).map(|d| &d.errors)
    }

    /// What was learned, for [`Profile::learned`].
    pub fn learned(&self) -> BTreeMap<String, Learned> {
        let places = std::iter::once(Place::Cpu).chain((0..).map(Place::Gpu));
        let parts = self.devices.iter().zip(places).flat_map(|(device, place)| {
            let of = move |part: Part| (PartKey::text(part, place), device.parts[part as usize]);
            Part::ALL.into_iter().map(of).filter(|(_, residual)| residual.n > 0)
        });
        let kernels = self.residuals.iter().map(|(k, r)| (k.to_string(), *r));
        kernels
            .chain(parts)
            .chain(task_times::entries(&self.hosts))
            .map(|(key, residual)| (key, residual.learned()))
            .collect()
    }
}
