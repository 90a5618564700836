//! How long planning takes: random layered graphs of maps, reductions and host functions on the machines of the fixtures.
//! `cargo bench --no-default-features --bench plan_graph`.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use veda::planner::planning::plan;
use veda::planner::task_graph::{Access, Datum, Divisible, Read, Task, TaskCost, TaskGraph};
use veda::planner::{DataResidency, Objective, OpCounts, OutputKind, Place, Profile, ProfileSet, Work};

/// A linear congruential generator: enough for shapes.
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

fn layered(tasks: usize, seed: u64) -> TaskGraph {
    let mut s = seed;
    let mut graph = TaskGraph::default();
    let datum = |name: String, elements: u64| Datum { name, bytes: 4 * elements, elements, ..Datum::default() };
    // Up to 2 MiB per array, so that 5 000 of them fit into the smallest memory.
    let n = 1 << (14 + random(&mut s, 6));
    graph.data.extend((0..4).map(|i| datum(format!("input {i}"), n)));
    for t in 0..tasks {
        let recent = (graph.data.len() as u64).min(24);
        let mut reads: Vec<Read> = Vec::new();
        for _ in 0..=random(&mut s, 2) {
            let d = graph.data.len() - 1 - random(&mut s, recent) as usize;
            let access = if graph.data[d].elements == n { Access::Elements } else { Access::Whole };
            reads.push(Read { datum: d, access });
        }
        let kind = random(&mut s, 10);
        let reduce = kind == 0;
        let ops = (1 << random(&mut s, 10)) as f64;
        let work = Work {
            key: random(&mut s, 40),
            elements: n,
            groups: n.div_ceil(4096),
            ops: OpCounts { add: ops, mul: ops, ..OpCounts::default() },
            in_bytes: 4.0 * reads.len() as f64,
            out_bytes: 4.0,
            output: if reduce { OutputKind::Reduce } else { OutputKind::Map },
            ..Work::default()
        };
        let host = kind == 1;
        let cost = if host {
            TaskCost::Host { key: 0, ns: 1_000 * (1 + random(&mut s, 500)), sigma: 0.2 }
        } else {
            TaskCost::Kernel { work, repeat: 1 }
        };
        let per_output = if reduce { 4096 } else { 1 };
        graph.data.push(datum(format!("d{t}"), n.div_ceil(per_output)));
        let d = graph.data.len() - 1;
        graph.data[d].wanted = (random(&mut s, 12) == 0).then_some(Place::Cpu);
        graph.tasks.push(Task {
            name: format!("t{t}"),
            only: None,
            cost,
            reads,
            writes: vec![d],
            after: vec![],
            divisible: if host { Divisible::No } else { Divisible::By { grain: 4096, per_output } },
            fusible: !host && !reduce,
            origin: vec![],
            window: None,
        });
    }
    graph
}

/// Processor time of this thread, which other processes do not disturb; wall time where the system does not tell.
fn now() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ns = stat.and_then(|s| s.split_whitespace().next()?.parse().ok());
    ns.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

fn main() {
    let only: Option<usize> = std::env::args().skip(1).find_map(|a| a.parse().ok());
    for fixture in ["discrete-pcie", "integrated-uma", "h200-from-specifications"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/profiles/{fixture}.json"));
        let set = match Profile::load(&path) {
            Ok(profile) => ProfileSet::from_profile(&profile),
            Err(error) => {
                eprintln!("{fixture}: {error}");
                continue;
            }
        };
        for tasks in [1, 10, 30, 100, 300, 1_000, 5_000].into_iter().filter(|&n| only.is_none_or(|o| o == n)) {
            let graphs: Vec<TaskGraph> = (0..5).map(|seed| layered(tasks, seed)).collect();
            let (mut gains, mut planned, mut plans) = (Vec::new(), 0, 0u32);
            let start = now();
            // The clock of the scheduler ticks every 4 ms.
            while now().saturating_sub(start) < Duration::from_millis(400) || plans < 5 {
                let graph = &graphs[plans as usize % graphs.len()];
                let residency = DataResidency::host(graph);
                plans += 1;
                if let Ok(plan) = black_box(plan(graph, &set, &residency, &Objective::default(), 1)) {
                    let alone = plan.candidates.iter().filter(|c| c.0 == "all CPU" || c.0.ends_with("alone"));
                    let single = alone.map(|c| c.1).min().unwrap_or(0);
                    gains.push(single as f64 / plan.timeline.makespan_ns.max(1) as f64);
                    planned = planned.max(plan.graph.tasks.len());
                }
            }
            let mean = now().saturating_sub(start) / plans;
            gains.sort_by(f64::total_cmp);
            println!(
                "{fixture:26} {tasks:5} tasks: {mean:9.2?}; {:.2} times as fast as the best single device (median), up to {planned} tasks planned",
                gains[gains.len() / 2]
            );
        }
    }
}
