//! From a task graph to a plan: rewrites and schedules are tried, the simulator judges them, the best by the objective
//! becomes the plan. Pure: the same input gives the same bytes. See `README.md` beside this file.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::digest::digest;
use super::objective::{Goal, Objective};
use super::plan::{Action, Plan, Step};
use super::price::{Priced, price};
use super::profile::round_six;
use super::profile_set::ProfileSet;
use super::rewrite::cut::{Cuts, cut};
use super::rewrite::fuse::{candidates, fuse};
use super::rewrite::{chains, normalised, predecessors, residency as residency_of};
use super::schedule::portfolio::{self, Options, Origin};
use super::schedule::result::{Draft, Infeasible, Schedule};
use super::score::{self, Score};
use super::shape::{Shape, shapes, weight};
use super::task_graph::{DataResidency, DatumId, GraphError, TaskGraph, TaskId};
use super::timeline::{Lane, Source, Span, Timeline, What};
use super::work::Place;

/// Plans a graph: what runs where, in which order, cut and merged how.
///
/// Every candidate is priced with the same cost model and judged by the same simulator: the graph as it is, with maps
/// merged, with chains cut into chunks or split between devices. The plan is never worse (by the objective) than the graph
/// as it is on the best single device. Cost in release builds: some ms for 300 tasks, 0.2 s for 5 000; the effort is
/// bounded by the number of tasks, never by time.
///
/// # Errors
/// [`GraphError`]: the graph is not valid, a task can run nowhere or needs more memory than there is, even cut, or the
/// objective needs powers that the profile does not have.
pub fn plan(
    graph: &TaskGraph,
    set: &ProfileSet,
    residency: &DataResidency,
    objective: &Objective,
    seed: u64,
) -> Result<Plan, GraphError> {
    graph.validate(residency)?;
    let mut search = Search::new(set, residency, objective, seed, graph.tasks.len());
    let found = search.run(graph)?;
    let id = digest(graph, set, residency, objective, seed);
    Ok(build(id, found, search.tried))
}

/// The best schedule of a graph as it is, without rewriting: what [`plan`] compares with, and what explanations show.
///
/// # Errors
/// As [`plan`].
pub fn best_schedule(
    graph: &TaskGraph,
    set: &ProfileSet,
    residency: &DataResidency,
    objective: &Objective,
    seed: u64,
) -> Result<(Priced, Schedule), GraphError> {
    graph.validate(residency)?;
    let mut search = Search::new(set, residency, objective, seed, graph.tasks.len());
    let found = search.evaluate(normalised(graph), "as it is", &[], search.visits)?;
    Ok((found.priced, found.schedule))
}

/// The order in which a plan starts its tasks; topological.
pub fn order_of(plan: &Plan) -> Vec<TaskId> {
    let run = |s: &Step| match s.action {
        Action::Run(t) => Some((s.start_ns, s.end_ns, t)),
        _ => None,
    };
    let mut runs: Vec<_> = plan.steps.iter().filter_map(run).collect();
    runs.sort_unstable();
    runs.into_iter().map(|r| r.2).collect()
}

/// A graph with its schedule.
#[derive(Clone)]
struct Found {
    graph: TaskGraph,
    priced: Priced,
    schedule: Schedule,
    rank: (u64, u64),
    label: String,
}

struct Search<'a> {
    set: &'a ProfileSet,
    residency: &'a DataResidency,
    objective: &'a Objective,
    seed: u64,
    /// Evaluations of whole variants that are left.
    left: usize,
    /// Simulated task placements for one variant, and for the last search.
    visits: u64,
    final_visits: u64,
    /// What was tried: name and makespan.
    tried: Vec<(String, u64)>,
}

impl<'a> Search<'a> {
    fn new(
        set: &'a ProfileSet,
        residency: &'a DataResidency,
        objective: &'a Objective,
        seed: u64,
        tasks: usize,
    ) -> Self {
        let tasks = tasks.max(1);
        let square = (tasks * tasks) as u64 - 1;
        Search {
            set,
            residency,
            objective,
            seed,
            // A variant costs some 3 µs per task beside its simulations of 20 to 100 ns per placement.
            left: (800 / tasks).clamp(3, 16),
            // Tiny graphs have few schedules. Variants differ by more than a search in one of them finds, so that the best
            // gets nearly all of the effort.
            visits: if tasks <= 100 { 200.min(10 * square) } else { 0 },
            final_visits: if tasks <= 100 {
                20_000.min(1_000 * tasks as u64).min(100 * square)
            } else {
                9_000.max(10 * tasks as u64)
            },
            tried: Vec::new(),
        }
    }

