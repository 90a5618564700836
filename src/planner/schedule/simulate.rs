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
//! A copy over a link with `blocks` > 0 keeps the `blocked` processor from computing during the first part of its time
//! (rounded up to a nanosecond); it starts when both the engine and, for that part, the processor are free. A processor
//! that is not ready is not free for that either.

use super::instance::Instance;
use super::lane::Lane;
use super::result::{Build, Copy, Eviction, Infeasible, Schedule};
use super::space::Space;
use super::table::{NO, NONE, Table, blocked_ns};

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
    /// When each processor is done with what was placed there.
    free: Vec<u64>,
    /// Runs and blocked times, of processors that copies can block.
    busy: Vec<Lane>,
    engines: Vec<Lane>,
    /// Datum × memory: since when it is valid; [`NONE`]: it is not.
    pub(super) valid: Vec<u64>,
    ends: Vec<u64>,
    build_free: Vec<u64>,
    build_end: Vec<u64>,
    /// What a task waits for: (source valid, datum).
    missing: Vec<(u64, u32)>,
    pub(super) space: Option<Box<Space>>,
    record: Record,
    visits: u64,
}

/// What happened, where somebody wants to know.
#[derive(Clone, Debug, Default)]
struct Record {
    starts: Vec<u64>,
    /// By task: the task that it waited for last, or [`NO`].
    causes: Vec<u32>,
    /// By processor: the task placed there last.
    last: Vec<u32>,
    copies: Vec<Copy>,
    builds: Vec<Build>,
    evictions: Vec<Eviction>,
}

