//! Graphs and checks for the tests of graph planning.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use veda::planner::planning::order_of;
use veda::planner::price::{Priced, price};
use veda::planner::rewrite::residency as residency_of;
use veda::planner::schedule::check::{Violation, check};
use veda::planner::schedule::result::{Build, Copy, Eviction, Schedule};
use veda::planner::task_graph::{Access, Datum, DatumId, Divisible, Read, Task, TaskCost, TaskGraph, TaskId};
use veda::planner::timeline::{Lane, What};
use veda::planner::{Action, DataResidency, Objective, OpCounts, OutputKind, Place, Plan, Profile, ProfileSet, Work};

pub const GPU: Place = Place::Gpu(0);
pub const FIXTURES: [&str; 4] = ["discrete-pcie", "integrated-uma", "h200-from-specifications", "none"];

pub fn profile(name: &str) -> Profile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/profiles").join(format!("{name}.json"));
    Profile::load(&path).unwrap_or_else(|e| panic!("{name} {e}"))
}

pub fn set(name: &str) -> ProfileSet {
    ProfileSet::from_profile(&profile(name))
}

/// A graph that is built task by task.
#[derive(Default)]
pub struct Builder {
    pub graph: TaskGraph,
}

impl Builder {
    pub fn datum(&mut self, name: &str, elements: u64) -> DatumId {
        self.graph.data.push(Datum { name: name.into(), bytes: 4 * elements, elements, ..Datum::default() });
        self.graph.data.len() - 1
    }

    pub fn wanted(&mut self, datum: DatumId, place: Place) {
        self.graph.data[datum].wanted = Some(place);
    }

    fn push(&mut self, name: &str, cost: TaskCost, reads: Vec<Read>, elements: u64) -> (TaskId, DatumId) {
        let out = self.datum(&format!("{name}'s result"), elements);
        self.graph.tasks.push(Task {
            name: name.into(),
            only: None,
            cost,
            reads,
            writes: vec![out],
            after: vec![],
            divisible: Divisible::No,
            fusible: false,
            origin: vec![],
            window: None,
        });
        (self.graph.tasks.len() - 1, out)
    }

    /// A map with `ops` additions and as many multiplications per element; divisible and fusible.
    pub fn map(&mut self, name: &str, inputs: &[DatumId], ops: f64) -> DatumId {
        let n = self.graph.data[inputs[0]].elements;
        let work = Work {
            key: 1_000 + self.graph.tasks.len() as u64,
            elements: n,
            groups: n.div_ceil(4096),
            ops: OpCounts { add: ops, mul: ops, ..OpCounts::default() },
            in_bytes: 4.0 * inputs.len() as f64,
            out_bytes: 4.0,
            ..Work::default()
        };
        let reads = inputs.iter().map(|&datum| Read { datum, access: Access::Elements }).collect();
        let (t, out) = self.push(name, TaskCost::Kernel { work, repeat: 1 }, reads, n);
        self.graph.tasks[t].divisible = Divisible::By { grain: 4096, per_output: 1 };
        self.graph.tasks[t].fusible = true;
        out
    }

    /// A map that may neither be cut nor merged.
    pub fn rigid(&mut self, name: &str, inputs: &[DatumId], ops: f64) -> DatumId {
        let out = self.map(name, inputs, ops);
        let task = self.graph.tasks.last_mut().unwrap();
        task.divisible = Divisible::No;
        task.fusible = false;
        out
    }

    /// One result per 4096 elements.
    pub fn reduce(&mut self, name: &str, input: DatumId, ops: f64) -> DatumId {
        let n = self.graph.data[input].elements;
        let work = Work {
            key: 1_000 + self.graph.tasks.len() as u64,
            elements: n,
            groups: n.div_ceil(4096),
            ops: OpCounts { add: ops, mul: ops, ..OpCounts::default() },
            in_bytes: 4.0,
            out_bytes: 4.0,
            output: OutputKind::Reduce,
            ..Work::default()
        };
        let reads = vec![Read { datum: input, access: Access::Elements }];
        let (t, out) = self.push(name, TaskCost::Kernel { work, repeat: 1 }, reads, n.div_ceil(4096));
        self.graph.tasks[t].divisible = Divisible::By { grain: 4096, per_output: 4096 };
        out
    }

    /// Code for the CPU only.
    pub fn host(&mut self, name: &str, inputs: &[DatumId], ns: u64, elements: u64) -> DatumId {
        let reads = inputs.iter().map(|&datum| Read { datum, access: Access::Whole }).collect();
        self.push(name, TaskCost::Host { key: 0, ns, sigma: 0.2 }, reads, elements).1
    }

