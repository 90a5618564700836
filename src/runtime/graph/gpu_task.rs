//! Turns a task into commands: inputs that are not on the device yet, dispatches over windows, what comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::array::Segment;
use super::board::{Board, Shared};
use super::cpu_node::Window;
use super::error::RunError;
use super::flight::{Bound, Filled, List, Owned, Target};
use super::gpu::GpuLane;
use super::intervals::Intervals;
use super::op::{Form, Node, Op, Shape};
use super::tasks::{NodeUse, Use};
use crate::device::{DeviceBuffer, DeviceError, Kind};
use crate::kernel::assemble::{self, Checks, Role, TILE, WORKGROUP};
use crate::planner::task_graph::{DatumId, TaskId};
use crate::planner::work::Place;
use crate::runtime::shaders::Prepared;
use crate::runtime::windows;

/// Bytes of an element in device memory.
pub(super) const WORD: u64 = 4;
/// Windows of one binding start at multiples of so many elements: then their inputs (4 bytes each) and partial results
/// (4 bytes per tile) lie at multiples of 256 bytes, which is the largest alignment that a device may ask for.
const SPLIT: u64 = 64 * TILE as u64;

/// Why a list could not be built or handed over.
#[derive(Debug)]
pub(super) enum Trouble {
    /// So many bytes are missing; make room and try again.
    Full(u64),
    /// The CPU is to do it.
    Cpu(String),
    /// The lanes are being stopped.
    Stopped,
    /// The device's error.
    Device(DeviceError),
    /// The run ends.
    Failed(RunError),
}

impl From<DeviceError> for Trouble {
    fn from(error: DeviceError) -> Trouble {
        match error {
            DeviceError::OutOfBudget { needed, .. } => Trouble::Full(needed),
            DeviceError::OutOfMemory { bytes } => Trouble::Full(bytes),
            other => Trouble::Device(other),
        }
    }
}

/// Elements `from..to` of an array in device memory; element `from` is at byte `offset`.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    pub buffer: DeviceBuffer,
    pub offset: u64,
    pub from: usize,
    pub to: usize,
}

impl Slice {
    pub(super) fn len(&self) -> usize {
        self.to - self.from
    }

    /// A part of it as a binding; `None` where a device cannot bind it there.
    fn bind(&self, from: usize, to: usize, alignment: u64) -> Option<Bound> {
        let offset = self.offset + WORD * from.checked_sub(self.from)? as u64;
        let bytes = WORD * (to - from) as u64;
        let fits = offset.is_multiple_of(alignment) && to <= self.to;
        fits.then(|| Bound::Buffer { buffer: self.buffer.clone(), offset, bytes })
    }
}

/// A node as a device does it, for inputs of certain lengths.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub form: Form,
    pub prepared: Arc<Prepared>,
}

/// Finds a node's form and shader. `Err`: why the CPU is to do it.
pub(super) fn ready(shared: &Shared<'_>, lane: &GpuLane<'_>, op: &dyn Op, shapes: &[Shape]) -> Result<Ready, String> {
    let form = op.form(shapes).map_err(|e| e.to_string())?.ok_or("it has no form on devices")?;
    let bounds = form.pipe.stages.iter().any(|s| s.desc.debug);
    let checks = Checks { bounds, loop_budget: lane.device.info().kind == Kind::Software };
    let prepared = shared.runtime.inner.shaders.get(&form.pipe, &form.terminal, checks).map_err(|e| e.to_string())?;
    Ok(Ready { form, prepared })
}

/// Elements that a form writes at most.
fn room_of(form: &Form, n: u64) -> u64 {
    if form.terminal.reduces() { n.div_ceil(u64::from(TILE)) } else { n }
}

