//! Memories with a capacity: what is given up to make room, and from when on the room is there.
//!
//! Bookkeeping follows the list, not the clock. What is placed later in the list than an eviction starts after that
//! eviction's time (`after`), even where there would have been room before. So at any time at most what the list held at
//! one of its positions is there, and that fits.
//!
//! The victim is the datum whose next reader in that memory is farthest in the list (Belady's rule; it is optimal for
//! equal sizes and costs). Copies that are valid elsewhere, or that nobody needs, are dropped; others are copied to
//! memory 0 first. Scratch space stays reserved for its processor until somebody needs the room.

use super::result::{Infeasible, Schedule};
use super::simulate::Simulator;
use super::table::{NONE, Table};

/// State of all memories, where at least one has a capacity.
#[derive(Clone, Debug)]
pub(super) struct Space {
    /// By task: its position in the list, and the memory of its inputs.
    position: Vec<usize>,
    memory: Vec<usize>,
    /// By memory.
    used: Vec<u64>,
    after: Vec<u64>,
    resident: Vec<Vec<u32>>,
    /// Datum × memory.
    last_use: Vec<u64>,
    /// By processor: bytes, and the end of the last run.
    scratch: Vec<u64>,
    scratch_end: Vec<u64>,
    /// By datum: the position at which it must stay.
    pinned: Vec<usize>,
    now: usize,
    delivering: bool,
}

impl Space {
    pub(super) fn new(table: &Table) -> Option<Space> {
        table.capacity.iter().any(Option::is_some).then(|| Space {
            position: vec![0; table.tasks],
            memory: vec![0; table.tasks],
            used: vec![0; table.memories],
            after: vec![0; table.memories],
            resident: vec![Vec::new(); table.memories],
            last_use: vec![0; table.initial.len()],
            scratch: vec![0; table.processors],
            scratch_end: vec![0; table.processors],
            pinned: vec![usize::MAX; table.bytes.len()],
            now: 0,
            delivering: false,
        })
    }

    pub(super) fn reset(&mut self, table: &Table, assignment: &[usize], order: &[usize]) -> Result<(), Infeasible> {
        for (position, &t) in order.iter().enumerate() {
            let p = *assignment.get(t).ok_or(Infeasible::Incomplete)?;
            if p >= table.processors {
                return Err(Infeasible::Processor { task: t, processor: p });
            }
            self.position[t] = position;
            self.memory[t] = table.cell(t, p).memory as usize;
        }
        self.used.fill(0);
        self.after.fill(0);
        self.last_use.fill(0);
        self.scratch.fill(0);
        self.scratch_end.fill(0);
        self.pinned.fill(usize::MAX);
        self.delivering = false;
        for m in 0..table.memories {
            self.resident[m].clear();
            for d in 0..table.bytes.len() {
                if table.initial[d * table.memories + m] == 0 {
                    self.resident[m].push(d as u32);
                    self.used[m] = self.used[m].saturating_add(table.bytes[d]);
                }
            }
            if let Some(capacity) = table.capacity[m].filter(|&c| c < self.used[m]) {
                return Err(Infeasible::Memory { memory: m, needed: self.used[m], capacity });
            }
        }
        Ok(())
    }

    /// A task is about to be placed: what it reads and writes stays.
    pub(super) fn begin(&mut self, table: &Table, t: usize, position: usize) {
        self.now = position;
        for &d in table.reads.row(t).iter().chain(table.writes.row(t)) {
            self.pinned[d as usize] = position;
        }
    }

    /// All tasks are placed: what is where it is wanted stays.
    pub(super) fn begin_delivery(&mut self) {
        self.now = self.position.len();
        self.delivering = true;
    }

    /// What is on its way must not lose its source.
    pub(super) fn pin(&mut self, d: usize, pinned: bool) {
        self.pinned[d] = if pinned { self.now } else { usize::MAX };
    }

    pub(super) fn used_by_run(&mut self, table: &Table, t: usize, p: usize, m: usize, end: u64) {
        for &d in table.reads.row(t) {
            let last = &mut self.last_use[d as usize * table.memories + m];
            *last = (*last).max(end);
        }
        for &d in table.writes.row(t) {
            self.last_use[d as usize * table.memories + m] = end;
            self.resident[m].push(d);
        }
        self.scratch_end[p] = end;
    }

    pub(super) fn used_by_copy(&mut self, table: &Table, d: usize, from: usize, to: usize, end: u64) {
        let last = &mut self.last_use[d * table.memories + from];
        *last = (*last).max(end);
        self.last_use[d * table.memories + to] = end;
        self.resident[to].push(d as u32);
    }

    /// The position of the next reader of a datum in a memory, and whether giving it up there needs a copy first.
    fn outlook(&self, table: &Table, valid: &[u64], d: usize, m: usize) -> (usize, bool) {
        let (mut next, mut needed) = (usize::MAX, false);
        for &r in table.readers.row(d) {
            let r = r as usize;
            if self.position[r] >= self.now {
                needed = true;
                if self.memory[r] == m {
                    next = next.min(self.position[r]);
                }
            }
        }
        if let Ok(at) = table.wanted.binary_search_by_key(&(d as u32), |w| w.0) {
            needed = true;
            if table.wanted[at].1 as usize == m {
                next = next.min(self.position.len());
            }
        }
        let row = &valid[d * table.memories..][..table.memories];
        let elsewhere = row.iter().enumerate().any(|(i, &v)| i != m && v != NONE);
        (next, needed && !elsewhere)
    }