    fn run(&mut self, graph: &TaskGraph) -> Result<Found, GraphError> {
        let base = normalised(graph);
        let plain = self.evaluate(base.clone(), "as it is", &[], self.visits);
        if let Err(error) = &plain
            && !matches!(error, GraphError::TooLarge { .. })
        {
            return plain;
        }
        let merged = self.fused(&base, plain);
        let found = self.cut(&base, merged)?;
        if self.final_visits == 0 {
            return Ok(found);
        }
        // The last search starts from the best that there is, and cannot end worse.
        let draft = Draft { assignment: found.schedule.assignment.clone(), order: found.schedule.order.clone() };
        let refined = self.evaluate(found.graph.clone(), &found.label, &[draft], self.final_visits);
        Ok(match refined {
            Ok(refined) if refined.rank < found.rank => refined,
            _ => found,
        })
    }

    /// With all maps merged that can be, then with single merges undone or added where that is better.
    fn fused(&mut self, base: &TaskGraph, mut best: Result<Found, GraphError>) -> Result<Found, GraphError> {
        let mut all: Vec<(u64, DatumId)> =
            candidates(base).into_iter().map(|(d, ..)| (base.data[d].bytes, d)).collect();
        if all.is_empty() {
            return best;
        }
        all.sort_unstable_by(|a, b| b.cmp(a));
        let mut over: BTreeSet<DatumId> = all.iter().map(|a| a.1).collect();
        let merged = self.try_variant(fuse(base, &over), "merged", &[]);
        if !take(&mut best, merged) {
            over.clear();
        }
        // Half of the evaluations are kept for cutting.
        let keep = self.left / 2;
        for &(_, d) in all.iter().take(12) {
            if self.left <= keep {
                break;
            }
            let mut other = over.clone();
            if !other.remove(&d) {
                other.insert(d);
            }
            let toggled = self.try_variant(fuse(base, &other), "partly merged", &[]);
            if take(&mut best, toggled) {
                over = other;
            }
        }
        best
    }

    /// With the heaviest chains cut, one after the other.
    fn cut(&mut self, base: &TaskGraph, mut best: Result<Found, GraphError>) -> Result<Found, GraphError> {
        // Windows are cut from the graph that was chosen by merging; if none was feasible, from the one as it is.
        let (graph, label) = match &best {
            Ok(found) => (found.graph.clone(), found.label.clone()),
            Err(_) => (base.clone(), String::new()),
        };
        let residency = residency_of(&graph, self.residency);
        let priced = match &best {
            Ok(found) => found.priced.clone(),
            Err(_) => self.without_limits(&graph, &residency)?,
        };
        let mut heaviest: Vec<(u64, Vec<TaskId>)> =
            chains(&graph).into_iter().map(|chain| (weight(&graph, &chain, &priced), chain)).collect();
        heaviest.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let total = best.as_ref().map_or(0, |found| found.schedule.makespan);
        let mut cuts = Cuts::new();
        let mut meant: BTreeMap<TaskId, Vec<(u64, usize)>> = BTreeMap::new();
        let mut names: Vec<String> = Vec::new();
        // Cutting saves at most what a chain takes: light ones are not worth a try.
        for (_, chain) in heaviest.into_iter().filter(|(weight, _)| weight.saturating_mul(20) >= total).take(4) {
            let mut chosen: Option<(Cuts, Shape)> = None;
            for shape in shapes(&graph, &chain, self.set, &residency, &priced) {
                if self.left == 0 {
                    break;
                }
                let inner: Vec<u64> = shape.windows.iter().skip(1).map(|w| w.0).collect();
                let mut with = cuts.clone();
                with.extend(chain.iter().map(|&t| (t, inner.clone())));
                let mut placed = meant.clone();
                placed.extend(chain.iter().map(|&t| (t, shape.windows.clone())));
                let pieces = cut(&graph, &with);
                let before = best.as_ref().ok().map(|found| (&found.graph, found.schedule.assignment.as_slice()));
                let draft = draft(&pieces, before, &graph, &placed);
                let names: Vec<&str> = names.iter().map(String::as_str).chain([shape.name.as_str()]).collect();
                let name = [label.as_str(), &names.join("; ")].join(if label.is_empty() { "" } else { ", " });
                let tried = self.try_variant(pieces, &name, &[draft]);
                if take(&mut best, tried) {
                    chosen = Some((with, shape));
                }
            }
            if let Some((with, shape)) = chosen {
                meant.extend(chain.iter().map(|&t| (t, shape.windows.clone())));
                names.push(shape.name);
                cuts = with;
            }
        }
        best
    }

