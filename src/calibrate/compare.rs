//! Two profiles side by side: numbers, curves at common sizes, crossovers, and the decisions that would differ.

use serde::{Deserialize, Serialize};

use super::examples::EXAMPLES;
use super::stats::NOISY;
use crate::planner::curve::Curve;
use crate::planner::decide::{crossover, decide};
use crate::planner::profile::{DeviceKind, DeviceProfile, Knot, Profile, Scalar};
use crate::planner::{Candidate, CostModel, Place};

/// Elements per call for which decisions are compared: half decades from a thousand to a hundred million.
const DECADES: std::ops::RangeInclusive<i32> = 6..=16;

/// What [`compare`] found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The machines and dates of both.
    pub sides: [Side; 2],
    /// Devices that both have: the CPU, then GPUs of the same name (else of the same index).
    pub devices: Vec<Device>,
    /// Devices of only one side.
    pub unmatched: [Vec<String>; 2],
    /// From how many elements each GPU overtakes the CPU on the reference kernels.
    pub crossovers: Vec<Crossing>,
    /// Reference calls that were compared.
    pub calls: usize,
    /// Those that would run elsewhere.
    pub decisions: Vec<Changed>,
}

/// One of the two profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Model name of its CPU.
    pub cpu: String,
    /// Workers of the measured pool.
    pub workers: u32,
    /// When it was made.
    pub created: String,
    /// Nothing was measured.
    pub builtin: bool,
    /// Epochs differed: intervals are wide.
    pub noisy: bool,
}

/// A device of both profiles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its name on each side.
    pub names: [String; 2],
    /// It runs on the CPU (on either side): no evidence about GPUs.
    pub software: bool,
    /// Its numbers.
    pub rows: Vec<Row>,
    /// Numbers of only one side.
    pub missing: [Vec<String>; 2],
}

/// What a number is, which says how two of them compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Microseconds: compared by ratio, less is faster.
    Time,
    /// Operations per microsecond: compared by ratio, more is faster.
    Rate,
    /// Watts: compared by ratio.
    Power,
    /// 0 to 1: compared by difference.
    Share,
}

impl Kind {
    /// Of a scalar, by its name.
    fn of(scalar: &str) -> Self {
        match scalar {
            s if s.ends_with("_us") => Self::Time,
            s if s.ends_with("_watts") => Self::Power,
            _ => Self::Share,
        }
    }
}

/// One number of both profiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The scalar, curve or class of operations.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The size, for a curve.
    pub bytes: Option<u64>,
    /// The first profile's.
    pub a: f64,
    /// The second profile's.
    pub b: f64,
    /// How far either may be off: the relative scatter of its samples, or the absolute one of a share.
    pub noise: f64,
}

impl Row {
    /// b / a; for a share b − a. `None` where something else than a share is zero.
    pub fn change(&self) -> Option<f64> {
        match self.kind {
            Kind::Share => Some(self.b - self.a),
            _ => (self.a > 0.0 && self.b > 0.0).then(|| self.b / self.a),
        }
    }
}

/// From how many elements a GPU wins; `None`: never.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// The reference kernel.
    pub example: String,
    /// The GPU's index.
    pub gpu: u32,
    /// A software adapter on either side: routing never takes it.
    pub software: bool,
    /// Inputs and result on the host.
    pub cold: [Option<u64>; 2],
    /// Inputs on the device already.
    pub resident: [Option<u64>; 2],
}

/// A call that would run elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// The reference kernel.
    pub example: String,
    /// Elements.
    pub elements: u64,
    /// Inputs on the device already.
    pub resident: bool,
    /// Where each profile sends it.
    pub places: [Place; 2],
    /// Time lost where the second profile is right and the first decides: 0.1 is 10 %.
    pub loss: f64,
}

