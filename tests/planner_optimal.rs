//! The scheduler against proven optima, against single devices, and on the example of the HEFT paper.

#[path = "support/dag.rs"]
mod dag;

use dag::{BUSES, US};
use veda::planner::schedule::{Options, heft, schedule, simulate};

fn percentile(sorted: &[f64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

#[test]
fn near_the_optimum_on_small_graphs() {
    let graphs = dag::all();
    let mut ratios = Vec::new();
    for optimum in dag::optima() {
        let graph = graphs.iter().find(|g| g.name == optimum.graph).expect("every optimum has its graph");
        let bus = BUSES.into_iter().find(|b| b.name == optimum.platform).expect("a known platform");
        let instance = graph.instance(bus, optimum.model == "linked");
        let outcome = schedule(&instance, &Options::default()).expect("feasible");
        let ratio = outcome.schedule.makespan as f64 / (optimum.opt_us * US) as f64;
        assert!(ratio >= 1.0, "{} {} {}: better than the optimum", optimum.graph, optimum.platform, optimum.model);
        if ratio > 1.0 {
            println!("{} {} {}: {ratio:.3}", optimum.graph, optimum.platform, optimum.model);
        }
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
    let outcome = schedule(&instance, &Options::default()).expect("feasible");
    assert_eq!(outcome.schedule.makespan, 73 * US);
}