    /// The problem as if every task fitted everywhere, with the limits of memory: to see how much must be cut.
    fn without_limits(&self, graph: &TaskGraph, residency: &DataResidency) -> Result<Priced, GraphError> {
        let mut roomy = self.set.clone();
        roomy.places.iter_mut().for_each(|offer| offer.capacity = None);
        let mut priced = price(graph, &roomy, residency, None)?;
        for (memory, place) in priced.instance.memories.iter_mut().zip(&priced.memories).skip(1) {
            let offer = self.set.admitted().into_iter().find(|o| o.place == *place);
            memory.capacity = offer.and_then(|o| o.capacity).into_iter().chain(self.objective.memory_cap).min();
        }
        Ok(priced)
    }

    fn try_variant(&mut self, graph: TaskGraph, label: &str, drafts: &[Draft]) -> Result<Found, GraphError> {
        self.left = self.left.saturating_sub(1);
        self.evaluate(graph, label, drafts, self.visits)
    }

    /// Prices and schedules one variant.
    fn evaluate(&mut self, graph: TaskGraph, label: &str, drafts: &[Draft], visits: u64) -> Result<Found, GraphError> {
        let residency = residency_of(&graph, self.residency);
        let priced = price(&graph, self.set, &residency, self.objective.memory_cap)?;
        score::check(self.objective, &priced)?;
        let goal = self.objective.goal;
        let rank = |schedule: &Schedule| Score::rank_of(&priced, schedule, goal);
        let longest = |limit| Score::longest(limit, goal);
        let mut drafts = drafts.to_vec();
        if matches!(goal, Goal::Energy | Goal::EnergyCap { .. }) {
            drafts.extend(thrifty(&priced));
        }
        let options = Options {
            seed: self.seed,
            drafts: &drafts,
            goal: (goal != Goal::Makespan).then_some(&rank),
            longest: Some(&longest),
            budget: Some(visits),
            ..Options::default()
        };
        let outcome = portfolio::schedule(&priced.instance, &options).map_err(|why| refused(&graph, &priced, why))?;
        let rank = rank(&outcome.schedule);
        if self.tried.is_empty() {
            let name = |origin: &Origin| match *origin {
                Origin::Alone(p) if priced.places[p] == Place::Cpu => "all CPU".to_owned(),
                Origin::Alone(p) => format!("{} alone", priced.places[p]),
                other => other.to_string(),
            };
            self.tried = outcome.candidates.iter().map(|(origin, ns)| (name(origin), *ns)).collect();
        }
        match self.tried.iter_mut().find(|(name, _)| name == label) {
            Some(known) => known.1 = known.1.min(outcome.schedule.makespan),
            None => self.tried.push((label.to_owned(), outcome.schedule.makespan)),
        }
        Ok(Found { graph, priced, schedule: outcome.schedule, rank, label: label.to_owned() })
    }
}

/// Takes a variant if it is better, or the first that is feasible; returns whether it did.
fn take(best: &mut Result<Found, GraphError>, tried: Result<Found, GraphError>) -> bool {
    match (&best, tried) {
        (Ok(known), Ok(found)) if found.rank < known.rank => *best = Ok(found),
        (Err(_), Ok(found)) => *best = Ok(found),
        _ => return false,
    }
    true
}

