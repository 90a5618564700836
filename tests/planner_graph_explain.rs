//! Explanations of plans: what they say is what the planner computed.

mod planner_support;

use planner_support::{Builder, GPU, plan, set};
use veda::planner::task_graph::TaskGraph;
use veda::planner::{DataResidency, GraphExplanation, Objective, Place, Plan, ProfileSet};

fn explain(graph: &TaskGraph, set: &ProfileSet, plan: &Plan) -> GraphExplanation {
    GraphExplanation::new(plan, graph, set, &DataResidency::host(graph), &Objective::default(), 1).unwrap()
}

#[test]
fn terms_of_a_single_node_add_up_to_the_plan() {
    let set = set("discrete-pcie");
    let mut b = Builder::default();
    let x = b.datum("x", 262_144);
    let y = b.rigid("f", &[x], 200.0);
    b.wanted(y, Place::Cpu);
    let plan = plan(&b.graph, &set);
    let explanation = explain(&b.graph, &set, &plan);
    let node = &explanation.nodes[0];
    assert_eq!(node.runs_on, [(GPU, 1.0)]);
    let gpu = node.candidates.iter().find(|c| c.place == GPU).unwrap();
    let cpu = node.candidates.iter().find(|c| c.place == Place::Cpu).unwrap();
    assert_eq!(gpu.total_ns(), plan.timeline.makespan_ns);
    assert_eq!((cpu.transfer_ns, cpu.wait_ns, cpu.compile_ns), (0, 0, 0));
    assert_eq!(node.forced, [(Place::Cpu, cpu.total_ns())]);
    assert!((node.margin - (cpu.total_ns() as f64 / gpu.total_ns() as f64 - 1.0)).abs() < 1e-9);
    let flip = node.flip.unwrap();
    let (from, resident) = (flip.gpu_from.unwrap(), flip.gpu_from_resident.unwrap());
    assert!(resident < from && from < 262_144, "{flip}");
    // Just below the flip point the plan chooses the CPU, at it the GPU.
    for (n, place) in [(from, GPU), (from - from / 50, Place::Cpu)] {
        let mut b = Builder::default();
        let x = b.datum("x", n);
        let y = b.rigid("f", &[x], 200.0);
        b.wanted(y, Place::Cpu);
        assert_eq!(planner_support::plan(&b.graph, &set).places, [place], "{n}");
    }
}

#[test]
fn what_was_merged_cut_and_split_is_named() {
    let set = set("integrated-uma");
    let mut b = Builder::default();
    let mut d = b.datum("photograph", 4 << 20);
    for i in 0..3 {
        d = b.map(&format!("stage {i}"), &[d], 5.0);
    }
    let log = b.host("log", &[d], 300_000, 1);
    b.wanted(log, Place::Cpu);
    let plan = plan(&b.graph, &set);
    let explanation = explain(&b.graph, &set, &plan);
    let first = &explanation.nodes[0];
    assert_eq!(first.merged_with, [1, 2]);
    assert!(first.windows > 1 && first.runs_on.len() == 2, "{explanation}");
    assert!((first.runs_on.iter().map(|r| r.1).sum::<f64>() - 1.0).abs() < 1e-9);
    assert_eq!(explanation.nodes[3].candidates.len(), 1, "a host function has no choice");
    let instead = |name: &str| explanation.counterfactuals.iter().find(|c| c.0 == name).unwrap().1;
    for name in ["all CPU", "GPU 0 alone", "without merging", "without cutting"] {
        assert!(instead(name) >= plan.timeline.makespan_ns, "{name} would be better: {explanation}");
    }
    assert!(explanation.nodes[0].flip.is_some());
    let text = explanation.to_string();
    for part in ["merged with node 1, 2", " % on CPU", " windows", "instead: without cutting", "stage 0 on CPU"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    let json = serde_json::to_string(&explanation).unwrap();
    let back: GraphExplanation = serde_json::from_str(&json).unwrap();
    assert_eq!(back.nodes.len(), explanation.nodes.len());
}

#[test]
fn a_node_on_the_slower_device_is_explained_by_the_whole() {
    let set = set("discrete-pcie");
    let mut b = Builder::default();
    let x = b.datum("x", 1 << 20);
    let y = b.rigid("heavy", &[x], 2_000.0);
    let z = b.rigid("light", &[y], 1.0);
    let w = b.rigid("heavy too", &[z], 2_000.0);
    b.wanted(w, Place::Cpu);
    let plan = plan(&b.graph, &set);
    assert_eq!(plan.places, [GPU; 3]);
    let explanation = explain(&b.graph, &set, &plan);
    let light = &explanation.nodes[1];
    let cpu = light.candidates.iter().find(|c| c.place == Place::Cpu).unwrap();
    assert!(cpu.transfer_ns > 0, "its input would have to come down first");
    assert!(light.forced.iter().all(|&(_, ns)| ns > plan.timeline.makespan_ns));
}