    /// Times by place.
    pub fn fixed(&mut self, name: &str, inputs: &[DatumId], times: &[(Place, u64)], elements: u64) -> DatumId {
        let reads = inputs.iter().map(|&datum| Read { datum, access: Access::Whole }).collect();
        self.push(name, TaskCost::Fixed(times.iter().copied().collect()), reads, elements).1
    }
}

pub fn plan(graph: &TaskGraph, set: &ProfileSet) -> Plan {
    plan_for(graph, set, &Objective::default())
}

pub fn plan_for(graph: &TaskGraph, set: &ProfileSet, objective: &Objective) -> Plan {
    let residency = DataResidency::host(graph);
    let plan = veda::planner::planning::plan(graph, set, &residency, objective, 1).unwrap();
    check_plan(graph, set, &residency, objective, &plan);
    plan
}

/// What must hold for every plan: written without the planner's own code. Walks through the steps in time and keeps
/// where every datum is valid.
pub fn check_plan(graph: &TaskGraph, set: &ProfileSet, residency: &DataResidency, objective: &Objective, plan: &Plan) {
    covers(graph, plan);
    let residency = residency_of(&plan.graph, residency);
    let (priced, schedule) = schedule_of(plan, set, &residency, objective);
    let mut violations = check(&priced.instance, &schedule);
    // Plans do not state the host's peak.
    violations.retain(|v| !matches!(v, Violation::Peak { memory: 0, .. }));
    assert!(violations.is_empty(), "{violations:?}");
    plan.graph.validate(&residency).unwrap();
    let writers = plan.graph.writers();
    // Since when, or none: datum × place.
    let mut valid: BTreeMap<(DatumId, Place), u64> = BTreeMap::new();
    for (&d, places) in &residency.valid {
        if writers[d].is_none() {
            valid.extend(places.iter().map(|&p| ((d, p), 0)));
        }
    }
    let mut free: BTreeMap<Lane, u64> = BTreeMap::new();
    let mut done: BTreeMap<TaskId, u64> = BTreeMap::new();
    // What becomes valid when; applied in time order, before what starts then.
    let mut arrivals: Vec<(u64, DatumId, Place)> = Vec::new();
    let mut steps = plan.steps.clone();
    steps.sort_by_key(|s| (s.start_ns, s.end_ns, s.action));
    assert!(plan.steps.is_sorted_by_key(|s| s.start_ns));
    for step in &steps {
        arrivals.sort_unstable();
        while arrivals.first().is_some_and(|a| a.0 <= step.start_ns) {
            let (at, d, p) = arrivals.remove(0);
            valid.entry((d, p)).or_insert(at);
        }
        let lane = match step.action {
            Action::Run(t) => Some(Lane::of(plan.places[t])),
            Action::Copy { to: Place::Gpu(i), .. } => Some(Lane::Upload(i)),
            Action::Copy { from: Place::Gpu(i), .. } => Some(Lane::Download(i)),
            Action::Copy { .. } => panic!("a copy from the host to the host"),
            Action::Evict { .. } => None,
        };
        if let Some(lane) = lane {
            let free = free.entry(lane).or_insert(0);
            assert!(*free <= step.start_ns, "{lane} does two things at once at {}: {step:?}", step.start_ns);
            *free = step.end_ns;
        }
        match step.action {
            Action::Run(t) => {
                let task = &plan.graph.tasks[t];
                let staged = matches!(task.cost, TaskCost::Staged(_));
                let place = if staged { Place::Cpu } else { plan.places[t] };
                for read in &task.reads {
                    assert!(valid.contains_key(&(read.datum, place)), "{} reads {} too early", task.name, read.datum);
                }
                for a in &task.after {
                    assert!(done.get(a).is_some_and(|&end| end <= step.start_ns), "{} starts too early", task.name);
                }
                assert_eq!(done.insert(t, step.end_ns), None, "{} runs twice", task.name);
                assert!(set.admitted().iter().any(|o| o.place == plan.places[t]));
                arrivals.extend(task.writes.iter().map(|&d| (step.end_ns, d, place)));
            }
            Action::Copy { datum, from, to } => {
                assert!(valid.contains_key(&(datum, from)), "datum {datum} is not at {from} at {}", step.start_ns);
                arrivals.push((step.end_ns, datum, to));
            }
            Action::Evict { datum, place } => {
                valid.remove(&(datum, place));
            }
        }
        assert!(step.end_ns <= plan.timeline.makespan_ns);
    }
    valid.extend(arrivals.into_iter().map(|(at, d, p)| ((d, p), at)));
    assert_eq!(done.len(), plan.graph.tasks.len(), "everything runs");
    for (d, datum) in plan.graph.data.iter().enumerate() {
        if let Some(place) = datum.wanted {
            // Where there is no such device, the host stands for it.
            let place = if plan.peak_bytes.contains_key(&place) { place } else { Place::Cpu };
            assert!(valid.contains_key(&(d, place)), "{} is not where it is wanted", datum.name);
        }
    }
    for (place, &bytes) in &plan.peak_bytes {
        let offer = set.admitted().into_iter().find(|o| o.place == *place).and_then(|o| o.capacity);
        let limit = offer.into_iter().chain(objective.memory_cap).min().unwrap_or(u64::MAX);
        assert!(bytes <= limit, "{bytes} bytes on {place}, which takes {limit}");
    }
    let end = plan.steps.iter().map(|s| s.end_ns).max().unwrap_or(0);
    assert_eq!(plan.timeline.makespan_ns, end);
    assert_eq!(plan.candidates[0].1, end, "the chosen one comes first");
}

