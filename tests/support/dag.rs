//! Reads `tests/fixtures/dags`: task graphs as scheduling instances, and their proven optima.
#![allow(dead_code, reason = "each test uses a part")]

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use veda::planner::schedule::instance::{Data, Instance, Job, Link, Memory, Processor, Run};

/// Nanoseconds per microsecond: the files count in these.
pub const US: u64 = 1000;

#[derive(Debug, Deserialize)]
pub struct Dag {
    pub name: String,
    data: Vec<DagData>,
    pub tasks: Vec<DagTask>,
}

#[derive(Debug, Deserialize)]
struct DagData {
    id: usize,
    bytes: u64,
    initial: Option<String>,
    #[serde(rename = "final")]
    wanted: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct DagTask {
    id: usize,
    cpu_us: f64,
    gpu_us: f64,
    reads: Vec<usize>,
    writes: Vec<usize>,
    preds: Vec<usize>,
}

/// A line of `optimal.json`.
#[derive(Debug, Deserialize)]
pub struct Optimum {
    pub graph: String,
    pub platform: String,
    pub model: String,
    pub opt_us: u64,
    pub all_cpu_us: u64,
    pub placement: Vec<String>,
    pub start_us: Vec<u64>,
}

/// Latencies in microseconds and bandwidths in bytes per microsecond, up and down.
#[derive(Clone, Copy, Debug)]
pub struct Bus {
    pub name: &'static str,
    up: (f64, f64),
    down: (f64, f64),
}

pub const BUSES: [Bus; 3] = [
    Bus { name: "pcie3", up: (15.0, 6e3), down: (16.0, 6.5e3) },
    Bus { name: "pcie5", up: (20.0, 25e3), down: (25.0, 20e3) },
    Bus { name: "igpu", up: (5.0, 12e3), down: (5.0, 12e3) },
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dags")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).expect("the fixture is there")
}

/// All graphs, by name.
pub fn all() -> Vec<Dag> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("the fixtures are there")
        .map(|f| f.expect("a folder entry").file_name().into_string().expect("ASCII names"))
        .filter(|n| n.ends_with(".dag.json"))
        .collect();
    names.sort();
    names.iter().map(|n| serde_json::from_str(&read(n)).expect("format dag/1")).collect()
}

pub fn optima() -> Vec<Optimum> {
    serde_json::from_str(&read("optimal.json")).expect("optima")
}

/// Fills in the reverse lists: writers, readers, predecessors by data, successors.
pub fn connect(instance: &mut Instance) {
    for t in 0..instance.tasks.len() {
        for &d in &instance.tasks[t].writes {
            instance.data[d].writer = Some(t);
        }
    }
    for t in 0..instance.tasks.len() {
        let reads = instance.tasks[t].reads.clone();
        for d in reads {
            instance.data[d].readers.push(t);
            if let Some(w) = instance.data[d].writer {
                instance.tasks[t].preds.push(w);
            }
        }
        let preds = &mut instance.tasks[t].preds;
        preds.sort_unstable();
        preds.dedup();
        for u in preds.clone() {
            assert!(u < t, "topological order");
            instance.tasks[u].succs.push(t);
        }
    }
}

impl Dag {
    /// CPU is processor 0, GPU processor 1; link 0 goes up, link 1 down. `linked`: each has an engine.
    pub fn instance(&self, bus: Bus, linked: bool) -> Instance {
        let copy = |bytes: u64, (latency, per_us): (f64, f64)| (latency + bytes as f64 / per_us).ceil() as u64 * US;
        let host = |at: &Option<String>| at.as_deref().map(|name| assert_eq!(name, "host"));
        let run = |us: f64| (us < 1e8).then(|| Run { ns: us.ceil() as u64 * US, ..Run::default() });
        let mut instance = Instance {
            processors: vec![Processor { memory: 0, ready_ns: 0 }, Processor { memory: 1, ready_ns: 0 }],
            memories: vec![Memory::default(); 2],
            links: vec![
                Link { from: 0, to: 1, engine: linked.then_some(0), ..Link::default() },
                Link { from: 1, to: 0, engine: linked.then_some(1), ..Link::default() },
            ],
            data: self
                .data
                .iter()
                .enumerate()
                .map(|(i, d)| {
                    assert_eq!(i, d.id);
                    Data {
                        bytes: d.bytes,
                        initial: host(&d.initial).map(|()| 0).into_iter().collect(),
                        wanted: host(&d.wanted).map(|()| 0),
                        copy_ns: vec![copy(d.bytes, bus.up), copy(d.bytes, bus.down)],
                        ..Data::default()
                    }
                })
                .collect(),
            tasks: self
                .tasks
                .iter()
                .enumerate()
                .map(|(i, t)| {
                    assert_eq!(i, t.id);
                    let mut reads = t.reads.clone();
                    reads.sort_unstable();
                    reads.dedup();
                    Job {
                        options: vec![run(t.cpu_us), run(t.gpu_us)],
                        reads,
                        writes: t.writes.clone(),
                        preds: t.preds.clone(),
                        succs: Vec::new(),
                    }
                })
                .collect(),
        };
        connect(&mut instance);
        instance
    }
}

/// The example of Topcuoglu and others, and its upward ranks: three unrelated processors with memories of their own, and a
/// datum per edge that travels without contention.
pub fn topcuoglu() -> (Instance, Vec<f64>) {
    #[derive(Deserialize)]
    struct Paper {
        #[serde(rename = "W")]
        weights: Vec<Vec<u64>>,
        edges: Vec<(usize, usize, u64)>,
        upward_ranks: Vec<f64>,
    }
    let paper: Paper = serde_json::from_str(&read("heft_paper.json")).expect("the example");
    let pairs = (0..3).flat_map(|a| (0..3).filter(move |&b| a != b).map(move |b| (a, b)));
    let links: Vec<_> = pairs.map(|(from, to)| Link { from, to, ..Link::default() }).collect();
    let run = |&us: &u64| Some(Run { ns: us * US, ..Run::default() });
    let mut tasks: Vec<Job> =
        paper.weights.iter().map(|w| Job { options: w.iter().map(run).collect(), ..Job::default() }).collect();
    let mut data = Vec::new();
    for &(from, to, us) in &paper.edges {
        tasks[from].writes.push(data.len());
        tasks[to].reads.push(data.len());
        data.push(Data { bytes: 1, copy_ns: vec![us * US; links.len()], ..Data::default() });
    }
    let mut instance = Instance {
        processors: (0..3).map(|memory| Processor { memory, ready_ns: 0 }).collect(),
        memories: vec![Memory::default(); 3],
        links,
        data,
        tasks,
    };
    connect(&mut instance);
    (instance, paper.upward_ranks)
}
