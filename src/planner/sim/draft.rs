//! Writes a list of items that works with less: less memory than the plan assumed, or without a device that was lost.

use std::collections::{BTreeMap, BTreeSet};

use super::item::{Facts, Item, Job};
use super::store::{Held, Store};
use super::{Happening, Times};
use crate::planner::task_graph::{DatumId, TaskCost, TaskId};
use crate::planner::work::Place;

/// A list under construction. Feed it what is to be done; it adds the copies and evictions that this needs.
pub(super) struct Draft<'a> {
    facts: &'a Facts<'a>,
    times: Option<&'a dyn Times>,
    limits: &'a BTreeMap<Place, u64>,
    lost: &'a BTreeSet<Place>,
    /// What is valid where once everything in `items` is done.
    store: Store,
    /// By datum and place, the positions in what will be fed that read it there.
    uses: BTreeMap<(DatumId, Place), Vec<usize>>,
    /// The position that is being fed.
    at: usize,
    /// The list.
    pub(super) items: Vec<Item>,
    /// What happened, and at the start of which item of the list.
    pub(super) events: Vec<(usize, Happening)>,
    /// Tasks that cannot be done any more.
    pub(super) unfinished: BTreeSet<TaskId>,
}

impl<'a> Draft<'a> {
    /// `jobs` is what will be fed, in order.
    pub(super) fn new(
        facts: &'a Facts<'a>,
        times: Option<&'a dyn Times>,
        limits: &'a BTreeMap<Place, u64>,
        lost: &'a BTreeSet<Place>,
        store: Store,
        jobs: &[Job],
    ) -> Draft<'a> {
        let mut uses: BTreeMap<(DatumId, Place), Vec<usize>> = BTreeMap::new();
        for (i, job) in jobs.iter().enumerate() {
            match *job {
                Job::Run { task, place } => {
                    let memory = facts.memory(task, place);
                    facts.reads(task).for_each(|d| uses.entry((d, memory)).or_default().push(i));
                }
                Job::Copy { datum, from, .. } => uses.entry((datum, from)).or_default().push(i),
                Job::Build { .. } | Job::Evict { .. } => {}
            }
        }
        let (items, events, unfinished) = (Vec::new(), Vec::new(), BTreeSet::new());
        Draft { facts, times, limits, lost, store, uses, at: 0, items, events, unfinished }
    }

    /// Takes the next job. `planned`: how the plan has it.
    pub(super) fn feed(&mut self, job: Job, planned: Item) {
        match job {
            Job::Run { task, place } => self.run(task, place, planned),
            Job::Copy { datum, to, .. } => {
                self.bring(datum, to, &[]);
            }
            Job::Evict { datum, place } => {
                // As long as the plan's own copies are where it thinks, its evictions lose nothing.
                if self.store.at(place).any(|(d, _)| d == datum) && !self.loses(datum, place) {
                    self.store.remove(datum, place);
                    self.items.push(planned);
                }
            }
            Job::Build { .. } => self.items.push(planned),
        }
        self.at += 1;
    }

    /// Brings the wanted data to where they are wanted, or to the host if that place is gone.
    pub(super) fn finish(&mut self) {
        for (d, datum) in self.facts.plan.graph.data.iter().enumerate() {
            if let Some(place) = datum.wanted {
                let place = if self.lost.contains(&place) { Place::Cpu } else { self.facts.home(place) };
                self.bring(d, place, &[]);
            }
        }
    }

    /// Time of a task at a place: as the caller says, or as the graph itself says.
    pub(super) fn run_ns(facts: &Facts<'_>, times: Option<&dyn Times>, task: TaskId, place: Place) -> Option<u64> {
        times.and_then(|t| t.run(task, place)).or_else(|| match &facts.plan.graph.tasks[task].cost {
            TaskCost::Fixed(by_place) => by_place.get(&place).copied(),
            TaskCost::Host { ns, .. } if place == Place::Cpu => Some(*ns),
            _ => None,
        })
    }

    fn run(&mut self, task: TaskId, place: Place, planned: Item) {
        let it = &self.facts.plan.graph.tasks[task];
        let mut place = place;
        let mut item = planned;
        // A task that needs more at once than there is goes to the host, if it can.
        let memory = self.facts.memory(task, place);
        let data: BTreeSet<DatumId> = self.facts.reads(task).chain(it.writes.iter().copied()).collect();
        let sizes = data.iter().map(|&d| self.facts.plan.graph.data[d].bytes);
        let needs = sizes.fold(0, u64::saturating_add);
        if self.limits.get(&memory).is_some_and(|&limit| needs > limit) {
            if let Some(ns) = Self::run_ns(self.facts, self.times, task, Place::Cpu) {
                place = Place::Cpu;
                let job = Job::Run { task, place };
                item = Item::new(job, ns);
                self.events.push((self.items.len(), Happening::Moved { task, to: place }));
            } else {
                self.events.push((self.items.len(), Happening::OverLimit { place: memory, bytes: needs }));
            }
        }
        let memory = self.facts.memory(task, place);
        let pinned: Vec<DatumId> = data.into_iter().collect();
        let waits = it.after.iter().any(|a| self.unfinished.contains(a));
        if waits || !self.facts.reads(task).all(|d| self.bring(d, memory, &pinned)) {
            self.unfinished.insert(task);
            return;
        }
        let growth = it.writes.iter().map(|&d| self.store.growth(&self.facts.families, d, memory));
        let bytes = growth.fold(0, u64::saturating_add);
        self.make_room(memory, bytes, &pinned);
        for &d in &it.writes {
            self.store.insert(&self.facts.families, d, memory, 0);
        }
        self.items.push(item);
    }

    /// Makes a datum valid at a place; false if it is valid nowhere.
    fn bring(&mut self, datum: DatumId, to: Place, pinned: &[DatumId]) -> bool {
        let families = &self.facts.families;
        if self.store.since(families, datum, to).is_some() {
            return true;
        }
        let Some(&from) = self.store.places(families, datum).first() else {
            // Perhaps its windows are in several places.
            let parts: Vec<DatumId> = families.overlapping(datum).filter(|&d| d != datum).collect();
            for part in parts {
                if !self.store.places(families, part).is_empty() {
                    self.bring(part, to, pinned);
                }
            }
            return self.store.since(families, datum, to).is_some();
        };
        if from != Place::Cpu && to != Place::Cpu {
            self.push_copy(datum, from, Place::Cpu);
            return self.bring(datum, to, pinned);
        }
        let bytes = self.store.growth(families, datum, to);
        self.make_room(to, bytes, &[pinned, &[datum]].concat());
        self.push_copy(datum, from, to);
        true
    }

    fn push_copy(&mut self, datum: DatumId, from: Place, to: Place) {
        let ns = self.times.and_then(|t| t.copy(datum, from, to));
        let job = Job::Copy { datum, from, to };
        let ns = ns.unwrap_or_else(|| self.facts.copy_ns(datum, from, to));
        self.items.push(Item::new(job, ns));
        self.store.insert(&self.facts.families, datum, to, 0);
    }

    /// Gives up data until `bytes` more fit: first what is needed last (Belady 1966). What is valid nowhere else and still
    /// needed is copied to the host first.
    fn make_room(&mut self, place: Place, bytes: u64, pinned: &[DatumId]) {
        let Some(&limit) = self.limits.get(&place) else { return };
        while bytes > 0 && self.store.used(place).saturating_add(bytes) > limit {
            let families = &self.facts.families;
            let is_pinned = |d: DatumId| families.overlapping(d).any(|o| pinned.contains(&o));
            let victims = self.store.at(place).filter(|&(d, held)| held.bytes > 0 && !is_pinned(d));
            let last = victims.max_by_key(|&(d, Held { bytes, .. })| (self.next_use(d, place), bytes, d));
            let Some((victim, _)) = last else {
                self.events.push((self.items.len(), Happening::OverLimit { place, bytes }));
                return;
            };
            if self.loses(victim, place) {
                self.events.push((self.items.len(), Happening::Spilled { datum: victim, from: place }));
                self.push_copy(victim, place, Place::Cpu);
            }
            let job = Job::Evict { datum: victim, place };
            self.items.push(Item::new(job, 0));
            self.store.remove(victim, place);
        }
    }

    /// Whether giving up a datum at a place would lose something that is needed later.
    fn loses(&self, datum: DatumId, place: Place) -> bool {
        let families = &self.facts.families;
        let elsewhere = self.store.places(families, datum).iter().any(|&p| p != place);
        let wanted = |d: DatumId| self.facts.plan.graph.data[d].wanted.is_some();
        let used = |d: DatumId| {
            let mut uses = self.uses.range((d, Place::Cpu)..=(d, Place::Gpu(u32::MAX)));
            uses.any(|(_, at)| at.last().is_some_and(|&i| i >= self.at))
        };
        !elsewhere && families.overlapping(datum).any(|d| wanted(d) || used(d))
    }

    /// The next position that reads a datum, or something that shares elements with it, at a place.
    fn next_use(&self, datum: DatumId, place: Place) -> usize {
        let next = |d| {
            let uses = self.uses.get(&(d, place))?;
            uses.get(uses.partition_point(|&i| i < self.at)).copied()
        };
        self.facts.families.overlapping(datum).filter_map(next).min().unwrap_or(usize::MAX)
    }
}
