//! What is done with plans and timelines besides running them: simulated with faults, compared, drawn, exported.

#[path = "planner_trace/plans.rs"]
mod plans;

use std::collections::BTreeMap;

use plans::{CPU, GPU, check, datum, pipeline, plan, task};
use proptest::prelude::*;
use veda::planner::sim::{Happening, Sim, SimError, SimRun};
use veda::planner::task_graph::{Datum, Piece, TaskCost, TaskGraph};
use veda::planner::timeline::{Lane, Source, Span, Timeline, What};
use veda::planner::trace::{diff, gantt, perfetto};
use veda::planner::{Action, Place, Plan, Step};

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data")
}

// ---- simulation ----

#[test]
fn without_noise_the_simulation_is_the_plan() {
    let plan = pipeline();
    let run = Sim::new(&plan).run().expect("a valid plan");
    assert_eq!(run.timeline.spans, plan.timeline.spans);
    assert_eq!(run.timeline.makespan_ns, plan.timeline.makespan_ns);
    assert_eq!(run.timeline.source, Source::Simulated);
    assert!(run.complete() && run.events.is_empty(), "{run:?}");
    check(&plan, &run, &BTreeMap::new());
}

#[test]
fn delays_that_no_rule_explains_are_kept() {
    let mut plan = pipeline();
    // Work that was queued before: everything is 5 µs late.
    for step in &mut plan.steps {
        (step.start_ns, step.end_ns) = (step.start_ns + 5000, step.end_ns + 5000);
    }
    let spans =
        plan.timeline.spans.iter().map(|s| Span { start_ns: s.start_ns + 5000, end_ns: s.end_ns + 5000, ..s.clone() });
    plan.timeline = Timeline::new(Source::Predicted, spans.collect());
    let run = Sim::new(&plan).run().expect("a valid plan");
    assert_eq!(run.timeline.spans, plan.timeline.spans);
}

#[test]
fn runs_wait_for_their_pipelines() {
    let mut plan = pipeline();
    let blur = plan.timeline.run(1).expect("it runs").start_ns;
    let build = |end_ns| Span { lane: Lane::Build(0), what: What::Build(1), label: "blur".into(), start_ns: 0, end_ns };
    let spans: Vec<Span> = plan.timeline.spans.iter().cloned().chain([build(blur)]).collect();
    plan.timeline = Timeline::new(Source::Predicted, spans);
    let quiet = Sim::new(&plan).run().expect("a valid plan");
    assert_eq!(quiet.timeline.spans, plan.timeline.spans);
    for seed in 0..20 {
        let run = Sim::new(&plan).seed(seed).noise(0.5).run().expect("a valid plan");
        let built = run.timeline.spans.iter().find(|s| s.what == What::Build(1)).expect("it is built").end_ns;
        assert!(run.timeline.run(1).expect("it runs").start_ns >= built);
    }
}

