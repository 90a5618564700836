//! An array while a graph runs: which ranges of it are valid where, and the memory that holds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::device::DeviceBuffer;
use super::host::HostBuffer;
use super::intervals::Intervals;
use super::op::Shape;
use super::store::Store;
use super::tasks::Use;
use crate::planner::work::Place;

/// Device memory for the elements `from..to`, 4 bytes each.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub from: usize,
    pub to: usize,
    pub buffer: DeviceBuffer,
    /// Whose commands that were submitted, or are done, have written what. Commands behind them may read it.
    pub valid: Intervals,
}

/// An array of the caller's graph during a run.
#[derive(Debug)]
pub(super) struct Array {
    pub name: String,
    pub shape: Shape,
    /// Elements that count; `None` until the filter that makes it is done.
    pub len: Option<usize>,
    pub dynamic: bool,
    /// The caller gave it; it is never written.
    pub store: Option<Arc<Store>>,
    pub wanted: Option<Place>,
    /// Allocated whole at the first write: windows of it are written by several lanes.
    pub host: Option<Arc<HostBuffer>>,
    pub host_valid: Intervals,
    /// On the way from a device.
    pub arriving: Intervals,
    pub gpus: BTreeMap<u32, Vec<Segment>>,
}

impl Array {
    /// The elements of a use.
    pub(super) fn range(&self, window: Option<(usize, usize)>) -> (usize, usize) {
        let len = self.len.unwrap_or(self.shape.len);
        window.map_or((0, len), |(from, to)| (from.min(len), to.min(len)))
    }

    /// Whether the host has all of a range.
    pub(super) fn on_host(&self, u: &Use) -> bool {
        let (from, to) = self.range(u.window);
        self.len.is_some() && self.host_valid.covers(from, to)
    }

    /// Whether a GPU has all of a range, in one buffer or several.
    pub(super) fn on_gpu(&self, gpu: u32, u: &Use) -> bool {
        let (from, to) = self.range(u.window);
        self.len.is_some() && self.gpu_valid(gpu).covers(from, to)
    }

    /// Whether a GPU and the host together have all of a range: then the GPU's lane can complete it.
    pub(super) fn within_reach(&self, gpu: u32, u: &Use) -> bool {
        let (from, to) = self.range(u.window);
        let mut both = self.gpu_valid(gpu);
        self.host_valid.ranges().iter().for_each(|&(a, b)| both.add(a, b));
        self.len.is_some() && both.covers(from, to)
    }

    /// Whether some place has each element of a range.
    pub(super) fn anywhere(&self, u: &Use) -> bool {
        let (from, to) = self.range(u.window);
        let mut all = self.host_valid.clone();
        for gpu in self.gpus.keys() {
            self.gpu_valid(*gpu).ranges().iter().for_each(|&(a, b)| all.add(a, b));
        }
        self.len.is_some() && all.covers(from, to)
    }

    /// What a GPU has.
    pub(super) fn gpu_valid(&self, gpu: u32) -> Intervals {
        let mut valid = Intervals::default();
        for segment in self.gpus.get(&gpu).into_iter().flatten() {
            segment.valid.ranges().iter().for_each(|&(a, b)| valid.add(a, b));
        }
        valid
    }

    /// Host memory for the whole array.
    pub(super) fn host_buffer(&mut self) -> Arc<HostBuffer> {
        let shape = self.shape;
        Arc::clone(self.host.get_or_insert_with(|| Arc::new(HostBuffer::zeroed(shape.ty, shape.len))))
    }

    /// A range has no value any more (its task is done again).
    pub(super) fn invalidate(&mut self, window: Option<(usize, usize)>) {
        let (from, to) = window.unwrap_or((0, self.shape.len));
        self.host_valid.remove(from, to);
        self.arriving.remove(from, to);
        for segment in self.gpus.values_mut().flatten() {
            segment.valid.remove(from, to);
        }
        if self.dynamic {
            self.len = None;
        }
    }

    /// Gives all memory back; nobody needs it.
    pub(super) fn release(&mut self) {
        self.host = None;
        self.host_valid = Intervals::default();
        self.gpus.clear();
    }
}
