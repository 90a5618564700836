//! Memories with a capacity: what is given up to make room, and from when on the room is there.
//!
//! Bookkeeping follows the list, not the clock. What is placed later in the list than an eviction starts after that
//! eviction's time (`after`), even where there would have been room before. So at any time at most what the list held at
//! one of its positions is there, and that fits.
//!
//! The victim is the datum whose next reader in that memory is farthest in the list (Belady's rule; it is optimal for
//! equal sizes and costs). Copies that are valid elsewhere, or that nobody needs, are dropped; others are copied to
//! memory 0 first. Scratch space stays reserved for its processor until somebody needs the room.
//!
//! Victims come from a heap per memory. A datum's place in it changes where it is read, written, copied or given up, and
//! nowhere else: then it is put in anew, and its older entries are skipped when they surface.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::result::{Infeasible, Schedule};
use super::simulate::Simulator;
use super::table::{NO, NONE, Table};

/// What makes a datum a better victim, in this order: its next reader in the memory is far, nothing must be copied first,
/// its last use is long over, it is large; then the index.
type Rank = (usize, bool, Reverse<u64>, u64, Reverse<usize>);

/// State of all memories, where at least one has a capacity.
#[derive(Clone, Debug)]
pub(super) struct Space {
    /// By task: the memory of its inputs.
    memory: Vec<usize>,
    /// By memory.
    used: Vec<u64>,
    after: Vec<u64>,
    victims: Vec<BinaryHeap<(Rank, u32)>>,
    /// Datum × memory: which of its entries among the victims holds.
    version: Vec<u32>,
    /// Entries that must wait, while a victim is looked for.
    aside: Vec<(Rank, u32)>,
    /// Positions and memories of the readers of each datum, in list order; a datum's begin at `first[datum]`, and those
    /// before `next[datum]` are placed.
    uses: Vec<(usize, usize)>,
    first: Vec<usize>,
    next: Vec<usize>,
    /// By datum: the memory where it is wanted, or [`NO`].
    wanted: Vec<u32>,
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
        if table.capacity.iter().all(Option::is_none) {
            return None;
        }
        let data = table.bytes.len();
        let mut wanted = vec![NO; data];
        for &(d, m) in &table.wanted {
            wanted[d as usize] = m;
        }
        let mut first = vec![0; data + 1];
        for t in 0..table.tasks {
            for &d in table.reads.row(t) {
                first[d as usize + 1] += 1;
            }
        }
        for d in 0..data {
            first[d + 1] += first[d];
        }
        Some(Space {
            memory: vec![0; table.tasks],
            used: vec![0; table.memories],
            after: vec![0; table.memories],
            victims: vec![BinaryHeap::new(); table.memories],
            version: vec![0; table.initial.len()],
            aside: Vec::new(),
            uses: vec![(0, 0); first[data]],
            next: vec![0; data],
            first,
            wanted,
            last_use: vec![0; table.initial.len()],
            scratch: vec![0; table.processors],
            scratch_end: vec![0; table.processors],
            pinned: vec![usize::MAX; data],
            now: 0,
            delivering: false,
        })
    }

    pub(super) fn reset(&mut self, table: &Table, assignment: &[usize], order: &[usize]) -> Result<(), Infeasible> {
        let data = table.bytes.len();
        self.next.copy_from_slice(&self.first[..data]);
        let mut seen = 0;
        for (position, &t) in order.iter().enumerate() {
            let p = *assignment.get(t).ok_or(Infeasible::Incomplete)?;
            if p >= table.processors {
                return Err(Infeasible::Processor { task: t, processor: p });
            }
            self.memory[t] = table.cell(t, p).memory as usize;
            for &d in table.reads.row(t) {
                let next = &mut self.next[d as usize];
                // A list that names a task twice is refused when it is placed.
                if *next == self.first[d as usize + 1] {
                    return Err(Infeasible::Incomplete);
                }
                self.uses[*next] = (position, self.memory[t]);
                *next += 1;
                seen += 1;
            }
        }
        if seen != self.uses.len() {
            return Err(Infeasible::Incomplete);
        }
        self.next.copy_from_slice(&self.first[..data]);
        self.used.fill(0);
        self.after.fill(0);
        self.last_use.fill(0);
        self.scratch.fill(0);
        self.scratch_end.fill(0);
        self.pinned.fill(usize::MAX);
        self.version.fill(0);
        self.now = 0;
        self.delivering = false;
        for m in 0..table.memories {
            self.victims[m].clear();
            for d in 0..data {
                if table.initial[d * table.memories + m] == 0 {
                    self.used[m] = self.used[m].saturating_add(table.bytes[d]);
                    self.enter(table, &table.initial, d, m);
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
        self.now = self.memory.len();
        self.delivering = true;
    }

    /// What is on its way must not lose its source.
    pub(super) fn pin(&mut self, d: usize, pinned: bool) {
        self.pinned[d] = if pinned { self.now } else { usize::MAX };
    }

    pub(super) fn used_by_run(&mut self, table: &Table, valid: &[u64], t: usize, p: usize, m: usize, end: u64) {
        for &d in table.reads.row(t) {
            let d = d as usize;
            let last = &mut self.last_use[d * table.memories + m];
            *last = (*last).max(end);
            self.next[d] += 1;
            self.enter(table, valid, d, m);
        }
        for &d in table.writes.row(t) {
            self.last_use[d as usize * table.memories + m] = end;
            self.enter(table, valid, d as usize, m);
        }
        self.scratch_end[p] = end;
    }

    /// A copy has made a datum valid in `to`.
    pub(super) fn used_by_copy(&mut self, table: &Table, valid: &[u64], d: usize, from: usize, to: usize, end: u64) {
        let last = &mut self.last_use[d * table.memories + from];
        *last = (*last).max(end);
        self.last_use[d * table.memories + to] = end;
        self.enter_all(table, valid, d);
    }

    /// A datum is no longer in a memory.
    fn leave(&mut self, table: &Table, valid: &[u64], d: usize, m: usize) {
        self.version[d * table.memories + m] += 1;
        self.enter_all(table, valid, d);
    }

    fn enter_all(&mut self, table: &Table, valid: &[u64], d: usize) {
        for m in 0..table.memories {
            if valid[d * table.memories + m] != NONE {
                self.enter(table, valid, d, m);
            }
        }
    }

    /// Puts a datum that is in a memory among its victims, where it belongs now.
    fn enter(&mut self, table: &Table, valid: &[u64], d: usize, m: usize) {
        if table.capacity[m].is_none() {
            return;
        }
        let uses = &self.uses[self.next[d]..self.first[d + 1]];
        let wanted_here = self.wanted[d] == m as u32;
        // "Wanted here" comes after all tasks.
        let end = if wanted_here { self.memory.len() } else { usize::MAX };
        let next = uses.iter().find(|u| u.1 == m).map_or(end, |u| u.0);
        let needed = !uses.is_empty() || self.wanted[d] != NO;
        let row = &valid[d * table.memories..][..table.memories];
        let copy = needed && row.iter().enumerate().all(|(i, &v)| i == m || v == NONE);
        let at = d * table.memories + m;
        self.version[at] += 1;
        let rank = (next, !copy, Reverse(self.last_use[at]), table.bytes[d], Reverse(d));
        self.victims[m].push((rank, self.version[at]));
    }

    /// What goes next, the position of its next reader, and whether a copy is needed first. It stays among the victims
    /// until it [leaves](Self::leave). `None`: nothing can go.
    fn victim(&mut self, table: &Table, m: usize) -> Option<(usize, usize, bool)> {
        let mut found = None;
        while let Some(&entry) = self.victims[m].peek() {
            let ((next, drop, _, _, Reverse(d)), version) = entry;
            let holds = version == self.version[d * table.memories + m];
            let stays = self.pinned[d] == self.now || (!drop && m == 0);
            // What is delivered where it is wanted never goes again.
            let delivered = self.delivering && next == self.memory.len();
            if holds && !stays && !delivered {
                found = Some((d, next, !drop));
                break;
            }
            self.victims[m].pop();
            if holds && stays {
                self.aside.push(entry);
            }
        }
        self.victims[m].extend(self.aside.drain(..));
        found
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
            let victim = space.victim(&self.table, m);
            if !matches!(victim, Some((_, usize::MAX, false))) {
                let homes = &self.table.home;
                let held = (0..homes.len()).find(|&p| homes[p] == m && Some(p) != keep && space.scratch[p] > 0);
                if let Some(p) = held {
                    space.used[m] -= std::mem::take(&mut space.scratch[p]);
                    space.after[m] = space.after[m].max(space.scratch_end[p]);
                    continue;
                }
            }
            let Some((d, _, copy)) = victim else {
                return Err(Infeasible::Memory { memory: m, needed: bytes, capacity });
            };
            if copy {
                self.save::<RECORD>(d)?;
            }
            let Some(space) = self.space.as_deref_mut() else { return Ok(0) };
            space.used[m] -= self.table.bytes[d];
            let at = space.last_use[d * memories + m];
            space.after[m] = space.after[m].max(at);
            self.give_up::<RECORD>(d, m, at);
            if let Some(space) = &mut self.space {
                space.leave(&self.table, &self.state.valid, d, m);
            }
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
