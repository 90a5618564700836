//! Decisions on the machines of the fixtures: none of them is in the room.

use std::path::Path;

use proptest::prelude::*;
use veda::planner::{
    Bytes, Candidate, CostModel, Decider, Observation, OpCounts, OutputKind, Place, Profile, Reason, Residency, Work,
    decide,
};

const GPU: Place = Place::Gpu(0);
const FIXTURES: [&str; 4] = ["discrete-pcie", "integrated-uma", "h200-from-specifications", "none"];

fn profile(name: &str) -> Profile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/profiles").join(format!("{name}.json"));
    Profile::load(&path).unwrap_or_else(|e| panic!("{name} {e}"))
}

fn model(name: &str) -> CostModel {
    CostModel::new(&profile(name))
}

/// A map of one float to one float with 400 arithmetic operations in between.
fn heavy(elements: u64) -> Work {
    let ops = OpCounts { add: 200.0, mul: 200.0, ..OpCounts::default() };
    Work { key: 1, elements, ops, in_bytes: 4.0, out_bytes: 4.0, ..Work::default() }
}

/// `y = a * x`: nothing but memory.
fn light(elements: u64) -> Work {
    let ops = OpCounts { mul: 1.0, ..OpCounts::default() };
    Work { key: 2, elements, ops, in_bytes: 4.0, out_bytes: 4.0, ..Work::default() }
}

fn on_host() -> Residency {
    Residency { host: Bytes { fixed: 0.0, per_element: 4.0 }, ..Residency::default() }
}

fn on_gpu() -> Residency {
    Residency { device: Bytes { fixed: 0.0, per_element: 4.0 }, result_may_stay: true, ..Residency::default() }
}

fn both() -> [Candidate; 2] {
    [Candidate::idle(Place::Cpu), Candidate::idle(GPU)]
}

fn gpu_from(model: &CostModel, work: &Work, residency: &Residency) -> Option<u64> {
    let decision = decide(model, work, residency, &both()).with_flip(model, work, residency, &both());
    decision.flip.expect("two candidates").gpu_from
}

fn seen(place: Place, observed_ns: u64) -> Observation {
    Observation { place, observed_ns, warm_up: false, contended: false }
}

#[test]
fn size_and_arithmetic_decide() {
    let m = model("discrete-pcie");
    assert_eq!(decide(&m, &heavy(1_000), &on_host(), &both()).place, Place::Cpu);
    let large = decide(&m, &heavy(10_000_000), &on_host(), &both());
    assert_eq!((large.place, large.reason), (GPU, Reason::Fastest));
    assert!(large.margin > 1.0, "{large:?}");
}

#[test]
fn memory_bound_maps_of_host_data_stay_and_resident_ones_go() {
    let m = model("discrete-pcie");
    assert_eq!(gpu_from(&m, &light(1000), &on_host()), None, "the link is slower than the CPU's memory");
    let resident = gpu_from(&m, &light(1000), &on_gpu()).expect("the GPU's memory is ten times as fast");
    assert!(resident < 1_000_000, "{resident}");
    let (host, resident) = (gpu_from(&m, &heavy(1000), &on_host()), gpu_from(&m, &heavy(1000), &on_gpu()));
    assert!(resident < host && resident.is_some(), "{resident:?} {host:?}");
}

#[test]
fn shared_memory_pays_earlier_than_a_link() {
    let at = |name| gpu_from(&model(name), &heavy(1000), &on_host()).expect("worth it on every GPU");
    assert!(at("integrated-uma") < at("discrete-pcie"));
}

#[test]
fn without_a_gpu_there_is_the_cpu() {
    let m = model("none");
    let d = decide(&m, &heavy(100_000_000), &on_host(), &both());
    assert_eq!((d.place, d.reason), (Place::Cpu, Reason::OnlyCandidate));
    assert_eq!(d.estimate(GPU), None);
}

#[test]
fn queued_work_and_a_missing_pipeline_flip_the_decision() {
    let m = model("discrete-pcie");
    let work = heavy(1_000_000);
    let [cpu, gpu] = both();
    let place = |c: [Candidate; 2]| decide(&m, &work, &on_host(), &c).place;
    assert_eq!(place([cpu, gpu]), GPU);
    assert_eq!(place([cpu, Candidate { queued_ns: 100_000_000, ..gpu }]), Place::Cpu);
    assert_eq!(
        place([Candidate { queued_ns: 1_000_000_000, ..cpu }, Candidate { queued_ns: 100_000_000, ..gpu }]),
        GPU
    );
    assert_eq!(place([cpu, Candidate { ready: false, ..gpu }]), Place::Cpu);
}

