//! Plans that the planner made, played by the simulator: without noise they take as long as predicted, with noise and
//! after losses they end with everything that is wanted.
#![allow(missing_docs, reason = "tests")]

mod planner_support;

use std::collections::BTreeMap;

use planner_support::{Builder, FIXTURES, GPU, plan, set};
use veda::planner::price::price;
use veda::planner::rewrite::residency;
use veda::planner::sim::Sim;
use veda::planner::task_graph::{DataResidency, TaskId};
use veda::planner::{Place, Plan, ProfileSet};

fn chain(n: u64, stages: usize, ops: f64, fusible: bool) -> Builder {
    let mut b = Builder::default();
    let mut d = b.datum("photograph", n);
    for i in 0..stages {
        d = b.map(&format!("stage {i}"), &[d], ops);
    }
    b.wanted(d, Place::Cpu);
    b.graph.tasks.iter_mut().for_each(|t| t.fusible &= fusible);
    b
}

/// Branches of different weight over one input, joined by a host function.
fn fork_join(n: u64, width: usize) -> Builder {
    let mut b = Builder::default();
    let x = b.datum("x", n);
    let ends: Vec<_> = (0..width)
        .map(|i| {
            let y = b.rigid(&format!("branch {i}"), &[x], 20.0 * (i + 1) as f64);
            b.reduce(&format!("sum {i}"), y, 1.0)
        })
        .collect();
    let report = b.host("report", &ends, 50_000, 1);
    b.wanted(report, Place::Cpu);
    b
}

/// More arrays alive than fit.
fn wide(n: u64) -> Builder {
    let mut b = Builder::default();
    let x = b.datum("x", n);
    let parts: Vec<_> = (0..5).map(|i| b.rigid(&format!("part {i}"), &[x], 3_000.0)).collect();
    let mut last = parts[0];
    for (i, &part) in parts.iter().enumerate().skip(1) {
        last = b.rigid(&format!("join {i}"), &[last, part], 3_000.0);
    }
    b.wanted(last, Place::Cpu);
    b
}

/// Every graph on every machine, and one with little memory.
fn plans() -> Vec<(String, Plan, ProfileSet)> {
    let graphs = [
        ("rigid chain", chain(100_000, 4, 30.0, false)),
        ("merged chain", chain(4 << 20, 5, 2.0, true)),
        ("heavy chain, cut", chain(8 << 20, 3, 300.0, false)),
        ("one map, split", chain(4 << 20, 1, 100.0, false)),
        ("fork and join", fork_join(1 << 20, 5)),
        ("wide", wide(1 << 20)),
    ];
    let mut plans = Vec::new();
    for fixture in FIXTURES {
        for (name, graph) in &graphs {
            for memory in [None, Some(17 << 20)] {
                let mut set = set(fixture);
                for offer in set.places.iter_mut().filter(|o| o.place == GPU) {
                    offer.capacity = memory.or(offer.capacity);
                }
                plans.push((format!("{name} on {fixture}, memory {memory:?}"), plan(&graph.graph, &set), set));
            }
        }
    }
    plans
}

/// The time of each task of a plan at each place.
fn times(plan: &Plan, set: &ProfileSet) -> BTreeMap<(TaskId, Place), u64> {
    let residency = residency(&plan.graph, &DataResidency::host(&plan.graph));
    let priced = price(&plan.graph, set, &residency, None).unwrap();
    let mut times = BTreeMap::new();
    for (t, task) in priced.instance.tasks.iter().enumerate() {
        for (run, &place) in task.options.iter().zip(&priced.places) {
            times.extend(run.map(|run| ((t, place), run.ns)));
        }
    }
    times
}

#[test]
fn without_noise_plans_take_as_long_as_predicted() {
    let plans = plans();
    let used = |p: &Plan, place| p.places.contains(&place);
    assert!(plans.iter().any(|(_, p, _)| used(p, GPU) && used(p, Place::Cpu)));
    assert!(plans.iter().any(|(_, p, _)| p.graph.tasks.iter().any(|t| t.window.is_some())));
    for (name, plan, _) in &plans {
        let run = Sim::new(plan).run().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(run.complete(), "{name}: {:?}", run.events);
        assert_eq!(run.timeline.makespan_ns, plan.timeline.makespan_ns, "{name}");
    }
}

#[test]
fn with_noise_and_stragglers_they_end() {
    for (name, plan, _) in plans() {
        for (seed, sigma) in (0..8).flat_map(|seed| [(seed, 0.1), (seed, 0.3)]) {
            let run = Sim::new(&plan).seed(seed).noise(sigma).stragglers(0.05, 10.0).run();
            let run = run.unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(run.complete(), "{name}, seed {seed}: {:?}", run.events);
        }
    }
}

#[test]
fn after_the_loss_of_the_gpu_they_end_with_everything_that_is_wanted() {
    let mut hit = 0;
    for (name, plan, set) in plans().iter().filter(|(_, plan, _)| plan.places.contains(&GPU)) {
        let times = times(plan, set);
        let at_place = |t: TaskId, place: Place| times.get(&(t, place)).copied();
        let makespan = plan.timeline.makespan_ns;
        for percent in [0, 10, 35, 50, 75, 99] {
            let lost =
                Sim::new(plan).seed(percent).noise(0.1).times(&at_place).lose(GPU, makespan * percent / 100).run();
            let lost = lost.unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(lost.complete(), "{name} at {percent} %: {:?} {:?}", lost.unfinished, lost.missing);
            hit += usize::from(!lost.events.is_empty());
        }
    }
    assert!(hit > 20, "{hit}");
}
