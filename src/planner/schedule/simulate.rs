//! The simulator: an assignment and a list of tasks in, a schedule out. It judges all candidates and every step of the
//! local search.
//!
//! The rule ("serial schedule generation"): tasks are placed in the order of the list. For each, inputs that are not
//! valid in its processor's memory are copied there, once, and stay; a copy starts as soon as its source is valid and
//! its engine has a gap, so copies run ahead of their tasks. The task starts when its inputs are valid, the tasks before
//! it and its pipeline's build are done, and its processor has finished what was placed there earlier: a processor runs
//! its tasks in list order. Data that are wanted somewhere at the end are copied when all tasks are placed, into the
//! gaps that are left, from the moment they are there.
//!
//! A copy over a link with `blocks` > 0 stalls the `blocked` processor: it takes that part of its time (rounded up to a
//! nanosecond) from it, at any times from its start on. Where the processor is idle then, that costs nothing; what is left
//! comes after all that was placed there, and delays what is placed there later, or the end of everything. So copies wait
//! for their engines only, and no work is lost: a processor's runs, and the stalls by copies that began in a period without
//! a break, fill that period. What is inexact is which of them end when: a run that was placed before a copy may in truth
//! end later by as much as the copy stalls.

use super::instance::Instance;
use super::result::{Build, Copy, Eviction, Infeasible, Schedule};
use super::space::Space;
use super::state::State;
use super::table::{NO, NONE, Table};

/// One simulation of `order` on `assignment`. Where there are many, keep a [`Simulator`].
///
/// # Errors
/// [`Infeasible`].
pub fn simulate(instance: &Instance, assignment: &[usize], order: &[usize]) -> Result<Schedule, Infeasible> {
    Simulator::new(instance).simulate(assignment, order)
}

/// Simulates one instance many times; keeps its buffers. A simulation costs `O(tasks + reads)` where no memory has a
/// capacity, 20–60 ns per task.
#[derive(Clone, Debug)]
pub struct Simulator {
    pub(super) table: Table,
    pub(super) state: State,
    /// States of the list that is being changed, by position; the first `kept` hold.
    pub(super) snapshots: Vec<(usize, State)>,
    pub(super) kept: usize,
    /// What a task waits for: (source valid, datum).
    pub(super) missing: Vec<(u64, u32)>,
    pub(super) space: Option<Box<Space>>,
    pub(super) record: Record,
    visits: u64,
}

/// What happened, where somebody wants to know.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    starts: Vec<u64>,
    /// By task: the task that it waited for last, or [`NO`].
    causes: Vec<u32>,
    /// By processor: the task placed there last.
    last: Vec<u32>,
    pub(super) copies: Vec<Copy>,
    builds: Vec<Build>,
    evictions: Vec<Eviction>,
}

impl Simulator {
    /// Buffers for this instance. `O(tasks × processors + data × (memories + links))`.
    ///
    /// # Panics
    /// Where an index in the instance points nowhere.
    pub fn new(instance: &Instance) -> Simulator {
        let table = Table::new(instance);
        Simulator {
            snapshots: vec![(0, State::new(&table))],
            kept: 1,
            state: State::new(&table),
            missing: Vec::new(),
            space: Space::new(&table).map(Box::new),
            record: Record::default(),
            visits: 0,
            table,
        }
    }

    /// The makespan alone.
    ///
    /// # Errors
    /// [`Infeasible`].
    pub fn makespan(&mut self, assignment: &[usize], order: &[usize]) -> Result<u64, Infeasible> {
        self.run::<false>(assignment, order, NONE, 0)
    }

    /// The makespan if it is below `limit`. Gives up as soon as it cannot be, which saves half of the work in a search.
    ///
    /// # Errors
    /// [`Infeasible`]; [`Infeasible::Limit`] where it is not below.
    pub fn makespan_below(&mut self, assignment: &[usize], order: &[usize], limit: u64) -> Result<u64, Infeasible> {
        self.run::<false>(assignment, order, limit, 0)
    }

    /// The whole schedule.
    ///
    /// # Errors
    /// [`Infeasible`].
    pub fn simulate(&mut self, assignment: &[usize], order: &[usize]) -> Result<Schedule, Infeasible> {
        let mut schedule = Schedule::default();
        self.simulate_into(assignment, order, &mut schedule)?;
        schedule.peak_bytes = super::space::peaks(&self.table, &schedule);
        Ok(schedule)
    }

