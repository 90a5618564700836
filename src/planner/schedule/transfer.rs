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
        if !self.can_hop(d, m) {
            // Two hops. There is no loop: into memory 0 only direct links count.
            if m == 0 || self.state.valid[d * memories] != NONE || !self.can_hop(d, 0) {
                return Err(Infeasible::Route { datum: d, memory: m });
            }
            self.hop::<RECORD>(d, 0)?;
        }
        self.hop::<RECORD>(d, m)
    }

    /// Whether a link leads into a memory from one where the datum is valid.
    fn can_hop(&self, d: usize, m: usize) -> bool {
        let row = &self.state.valid[d * self.table.memories..][..self.table.memories];
        self.table
            .into
            .get(m)
            .is_some_and(|into| into.iter().any(|&l| row[self.table.links[l as usize].from as usize] != NONE))
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
            self.state.stall(cell.blocked as usize, start, blocked_ns(ns, cell.blocks));
        }
        let end = start.saturating_add(ns);
        self.state.valid[d * self.table.memories + m] = end;
        if let Some(space) = &mut self.space {
            space.used_by_copy(&self.table, &self.state.valid, d, cell.from as usize, m, end);
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
            let cell = self.table.links[l];
            let ready = row[cell.from as usize];
            if ready == NONE {
                continue;
            }
            let ns = self.table.copy(d, l);
            let ready = ready.max(after);
            let start = if cell.engine == NO { ready } else { self.state.engines[cell.engine as usize].fit(ready, ns) };
            let end = start.saturating_add(ns);
            if best.is_none_or(|(e, ..)| end < e) {
                best = Some((end, start, l));
            }
        }
        best.map(|(_, start, l)| (start, l))
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
