//! Plans for graphs on the machines of the fixtures: none of them is in the room.

mod planner_support;

use planner_support::{Builder, FIXTURES, GPU, plan, plan_for, profile, set};
use veda::planner::planning;
use veda::planner::profile::Scalar;
use veda::planner::task_graph::{GraphError, TaskCost};
use veda::planner::timeline::Lane;
use veda::planner::{
    Action, Bytes, Candidate, DataResidency, Goal, Objective, Observation, Place, Plan, ProfileSet, Residency, decide,
};

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
        planning::best_schedule(&b.graph, &set, &DataResidency::host(&b.graph), &Objective::default(), 1).unwrap();
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
    // Both take about 3 ms alone. With more arithmetic chunks on the GPU alone are as good.
    let b = chain(4 << 20, 1, 10.0, false);
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

#[test]
fn two_different_gpus_work_together() {
    let mut profile = profile("discrete-pcie");
    profile.devices.extend(planner_support::profile("h200-from-specifications").devices.into_iter().skip(1));
    let set = ProfileSet::from_profile(&profile);
    let mut b = Builder::default();
    let x = b.datum("x", 1 << 20);
    for i in 0..12 {
        let y = b.rigid(&format!("f{i}"), &[x], 20_000.0);
        b.wanted(y, Place::Cpu);
    }
    let plan = plan(&b.graph, &set);
    let on = |place| plan.places.iter().filter(|&&p| p == place).count();
    let (slow, fast) = (on(GPU), on(Place::Gpu(1)));
    assert!(slow >= 1 && fast > 2 * slow, "{slow} on the slower, {fast} on the faster one");
    // One divisible map: both take a part, the faster one the larger.
    let b = chain(16 << 20, 1, 3_000.0, false);
    let plan = planner_support::plan(&b.graph, &set);
    let share = |place| -> u64 {
        let own = plan.graph.tasks.iter().zip(&plan.places).filter(|t| *t.1 == place);
        own.map(|t| t.0.window.map_or(0, |(from, to)| to - from)).sum()
    };
    assert!(share(GPU) > 0 && share(Place::Gpu(1)) > 2 * share(GPU), "{:?}", plan.candidates);
}

#[test]
fn a_deadline_prefers_the_sure_device() {
    let mut b = Builder::default();
    let x = b.datum("x", 1_000_000);
    let y = b.rigid("f", &[x], 20_000.0);
    b.wanted(y, Place::Cpu);
    let mut set = set("discrete-pcie");
    // The kernel's time on the CPU is known from many runs; on the GPU nobody has seen it.
    let TaskCost::Kernel { work, .. } = b.graph.tasks[0].cost.clone() else { panic!() };
    let host = Residency { host: Bytes { fixed: 0.0, per_element: 4.0 }, ..Residency::default() };
    let cpu = set.model.exec(&work, Place::Cpu).unwrap().mean_ns;
    let gpu = plan(&b.graph, &set);
    assert_eq!(gpu.places, [GPU]);
    let together = gpu.timeline.makespan_ns + gpu.timeline.makespan_ns / 20;
    for _ in 0..60 {
        let seen = Observation { place: Place::Cpu, observed_ns: together, warm_up: false, contended: false };
        set.model.observe(&work, &host, &seen);
    }
    assert!(cpu > together, "the model learned that the CPU is nearly as fast");
    assert_eq!(plan(&b.graph, &set).places, [GPU], "on average the GPU is still faster");
    let deadline = Objective { goal: Goal::Deadline { ns: together * 13 / 10 }, memory_cap: None };
    let sure = plan_for(&b.graph, &set, &deadline);
    assert_eq!(sure.places, [Place::Cpu], "{} {}", sure.sigma, gpu.sigma);
    assert!(sure.sigma < gpu.sigma);
    let late = Objective { goal: Goal::Deadline { ns: 1_000 }, memory_cap: None };
    assert_eq!(plan_for(&b.graph, &set, &late).places, [GPU], "both are too late for certain: the sooner one");
}