    /// The whole schedule without the peaks, into old buffers.
    pub(super) fn simulate_into(
        &mut self,
        assignment: &[usize],
        order: &[usize],
        schedule: &mut Schedule,
    ) -> Result<(), Infeasible> {
        schedule.makespan = self.run::<true>(assignment, order, NONE, 0)?;
        let record = &self.record;
        schedule.assignment.clear();
        schedule.assignment.extend_from_slice(assignment);
        schedule.order.clear();
        schedule.order.extend_from_slice(order);
        schedule.runs.clear();
        schedule.runs.extend(record.starts.iter().copied().zip(self.state.ends.iter().copied()));
        schedule.copies.clone_from(&record.copies);
        schedule.copies.sort_unstable();
        schedule.builds.clone_from(&record.builds);
        schedule.builds.sort_unstable();
        schedule.evictions.clone_from(&record.evictions);
        schedule.evictions.sort_unstable();
        Ok(())
    }

    /// Tasks that the last simulation placed.
    pub(super) fn visits(&self) -> u64 {
        self.visits
    }

    fn reset(&mut self, assignment: &[usize], order: &[usize], from: usize) -> Result<(), Infeasible> {
        let table = &self.table;
        if assignment.len() != table.tasks || order.len() != table.tasks {
            return Err(Infeasible::Incomplete);
        }
        self.state.copy_from(&self.snapshots[from].1);
        if let Some(space) = &mut self.space {
            space.reset(table, assignment, order)?;
        }
        Ok(())
    }

    /// Simulates; from the last snapshot that is not beyond position `same`, where the list and the assignment are the same
    /// as at the last [`forget`](Self::forget). With `same` = 0 that is the beginning.
    fn run<const RECORD: bool>(
        &mut self,
        assignment: &[usize],
        order: &[usize],
        limit: u64,
        same: usize,
    ) -> Result<u64, Infeasible> {
        let snapshot = self.snapshots[..self.kept].partition_point(|s| s.0 <= same) - 1;
        self.reset(assignment, order, snapshot)?;
        if RECORD {
            self.record.starts.clear();
            self.record.starts.resize(self.table.tasks, 0);
            self.record.causes.clear();
            self.record.causes.resize(self.table.tasks, NO);
            self.record.last.clear();
            self.record.last.resize(self.table.processors, NO);
            self.record.copies.clear();
            self.record.builds.clear();
            self.record.evictions.clear();
        }
        let from = self.snapshots[snapshot].0;
        let step = (self.table.tasks / 12).max(4);
        // The next snapshot is due here, if the list is still the same.
        let mut due = if snapshot + 1 == self.kept { from + step } else { usize::MAX };
        self.visits = 0;
        for (position, &t) in order.iter().enumerate().skip(from) {
            if position == due && position <= same {
                self.take_snapshot(position);
                due += step;
            }
            self.visits += 1;
            let p = *assignment.get(t).ok_or(Infeasible::Incomplete)?;
            let end = self.place::<RECORD>(t, p, position)?;
            if end.saturating_add(self.table.tail[t]) >= limit {
                return Err(Infeasible::Limit);
            }
            self.state.makespan = self.state.makespan.max(end);
        }
        let delivered = self.deliver::<RECORD>()?;
        let makespan = self.state.makespan.max(delivered);
        if makespan >= limit { Err(Infeasible::Limit) } else { Ok(makespan) }
    }

    /// As [`makespan_below`](Self::makespan_below), where nothing before position `same` has changed since the last
    /// [`forget`](Self::forget): that part is not simulated again.
    pub(super) fn makespan_from(
        &mut self,
        assignment: &[usize],
        order: &[usize],
        limit: u64,
        same: usize,
    ) -> Result<u64, Infeasible> {
        // The state of memories with a capacity depends on what comes later in the list.
        let same = if self.space.is_some() { 0 } else { same };
        self.run::<false>(assignment, order, limit, same)
    }

