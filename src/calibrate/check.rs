//! Predicted against measured times, on kernels and sizes that calibration did not use.

use std::hint::black_box;
use std::time::Instant;

use super::Progress;
use super::examples::{EXAMPLES, Example};
use super::stats::quantile;
use crate::Result;
use crate::executor::{Pool, PoolConfig, join};
use crate::planner::profile::{DeviceKind, Profile};
use crate::planner::{CostModel, Place};

/// Elements per call: no power of two, between the knots.
pub const SIZES: [u64; 5] = [3_000, 50_000, 300_000, 1_100_000, 3_300_000];

/// One call on one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The kernel.
    pub example: &'static str,
    /// Elements.
    pub elements: u64,
    /// Where it ran.
    pub place: Place,
    /// Predicted microseconds.
    pub predicted_us: f64,
    /// Ends of the 80 % interval, microseconds.
    pub interval_us: [f64; 2],
    /// The fastest of the measured calls, microseconds.
    pub observed_us: f64,
    /// Their median.
    pub median_us: f64,
}

impl Row {
    /// |predicted / observed − 1|.
    pub fn error(&self) -> f64 {
        (self.predicted_us / self.observed_us - 1.0).abs()
    }
}

/// Errors on one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Errors {
    /// Which one.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Software adapter: says nothing about GPUs.
    pub software: bool,
    /// Median of [`Row::error`].
    pub median: f64,
    /// 90 % quantile.
    pub p90: f64,
    /// The share of calls inside of the 80 % interval.
    pub coverage: f64,
}

/// The result of [`check`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Check {
    /// Every call.
    pub rows: Vec<Row>,
    /// Per device.
    pub errors: Vec<Errors>,
}

