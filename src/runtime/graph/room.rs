//! Makes room in a device's memory: what nobody needs there first, then what is needed last.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};

use super::array::Array;
use super::board::{Board, Progress};
use super::flight::{List, Trip};
use super::gpu::GpuLane;
use super::gpu_task::{Trouble, WORD};
use super::tasks::{Use, What};
use crate::device::{Device, DeviceBuffer};
use crate::planner::task_graph::{DatumId, TaskId};
use crate::planner::timeline::Lane;
use crate::planner::work::Place;

/// How often one task may ask for room before the CPU takes it: each time either frees something or waits for something,
/// but other users of the device may take what it freed.
pub(super) const ATTEMPTS: usize = 1_000;

/// Bytes of a budget that are left for staging.
fn reserve(budget: u64) -> u64 {
    (budget / 16).clamp(64 << 10, 256 << 20)
}

/// Bytes that plans may fill: without what is left for staging, and an eighth of that for status words, counts and the
/// parameters of commands in flight.
pub(super) fn capacity(device: &Device) -> u64 {
    let (budget, reserve) = (device.info().memory_budget, reserve(device.info().memory_budget));
    budget.saturating_sub(reserve + reserve / 8)
}

impl GpuLane<'_> {
    /// Gives back device memory that `task` does not need. `Ok` means that it pays to try again.
    ///
    /// In this order: copies of what is valid elsewhere and read here by no later task; what commands in flight hold, by
    /// waiting for one of them; then the array whose next use here is furthest away in the plan (Belady's rule), which is
    /// downloaded first where this is its only place. The last only if `force`: a copy ahead of time is not worth it.
    pub(super) fn make_room<'b>(
        &'b self,
        mut board: MutexGuard<'b, Board>,
        task: Option<TaskId>,
        force: bool,
    ) -> Result<MutexGuard<'b, Board>, Trouble> {
        let keep: BTreeSet<DatumId> = task.map_or_else(BTreeSet::new, |t| {
            let task = &self.shared.tasks[t];
            task.reads.iter().chain(&task.writes).map(|u| u.array).collect()
        });
        let next = self.next_uses(&board);
        let mut freed = false;
        for (d, next) in next.iter().enumerate() {
            let useless = next.is_none() && board.arrays[d].wanted != Some(Place::Gpu(self.gpu));
            if !keep.contains(&d) && useless && self.drop_copy(&mut board.arrays[d]) {
                freed = true;
            }
        }
        if freed {
            return Ok(board);
        }
        let flew;
        (board, flew) = self.wait_for_one(board)?;
        if flew {
            return Ok(board);
        }
        if !force {
            return Err(Trouble::Cpu("there is no room ahead of time".into()));
        }
        // What this task could not use of its own arrays: segments of other windows of them.
        let mut candidates: Vec<DatumId> =
            (0..board.arrays.len()).filter(|d| !keep.contains(d) && self.holds(&board.arrays[*d])).collect();
        candidates.sort_by_key(|&d| std::cmp::Reverse(next[d].unwrap_or(usize::MAX)));
        for d in candidates {
            if self.drop_copy(&mut board.arrays[d]) {
                let name = board.arrays[d].name.clone();
                board.record.note(format!("`{name}` was evicted from GPU {} for want of memory", self.gpu));
                return Ok(board);
            }
            let valid = board.arrays[d].gpu_valid(self.gpu);
            if valid.is_empty() {
                continue;
            }
            let name = board.arrays[d].name.clone();
            board.record.note(format!("`{name}` was spilled from GPU {} to the host for want of memory", self.gpu));
            for &(from, to) in valid.ranges() {
                board = self.bring_in_parts(board, &Use { array: d, window: Some((from, to)) })?;
            }
            while board.flights.get(&self.gpu).is_some_and(|&(n, _)| n > 0) && board.halt.is_none() {
                board = self.shared.wait_busy(board);
            }
            if board.halt.is_some() {
                return Err(Trouble::Stopped);
            }
            if self.drop_copy(&mut board.arrays[d]) {
                return Ok(board);
            }
        }
        Err(Trouble::Cpu("the device's memory is too small for it".into()))
    }

    /// Memory for longer than a command list. Leaves room for staging: without it nothing could be brought away any more.
    pub(super) fn allocate(&self, bytes: u64) -> Result<DeviceBuffer, Trouble> {
        let taken = self.device.footprint(bytes).saturating_add(self.reserve());
        if taken > self.device.available() {
            return Err(Trouble::Full(bytes));
        }
        Ok(self.device.allocate(bytes)?)
    }

    /// Bytes that are left for staging.
    fn reserve(&self) -> u64 {
        reserve(self.device.info().memory_budget)
    }

    /// Elements of one download, at most.
    pub(super) fn chunk(&self) -> usize {
        (self.reserve() / 2 / WORD) as usize
    }

    /// Brings what the host lacks of a range, in parts that fit the reserve. [`Trouble::Full`] where not even that fits.
    pub(super) fn bring_in_parts<'b>(
        &'b self,
        mut board: MutexGuard<'b, Board>,
        u: &Use,
    ) -> Result<MutexGuard<'b, Board>, Trouble> {
        let (from, to) = board.arrays[u.array].range(u.window);
        let mut at = from;
        while at < to {
            let end = to.min(at + self.chunk());
            let mut list = List::default();
            self.fetch(&mut board, &mut list, u.array, (at, end));
            let copies = Some((Lane::Download(self.gpu), u.array));
            board = match self.fly(board, list, Trip { copies, ..Trip::default() }) {
                Ok(board) => {
                    at = end;
                    board
                }
                Err(Trouble::Full(bytes)) => {
                    let (board, flew) = self.wait_for_one(self.shared.lock())?;
                    if !flew {
                        return Err(Trouble::Full(bytes));
                    }
                    board
                }
                Err(trouble) => return Err(trouble),
            };
        }
        Ok(board)
    }

    /// Waits until one of the commands in flight is done; whether there was one.
    fn wait_for_one<'b>(&'b self, mut board: MutexGuard<'b, Board>) -> Result<(MutexGuard<'b, Board>, bool), Trouble> {
        let before = board.flights.get(&self.gpu).copied().unwrap_or_default();
        if before.0 == 0 {
            return Ok((board, false));
        }
        while board.flights.get(&self.gpu).copied().unwrap_or_default() == before && board.halt.is_none() {
            board = self.shared.wait_busy(board);
        }
        if board.halt.is_some() { Err(Trouble::Stopped) } else { Ok((board, true)) }
    }

    fn holds(&self, array: &Array) -> bool {
        array.gpus.get(&self.gpu).is_some_and(|segments| !segments.is_empty())
    }

    /// Drops what this GPU has of an array, if some other place has all of that.
    pub(super) fn drop_copy(&self, array: &mut Array) -> bool {
        if !self.holds(array) {
            return false;
        }
        let mut elsewhere = array.host_valid.clone();
        for gpu in array.gpus.keys().filter(|gpu| **gpu != self.gpu) {
            array.gpu_valid(*gpu).ranges().iter().for_each(|&(a, b)| elsewhere.add(a, b));
        }
        let here = array.gpu_valid(self.gpu);
        // Elements on their way to the host are read from this memory, but commands keep it alive.
        if !here.ranges().iter().all(|&(a, b)| elsewhere.covers(a, b)) {
            return false;
        }
        if !forgotten(array, self.gpu) {
            return false;
        }
        array.gpus.remove(&self.gpu);
        true
    }

    /// For each array the position in this lane's list where it is used next.
    fn next_uses(&self, board: &Board) -> Vec<Option<usize>> {
        let mut next = vec![None; board.arrays.len()];
        let mut see = |u: &Use, i: usize| {
            next[u.array].get_or_insert(i);
        };
        for (t, progress) in board.tasks.iter().enumerate() {
            // Submitted, but what it writes is not safe elsewhere yet.
            if *progress == Progress::Submitted(self.gpu) || *progress == Progress::Running {
                self.shared.tasks[t].writes.iter().for_each(|u| see(u, 0));
            }
        }
        for (i, step) in board.lanes.get(&Place::Gpu(self.gpu)).into_iter().flatten().enumerate() {
            match step.what {
                What::Run(t) => {
                    let task = &self.shared.tasks[t];
                    task.reads.iter().chain(&task.writes).for_each(|u| see(u, i));
                }
                What::Ensure(u, Place::Cpu) => see(&u, i),
                What::Ensure(..) | What::Evict(..) => {}
            }
        }
        next
    }
}

/// Has an input's store give up its copy on a GPU too, so that the memory is free; `false` if it has no other one.
pub(super) fn forgotten(array: &Array, gpu: u32) -> bool {
    let Some(store) = &array.store else { return true };
    if let Some(host) = array.host.as_ref().filter(|_| array.on_host(&Use { array: 0, window: None })) {
        // This run fetched it.
        store.remember_host(Arc::clone(host));
    }
    store.forget(gpu)
}