impl Simulator {
    /// Buffers for this instance. `O(tasks × processors + data × (memories + links))`.
    pub fn new(instance: &Instance) -> Simulator {
        let table = Table::new(instance);
        Simulator {
            free: table.ready.clone(),
            busy: vec![Lane::default(); table.processors],
            engines: vec![Lane::default(); table.engines],
            valid: table.initial.clone(),
            ends: vec![NONE; table.tasks],
            build_free: vec![0; table.processors],
            build_end: vec![NONE; table.builds.len()],
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
        self.run::<false>(assignment, order, NONE)
    }

    /// The makespan if it is below `limit`. Gives up as soon as it cannot be, which saves half of the work in a search.
    ///
    /// # Errors
    /// [`Infeasible`]; [`Infeasible::Limit`] where it is not below.
    pub fn makespan_below(&mut self, assignment: &[usize], order: &[usize], limit: u64) -> Result<u64, Infeasible> {
        self.run::<false>(assignment, order, limit)
    }

    /// The whole schedule.
    ///
    /// # Errors
    /// [`Infeasible`].
    pub fn simulate(&mut self, assignment: &[usize], order: &[usize]) -> Result<Schedule, Infeasible> {
        let makespan = self.run::<true>(assignment, order, NONE)?;
        let record = &mut self.record;
        record.copies.sort_unstable();
        record.builds.sort_unstable();
        record.evictions.sort_unstable();
        let mut schedule = Schedule {
            assignment: assignment.to_vec(),
            order: order.to_vec(),
            runs: record.starts.iter().copied().zip(self.ends.iter().copied()).collect(),
            copies: record.copies.clone(),
            builds: record.builds.clone(),
            evictions: record.evictions.clone(),
            makespan,
            peak_bytes: Vec::new(),
        };
        schedule.peak_bytes = super::space::peaks(&self.table, &schedule);
        Ok(schedule)
    }

    /// Tasks that the last simulation placed.
    pub(super) fn visits(&self) -> u64 {
        self.visits
    }

    fn reset(&mut self, assignment: &[usize], order: &[usize]) -> Result<(), Infeasible> {
        let table = &self.table;
        if assignment.len() != table.tasks || order.len() != table.tasks {
            return Err(Infeasible::Incomplete);
        }
        self.free.copy_from_slice(&table.ready);
        self.valid.copy_from_slice(&table.initial);
        self.ends.fill(NONE);
        for (p, lane) in self.busy.iter_mut().enumerate() {
            lane.clear();
            if table.blockable[p] {
                lane.book(0, table.ready[p]);
            }
        }
        self.engines.iter_mut().for_each(Lane::clear);
        self.build_free.fill(0);
        self.build_end.fill(NONE);
        if let Some(space) = &mut self.space {
            space.reset(table, assignment, order)?;
        }
        Ok(())
    }

    fn run<const RECORD: bool>(
        &mut self,
        assignment: &[usize],
        order: &[usize],
        limit: u64,
    ) -> Result<u64, Infeasible> {
        self.reset(assignment, order)?;
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
        let mut makespan = 0;
        self.visits = 0;
        for (position, &t) in order.iter().enumerate() {
            self.visits += 1;
            let p = *assignment.get(t).ok_or(Infeasible::Incomplete)?;
            let end = self.place::<RECORD>(t, p, position)?;
            if end.saturating_add(self.table.tail[t]) >= limit {
                return Err(Infeasible::Limit);
            }
            makespan = makespan.max(end);
        }
        makespan = makespan.max(self.deliver::<RECORD>()?);
        if makespan >= limit { Err(Infeasible::Limit) } else { Ok(makespan) }
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
        if self.ends[t] != NONE {
            return Err(Infeasible::Incomplete);
        }
        let m = cell.memory as usize;
        let mut start = self.free[p];
        for &pred in self.table.preds.row(t) {
            let end = self.ends[pred as usize];
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
            let row = &self.valid[d as usize * memories..][..memories];
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
            start = self.busy[p].fit(start, cell.ns);
            self.busy[p].book(start, cell.ns);
        }
        let end = start.saturating_add(cell.ns);
        self.ends[t] = end;
        self.free[p] = end;
        for &d in self.table.writes.row(t) {
            self.valid[d as usize * memories + m] = end;
        }
        if let Some(space) = &mut self.space {
            space.used_by_run(&self.table, t, p, m, end);
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
            consider(self.ends[self.record.last[p] as usize], self.record.last[p]);
        }
        for &u in self.table.preds.row(t) {
            consider(self.ends[u as usize], u);
        }
        for &d in self.table.reads.row(t) {
            consider(self.valid[d as usize * self.table.memories + m], self.table.writer[d as usize]);
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
        self.run::<true>(assignment, order, NONE)?;
        path.clear();
        let (mut latest, mut at) = (0, NO);
        for (t, &end) in self.ends.iter().enumerate() {
            if end >= latest {
                (latest, at) = (end, t as u32);
            }
        }
        for &(d, m) in &self.table.wanted {
            let end = self.valid[d as usize * self.table.memories + m as usize];
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
        if self.build_end[build] == NONE {
            let start = self.build_free[p];
            let end = start.saturating_add(self.table.build_ns[t * self.table.processors + p]);
            self.build_free[p] = end;
            self.build_end[build] = end;
            if RECORD {
                let key = self.table.builds[build].key;
                self.record.builds.push(Build { start, end, processor: p, key });
            }
        }
        self.build_end[build]
    }

    /// Makes a datum valid in a memory over the links that get it there first, and returns since when it is.
    fn bring<const RECORD: bool>(&mut self, d: usize, m: usize) -> Result<u64, Infeasible> {
        let memories = self.table.memories;
        if self.valid[d * memories + m] != NONE {
            return Ok(self.valid[d * memories + m]);
        }
        if self.best_link(d, m, 0).is_none() {
            // Two hops. There is no loop: into memory 0 only direct links count.
            if m == 0 || self.valid[d * memories] != NONE || self.best_link(d, 0, 0).is_none() {
                return Err(Infeasible::Route { datum: d, memory: m });
            }
            self.hop::<RECORD>(d, 0)?;
        }
        self.hop::<RECORD>(d, m)
    }

    /// One copy into a memory.
    fn hop<const RECORD: bool>(&mut self, d: usize, m: usize) -> Result<u64, Infeasible> {
        let after = if self.space.is_some() { self.make_room::<RECORD>(m, self.table.bytes[d])? } else { 0 };
        let Some((start, link)) = self.best_link(d, m, after) else {
            return Err(Infeasible::Route { datum: d, memory: m });
        };
        let ns = self.table.copy(d, link);
        let cell = self.table.links[link];
        if cell.engine != NO {
            self.engines[cell.engine as usize].book(start, ns);
        }
        if cell.blocked != NO {
            self.busy[cell.blocked as usize].book(start, blocked_ns(ns, cell.blocks));
        }
        let end = start.saturating_add(ns);
        self.valid[d * self.table.memories + m] = end;
        if let Some(space) = &mut self.space {
            space.used_by_copy(&self.table, d, cell.from as usize, m, end);
        }
        if RECORD {
            self.record.copies.push(Copy { start, end, datum: d, link });
        }
        Ok(end)
    }

    /// The link that makes a datum valid in a memory first, with the start of the copy, not before `after`.
    fn best_link(&self, d: usize, m: usize, after: u64) -> Option<(u64, usize)> {
        let row = &self.valid[d * self.table.memories..][..self.table.memories];
        let mut best: Option<(u64, u64, usize)> = None;
        for &l in self.table.into.get(m)? {
            let l = l as usize;
            let ready = row[self.table.links[l].from as usize];
            if ready == NONE {
                continue;
            }
            let start = self.copy_start(l, ready.max(after), self.table.copy(d, l));
            let end = start.saturating_add(self.table.copy(d, l));
            if best.is_none_or(|(e, ..)| end < e) {
                best = Some((end, start, l));
            }
        }
        best.map(|(_, start, l)| (start, l))
    }

    /// The earliest start of a copy, not before `ready`.
    fn copy_start(&self, link: usize, ready: u64, ns: u64) -> u64 {
        let cell = self.table.links[link];
        let mut start = ready;
        loop {
            let mut next = start;
            if cell.engine != NO {
                next = self.engines[cell.engine as usize].fit(next, ns);
            }
            if cell.blocked == NO {
                return next;
            }
            let queue = cell.blocked as usize;
            next = self.busy[queue].fit(next, blocked_ns(ns, cell.blocks));
            if next == start {
                return next;
            }
            start = next;
        }
    }

    /// The final copies, those that can start first first. Returns when the last one is done.
    fn deliver<const RECORD: bool>(&mut self) -> Result<u64, Infeasible> {
        let memories = self.table.memories;
        let mut missing = std::mem::take(&mut self.missing);
        missing.clear();
        let mut last = 0;
        for &(d, m) in &self.table.wanted {
            let row = &self.valid[d as usize * memories..][..memories];
            if row[m as usize] == NONE {
                missing.push((row.iter().copied().min().unwrap_or(NONE), d));
            } else {
                last = last.max(row[m as usize]);
            }
        }
        missing.sort_unstable();
        if let Some(space) = &mut self.space {
            space.begin_delivery();
        }
        for &(_, d) in &missing {
            let at = self.table.wanted.partition_point(|&(e, _)| e < d);
            let m = self.table.wanted[at].1 as usize;
            if let Some(space) = &mut self.space {
                space.pin(d as usize, true);
            }
            match self.bring::<RECORD>(d as usize, m) {
                Ok(end) => last = last.max(end),
                Err(why) => {
                    self.missing = missing;
                    return Err(why);
                }
            }
            if let Some(space) = &mut self.space {
                space.pin(d as usize, false);
            }
        }
        self.missing = missing;
        Ok(last)
    }

    pub(super) fn give_up<const RECORD: bool>(&mut self, d: usize, m: usize, at: u64) {
        self.valid[d * self.table.memories + m] = NONE;
        if RECORD {
            self.record.evictions.push(Eviction { at, datum: d, memory: m });
        }
    }

    /// Copies a datum to memory 0 so that it can be given up elsewhere.
    pub(super) fn save<const RECORD: bool>(&mut self, d: usize) -> Result<u64, Infeasible> {
        self.hop::<RECORD>(d, 0)
    }
}
