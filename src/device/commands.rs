//! Commands as plain data, and what can be known to be wrong with them before anything is done.

use std::sync::Arc;

use super::Shared;
use super::buffer::DeviceBuffer;
use super::error::DeviceError;
use super::job::{Pass, Shader, Slot, check_passes};

/// One step of a list for [`Device::submit`](super::Device::submit).
///
/// Offsets are in bytes and multiples of 4. What is written must be a multiple of 4 bytes as well, or reach the end of
/// the buffer.
#[derive(Debug, Clone, Copy)]
pub enum Command<'a> {
    /// Host bytes to a buffer. They are copied before `submit` returns.
    Upload {
        /// The bytes; none is allowed.
        data: &'a [u8],
        /// The destination.
        to: &'a DeviceBuffer,
        /// Where in it.
        offset: u64,
    },
    /// Zeros to a part of a buffer.
    Zero {
        /// The buffer.
        buffer: &'a DeviceBuffer,
        /// Where in it.
        offset: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Runs a shader.
    Dispatch {
        /// The shader.
        shader: &'a Arc<Shader>,
        /// One binding per slot.
        bindings: &'a [BufferBinding<'a>],
        /// The dispatches, in order; each sees what the earlier ones wrote.
        passes: &'a [Pass],
    },
    /// Bytes of one buffer to another.
    Copy {
        /// The source.
        from: &'a DeviceBuffer,
        /// Where in it.
        from_offset: u64,
        /// The destination, another buffer.
        to: &'a DeviceBuffer,
        /// Where in it.
        to_offset: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Bytes of a buffer to the host, for the reader of [`Pending::wait`](super::Pending::wait).
    Download {
        /// The source.
        from: &'a DeviceBuffer,
        /// Where in it.
        offset: u64,
        /// How many bytes; any number.
        bytes: u64,
    },
}

/// What a [`Command::Dispatch`] binds to a slot.
#[derive(Debug, Clone, Copy)]
pub enum BufferBinding<'a> {
    /// Bytes for a [`Slot::Uniform`], padded to 16 with zeros. Copied before `submit` returns.
    Uniform(&'a [u8]),
    /// A window of a buffer for a [`Slot::Read`] or [`Slot::ReadWrite`]. `arrayLength` sees `bytes`, padded to 4; none is
    /// bound as 16 unspecified bytes. A dispatch may bind a buffer several times, but not to both kinds of slot.
    Buffer {
        /// The buffer.
        buffer: &'a DeviceBuffer,
        /// Where the window begins: a multiple of
        /// [`storage_alignment`](super::DeviceLimits::storage_alignment).
        offset: u64,
        /// How long it is.
        bytes: u64,
    },
}

impl Command<'_> {
    /// For messages.
    fn kind(&self) -> &str {
        match self {
            Self::Upload { .. } => "upload",
            Self::Zero { .. } => "zero",
            Self::Dispatch { shader, .. } => &shader.name,
            Self::Copy { .. } => "copy",
            Self::Download { .. } => "download",
        }
    }
}