/// Every task where it takes the least energy by itself.
fn thrifty(priced: &Priced) -> Option<Draft> {
    let energy = |t: usize, p: usize| {
        let run = priced.instance.tasks[t].options[p]?;
        let power = priced.powers[p]?;
        Some(((power.busy * run.ns as f64) as u64, p))
    };
    let cheapest = |t: usize| (0..priced.places.len()).filter_map(|p| energy(t, p)).min().map(|e| e.1);
    let tasks = priced.instance.tasks.len();
    let assignment = (0..tasks).map(cheapest).collect::<Option<Vec<_>>>()?;
    Some(Draft { assignment, order: (0..tasks).collect() })
}

/// The schedule that a shape has in mind: its windows on their processors, everything else where it was; in list order,
/// earlier windows first, so that a chunk passes through all stages before the next one.
fn draft(
    pieces: &TaskGraph,
    before: Option<(&TaskGraph, &[usize])>,
    graph: &TaskGraph,
    meant: &BTreeMap<TaskId, Vec<(u64, usize)>>,
) -> Draft {
    let by_origin: BTreeMap<&[TaskId], usize> = before
        .map(|(g, places)| g.tasks.iter().zip(places).map(|(t, &p)| (t.origin.as_slice(), p)).collect())
        .unwrap_or_default();
    let windows: BTreeMap<&[TaskId], &Vec<(u64, usize)>> =
        meant.iter().map(|(&t, windows)| (graph.tasks[t].origin.as_slice(), windows)).collect();
    let mut assignment = Vec::with_capacity(pieces.tasks.len());
    let mut chunk = Vec::with_capacity(pieces.tasks.len());
    for task in &pieces.tasks {
        let origin = task.origin.as_slice();
        let known = by_origin.get(origin).copied().unwrap_or(0);
        let window = windows.get(origin).zip(task.window).map(|(windows, (from, _))| {
            let i = windows.partition_point(|w| w.0 <= from).saturating_sub(1);
            (i, windows[i].1)
        });
        let (index, processor) = window.unwrap_or((0, known));
        assignment.push(processor);
        chunk.push(index);
    }
    let preds = predecessors(pieces);
    let mut succs: Vec<Vec<TaskId>> = vec![Vec::new(); preds.len()];
    for (t, before) in preds.iter().enumerate() {
        for &p in before {
            succs[p].push(t);
        }
    }
    let mut waiting: Vec<usize> = preds.iter().map(BTreeSet::len).collect();
    let entry = |t: TaskId| std::cmp::Reverse((chunk[t], t));
    let mut ready: BinaryHeap<_> = (0..preds.len()).filter(|&t| waiting[t] == 0).map(entry).collect();
    let mut order = Vec::with_capacity(preds.len());
    while let Some(std::cmp::Reverse((_, t))) = ready.pop() {
        order.push(t);
        for &s in &succs[t] {
            waiting[s] -= 1;
            if waiting[s] == 0 {
                ready.push(entry(s));
            }
        }
    }
    Draft { assignment, order }
}

/// Why no schedule is feasible, in the graph's terms. Indices and routes were checked before, so it is the memory.
fn refused(graph: &TaskGraph, priced: &Priced, why: Infeasible) -> GraphError {
    let size = |t: TaskId| {
        let job = &priced.instance.tasks[t];
        job.reads.iter().chain(&job.writes).map(|&d| graph.data[d].bytes).sum::<u64>()
    };
    let largest = (0..graph.tasks.len()).max_by_key(|&t| (size(t), std::cmp::Reverse(t))).unwrap_or(0);
    let name = graph.tasks.get(largest).map_or_else(String::new, |t| t.name.clone());
    match why {
        Infeasible::Memory { memory, needed, capacity } => {
            let place = priced.memories.get(memory).copied().unwrap_or(Place::Cpu);
            GraphError::TooLarge { task: largest, name, bytes: needed, place, limit: capacity }
        }
        Infeasible::Route { datum, .. } => {
            GraphError::NoValue { datum, name: graph.data.get(datum).map_or_else(String::new, |d| d.name.clone()) }
        }
        Infeasible::NoProcessor { task } | Infeasible::Processor { task, .. } => {
            GraphError::NoPlace { task, name: graph.tasks.get(task).map_or_else(String::new, |t| t.name.clone()) }
        }
        _ => GraphError::NoPlace { task: largest, name },
    }
}

/// The order of steps that start at the same time.
const fn moment(action: Action, takes_time: bool) -> u8 {
    match (action, takes_time) {
        (Action::Evict { .. }, _) => 1,
        (_, false) => 0,
        (_, true) => 2,
    }
}

