//! The decision for one call, and its cached form.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::cost_model::CostModel;
use super::estimate::Estimate;
use super::profile::DeviceKind;
use super::work::{Place, Residency, Work};
use crate::telemetry::fnv::Fnv;

/// Kernels address at most this many elements.
pub const MAX_ELEMENTS: u64 = u32::MAX as u64;

/// A place that could run the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Where.
    pub place: Place,
    /// Work already queued there, nanoseconds.
    pub queued_ns: u64,
    /// The pipeline exists; otherwise its compile time is part of the estimate.
    pub ready: bool,
    /// Admit it although it is a software adapter (`VEDA_DEVICE=software`, tests).
    pub software_admitted: bool,
}

impl Candidate {
    /// An idle candidate whose pipeline exists.
    pub const fn idle(place: Place) -> Self {
        Self { place, queued_ns: 0, ready: true, software_admitted: false }
    }
}

/// Why a place was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The least predicted time.
    Fastest,
    /// No other candidate was admitted.
    OnlyCandidate,
}

/// What was decided for one call and from which numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Where it runs.
    pub place: Place,
    /// Candidates in order of place; `None`: not admitted (software adapter) or not in the profile.
    pub estimates: Vec<(Place, Option<Estimate>)>,
    /// Time of the runner-up over time of the winner, minus 1; 0 without a runner-up.
    pub margin: f64,
    /// Why.
    pub reason: Reason,
    /// What would change the decision; filled in by [`Decision::with_flip`].
    pub flip: Option<FlipPoint>,
}

fn estimate(model: &CostModel, work: &Work, residency: &Residency, c: &Candidate) -> Option<Estimate> {
    if model.kind(c.place)? == DeviceKind::Software && !c.software_admitted {
        return None;
    }
    model.estimate(work, c.place, residency, c.queued_ns, c.ready)
}

/// Compares all candidates. The order in which they are passed does not matter; ties go to the lower place (the CPU first).
pub fn decide(model: &CostModel, work: &Work, residency: &Residency, candidates: &[Candidate]) -> Decision {
    let mut estimates: Vec<_> = candidates.iter().map(|c| (c.place, estimate(model, work, residency, c))).collect();
    estimates.sort_by_key(|e| e.0);
    let mut admitted: Vec<(u64, Place)> =
        estimates.iter().filter_map(|(place, e)| Some((e.as_ref()?.mean_ns, *place))).collect();
    admitted.sort_unstable();
    let (place, margin, reason) = match admitted.as_slice() {
        [] => (Place::Cpu, 0.0, Reason::OnlyCandidate),
        [only] => (only.1, 0.0, Reason::OnlyCandidate),
        [best, next, ..] => (best.1, next.0 as f64 / best.0.max(1) as f64 - 1.0, Reason::Fastest),
    };
    Decision { place, estimates, margin, reason, flip: None }
}

impl Decision {
    /// The estimate of one place.
    pub fn estimate(&self, place: Place) -> Option<&Estimate> {
        self.estimates.iter().find(|e| e.0 == place)?.1.as_ref()
    }

    /// Adds the flip points (some 100 estimates: for `explain`, not for the hot path).
    #[must_use]
    pub fn with_flip(
        mut self,
        model: &CostModel,
        work: &Work,
        residency: &Residency,
        candidates: &[Candidate],
    ) -> Self {
        let cpu = candidates.iter().find(|c| c.place == Place::Cpu);
        let gpu = candidates
            .iter()
            .filter(|c| c.place != Place::Cpu && estimate(model, work, residency, c).is_some())
            .min_by_key(|c| (estimate(model, work, residency, c).map(|e| e.mean_ns), c.place));
        if let (Some(cpu), Some(gpu)) = (cpu, gpu) {
            let first = |r: &Residency| crossover(model, work, r, cpu, gpu).first();
            self.flip = Some(FlipPoint { gpu_from: first(residency), gpu_from_resident: first(&residency.resident()) });
        }
        self
    }
}

/// From how many elements the GPU wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlipPoint {
    /// With the data where they are; `None`: never.
    pub gpu_from: Option<u64>,
    /// With all inputs on the device already; `None`: never.
    pub gpu_from_resident: Option<u64>,
}

/// How the faster device depends on the number of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossover {
    /// The CPU up to any size.
    Never,
    /// The GPU from this many elements on.
    From(u64),
    /// The GPU from this many elements on, but not for all larger sizes: compare each time.
    Several(u64),
}

impl Crossover {
    /// The smallest number of elements for which the GPU wins.
    pub const fn first(self) -> Option<u64> {
        match self {
            Self::Never => None,
            Self::From(n) | Self::Several(n) => Some(n),
        }
    }
}

/// Scans sizes at half octaves for changes of the winner and bisects the first one.
pub fn crossover(model: &CostModel, work: &Work, residency: &Residency, cpu: &Candidate, gpu: &Candidate) -> Crossover {
    let gpu_wins = |n: u64| {
        let work = work.with_elements(n);
        match (estimate(model, &work, residency, cpu), estimate(model, &work, residency, gpu)) {
            (Some(c), Some(g)) => g.mean_ns < c.mean_ns,
            (None, Some(_)) => true,
            _ => false,
        }
    };
    let (mut first, mut changes, mut before, mut last) = (None, 0, false, 1);
    for step in 0..=64 {
        let n = (2f64.powf(f64::from(step) / 2.0) as u64).clamp(1, MAX_ELEMENTS);
        let wins = gpu_wins(n);
        if wins != before {
            changes += 1;
            first = first.or(Some((last, n)));
            before = wins;
        }
        last = n;
    }
    let Some((mut low, mut high)) = first else { return Crossover::Never };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if gpu_wins(middle) { high = middle } else { low = middle }
    }
    if changes == 1 { Crossover::From(high) } else { Crossover::Several(high) }
}

