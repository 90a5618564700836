//! When to try the device that was not chosen, and on how much of the call.
//!
//! A router that only learns from its own choices never finds out that it is wrong about the other device. So a small
//! slice of a call is now and then run there. Its result is used: what is lost is the difference in time, and an account
//! ([`Budget`]) keeps the sum of the losses below 2 % of all routed time.

use serde::{Deserialize, Serialize};

use super::cost_model::CostModel;
use super::decide::Candidate;
use super::estimate::Estimate;
use super::profile::DeviceKind;
use super::residual::{CONFIRMED, SIGMA_UNSEEN};
use super::work::{Place, Residency, Work};

/// The shares of a call that a slice may take, as divisors: the first that teaches enough.
pub const SHARES: [u64; 3] = [16, 8, 4];
/// Calls that are predicted to be shorter than this are never sliced, nanoseconds: what a second launch takes (tens of
/// microseconds) would show.
pub const SHORTEST_NS: u64 = 100_000;
/// An estimate this narrow (log standard deviation, the measurement's noise included, over that noise) has nothing left to
/// learn that a slice could teach.
const SETTLED: f64 = 1.25;
/// A slice of which less than this share is execution says more about the launch than about the kernel.
const INFORMATIVE: f64 = 0.15;

/// The account of exploration: at most a share `rho` of all time may have gone into trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Time lost to trials, nanoseconds.
    pub spent_ns: u64,
    /// Time of all calls, nanoseconds.
    pub total_ns: u64,
    /// The share (0.02).
    pub rho: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { spent_ns: 0, total_ns: 0, rho: 0.02 }
    }
}

impl Budget {
    /// Nanoseconds that may still be lost.
    pub fn left_ns(&self) -> u64 {
        ((self.rho * self.total_ns as f64) as u64).saturating_sub(self.spent_ns)
    }
}

/// Whether to run a slice of the call on `other`: the caller runs it, measures it, and books the loss into `budget`.
///
/// `slice` is the estimate of the other device for the slice, `share` the slice's share of the call. Yes only if the
/// intervals (±1.64σ) overlap and the expected loss fits the budget; never for float reductions (their bits depend on where
/// they ran) and never in deterministic mode.
pub fn may_explore(
    budget: &Budget,
    chosen: &Estimate,
    other: &Estimate,
    slice: &Estimate,
    share: f64,
    float_reduction: bool,
    deterministic: bool,
) -> bool {
    if float_reduction || deterministic {
        return false;
    }
    let overlap =
        (other.mean_ns as f64) * (-1.64 * other.sigma).exp() < (chosen.mean_ns as f64) * (1.64 * chosen.sigma).exp();
    overlap && budget.spent_ns as f64 + loss(chosen, slice.mean_ns, share) <= budget.rho * budget.total_ns as f64
}

/// What a slice that takes `slice_ns` loses against the chosen device.
fn loss(chosen: &Estimate, slice_ns: u64, share: f64) -> f64 {
    (slice_ns as f64 - share * chosen.mean_ns as f64).max(0.0)
}

/// A slice to run elsewhere: the first `elements` of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Where.
    pub place: Place,
    /// How many elements; fewer than the call has.
    pub elements: u64,
    /// Its predicted time, nanoseconds.
    pub predicted_ns: u64,
    /// What the chosen device is predicted to take for as many elements, nanoseconds: [`Trial::loss_ns`] is over this.
    pub instead_ns: u64,
}

impl Trial {
    /// What the slice lost when it took `slice_ns`: to be booked into [`Budget::spent_ns`].
    pub const fn loss_ns(&self, slice_ns: u64) -> u64 {
        slice_ns.saturating_sub(self.instead_ns)
    }
}

/// The rules that a call brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Slices end at multiples of this many elements (the tile of a reduction); 0 counts as 1.
    pub grain: u64,
    /// A reduction of floats: never sliced.
    pub float_reduction: bool,
    /// Same call, same decision: nothing is tried.
    pub deterministic: bool,
}

/// The slice of this call to try elsewhere, if any: on the candidate whose lower bound is the least.
///
/// Besides what [`may_explore`] asks: nothing is queued anywhere, the pipeline exists, the call is not short
/// ([`SHORTEST_NS`]), the other device's time is not known well already, and the slice would teach something about it.
/// Pure. One estimate (some 200 ns) for a short call, else three to five.
pub fn trial(
    model: &CostModel,
    work: &Work,
    residency: &Residency,
    candidates: &[Candidate],
    chosen: Place,
    budget: &Budget,
    rules: Rules,
) -> Option<Trial> {
    if rules.deterministic || rules.float_reduction || budget.left_ns() == 0 {
        return None;
    }
    if candidates.iter().any(|c| c.queued_ns > 0) || !candidates.iter().any(|c| c.place == chosen) {
        return None;
    }
    let whole = |place| model.estimate(work, place, residency, 0, true);
    let instead = whole(chosen)?;
    if instead.mean_ns < SHORTEST_NS {
        return None;
    }
    let low = |e: &Estimate| (e.mean_ns as f64 * (-1.64 * e.sigma).exp()) as u64;
    let admitted = |c: &&Candidate| {
        let software = model.kind(c.place) == Some(DeviceKind::Software) && !c.software_admitted;
        c.place != chosen && c.ready && !software
    };
    let (place, other) = candidates
        .iter()
        .filter(admitted)
        .filter_map(|c| Some((c.place, whole(c.place)?)))
        .min_by_key(|(place, e)| (low(e), *place))?;
    // Not believed yet: the one call that was seen may have been an outlier, and what looks four times slower than it is
    // would never be tried again.
    let other = if model.observations(work, place, residency) < CONFIRMED {
        Estimate { sigma: other.sigma.max(SIGMA_UNSEEN), ..other }
    } else if other.sigma > SETTLED * model.noise(place, other.mean_ns) {
        other
    } else {
        return None;
    };
    let grain = rules.grain.max(1);
    SHARES.iter().find_map(|divisor| {
        let elements = work.elements / divisor / grain * grain;
        let share = elements as f64 / work.elements as f64;
        let slice = model.estimate(&work.with_elements(elements), place, residency, 0, true)?;
        let informative = slice.terms.exec as f64 >= INFORMATIVE * slice.mean_ns as f64;
        let pays = || may_explore(budget, &instead, &other, &slice, share, rules.float_reduction, rules.deterministic);
        (elements > 0 && informative && pays()).then_some(Trial {
            place,
            elements,
            predicted_ns: slice.mean_ns,
            instead_ns: (share * instead.mean_ns as f64) as u64,
        })
    })
}
