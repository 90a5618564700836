//! A GPU's marginal costs, and what overlaps on it: arithmetic with memory inside of a kernel, copies with kernels.

use std::collections::BTreeMap;

use super::fit::{marginal, together};
use super::gpu::{Bench, MIXED, MOST_TRIPS, micros, params};
use super::plan::Probes;
use super::stats::Summary;
use crate::Result;
use crate::device::{Pass, Read};
use crate::planner::profile::{Scalar, keys};

/// Dispatches of the marginal cost.
const COUNTS: [usize; 4] = [1, 8, 64, 512];
/// The arithmetic side of the overlap stays within so many elements: 4 KiB, in any cache.
const CACHED: u32 = 1024;

/// A stream with about as much arithmetic as memory time, repeated until the launch is a small part of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mix {
    /// Elements: 4 bytes are read and 4 written of each.
    n: u32,
    /// Rounds of arithmetic per element.
    trips: u32,
    /// Dispatches.
    passes: usize,
}

/// Numbers of these probes.
pub(super) struct GpuCosts {
    dispatch: Vec<(usize, usize)>,
    /// Nothing, memory, arithmetic, both: the same number of dispatches each.
    mix: [usize; 4],
}

impl Bench {
    /// The time of a mix with this mask and these trips, µs.
    fn mixed(&self, mix: &Mix, mask: u32, trips: u32) -> Result<f64> {
        let groups = mix.n.div_ceil(256);
        let x = groups.min(32_768);
        let pass = Pass { entry: MIXED, groups: [x, groups.div_ceil(x), 1] };
        let bytes = u64::from(mix.n) * 4;
        let uniform = params(mix.n, trips, mask, x * 256);
        Ok(micros(self.run(&vec![pass; mix.passes], bytes, bytes, uniform, Read::No)?.execute_ns))
    }

    /// Finds the mix whose memory lasts `target` µs and whose arithmetic lasts about as long.
    ///
    /// # Errors
    /// When the device fails.
    pub(super) fn balance(&self, target: f64) -> Result<Mix> {
        // Half of the largest curve size, so that hardware streams from beyond its caches.
        let n = (self.largest_device / 8).max(u64::from(CACHED)) as u32;
        let mut mix = Mix { n: 1 << n.ilog2(), trips: 1, passes: 1 };
        let memory = loop {
            // Twice: the first run of a pipeline is not its speed.
            let us = self.mixed(&mix, mix.n - 1, 0)?.min(self.mixed(&mix, mix.n - 1, 0)?);
            if us >= target || mix.passes >= 64 {
                break us;
            }
            mix.passes *= 2;
        };
        let mut before = 0.0;
        while mix.trips < MOST_TRIPS {
            let us = self.mixed(&mix, CACHED - 1, mix.trips)?.min(self.mixed(&mix, CACHED - 1, mix.trips)?);
            if us >= memory {
                // The nearer of the last two; their ratio is at most 2.
                if us * before > memory * memory {
                    mix.trips /= 2;
                }
                break;
            }
            before = us;
            mix.trips *= 2;
        }
        mix.trips = mix.trips.max(1);
        Ok(mix)
    }

    /// Adds the probes.
    pub(super) fn cost_probes<'a>(&'a self, mix: &'a Mix, probes: &mut Probes<'a>) -> GpuCosts {
        let mut idle = |count: usize| {
            let passes = vec![Pass { entry: 0, groups: [1, 1, 1] }; count];
            probes.add(move || Ok(micros(self.run(&passes, 4, 4, params(1, 1, 0, 64), Read::No)?.execute_ns)))
        };
        let dispatch = COUNTS.map(|count| (count, idle(count))).to_vec();
        let mix = [
            idle(mix.passes),
            probes.add(move || self.mixed(mix, mix.n - 1, 0)),
            probes.add(move || self.mixed(mix, CACHED - 1, mix.trips)),
            probes.add(move || self.mixed(mix, mix.n - 1, mix.trips)),
        ];
        GpuCosts { dispatch, mix }
    }
}

/// The scalars that they make.
pub(super) fn scalars(p: &GpuCosts, found: &[Summary]) -> BTreeMap<String, Scalar> {
    let points: Vec<(f64, f64)> = p.dispatch.iter().map(|&(count, id)| (count as f64, found[id].min)).collect();
    let samples = p.dispatch.iter().map(|&(_, id)| found[id].n).sum();
    let [idle, memory, compute, both] = p.mix.map(|id| found[id]);
    let rows = [
        (keys::MARGINAL_US, marginal(&points, samples)),
        (keys::OVERLAP, Some(together(&compute, &memory, &both, idle.min))),
    ];
    rows.into_iter().filter_map(|(key, s)| Some((key.to_owned(), s?))).collect()
}