/// Checks all that can be known before anything is allocated.
pub(super) fn check(commands: &[Command<'_>], shared: &Shared) -> Result<(), DeviceError> {
    for (index, command) in commands.iter().enumerate() {
        let checked = match *command {
            Command::Upload { data, to, offset } => window(shared, to, offset, data.len() as u64, true),
            Command::Zero { buffer, offset, bytes } => window(shared, buffer, offset, bytes, true),
            Command::Download { from, offset, bytes } => window(shared, from, offset, bytes, false),
            Command::Copy { from, from_offset, to, to_offset, bytes } => {
                if from.id() == to.id() {
                    Err("a copy needs two buffers".to_owned())
                } else {
                    window(shared, from, from_offset, bytes, false)
                        .and_then(|()| window(shared, to, to_offset, bytes, true))
                }
            }
            Command::Dispatch { shader, bindings, passes } => {
                check_passes(shader, passes, &shared.info)?;
                check_sizes(shader, bindings, shared)?;
                check_bindings(&shader.slots, bindings, shared)
            }
        };
        checked.map_err(|reason| DeviceError::Validation {
            name: command.kind().to_owned(),
            reason: format!("command {index}: {reason}"),
        })?;
    }
    Ok(())
}

/// A window that is copied from or to.
fn window(shared: &Shared, buffer: &DeviceBuffer, offset: u64, bytes: u64, written: bool) -> Result<(), String> {
    let end = inside(shared, buffer, offset, bytes)?;
    if !offset.is_multiple_of(4) {
        return Err(format!("offset {offset} is not a multiple of 4"));
    }
    if written && !bytes.is_multiple_of(4) && end != buffer.bytes() {
        return Err(format!("{bytes} bytes are not a multiple of 4 and do not reach the end of the buffer"));
    }
    Ok(())
}

/// The end of the window.
fn inside(shared: &Shared, buffer: &DeviceBuffer, offset: u64, bytes: u64) -> Result<u64, String> {
    if !buffer.belongs_to(shared) {
        return Err(format!(
            "a buffer belongs to device generation {}, this is {}: allocate it anew",
            buffer.generation(),
            shared.generation
        ));
    }
    let end = offset.checked_add(bytes).filter(|&end| end <= buffer.bytes());
    end.ok_or_else(|| format!("{bytes} bytes from {offset} are outside of a buffer of {}", buffer.bytes()))
}

fn check_sizes(shader: &Shader, bindings: &[BufferBinding<'_>], shared: &Shared) -> Result<(), DeviceError> {
    let limits = &shared.info.limits;
    for (i, binding) in bindings.iter().enumerate() {
        let (bytes, limit) = match binding {
            BufferBinding::Uniform(data) => (uniform_span(data), limits.max_uniform_bytes),
            BufferBinding::Buffer { bytes, .. } => {
                (bytes.checked_next_multiple_of(4).unwrap_or(u64::MAX), limits.max_binding_bytes)
            }
        };
        if bytes > limit {
            return Err(DeviceError::TooLarge { what: format!("binding {i} of `{}`", shader.name), bytes, limit });
        }
    }
    Ok(())
}

fn check_bindings(slots: &[Slot], bindings: &[BufferBinding<'_>], shared: &Shared) -> Result<(), String> {
    if bindings.len() != slots.len() {
        return Err(format!("{} bindings for {} slots", bindings.len(), slots.len()));
    }
    let alignment = u64::from(shared.info.limits.storage_alignment);
    for (i, (binding, slot)) in bindings.iter().zip(slots).enumerate() {
        match (binding, slot) {
            (BufferBinding::Uniform(_), Slot::Uniform) => {}
            (&BufferBinding::Buffer { buffer, offset, bytes }, Slot::Read | Slot::ReadWrite) => {
                inside(shared, buffer, offset, bytes).map_err(|reason| format!("binding {i}: {reason}"))?;
                if !offset.is_multiple_of(alignment) {
                    return Err(format!("binding {i}: offset {offset} is not a multiple of {alignment}"));
                }
                // wgpu tracks whole buffers, so windows that do not overlap clash as well.
                for (j, (other, other_slot)) in bindings.iter().zip(slots).enumerate().take(i) {
                    if let BufferBinding::Buffer { buffer: other, .. } = other
                        && other.id() == buffer.id()
                        && other_slot != slot
                    {
                        return Err(format!("bindings {j} and {i} bind one buffer read-only and read-write"));
                    }
                }
            }
            _ => return Err(format!("binding {i} does not fit its slot, {slot:?}")),
        }
    }
    Ok(())
}

/// Bytes of a uniform as the shader sees it.
pub(super) fn uniform_span(data: &[u8]) -> u64 {
    (data.len() as u64).next_multiple_of(16).max(16)
}
