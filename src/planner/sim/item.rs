//! The steps of a plan as a list that can be played: in order, with lanes, durations, and what the plan implies.

use std::collections::{BTreeMap, BTreeSet};

use super::SimError;
use super::store::{Families, Store};
use crate::planner::plan::{Action, Plan};
use crate::planner::task_graph::{DatumId, TaskCost, TaskId};
use crate::planner::timeline::{Lane, What};
use crate::planner::work::Place;

/// What an item does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Build { task: TaskId, gpu: u32 },
    Run { task: TaskId, place: Place },
    Copy { datum: DatumId, from: Place, to: Place },
    Evict { datum: DatumId, place: Place },
}

/// One thing to be done. A list of them is in an order in which they could be done one by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) job: Job,
    /// Who does it. Evictions take nobody's time, but have a lane to be shown in.
    pub(super) lane: Lane,
    /// Planned duration.
    pub(super) ns: u64,
    /// The plan lets it wait this long although everything that it needs is there: work that was queued before, an engine
    /// that is shared with another lane. Kept as it is.
    pub(super) lag: u64,
    /// It was in progress when the list was made: start and end.
    pub(super) fixed: Option<(u64, u64)>,
}

impl Item {
    /// In its usual lane.
    pub(super) fn new(job: Job, ns: u64) -> Item {
        Item { job, lane: job.lane(), ns, lag: 0, fixed: None }
    }
}

impl Job {
    pub(super) fn what(self) -> What {
        match self {
            Job::Build { task, .. } => What::Build(task),
            Job::Run { task, .. } => What::Run(task),
            Job::Copy { datum, .. } => What::Copy(datum),
            Job::Evict { datum, .. } => What::Evict(datum),
        }
    }

    /// The lane by which this is usually done.
    pub(super) fn lane(self) -> Lane {
        match self {
            Job::Build { gpu, .. } => Lane::Build(gpu),
            Job::Run { place, .. } | Job::Evict { place, .. } => Lane::of(place),
            Job::Copy { from: Place::Gpu(i), .. } => Lane::Download(i),
            Job::Copy { to: Place::Gpu(i), .. } => Lane::Upload(i),
            Job::Copy { .. } => Lane::Cpu,
        }
    }

    /// Whether it needs a place.
    pub(super) fn touches(self, lost: Place) -> bool {
        match self {
            Job::Build { gpu, .. } => Place::Gpu(gpu) == lost,
            Job::Run { place, .. } | Job::Evict { place, .. } => place == lost,
            Job::Copy { from, to, .. } => from == lost || to == lost,
        }
    }
}

/// A plan and what it implies without saying it.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) plan: &'a Plan,
    pub(super) families: Families<'a>,
    /// GPUs that work in the host's memory: the plan reads there what was written elsewhere, without a copy.
    unified: BTreeSet<Place>,
    /// What is valid before anything is done.
    pub(super) initial: Vec<(DatumId, Place)>,
    /// The most bytes at each GPU, if everything is done in order.
    pub(super) peak: BTreeMap<Place, u64>,
    /// Planned start of each task.
    pub(super) starts: Vec<u64>,
    copies: BTreeMap<(DatumId, Place, Place), u64>,
}

impl<'a> Facts<'a> {
    /// The plan's items with their planned starts, and what they imply.
    pub(super) fn of(plan: &'a Plan) -> Result<(Facts<'a>, Vec<(Item, u64)>), SimError> {
        check(plan)?;
        let items = items(plan);
        let mut starts = vec![0; plan.graph.tasks.len()];
        let mut copies = BTreeMap::new();
        for (item, start) in &items {
            match item.job {
                Job::Run { task, .. } => starts[task] = *start,
                Job::Copy { datum, from, to } => {
                    copies.insert((datum, from, to), item.ns);
                }
                _ => {}
            }
        }
        let (unified, initial, peak) = (BTreeSet::new(), Vec::new(), BTreeMap::new());
        let families = Families::new(&plan.graph);
        let mut facts = Facts { plan, families, unified, initial, peak, starts, copies };
        while facts.infer(&items) {}
        // An input that nothing touches is where it is wanted.
        for (d, datum) in plan.graph.data.iter().enumerate() {
            let touched = facts.initial.iter().any(|i| i.0 == d) || facts.families.sources(d).next().is_some();
            if let (Some(place), false) = (datum.wanted, touched) {
                facts.initial.push((d, facts.home(place)));
            }
        }
        for (&place, &bytes) in &plan.peak_bytes {
            let peak = facts.peak.entry(place).or_default();
            *peak = (*peak).max(bytes);
        }
        Ok((facts, items))
    }

