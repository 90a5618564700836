//! Synthetic machines: a fixture's profile is what calibration found, the truth differs from it kernel by kernel.
//!
//! A kernel's execution takes exp(0.5 z) times what the profile says (z: one normal number per kernel and device), and
//! another few percent more or less at each octave of its size, which no residual can know. A call's time is that, with
//! 10 % of log-normal noise; one call of fifty is an outlier of 2 to 8 times the time.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::Path;

use veda::planner::{Bytes, CostModel, Observation, OpCounts, OutputKind, Place, Profile, Residency, Work};

/// Both devices.
pub const PLACES: [Place; 2] = [Place::Cpu, Place::Gpu(0)];
/// Fixtures with two devices.
pub const FIXTURES: [&str; 3] = ["discrete-pcie", "integrated-uma", "h200-from-specifications"];

pub fn profile(name: &str) -> Profile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/profiles").join(format!("{name}.json"));
    Profile::load(&path).unwrap_or_else(|e| panic!("{name} {e}"))
}

/// Random numbers: `SplitMix64`, the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// In 0..1.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Between these, evenly in the logarithm.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.uniform())
    }

    /// Mean 0, standard deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// A kernel of random cost.
pub fn kernel(key: u64, random: &mut Random) -> Work {
    let flops = random.between(1.0, 600.0);
    let special = if random.uniform() < 0.3 { random.between(0.5, 16.0) } else { 0.0 };
    let gather = if random.uniform() < 0.2 { 4.0 * random.between(1.0, 8.0).floor() } else { 0.0 };
    Work {
        key,
        elements: 1,
        ops: OpCounts { add: flops / 2.0, mul: flops / 2.0, special, ..OpCounts::default() },
        in_bytes: 4.0 * (1.0 + (3.0 * random.uniform()).floor()),
        out_bytes: 4.0,
        gather_bytes: gather,
        output: OutputKind::Map,
        ..Work::default()
    }
}

pub fn on_host(work: &Work) -> Residency {
    Residency { host: Bytes { fixed: 0.0, per_element: work.in_bytes }, ..Residency::default() }
}

/// All inputs lie on the GPU, and the result may stay there.
pub fn on_gpu(work: &Work) -> Residency {
    Residency {
        device: Bytes { fixed: 0.0, per_element: work.in_bytes },
        result_may_stay: true,
        ..Residency::default()
    }
}

/// How a machine differs from its profile.
#[derive(Clone, Copy, Debug)]
pub struct Wrong {
    /// Log standard deviation between kernels.
    pub kernels: f64,
    /// The same between octaves of one kernel's size.
    pub octaves: f64,
    /// Log standard deviation of one call.
    pub noise: f64,
    /// Share of outliers.
    pub outliers: f64,
}

impl Default for Wrong {
    fn default() -> Self {
        Self { kernels: 0.5, octaves: 0.04, noise: 0.1, outliers: 0.02 }
    }
}

/// A machine that is not as its profile says.
#[derive(Clone, Debug)]
pub struct Machine {
    base: CostModel,
    pub wrong: Wrong,
    seed: u64,
    random: Random,
    /// All execution takes this many times as long (a clock that dropped).
    pub slower: f64,
}

impl Machine {
    pub fn new(profile: &Profile, wrong: Wrong, seed: u64) -> Machine {
        Machine { base: CostModel::new(profile), wrong, seed, random: Random(seed), slower: 1.0 }
    }

    /// The time of a call without noise, nanoseconds.
    pub fn truth(&self, work: &Work, place: Place, residency: &Residency) -> f64 {
        let told = self.base.estimate(work, place, residency, 0, true).expect("the fixture has both devices").terms;
        let device = if place == Place::Cpu { 1 } else { 2 };
        let normal = |what: u64| Random(self.seed ^ work.key << 20 ^ device << 8 ^ what).normal();
        let octave = work.elements.max(1).ilog2();
        let factor =
            self.slower * (self.wrong.kernels * normal(99) + self.wrong.octaves * normal(u64::from(octave))).exp();
        told.exec as f64 * factor + (told.upload + told.download + told.launch) as f64
    }

    /// Runs it: the truth and noise.
    pub fn run(&mut self, work: &Work, place: Place, residency: &Residency) -> u64 {
        let truth = self.truth(work, place, residency);
        let outlier = if self.random.uniform() < self.wrong.outliers { self.random.between(2.0, 8.0) } else { 1.0 };
        ((truth * (self.wrong.noise * self.random.normal()).exp() * outlier) as u64).max(1)
    }
}

pub const fn seen(place: Place, observed_ns: u64) -> Observation {
    Observation { place, observed_ns, warm_up: false, contended: false }
}

/// The value below which a share `q` lies.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * q).round() as usize]
}