/// The schedule that a plan is, for the schedulers' own checker.
fn schedule_of(plan: &Plan, set: &ProfileSet, residency: &DataResidency, objective: &Objective) -> (Priced, Schedule) {
    let priced = price(&plan.graph, set, residency, objective.memory_cap).unwrap();
    let assignment: Vec<usize> = plan.places.iter().map(|&p| priced.processor(p).unwrap()).collect();
    let mut schedule = Schedule {
        runs: vec![(0, 0); assignment.len()],
        order: order_of(plan),
        makespan: plan.timeline.makespan_ns,
        peak_bytes: vec![0; priced.memories.len()],
        ..Schedule::default()
    };
    for (place, &bytes) in &plan.peak_bytes {
        schedule.peak_bytes[priced.memory(*place)] = bytes;
    }
    for step in &plan.steps {
        match step.action {
            Action::Run(t) => schedule.runs[t] = (step.start_ns, step.end_ns),
            Action::Copy { datum, from, to } => {
                let (from, to) = (priced.memory(from), priced.memory(to));
                let link = priced.instance.links.iter().position(|l| (l.from, l.to) == (from, to)).unwrap();
                schedule.copies.push(Copy { start: step.start_ns, end: step.end_ns, datum, link });
            }
            Action::Evict { datum, place } => {
                schedule.evictions.push(Eviction { at: step.start_ns, datum, memory: priced.memory(place) });
            }
        }
    }
    for span in &plan.timeline.spans {
        if let What::Build(t) = span.what {
            let processor = assignment[t];
            let key = priced.instance.tasks[t].options[processor].unwrap().build_key;
            schedule.builds.push(Build { start: span.start_ns, end: span.end_ns, processor, key });
        }
    }
    schedule.copies.sort_unstable();
    schedule.builds.sort_unstable();
    schedule.evictions.sort_unstable();
    schedule.assignment = assignment;
    (priced, schedule)
}

/// The windows of every caller's task cover its index space once, pieces lie inside their parents.
fn covers(graph: &TaskGraph, plan: &Plan) {
    let mut windows: BTreeMap<TaskId, Vec<(u64, u64)>> = BTreeMap::new();
    for task in &plan.graph.tasks {
        assert!(!task.origin.is_empty());
        for &t in &task.origin {
            let n = match &graph.tasks[t].cost {
                TaskCost::Kernel { work, .. } => work.elements,
                _ => 1,
            };
            windows.entry(t).or_default().push(task.window.unwrap_or((0, n)));
        }
    }
    assert_eq!(windows.len(), graph.tasks.len(), "every task is part of the plan");
    for (t, mut list) in windows {
        list.sort_unstable();
        let n = match &graph.tasks[t].cost {
            TaskCost::Kernel { work, .. } => work.elements,
            _ => 1,
        };
        assert_eq!((list[0].0, list[list.len() - 1].1), (0, n), "{}", graph.tasks[t].name);
        assert!(list.windows(2).all(|w| w[0].1 == w[1].0), "{}: {list:?}", graph.tasks[t].name);
    }
    assert_eq!(plan.graph.data[..graph.data.len()].len(), graph.data.len());
    for datum in plan.graph.data.iter().filter(|d| d.piece.is_some()) {
        let piece = datum.piece.unwrap();
        assert!(piece.from < piece.to && piece.to <= graph.data[piece.of].elements);
        assert_eq!(datum.elements, piece.to - piece.from);
    }
    let wanted: BTreeSet<DatumId> = (0..graph.data.len()).filter(|&d| graph.data[d].wanted.is_some()).collect();
    let parents = plan.graph.data.iter().enumerate().filter(|(_, d)| d.wanted.is_some());
    assert_eq!(parents.map(|(i, d)| d.piece.map_or(i, |p| p.of)).collect::<BTreeSet<_>>(), wanted);
}