    /// Walks through the items with what is known so far; true if more is known now.
    fn infer(&mut self, items: &[(Item, u64)]) -> bool {
        let mut store = Store::default();
        for &(d, place) in &self.initial {
            store.insert(&self.families, d, place, 0);
        }
        let known = self.initial.len();
        self.peak = self.initial.iter().map(|&(_, place)| (place, store.used(place))).collect();
        for (item, _) in items {
            let (reads, at): (Vec<DatumId>, Place) = match item.job {
                Job::Run { task, place } => (self.reads(task).collect(), self.memory(task, place)),
                Job::Copy { datum, from, .. } => (vec![datum], from),
                Job::Evict { datum, place } => (vec![datum], place),
                Job::Build { .. } => continue,
            };
            for d in reads {
                if store.since(&self.families, d, at).is_some() {
                    continue;
                }
                let source = self.families.sources(d).next().map(|t| self.plan.places[t]);
                let copied = |d| self.copies.keys().any(|&(datum, _, to)| datum == d && to == at);
                match source {
                    // Given up and used again without a copy: the plan is wrong there, and played as it is.
                    None if self.initial.contains(&(d, at)) => {}
                    None => {
                        store.insert(&self.families, d, at, 0);
                        self.initial.push((d, at));
                    }
                    Some(_) if copied(d) => {}
                    Some(from) => {
                        let new = [at, from].into_iter().find(|p| *p != Place::Cpu && !self.unified.contains(p));
                        if let (Job::Run { .. }, Some(place)) = (item.job, new) {
                            self.unified.insert(place);
                            self.initial.clear();
                            return true;
                        }
                    }
                }
            }
            match item.job {
                Job::Run { task, place } => {
                    let memory = self.memory(task, place);
                    for &d in &self.plan.graph.tasks[task].writes {
                        store.insert(&self.families, d, memory, 0);
                    }
                }
                Job::Copy { datum, to, .. } => store.insert(&self.families, datum, to, 0),
                Job::Evict { datum, place } => {
                    store.remove(datum, place);
                }
                Job::Build { .. } => {}
            }
            let touched = match item.job {
                Job::Copy { to, .. } => to,
                _ => at,
            };
            let peak = self.peak.entry(touched).or_default();
            *peak = (*peak).max(store.used(touched));
        }
        self.peak.remove(&Place::Cpu);
        self.initial.len() > known
    }

    /// What a task reads.
    pub(super) fn reads(&self, task: TaskId) -> impl Iterator<Item = DatumId> {
        self.plan.graph.tasks[task].reads.iter().map(|r| r.datum)
    }

    /// The memory in which a task works.
    pub(super) fn memory(&self, task: TaskId, place: Place) -> Place {
        let staged = matches!(self.plan.graph.tasks[task].cost, TaskCost::Staged(_));
        if staged || self.unified.contains(&place) { Place::Cpu } else { place }
    }

    /// Where a datum can be that is wanted at a place.
    pub(super) fn home(&self, place: Place) -> Place {
        if self.unified.contains(&place) { Place::Cpu } else { place }
    }

