//! Plans made by hand or at random, and an independent check of what a simulation did with them.

use std::collections::{BTreeMap, BTreeSet};

use veda::planner::sim::{Happening, SimRun};
use veda::planner::task_graph::{Access, Datum, Divisible, Read, Task, TaskCost, TaskGraph};
use veda::planner::timeline::{Lane, Source, Span, Timeline, What};
use veda::planner::{Action, Place, Plan, Step};

pub const CPU: Place = Place::Cpu;
pub const GPU: Place = Place::Gpu(0);

pub fn datum(name: &str, bytes: u64, wanted: Option<Place>) -> Datum {
    Datum { name: name.into(), bytes, wanted, ..Datum::default() }
}

/// A task of so many nanoseconds on the CPU, and on every GPU.
pub fn task(name: &str, cpu: u64, gpu: u64, reads: &[usize], writes: &[usize]) -> Task {
    Task {
        name: name.into(),
        only: None,
        cost: TaskCost::Fixed(BTreeMap::from([(CPU, cpu), (GPU, gpu), (Place::Gpu(1), gpu)])),
        reads: reads.iter().map(|&datum| Read { datum, access: Access::Whole }).collect(),
        writes: writes.to_vec(),
        after: vec![],
        divisible: Divisible::No,
        fusible: false,
        origin: vec![],
        window: None,
    }
}

/// Time of a copy in these plans.
pub fn copy_ns(bytes: u64) -> u64 {
    10 + bytes / 8
}

/// Places each task as told, in the order of the graph, each step as early as possible, copies just in time. Data on a GPU
/// are given up after their last use if `evict`.
pub fn plan(graph: TaskGraph, places: Vec<Place>, evict: bool) -> Plan {
    let mut made =
        Made { graph: &graph, free: BTreeMap::new(), valid: BTreeMap::new(), used: BTreeMap::new(), steps: vec![] };
    for d in 0..graph.data.len() {
        if graph.writers()[d].is_none() {
            made.valid.insert((d, CPU), 0);
        }
    }
    let mut done = vec![0; graph.tasks.len()];
    for (t, it) in graph.tasks.iter().enumerate() {
        let place = places[t];
        let mut ready = it.after.iter().map(|&a| done[a]).max().unwrap_or(0);
        for read in &it.reads {
            ready = ready.max(made.bring(read.datum, place));
        }
        let TaskCost::Fixed(times) = &it.cost else { unreachable!("made by `task`") };
        done[t] = made.push(Action::Run(t), Lane::of(place), ready, times[&place]);
        it.reads.iter().for_each(|r| made.touch(r.datum, place, done[t]));
        it.writes.iter().for_each(|&w| {
            made.valid.insert((w, place), done[t]);
            made.touch(w, place, done[t]);
        });
    }
    for (d, it) in graph.data.iter().enumerate() {
        if let Some(place) = it.wanted {
            made.bring(d, place);
        }
    }
    if evict {
        for (&(datum, place), &at) in &made.used.clone() {
            if place != CPU && graph.data[datum].wanted != Some(place) {
                made.steps
                    .push((Lane::of(place), Step { action: Action::Evict { datum, place }, start_ns: at, end_ns: at }));
            }
        }
    }
    let mut steps = made.steps;
    steps.sort_by_key(|(_, s)| (s.start_ns, s.end_ns));
    let label = |action| match action {
        Action::Run(t) => (What::Run(t), graph.tasks[t].name.clone()),
        Action::Copy { datum, .. } => (What::Copy(datum), graph.data[datum].name.clone()),
        Action::Evict { datum, .. } => (What::Evict(datum), graph.data[datum].name.clone()),
    };
    let spans = steps.iter().map(|&(lane, Step { action, start_ns, end_ns })| {
        let (what, label) = label(action);
        Span { lane, what, label, start_ns, end_ns }
    });
    let timeline = Timeline::new(Source::Predicted, spans.collect());
    let steps = steps.into_iter().map(|s| s.1).collect();
    let (sigma, energy_j, peak_bytes, candidates) = (0.0, None, BTreeMap::new(), vec![]);
    Plan { id: 1, graph, places, steps, timeline, sigma, energy_j, peak_bytes, candidates }
}

struct Made<'a> {
    graph: &'a TaskGraph,
    free: BTreeMap<Lane, u64>,
    valid: BTreeMap<(usize, Place), u64>,
    /// Last use.
    used: BTreeMap<(usize, Place), u64>,
    steps: Vec<(Lane, Step)>,
}

impl Made<'_> {
    fn push(&mut self, action: Action, lane: Lane, ready: u64, ns: u64) -> u64 {
        let start_ns = ready.max(self.free.get(&lane).copied().unwrap_or(0));
        self.free.insert(lane, start_ns + ns);
        self.steps.push((lane, Step { action, start_ns, end_ns: start_ns + ns }));
        start_ns + ns
    }

    fn touch(&mut self, datum: usize, place: Place, end: u64) {
        let last = self.used.entry((datum, place)).or_default();
        *last = (*last).max(end);
    }

    fn bring(&mut self, datum: usize, to: Place) -> u64 {
        if let Some(&since) = self.valid.get(&(datum, to)) {
            return since;
        }
        let from = self.valid.keys().find(|k| k.0 == datum).expect("tasks are in order").1;
        if from != CPU && to != CPU {
            self.bring(datum, CPU);
            return self.bring(datum, to);
        }
        let lane = match (from, to) {
            (Place::Gpu(i), _) => Lane::Download(i),
            (_, Place::Gpu(i)) => Lane::Upload(i),
            _ => unreachable!("from is not to"),
        };
        let ready = self.valid[&(datum, from)];
        let end = self.push(Action::Copy { datum, from, to }, lane, ready, copy_ns(self.graph.data[datum].bytes));
        self.touch(datum, from, end);
        self.touch(datum, to, end);
        self.valid.insert((datum, to), end);
        end
    }
}

