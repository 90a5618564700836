//! A schedule with other times: same processors, same order on every processor, engine and build unit, same copies and
//! evictions.
//!
//! Every time is then a maximum of sums of durations, so shorter durations never make anything later. (The simulator
//! itself has no such guarantee: it chooses gaps by time, and a shorter copy can take a gap that another one needed.) What
//! copies take from a queue is added to what it does, not to single runs.

use super::instance::Instance;
use super::result::{Infeasible, Schedule};
use super::space::peaks;
use super::table::{NO, NONE, Table, blocked_ns};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Build(usize),
    Run(usize),
    Copy(usize),
    Evict(usize),
    /// A task's scratch space is given back.
    Release(usize),
}

/// When everything is done, by unit.
struct State<'a> {
    table: &'a Table,
    processors: Vec<u64>,
    engines: Vec<u64>,
    build_units: Vec<u64>,
    build_ends: Vec<u64>,
    valid: Vec<u64>,
    last_use: Vec<u64>,
    /// By memory: when the last eviction was.
    after: Vec<u64>,
    done: Vec<bool>,
}

/// The schedule on `instance`, which has the same shape as the one that it was made for but may have other times.
///
/// Cost: `O((tasks + copies + reads) log)`.
///
/// # Errors
/// [`Infeasible`] where a task cannot run on its processor, or where the schedule does not fit the instance.
pub fn retime(instance: &Instance, schedule: &Schedule) -> Result<Schedule, Infeasible> {
    let table = Table::new(instance);
    if schedule.runs.len() != table.tasks
        || schedule.assignment.len() != table.tasks
        || schedule.order.iter().any(|&t| t >= table.tasks)
    {
        return Err(Infeasible::Incomplete);
    }
    let mut events: Vec<(u64, u64, Event)> = Vec::new();
    events.extend(schedule.builds.iter().enumerate().map(|(i, b)| (b.start, b.end, Event::Build(i))));
    events.extend(schedule.copies.iter().enumerate().map(|(i, c)| (c.start, c.end, Event::Copy(i))));
    events.extend(schedule.evictions.iter().enumerate().map(|(i, e)| (e.at, e.at, Event::Evict(i))));
    for (t, &(start, end)) in schedule.runs.iter().enumerate() {
        let processor = schedule.assignment[t];
        if processor >= table.processors || table.cell(t, processor).ns == NONE {
            return Err(Infeasible::Processor { task: t, processor });
        }
        events.push((start, end, Event::Run(t)));
        if table.cell(t, processor).scratch > 0 && table.capacity[table.home[processor]].is_some() {
            events.push((end, end, Event::Release(t)));
        }
    }
    events.sort_unstable();
    let mut state = State {
        processors: table.ready.clone(),
        engines: vec![0; table.engines],
        build_units: vec![0; table.processors],
        build_ends: vec![NONE; table.builds.len()],
        valid: table.initial.clone(),
        last_use: vec![0; table.initial.len()],
        after: vec![0; table.memories],
        done: vec![false; table.tasks],
        table: &table,
    };
    let mut new = schedule.clone();
    // What takes no time may be sorted before what it needs; it is tried again.
    while !events.is_empty() {
        let before = events.len();
        events.retain(|&(_, _, event)| !state.apply(event, &mut new));
        if events.len() == before {
            return Err(Infeasible::Incomplete);
        }
    }
    let ends = new.runs.iter().map(|r| r.1).chain(new.copies.iter().map(|c| c.end));
    new.makespan = ends.max().unwrap_or(0).max(stalled(&table, &new));
    new.copies.sort_unstable();
    new.builds.sort_unstable();
    new.evictions.sort_unstable();
    new.peak_bytes = peaks(&table, &new);
    Ok(new)
}

/// When the last queue that copies stall has done its runs and lost what they take from it; 0 where there is none.
fn stalled(table: &Table, schedule: &Schedule) -> u64 {
    let mut work: Vec<Vec<(u64, u64)>> = vec![Vec::new(); table.processors];
    for copy in &schedule.copies {
        let link = table.links[copy.link];
        if link.blocked != NO {
            work[link.blocked as usize].push((copy.start, blocked_ns(copy.end - copy.start, link.blocks)));
        }
    }
    for (&p, &(start, end)) in schedule.assignment.iter().zip(&schedule.runs) {
        if table.blockable[p] {
            work[p].push((start, end - start));
        }
    }
    let end = |(work, &ready): (&mut Vec<(u64, u64)>, &u64)| {
        work.retain(|w| w.1 > 0);
        work.sort_unstable();
        let first = if work.is_empty() { 0 } else { ready };
        work.iter().fold(first, |now, &(from, ns)| now.max(from).saturating_add(ns))
    };
    work.iter_mut().zip(&table.ready).map(end).max().unwrap_or(0)
}