const SETS: usize = 128;
const WAYS: usize = 4;
const NEVER: u64 = (1 << 40) - 1;
const HYSTERESIS: u64 = 20;

/// One cached crossover: `check` is tag ^ data, so a pair torn by two writers reads as a miss and needs no lock.
///
/// `data`: generation (16 bits) | valid (1) | last choice was the GPU (1) | crossover (40).
#[derive(Debug, Default)]
struct Slot {
    check: AtomicU64,
    data: AtomicU64,
}

#[derive(Debug, Default)]
struct Set {
    generation: AtomicU32,
    slots: [Slot; WAYS],
}

/// A margin that no movement of the model within one observation overturns.
const CLEAR: f64 = 1.0;

/// The cached comparison: per kernel and residency one integer, the number of elements from which the GPU wins.
///
/// A hit is a hash, at most four loads of pairs and a compare: no lock, no allocation. Within ±5 % of the crossover the
/// last choice stays (off in deterministic mode, where a decision must not depend on history).
#[derive(Debug)]
pub struct Decider {
    sets: Box<[Set]>,
    hysteresis: bool,
}

impl Decider {
    /// An empty cache.
    pub fn new(deterministic: bool) -> Self {
        Self { sets: (0..SETS).map(|_| Set::default()).collect(), hysteresis: !deterministic }
    }

    /// Forgets the crossovers of a kernel: call it when [`CostModel::observe`] returns true.
    pub fn invalidate(&self, key: u64) {
        self.set(key).generation.fetch_add(1, Ordering::Release);
    }

    fn set(&self, key: u64) -> &Set {
        &self.sets[(key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57) as usize % SETS]
    }

    /// Where to run `work`: the same as [`decide`], except within 5 % of the crossover, where the last choice stays.
    ///
    /// `model` is called on a miss only (it may take a lock). Answered from the cache: the CPU and one GPU, both idle.
    /// Queued work, several GPUs and kernels with several crossovers are compared each time.
    pub fn route<M: Deref<Target = CostModel>>(
        &self,
        model: impl Fn() -> M,
        work: &Work,
        residency: &Residency,
        candidates: &[Candidate],
    ) -> Place {
        let full = || decide(&model(), work, residency, candidates).place;
        let (cpu, gpu) = match candidates {
            [a, b] | [b, a] if a.place == Place::Cpu && b.place != Place::Cpu => (a, b),
            _ => return full(),
        };
        if cpu.queued_ns > 0 || gpu.queued_ns > 0 {
            return full();
        }
        let set = self.set(work.key);
        // Read before the model: an observation in between leaves a slot of an old generation, never a stale new one.
        let generation = u64::from(set.generation.load(Ordering::Acquire) as u16);
        let mut fnv = Fnv::new();
        for v in [work.key, residency.signature(), u64::from(gpu.ready) << 1 | u64::from(gpu.software_admitted)] {
            fnv.bytes(&v.to_le_bytes());
        }
        if let Place::Gpu(i) = gpu.place {
            fnv.bytes(&i.to_le_bytes());
        }
        let tag = fnv.finish();
        let found = set.slots.iter().find_map(|slot| {
            let data = slot.data.load(Ordering::Relaxed);
            (slot.check.load(Ordering::Relaxed) ^ data == tag && data & (1 << 41) != 0).then_some((slot, data))
        });
        let near = |n: u64, at: u64| at < NEVER && n.abs_diff(at) <= at / HYSTERESIS;
        let (slot, at, last) = match found {
            Some((slot, data)) if data >> 42 == generation => (slot, data & NEVER, data & (1 << 40) != 0),
            stale => {
                let model = model();
                if stale.is_some() {
                    // The model has moved. Where the winner is clear two estimates tell; the crossover takes some 100
                    // (7 us), too much for a call of 1 us whose kernel is observed all the time.
                    let decision = decide(&model, work, residency, candidates);
                    if decision.margin > CLEAR {
                        return decision.place;
                    }
                }
                let at = match crossover(&model, work, residency, cpu, gpu) {
                    Crossover::Never => NEVER,
                    Crossover::From(n) => n,
                    Crossover::Several(_) => return decide(&model, work, residency, candidates).place,
                };
                match stale {
                    // A crossover that moved by less than 5 % stays where it was, and so does the last choice.
                    Some((slot, data)) if self.hysteresis && near(at, data & NEVER) => {
                        (slot, data & NEVER, data & (1 << 40) != 0)
                    }
                    Some((slot, _)) => (slot, at, work.elements >= at),
                    None => (&set.slots[(tag >> 60) as usize % WAYS], at, work.elements >= at),
                }
            }
        };
        let wins = if self.hysteresis && near(work.elements, at) { last } else { work.elements >= at };
        let data = generation << 42 | 1 << 41 | u64::from(wins) << 40 | at;
        if slot.data.load(Ordering::Relaxed) != data || found.is_none() {
            slot.data.store(data, Ordering::Relaxed);
            slot.check.store(tag ^ data, Ordering::Relaxed);
        }
        if wins { gpu.place } else { Place::Cpu }
    }
}
