//! Plays a list of items: each starts as soon as its lane is free, its inputs are there and its memory is, in list order.

use std::collections::BTreeMap;

use super::item::{Facts, Item, Job};
use super::store::Store;
use crate::planner::task_graph::TaskId;
use crate::planner::timeline::Lane;
use crate::planner::work::Place;

/// The state from which a list is played.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Nothing starts before.
    pub(super) now: u64,
    /// When lanes are free.
    pub(super) lanes: BTreeMap<Lane, u64>,
    /// What is valid where.
    pub(super) store: Store,
    /// When tasks were done. A task whose outputs were lost stays in here until it is done again.
    pub(super) done: BTreeMap<TaskId, u64>,
    /// When pipelines were built.
    pub(super) built: BTreeMap<TaskId, u64>,
}

/// When an item was done, and what that did to the memory of its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Played {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Bytes that are taken at the start, or given back at the end.
    pub(super) memory: Option<(Place, i64)>,
}

/// Evictions of one place in list order: bytes of those before, and when this one and all before it are done.
#[derive(Debug, Default)]
struct Evictions {
    list: Vec<(u64, u64)>,
    bytes: u64,
}

impl Evictions {
    fn push(&mut self, bytes: u64, end: u64) {
        let last = self.list.last().map_or(0, |e| e.1);
        self.list.push((self.bytes, last.max(end)));
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// When there is room for what makes the place hold `used` bytes, counted in list order. As few evictions as possible
    /// are waited for: the latest ones are not, as long as what they have not given back yet fits too. All that was
    /// allocated before is counted, whether it has started or not, so the limit holds at every time.
    fn room(&self, used: u64, limit: u64) -> u64 {
        let waits = self.list.partition_point(|e| used.saturating_add(self.bytes - e.0) > limit);
        waits.checked_sub(1).map_or(0, |last| self.list[last].1)
    }
}

/// Plays a list. `time` says how long an item takes, given its index and when it may start: its start and its end.
///
/// One pass suffices, since whatever an item waits for comes before it in the list: `O(items + reads)`.
pub(super) fn play(
    facts: &Facts<'_>,
    items: &[Item],
    state: &mut State,
    limits: &BTreeMap<Place, u64>,
    mut time: impl FnMut(usize, u64) -> (u64, u64),
) -> Vec<Played> {
    let mut evictions: BTreeMap<Place, Evictions> = BTreeMap::new();
    let mut played = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let mut ready = state.now;
        let evicts = matches!(item.job, Job::Evict { .. });
        if !evicts {
            ready = ready.max(state.lanes.get(&item.lane).copied().unwrap_or(0));
        }
        // What it waits for.
        let mut grows = None;
        match item.job {
            Job::Build { .. } => {}
            Job::Run { task, place } => {
                let memory = facts.memory(task, place);
                let it = &facts.plan.graph.tasks[task];
                for d in facts.reads(task) {
                    ready = ready.max(available(facts, state, d, memory));
                }
                for done in it.after.iter().filter_map(|a| state.done.get(a)).chain(state.built.get(&task)) {
                    ready = ready.max(*done);
                }
                let growth = it.writes.iter().map(|&d| state.store.growth(&facts.families, d, memory));
                let bytes = growth.fold(0, u64::saturating_add);
                grows = Some((memory, bytes));
            }
            Job::Copy { datum, from, to } => {
                ready = ready.max(available(facts, state, datum, from));
                grows = Some((to, state.store.growth(&facts.families, datum, to)));
            }
            Job::Evict { datum, place } => {
                if let Some(held) = state.store.remove(datum, place) {
                    ready = ready.max(held.since).max(held.last_use);
                    grows = Some((place, held.bytes));
                }
            }
        }
        let grows = grows.filter(|&(_, bytes)| bytes > 0);
        if let (Some((place, bytes)), false) = (grows, evicts)
            && let (Some(&limit), Some(evicted)) = (limits.get(&place), evictions.get(&place))
        {
            ready = ready.max(evicted.room(state.store.used(place).saturating_add(bytes), limit));
        }
        let (start, end) = time(i, ready);
        // What it does.
        match item.job {
            Job::Build { task, .. } => {
                state.built.insert(task, end);
            }
            Job::Run { task, place } => {
                let memory = facts.memory(task, place);
                for d in facts.reads(task) {
                    state.store.touch(&facts.families, d, memory, end);
                }
                for &d in &facts.plan.graph.tasks[task].writes {
                    state.store.insert(&facts.families, d, memory, end);
                }
                state.done.insert(task, end);
            }
            Job::Copy { datum, from, to } => {
                state.store.touch(&facts.families, datum, from, end);
                state.store.insert(&facts.families, datum, to, end);
            }
            Job::Evict { place, .. } => {
                if let Some((_, bytes)) = grows {
                    evictions.entry(place).or_default().push(bytes, end);
                }
            }
        }
        if !evicts {
            state.lanes.insert(item.lane, end);
        }
        let sign = if evicts { -1 } else { 1 };
        played.push(Played { start, end, memory: grows.map(|(place, bytes)| (place, bytes as i64 * sign)) });
    }
    played
}

/// When a datum can be read at a place. Where it is valid nowhere near, the place sees the memory of its writer.
fn available(facts: &Facts<'_>, state: &State, datum: usize, place: Place) -> u64 {
    state
        .store
        .since(&facts.families, datum, place)
        .unwrap_or_else(|| facts.families.sources(datum).filter_map(|t| state.done.get(&t)).copied().max().unwrap_or(0))
}

/// The most bytes that each GPU held at one time.
pub(super) fn peak(facts: &Facts<'_>, played: &[Played]) -> BTreeMap<Place, u64> {
    let mut changes: Vec<(u64, i64, Place)> = played
        .iter()
        .filter_map(|p| p.memory.map(|(place, by)| (if by < 0 { p.end } else { p.start }, by, place)))
        .collect();
    changes.extend(facts.initial.iter().map(|&(d, place)| (0, facts.plan.graph.data[d].bytes as i64, place)));
    // What is given back at a time is there for what starts at that time.
    changes.sort_unstable();
    let mut held: BTreeMap<Place, (i128, i128)> = BTreeMap::new();
    for (_, by, place) in changes {
        let (now, most) = held.entry(place).or_default();
        *now += i128::from(by);
        *most = (*most).max(*now);
    }
    held.remove(&Place::Cpu);
    held.into_iter()
        .map(|(place, (_, most))| (place, u64::try_from(most).unwrap_or(if most < 0 { 0 } else { u64::MAX })))
        .collect()
}
