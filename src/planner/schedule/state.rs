//! Where a simulation is, and snapshots of that: a search changes a list somewhere and simulates from there.

use super::lane::Lane;
use super::simulate::Simulator;
use super::table::{NONE, Table};

/// Where a simulation is.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// When each processor is done with what was placed there.
    pub(super) free: Vec<u64>,
    /// Runs and blocked times, of processors that copies can block.
    pub(super) busy: Vec<Lane>,
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
        let mut busy = vec![Lane::default(); table.processors];
        for (p, lane) in busy.iter_mut().enumerate().filter(|(p, _)| table.blockable[*p]) {
            lane.book(0, table.ready[p]);
        }
        State {
            free: table.ready.clone(),
            busy,
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
        self.busy.clone_from(&other.busy);
        self.engines.clone_from(&other.engines);
        self.valid.copy_from_slice(&other.valid);
        self.ends.copy_from_slice(&other.ends);
        self.build_free.copy_from_slice(&other.build_free);
        self.build_end.copy_from_slice(&other.build_end);
        self.makespan = other.makespan;
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
