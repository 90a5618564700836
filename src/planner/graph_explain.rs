//! Why a plan is as it is: per node what each device would cost, what would flip the choice, and what else was possible.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::decide::{Candidate, FlipPoint, decide};
use super::explain::{count, time};
use super::objective::{Goal, Objective};
use super::plan::{Action, Plan};
use super::planning::{order_of, plan as plan_graph};
use super::price::{Priced, price};
use super::profile_set::ProfileSet;
use super::rewrite::{normalised, predecessors, residency as residency_of};
use super::schedule::portfolio::{Options, schedule};
use super::schedule::result::Draft;
use super::score::Score;
use super::task_graph::{Access, DataResidency, DatumId, Divisible, GraphError, TaskCost, TaskGraph, TaskId};
use super::timeline::{Lane, What};
use super::work::{Bytes, Place, Residency, Work};

/// Nodes for which "what if it ran elsewhere" is computed: the heaviest ones.
const FORCED: usize = 10;

/// Why a plan is as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphExplanation {
    /// The plan's id.
    pub id: u64,
    /// Predicted makespan.
    pub makespan_ns: u64,
    /// Log standard deviation of that.
    pub sigma: f64,
    /// Predicted energy.
    pub energy_j: Option<f64>,
    /// The probability of being in time, where the objective is a deadline.
    pub in_time: Option<f64>,
    /// The nodes of the caller's graph.
    pub nodes: Vec<NodeExplanation>,
    /// Predicted makespans of what was not chosen.
    pub counterfactuals: Vec<(String, u64)>,
}

/// One node of the caller's graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeExplanation {
    /// The node.
    pub task: TaskId,
    /// Its name.
    pub name: String,
    /// Elements of its index space; 0 where it is no kernel.
    pub elements: u64,
    /// Where it runs, and which part of it: one place with 1.0, or several.
    pub runs_on: Vec<(Place, f64)>,
    /// The nodes with which it was merged into one kernel.
    pub merged_with: Vec<TaskId>,
    /// Into how many windows it was cut; 1: it was not.
    pub windows: usize,
    /// What it would cost as one piece on each place that can run it, by place.
    pub candidates: Vec<NodeCandidate>,
    /// The runner-up's time over the chosen one's, minus 1, for the node by itself. Negative where the plan puts it on a
    /// slower device so that the whole is faster. 0 without a runner-up, and where it runs on several devices.
    pub margin: f64,
    /// From how many elements a GPU wins, by itself.
    pub flip: Option<FlipPoint>,
    /// Makespans if it had to run elsewhere; for the heaviest nodes.
    pub forced: Vec<(Place, u64)>,
}

/// A node on one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCandidate {
    /// Where.
    pub place: Place,
    /// Execution and launch, nanoseconds.
    pub exec_ns: u64,
    /// Copies of inputs that are not there in the plan, and of what is wanted elsewhere.
    pub transfer_ns: u64,
    /// From when its inputs are computed until the device has time for it, in the plan.
    pub wait_ns: u64,
    /// Building its pipeline.
    pub compile_ns: u64,
}

impl NodeCandidate {
    /// The sum.
    pub const fn total_ns(&self) -> u64 {
        let run = self.exec_ns.saturating_add(self.transfer_ns);
        run.saturating_add(self.wait_ns).saturating_add(self.compile_ns)
    }
}

impl GraphExplanation {
    /// Explains a plan from what went into it. Plans the graph twice more (without merging, without cutting) and reschedules
    /// it for the heaviest nodes: some ten times the cost of [`super::planning::plan`], not for hot paths.
    ///
    /// # Errors
    /// [`GraphError`] where the plan does not belong to these inputs.
    pub fn new(
        plan: &Plan,
        graph: &TaskGraph,
        set: &ProfileSet,
        residency: &DataResidency,
        objective: &Objective,
        seed: u64,
    ) -> Result<GraphExplanation, GraphError> {
        let inputs = Inputs { plan, graph, set, residency, objective, seed };
        graph.validate(residency)?;
        let planned = price(&plan.graph, set, &residency_of(&plan.graph, residency), objective.memory_cap)?;
        let deviation_ns = (plan.sigma * plan.sigma).exp_m1().sqrt() * plan.timeline.makespan_ns as f64;
        let score = Score { makespan_ns: plan.timeline.makespan_ns, deviation_ns, energy_j: plan.energy_j };
        let mut nodes = inputs.nodes();
        for t in Inputs::heaviest(&nodes) {
            nodes[t].forced = inputs.forced(t, &nodes[t], &planned);
        }
        Ok(GraphExplanation {
            id: plan.id,
            makespan_ns: plan.timeline.makespan_ns,
            sigma: plan.sigma,
            energy_j: plan.energy_j,
            in_time: match objective.goal {
                Goal::Deadline { ns } => Some(score.probability(ns)),
                _ => None,
            },
            nodes,
            counterfactuals: inputs.counterfactuals(),
        })
    }
}

