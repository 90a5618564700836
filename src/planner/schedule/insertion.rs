//! List scheduling with insertion: a task goes into the earliest gap of a processor that is long enough. What HEFT and
//! PEFT share.

use super::lane::Lane;
use super::result::Draft;
use super::table::{NO, NONE, Table};

/// A schedule in the making. Tasks come after those that they need; memory capacities and blocked queues are left to the
/// simulator.
pub(super) struct Insertion<'a> {
    table: &'a Table,
    processors: Vec<Lane>,
    engines: Vec<Lane>,
    valid: Vec<u64>,
    ends: Vec<u64>,
    starts: Vec<u64>,
    build_free: Vec<u64>,
    build_end: Vec<u64>,
    assignment: Vec<usize>,
    missing: Vec<(u64, usize)>,
    tails: Vec<u64>,
}

impl<'a> Insertion<'a> {
    pub(super) fn new(table: &'a Table) -> Insertion<'a> {
        let mut processors = vec![Lane::default(); table.processors];
        for (lane, &ready) in processors.iter_mut().zip(&table.ready) {
            lane.book(0, ready);
        }
        Insertion {
            table,
            processors,
            engines: vec![Lane::default(); table.engines],
            valid: table.initial.clone(),
            ends: vec![0; table.tasks],
            starts: vec![0; table.tasks],
            build_free: vec![0; table.processors],
            build_end: vec![NONE; table.builds.len()],
            assignment: vec![0; table.tasks],
            missing: Vec::new(),
            tails: vec![0; table.engines],
        }
    }

    /// Where the task would start and end on a processor; `None`: it cannot run there. Its copies wait for those that are
    /// booked, and for each other.
    pub(super) fn estimate(&mut self, t: usize, p: usize) -> Option<(u64, u64)> {
        let table = self.table;
        let cell = table.cell(t, p);
        if cell.ns == NONE {
            return None;
        }
        let mut ready = table.preds.row(t).iter().map(|&u| self.ends[u as usize]).max().unwrap_or(0);
        if cell.build != NO {
            let done = self.build_end[cell.build as usize];
            ready = ready.max(if done == NONE {
                self.build_free[p].saturating_add(table.build_ns[t * table.processors + p])
            } else {
                done
            });
        }
        let m = cell.memory as usize;
        self.collect_missing(t, m, &mut ready);
        self.tails.fill(0);
        for i in 0..self.missing.len() {
            let d = self.missing[i].1;
            let (start, ns, link) = self.best_copy(d, m)?;
            let engine = table.links[link].engine;
            if engine != NO {
                self.tails[engine as usize] = start.saturating_add(ns);
            }
            ready = ready.max(start.saturating_add(ns));
        }
        let start = self.processors[p].fit(ready, cell.ns);
        Some((start, start.saturating_add(cell.ns)))
    }

    /// Puts the task there. It can run there.
    pub(super) fn place(&mut self, t: usize, p: usize) {
        let table = self.table;
        let cell = table.cell(t, p);
        let mut ready = table.preds.row(t).iter().map(|&u| self.ends[u as usize]).max().unwrap_or(0);
        if cell.build != NO {
            let done = &mut self.build_end[cell.build as usize];
            if *done == NONE {
                self.build_free[p] = self.build_free[p].saturating_add(table.build_ns[t * table.processors + p]);
                *done = self.build_free[p];
            }
            ready = ready.max(*done);
        }
        let m = cell.memory as usize;
        self.collect_missing(t, m, &mut ready);
        self.tails.fill(0);
        for i in 0..self.missing.len() {
            let d = self.missing[i].1;
            let Some((start, ns, link)) = self.best_copy(d, m) else { continue };
            let engine = table.links[link].engine;
            if engine != NO {
                self.engines[engine as usize].book(start, ns);
            }
            self.valid[d * table.memories + m] = start.saturating_add(ns);
            let from = table.links[link].from as usize;
            if self.valid[d * table.memories + from] == NONE {
                // Two hops: the first is not booked, but where it leads the datum is valid now.
                self.valid[d * table.memories + from] = start;
            }
            ready = ready.max(start.saturating_add(ns));
        }
        let start = self.processors[p].fit(ready, cell.ns);
        self.processors[p].book(start, cell.ns);
        self.assignment[t] = p;
        self.starts[t] = start;
        self.ends[t] = start.saturating_add(cell.ns);
        for &d in table.writes.row(t) {
            self.valid[d as usize * table.memories + m] = start.saturating_add(cell.ns);
        }
    }

    /// The assignment, and the tasks by start.
    pub(super) fn finish(self) -> Draft {
        let mut order: Vec<usize> = (0..self.table.tasks).collect();
        order.sort_unstable_by_key(|&t| (self.starts[t], self.ends[t], t));
        Draft { assignment: self.assignment, order }
    }

    fn collect_missing(&mut self, t: usize, m: usize, ready: &mut u64) {
        self.missing.clear();
        for &d in self.table.reads.row(t) {
            let row = &self.valid[d as usize * self.table.memories..][..self.table.memories];
            if row[m] == NONE {
                self.missing.push((row.iter().copied().min().unwrap_or(NONE), d as usize));
            } else {
                *ready = (*ready).max(row[m]);
            }
        }
        self.missing.sort_unstable();
    }

    /// Start and time of the last hop, and its link.
    fn best_copy(&self, d: usize, m: usize) -> Option<(u64, u64, usize)> {
        let table = self.table;
        let row = &self.valid[d * table.memories..][..table.memories];
        let mut best: Option<(u64, u64, usize)> = None;
        for two_hops in [false, true] {
            for &l in &table.into[m] {
                let l = l as usize;
                let from = table.links[l].from as usize;
                let mut ready = row[from];
                if two_hops && from == 0 {
                    let hops = table.into[0].iter().map(|&k| k as usize);
                    let hops = hops.filter(|&k| row[table.links[k].from as usize] != NONE);
                    ready = hops
                        .map(|k| row[table.links[k].from as usize].saturating_add(table.copy(d, k)))
                        .min()
                        .unwrap_or(NONE);
                }
                if ready == NONE {
                    continue;
                }
                let ns = table.copy(d, l);
                let engine = table.links[l].engine;
                let start = if engine == NO {
                    ready
                } else {
                    self.engines[engine as usize].fit(ready.max(self.tails[engine as usize]), ns)
                };
                if best.is_none_or(|(s, n, _)| start.saturating_add(ns) < s.saturating_add(n)) {
                    best = Some((start, ns, l));
                }
            }
            if best.is_some() {
                break;
            }
        }
        best
    }
}
