//! The worked examples of `src/planner/README.md`.

use std::path::Path;

use veda::gpu::{OpCounts, Place};
use veda::planner::planning::plan;
use veda::planner::task_graph::{Access, Datum, Divisible, Read, Task, TaskCost, TaskGraph};
use veda::planner::timeline::Lane;
use veda::planner::{
    Bytes, Candidate, CostModel, DataResidency, Objective, Profile, ProfileSet, Residency, Work, decide,
};

#[test]
fn the_worked_example_is_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/profiles/discrete-pcie.json");
    let model = CostModel::new(&Profile::load(&path).unwrap());
    let residency = Residency { host: Bytes { fixed: 0.0, per_element: 4.0 }, ..Residency::default() };
    let work = |ops: f64| Work {
        key: 1,
        elements: 262_144,
        groups: 64,
        ops: OpCounts { add: ops, mul: ops, ..OpCounts::default() },
        in_bytes: 4.0,
        out_bytes: 4.0,
        ..Work::default()
    };
    let candidates = [Candidate::idle(Place::Cpu), Candidate::idle(Place::Gpu(0))];
    let heavy = decide(&model, &work(200.0), &residency, &candidates);
    let microseconds = |place| heavy.estimate(place).unwrap().mean_ns / 1000;
    assert_eq!(heavy.place, Place::Gpu(0));
    assert!((1_325..=1_335).contains(&microseconds(Place::Cpu)), "{heavy:?}");
    assert!((314..=318).contains(&microseconds(Place::Gpu(0))), "{heavy:?}");

    let light =
        decide(&model, &work(1.0), &residency, &candidates).with_flip(&model, &work(1.0), &residency, &candidates);
    assert_eq!(light.place, Place::Cpu);
    assert!(light.estimate(Place::Cpu).unwrap().mean_ns < 20_000, "{light:?}");
    assert_eq!(light.flip.unwrap().gpu_from, None);
}

#[test]
fn the_worked_example_of_a_graph_is_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/profiles/discrete-pcie.json");
    let set = ProfileSet::from_profile(&Profile::load(&path).unwrap());
    let n = 4 << 20;
    let datum = |name: &str, wanted| Datum { name: name.into(), bytes: 4 * n, elements: n, wanted, piece: None };
    let stage = |key: u64, from: usize| Task {
        name: format!("stage {key}"),
        only: None,
        cost: TaskCost::Kernel {
            work: Work {
                key,
                elements: n,
                groups: n / 4096,
                ops: OpCounts { add: 500.0, mul: 500.0, ..OpCounts::default() },
                in_bytes: 4.0,
                out_bytes: 4.0,
                ..Work::default()
            },
            repeat: 1,
        },
        reads: vec![Read { datum: from, access: Access::Elements }],
        writes: vec![from + 1],
        after: vec![],
        divisible: Divisible::By { grain: 4096, per_output: 1 },
        fusible: true,
        origin: vec![],
        window: None,
    };
    let graph = TaskGraph {
        data: vec![datum("photograph", None), datum("between", None), datum("picture", Some(Place::Cpu))],
        tasks: vec![stage(1, 0), stage(2, 1)],
    };
    let residency = DataResidency::host(&graph);
    let plan = plan(&graph, &set, &residency, &Objective::default(), 1).unwrap();
    let us = |ns: u64| ns / 1_000;
    let transfer = |from, to| us(set.model.transfer(from, to, 4 * n).unwrap().mean_ns);
    let TaskCost::Kernel { work, .. } = &graph.tasks[0].cost else { panic!() };
    let exec = |place| us(set.model.exec(work, place).unwrap().mean_ns);
    let (host, gpu) = (Place::Cpu, Place::Gpu(0));
    assert_eq!([exec(host), exec(gpu)], [52_974, 705]);
    assert_eq!([transfer(host, gpu), transfer(gpu, host)], [1_537, 1_934]);
    let candidate = |name: &str| us(plan.candidates.iter().find(|c| c.0 == name).unwrap().1);
    assert_eq!(plan.candidates[0].0, "merged, 6 chunks on GPU 0");
    let named = ["all CPU", "GPU 0 alone", "merged"];
    assert_eq!(named.map(candidate), [105_948, 4_882, 4_875]);
    // The search may find a slightly better order of these.
    let near = |name: &str, us: u64| assert!(candidate(name).abs_diff(us) < us / 100, "{name}: {}", candidate(name));
    near("merged, 3 chunks on GPU 0", 3_070);
    near("merged, 12 chunks on GPU 0", 2_970);
    near("merged, 97 % on GPU 0 in 6 chunks, 3 % on CPU", 2_800);
    assert_eq!((plan.graph.tasks.len(), us(plan.timeline.makespan_ns)), (6, 2_792));
    let downloads = plan.timeline.spans.iter().filter(|s| s.lane == Lane::Download(0)).collect::<Vec<_>>();
    assert_eq!(us(downloads[0].start_ns), 503);
    assert!(downloads.windows(2).all(|w| w[0].end_ns == w[1].start_ns), "without a break");
}
