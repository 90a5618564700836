//! Prices of tasks and copies: what the cost model says, taken apart for graphs.

mod planner_support;

use planner_support::{Builder, FIXTURES, GPU, plan, profile, set};
use veda::planner::price::price;
use veda::planner::profile::{DeviceKind, keys};
use veda::planner::task_graph::{GraphError, TaskCost};
use veda::planner::{
    Action, Bytes, DataResidency, Observation, OpCounts, OutputKind, Place, PlaceOffer, ProfileSet, Residency, Work,
};

fn work(output: OutputKind) -> Work {
    let ops = OpCounts { add: 20.0, mul: 20.0, ..OpCounts::default() };
    Work { key: 7, elements: 1 << 20, groups: 256, ops, in_bytes: 4.0, out_bytes: 4.0, output, ..Work::default() }
}

fn host() -> Residency {
    Residency { host: Bytes { fixed: 0.0, per_element: 4.0 }, ..Residency::default() }
}

#[test]
fn the_parts_of_a_call_add_up_to_the_call() {
    for fixture in FIXTURES.into_iter().filter(|f| *f != "none") {
        let model = set(fixture).model;
        for output in [OutputKind::Map, OutputKind::Reduce] {
            let work = work(output);
            let call = model.estimate(&work, GPU, &host(), 0, false).unwrap().mean_ns;
            let up = model.transfer(Place::Cpu, GPU, 4 << 20).unwrap().mean_ns;
            let exec = model.exec(&work, GPU).unwrap().mean_ns;
            let down = model.transfer(GPU, Place::Cpu, work.result_bytes() as u64).unwrap().mean_ns;
            let build = model.compile(GPU).unwrap().mean_ns;
            assert!(call.abs_diff(up + exec + down + build) <= 4, "{fixture} {output:?}");
        }
    }
}

#[test]
fn from_one_gpu_to_another_the_way_is_through_the_host() {
    let mut profile = profile("discrete-pcie");
    profile.devices.push(planner_support::profile("integrated-uma").devices.remove(1));
    let model = ProfileSet::from_profile(&profile).model;
    let ns = |from, to| model.transfer(from, to, 1 << 20).unwrap().mean_ns;
    let (a, b) = (Place::Gpu(0), Place::Gpu(1));
    assert_eq!(ns(a, b), ns(a, Place::Cpu) + ns(Place::Cpu, b));
    assert_eq!((ns(a, a), ns(Place::Cpu, Place::Cpu)), (0, 0));
    assert!(model.transfer(Place::Gpu(2), Place::Cpu, 1).is_none());
}

#[test]
fn what_calls_taught_counts_for_graphs() {
    let mut model = set("discrete-pcie").model;
    let work = work(OutputKind::Map);
    let (before, digest) = (model.exec(&work, Place::Cpu).unwrap(), model.digest());
    for _ in 0..8 {
        let seen = Observation { place: Place::Cpu, observed_ns: 3 * before.mean_ns, warm_up: false, contended: false };
        model.observe(&work, &host(), &seen);
    }
    let after = model.exec(&work, Place::Cpu).unwrap();
    assert!((after.mean_ns as f64 / before.mean_ns as f64 - 3.0).abs() < 0.3, "{before:?} {after:?}");
    assert!(after.sigma < before.sigma);
    assert_ne!(model.digest(), digest, "plans made before are other plans");
}

#[test]
fn hand_written_kernels_bring_their_own_transfers_and_loops_stay_on_the_device() {
    let set = set("discrete-pcie");
    let mut b = Builder::default();
    let x = b.datum("x", 1 << 20);
    let y = b.rigid("by hand", &[x], 3_000.0);
    b.wanted(y, Place::Cpu);
    let TaskCost::Kernel { work, .. } = b.graph.tasks[0].cost.clone() else { panic!() };
    b.graph.tasks[0].cost = TaskCost::Staged(work);
    let staged = plan(&b.graph, &set);
    assert_eq!(staged.places, [GPU]);
    assert!(staged.steps.iter().all(|s| !matches!(s.action, Action::Copy { .. })));
    let call = set.model.estimate(&work, GPU, &host(), 0, true).unwrap().mean_ns;
    assert!(staged.timeline.makespan_ns.abs_diff(call) <= 3);
    b.graph.tasks[0].cost = TaskCost::Kernel { work, repeat: 100 };
    let loops = plan(&b.graph, &set);
    let once = set.model.exec(&work, GPU).unwrap().mean_ns;
    let run = loops.timeline.run(0).unwrap();
    assert_eq!(run.end_ns - run.start_ns, 100 * once);
    assert_eq!(loops.steps.iter().filter(|s| matches!(s.action, Action::Copy { .. })).count(), 2);
}

#[test]
fn overlaps_become_links_and_limits_that_cannot_bind_are_left_out() {
    let mut b = Builder::default();
    let x = b.datum("x", 1_000);
    let y = b.map("f", &[x], 1.0);
    b.wanted(y, Place::Cpu);
    let residency = DataResidency::host(&b.graph);
    let blocks = |overlap: f64| {
        let mut profile = profile("discrete-pcie");
        let scalars = &mut profile.devices[1].scalars;
        scalars.get_mut(keys::OVERLAP_UPLOAD).unwrap().v = overlap;
        let priced = price(&b.graph, &ProfileSet::from_profile(&profile), &residency, None).unwrap();
        priced.instance.links[0].blocks
    };
    assert_eq!([0.0, 0.25, 0.875, 1.0].map(blocks), [1.0, 0.75, 0.125, 0.0]);
    let capacity = |cap| {
        let priced = price(&b.graph, &set("discrete-pcie"), &residency, cap).unwrap();
        priced.instance.memories[1].capacity
    };
    assert_eq!([capacity(None), capacity(Some(8_000)), capacity(Some(7_999))], [None, None, Some(7_999)]);
}

#[test]
fn software_adapters_and_unknown_places_are_not_used() {
    let mut profile = profile("discrete-pcie");
    profile.devices[1].adapter.kind = DeviceKind::Software;
    let mut set = ProfileSet::from_profile(&profile);
    set.places.push(PlaceOffer::idle(Place::Gpu(5)));
    let mut b = Builder::default();
    let x = b.datum("x", 1 << 20);
    let y = b.map("f", &[x], 2_000.0);
    b.wanted(y, Place::Cpu);
    assert!(plan(&b.graph, &set).places.iter().all(|&p| p == Place::Cpu));
    set.places.iter_mut().for_each(|o| o.software_admitted = true);
    assert!(plan(&b.graph, &set).places.contains(&GPU));
}

#[test]
fn inputs_on_a_device_that_is_not_offered_have_no_value() {
    let mut b = Builder::default();
    let x = b.datum("x", 10);
    b.map("f", &[x], 1.0);
    let mut residency = DataResidency::host(&b.graph);
    residency.valid.insert(x, [Place::Gpu(3)].into());
    let error = price(&b.graph, &set("none"), &residency, None).unwrap_err();
    assert_eq!(error, GraphError::NoValue { datum: 0, name: "x".into() });
}
