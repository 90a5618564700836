//! A kernel with its arguments: what `saxpy::on(2.0, &x, &y)` returns.

use std::fmt;
use std::marker::PhantomData;

use super::arg::Source;
use super::deferred::Deferred;
use super::desc::{ElementKernel, Kernel};
use super::isa;
use super::pipe::{Buffer, Operand, Pipe, PipeBuilder, Stage, StageKind};
use super::place::Place;
use crate::error::{Error, Result};
use crate::index::{Index, IntoSpace, Space};

/// A kernel bound to its arguments, ready for [`gpu::execute`](crate::gpu::execute).
#[must_use = "a bound kernel does nothing until `veda::gpu::execute` runs it"]
pub struct Bound<K, S> {
    sources: S,
    space: Option<[u64; 3]>,
    place: Option<Place>,
    kernel: PhantomData<fn() -> K>,
}

impl<K: Kernel, S: fmt::Debug> fmt::Debug for Bound<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("kernel", &K::DESC.path).field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl<K: Kernel, S> Bound<K, S> {
    /// Binds; called by the generated `on(..)`.
    pub fn new(sources: S) -> Bound<K, S> {
        Bound { sources, space: None, place: None, kernel: PhantomData }
    }

    /// Sets the index space: `n`, `[width, height]` or `[width, height, depth]`. Needed where no argument is read
    /// element by element; elsewhere it gives the elements a shape of the same size.
    pub fn over(mut self, space: impl IntoSpace) -> Self {
        self.space = Some(space.dims());
        self
    }

    /// Forces where the kernel runs, instead of letting the cost decide.
    pub fn on_device(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The forced place, if any.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place
    }

    /// The index space that was asked for, if any.
    pub(crate) fn dims(&self) -> Option<[u64; 3]> {
        self.space
    }

    /// Its arguments.
    pub(crate) fn sources(&self) -> &S {
        &self.sources
    }

    /// The pipe of these buffers and arguments, its lengths and index space checked.
    fn piped<'p>(&self, operand: Operand, buffers: Vec<Buffer<'p>>) -> Result<Pipe<'p>> {
        let space = index_space(K::DESC.name, &buffers, self.space)?;
        let args = match operand {
            Operand::Tuple(args) => args,
            one => vec![one],
        };
        let stage = Stage { kind: StageKind::Map, desc: K::DESC, captures: Vec::new(), args };
        Ok(Pipe { buffers, stages: vec![stage], result: Operand::Stage(0), space })
    }
}

impl<K: Kernel, S: Source> Bound<K, S> {
    /// The call as plain data, its lengths and index space checked.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::NoIndexSpace`], [`Error::IndexSpaceMismatch`], [`Error::TooLarge`].
    pub fn pipe(&self) -> Result<Pipe<'_>> {
        let mut builder = PipeBuilder::default();
        let operand = self.sources.describe(&mut builder);
        self.piped(operand, builder.into_buffers())
    }

    /// Runs the invocations `from..from + out.len()` on this thread, in the widest vector instructions of the machine.
    ///
    /// # Safety
    /// [`pipe`](Self::pipe) succeeded with this `space`, and `from + out.len()` is at most its length.
    pub(crate) unsafe fn fill(&self, space: Space, from: u32, out: &mut [std::mem::MaybeUninit<K::Output>])
    where
        K: ElementKernel<S::Item>,
    {
        // SAFETY: passed on to the caller.
        unsafe { fill::<K, S>(self.sources, space, from, out) };
    }
}

impl<K: Kernel, S: Deferred> Bound<K, S> {
    /// The call as plain data, for variables of these lengths.
    ///
    /// # Errors
    /// As [`pipe`](Self::pipe).
    pub(crate) fn absent_pipe(&self, mut lens: impl Iterator<Item = usize>) -> Result<Pipe<'static>> {
        let mut builder = PipeBuilder::default();
        let operand = self.sources.describe(&mut builder, &mut lens);
        self.piped(operand, builder.into_buffers())
    }
}

/// The index space of a call over these buffers: the one asked for, or their common length.
fn index_space(name: &str, buffers: &[Buffer<'_>], asked: Option<[u64; 3]>) -> Result<Space> {
    let kernel = || name.to_owned();
    let too_large = |what, actual| Error::TooLarge { kernel: kernel(), what, actual, limit: u64::from(u32::MAX) };
    let mut elements: Option<usize> = None;
    for (position, buffer) in buffers.iter().enumerate() {
        if buffer.len as u64 > u64::from(u32::MAX) {
            return Err(too_large("the length of a slice", buffer.len as u64));
        }
        match elements {
            _ if buffer.whole => {}
            None => elements = Some(buffer.len),
            Some(expected) if expected != buffer.len => {
                let argument = format!("slice {}", position + 1);
                return Err(Error::LengthMismatch { kernel: kernel(), argument, expected, actual: buffer.len });
            }
            Some(_) => {}
        }
    }
    let dims = match (asked, elements) {
        (Some(dims), _) => dims,
        (None, Some(n)) => [n as u64, 1, 1],
        (None, None) => return Err(Error::NoIndexSpace { kernel: kernel() }),
    };
    let len = dims.iter().try_fold(1u64, |a, &d| a.checked_mul(d)).unwrap_or(u64::MAX);
    if len > u64::from(u32::MAX) || dims.iter().any(|&d| d > u64::from(u32::MAX)) {
        return Err(too_large("the index space", len.max(dims.into_iter().max().unwrap_or(0))));
    }
    if let Some(slices) = elements
        && slices as u64 != len
    {
        return Err(Error::IndexSpaceMismatch { kernel: kernel(), space: len as usize, slices });
    }
    Ok(Space(dims.map(|d| d as u32)))
}

/// Runs the invocations `from..from + out.len()` of a kernel on this thread, in the widest vector instructions of the
/// machine.
///
/// # Safety
/// `from + out.len()` is at most the length of `space`, and the sources have data for these invocations.
pub(crate) unsafe fn fill<K: ElementKernel<S::Item>, S: Source>(
    sources: S,
    space: Space,
    from: u32,
    out: &mut [std::mem::MaybeUninit<K::Output>],
) {
    isa::run_loop(Rows { sources, space, from, out, kernel: PhantomData::<K> });
}

/// The loop of [`fill`].
struct Rows<'o, K: ElementKernel<S::Item>, S: Source> {
    sources: S,
    space: Space,
    from: u32,
    out: &'o mut [std::mem::MaybeUninit<K::Output>],
    kernel: PhantomData<K>,
}

impl<K: ElementKernel<S::Item>, S: Source> isa::Loop for Rows<'_, K, S> {
    type Output = ();

    /// Walks row by row, so that the inner loop only advances `x` and needs no division.
    #[inline(always)]
    fn run(self) {
        let [width, height, _] = self.space.0;
        let mut flat = self.from;
        let mut rest = self.out;
        while !rest.is_empty() {
            let (x, row) = (flat % width, flat / width);
            let start = Index::new([x, row % height, row / height], self.space.0);
            let run = (rest.len() as u32).min(width - x);
            let (now, later) = rest.split_at_mut(run as usize);
            for (dx, slot) in now.iter_mut().enumerate() {
                // SAFETY: `fill`'s caller promises that flat positions below `from + out.len()` are in the space,
                // whose length `pipe` found equal to that of every element-wise slice.
                let params = unsafe { self.sources.get(start.right(dx as u32)) };
                slot.write(K::call(params));
            }
            rest = later;
            flat += run;
        }
    }
}
