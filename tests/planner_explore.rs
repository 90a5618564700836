//! When a slice of a call is tried on the device that was not chosen, and when never.

mod machines;

use machines::{PLACES, on_host, profile, seen};
use veda::planner::explore::SHORTEST_NS;
use veda::planner::{
    Budget, Candidate, CostModel, OpCounts, Place, Profile, Residency, Rules, Trial, Work, decide, trial,
};

const GPU: Place = Place::Gpu(0);
/// As if much had run before.
const RICH: Budget = Budget { spent_ns: 0, total_ns: 1_000_000_000_000, rho: 0.02 };
const MAP: Rules = Rules { grain: 256, float_reduction: false, deterministic: false };

/// A call of a few milliseconds, and a profile whose GPU computes so slowly that it takes about as long as the CPU.
fn close(name: &str) -> (Profile, Work, Residency) {
    let ops = OpCounts { add: 200.0, mul: 200.0, ..OpCounts::default() };
    let work = Work { key: 9, elements: 2_000_000, ops, in_bytes: 4.0, out_bytes: 4.0, ..Work::default() };
    let (mut profile, residency) = (profile(name), on_host(&work));
    let told = |place| {
        CostModel::new(&machines::profile(name)).estimate(&work, place, &residency, 0, true).expect("both devices")
    };
    let (cpu, gpu) = (told(Place::Cpu), told(GPU));
    let wanted = 1.1 * cpu.mean_ns as f64 - (gpu.mean_ns - gpu.terms.exec) as f64;
    for rate in profile.devices[1].op_rates.values_mut() {
        *rate *= gpu.terms.exec as f64 / wanted;
    }
    (profile, work, residency)
}

fn tried(model: &CostModel, work: &Work, residency: &Residency, budget: &Budget, rules: Rules) -> Option<Trial> {
    let candidates = PLACES.map(Candidate::idle);
    let chosen = decide(model, work, residency, &candidates).place;
    let slice = trial(model, work, residency, &candidates, chosen, budget, rules);
    assert!(slice.is_none_or(|s| s.place != chosen));
    slice
}

#[test]
fn a_close_call_is_tried_on_the_first_sixteenth_and_the_slice_ends_at_the_grain() {
    for fixture in machines::FIXTURES {
        let (profile, work, residency) = close(fixture);
        let m = CostModel::new(&profile);
        for grain in [1, 256, 4096] {
            let slice = tried(&m, &work, &residency, &RICH, Rules { grain, ..MAP }).expect("worth it");
            assert_eq!(slice.elements % grain, 0);
            assert!((work.elements / 17..=work.elements / 4).contains(&slice.elements), "{fixture} {slice:?}");
            assert!(slice.predicted_ns > 0 && slice.loss_ns(slice.instead_ns) == 0);
        }
    }
}

#[test]
fn what_must_not_be_tried_is_not() {
    let (profile, work, residency) = close("discrete-pcie");
    let m = CostModel::new(&profile);
    assert!(tried(&m, &work, &residency, &RICH, MAP).is_some());
    assert_eq!(tried(&m, &work, &residency, &RICH, Rules { float_reduction: true, ..MAP }), None);
    assert_eq!(tried(&m, &work, &residency, &RICH, Rules { deterministic: true, ..MAP }), None);
    assert_eq!(tried(&m, &work, &residency, &Budget::default(), MAP), None, "nothing was earned yet");
    assert_eq!(tried(&m, &work, &residency, &Budget { spent_ns: 20_000_000_000, ..RICH }, MAP), None, "all is spent");
    assert_eq!(tried(&m, &work, &residency, &RICH, Rules { grain: 1 << 30, ..MAP }), None, "no slice of whole grains");
    // Short calls, whatever they compute.
    for elements in [1, 100, 1000, 3000] {
        let short = work.with_elements(elements);
        let time = m.estimate(&short, Place::Cpu, &residency, 0, true).expect("a CPU").mean_ns;
        assert!(time < SHORTEST_NS);
        assert_eq!(tried(&m, &short, &residency, &RICH, MAP), None);
    }
    // Queues, a missing pipeline, a place that is no candidate.
    let [cpu, gpu] = PLACES.map(Candidate::idle);
    let chosen = decide(&m, &work, &residency, &[cpu, gpu]).place;
    let with = |c: &[Candidate]| trial(&m, &work, &residency, c, chosen, &RICH, MAP);
    assert!(with(&[cpu, gpu]).is_some());
    assert_eq!(with(&[Candidate { queued_ns: 1, ..cpu }, gpu]), None);
    assert_eq!(with(&[cpu, gpu].map(|c| Candidate { ready: c.place == chosen, ..c })), None);
    assert_eq!(with(&[if chosen == GPU { gpu } else { cpu }]), None);
}

#[test]
fn software_adapters_are_tried_only_where_they_are_admitted() {
    let (mut profile, work, residency) = close("discrete-pcie");
    profile.devices[1].adapter.kind = veda::planner::profile::DeviceKind::Software;
    let m = CostModel::new(&profile);
    let with = |admitted| {
        let candidates = PLACES.map(|p| Candidate { software_admitted: admitted, ..Candidate::idle(p) });
        trial(&m, &work, &residency, &candidates, Place::Cpu, &RICH, MAP)
    };
    assert!(with(true).is_some());
    assert_eq!(with(false), None);
}

#[test]
fn clear_cases_and_known_devices_are_left_alone() {
    let (profile, work, residency) = close("discrete-pcie");
    let mut m = CostModel::new(&profile);
    // Moving the data alone takes the GPU twenty times as long.
    let light = Work { key: 3, elements: 20_000_000, in_bytes: 4.0, out_bytes: 4.0, ..Work::default() };
    assert_eq!(tried(&m, &light, &on_host(&light), &RICH, MAP), None);
    // Both devices were seen often and take what they take: nothing to learn.
    for _ in 0..40 {
        for place in PLACES {
            let time = m.estimate(&work, place, &residency, 0, true).expect("both").mean_ns;
            m.observe(&work, &residency, &seen(place, time));
        }
    }
    assert_eq!(tried(&m, &work, &residency, &RICH, MAP), None);
    // One observation is no knowledge: an outlier may have been that one.
    let mut m = CostModel::new(&profile);
    let chosen = decide(&m, &work, &residency, &PLACES.map(Candidate::idle)).place;
    let other = if chosen == GPU { Place::Cpu } else { GPU };
    let time = m.estimate(&work, other, &residency, 0, true).expect("both").mean_ns;
    m.observe(&work, &residency, &seen(other, time * 5 / 2));
    assert_eq!(tried(&m, &work, &residency, &RICH, MAP).map(|s| s.place), Some(other));
}
