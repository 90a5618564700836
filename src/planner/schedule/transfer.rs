//! The simulator's copies: which link, when, and what is delivered at the end.

use super::result::{Copy, Infeasible};
use super::simulate::Simulator;
use super::table::{NO, NONE, blocked_ns};

impl Simulator {
    /// Makes a datum valid in a memory over the links that get it there first, and returns since when it is.
    pub(super) fn bring<const RECORD: bool>(&mut self, d: usize, m: usize) -> Result<u64, Infeasible> {
        let memories = self.table.memories;
        if self.state.valid[d * memories + m] != NONE {
            return Ok(self.state.valid[d * memories + m]);
        }
        if self.best_link(d, m, 0).is_none() {
            // Two hops. There is no loop: into memory 0 only direct links count.
            if m == 0 || self.state.valid[d * memories] != NONE || self.best_link(d, 0, 0).is_none() {
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
            self.state.engines[cell.engine as usize].book(start, ns);
        }
        if cell.blocked != NO {
            self.state.busy[cell.blocked as usize].book(start, blocked_ns(ns, cell.blocks));
        }
        let end = start.saturating_add(ns);
        self.state.valid[d * self.table.memories + m] = end;
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
        let row = &self.state.valid[d * self.table.memories..][..self.table.memories];
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
                next = self.state.engines[cell.engine as usize].fit(next, ns);
            }
            if cell.blocked == NO {
                return next;
            }
            let queue = cell.blocked as usize;
            next = self.state.busy[queue].fit(next, blocked_ns(ns, cell.blocks));
            if next == start {
                return next;
            }
            start = next;
        }
    }

    /// The final copies, those that can start first first. Returns when the last one is done.
    pub(super) fn deliver<const RECORD: bool>(&mut self) -> Result<u64, Infeasible> {
        let memories = self.table.memories;
        let mut missing = std::mem::take(&mut self.missing);
        missing.clear();
        let mut last = 0;
        for &(d, m) in &self.table.wanted {
            let row = &self.state.valid[d as usize * memories..][..memories];
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

    /// Copies a datum to memory 0 so that it can be given up elsewhere.
    pub(super) fn save<const RECORD: bool>(&mut self, d: usize) -> Result<u64, Infeasible> {
        self.hop::<RECORD>(d, 0)
    }
}