    /// Time of a copy: as planned, or as long by the byte as the planned copy that is most like it in direction and size.
    /// A plan without copies has none to learn from: 0.
    pub(super) fn copy_ns(&self, datum: DatumId, from: Place, to: Place) -> u64 {
        if let Some(&ns) = self.copies.get(&(datum, from, to)) {
            return ns;
        }
        let size = |d: DatumId| self.plan.graph.data[d].bytes;
        let alike = |(&(d, f, t), &ns): (&(DatumId, Place, Place), &u64)| {
            let other_way = (f == Place::Cpu) != (from == Place::Cpu);
            ((other_way, (f, t) != (from, to), size(d).abs_diff(size(datum))), d, ns)
        };
        self.copies.iter().map(alike).min().map_or(0, |(_, d, ns)| {
            (u128::from(ns) * u128::from(size(datum)) / u128::from(size(d).max(1))).min(u128::from(u64::MAX)) as u64
        })
    }

    /// For people.
    pub(super) fn label(&self, job: Job) -> String {
        match job {
            Job::Build { task, .. } | Job::Run { task, .. } => self.plan.graph.tasks[task].name.clone(),
            Job::Copy { datum, .. } | Job::Evict { datum, .. } => self.plan.graph.data[datum].name.clone(),
        }
    }
}

/// The plan's steps and builds by predicted start. What takes no time comes first, so that it is done for what starts
/// when it ends.
fn items(plan: &Plan) -> Vec<(Item, u64)> {
    let mut lanes: BTreeMap<(What, u64, u64), Vec<Lane>> = BTreeMap::new();
    let mut items = Vec::with_capacity(plan.steps.len());
    for span in &plan.timeline.spans {
        if let (What::Build(task), Lane::Build(gpu)) = (span.what, span.lane) {
            let job = Job::Build { task, gpu };
            let ns = span.end_ns.saturating_sub(span.start_ns);
            items.push((Item { lane: span.lane, ..Item::new(job, ns) }, span.start_ns, span.end_ns));
        } else {
            lanes.entry((span.what, span.start_ns, span.end_ns)).or_default().push(span.lane);
        }
    }
    for step in &plan.steps {
        let job = match step.action {
            Action::Run(task) => Job::Run { task, place: plan.places[task] },
            Action::Copy { datum, from, to } => Job::Copy { datum, from, to },
            Action::Evict { datum, place } => Job::Evict { datum, place },
        };
        // The planned timeline knows which lane; by the rule where it does not, or where several fit.
        let lane = match lanes.get(&(job.what(), step.start_ns, step.end_ns)).map(Vec::as_slice) {
            Some(&[lane]) => lane,
            _ => job.lane(),
        };
        let ns = step.end_ns.saturating_sub(step.start_ns);
        items.push((Item { lane, ..Item::new(job, ns) }, step.start_ns, step.end_ns));
    }
    items.sort_by_key(|&(_, start, end)| (start, end));
    items.into_iter().map(|(item, start, _)| (item, start)).collect()
}

/// Indices exist, no task runs twice.
fn check(plan: &Plan) -> Result<(), SimError> {
    let (tasks, data) = (plan.graph.tasks.len(), plan.graph.data.len());
    if plan.places.len() != tasks {
        return Err(SimError::Places { tasks, places: plan.places.len() });
    }
    let task =
        |index| if index < tasks { Ok(()) } else { Err(SimError::Dangling { what: "task", index, count: tasks }) };
    let datum =
        |index| if index < data { Ok(()) } else { Err(SimError::Dangling { what: "datum", index, count: data }) };
    for d in &plan.graph.data {
        d.piece.map_or(Ok(()), |p| datum(p.of))?;
    }
    for t in &plan.graph.tasks {
        t.reads.iter().try_for_each(|r| datum(r.datum))?;
        t.writes.iter().try_for_each(|&d| datum(d))?;
        t.after.iter().try_for_each(|&a| task(a))?;
    }
    let mut runs = BTreeSet::new();
    for step in &plan.steps {
        match step.action {
            Action::Run(t) => {
                task(t)?;
                if !runs.insert(t) {
                    return Err(SimError::Twice { task: t, name: plan.graph.tasks[t].name.clone() });
                }
            }
            Action::Copy { datum: d, .. } | Action::Evict { datum: d, .. } => datum(d)?,
        }
    }
    for span in &plan.timeline.spans {
        if let What::Build(t) = span.what {
            task(t)?;
        }
    }
    Ok(())
}