#[test]
fn a_gpu_in_the_hosts_memory_needs_no_copies() {
    let data = vec![datum("x", 8, None), datum("a", 8, None), datum("b", 8, Some(CPU))];
    let tasks = vec![task("first", 50, 20, &[0], &[1]), task("second", 50, 20, &[1], &[2])];
    let steps = [(Action::Run(0), 0, 20), (Action::Run(1), 20, 70)];
    let steps = steps.map(|(action, start_ns, end_ns)| Step { action, start_ns, end_ns }).to_vec();
    let plan = Plan { places: vec![GPU, CPU], steps, ..Plan { graph: TaskGraph { data, tasks }, ..pipeline() } };
    let plan = Plan { timeline: Timeline::default(), ..plan };
    let run = Sim::new(&plan).run().expect("a valid plan");
    assert_eq!((run.timeline.makespan_ns, run.complete()), (70, true));
    // What the device wrote goes with it.
    let run = Sim::new(&plan).lose(GPU, 30).run().expect("a valid plan");
    assert!(run.complete() && run.events.iter().any(|e| e.what == Happening::DeviceLost(GPU)), "{run:?}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let plan = pipeline();
    let run = |seed| json(&Sim::new(&plan).seed(seed).noise(0.2).stragglers(0.1, 4.0).run().expect("a valid plan"));
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn noise_keeps_the_order_of_each_lane_and_the_median() {
    let plan = pipeline();
    let mut makespans: Vec<u64> = Vec::new();
    for seed in 0..200 {
        let run = Sim::new(&plan).seed(seed).noise(0.1).run().expect("a valid plan");
        check(&plan, &run, &BTreeMap::new());
        for lane in plan.timeline.lanes() {
            let order = |t: &Timeline| -> Vec<What> {
                t.spans.iter().filter(|s| s.lane == lane && !matches!(s.what, What::Evict(_))).map(|s| s.what).collect()
            };
            assert_eq!(order(&run.timeline), order(&plan.timeline));
        }
        makespans.push(run.timeline.makespan_ns);
    }
    makespans.sort_unstable();
    let ratio = makespans[100] as f64 / plan.timeline.makespan_ns as f64;
    assert!((0.97..1.05).contains(&ratio), "{ratio}");
}

#[test]
fn stragglers_are_reported_and_take_longer() {
    let plan = pipeline();
    let run = Sim::new(&plan).stragglers(1.0, 3.0).run().expect("a valid plan");
    assert_eq!(run.timeline.makespan_ns, 3 * plan.timeline.makespan_ns);
    let stragglers = run.events.iter().filter(|e| matches!(e.what, Happening::Straggler { factor: 3.0, .. })).count();
    let timed = plan.steps.iter().filter(|s| s.end_ns > s.start_ns).count();
    assert_eq!(stragglers, timed);
}

#[test]
fn a_lost_device_at_any_time_costs_time_only() {
    let plan = pipeline();
    let end = plan.timeline.makespan_ns;
    let mut redone = 0;
    for at in (0..=end + 100).step_by(37) {
        for sigma in [0.0, 0.3] {
            let run = Sim::new(&plan).seed(at).noise(sigma).lose(GPU, at).run().expect("a valid plan");
            assert!(run.complete(), "lost at {at}: {:?} {:?}\n{:#?}", run.unfinished, run.missing, run.events);
            check(&plan, &run, &BTreeMap::new());
            let gpu = |s: &&Span| !matches!(s.lane, Lane::Cpu);
            assert!(run.timeline.spans.iter().filter(gpu).all(|s| s.end_ns <= at || at > end), "{:?}", run.timeline);
            redone += run.events.iter().filter(|e| matches!(e.what, Happening::Redone(_))).count();
        }
    }
    assert!(redone > 10, "only {redone} tasks were done again");
    // After the end nothing happens.
    let late = Sim::new(&plan).lose(GPU, end).run().expect("a valid plan");
    assert_eq!((late.timeline.spans, late.events), (plan.timeline.spans.clone(), vec![]));
}

#[test]
fn what_only_the_device_had_is_done_again_on_the_host() {
    let plan = pipeline();
    let edges = plan.timeline.run(3).expect("it runs").clone();
    let at = edges.start_ns + 10;
    let run = Sim::new(&plan).lose(GPU, at).run().expect("a valid plan");
    let happened: Vec<Happening> = run.events.iter().filter(|e| e.at_ns == at).map(|e| e.what).collect();
    // blur was finished, but `b` was on the device only; `a` and `d` are on the host, so load and histogram are not redone.
    assert!(
        happened.contains(&Happening::Redone(1)) && happened.contains(&Happening::Aborted(What::Run(3))),
        "{happened:?}"
    );
    assert!(!happened.contains(&Happening::Redone(0)) && !happened.contains(&Happening::Redone(2)), "{happened:?}");
    for t in [1, 3, 4] {
        let last = run.timeline.spans.iter().rev().find(|s| s.what == What::Run(t)).expect("it runs");
        assert_eq!(last.lane, Lane::Cpu);
    }
    let cut = run.timeline.spans.iter().find(|s| s.label == "edges (lost)").expect("the span that was cut short");
    assert_eq!((cut.start_ns, cut.end_ns), (edges.start_ns, at));
    // Done by one unit from then on: blur, edges, mix, save, and what was left of the histogram.
    let histogram = plan.timeline.run(2).expect("it runs").end_ns.max(at);
    assert_eq!(run.timeline.makespan_ns, histogram + 9000 + 8000 + 6000 + 900);
    // The worked example of the essay.
    let essay = include_str!("../src/planner/sim/README.md");
    assert_eq!((at, run.timeline.makespan_ns), (2_720, 26_620));
    assert!(essay.contains("2 720") && essay.contains("26 620"));
    assert!(essay.contains(plan.timeline.to_string().trim_end()), "{}", plan.timeline);
}

#[test]
fn a_device_that_nobody_can_replace_leaves_tasks_unfinished() {
    let mut plan = pipeline();
    // `mix` runs on the GPU only.
    plan.graph.tasks[4].cost = TaskCost::Fixed(BTreeMap::from([(GPU, 500)]));
    let run = Sim::new(&plan).lose(GPU, 1).run().expect("a valid plan");
    assert_eq!((run.unfinished, run.missing), (vec![4, 5], vec![6]));
    // The caller knows better.
    let times = |task: usize, _: Place| (task == 4).then_some(1234);
    let run = Sim::new(&plan).lose(GPU, 1).times(&times).run().expect("a valid plan");
    assert!(run.complete());
    assert_eq!(run.timeline.run(4).map(Span::ns), Some(1234));
}

#[test]
fn an_input_that_only_the_lost_device_had_is_reported() {
    let data = vec![datum("x", 8, None), datum("a", 8, Some(CPU))];
    let graph = TaskGraph { data, tasks: vec![task("f", 50, 20, &[0], &[1])] };
    let copy = Action::Copy { datum: 1, from: GPU, to: CPU };
    let steps =
        vec![Step { action: Action::Run(0), start_ns: 0, end_ns: 20 }, Step { action: copy, start_ns: 20, end_ns: 31 }];
    let plan = Plan { graph, places: vec![GPU], steps, timeline: Timeline::default(), ..pipeline() };
    assert!(Sim::new(&plan).run().expect("a valid plan").complete());
    let run = Sim::new(&plan).lose(GPU, 10).run().expect("a valid plan");
    assert_eq!((&run.unfinished[..], &run.missing[..]), (&[0][..], &[1][..]));
    assert!(run.events.iter().any(|e| e.what == Happening::DatumLost(0)), "{:?}", run.events);
}

/// `x` is made on the CPU; its halves are worked on by both devices, into the halves of `y`; all of `y` is saved.
fn windows() -> Plan {
    let part = |of, from, to| Some(Piece { of, from, to });
    let whole = |name: &str, wanted| Datum { elements: 200, ..datum(name, 800, wanted) };
    let half = |name: &str, piece| Datum { elements: 100, piece, ..datum(name, 400, None) };
    let data = vec![
        whole("x", None),
        whole("y", None),
        datum("out", 8, Some(CPU)),
        half("x1", part(0, 100, 200)),
        half("y0", part(1, 0, 100)),
        half("y1", part(1, 100, 200)),
    ];
    let tasks = vec![
        task("make", 100, 50, &[], &[0]),
        task("low", 300, 90, &[0], &[4]),
        task("high", 300, 90, &[3], &[5]),
        task("save", 40, 40, &[1], &[2]),
    ];
    let (up, down) = (Action::Copy { datum: 3, from: CPU, to: GPU }, Action::Copy { datum: 5, from: GPU, to: CPU });
    let steps = [
        (Action::Run(0), 0, 100),
        (Action::Run(1), 100, 400),
        (up, 100, 160),
        (Action::Run(2), 160, 250),
        (down, 250, 310),
        (Action::Run(3), 400, 440),
    ];
    let steps = steps.map(|(action, start_ns, end_ns)| Step { action, start_ns, end_ns }).to_vec();
    let (graph, timeline) = (TaskGraph { data, tasks }, Timeline::default());
    Plan { graph, places: vec![CPU, CPU, GPU, CPU], steps, timeline, ..pipeline() }
}

#[test]
fn windows_of_one_array_are_one_array() {
    let plan = windows();
    let start = |run: &SimRun, t| run.timeline.run(t).expect("it runs").start_ns;
    let quiet = Sim::new(&plan).run().expect("a valid plan");
    assert_eq!((quiet.timeline.makespan_ns, quiet.complete()), (440, true));
    for seed in 0..50 {
        let run = Sim::new(&plan).seed(seed).noise(0.6).run().expect("a valid plan");
        let copies = run.timeline.spans.iter().filter(|s| s.what == What::Copy(5));
        let halves = copies.chain(run.timeline.run(1)).map(|s| s.end_ns).max().expect("both");
        assert_eq!(start(&run, 3), halves, "`save` reads both halves of y");
    }
    // `high` is done again from the half of x that the host has; `low` and `make` are not.
    let run = Sim::new(&plan).lose(GPU, 255).run().expect("a valid plan");
    assert!(run.complete());
    let redone: Vec<_> = run.events.iter().filter(|e| matches!(e.what, Happening::Redone(_))).map(|e| e.what).collect();
    assert_eq!(redone, [Happening::Redone(2)]);
    assert_eq!(run.timeline.makespan_ns, 400 + 300 + 40);
}

#[test]
fn staged_kernels_work_in_host_memory() {
    let data = vec![datum("x", 8, None), datum("a", 8, None), datum("b", 8, Some(CPU))];
    let mut tasks = vec![task("staged", 50, 20, &[0], &[1]), task("second", 50, 20, &[1], &[2])];
    tasks[0].cost = TaskCost::Staged(veda::planner::Work::default());
    let steps = [(Action::Run(0), 0, 20), (Action::Run(1), 20, 70)];
    let steps = steps.map(|(action, start_ns, end_ns)| Step { action, start_ns, end_ns }).to_vec();
    let (graph, timeline) = (TaskGraph { data, tasks }, Timeline::default());
    let plan = Plan { graph, places: vec![GPU, CPU], steps, timeline, ..pipeline() };
    assert_eq!(Sim::new(&plan).run().expect("a valid plan").timeline.makespan_ns, 70);
    // Its result is on the host, so losing the device afterwards costs nothing.
    let run = Sim::new(&plan).lose(GPU, 30).run().expect("a valid plan");
    assert_eq!((run.timeline.makespan_ns, run.complete()), (70, true));
}

#[test]
fn less_memory_than_planned_spills_and_ends() {
    let plan = pipeline();
    let full = Sim::new(&plan).run().expect("a valid plan").peak_bytes[&GPU];
    let mut moved = 0;
    for limit in (0..=full).rev().step_by(500).chain([0]) {
        let run = Sim::new(&plan).memory_limit(GPU, limit).run().expect("a valid plan");
        assert!(run.complete(), "{limit} of {full}: {:?}", run.events);
        check(&plan, &run, &BTreeMap::from([(GPU, limit)]));
        moved += run.events.iter().filter(|e| matches!(e.what, Happening::Moved { .. })).count();
    }
    assert!(moved > 0, "no task moved to the host at the smallest limits");
    let run = Sim::new(&plan).memory_limit(GPU, full).run().expect("a valid plan");
    assert_eq!(run.timeline.spans, plan.timeline.spans);
}

#[test]
fn what_is_needed_later_is_copied_to_the_host_before_it_is_given_up() {
    // y is read at once and again at the end; in between z needs the room.
    let names = ["x", "y", "z", "w", "out"];
    let data = names.iter().map(|n| datum(n, 800, (*n == "out").then_some(CPU))).collect();
    let tasks = vec![
        task("make y", 99, 10, &[0], &[1]),
        task("make z", 99, 10, &[0], &[2]),
        task("z to w", 99, 10, &[2], &[3]),
        task("both", 99, 10, &[1, 3], &[4]),
    ];
    let plan = plan(TaskGraph { data, tasks }, vec![GPU; 4], false);
    let run = Sim::new(&plan).memory_limit(GPU, 2400).run().expect("a valid plan");
    assert!(run.complete());
    check(&plan, &run, &BTreeMap::from([(GPU, 2400)]));
    let run = Sim::new(&plan).memory_limit(GPU, 2400).run().expect("a valid plan");
    let spilled = run.events.iter().any(|e| e.what == Happening::Spilled { datum: 1, from: GPU });
    // x is on the host anyway and goes first; y fits beside z and w then.
    assert!(!spilled, "{:?}", run.events);
    let tight = Sim::new(&plan).memory_limit(GPU, 1600).times(&|_: usize, _: Place| None).run().expect("a valid plan");
    assert!(tight.complete());
    assert!(tight.events.iter().any(|e| e.what == Happening::Spilled { datum: 1, from: GPU }), "{:?}", tight.events);
}

#[test]
fn settings_and_plans_are_checked() {
    let plan = pipeline();
    assert_eq!(Sim::new(&plan).lose(CPU, 5).run(), Err(SimError::HostLost));
    assert!(matches!(Sim::new(&plan).noise(f64::NAN).run(), Err(SimError::Setting { .. })));
    assert!(matches!(Sim::new(&plan).stragglers(2.0, 3.0).run(), Err(SimError::Setting { .. })));
    let mut twice = plan.clone();
    twice.steps.push(Step { action: Action::Run(0), start_ns: 0, end_ns: 1 });
    assert!(matches!(Sim::new(&twice).run(), Err(SimError::Twice { task: 0, .. })));
    let mut dangling = plan.clone();
    dangling.steps.push(Step { action: Action::Evict { datum: 99, place: GPU }, start_ns: 0, end_ns: 1 });
    assert!(matches!(Sim::new(&dangling).run(), Err(SimError::Dangling { what: "datum", index: 99, count: 7 })));
}

/// A random plan: each task reads earlier data, on the CPU or one of two GPUs.
fn any_plan() -> impl Strategy<Value = Plan> {
    let one = (prop::collection::vec(0usize..100, 0..4), 0usize..4, 1u64..2000, 1u64..4000, any::<bool>(), 0usize..30);
    (prop::collection::vec(one, 1..14), any::<bool>()).prop_map(|(specs, evict)| {
        let mut data = vec![datum("in", 500, None), datum("in2", 3000, None)];
        let (mut tasks, mut places) = (Vec::new(), Vec::new());
        for (i, (reads, place, ns, bytes, wanted, after)) in specs.into_iter().enumerate() {
            let mut reads: Vec<usize> = reads.into_iter().map(|r| r % data.len()).collect();
            reads.sort_unstable();
            reads.dedup();
            let mut it = task(&format!("t{i}"), 3 * ns, ns, &reads, &[data.len()]);
            it.after = (after < i).then_some(after).into_iter().collect();
            tasks.push(it);
            data.push(datum(&format!("d{i}"), bytes, wanted.then_some(CPU)));
            places.push([CPU, GPU, GPU, Place::Gpu(1)][place]);
        }
        plan(TaskGraph { data, tasks }, places, evict)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_plan_is_reproduced_exactly_and_stays_valid_under_noise(plan in any_plan(), seed in any::<u64>()) {
        let quiet = Sim::new(&plan).run().expect("a valid plan");
        prop_assert_eq!(&quiet.timeline.spans, &plan.timeline.spans);
        prop_assert!(quiet.complete());
        let noisy = Sim::new(&plan).seed(seed).noise(0.4).stragglers(0.05, 6.0).run().expect("a valid plan");
        prop_assert!(noisy.complete());
        let limits: BTreeMap<Place, u64> = quiet.peak_bytes.clone();
        check(&plan, &noisy, &limits);
    }

    #[test]
    fn any_plan_survives_losses_and_little_memory(
        plan in any_plan(),
        seed in any::<u64>(),
        cut in prop::array::uniform2(0.0f64..1.1),
        share in 0.0f64..1.2,
    ) {
        let quiet = Sim::new(&plan).run().expect("a valid plan");
        let at = cut.map(|c| (plan.timeline.makespan_ns as f64 * c) as u64);
        let limit = |bytes: u64| (bytes as f64 * share) as u64;
        let limits: BTreeMap<Place, u64> = quiet.peak_bytes.iter().map(|(&p, &b)| (p, limit(b))).collect();
        let mut sim = Sim::new(&plan).seed(seed).noise(0.2).lose(GPU, at[0]).lose(Place::Gpu(1), at[1]);
        let lost = sim.run().expect("a valid plan");
        prop_assert!(lost.complete(), "{:?}", lost);
        check(&plan, &lost, &BTreeMap::new());
        for (&place, &bytes) in &limits {
            sim = sim.memory_limit(place, bytes);
        }
        let both = sim.run().expect("a valid plan");
        prop_assert!(both.complete(), "{:?}", both);
        check(&plan, &both, &BTreeMap::new());
        let mut tight = Sim::new(&plan).seed(seed).noise(0.2);
        for (&place, &bytes) in &limits {
            tight = tight.memory_limit(place, bytes);
        }
        let tight = tight.run().expect("a valid plan");
        prop_assert!(tight.complete(), "{:?}", tight);
        check(&plan, &tight, &limits);
    }
}

/// Steps in any order with any times: what a broken file could hold.
fn nonsense() -> impl Strategy<Value = Plan> {
    let step = (0usize..3, 0usize..7, 0u32..3, 0u32..3, prop_oneof![0u64..9000, Just(u64::MAX)], 0u64..9000);
    let bytes = prop::collection::vec(prop_oneof![0u64..9000, Just(u64::MAX)], 7);
    (prop::collection::vec(step, 0..25), bytes).prop_map(|(specs, bytes)| {
        let mut plan = pipeline();
        let place = |i: u32| if i == 0 { CPU } else { Place::Gpu(i - 1) };
        plan.graph.data.iter_mut().zip(bytes).for_each(|(d, bytes)| d.bytes = bytes);
        plan.steps = specs
            .into_iter()
            .enumerate()
            .map(|(i, (kind, datum, from, to, start_ns, end_ns))| {
                let action = match kind {
                    0 if i < 6 => Action::Run(i),
                    1 => Action::Evict { datum, place: place(from) },
                    _ => Action::Copy { datum, from: place(from), to: place(to) },
                };
                Step { action, start_ns, end_ns }
            })
            .collect();
        plan
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nonsense_ends_too(plan in nonsense(), at in 0u64..9000, limit in 0u64..20_000) {
        let sim = Sim::new(&plan).noise(0.3).memory_limit(GPU, limit);
        let run = sim.run().expect("indices are right");
        // Tasks that the plan does not run are not done.
        let runs = plan.steps.iter().filter(|s| matches!(s.action, Action::Run(_))).count();
        prop_assert!(run.unfinished.len() >= plan.graph.tasks.len() - runs);
        let lost = sim.lose(GPU, at).lose(Place::Gpu(1), at / 2).run().expect("indices are right");
        let d = diff(&run.timeline, &lost.timeline);
        prop_assert!(!gantt::page("nonsense", &[&run.timeline, &lost.timeline]).contains("NaN"));
        prop_assert!(!d.to_string().contains("NaN") && run.timeline.to_string().lines().all(|l| l.chars().count() <= 80));
        let trace = perfetto::trace(&[("a", &run.timeline), ("b", &lost.timeline)], Some(&plan.graph));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&trace).is_ok());
    }
}

// ---- comparison ----

fn span(lane: Lane, what: What, label: &str, start_ns: u64, end_ns: u64) -> Span {
    Span { lane, what, label: label.into(), start_ns, end_ns }
}

fn two_lanes(upload: u64, gpu: u64, cpu: u64, gap: u64) -> Timeline {
    let begin = upload + gap;
    Timeline::new(
        Source::Measured,
        vec![
            span(Lane::Upload(0), What::Copy(0), "x", 0, upload),
            span(Lane::Gpu(0), What::Run(0), "blur", begin, begin + gpu),
            span(Lane::Cpu, What::Run(1), "count", 0, cpu),
            span(Lane::Gpu(0), What::Evict(0), "x", begin + gpu, begin + gpu),
        ],
    )
}

#[test]
fn a_timeline_does_not_differ_from_itself() {
    let t = pipeline().timeline;
    let d = diff(&t, &t);
    assert_eq!((d.error_ns(), d.unplanned_ns), (0, 0));
    assert!(d.spans.iter().all(|s| s.ratio == Some(1.0) && s.contribution_ns == 0));
    assert!(d.lanes.iter().all(|l| l.median_error == 0.0 && l.p90_error == 0.0 && l.predicted_ns == l.actual_ns));
    assert!(d.only_actual.is_empty() && d.only_predicted.is_empty());
}

#[test]
fn the_error_of_the_makespan_is_taken_apart() {
    let (predicted, actual) = (two_lanes(100, 400, 450, 0), two_lanes(150, 600, 700, 20));
    let d = diff(&predicted, &actual);
    assert_eq!((d.predicted_ns, d.actual_ns, d.error_ns()), (500, 770, 270));
    // The GPU ran last, after the copy and 20 ns of waiting; `count` ran beside them.
    let by_what = |what| d.spans.iter().find(|s| s.what == what).expect("it is in both");
    assert_eq!(by_what(What::Run(0)).contribution_ns, 200);
    assert_eq!(by_what(What::Copy(0)).contribution_ns, 50);
    assert_eq!((by_what(What::Run(1)).contribution_ns, by_what(What::Run(1)).ratio), (0, Some(700.0 / 450.0)));
    assert_eq!((d.waiting_ns, d.unplanned_ns, d.slack_ns), (20, 0, 0));
    assert_eq!(d.spans.iter().map(|s| s.what).collect::<Vec<_>>(), [What::Run(0), What::Copy(0), What::Run(1)]);
    let gpu = d.lanes.iter().find(|l| l.lane == Lane::Gpu(0)).expect("it worked");
    assert_eq!((gpu.steps, gpu.predicted_ns, gpu.actual_ns, gpu.median_error), (1, 400, 600, 0.5));
    let text = d.to_string();
    assert!(text.starts_with("where the model was wrong: 500 ns predicted, 770 ns measured (+54 %)"), "{text}");
    assert!(
        text.contains("run blur on GPU 0: 400 ns predicted, 600 ns measured, 1.50×; +200 ns on the critical chain"),
        "{text}"
    );
    let back: veda::planner::trace::TraceDiff = serde_json::from_str(&json(&d)).expect("it was written so");
    assert_eq!(back, d);
}

#[test]
fn steps_that_moved_failed_or_were_not_planned_are_told_apart() {
    let plan = pipeline();
    let at = plan.timeline.run(3).expect("it runs").start_ns + 10;
    let run = Sim::new(&plan).lose(GPU, at).run().expect("a valid plan");
    let d = diff(&plan.timeline, &run.timeline);
    let edges = d.spans.iter().find(|s| s.what == What::Run(3)).expect("it is in both");
    // Compared with the run that finished, not with the one that was cut short.
    assert_eq!((edges.predicted_lane, edges.actual_lane, edges.actual_ns), (Lane::Gpu(0), Lane::Cpu, 8000));
    assert!(d.only_actual.iter().any(|s| s.label == "edges (lost)"), "{:?}", d.only_actual);
    assert!(d.only_predicted.iter().any(|s| matches!(s.what, What::Copy(_))), "{:?}", d.only_predicted);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_parts_of_the_error_add_up(plan in any_plan(), seed in any::<u64>(), cut in 0.0f64..1.5) {
        let at = (plan.timeline.makespan_ns as f64 * cut) as u64;
        let run = Sim::new(&plan).seed(seed).noise(0.5).lose(GPU, at).run().expect("a valid plan");
        let d = diff(&plan.timeline, &run.timeline);
        let steps: i64 = d.spans.iter().map(|s| s.contribution_ns).sum();
        prop_assert_eq!(d.error_ns(), steps + d.unplanned_ns as i64 + d.waiting_ns as i64 - d.slack_ns);
    }
}

// ---- export ----

#[test]
fn the_trace_has_every_span_and_arrows_along_the_data() {
    let plan = pipeline();
    let actual = Sim::new(&plan).seed(3).noise(0.2).run().expect("a valid plan").timeline;
    let text = perfetto::trace(&[("pre\"dicted", &plan.timeline), ("actual", &actual)], Some(&plan.graph));
    assert_eq!(text, perfetto::trace(&[("pre\"dicted", &plan.timeline), ("actual", &actual)], Some(&plan.graph)));
    let parsed: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    let events = parsed["traceEvents"].as_array().expect("a list");
    for (pid, timeline) in [(1, &plan.timeline), (2, &actual)] {
        let of = |ph: &str| events.iter().filter(|e| e["pid"] == pid && e["ph"] == ph).collect::<Vec<_>>();
        let evictions = timeline.spans.iter().filter(|s| matches!(s.what, What::Evict(_))).count();
        assert_eq!((of("X").len(), of("i").len()), (timeline.spans.len() - evictions, evictions));
        let work: u64 = timeline.spans.iter().map(Span::ns).sum();
        let told: f64 = of("X").iter().map(|e| e["dur"].as_f64().expect("a number")).sum();
        assert!((told - work as f64 / 1000.0).abs() < 1e-6);
        let threads: Vec<&str> =
            of("M").iter().filter(|e| e["name"] == "thread_name").filter_map(|e| e["args"]["name"].as_str()).collect();
        assert_eq!(threads, timeline.lanes().iter().map(Lane::to_string).collect::<Vec<_>>());
        // x is read where it is; a, b, c, d, e are written first: load→upload→blur, load→histogram, blur→edges, edges→mix,
        // histogram→upload→mix, mix→download→save.
        assert_eq!((of("s").len(), of("f").len()), (9, 9));
        for (start, end) in of("s").iter().zip(of("f")) {
            assert_eq!(start["id"], end["id"]);
            assert!(start["ts"].as_f64() <= end["ts"].as_f64());
            // Each end lies inside a slice of its thread.
            for end in [start, &end] {
                let inside = |x: &&serde_json::Value| {
                    let (ts, dur) = (x["ts"].as_f64().unwrap_or(0.0), x["dur"].as_f64().unwrap_or(0.0));
                    x["tid"] == end["tid"] && (ts..=ts + dur).contains(&end["ts"].as_f64().unwrap_or(-1.0))
                };
                assert!(of("X").iter().any(inside), "{end}");
            }
        }
    }
    let blur = events.iter().find(|e| e["name"] == "blur").expect("it runs");
    assert_eq!(
        (&blur["cat"], &blur["args"]["reads"][0], &blur["args"]["writes"][0]),
        (&"run".into(), &"a".into(), &"b".into())
    );
    assert_eq!(perfetto::trace(&[], None).matches("\"ph\"").count(), 0);
}

#[test]
fn timelines_fit_into_80_columns() {
    let plan = pipeline();
    let text = plan.timeline.to_string();
    assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    assert_eq!(text.lines().count(), 1 + plan.timeline.lanes().len() + 1, "{text}");
    for name in ["|load", "|histogram", "GPU 0", "predicted: "] {
        assert!(text.contains(name), "`{name}` in\n{text}");
    }
    assert!(Timeline::default().to_string().starts_with("predicted: 0 ns"));
}

#[test]
fn the_page_compares_prediction_and_run() {
    let mut plan = pipeline();
    plan.graph.tasks[1].name = "<b>blur</b> & \"more\"".into();
    let actual = Sim::new(&plan).seed(3).noise(0.2).run().expect("a valid plan").timeline;
    let html = gantt::page("Pipeline <1>", &[&plan.timeline, &actual]);
    assert_eq!(html, gantt::page("Pipeline <1>", &[&plan.timeline, &actual]));
    assert_eq!((html.matches("<svg").count(), html.matches("</svg>").count()), (2, 2));
    for part in [
        "Pipeline &lt;1&gt;",
        "&lt;b&gt;blur&lt;/b&gt; &amp; &quot;more&quot;",
        "Predicted",
        "Simulated",
        "Where the model was wrong",
        "histogram",
    ] {
        assert!(html.contains(part), "`{part}`");
    }
    for part in ["http:", "https:", "<script", "src=", "href=", "url(", "@import", "<b>blur"] {
        assert!(!html.contains(part), "`{part}`");
    }
}
