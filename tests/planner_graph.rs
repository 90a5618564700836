//! Plans for graphs on the machines of the fixtures: none of them is in the room.

mod planner_support;

use planner_support::{Builder, FIXTURES, GPU, plan, set};
use veda::planner::planning;
use veda::planner::task_graph::TaskCost;
use veda::planner::{Action, Bytes, Candidate, DataResidency, Place, ProfileSet, Residency, decide};

/// A photograph through `stages` maps, with `ops` additions and multiplications each.
fn chain(n: u64, stages: usize, ops: f64, fusible: bool) -> Builder {
    let mut b = Builder::default();
    let mut d = b.datum("photograph", n);
    for i in 0..stages {
        d = b.map(&format!("stage {i}"), &[d], ops);
    }
    b.wanted(d, Place::Cpu);
    if !fusible {
        b.graph.tasks.iter_mut().for_each(|t| t.fusible = false);
    }
    b
}

#[test]
fn one_rigid_node_goes_where_the_router_sends_the_call() {
    for fixture in FIXTURES {
        let set = set(fixture);
        for ops in [1.0, 20.0, 200.0, 2_000.0] {
            for n in [1u64, 1_000, 30_000, 200_000, 1_000_000, 20_000_000] {
                let mut b = Builder::default();
                let x = b.datum("x", n);
                let y = b.rigid("f", &[x], ops);
                b.wanted(y, Place::Cpu);
                let plan = plan(&b.graph, &set);
                let TaskCost::Kernel { work, .. } = &b.graph.tasks[0].cost else { panic!() };
                let residency = Residency { host: Bytes { fixed: 0.0, per_element: 4.0 }, ..Residency::default() };
                let places: Vec<_> = set.model.places().into_iter().map(Candidate::idle).collect();
                let decision = decide(&set.model, work, &residency, &places);
                assert_eq!(plan.places, [decision.place], "{fixture} {ops} {n}");
                let predicted = decision.estimate(decision.place).unwrap().mean_ns;
                let planned = plan.timeline.makespan_ns;
                assert!(planned.abs_diff(predicted) <= 3, "{fixture} {ops} {n}: {planned} {predicted}");
            }
        }
    }
}

#[test]
fn chunks_that_hide_copies_behind_kernels_beat_one_block() {
    let set = set("discrete-pcie");
    let b = chain(8 << 20, 3, 300.0, false);
    let (_, whole) =
        planning::best_schedule(&b.graph, &set, &DataResidency::host(&b.graph), &Default::default(), 1).unwrap();
    // Only the GPU, so that it is not the split that wins.
    let gpu_only = ProfileSet { places: set.places.iter().filter(|o| o.place == GPU).cloned().collect(), ..set };
    let plan = plan(&b.graph, &gpu_only);
    assert!(plan.graph.tasks.len() > 3, "cut: {:?}", plan.candidates);
    let gain = whole.makespan as f64 / plan.timeline.makespan_ns as f64;
    assert!(gain > 1.3, "{gain}: {:?}", plan.candidates);
}

#[test]
fn a_split_between_cpu_and_gpu_beats_both() {
    let set = set("integrated-uma");
    let b = chain(4 << 20, 1, 100.0, false);
    let plan = plan(&b.graph, &set);
    let alone = |name: &str| plan.candidates.iter().find(|c| c.0 == name).unwrap().1;
    let single = alone("all CPU").min(alone("GPU 0 alone"));
    let gain = single as f64 / plan.timeline.makespan_ns as f64;
    assert!(gain > 1.1, "{gain}: {:?}", plan.candidates);
    assert!(plan.places.contains(&Place::Cpu) && plan.places.contains(&GPU), "{:?}", plan.places);
}

#[test]
fn merging_maps_saves_the_memory_between_them() {
    let set = set("none");
    let b = chain(16 << 20, 6, 1.0, true);
    let plan = plan(&b.graph, &set);
    assert_eq!(plan.graph.tasks.iter().map(|t| t.origin.len()).max(), Some(6), "{:?}", plan.candidates);
    let plain = plan.candidates.iter().find(|c| c.0 == "as it is").unwrap().1;
    assert!(plain as f64 > 3.0 * plan.timeline.makespan_ns as f64, "{:?}", plan.candidates);
}

#[test]
fn host_functions_stay_on_the_cpu_and_overlap_with_the_gpu() {
    let set = set("discrete-pcie");
    let mut b = Builder::default();
    let x = b.datum("x", 1 << 20);
    let y = b.rigid("heavy", &[x], 2_000.0);
    let log = b.host("write the log", &[x], 1_500_000, 1);
    let report = b.host("report", &[y, log], 100_000, 1);
    b.wanted(report, Place::Cpu);
    let plan = plan(&b.graph, &set);
    assert_eq!(plan.places, [GPU, Place::Cpu, Place::Cpu]);
    let (heavy, log) = (plan.timeline.run(0).unwrap(), plan.timeline.run(1).unwrap());
    assert!(heavy.start_ns < log.end_ns && log.start_ns < heavy.end_ns, "they overlap");
}

#[test]
fn copies_happen_once_and_only_for_readers() {
    let set = set("h200-from-specifications");
    let mut b = Builder::default();
    let x = b.datum("x", 1 << 22);
    for i in 0..4 {
        let y = b.rigid(&format!("f{i}"), &[x], 3_000.0);
        b.wanted(y, GPU);
    }
    let plan = plan(&b.graph, &set);
    let copies = plan.steps.iter().filter(|s| matches!(s.action, Action::Copy { .. })).count();
    assert_eq!((plan.places.clone(), copies), (vec![GPU; 4], 1));
}