/// What an explanation is made from.
struct Inputs<'a> {
    plan: &'a Plan,
    graph: &'a TaskGraph,
    set: &'a ProfileSet,
    residency: &'a DataResidency,
    objective: &'a Objective,
    seed: u64,
}

impl Inputs<'_> {
    fn counterfactuals(&self) -> Vec<(String, u64)> {
        let mut list: Vec<(String, u64)> = self.plan.candidates.iter().skip(1).cloned().collect();
        let mut without = |name: &str, change: &dyn Fn(&mut TaskGraph)| {
            let mut other = self.graph.clone();
            change(&mut other);
            if let Ok(plan) = plan_graph(&other, self.set, self.residency, self.objective, self.seed) {
                list.push((name.to_owned(), plan.timeline.makespan_ns));
            }
        };
        if self.plan.graph.tasks.iter().any(|t| t.origin.len() > 1) {
            without("without merging", &|g| g.tasks.iter_mut().for_each(|t| t.fusible = false));
        }
        if self.plan.graph.tasks.iter().any(|t| t.window.is_some()) {
            without("without cutting", &|g| g.tasks.iter_mut().for_each(|t| t.divisible = Divisible::No));
        }
        list
    }

    fn nodes(&self) -> Vec<NodeExplanation> {
        let base = normalised(self.graph);
        let parts = self.parts();
        let valid = self.valid();
        let Ok(priced) = self.priced() else { return Vec::new() };
        let ready = self.ready();
        let kernel = |t: TaskId| match &self.graph.tasks[t].cost {
            TaskCost::Kernel { work, .. } | TaskCost::Staged(work) => Some(*work),
            _ => None,
        };
        let mut nodes = Vec::with_capacity(base.tasks.len());
        for (t, task) in base.tasks.iter().enumerate() {
            let own = &parts[t];
            let mut runs_on: BTreeMap<Place, f64> = BTreeMap::new();
            let elements = kernel(t).map_or(0, |w| w.elements);
            for &part in own {
                let share = match self.plan.graph.tasks[part].window {
                    Some((from, to)) => (to - from) as f64 / elements.max(1) as f64,
                    None => 1.0,
                };
                *runs_on.entry(self.plan.places[part]).or_default() += share;
            }
            let merged: BTreeSet<TaskId> =
                own.iter().flat_map(|&part| self.plan.graph.tasks[part].origin.iter().copied()).collect();
            let since = own.iter().map(|&part| ready[part]).min().unwrap_or(0);
            let candidates = self.candidates(t, own, &valid, &priced, since);
            let chosen = candidates.iter().find(|c| runs_on.len() == 1 && runs_on.contains_key(&c.place));
            let other = |c: &&NodeCandidate| chosen.is_some_and(|best| c.place != best.place);
            let next = candidates.iter().filter(other).map(NodeCandidate::total_ns).min();
            let margin = match (chosen, next) {
                (Some(c), Some(next)) => next as f64 / c.total_ns().max(1) as f64 - 1.0,
                _ => 0.0,
            };
            nodes.push(NodeExplanation {
                task: t,
                name: task.name.clone(),
                elements,
                runs_on: runs_on.into_iter().collect(),
                merged_with: merged.into_iter().filter(|&o| o != t).collect(),
                windows: own.len(),
                candidates,
                margin,
                flip: kernel(t).and_then(|work| self.flip(t, &work, &valid)),
                forced: Vec::new(),
            });
        }
        nodes
    }

    /// By node: the tasks of the plan that do its work.
    fn parts(&self) -> Vec<Vec<TaskId>> {
        let mut parts = vec![Vec::new(); self.graph.tasks.len()];
        for (part, task) in self.plan.graph.tasks.iter().enumerate() {
            for &t in task.origin.iter().filter(|&&t| t < self.graph.tasks.len()) {
                parts[t].push(part);
            }
        }
        parts
    }

    /// Where the plan makes each of the caller's data valid at some time, pieces included.
    fn valid(&self) -> BTreeMap<DatumId, BTreeSet<Place>> {
        let parent = |d: DatumId| self.plan.graph.data[d].piece.map_or(d, |p| p.of);
        let mut valid = self.residency.valid.clone();
        for step in &self.plan.steps {
            if let Action::Run(part) = step.action {
                for &d in &self.plan.graph.tasks[part].writes {
                    valid.entry(parent(d)).or_default().insert(self.plan.places[part]);
                }
            }
        }
        valid
    }

    /// What a node would cost as one piece on each place. `ready`: when its inputs are computed.
    fn candidates(
        &self,
        t: TaskId,
        own: &[TaskId],
        valid: &BTreeMap<DatumId, BTreeSet<Place>>,
        priced: &Priced,
        ready: u64,
    ) -> Vec<NodeCandidate> {
        let task = &self.graph.tasks[t];
        let model = &self.set.model;
        let copy = |d: DatumId, from: Place, to: Place| {
            model.transfer(from, to, self.graph.data[d].bytes).map_or(0, |e| e.mean_ns)
        };
        let mut candidates = Vec::new();
        for (p, &place) in priced.places.iter().enumerate() {
            let Some(run) = priced.instance.tasks[t].options[p] else { continue };
            let at = if run.staged { Place::Cpu } else { place };
            let inputs = task.reads.iter().map(|r| match valid.get(&r.datum) {
                Some(places) if !places.contains(&at) => {
                    places.iter().map(|&from| copy(r.datum, from, at)).min().unwrap_or(0)
                }
                _ => 0,
            });
            let outputs = task.writes.iter().map(|&d| match self.graph.data[d].wanted {
                Some(to) if to != at => copy(d, at, to),
                _ => 0,
            });
            candidates.push(NodeCandidate {
                place,
                exec_ns: run.ns,
                transfer_ns: inputs.chain(outputs).sum(),
                wait_ns: self.busy_until(Lane::of(place), own, ready) - ready,
                compile_ns: run.build_ns,
            });
        }
        candidates
    }

    /// The graph as it is, priced as if every task fitted everywhere.
    fn priced(&self) -> Result<Priced, GraphError> {
        let mut roomy = self.set.clone();
        roomy.places.iter_mut().for_each(|offer| offer.capacity = None);
        price(self.graph, &roomy, self.residency, None)
    }

    /// By task of the plan: when its inputs are computed.
    fn ready(&self) -> Vec<u64> {
        let mut ends = vec![0; self.plan.graph.tasks.len()];
        for step in &self.plan.steps {
            if let Action::Run(part) = step.action {
                ends[part] = step.end_ns;
            }
        }
        let preds = predecessors(&self.plan.graph);
        preds.iter().map(|before| before.iter().map(|&u| ends[u]).max().unwrap_or(0)).collect()
    }

    /// Until when a lane is busy at `ready` without a break, the node itself aside.
    fn busy_until(&self, lane: Lane, own: &[TaskId], ready: u64) -> u64 {
        let others = self.plan.timeline.spans.iter().filter(|s| s.lane == lane);
        let others = others.filter(|s| !matches!(s.what, What::Run(t) if own.contains(&t)));
        others.fold(ready, |at, s| if s.start_ns <= at { at.max(s.end_ns) } else { at })
    }

    fn flip(&self, t: TaskId, work: &Work, valid: &BTreeMap<DatumId, BTreeSet<Place>>) -> Option<FlipPoint> {
        let task = &self.graph.tasks[t];
        let mut residency = Residency { result_may_stay: true, ..Residency::default() };
        for read in &task.reads {
            let datum = &self.graph.data[read.datum];
            let bytes = match read.access {
                Access::Elements if datum.elements > 0 => {
                    Bytes { fixed: 0.0, per_element: datum.bytes as f64 / datum.elements as f64 }
                }
                _ => Bytes { fixed: datum.bytes as f64, per_element: 0.0 },
            };
            let places = valid.get(&read.datum);
            let to = if places.is_none_or(|p| p.contains(&Place::Cpu)) {
                &mut residency.host
            } else {
                residency.owner = match places.and_then(|p| p.first()) {
                    Some(Place::Gpu(i)) => *i,
                    _ => 0,
                };
                &mut residency.device
            };
            to.fixed += bytes.fixed;
            to.per_element += bytes.per_element;
        }
        residency.result_may_stay = task.writes.iter().all(|&d| self.graph.data[d].wanted != Some(Place::Cpu));
        let offers = self.set.admitted();
        let candidates: Vec<Candidate> = offers
            .iter()
            .map(|o| Candidate {
                place: o.place,
                queued_ns: 0,
                ready: o.is_ready(work.key),
                software_admitted: o.software_admitted,
            })
            .collect();
        let model = &self.set.model;
        decide(model, work, &residency, &candidates).with_flip(model, work, &residency, &candidates).flip
    }

    /// The nodes whose choice matters most: by the time of their cheapest candidate.
    fn heaviest(nodes: &[NodeExplanation]) -> Vec<TaskId> {
        let weight = |n: &NodeExplanation| n.candidates.iter().map(|c| c.exec_ns + c.transfer_ns).min().unwrap_or(0);
        let mut order: Vec<(std::cmp::Reverse<u64>, TaskId)> =
            nodes.iter().filter(|n| n.candidates.len() > 1).map(|n| (std::cmp::Reverse(weight(n)), n.task)).collect();
        order.sort_unstable();
        order.into_iter().take(FORCED).map(|o| o.1).collect()
    }

    /// Makespans if all of a node had to run at each of the other places: the plan with its tasks moved, or a new schedule.
    fn forced(&self, t: TaskId, node: &NodeExplanation, planned: &Priced) -> Vec<(Place, u64)> {
        let parts: Vec<TaskId> =
            (0..self.plan.graph.tasks.len()).filter(|&part| self.plan.graph.tasks[part].origin.contains(&t)).collect();
        let mut list = Vec::new();
        for (p, &place) in planned.places.iter().enumerate() {
            if node.runs_on.iter().all(|r| r.0 == place) {
                continue;
            }
            let mut instance = planned.instance.clone();
            let mut assignment: Vec<usize> =
                self.plan.places.iter().map(|&at| planned.processor(at).unwrap_or(0)).collect();
            for &part in &parts {
                let options = &mut instance.tasks[part].options;
                (0..options.len()).filter(|&q| q != p).for_each(|q| options[q] = None);
                assignment[part] = p;
            }
            if parts.iter().any(|&part| instance.tasks[part].options[p].is_none()) {
                continue;
            }
            let drafts = [Draft { assignment, order: order_of(self.plan) }];
            let options = Options { seed: self.seed, drafts: &drafts, budget: Some(0), ..Options::default() };
            if let Ok(outcome) = schedule(&instance, &options) {
                list.push((place, outcome.schedule.makespan));
            }
        }
        list
    }
}

