//! Command lists on a GPU: what one more submit and one more set of bindings cost, and how much of a copy hides behind a
//! kernel.
//!
//! A device may have several copy engines or one queue for everything; only a measurement tells. What overlaps on one
//! queue is the host's part: the copy into and out of staging memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use super::fit::{marginal, together};
use super::gpu::{Bench, failed, params};
use super::names;
use super::plan::Probes;
use super::stats::Summary;
use crate::Result;
use crate::device::{BufferBinding, Command, Device, DeviceBuffer, DeviceError, Pass};
use crate::planner::profile::{Scalar, keys};

/// Submits of the marginal cost, one dispatch each.
const SUBMITS: [usize; 4] = [1, 4, 16, 64];
/// Dispatches of one list, each with bindings of its own.
const BINDINGS: [usize; 4] = [1, 8, 64, 512];
/// Bytes of a copy beside a kernel, at most: 1 to 4 ms over common links.
const COPIED: u64 = 16 << 20;
/// Bytes of the kernels' buffers.
const SMALL: u64 = 4096;

/// Memory that stays on the device, and a kernel that lasts about as long as a copy of it.
pub(super) struct Copies {
    /// What the kernel binds.
    work: [DeviceBuffer; 2],
    /// What is copied.
    moved: DeviceBuffer,
    host: Vec<u8>,
    /// Where downloads arrive.
    back: RefCell<Vec<u8>>,
    /// Entry, uniform and dispatches of the kernel beside uploads and beside downloads.
    long: [(Pass, [u8; 32], usize); 2],
}

/// Numbers of these probes.
pub(super) struct CopyProbes {
    submits: Vec<(usize, usize)>,
    bindings: Vec<(usize, usize)>,
    idle: usize,
    /// Kernel, copy, both: for uploads and for downloads.
    beside: [[usize; 3]; 2],
}

fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

impl Copies {
    /// Allocates on the device. `kernel`: a pass and its uniform, one of which lasts a few hundred microseconds.
    ///
    /// # Errors
    /// Where the device has no room or fails.
    pub(super) fn new(bench: &Bench, largest: u64, kernel: (Pass, [u8; 32])) -> Result<Self> {
        let fail = |e| failed(bench.name(), &e);
        let bytes = COPIED.min(largest);
        let allocate = |bytes| bench.device.allocate(bytes).map_err(fail);
        let mut copies = Self {
            work: [allocate(SMALL)?, allocate(SMALL)?],
            moved: allocate(bytes)?,
            host: vec![1; bytes as usize],
            back: RefCell::new(vec![0; bytes as usize]),
            long: [(kernel.0, kernel.1, 1); 2],
        };
        // Twice: the first run of a pipeline, and the first touch of memory, is not its speed.
        let twice = |run: &dyn Fn() -> Result<f64>| -> Result<f64> { Ok(run()?.min(run()?)) };
        let one = twice(&|| copies.kernel(bench, 0))?;
        let up = twice(&|| copies.upload(bench))?;
        let down = twice(&|| copies.download(bench))?;
        for (long, copy) in copies.long.iter_mut().zip([up, down]) {
            long.2 = ((copy / one).round() as usize).clamp(1, 64);
        }
        Ok(copies)
    }

