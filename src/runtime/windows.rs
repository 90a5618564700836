//! Runs a pipe on one device, window by window.
//!
//! A window is a range of the flat index space. Buffers that are read element by element travel in windows, so that
//! neither the binding limit (2 GiB, 128 MiB on some drivers) nor the memory budget bounds a call; buffers that every
//! invocation sees whole must fit. Windows end on tile boundaries, so the partial results of a reduction do not
//! depend on the window size.

use std::borrow::Cow;

use veda_kernels_ir::ast::Ty;

use crate::device::{Binding, Device, DeviceError, Job, Pass, Read};
use crate::kernel::assemble::{self, Role, TILE, WORKGROUP};
use crate::kernel::pipe::{Buffer, Pipe};
use crate::kernel::terminal::Terminal;
use crate::runtime::shaders::Prepared;

/// Elements of a window at most: far above what a device needs to be busy, far below what 32-bit positions need.
pub(super) const LARGEST: u64 = 1 << 26;

/// What a run took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observed {
    /// From the first upload to the last download, nanoseconds.
    pub total_ns: u64,
    /// Time to build the pipeline, if it was built in this run.
    pub compile_ns: u64,
    /// Bytes to and from the device.
    pub bytes: (u64, u64),
}

/// Why a pipe did not finish on a device.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// The device's own error.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A buffer that must be whole does not fit.
    #[error("{bytes} bytes that every invocation reads do not fit: the device takes {limit}")]
    Whole {
        /// Bytes of whole buffers.
        bytes: u64,
        /// What fits.
        limit: u64,
    },
    /// A run-time check failed on the device; the CPU twin will say which.
    #[error("a run-time check failed on the device")]
    Check,
}

/// The number of elements per window; a multiple of [`TILE`].
fn window(pipe: &Pipe<'_>, roles: &[Role], device: &Device) -> Result<u64, WindowError> {
    let limits = &device.info().limits;
    let whole: u64 = pipe.buffers.iter().filter(|b| b.whole).map(|b| 4 * b.len as u64).sum();
    let largest_whole = pipe.buffers.iter().filter(|b| b.whole).map(|b| 4 * b.len as u64).max().unwrap_or(0);
    // Staging doubles what a job occupies, and a second caller may be at work: use a quarter of the budget.
    let budget = device.info().memory_budget / 4;
    if largest_whole > limits.max_binding_bytes || whole > budget / 2 {
        return Err(WindowError::Whole { bytes: whole, limit: limits.max_binding_bytes.min(budget / 2) });
    }
    let per_element: u64 = roles
        .iter()
        .map(|role| match role {
            Role::Buffer(k) if pipe.buffers[*k].whole => 0,
            Role::Buffer(_) | Role::Out | Role::Sparse => 4,
            Role::Params | Role::Counts | Role::Status => 0,
        })
        .sum::<u64>()
        .max(4);
    let fits = ((budget - whole) / per_element).min(limits.max_binding_bytes / 4).min(LARGEST);
    Ok((fits / u64::from(TILE) * u64::from(TILE)).max(u64::from(TILE)))
}

/// The elements `from..to` of a buffer as 4-byte words.
fn words<'a>(buffer: &Buffer<'a>, from: usize, to: usize) -> Cow<'a, [u8]> {
    let bytes = buffer.bytes(from, to);
    if buffer.ty == Ty::Bool {
        bytes.iter().flat_map(|&b| u32::from(b).to_le_bytes()).collect::<Vec<u8>>().into()
    } else {
        bytes.into()
    }
}

/// A grid of at least `groups` workgroups within `limit` per dimension.
fn grid(groups: u64, limit: u32) -> [u32; 3] {
    let x = groups.clamp(1, u64::from(limit));
    [x as u32, groups.div_ceil(x).max(1) as u32, 1]
}