/// Compares two profiles. Pure; about 10 ms.
pub fn compare(a: &Profile, b: &Profile) -> Comparison {
    let pairs = pairs(a, b);
    let models = [CostModel::new(a), CostModel::new(b)];
    let mut result = Comparison { sides: [side(a), side(b)], ..Comparison::default() };
    for (i, j) in &pairs {
        let (da, db) = (&a.devices[*i], &b.devices[*j]);
        result.devices.push(device(da, db, a.quality.noisy || b.quality.noisy));
    }
    for (side, profile) in [a, b].into_iter().enumerate() {
        let matched = |d: usize| pairs.iter().any(|p| [p.0, p.1][side] == d);
        let alone = profile.devices.iter().enumerate().filter(|(d, _)| !matched(*d));
        result.unmatched[side] = alone.map(|(_, d)| d.adapter.name.clone()).collect();
    }
    result.crossovers = crossings(a, b, &pairs, &models);
    (result.calls, result.decisions) = decisions([a, b], &models);
    result
}

fn side(p: &Profile) -> Side {
    Side {
        cpu: p.host.cpu_model.clone(),
        workers: p.host.pool_threads,
        created: p.created.clone(),
        builtin: p.builtin,
        noisy: p.quality.noisy,
    }
}

/// Indices of the devices that belong together: the CPUs; GPUs of one name in order; the rest in order.
fn pairs(a: &Profile, b: &Profile) -> Vec<(usize, usize)> {
    let is_cpu = |d: &DeviceProfile| d.adapter.kind == DeviceKind::Cpu;
    let mut left: Vec<usize> = (0..a.devices.len()).collect();
    let mut right: Vec<usize> = (0..b.devices.len()).collect();
    let mut found = Vec::new();
    for by_name in [true, false] {
        left.retain(|&i| {
            let one = &a.devices[i];
            let fits = |other: &DeviceProfile| {
                let named = is_cpu(one) || !by_name || one.adapter.name == other.adapter.name;
                is_cpu(one) == is_cpu(other) && named
            };
            let Some(at) = right.iter().position(|&j| fits(&b.devices[j])) else { return true };
            found.push((i, right.remove(at)));
            false
        });
    }
    found.sort_unstable();
    found
}

fn device(a: &DeviceProfile, b: &DeviceProfile, noisy: bool) -> Device {
    let mut rows = Vec::new();
    for (name, s) in &a.scalars {
        if let Some(t) = b.scalars.get(name) {
            let kind = Kind::of(name);
            let noise = spread(s, kind).max(spread(t, kind));
            rows.push(Row { name: name.clone(), kind, bytes: None, a: s.v, b: t.v, noise });
        }
    }
    // The file holds no interval of a rate: 3 %, which is where sampling stops; more than the limit of a noisy epoch.
    for (name, &rate) in &a.op_rates {
        if let Some(&other) = b.op_rates.get(name) {
            let noise = if noisy { 1.5 * NOISY } else { 0.03 };
            rows.push(Row { name: name.clone(), kind: Kind::Rate, bytes: None, a: rate, b: other, noise });
        }
    }
    for (name, knots) in &a.curves {
        if let Some(other) = b.curves.get(name) {
            rows.extend(curve_rows(name, knots, other));
        }
    }
    let only = |x: &DeviceProfile, y: &DeviceProfile| -> Vec<String> {
        let scalars = x.scalars.keys().filter(|k| !y.scalars.contains_key(*k));
        let curves = x.curves.keys().filter(|k| !y.curves.contains_key(*k));
        let rates = x.op_rates.keys().filter(|k| !y.op_rates.contains_key(*k));
        scalars.chain(curves).chain(rates).cloned().collect()
    };
    Device {
        names: [a.adapter.name.clone(), b.adapter.name.clone()],
        software: [a, b].iter().any(|d| d.adapter.kind == DeviceKind::Software),
        rows,
        missing: [only(a, b), only(b, a)],
    }
}

/// Half of a scalar's interval: of its logarithm for a time.
fn spread(s: &Scalar, kind: Kind) -> f64 {
    match kind {
        Kind::Share => (s.hi - s.lo) / 2.0,
        _ if s.lo > 0.0 && s.hi >= s.lo => (s.hi / s.lo).ln() / 2.0,
        _ => 0.0,
    }
}

