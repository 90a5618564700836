//! Which data are valid where, since when, and how many bytes they take; windows of one array are seen as one family.

use std::collections::BTreeMap;

use crate::planner::task_graph::{DatumId, TaskGraph, TaskId};
use crate::planner::work::Place;

/// The windows of each array: a datum is valid at a place if data that are valid there cover it.
#[derive(Clone, Debug)]
pub(super) struct Families<'a> {
    graph: &'a TaskGraph,
    writers: Vec<Option<TaskId>>,
    members: Vec<Vec<DatumId>>,
}

impl<'a> Families<'a> {
    /// Indices must have been checked: data of tasks and parents of pieces exist.
    pub(super) fn new(graph: &'a TaskGraph) -> Families<'a> {
        let mut members = vec![Vec::new(); graph.data.len()];
        for (d, datum) in graph.data.iter().enumerate() {
            members[datum.piece.map_or(d, |p| p.of)].push(d);
        }
        Families { graph, writers: graph.writers(), members }
    }

    /// The elements of its array that it holds; `None`: it is not an array, or all of one whose length is unknown.
    fn window(&self, datum: DatumId) -> Option<(u64, u64)> {
        let it = &self.graph.data[datum];
        it.piece.map(|p| (p.from, p.to)).or((it.elements > 0).then_some((0, it.elements)))
    }

    /// The data of its array, itself included, that share elements with it.
    pub(super) fn overlapping(&self, datum: DatumId) -> impl Iterator<Item = DatumId> {
        let family = &self.members[self.graph.data[datum].piece.map_or(datum, |p| p.of)];
        let window = self.window(datum);
        family.iter().copied().filter(move |&other| {
            other == datum
                || match (window, self.window(other)) {
                    (Some(a), Some(b)) => a.0 < b.1 && b.0 < a.1,
                    _ => true,
                }
        })
    }

    /// Whether some of the data for which `held` gives a value cover a datum: the largest of their values.
    pub(super) fn covered(&self, datum: DatumId, held: impl Fn(DatumId) -> Option<u64>) -> Option<u64> {
        if let Some(value) = held(datum) {
            return Some(value);
        }
        if self.members[self.graph.data[datum].piece.map_or(datum, |p| p.of)].len() == 1 {
            return None;
        }
        let (mut from, to) = self.window(datum)?;
        let mut parts: Vec<(u64, u64, u64)> = self
            .overlapping(datum)
            .filter_map(|d| held(d).zip(self.window(d)).map(|(value, (from, to))| (from, to, value)))
            .collect();
        parts.sort_unstable();
        let mut worst = 0;
        for (start, end, value) in parts {
            if start > from {
                return None;
            }
            if end > from {
                from = end;
                worst = worst.max(value);
            }
            if from >= to {
                return Some(worst);
            }
        }
        None
    }

    /// The tasks that write a datum or data that overlap it.
    pub(super) fn sources(&self, datum: DatumId) -> impl Iterator<Item = TaskId> {
        let own = self.writers[datum];
        let others = self.overlapping(datum).filter(move |_| own.is_none()).filter_map(|d| self.writers[d]);
        own.into_iter().chain(others)
    }
}

/// A valid copy of a datum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) since: u64,
    pub(super) last_use: u64,
    pub(super) bytes: u64,
}

/// What is valid where.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    held: BTreeMap<(Place, DatumId), Held>,
    used: BTreeMap<Place, u64>,
}

impl Store {
    /// Since when a datum can be read at a place.
    pub(super) fn since(&self, families: &Families<'_>, datum: DatumId, place: Place) -> Option<u64> {
        families.covered(datum, |d| self.held.get(&(place, d)).map(|h| h.since))
    }

    /// The bytes that a place needs more to hold a datum: none where it is valid already.
    pub(super) fn growth(&self, families: &Families<'_>, datum: DatumId, place: Place) -> u64 {
        if self.since(families, datum, place).is_some() { 0 } else { families.graph.data[datum].bytes }
    }

    /// Makes a datum valid; where it was, it stays as it was.
    pub(super) fn insert(&mut self, families: &Families<'_>, datum: DatumId, place: Place, since: u64) {
        let bytes = self.growth(families, datum, place);
        self.held.entry((place, datum)).or_insert(Held { since, last_use: since, bytes });
        let used = self.used.entry(place).or_default();
        *used = used.saturating_add(bytes);
    }

    pub(super) fn remove(&mut self, datum: DatumId, place: Place) -> Option<Held> {
        let held = self.held.remove(&(place, datum))?;
        let used = self.used.entry(place).or_default();
        *used = used.saturating_sub(held.bytes);
        Some(held)
    }

    /// A datum is read at a place until `end`.
    pub(super) fn touch(&mut self, families: &Families<'_>, datum: DatumId, place: Place, end: u64) {
        for d in families.overlapping(datum) {
            if let Some(held) = self.held.get_mut(&(place, d)) {
                held.last_use = held.last_use.max(end);
            }
        }
    }

    /// Bytes that are held at a place.
    pub(super) fn used(&self, place: Place) -> u64 {
        self.used.get(&place).copied().unwrap_or(0)
    }

    /// What is held at a place, ascending.
    pub(super) fn at(&self, place: Place) -> impl Iterator<Item = (DatumId, Held)> {
        self.held.range((place, 0)..=(place, DatumId::MAX)).map(|(&(_, d), &h)| (d, h))
    }

    /// Where a datum can be read, in order: the host first.
    pub(super) fn places(&self, families: &Families<'_>, datum: DatumId) -> Vec<Place> {
        let mut places: Vec<Place> = self.used.keys().copied().collect();
        places.retain(|&p| self.since(families, datum, p).is_some());
        places
    }

    /// Whether a datum could be put together from what is valid at any of the places.
    pub(super) fn anywhere(&self, families: &Families<'_>, datum: DatumId) -> bool {
        let held = |d| self.used.keys().find_map(|&p| self.held.get(&(p, d)).map(|h| h.since));
        families.covered(datum, held).is_some()
    }

    /// Everything at a place is gone.
    pub(super) fn lose(&mut self, place: Place) {
        self.held.retain(|&(p, _), _| p != place);
        self.used.remove(&place);
    }
}