/// The dispatches of a shader over `n` elements.
pub(super) fn passes(prepared: &Prepared, n: u64, limit: u32) -> Vec<Pass> {
    let pass = |(entry, name): (usize, &&str)| {
        let groups = match *name {
            "veda_offsets" => 1,
            "veda_reduce" => n.div_ceil(u64::from(TILE)),
            _ => n.div_ceil(u64::from(WORKGROUP)),
        };
        Pass { entry, groups: grid(groups, limit) }
    };
    prepared.assembled.entries.iter().enumerate().map(pass).collect()
}

/// Runs the elements `from..to` of a pipe; `sink` receives the elements (or partial results, one per tile) in order, 4
/// bytes each. `from` is a multiple of [`TILE`] for reductions; `predicted_ns` is for the range.
///
/// # Errors
/// [`WindowError`]; `sink` may have received a part by then.
pub fn run(
    device: &Device,
    prepared: &Prepared,
    pipe: &Pipe<'_>,
    terminal: &Terminal,
    (from, to): (u64, u64),
    predicted_ns: u64,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<Observed, WindowError> {
    let roles = &prepared.assembled.roles;
    let len = (to - from).max(1);
    let step = window(pipe, roles, device)?;
    let mut observed = Observed::default();
    let mut base = from;
    while base < to {
        let n = (to - base).min(step);
        let timing = run_window(device, prepared, pipe, terminal, (base, n), predicted_ns * n / len, sink)?;
        observed.total_ns += timing.total_ns;
        observed.compile_ns += timing.compile_ns.unwrap_or(0);
        observed.bytes.0 += timing.bytes_up;
        observed.bytes.1 += timing.bytes_down;
        base += n;
    }
    Ok(observed)
}

fn run_window(
    device: &Device,
    prepared: &Prepared,
    pipe: &Pipe<'_>,
    terminal: &Terminal,
    (base, n): (u64, u64),
    predicted_ns: u64,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<crate::device::Timing, WindowError> {
    let roles = &prepared.assembled.roles;
    let params = assemble::params(pipe, terminal, base as u32, n as u32);
    let inputs: Vec<Cow<'_, [u8]>> = pipe
        .buffers
        .iter()
        .map(|b| if b.whole { words(b, 0, b.len) } else { words(b, base as usize, (base + n) as usize) })
        .collect();
    let tiles = n.div_ceil(u64::from(WORKGROUP));
    let counts = roles.iter().position(|r| *r == Role::Counts);
    let out_bytes = if terminal.reduces() { 4 * n.div_ceil(u64::from(TILE)) } else { 4 * n };
    let bindings: Vec<Binding<'_>> = roles
        .iter()
        .map(|role| match role {
            Role::Params => Binding::Uniform(bytemuck::cast_slice(&params)),
            Role::Buffer(k) => Binding::Input(&inputs[*k]),
            Role::Out => {
                let read = counts.map_or(Read::All, |binding| Read::Counted { binding, word: 0, stride: 4 });
                Binding::Output { bytes: out_bytes, read, zero: false }
            }
            Role::Sparse => Binding::Output { bytes: 4 * tiles * u64::from(WORKGROUP), read: Read::No, zero: false },
            Role::Counts => Binding::Output { bytes: 4 * (tiles + 1), read: Read::No, zero: false },
            Role::Status => Binding::Output { bytes: 4, read: Read::All, zero: true },
        })
        .collect();
    let passes = passes(prepared, n, device.info().limits.max_workgroups_per_dim);
    let mut failed = false;
    let job = Job { shader: &prepared.shader, bindings: &bindings, passes: &passes, predicted_ns };
    let timing = device.run(&job, &mut |binding, bytes| match roles[binding] {
        Role::Status => failed |= bytes.iter().any(|&b| b != 0),
        Role::Out => sink(bytes),
        _ => {}
    })?;
    if failed { Err(WindowError::Check) } else { Ok(timing) }
}

#[cfg(test)]
mod tests {
    use super::grid;

    #[test]
    fn grids_fold_past_the_limit() {
        assert_eq!(grid(0, 65_535), [1, 1, 1]);
        assert_eq!(grid(65_535, 65_535), [65_535, 1, 1]);
        assert_eq!(grid(65_536, 65_535), [65_535, 2, 1]);
    }
}