#[test]
fn observations_flip_the_decision() {
    let mut m = model("discrete-pcie");
    let work = heavy(1_000_000);
    let before = decide(&m, &work, &on_host(), &both());
    assert_eq!(before.place, GPU);
    let slow = 2 * before.estimate(Place::Cpu).expect("a CPU").mean_ns;
    for _ in 0..20 {
        m.observe(&work, &on_host(), &seen(GPU, slow));
    }
    let after = decide(&m, &work, &on_host(), &both());
    assert_eq!(after.place, Place::Cpu);
    let error = after.estimate(GPU).expect("a GPU").mean_ns as f64 / slow as f64;
    assert!((0.9..1.1).contains(&error), "{error}");
    // What was learned survives a restart.
    let mut profile = profile("discrete-pcie");
    profile.learned = m.learned();
    let again = CostModel::new(&Profile::from_json(&profile.to_json().expect("valid")).expect("valid"));
    assert_eq!(decide(&again, &work, &on_host(), &both()).place, Place::Cpu);
}

#[test]
fn contended_and_empty_observations_teach_nothing() {
    let mut m = model("discrete-pcie");
    let contended = Observation { contended: true, ..seen(GPU, 1_000_000_000) };
    assert!(!m.observe(&heavy(1000), &on_host(), &contended));
    assert!(!m.observe(&heavy(1000), &on_host(), &seen(GPU, 0)));
    assert!(!m.observe(&heavy(1000), &on_host(), &seen(Place::Gpu(7), 1000)));
    assert!(m.learned().is_empty());
}

#[test]
fn a_launch_that_costs_five_times_as_much_is_learned_for_all_kernels() {
    let mut m = model("discrete-pcie");
    let (small, r) = (light(1000), Residency { result_may_stay: true, ..Residency::default() });
    let told = m.estimate(&small, GPU, &r, 0, true).expect("a GPU");
    let truth = told.mean_ns + 4 * told.terms.launch;
    for _ in 0..40 {
        m.observe(&small, &r, &seen(GPU, truth));
    }
    // Another kernel, never seen: only its launch is known better.
    let (other, fresh) = (Work { key: 77, ..small }, model("discrete-pcie"));
    let now = m.estimate(&other, GPU, &r, 0, true).expect("a GPU");
    let was = fresh.estimate(&other, GPU, &r, 0, true).expect("a GPU");
    let ratio = now.terms.launch as f64 / was.terms.launch as f64;
    assert!((3.5..6.0).contains(&ratio), "{ratio}");
    assert_eq!(now.terms.exec, was.terms.exec);
    assert!(m.learned().contains_key("launch/gpu0"), "{:?}", m.learned());
    // A kernel whose decision was cached before learns of it at its next observation, once.
    let cpu = m.estimate(&other, Place::Cpu, &r, 0, true).expect("a CPU").mean_ns;
    assert!(m.observe(&other, &r, &seen(Place::Cpu, cpu)));
    assert!(!m.observe(&other, &r, &seen(Place::Cpu, cpu)));
}

#[test]
fn warm_up_teaches_the_compile_time_only() {
    let mut m = model("discrete-pcie");
    let work = heavy(1000);
    let cold = |m: &CostModel| m.estimate(&work, GPU, &on_host(), 0, false).expect("a GPU");
    let before = cold(&m);
    let truth = before.mean_ns + 3 * before.terms.compile;
    for _ in 0..8 {
        m.observe(&work, &on_host(), &Observation { warm_up: true, ..seen(GPU, truth) });
    }
    let after = cold(&m);
    let ratio = after.mean_ns as f64 / truth as f64;
    assert!((0.8..1.2).contains(&ratio), "{ratio}");
    assert_eq!(
        m.estimate(&work, GPU, &on_host(), 0, true),
        model("discrete-pcie").estimate(&work, GPU, &on_host(), 0, true)
    );
}

#[test]
fn impossible_learned_numbers_and_queues_do_not_overflow() {
    let mut p = profile("discrete-pcie");
    for key in ["0000000000000001/cpu/host", "0000000000000001/gpu0/host", "launch/gpu0", "link/cpu"] {
        p.learned.insert(key.to_owned(), veda::planner::profile::Learned { mean: 1e300, variance: 1e300, n: 1 });
    }
    p.devices[1].op_rates.insert("add".to_owned(), 1e-300);
    let m = CostModel::new(&p);
    let queued = both().map(|c| Candidate { queued_ns: u64::MAX, ..c });
    let d = decide(&m, &heavy(u64::MAX), &on_host(), &queued);
    assert_eq!(d.estimates.len(), 2);
    assert!(d.estimates.iter().all(|e| e.1.is_some_and(|e| e.mean_ns == u64::MAX)), "{d:?}");
}