    /// What goes next: the index in the memory's list, and whether a copy is needed first. `None`: nothing can go.
    fn victim(&self, table: &Table, valid: &[u64], m: usize) -> Option<(usize, usize, bool)> {
        let mut best = None;
        for (i, &d) in self.resident[m].iter().enumerate() {
            let d = d as usize;
            if self.pinned[d] == self.now {
                continue;
            }
            let (next, copy) = self.outlook(table, valid, d, m);
            // While wanted data are delivered, `position.len()` stands for "wanted here".
            if (copy && m == 0) || (self.delivering && next == self.position.len()) {
                continue;
            }
            let free_since = std::cmp::Reverse(self.last_use[d * table.memories + m]);
            let key = (next, !copy, free_since, table.bytes[d], std::cmp::Reverse(d));
            if best.is_none_or(|(k, _)| key > k) {
                best = Some((key, i));
            }
        }
        best.map(|((next, drop, ..), i)| (i, next, !drop))
    }
}

impl Simulator {
    /// Makes room in a memory and books it. Returns from when on the room is there.
    pub(super) fn make_room<const RECORD: bool>(&mut self, m: usize, bytes: u64) -> Result<u64, Infeasible> {
        self.room::<RECORD>(m, bytes, None)
    }

    fn room<const RECORD: bool>(&mut self, m: usize, bytes: u64, keep: Option<usize>) -> Result<u64, Infeasible> {
        let memories = self.table.memories;
        loop {
            let Some(space) = self.space.as_deref_mut() else { return Ok(0) };
            let Some(capacity) = self.table.capacity[m] else { return Ok(0) };
            if space.used[m].saturating_add(bytes) <= capacity {
                space.used[m] += bytes;
                return Ok(space.after[m]);
            }
            let victim = space.victim(&self.table, &self.state.valid, m);
            if !matches!(victim, Some((_, usize::MAX, false))) {
                let homes = &self.table.home;
                let held = (0..homes.len()).find(|&p| homes[p] == m && Some(p) != keep && space.scratch[p] > 0);
                if let Some(p) = held {
                    space.used[m] -= std::mem::take(&mut space.scratch[p]);
                    space.after[m] = space.after[m].max(space.scratch_end[p]);
                    continue;
                }
            }
            let Some((i, _, copy)) = victim else {
                return Err(Infeasible::Memory { memory: m, needed: bytes, capacity });
            };
            let d = space.resident[m][i] as usize;
            if copy {
                self.save::<RECORD>(d)?;
            }
            let Some(space) = self.space.as_deref_mut() else { return Ok(0) };
            space.resident[m].swap_remove(i);
            space.used[m] -= self.table.bytes[d];
            let at = space.last_use[d * memories + m];
            space.after[m] = space.after[m].max(at);
            self.give_up::<RECORD>(d, m, at);
        }
    }

    /// Room for what a task writes, and for its scratch space.
    pub(super) fn make_room_for_run<const RECORD: bool>(
        &mut self,
        t: usize,
        p: usize,
        m: usize,
        scratch: u64,
    ) -> Result<u64, Infeasible> {
        let bytes = self.table.writes.row(t).iter().map(|&d| self.table.bytes[d as usize]).sum();
        let mut after = if bytes > 0 { self.room::<RECORD>(m, bytes, None)? } else { 0 };
        let reserved = self.space.as_ref().map_or(0, |s| s.scratch[p]);
        if scratch > reserved {
            let home = self.table.home[p];
            after = after.max(self.room::<RECORD>(home, scratch - reserved, Some(p))?);
            if let Some(space) = &mut self.space {
                space.scratch[p] = scratch;
            }
        }
        Ok(after)
    }
}

/// The most bytes in each memory at one time. `O((tasks + copies) log)`.
pub(super) fn peaks(table: &Table, schedule: &Schedule) -> Vec<u64> {
    let mut changes: Vec<(u64, usize, i128)> = Vec::new();
    let bytes = |d: u32| i128::from(table.bytes[d as usize]);
    for (d, &size) in table.bytes.iter().enumerate() {
        for m in 0..table.memories {
            if table.initial[d * table.memories + m] == 0 {
                changes.push((0, m, i128::from(size)));
            }
        }
    }
    for (t, &(start, end)) in schedule.runs.iter().enumerate() {
        let p = schedule.assignment[t];
        let cell = table.cell(t, p);
        let written: i128 = table.writes.row(t).iter().map(|&d| bytes(d)).sum();
        changes.push((start, cell.memory as usize, written));
        if cell.scratch > 0 && end > start {
            changes.push((start, table.home[p], i128::from(cell.scratch)));
            changes.push((end, table.home[p], -i128::from(cell.scratch)));
        }
    }
    for copy in &schedule.copies {
        changes.push((copy.start, table.links[copy.link].to as usize, bytes(copy.datum as u32)));
    }
    for eviction in &schedule.evictions {
        changes.push((eviction.at, eviction.memory, -bytes(eviction.datum as u32)));
    }
    // What is freed at a time is free for what starts then.
    changes.sort_unstable();
    let (mut now, mut peak) = (vec![0i128; table.memories], vec![0i128; table.memories]);
    for (_, m, change) in changes {
        now[m] += change;
        peak[m] = peak[m].max(now[m]);
    }
    peak.into_iter().map(|b| u64::try_from(b).unwrap_or(u64::MAX)).collect()
}