impl GpuLane<'_> {
    /// The commands of a task; everything that it reads is on this GPU or the host.
    pub(super) fn build(&self, board: &mut Board, t: TaskId) -> Result<List, Trouble> {
        let task = &self.shared.tasks[t];
        let mut list = List::default();
        let mut locals: BTreeMap<DatumId, Slice> = BTreeMap::new();
        let mut counts: Vec<(DatumId, DeviceBuffer)> = Vec::new();
        for node in &task.nodes {
            let Node::Op(op) = &node.code else {
                return Err(Trouble::Cpu("it cannot be merged".into()));
            };
            let shape = |u: &Use| {
                let array = &board.arrays[u.array];
                Shape { ty: array.shape.ty, len: array.len.unwrap_or(array.shape.len) }
            };
            let shapes: Vec<Shape> = node.inputs.iter().map(shape).collect();
            let ready = ready(self.shared, self, op.as_ref(), &shapes).map_err(Trouble::Cpu)?;
            let local = node.outputs.first().is_some_and(|u| task.locals.contains(&u.array));
            self.node(board, &mut list, &mut locals, &mut counts, (node, &ready, local))?;
        }
        if let Some(status) = list.status.clone() {
            list.download(&status, 0, WORD, Target::Status);
        }
        for (array, buffer) in counts {
            list.download(&buffer, 0, WORD, Target::Count(array));
        }
        for write in &task.writes {
            self.bring_back(board, &mut list, write);
        }
        Ok(list)
    }

    fn node(
        &self,
        board: &mut Board,
        list: &mut List,
        locals: &mut BTreeMap<DatumId, Slice>,
        counts: &mut Vec<(DatumId, DeviceBuffer)>,
        (node, ready, local): (&NodeUse, &Ready, bool),
    ) -> Result<(), Trouble> {
        let form = &ready.form;
        let [output] = node.outputs.as_slice() else {
            return Err(Trouble::Cpu("it has several outputs".into()));
        };
        if form.pipe.buffers.len() != node.inputs.len() {
            return Err(Trouble::Cpu("its form has other inputs".into()));
        }
        let all = form.pipe.space.len();
        let (base, end) = node.window.map_or((0, all), |(from, to)| ((from as u64).min(all), (to as u64).min(all)));
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for (u, buffer) in node.inputs.iter().zip(&form.pipe.buffers) {
            let window = if buffer.whole { None } else { Some((base as usize, end as usize)) };
            inputs.push(match locals.get(&u.array) {
                Some(slice) => slice.clone(),
                None => self.complete(board, list, &Use { array: u.array, window })?,
            });
        }
        let compact = ready.prepared.assembled.roles.contains(&Role::Counts);
        let (from, to) = match output.window {
            Some(window) => window,
            None => (0, room_of(form, end - base) as usize),
        };
        let target = if local {
            let buffer = self.allocate((WORD * (to - from) as u64).max(WORD))?;
            Slice { buffer, offset: 0, from, to }
        } else {
            self.room(board, output.array, (from, to))?
        };
        let count = self.dispatch(list, ready, &inputs, &target, (base, end))?;
        match count {
            Some(buffer) => counts.push((output.array, buffer)),
            None if compact => board.arrays[output.array].len = Some(0),
            // A map over what a filter left: as long as that.
            None => board.arrays[output.array].len = board.arrays[output.array].len.or(Some(to)),
        }
        if local {
            locals.insert(output.array, target);
        } else {
            let segment = self.segment(board, output.array, (from, to));
            list.filled.push(Filled { array: output.array, segment, from, to });
        }
        Ok(())
    }

    /// The segment that holds a range.
    fn segment(&self, board: &Board, array: DatumId, (from, to): (usize, usize)) -> (usize, usize) {
        let segments = board.arrays[array].gpus.get(&self.gpu).into_iter().flatten();
        let mut holding = segments.filter(|s| s.from <= from && to <= s.to && self.aligned(s, from));
        holding.next().map_or((from, to), |s| (s.from, s.to))
    }

    fn alignment(&self) -> u64 {
        u64::from(self.device.info().limits.storage_alignment).max(WORD)
    }

    fn aligned(&self, segment: &Segment, from: usize) -> bool {
        (WORD * (from - segment.from) as u64).is_multiple_of(self.alignment())
    }

    /// Adds the dispatches of a node over `base..end` of its index space. Returns the buffer with the count of a filter.
    pub(super) fn dispatch(
        &self,
        list: &mut List,
        ready: &Ready,
        inputs: &[Slice],
        target: &Slice,
        (base, end): (u64, u64),
    ) -> Result<Option<DeviceBuffer>, Trouble> {
        let Ready { form, prepared } = ready;
        let (pipe, terminal) = (&form.pipe, &form.terminal);
        let limits = &self.device.info().limits;
        let roles = &prepared.assembled.roles;
        let compact = roles.contains(&Role::Counts);
        let most = (limits.max_binding_bytes / WORD).min(windows::LARGEST) / SPLIT * SPLIT;
        let too_large = |what: &str| Trouble::Cpu(format!("{what} does not fit into a binding of the device"));
        if base == end {
            return Ok(None);
        }
        if compact && end - base > most {
            return Err(too_large("what it filters"));
        }
        let unbound = || too_large("a window that starts there");
        let mut count = None;
        let mut at = base;
        while at < end {
            let n = (end - at).min(most.max(SPLIT));
            let params = assemble::params(pipe, terminal, at as u32, n as u32);
            let tiles = n.div_ceil(u64::from(WORKGROUP));
            let mut bindings = Vec::with_capacity(roles.len());
            for role in roles {
                bindings.push(match role {
                    Role::Params => Bound::Uniform(params.clone()),
                    Role::Buffer(k) if pipe.buffers[*k].whole => {
                        let slice = &inputs[*k];
                        if WORD * slice.len() as u64 > limits.max_binding_bytes {
                            return Err(too_large("an array that every invocation reads"));
                        }
                        slice.bind(slice.from, slice.to, self.alignment()).ok_or_else(unbound)?
                    }
                    Role::Buffer(k) => {
                        inputs[*k].bind(at as usize, (at + n) as usize, self.alignment()).ok_or_else(unbound)?
                    }
                    Role::Out => {
                        let (skip, room) = (room_of(form, at - base) as usize, room_of(form, n) as usize);
                        let from = target.from + skip;
                        target.bind(from, (from + room).min(target.to), self.alignment()).ok_or_else(unbound)?
                    }
                    Role::Sparse => self.scratch(WORD * tiles * u64::from(WORKGROUP))?,
                    Role::Counts => {
                        let bound = self.scratch(WORD * (tiles + 1))?;
                        if let Bound::Buffer { buffer, .. } = &bound {
                            count = Some(buffer.clone());
                        }
                        bound
                    }
                    Role::Status => self.status(list)?,
                });
            }
            let passes = windows::passes(prepared, n, limits.max_workgroups_per_dim);
            list.commands.push(Owned::Dispatch { shader: Arc::clone(&prepared.shader), bindings, passes });
            at += n;
        }
        Ok(count)
    }

    fn scratch(&self, bytes: u64) -> Result<Bound, Trouble> {
        let buffer = self.allocate(bytes)?;
        Ok(Bound::Buffer { buffer, offset: 0, bytes })
    }

    /// The list's status word, zeroed before its first dispatch.
    fn status(&self, list: &mut List) -> Result<Bound, Trouble> {
        let buffer = if let Some(buffer) = &list.status {
            buffer.clone()
        } else {
            let buffer = self.allocate(WORD)?;
            list.commands.insert(0, Owned::Zero { buffer: buffer.clone(), bytes: WORD });
            list.status.insert(buffer).clone()
        };
        Ok(Bound::Buffer { buffer, offset: 0, bytes: WORD })
    }

    /// A range of an array in one buffer, with commands that bring what is missing.
    pub(super) fn complete(&self, board: &mut Board, list: &mut List, u: &Use) -> Result<Slice, Trouble> {
        let (from, to) = board.arrays[u.array].range(u.window);
        if from == to {
            let buffer = self.allocate(WORD)?;
            return Ok(Slice { buffer, offset: 0, from, to });
        }
        let here = board.arrays[u.array].gpus.get(&self.gpu).into_iter().flatten();
        let whole = here.filter(|s| s.from <= from && to <= s.to && self.aligned(s, from));
        let valid = whole.into_iter().find(|s| s.valid.covers(from, to));
        if let Some(segment) = valid {
            let offset = WORD * (from - segment.from) as u64;
            return Ok(Slice { buffer: segment.buffer.clone(), offset, from, to });
        }
        let slice = self.room(board, u.array, (from, to))?;
        let segment = self.segment(board, u.array, (from, to));
        self.fill(board, list, u.array, segment, &slice)?;
        Ok(slice)
    }

    /// Copies into a segment what it lacks of a slice of it.
    fn fill(
        &self,
        board: &Board,
        list: &mut List,
        d: DatumId,
        segment: (usize, usize),
        slice: &Slice,
    ) -> Result<(), Trouble> {
        let array = &board.arrays[d];
        let segments = array.gpus.get(&self.gpu).map_or(&[][..], Vec::as_slice);
        let mut valid =
            segments.iter().find(|s| (s.from, s.to) == segment).map_or_else(Intervals::default, |s| s.valid.clone());
        // What this list brings already.
        for filled in list.filled.iter().filter(|f| f.array == d && f.segment == segment) {
            valid.add(filled.from, filled.to);
        }
        let others: Vec<&Segment> = segments.iter().filter(|s| (s.from, s.to) != segment).collect();
        let at = |element: usize| slice.offset + WORD * (element - slice.from) as u64;
        for (from, to) in valid.missing(slice.from, slice.to) {
            let mut left = Intervals::default();
            left.add(from, to);
            for other in &others {
                for (a, b) in other.valid.within(from, to) {
                    for (a, b) in left.within(a, b) {
                        list.commands.push(Owned::Copy {
                            from: other.buffer.clone(),
                            from_offset: WORD * (a - other.from) as u64,
                            to: slice.buffer.clone(),
                            to_offset: at(a),
                            bytes: WORD * (b - a) as u64,
                        });
                    }
                    left.remove(a, b);
                }
            }
            for &(a, b) in left.ranges() {
                let host = array.host.clone().filter(|_| array.host_valid.covers(a, b));
                let Some(buffer) = host else {
                    let reason = format!("array `{}` is neither on GPU {} nor on the host", array.name, self.gpu);
                    return Err(Trouble::Failed(RunError::Plan { reason }));
                };
                list.upload(Window { buffer, base: 0, from: a, to: b }, &slice.buffer, at(a));
            }
            list.filled.push(Filled { array: d, segment, from, to });
        }
        Ok(())
    }

    /// Memory for a range of an array: inside of a segment that is there, or a new one.
    pub(super) fn room(&self, board: &mut Board, d: DatumId, (from, to): (usize, usize)) -> Result<Slice, Trouble> {
        let segments = board.arrays[d].gpus.get(&self.gpu).map_or(&[][..], Vec::as_slice);
        let found = segments.iter().find(|s| s.from <= from && to <= s.to && self.aligned(s, from));
        if let Some(segment) = found {
            let offset = WORD * (from - segment.from) as u64;
            return Ok(Slice { buffer: segment.buffer.clone(), offset, from, to });
        }
        let len = board.arrays[d].shape.len;
        // One buffer for all where somebody reads all of it: then windows need not be gathered.
        let aligned = (WORD * from as u64).is_multiple_of(self.alignment());
        let (a, b) = if self.whole.contains(&d) && aligned { (0, len) } else { (from, to) };
        let buffer = self.allocate((WORD * (b - a) as u64).max(WORD))?;
        let segment = Segment { from: a, to: b, buffer: buffer.clone(), valid: Intervals::default() };
        board.arrays[d].gpus.entry(self.gpu).or_default().push(segment);
        Ok(Slice { buffer, offset: WORD * (from - a) as u64, from, to })
    }

    /// Adds the downloads of what a task writes to its own commands, where the plan has the host need it.
    pub(super) fn bring_back(&self, board: &mut Board, list: &mut List, write: &Use) {
        let array = &board.arrays[write.array];
        if array.len.is_none() || (array.dynamic && list.targets.iter().any(|t| matches!(t, Target::Count(_)))) {
            return; // its length comes first
        }
        let (from, to) = array.range(write.window);
        let inside = |u: &Use| {
            let (a, b) = array.range(u.window);
            u.array == write.array && from <= a && b <= to
        };
        let mut parts = Intervals::default();
        if array.wanted == Some(Place::Cpu) {
            parts.add(from, to);
        }
        for step in board.lanes.get(&Place::Gpu(self.gpu)).into_iter().flatten() {
            if let super::tasks::What::Ensure(u, Place::Cpu) = &step.what
                && inside(u)
            {
                let (a, b) = array.range(u.window);
                parts.add(a, b);
            }
        }
        for &(a, b) in parts.ranges() {
            // Large ones go in parts, on their own: their staging memory would keep the task waiting.
            if b - a <= self.chunk() {
                self.fetch(board, list, write.array, (a, b));
            }
        }
    }

    /// Adds downloads of what the host lacks of a range, and nobody brings already. The GPU has it, or this list writes it.
    pub(super) fn fetch(&self, board: &mut Board, list: &mut List, d: DatumId, (from, to): (usize, usize)) {
        let mut wanted = Vec::new();
        for (a, b) in board.arrays[d].host_valid.missing(from, to) {
            wanted.extend(board.arrays[d].arriving.missing(a, b));
        }
        let host = (!wanted.is_empty()).then(|| board.arrays[d].host_buffer());
        let Some(host) = host else { return };
        let segments = board.arrays[d].gpus.get(&self.gpu).map_or(&[][..], Vec::as_slice);
        for (a, b) in wanted {
            let mut left = Intervals::default();
            left.add(a, b);
            for segment in segments {
                let mut valid = segment.valid.clone();
                let own = |f: &&Filled| f.array == d && f.segment == (segment.from, segment.to);
                list.filled.iter().filter(own).for_each(|f| valid.add(f.from, f.to));
                for (c, e) in valid.within(a, b) {
                    for (from, to) in left.within(c, e) {
                        let offset = WORD * (from - segment.from) as u64;
                        let target = Target::Elements { array: d, host: Arc::clone(&host), from, to };
                        list.download(&segment.buffer, offset, WORD * (to - from) as u64, target);
                    }
                    left.remove(c, e);
                }
            }
        }
    }
}