#[test]
fn energy_prefers_the_thrifty_device_and_a_cap_the_fastest_within_it() {
    // The CPU is a little faster here, and takes five times the power of the GPU.
    let mut profile = profile("integrated-uma");
    for (device, watts) in profile.devices.iter_mut().zip([50.0, 10.0]) {
        for (key, v) in [("busy_watts", watts), ("idle_watts", 1.0)] {
            device.scalars.insert(key.to_owned(), Scalar { v, lo: v, hi: v, n: 0 });
        }
    }
    let set = ProfileSet::from_profile(&profile);
    let mut b = Builder::default();
    for i in 0..6 {
        let x = b.datum("x", 1);
        let y = b.fixed(&format!("f{i}"), &[x], &[(Place::Cpu, 9_000_000), (GPU, 10_000_000)], 1);
        b.wanted(y, Place::Cpu);
    }
    let with = |goal| plan_for(&b.graph, &set, &Objective { goal, memory_cap: None });
    let (fast, thrifty) = (with(Goal::Makespan), with(Goal::Energy));
    assert_eq!(thrifty.places, [GPU; 6]);
    assert!(fast.timeline.makespan_ns < thrifty.timeline.makespan_ns);
    let (most, least) = (fast.energy_j.unwrap(), thrifty.energy_j.unwrap());
    // 10 W for 60 ms, and 2 W for as long and one upload and one download.
    assert!((least - 0.72).abs() < 0.01, "{least}");
    let cap = 0.5 * (most + least);
    let capped = with(Goal::EnergyCap { joules: cap });
    assert!(capped.energy_j.unwrap() <= cap && capped.timeline.makespan_ns < thrifty.timeline.makespan_ns);
    assert_eq!(with(Goal::EnergyCap { joules: 10.0 }).timeline.makespan_ns, fast.timeline.makespan_ns);
    assert_eq!(with(Goal::EnergyCap { joules: 0.1 }).energy_j, Some(least), "none is within: the least");
}

#[test]
fn without_powers_energy_is_a_clear_error() {
    let mut profile = profile("discrete-pcie");
    profile.devices[1].scalars.remove("busy_watts");
    let set = ProfileSet::from_profile(&profile);
    let b = chain(1_000, 2, 1.0, true);
    let residency = DataResidency::host(&b.graph);
    let goal = Objective { goal: Goal::Energy, memory_cap: None };
    let error = planning::plan(&b.graph, &set, &residency, &goal, 1).unwrap_err();
    assert_eq!(error, GraphError::NoPower { place: GPU });
    assert_eq!(plan(&b.graph, &set).energy_j, None);
}

#[test]
fn a_memory_cap_leads_to_chunks_and_evictions_not_to_failure() {
    let set = set("h200-from-specifications");
    let n = 16 << 20;
    let b = chain(n, 4, 1_000.0, false);
    let free = plan(&b.graph, &set);
    assert!(free.peak_bytes[&GPU] > 64 << 20);
    // A quarter of one array: not even one task fits.
    let cap = Objective { memory_cap: Some(n), ..Objective::default() };
    let capped = plan_for(&b.graph, &set, &cap);
    assert!(capped.places.contains(&GPU), "{:?}", capped.candidates);
    assert!(capped.peak_bytes[&GPU] <= n);
    assert!(capped.timeline.makespan_ns < 3 * free.timeline.makespan_ns, "{:?}", capped.candidates);
    // Room for three arrays of eight that are all needed again at the end.
    let mut b = Builder::default();
    let x = b.datum("x", 1 << 20);
    let mut d: Vec<_> = (0..6).map(|i| b.rigid(&format!("f{i}"), &[x], 5_000.0)).collect();
    while d.len() > 1 {
        d = d.chunks(2).map(|p| b.rigid("join", p, 5_000.0)).collect();
    }
    b.wanted(d[0], Place::Cpu);
    let tight = Objective { memory_cap: Some(13 << 20), ..Objective::default() };
    let plan = plan_for(&b.graph, &set, &tight);
    assert!(plan.places.iter().filter(|&&p| p == GPU).count() >= 8, "{:?}", plan.places);
    assert!(plan.steps.iter().any(|s| matches!(s.action, Action::Evict { .. })));
}