/// Runs the examples on every device of the profile and compares. A few seconds.
///
/// The profile must be of this machine ([`key_like`](super::key_like)): its GPUs are found by their order.
///
/// # Errors
/// When the pool cannot be started or a device fails.
pub fn check(profile: &Profile, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Check> {
    let model = CostModel::new(profile);
    let pool = Pool::new(&PoolConfig::with_threads(profile.host.pool_threads as usize))?;
    let most = SIZES[SIZES.len() - 1] as usize;
    let x: Vec<f32> = (0..most).map(|i| (i % 1009) as f32 / 1009.0).collect();
    let y: Vec<f32> = x.iter().map(|x| 1.0 - 0.5 * x).collect();
    let mut out = vec![0.0f32; most];
    #[cfg(feature = "gpu")]
    let gpus = gpu::open(profile)?;
    #[cfg(not(feature = "gpu"))]
    let gpus: Vec<()> = Vec::new();

    let mut result = Check::default();
    let total = EXAMPLES.len() * SIZES.len() * (1 + gpus.len());
    for example in &EXAMPLES {
        for n in SIZES {
            for place in std::iter::once(Place::Cpu).chain((0..gpus.len() as u32).map(Place::Gpu)) {
                progress(Progress { stage: example.name, done: result.rows.len() as f64 / total as f64 });
                let Some(estimate) = model.estimate(&example.work(n), place, &example.residency(), 0, true) else {
                    continue;
                };
                let (x, y) = (&x[..n as usize], &y[..n as usize]);
                let mut samples = match place {
                    // What the model found faster is what would run: inline, or on the pool.
                    Place::Cpu => {
                        let workers = if estimate.terms.launch == 0 { 1 } else { pool.num_threads() };
                        sample(|| Ok(on_cpu(&pool, example, x, y, &mut out[..n as usize], workers)))?
                    }
                    #[cfg(feature = "gpu")]
                    Place::Gpu(i) => sample(|| gpus[i as usize].run(example, x, y, &mut out))?,
                    #[cfg(not(feature = "gpu"))]
                    Place::Gpu(_) => continue,
                };
                samples.sort_by(f64::total_cmp);
                result.rows.push(Row {
                    example: example.name,
                    elements: n,
                    place,
                    predicted_us: estimate.mean_ns as f64 / 1000.0,
                    interval_us: [estimate.lo_ns as f64 / 1000.0, estimate.hi_ns as f64 / 1000.0],
                    observed_us: samples[0],
                    median_us: quantile(&samples, 0.5),
                });
            }
        }
    }
    let devices = profile.cpu().into_iter().chain(profile.gpus());
    for (i, device) in devices.enumerate() {
        let place = if i == 0 { Place::Cpu } else { Place::Gpu(i as u32 - 1) };
        let rows: Vec<&Row> = result.rows.iter().filter(|r| r.place == place).collect();
        let mut errors: Vec<f64> = rows.iter().map(|r| r.error()).collect();
        if errors.is_empty() {
            continue;
        }
        errors.sort_by(f64::total_cmp);
        let inside = |r: &&&Row| (r.interval_us[0]..=r.interval_us[1]).contains(&r.observed_us);
        result.errors.push(Errors {
            place,
            name: device.adapter.name.clone(),
            software: device.adapter.kind == DeviceKind::Software,
            median: quantile(&errors, 0.5),
            p90: quantile(&errors, 0.9),
            coverage: rows.iter().filter(inside).count() as f64 / rows.len() as f64,
        });
    }
    Ok(result)
}

/// Up to 40 calls or 60 ms, after two that warm up.
fn sample(mut run: impl FnMut() -> Result<f64>) -> Result<Vec<f64>> {
    run()?;
    run()?;
    let start = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < 3 || (samples.len() < 40 && start.elapsed().as_millis() < 60) {
        samples.push(run()?.max(1e-3));
    }
    Ok(samples)
}

fn on_cpu(pool: &Pool, example: &Example, x: &[f32], y: &[f32], out: &mut [f32], workers: usize) -> f64 {
    let start = Instant::now();
    if workers <= 1 {
        black_box((example.run)(x, y, out));
    } else {
        pool.install(|| black_box(parts(example, x, y, out, workers)));
    }
    start.elapsed().as_secs_f64() * 1e6
}

fn parts(example: &Example, x: &[f32], y: &[f32], out: &mut [f32], n: usize) -> f32 {
    if n <= 1 {
        return (example.run)(x, y, out);
    }
    let at = x.len() * (n / 2) / n;
    let (left, right) = out.split_at_mut(at);
    let (a, b) = join(
        || parts(example, &x[..at], &y[..at], left, n / 2),
        || parts(example, &x[at..], &y[at..], right, n - n / 2),
    );
    a + b
}

#[cfg(feature = "gpu")]
mod gpu {
    use std::sync::Arc;

    use super::{EXAMPLES, Example, Profile};
    use crate::calibrate::{adapters, host};
    use crate::device::{Binding, Device, Job, Pass, Read, Shader, Slot};
    use crate::planner::profile::DeviceKind;
    use crate::{Error, Result};

    pub(super) struct Gpu {
        device: Arc<Device>,
        shader: Arc<Shader>,
    }

    /// The profile's GPUs, in its order.
    pub(super) fn open(profile: &Profile) -> Result<Vec<Gpu>> {
        if profile.gpus().next().is_none() {
            return Ok(Vec::new());
        }
        let found = adapters(profile.gpus().any(|d| d.adapter.kind == DeviceKind::Software));
        let mut gpus = Vec::new();
        let mut taken = vec![false; found.len()];
        for wanted in profile.gpus() {
            let same = |&(i, info): &(usize, _)| !taken[i] && host::adapter(info) == wanted.adapter;
            let Some((i, info)) = found.iter().enumerate().find(same) else {
                return Err(Error::NoGpu { reason: format!("`{}` of the profile is not here", wanted.adapter.name) });
            };
            taken[i] = true;
            let device = Device::open(info.index)
                .map_err(|e| Error::Device { device: info.name.clone(), reason: e.to_string() })?;
            let slots = vec![Slot::Uniform, Slot::Read, Slot::Read, Slot::ReadWrite];
            let entries = EXAMPLES.iter().map(|e| e.name.to_owned()).collect();
            let key = u64::from_le_bytes(*b"examples");
            let shader = Shader::new("examples", key, include_str!("examples.wgsl"), slots, entries);
            // SAFETY: every index is below `n`, which is the length of all bindings (the sums are `n / 2048`, rounded up);
            // loops have constant bounds; no integer division.
            let shader = Arc::new(unsafe { shader.trusted() });
            gpus.push(Gpu { device, shader });
        }
        Ok(gpus)
    }

    impl Gpu {
        /// From call to result in microseconds, uploads and download included.
        pub(super) fn run(&self, example: &Example, x: &[f32], y: &[f32], out: &mut [f32]) -> Result<f64> {
            let start = std::time::Instant::now();
            let n = x.len() as u32;
            let per_group = if example.is_reduction() { 2048 } else { 256 };
            let groups = n.div_ceil(per_group);
            let wide = groups.min(32_768);
            let mut params = [0u8; 16];
            params[..4].copy_from_slice(&n.to_le_bytes());
            params[4..8].copy_from_slice(&(wide * 256).to_le_bytes());
            let results = if example.is_reduction() { groups as usize } else { x.len() };
            let second = if example.inputs() > 1 { y } else { &y[..4.min(y.len())] };
            let bindings = [
                Binding::Uniform(&params),
                Binding::Input(bytemuck::cast_slice(x)),
                Binding::Input(bytemuck::cast_slice(second)),
                Binding::Output { bytes: results as u64 * 4, read: Read::All, zero: false },
            ];
            let entry = EXAMPLES.iter().position(|e| e.name == example.name).unwrap_or(0);
            let passes = [Pass { entry, groups: [wide, groups.div_ceil(wide), 1] }];
            let job = Job { shader: &self.shader, bindings: &bindings, passes: &passes, predicted_ns: 0 };
            let into: &mut [u8] = bytemuck::cast_slice_mut(&mut out[..results]);
            let timing = self.device.run(&job, &mut |_, data| into.copy_from_slice(data));
            let name = &self.device.info().name;
            timing.map_err(|e| Error::Device { device: name.clone(), reason: e.to_string() })?;
            Ok(start.elapsed().as_secs_f64() * 1e6)
        }
    }
}