/// The plan that a schedule is.
fn build(id: u64, found: Found, tried: Vec<(String, u64)>) -> Plan {
    let Found { graph, priced, mut schedule, label, .. } = found;
    let score = Score::new(&priced, &schedule);
    // Where a queue that copies stall is done last, what ends last is held up until then: nothing waits for it.
    let copies = schedule.copies.iter_mut().map(|c| (c.start, &mut c.end));
    let last =
        copies.chain(schedule.runs.iter_mut().map(|r| (r.0, &mut r.1))).max_by_key(|(start, end)| (**end, *start));
    if let Some((_, end)) = last {
        *end = schedule.makespan;
    }
    let places: Vec<Place> = schedule.assignment.iter().map(|&p| priced.places[p]).collect();
    let lane = |link: usize| {
        let link = &priced.instance.links[link];
        match (priced.memories[link.from], priced.memories[link.to]) {
            (_, Place::Gpu(i)) => Lane::Upload(i),
            (Place::Gpu(i), Place::Cpu) => Lane::Download(i),
            (Place::Cpu, Place::Cpu) => Lane::Cpu,
        }
    };
    let mut steps: Vec<(u64, Lane, Action, u64)> = Vec::new();
    let mut spans = Vec::new();
    for (t, &(start, end)) in schedule.runs.iter().enumerate() {
        steps.push((start, Lane::of(places[t]), Action::Run(t), end));
        spans.push((Lane::of(places[t]), What::Run(t), graph.tasks[t].name.clone(), start, end));
    }
    for copy in &schedule.copies {
        let link = &priced.instance.links[copy.link];
        let (from, to) = (priced.memories[link.from], priced.memories[link.to]);
        steps.push((copy.start, lane(copy.link), Action::Copy { datum: copy.datum, from, to }, copy.end));
        let name = graph.data[copy.datum].name.clone();
        spans.push((lane(copy.link), What::Copy(copy.datum), name, copy.start, copy.end));
    }
    for eviction in &schedule.evictions {
        let place = priced.memories[eviction.memory];
        steps.push((eviction.at, Lane::of(place), Action::Evict { datum: eviction.datum, place }, eviction.at));
        let name = graph.data[eviction.datum].name.clone();
        spans.push((Lane::of(place), What::Evict(eviction.datum), name, eviction.at, eviction.at));
    }
    let mut builders: BTreeMap<(usize, u64), TaskId> = BTreeMap::new();
    for (t, &p) in schedule.assignment.iter().enumerate() {
        if let Some(run) = priced.instance.tasks[t].options[p].filter(|run| run.build_ns > 0) {
            builders.entry((p, run.build_key)).or_insert(t);
        }
    }
    for built in &schedule.builds {
        let task = builders.get(&(built.processor, built.key));
        if let (Some(&t), Place::Gpu(i)) = (task, priced.places[built.processor]) {
            spans.push((Lane::Build(i), What::Build(t), graph.tasks[t].name.clone(), built.start, built.end));
        }
    }
    // An eviction makes room for what starts then, and follows what ends then.
    steps.sort_unstable_by_key(|&(start, lane, action, end)| (start, moment(action, end > start), lane, action, end));
    let steps = steps.into_iter().map(|(start_ns, _, action, end_ns)| Step { action, start_ns, end_ns }).collect();
    let spans =
        spans.into_iter().map(|(lane, what, label, start_ns, end_ns)| Span { lane, what, label, start_ns, end_ns });
    let mut timeline = Timeline::new(Source::Predicted, spans.collect());
    timeline.makespan_ns = schedule.makespan;
    let gpus = priced.memories.iter().zip(&schedule.peak_bytes).skip(1);
    let mut candidates = vec![(label.clone(), schedule.makespan)];
    candidates.extend(tried.into_iter().filter(|(name, _)| *name != label));
    Plan {
        id,
        places,
        steps,
        timeline,
        // Six digits: what follows is noise, and does not survive a file.
        sigma: round_six(score.sigma()),
        energy_j: score.energy_j.map(round_six),
        peak_bytes: gpus.map(|(&place, &bytes)| (place, bytes)).collect(),
        candidates,
        graph,
    }
}