    /// Places the next task of the list and returns its end.
    fn place<const RECORD: bool>(&mut self, t: usize, p: usize, position: usize) -> Result<u64, Infeasible> {
        if p >= self.table.processors {
            return Err(Infeasible::Processor { task: t, processor: p });
        }
        let cell = self.table.cell(t, p);
        if cell.ns == NONE {
            return Err(Infeasible::Processor { task: t, processor: p });
        }
        if self.state.ends[t] != NONE {
            return Err(Infeasible::Incomplete);
        }
        let m = cell.memory as usize;
        let mut start = self.state.free[p];
        for &pred in self.table.preds.row(t) {
            let end = self.state.ends[pred as usize];
            if end == NONE {
                return Err(Infeasible::Order { task: t });
            }
            start = start.max(end);
        }
        if cell.build != NO {
            start = start.max(self.build::<RECORD>(cell.build as usize, t, p));
        }
        if let Some(space) = &mut self.space {
            space.begin(&self.table, t, position);
        }
        self.missing.clear();
        let memories = self.table.memories;
        for &d in self.table.reads.row(t) {
            let row = &self.state.valid[d as usize * memories..][..memories];
            if row[m] == NONE {
                self.missing.push((row.iter().copied().min().unwrap_or(NONE), d));
            } else {
                start = start.max(row[m]);
            }
        }
        // First come, first served is the best order on one engine.
        if self.missing.len() > 1 {
            self.missing.sort_unstable();
        }
        for i in 0..self.missing.len() {
            let d = self.missing[i].1 as usize;
            start = start.max(self.bring::<RECORD>(d, m)?);
        }
        if self.space.is_some() {
            start = start.max(self.make_room_for_run::<RECORD>(t, p, m, cell.scratch)?);
        }
        if self.table.blockable[p] {
            // Its own copies may have stalled it.
            start = start.max(self.state.free[p]);
            self.state.rest(p, start);
        }
        let end = start.saturating_add(cell.ns);
        self.state.ends[t] = end;
        self.state.free[p] = end;
        for &d in self.table.writes.row(t) {
            self.state.valid[d as usize * memories + m] = end;
        }
        if let Some(space) = &mut self.space {
            space.used_by_run(&self.table, &self.state.valid, t, p, m, end);
        }
        if RECORD {
            self.record.starts[t] = start;
            self.record.causes[t] = self.cause(t, p, m);
            self.record.last[p] = t as u32;
        }
        Ok(end)
    }

    /// The task that this one, which is being placed, waited for last. Where a copy waited for its engine that is still
    /// the writer of its datum: an approximation that is good enough to guide the search.
    fn cause(&self, t: usize, p: usize, m: usize) -> u32 {
        let (mut latest, mut cause) = (0, NO);
        let mut consider = |time: u64, task: u32| {
            if task != NO && time >= latest {
                (latest, cause) = (time, task);
            }
        };
        if self.record.last[p] != NO {
            consider(self.state.ends[self.record.last[p] as usize], self.record.last[p]);
        }
        for &u in self.table.preds.row(t) {
            consider(self.state.ends[u as usize], u);
        }
        for &d in self.table.reads.row(t) {
            consider(self.state.valid[d as usize * self.table.memories + m], self.table.writer[d as usize]);
        }
        cause
    }

    /// The chain of tasks that fixes the makespan, from the last to the first.
    ///
    /// # Errors
    /// [`Infeasible`].
    pub(super) fn critical(
        &mut self,
        assignment: &[usize],
        order: &[usize],
        path: &mut Vec<usize>,
    ) -> Result<(), Infeasible> {
        self.run::<true>(assignment, order, NONE, 0)?;
        path.clear();
        let (mut latest, mut at) = (0, NO);
        for (t, &end) in self.state.ends.iter().enumerate() {
            if end >= latest {
                (latest, at) = (end, t as u32);
            }
        }
        for &(d, m) in &self.table.wanted {
            let end = self.state.valid[d as usize * self.table.memories + m as usize];
            let writer = self.table.writer[d as usize];
            if end != NONE && end > latest && writer != NO {
                (latest, at) = (end, writer);
            }
        }
        while at != NO {
            path.push(at as usize);
            at = self.record.causes[at as usize];
        }
        Ok(())
    }

    /// The end of a build, which is queued now if it is not yet.
    fn build<const RECORD: bool>(&mut self, build: usize, t: usize, p: usize) -> u64 {
        if self.state.build_end[build] == NONE {
            let start = self.state.build_free[p];
            let end = start.saturating_add(self.table.build_ns[t * self.table.processors + p]);
            self.state.build_free[p] = end;
            self.state.build_end[build] = end;
            if RECORD {
                let key = self.table.builds[build].key;
                self.record.builds.push(Build { start, end, processor: p, key });
            }
        }
        self.state.build_end[build]
    }

    pub(super) fn give_up<const RECORD: bool>(&mut self, d: usize, m: usize, at: u64) {
        self.state.valid[d * self.table.memories + m] = NONE;
        if RECORD {
            self.record.evictions.push(Eviction { at, datum: d, memory: m });
        }
    }
}