/// Six tasks, two of them on the CPU, with copies both ways: the plan that most tests use.
///
/// ```text
/// x ─ load(CPU) ─ a ─┬─ blur(GPU) ─ b ─ edges(GPU) ─ c ─┬─ mix(GPU) ─ e ─ save(CPU) ─ out
///                    └─ histogram(CPU) ─ d ─────────────┘
/// ```
pub fn pipeline() -> Plan {
    let names = ["x", "a", "b", "c", "d", "e", "out"];
    let bytes = [800, 8000, 8000, 8000, 80, 8000, 8000];
    let data = names.iter().zip(bytes).map(|(n, b)| datum(n, b, (*n == "out").then_some(CPU))).collect();
    let tasks = vec![
        task("load", 1000, 300, &[0], &[1]),
        task("blur", 9000, 700, &[1], &[2]),
        task("histogram", 1500, 2000, &[1], &[4]),
        task("edges", 8000, 600, &[2], &[3]),
        task("mix", 6000, 500, &[3, 4], &[5]),
        task("save", 900, 5000, &[5], &[6]),
    ];
    plan(TaskGraph { data, tasks }, vec![CPU, GPU, CPU, GPU, GPU, CPU], true)
}

fn place_of(lane: Lane) -> Place {
    match lane {
        Lane::Cpu => CPU,
        Lane::Gpu(i) | Lane::Upload(i) | Lane::Download(i) | Lane::Build(i) => Place::Gpu(i),
    }
}

/// A datum at a place.
type Copied = (usize, Place);

/// Where a span reads a datum and where it leaves one.
fn effects(graph: &TaskGraph, span: &Span) -> (Vec<Copied>, Vec<Copied>) {
    let place = place_of(span.lane);
    match (span.what, span.lane) {
        (What::Run(t), _) => {
            let it = &graph.tasks[t];
            let reads = it.reads.iter().map(|r| (r.datum, place)).collect();
            (reads, it.writes.iter().map(|&w| (w, place)).collect())
        }
        (What::Copy(d), Lane::Upload(_)) => (vec![(d, CPU)], vec![(d, place)]),
        (What::Copy(d), _) => (vec![(d, place)], vec![(d, CPU)]),
        _ => (vec![], vec![]),
    }
}

/// Precedence, residency, lanes, memory: checked from the spans alone.
pub fn check(plan: &Plan, run: &SimRun, limits: &BTreeMap<Place, u64>) {
    let graph = &plan.graph;
    let spans = &run.timeline.spans;
    let inputs: BTreeSet<usize> = (0..graph.data.len()).filter(|&d| graph.writers()[d].is_none()).collect();
    for lane in run.timeline.lanes() {
        let mut busy: Vec<&Span> =
            spans.iter().filter(|s| s.lane == lane && !matches!(s.what, What::Evict(_))).collect();
        busy.sort_by_key(|s| (s.start_ns, s.end_ns));
        for pair in busy.windows(2) {
            assert!(pair[0].end_ns <= pair[1].start_ns, "{lane} does two things at once: {pair:?}");
        }
    }
    let finished = |s: &&Span| !s.label.ends_with(" (lost)");
    for span in spans {
        let (reads, _) = effects(graph, span);
        for (datum, place) in reads {
            let there = |since: u64| {
                since <= span.start_ns
                    && !spans.iter().any(|e| {
                        let gone = e.what == What::Evict(datum) && place_of(e.lane) == place;
                        gone && since <= e.start_ns && e.start_ns < span.end_ns
                    })
            };
            let brought =
                spans.iter().filter(finished).any(|s| effects(graph, s).1.contains(&(datum, place)) && there(s.end_ns));
            let initial = place == CPU && inputs.contains(&datum);
            assert!(brought || initial, "{span:?} reads datum {datum} on {place}, where it is not\n{spans:#?}");
        }
        if let What::Run(t) = span.what {
            for a in &graph.tasks[t].after {
                let done = spans.iter().filter(finished).any(|s| s.what == What::Run(*a) && s.end_ns <= span.start_ns);
                assert!(done, "task {t} before task {a}");
            }
        }
    }
    for (d, it) in graph.data.iter().enumerate().filter(|(_, it)| it.wanted.is_some()) {
        let made = spans.iter().filter(finished).any(|s| effects(graph, s).1.contains(&(d, CPU)));
        assert!(made || inputs.contains(&d) || run.missing.contains(&d), "`{}` is wanted and not on the host", it.name);
    }
    let over = run.events.iter().any(|e| matches!(e.what, Happening::OverLimit { .. }));
    for (&place, &limit) in limits {
        let most = most_bytes(graph, spans, place);
        assert_eq!(most, run.peak_bytes.get(&place).copied().unwrap_or(0), "{place}");
        assert!(over || most <= limit, "{place}: {most} of {limit} bytes");
    }
}

/// The most bytes that a place holds at one time.
fn most_bytes(graph: &TaskGraph, spans: &[Span], place: Place) -> u64 {
    let mut changes: Vec<(u64, i64)> = Vec::new();
    for span in spans {
        if let What::Evict(d) = span.what
            && place_of(span.lane) == place
        {
            changes.push((span.end_ns, -(graph.data[d].bytes as i64)));
        }
        let takes = effects(graph, span).1.into_iter().filter(|w| w.1 == place);
        changes.extend(takes.map(|(d, _)| (span.start_ns, graph.data[d].bytes as i64)));
    }
    changes.sort_unstable();
    let mut held = 0;
    changes
        .into_iter()
        .map(|(_, by)| {
            held += by;
            held
        })
        .max()
        .unwrap_or(0) as u64
}
