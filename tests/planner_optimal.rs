//! The scheduler against proven optima, against single devices, and on the example of the HEFT paper.

#[path = "support/dag.rs"]
mod dag;

use dag::{BUSES, US};
use veda::planner::schedule::{Instance, Options, Origin, Outcome, check, heft, schedule, simulate, single};

fn percentile(sorted: &[f64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

/// Plans, and checks what comes out.
fn plan(instance: &Instance, budget: Option<u64>) -> Outcome {
    let outcome = schedule(instance, &Options { budget, ..Options::default() }).expect("feasible");
    assert_eq!(check(instance, &outcome.schedule), []);
    outcome
}

/// The better of both devices alone, each in the better of two orders; of those that can do everything.
fn best_alone(instance: &Instance, outcome: &Outcome) -> u64 {
    let able = |p: usize| instance.tasks.iter().all(|t| t.options[p].is_some());
    let alone = outcome.candidates.iter().filter(|(origin, _)| matches!(origin, Origin::Alone(p) if able(*p)));
    alone.map(|(_, makespan)| *makespan).min().expect("a device that can do everything")
}

#[test]
fn near_the_optimum_on_small_graphs() {
    let graphs = dag::all();
    let mut ratios = Vec::new();
    for optimum in dag::optima() {
        let graph = graphs.iter().find(|g| g.name == optimum.graph).expect("every optimum has its graph");
        let bus = BUSES.into_iter().find(|b| b.name == optimum.platform).expect("a known platform");
        let instance = graph.instance(bus, optimum.model == "linked");
        let outcome = plan(&instance, None);
        let ratio = outcome.schedule.makespan as f64 / (optimum.opt_us * US) as f64;
        assert!(ratio >= 1.0, "{} {} {}: better than the optimum", optimum.graph, optimum.platform, optimum.model);
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    let (p90, max) = (percentile(&ratios, 0.9), ratios[ratios.len() - 1]);
    println!("{} optima: mean {mean:.4}, p90 {p90:.3}, max {max:.3}", ratios.len());
    assert!(mean <= 1.02 && p90 <= 1.08 && max <= 1.25, "mean {mean:.4}, p90 {p90:.3}, max {max:.3}");
}

#[test]
fn the_paper_example() {
    let (instance, ranks) = dag::topcuoglu();
    for (ours, theirs) in heft::upward_ranks(&instance).iter().zip(ranks) {
        assert!((ours / US as f64 - theirs).abs() < 0.001, "{ours} {theirs}");
    }
    let draft = heft::heft(&instance).expect("feasible");
    let alone = simulate(&instance, &draft.assignment, &draft.order).expect("feasible");
    assert_eq!(alone.makespan, 80 * US);
    let outcome = plan(&instance, None);
    assert_eq!(outcome.schedule.makespan, 73 * US);
}

/// The stored optimal schedules fit the model: in their order and placement the simulator needs no more time than they
/// say. Not less either: they are optimal.
#[test]
fn stored_optima_are_schedules_of_this_model() {
    let graphs = dag::all();
    for optimum in dag::optima() {
        let graph = graphs.iter().find(|g| g.name == optimum.graph).expect("every optimum has its graph");
        let bus = BUSES.into_iter().find(|b| b.name == optimum.platform).expect("a known platform");
        let instance = graph.instance(bus, optimum.model == "linked");
        let mut order: Vec<usize> = (0..instance.tasks.len()).collect();
        order.sort_by_key(|&t| (optimum.start_us[t], t));
        let assignment: Vec<_> = optimum.placement.iter().map(|p| usize::from(p == "gpu")).collect();
        let found = simulate(&instance, &assignment, &order).expect("feasible");
        assert_eq!(check(&instance, &found), []);
        assert_eq!(found.makespan, optimum.opt_us * US, "{} {} {}", graph.name, bus.name, optimum.model);
        let draft = single::single(&instance, 0).expect("a processor for each task");
        let alone = simulate(&instance, &draft.assignment, &draft.order).expect("feasible");
        assert_eq!(alone.makespan, optimum.all_cpu_us * US);
    }
}

#[test]
fn never_worse_than_one_device_and_often_much_better() {
    let mut gains = Vec::new();
    for graph in dag::all() {
        for bus in BUSES {
            for linked in [false, true] {
                let instance = graph.instance(bus, linked);
                // What is promised of all graphs holds for any budget.
                let outcome = plan(&instance, (graph.tasks.len() < 40).then_some(2_000));
                let (ours, alone) = (outcome.schedule.makespan, best_alone(&instance, &outcome));
                assert!(ours as f64 <= 1.01 * alone as f64, "{} {} {linked}: {ours} {alone}", graph.name, bus.name);
                if graph.tasks.len() >= 40 {
                    gains.push(alone as f64 / ours as f64);
                }
            }
        }
    }
    gains.sort_by(f64::total_cmp);
    let median = percentile(&gains, 0.5);
    println!("{} larger graphs: {median:.2} times as fast as the better device (median)", gains.len());
    assert!(median >= 1.3, "{median}");
}