/// Both curves at the sizes of either that lie within both.
fn curve_rows(name: &str, a: &[Knot], b: &[Knot]) -> Vec<Row> {
    let (Ok(curve_a), Ok(curve_b)) = (Curve::new(a), Curve::new(b)) else { return Vec::new() };
    let ends = |knots: &[Knot]| (knots.first().map_or(0, |k| k.bytes), knots.last().map_or(0, |k| k.bytes));
    let low = ends(a).0.max(ends(b).0);
    let high = ends(a).1.min(ends(b).1);
    let noise = scatter(a).max(scatter(b));
    let mut sizes: Vec<u64> = a.iter().chain(b).map(|k| k.bytes).filter(|s| (low..=high).contains(s)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let row = |bytes: u64| Row {
        name: name.to_owned(),
        kind: Kind::Time,
        bytes: Some(bytes),
        a: curve_a.us(bytes as f64),
        b: curve_b.us(bytes as f64),
        noise,
    };
    sizes.into_iter().map(row).collect()
}

/// The median over the knots of ln(median / fastest sample): how far a typical sample of the curve is off.
fn scatter(knots: &[Knot]) -> f64 {
    let mut all: Vec<f64> = knots.iter().map(|k| (k.p50_us / k.min_us).ln()).filter(|x| x.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0).max(0.0)
}

/// The place of a device among the profile's GPUs.
fn gpu_index(profile: &Profile, device: usize) -> Option<u32> {
    let is_gpu = |d: &DeviceProfile| d.adapter.kind != DeviceKind::Cpu;
    is_gpu(&profile.devices[device]).then(|| profile.devices[..device].iter().filter(|d| is_gpu(d)).count() as u32)
}

fn crossings(a: &Profile, b: &Profile, pairs: &[(usize, usize)], models: &[CostModel; 2]) -> Vec<Crossing> {
    let mut rows = Vec::new();
    for &(i, j) in pairs {
        let (Some(ga), Some(gb)) = (gpu_index(a, i), gpu_index(b, j)) else { continue };
        let software = [&a.devices[i], &b.devices[j]].iter().any(|d| d.adapter.kind == DeviceKind::Software);
        for example in &EXAMPLES {
            let (work, cold) = (example.work(1 << 20), example.residency());
            let from = |resident: bool| {
                let residency = if resident { cold.resident() } else { cold };
                [(0, ga), (1, gb)].map(|(side, gpu): (usize, u32)| {
                    // Shown for software adapters too, although routing never takes them.
                    let gpu = Candidate { software_admitted: true, ..Candidate::idle(Place::Gpu(gpu)) };
                    crossover(&models[side], &work, &residency, &Candidate::idle(Place::Cpu), &gpu).first()
                })
            };
            let (cold, resident) = (from(false), from(true));
            rows.push(Crossing { example: example.name.to_owned(), gpu: ga, software, cold, resident });
        }
    }
    rows
}

fn decisions(profiles: [&Profile; 2], models: &[CostModel; 2]) -> (usize, Vec<Changed>) {
    let candidates = profiles.map(|p| {
        let gpus = (0..p.gpus().count() as u32).map(|i| Candidate::idle(Place::Gpu(i)));
        std::iter::once(Candidate::idle(Place::Cpu)).chain(gpus).collect::<Vec<_>>()
    });
    let mut calls = 0;
    let mut changed = Vec::new();
    for example in &EXAMPLES {
        for resident in [false, true] {
            let residency = if resident { example.residency().resident() } else { example.residency() };
            for step in DECADES {
                let work = example.work(10f64.powf(f64::from(step) / 2.0) as u64);
                calls += 1;
                let found = [0, 1].map(|s: usize| decide(&models[s], &work, &residency, &candidates[s]));
                let places = [found[0].place, found[1].place];
                if places[0] == places[1] {
                    continue;
                }
                let time = |place| found[1].estimate(place).map(|e| e.mean_ns as f64);
                let loss = match (time(places[0]), time(places[1])) {
                    (Some(other), Some(best)) if best > 0.0 => other / best - 1.0,
                    // The second machine has no such device.
                    _ => 0.0,
                };
                let elements = work.elements;
                changed.push(Changed { example: example.name.to_owned(), elements, resident, places, loss });
            }
        }
    }
    (calls, changed)
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