impl State<'_> {
    /// Times an event; false: something that it needs is not there yet.
    fn apply(&mut self, event: Event, new: &mut Schedule) -> bool {
        let table = self.table;
        match event {
            Event::Build(i) => {
                let Schedule { builds, order, assignment, .. } = &mut *new;
                let build = &mut builds[i];
                // The first in the list that needs it says how long it takes.
                let users = order.iter().filter(|&&t| assignment[t] == build.processor);
                let index = users
                    .map(|&t| (t, table.cell(t, build.processor).build))
                    .find(|&(_, b)| b != NO && table.builds[b as usize].key == build.key);
                let Some((t, index)) = index else { return false };
                build.start = self.build_units[build.processor];
                build.end = build.start.saturating_add(table.build_ns[t * table.processors + build.processor]);
                self.build_units[build.processor] = build.end;
                self.build_ends[index as usize] = build.end;
                true
            }
            Event::Run(t) => self.run(t, new),
            Event::Copy(i) => self.copy(i, new),
            Event::Evict(i) => {
                let eviction = &mut new.evictions[i];
                let at = eviction.datum * table.memories + eviction.memory;
                if self.valid[at] == NONE {
                    return false;
                }
                eviction.at = self.last_use[at];
                self.valid[at] = NONE;
                self.after[eviction.memory] = self.after[eviction.memory].max(eviction.at);
                true
            }
            Event::Release(t) => {
                let home = table.home[new.assignment[t]];
                self.after[home] = self.after[home].max(new.runs[t].1);
                self.done[t]
            }
        }
    }

    fn run(&mut self, t: usize, new: &mut Schedule) -> bool {
        let table = self.table;
        let p = new.assignment[t];
        let cell = table.cell(t, p);
        let m = cell.memory as usize;
        let mut start = self.processors[p];
        for &u in table.preds.row(t) {
            if !self.done[u as usize] {
                return false;
            }
            start = start.max(new.runs[u as usize].1);
        }
        for &d in table.reads.row(t) {
            let valid = self.valid[d as usize * table.memories + m];
            if valid == NONE {
                return false;
            }
            start = start.max(valid);
        }
        if cell.build != NO {
            if self.build_ends[cell.build as usize] == NONE {
                return false;
            }
            start = start.max(self.build_ends[cell.build as usize]);
        }
        if table.writes.row(t).iter().any(|&d| table.bytes[d as usize] > 0) {
            start = start.max(self.after[m]);
        }
        if cell.scratch > 0 {
            start = start.max(self.after[table.home[p]]);
        }
        let end = start.saturating_add(cell.ns);
        new.runs[t] = (start, end);
        self.processors[p] = end;
        self.done[t] = true;
        for &d in table.reads.row(t) {
            let last = &mut self.last_use[d as usize * table.memories + m];
            *last = (*last).max(end);
        }
        for &d in table.writes.row(t) {
            self.valid[d as usize * table.memories + m] = end;
            self.last_use[d as usize * table.memories + m] = end;
        }
        true
    }

    fn copy(&mut self, i: usize, new: &mut Schedule) -> bool {
        let table = self.table;
        let copy = &mut new.copies[i];
        let link = table.links[copy.link];
        let (from, to) =
            (copy.datum * table.memories + link.from as usize, copy.datum * table.memories + link.to as usize);
        if self.valid[from] == NONE || self.valid[to] != NONE {
            return false;
        }
        let ns = table.copy(copy.datum, copy.link);
        copy.start = self.valid[from].max(self.after[link.to as usize]);
        if link.engine != NO {
            copy.start = copy.start.max(self.engines[link.engine as usize]);
        }
        copy.end = copy.start.saturating_add(ns);
        if link.engine != NO {
            self.engines[link.engine as usize] = copy.end;
        }
        self.valid[to] = copy.end;
        self.last_use[from] = self.last_use[from].max(copy.end);
        self.last_use[to] = copy.end;
        true
    }
}