#[test]
fn the_same_inputs_give_the_same_bytes_in_any_order() {
    let decided = |reversed: bool| {
        let mut m = model("discrete-pcie");
        for i in 1..30 {
            m.observe(&heavy(1000 * i), &on_host(), &seen(if i % 3 == 0 { GPU } else { Place::Cpu }, 90_000 * i));
        }
        let mut c = both();
        if reversed {
            c.reverse();
        }
        let d = decide(&m, &heavy(123_456), &on_host(), &c).with_flip(&m, &heavy(123_456), &on_host(), &c);
        serde_json::to_string(&(d, m.learned())).expect("plain data")
    };
    assert_eq!(decided(false), decided(false));
    assert_eq!(decided(false), decided(true));
}

#[test]
fn near_the_crossover_the_last_choice_stays() {
    let m = model("discrete-pcie");
    let at = gpu_from(&m, &heavy(1000), &on_host()).expect("worth it");
    let (below, above) = (at - at / 50, at + at / 50);
    let route = |d: &Decider, n: u64| d.route(|| &m, &heavy(n), &on_host(), &both());
    let sticky = Decider::new(false);
    assert_eq!(route(&sticky, at * 2), GPU);
    assert_eq!(route(&sticky, below), GPU, "2 % below: stays");
    assert_eq!(route(&sticky, at / 2), Place::Cpu);
    assert_eq!(route(&sticky, above), Place::Cpu, "2 % above: stays");
    let exact = Decider::new(true);
    assert_eq!(route(&exact, at * 2), GPU);
    assert_eq!(route(&exact, below), Place::Cpu, "deterministic: no history");
    assert_eq!(route(&exact, above), GPU);
}

proptest! {
    #[test]
    fn the_cached_comparison_agrees_with_the_full_one(
        sizes in proptest::collection::vec(0f64..32.0, 1..20),
        ops in 0f64..500.0,
        fixture in 0usize..4,
        resident: bool,
    ) {
        let m = model(FIXTURES[fixture]);
        let residency = if resident { on_gpu() } else { on_host() };
        let work = |n: u64| Work { ops: OpCounts { add: ops, ..OpCounts::default() }, ..heavy(n) };
        let at = gpu_from_or_none(&m, &work(1000), &residency);
        let decider = Decider::new(false);
        for n in sizes.into_iter().map(|e| 2f64.powf(e) as u64) {
            let routed = decider.route(|| &m, &work(n), &residency, &both());
            if at.is_none_or(|at| n.abs_diff(at) > at / 20 + 1) {
                prop_assert_eq!(routed, decide(&m, &work(n), &residency, &both()).place, "n = {}, at = {:?}", n, at);
            }
        }
    }

    #[test]
    fn more_elements_never_cost_less(
        fixture in 0usize..4,
        a in 0f64..32.0,
        b in 0f64..32.0,
        adds in 0f64..300.0,
        special in 0f64..10.0,
        bytes in (0f64..64.0, 0f64..64.0, 0f64..64.0),
        output in prop_oneof![Just(OutputKind::Map), Just(OutputKind::Reduce), Just(OutputKind::Compact)],
        host: bool,
        learned in 1u64..10_000_000,
    ) {
        let mut m = model(FIXTURES[fixture]);
        let residency = if host { on_host() } else { on_gpu() };
        let ops = OpCounts { add: adds, special, ..OpCounts::default() };
        let base = Work {
            key: 9, elements: 256, groups: 1, ops, in_bytes: bytes.0, out_bytes: bytes.1, gather_bytes: bytes.2,
            output, ..Work::default()
        };
        for place in [Place::Cpu, GPU] {
            m.observe(&base.with_elements(10_000), &residency, &seen(place, learned));
            let cost = |e: f64| m.estimate(&base.with_elements(2f64.powf(e) as u64), place, &residency, 0, true);
            if let (Some(less), Some(more)) = (cost(a.min(b)), cost(a.max(b))) {
                prop_assert!(less.mean_ns <= more.mean_ns, "{:?} {:?}", less, more);
                prop_assert!(more.lo_ns <= more.mean_ns && more.mean_ns <= more.hi_ns);
            }
        }
    }
}

fn gpu_from_or_none(model: &CostModel, work: &Work, residency: &Residency) -> Option<u64> {
    decide(model, work, residency, &both()).with_flip(model, work, residency, &both()).flip.and_then(|f| f.gpu_from)
}
