//! Where a simulation is, and snapshots of that: a search changes a list somewhere and simulates from there.

use super::lane::Lane;
use super::simulate::Simulator;
use super::table::{NONE, Table};

/// Where a simulation is.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// When each processor is done with what was placed there, stalls included.
    pub(super) free: Vec<u64>,
    /// Idle times before that, ascending, of processors that copies can stall; some are empty.
    pub(super) idle: Vec<Vec<(u64, u64)>>,
    pub(super) engines: Vec<Lane>,
    /// Datum × memory: since when it is valid; [`NONE`]: it is not.
    pub(super) valid: Vec<u64>,
    pub(super) ends: Vec<u64>,
    pub(super) build_free: Vec<u64>,
    pub(super) build_end: Vec<u64>,
    pub(super) makespan: u64,
}

impl State {
    pub(super) fn new(table: &Table) -> State {
        State {
            free: table.ready.clone(),
            idle: vec![Vec::new(); table.processors],
            engines: vec![Lane::default(); table.engines],
            valid: table.initial.clone(),
            ends: vec![NONE; table.tasks],
            build_free: vec![0; table.processors],
            build_end: vec![NONE; table.builds.len()],
            makespan: 0,
        }
    }

    /// As `clone_from`, but no buffer is new.
    pub(super) fn copy_from(&mut self, other: &State) {
        self.free.copy_from_slice(&other.free);
        self.idle.clone_from(&other.idle);
        self.engines.clone_from(&other.engines);
        self.valid.copy_from_slice(&other.valid);
        self.ends.copy_from_slice(&other.ends);
        self.build_free.copy_from_slice(&other.build_free);
        self.build_end.copy_from_slice(&other.build_end);
        self.makespan = other.makespan;
    }

    /// Takes `ns` from a queue, not before `from`: first from the times when it is idle, then from its end on.
    pub(super) fn stall(&mut self, queue: usize, from: u64, mut ns: u64) {
        let idle = &mut self.idle[queue];
        let first = idle.partition_point(|&(_, to)| to <= from);
        let mut i = first;
        while ns > 0 && i < idle.len() {
            let (start, end) = idle[i];
            let begin = start.max(from);
            let taken = ns.min(end - begin);
            ns -= taken;
            if begin > start {
                idle[i].1 = begin;
                if begin + taken < end {
                    idle.insert(i + 1, (begin + taken, end));
                }
            } else {
                idle[i].0 = begin + taken;
            }
            i += 1;
        }
        if ns > 0 {
            let start = self.free[queue].max(from);
            self.rest(queue, start);
            self.free[queue] = start.saturating_add(ns);
            self.makespan = self.makespan.max(self.free[queue]);
        }
    }

    /// A queue does nothing from its end until `start`.
    pub(super) fn rest(&mut self, queue: usize, start: u64) {
        if start > self.free[queue] {
            self.idle[queue].push((self.free[queue], start));
        }
    }
}

impl Simulator {
    pub(super) fn take_snapshot(&mut self, position: usize) {
        if self.kept == self.snapshots.len() {
            self.snapshots.push((position, self.state.clone()));
        } else {
            let (at, state) = &mut self.snapshots[self.kept];
            *at = position;
            state.copy_from(&self.state);
        }
        self.kept += 1;
    }

    /// The list or the assignment has changed from this position on.
    pub(super) fn forget(&mut self, from: usize) {
        self.kept = self.snapshots[..self.kept].partition_point(|s| s.0 <= from).max(1);
    }
}