    fn bind<'a>(&'a self, uniform: &'a [u8; 32]) -> [BufferBinding<'a>; 3] {
        let window = |buffer| BufferBinding::Buffer { buffer, offset: 0, bytes: SMALL };
        [BufferBinding::Uniform(uniform), window(&self.work[0]), window(&self.work[1])]
    }

    /// The long kernel beside copies of one direction: 0 up, 1 down.
    fn with_kernel<R>(
        &self,
        bench: &Bench,
        direction: usize,
        then: impl FnOnce(&Device, Command<'_>) -> std::result::Result<R, DeviceError>,
    ) -> Result<R> {
        let (pass, uniform, passes) = &self.long[direction];
        let (bindings, passes) = (self.bind(uniform), vec![*pass; *passes]);
        let command = Command::Dispatch { shader: &bench.shader, bindings: &bindings, passes: &passes };
        then(&bench.device, command).map_err(|e| failed(bench.name(), &e))
    }

    fn kernel(&self, bench: &Bench, direction: usize) -> Result<f64> {
        let start = Instant::now();
        self.with_kernel(bench, direction, |device, kernel| device.submit(&[kernel], 0)?.done())?;
        Ok(micros(start))
    }

    fn up(&self) -> Command<'_> {
        Command::Upload { data: &self.host, to: &self.moved, offset: 0 }
    }

    fn down(&self) -> Command<'_> {
        Command::Download { from: &self.moved, offset: 0, bytes: self.moved.bytes() }
    }

    fn upload(&self, bench: &Bench) -> Result<f64> {
        let start = Instant::now();
        bench.device.submit(&[self.up()], 0).and_then(|p| p.done()).map_err(|e| failed(bench.name(), &e))?;
        Ok(micros(start))
    }

    fn download(&self, bench: &Bench) -> Result<f64> {
        let start = Instant::now();
        let read = &mut |_, data: &[u8]| self.back.borrow_mut().copy_from_slice(data);
        bench.device.submit(&[self.down()], 0).and_then(|p| p.wait(read)).map_err(|e| failed(bench.name(), &e))?;
        Ok(micros(start))
    }

    /// The kernel, and what a later kernel needs is copied meanwhile.
    fn upload_beside(&self, bench: &Bench) -> Result<f64> {
        let start = Instant::now();
        self.with_kernel(bench, 0, |device, kernel| {
            let running = device.submit(&[kernel], 0)?;
            device.submit(&[self.up()], 0)?.done()?;
            running.done()
        })?;
        Ok(micros(start))
    }

    /// What an earlier kernel left is copied, and the next kernel runs meanwhile: a download waits for what was submitted
    /// before it, so it goes first.
    fn download_beside(&self, bench: &Bench) -> Result<f64> {
        let start = Instant::now();
        let read = &mut |_, data: &[u8]| self.back.borrow_mut().copy_from_slice(data);
        self.with_kernel(bench, 1, |device, kernel| {
            let moving = device.submit(&[self.down()], 0)?;
            let running = device.submit(&[kernel], 0)?;
            moving.wait(read)?;
            running.done()
        })?;
        Ok(micros(start))
    }

    /// `submits` lists of `dispatches` that do nothing, each dispatch with bindings of its own, and one wait.
    fn idle(&self, bench: &Bench, submits: usize, dispatches: usize) -> Result<f64> {
        let uniform = params(1, 1, 0, 64);
        let bindings = self.bind(&uniform);
        let passes = [Pass { entry: 0, groups: [1, 1, 1] }];
        let command = Command::Dispatch { shader: &bench.shader, bindings: &bindings, passes: &passes };
        let list = vec![command; dispatches];
        let start = Instant::now();
        let run = || {
            let mut last = bench.device.submit(&list, 0)?;
            for _ in 1..submits {
                last = bench.device.submit(&list, 0)?;
            }
            last.done()
        };
        run().map_err(|e| failed(bench.name(), &e))?;
        Ok(micros(start))
    }

    /// Adds the probes.
    pub(super) fn probes<'a>(&'a self, bench: &'a Bench, probes: &mut Probes<'a>) -> CopyProbes {
        let submits = SUBMITS.map(|n| (n, probes.add(move || self.idle(bench, n, 1)))).to_vec();
        let bindings = BINDINGS.map(|n| (n, probes.add(move || self.idle(bench, 1, n)))).to_vec();
        let idle = probes.add(move || self.idle(bench, 1, 1));
        let beside = [
            [
                probes.add(move || self.kernel(bench, 0)),
                probes.add(move || self.upload(bench)),
                probes.add(move || self.upload_beside(bench)),
            ],
            [
                probes.add(move || self.kernel(bench, 1)),
                probes.add(move || self.download(bench)),
                probes.add(move || self.download_beside(bench)),
            ],
        ];
        CopyProbes { submits, bindings, idle, beside }
    }
}

/// The scalars that they make; `dispatch`: µs of one more dispatch, which each submit and each set of bindings holds.
pub(super) fn scalars(p: &CopyProbes, found: &[Summary], dispatch: &Scalar) -> BTreeMap<String, Scalar> {
    let line = |ids: &[(usize, usize)]| {
        let points: Vec<(f64, f64)> = ids.iter().map(|&(count, id)| (count as f64, found[id].min)).collect();
        let slope = marginal(&points, ids.iter().map(|&(_, id)| found[id].n).sum())?;
        // What is left of a difference below 2 % is noise.
        let less = |us: f64, dispatch: f64| (us - dispatch).max(0.02 * us);
        let v = less(slope.v, dispatch.v);
        let (lo, hi) = (less(slope.lo, dispatch.hi).min(v), less(slope.hi, dispatch.lo).max(v));
        Some(Scalar { v, lo, hi, n: slope.n })
    };
    let idle = found[p.idle].min;
    let overlap = |[kernel, copy, both]: [usize; 3]| Some(together(&found[kernel], &found[copy], &found[both], idle));
    let rows = [
        (names::SUBMIT_US, line(&p.submits)),
        (names::BIND_US, line(&p.bindings)),
        (keys::OVERLAP_UPLOAD, overlap(p.beside[0])),
        (keys::OVERLAP_DOWNLOAD, overlap(p.beside[1])),
    ];
    rows.into_iter().filter_map(|(key, s)| Some((key.to_owned(), s?))).collect()
}
