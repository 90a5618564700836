//! What runs of graphs teach, and when they teach nothing.
#![allow(missing_docs)]

use std::time::Duration;

use veda::graph::Plan;
use veda::{Array, Config, DeviceChoice, Graph, Learning, Runtime};

#[veda::kernel]
fn square(x: f32) -> f32 {
    x * x
}

fn runtime(learning: Learning) -> Runtime {
    let config = Config::builder().device(DeviceChoice::Auto).admit_software(true).learning(learning).num_threads(2);
    Runtime::new(config.build()).unwrap()
}

const NAP: Duration = Duration::from_millis(20);

/// A map, a host function that sleeps, and another map.
fn graph(runtime: &Runtime) -> Plan {
    let mut g = Graph::on(runtime);
    let x = g.input(&Array::from(vec![1.5f32; 100_000]));
    let y = g.apply(square::on(&x)).unwrap();
    let z = g
        .host("nap", y, y, |y: &[f32], out: &mut [f32]| {
            std::thread::sleep(NAP);
            out.copy_from_slice(y);
        })
        .unwrap();
    let w = g.apply(square::on(&z)).unwrap();
    g.output(&w);
    g.plan().unwrap()
}

/// The predicted time of the host function.
fn predicted(plan: &Plan) -> Duration {
    let task = plan.details().graph.tasks.iter().position(|t| t.name == "nap").unwrap();
    let span = plan.timeline().run(task).unwrap();
    Duration::from_nanos(span.end_ns - span.start_ns)
}

#[test]
fn the_second_plan_knows_how_long_a_host_function_takes() {
    let runtime = runtime(Learning::Session);
    let first = graph(&runtime);
    assert!(predicted(&first) < NAP / 4, "{:?}", predicted(&first));
    // The device that computes on the CPU's own cores, where there is one, may make a run teach nothing.
    let learned = (0..20).any(|_| {
        first.run().unwrap();
        predicted(&graph(&runtime)) >= NAP / 2
    });
    assert!(learned);
    let again = predicted(&graph(&runtime));
    // A busy machine may sleep longer.
    assert!((NAP / 2..10 * NAP).contains(&again), "{again:?}");
}

#[test]
fn without_learning_the_same_graph_gives_the_same_plan() {
    let runtime = runtime(Learning::Off);
    let first = graph(&runtime);
    let text = format!("{:?}", first.details());
    for _ in 0..3 {
        let out = first.run().unwrap();
        assert_eq!(out.rerouted(), 0, "{:?}", out.notes());
        assert_eq!(format!("{:?}", graph(&runtime).details()), text);
    }
}