#[test]
fn what_fits_nowhere_is_a_clear_error() {
    let set = set("discrete-pcie");
    let mut b = Builder::default();
    let x = b.datum("x", 1 << 20);
    let y = b.fixed("gpu only", &[x], &[(GPU, 1_000)], 1 << 20);
    b.wanted(y, Place::Cpu);
    let plan = |cap| {
        let objective = Objective { memory_cap: cap, ..Objective::default() };
        planning::plan(&b.graph, &set, &DataResidency::host(&b.graph), &objective, 1)
    };
    assert!(plan(None).is_ok());
    let error = plan(Some(1 << 20)).unwrap_err();
    assert!(matches!(error, GraphError::TooLarge { task: 0, bytes: 8_388_608, place: GPU, limit: 1_048_576, .. }));
    let cpu_only = planner_support::set("none");
    let error = planning::plan(&b.graph, &cpu_only, &DataResidency::host(&b.graph), &Objective::default(), 1);
    assert_eq!(error.unwrap_err(), GraphError::NoPlace { task: 0, name: "gpu only".into() });
}

#[test]
fn the_same_input_gives_the_same_bytes_on_any_thread() {
    let b = chain(1 << 20, 5, 50.0, true);
    let bytes = |fixture: &str| serde_json::to_string(&plan(&b.graph, &set(fixture))).unwrap();
    for fixture in FIXTURES {
        let here = bytes(fixture);
        let there: Vec<String> = std::thread::scope(|s| {
            let threads: Vec<_> = (0..2).map(|_| s.spawn(|| bytes(fixture))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(there.iter().all(|other| *other == here));
        let back: Plan = serde_json::from_str(&here).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), here, "a plan survives a file");
    }
    let other = chain(1 << 20, 5, 51.0, true);
    assert_ne!(plan(&b.graph, &set("none")).id, plan(&other.graph, &set("none")).id);
}

#[test]
fn pipelines_that_must_be_built_first_are_part_of_the_plan() {
    let mut set = set("discrete-pcie");
    let b = chain(1 << 20, 3, 100.0, true);
    let ready = plan(&b.graph, &set);
    assert!(ready.places.contains(&GPU));
    set.places.iter_mut().for_each(|o| o.all_ready = false);
    let cold = plan(&b.graph, &set);
    assert_eq!(cold.places.iter().filter(|&&p| p == GPU).count(), 0, "25 ms of building for 3 ms of work");
    let forced = ProfileSet { places: set.places.iter().filter(|o| o.place == GPU).cloned().collect(), ..set };
    let built = plan(&b.graph, &forced);
    let builds = built.timeline.spans.iter().filter(|s| s.lane == Lane::Build(0)).count();
    assert_eq!(builds, 1, "one build for the merged kernel, however many chunks it runs in");
}

/// Changes with the fixtures, the cost model, the rewrites and the search: look at the plans, then write down the new ones.
#[test]
fn golden_plans_of_the_fixtures() {
    let b = chain(1 << 20, 5, 50.0, true);
    let plans = FIXTURES.map(|fixture| plan(&b.graph, &set(fixture)));
    let facts = plans.each_ref().map(|p| (p.id, p.timeline.makespan_ns / 1_000, p.graph.tasks.len()));
    let golden = [
        (249_147_069_752_266_828, 781, 3),
        (13_576_005_984_887_767_329, 978, 4),
        (15_318_743_945_641_849_991, 237, 3),
        (3_639_327_096_266_905_581, 6_627, 1),
    ];
    assert_eq!(facts, golden);
}