/// `+12 %` or `3.4 times` of one time against another.
fn against(ns: u64, chosen: u64) -> String {
    let ratio = ns as f64 / chosen.max(1) as f64;
    if ratio < 2.0 { format!("{:+.0} %", 100.0 * (ratio - 1.0)) } else { format!("{ratio:.1} times") }
}

impl fmt::Display for GraphExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |z: f64| time((self.makespan_ns as f64 * (z * self.sigma).exp()) as u64);
        write!(f, "plan {:016x}: {}, 80 % within {} .. {}", self.id, time(self.makespan_ns), at(-1.2816), at(1.2816))?;
        if let Some(joules) = self.energy_j {
            write!(f, ", {joules:.3} J")?;
        }
        if let Some(p) = self.in_time {
            write!(f, ", in time with {:.1} %", 100.0 * p)?;
        }
        writeln!(f)?;
        for node in &self.nodes {
            write!(f, "{node}")?;
        }
        for (name, ns) in &self.counterfactuals {
            writeln!(f, "instead: {name}: {} ({})", time(*ns), against(*ns, self.makespan_ns))?;
        }
        for node in &self.nodes {
            for (place, ns) in &node.forced {
                let change = against(*ns, self.makespan_ns);
                writeln!(f, "instead: {} on {place}: {} ({change})", node.name, time(*ns))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for NodeExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if self.elements > 0 {
            write!(f, " over {} elements", count(self.elements))?;
        }
        let places: Vec<String> = match self.runs_on.as_slice() {
            [(place, _)] => vec![place.to_string()],
            several => several.iter().map(|(place, share)| format!("{:.0} % on {place}", 100.0 * share)).collect(),
        };
        write!(f, ": {}", places.join(", "))?;
        if self.windows > 1 {
            write!(f, " in {} windows", self.windows)?;
        }
        if !self.merged_with.is_empty() {
            let nodes: Vec<String> = self.merged_with.iter().map(ToString::to_string).collect();
            write!(f, ", merged with node {}", nodes.join(", "))?;
        }
        if self.margin > 0.0 {
            write!(f, ", by itself {:.0} % faster than elsewhere", 100.0 * self.margin)?;
        } else if self.margin < 0.0 {
            write!(f, ", though by itself {:.0} % faster elsewhere", -100.0 * self.margin)?;
        }
        writeln!(f)?;
        if self.candidates.len() > 1 {
            writeln!(f, "  {:<6}{:>10}{:>10}{:>10}{:>10}{:>10}", "", "alone", "exec", "transfer", "wait", "compile")?;
            for c in &self.candidates {
                let mark = if self.runs_on.iter().any(|r| r.0 == c.place) { '>' } else { ' ' };
                write!(f, "{mark} {:<6}{:>10}", c.place.to_string(), time(c.total_ns()))?;
                for ns in [c.exec_ns, c.transfer_ns, c.wait_ns, c.compile_ns] {
                    write!(f, "{:>10}", if ns == 0 { "-".to_owned() } else { time(ns) })?;
                }
                writeln!(f)?;
            }
        }
        match &self.flip {
            Some(flip) => writeln!(f, "  {flip}"),
            None => Ok(()),
        }
    }
}
