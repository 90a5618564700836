//! A job as plain data: a shader, what to bind, what to dispatch, what to read back.

use std::sync::Arc;

use super::adapter::DeviceInfo;
use super::error::DeviceError;

/// A shader module with its interface. All entry points share one bind group layout, `@group(0)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shader {
    /// For messages and debuggers.
    pub name: String,
    /// Identifies text, slots and entries in the pipeline cache: two shaders of one key must be equal.
    pub key: u64,
    /// The source.
    pub wgsl: Arc<str>,
    /// What `@binding(0)`, `@binding(1)`, … of `@group(0)` are.
    pub slots: Vec<Slot>,
    /// The compute entry points that jobs use; all are built together.
    pub entries: Vec<String>,
    trusted: bool,
}

impl Shader {
    /// A shader that runs with wgpu's checks: bounds, division, loops.
    pub fn new(
        name: impl Into<String>,
        key: u64,
        wgsl: impl Into<Arc<str>>,
        slots: Vec<Slot>,
        entries: Vec<String>,
    ) -> Self {
        Self { name: name.into(), key, wgsl: wgsl.into(), slots, entries, trusted: false }
    }

    /// Leaves wgpu's run-time checks out in release builds (debug builds keep them).
    ///
    /// # Safety
    /// The source itself must keep every index in bounds, end every loop, and never divide an integer by zero or `MIN`
    /// by −1, whatever the inputs: without the checks these are undefined behaviour on the device.
    #[must_use]
    pub unsafe fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// Whether the run-time checks are left out in release builds.
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }
}

/// The kind of one `@binding` of a shader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// `var<uniform>`.
    Uniform,
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
}

/// What a job binds to a slot.
///
/// Sizes are padded to 4 bytes (16 for uniforms) with zeros. An empty one is bound as 16 bytes, so kernels must take
/// their length from a uniform rather than from `arrayLength` where it can be zero.
#[derive(Debug, Clone, Copy)]
pub enum Binding<'a> {
    /// Bytes for a [`Slot::Uniform`].
    Uniform(&'a [u8]),
    /// Bytes for a [`Slot::Read`], or the initial contents of a [`Slot::ReadWrite`] that nobody reads back.
    Input(&'a [u8]),
    /// Room for a [`Slot::ReadWrite`].
    Output {
        /// How many bytes.
        bytes: u64,
        /// How much of it comes back.
        read: Read,
        /// Whether it starts as zeros. Without it the contents are unspecified: zeros, or an earlier job's data.
        zero: bool,
    },
}

/// How much of an output comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Nothing (scratch space).
    No,
    /// All of it.
    All,
    /// As many elements as the shader counted: `u32` number `word` of output `binding`, times `stride` bytes, at most
    /// all. On a device with its own memory a large output then costs a second, short trip instead of a full copy.
    Counted {
        /// The output that holds the count (it may be [`Read::No`]).
        binding: usize,
        /// Which 32-bit word of it.
        word: usize,
        /// Bytes of one element.
        stride: u64,
    },
}

/// One dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Index into [`Shader::entries`].
    pub entry: usize,
    /// Workgroups in x, y and z.
    pub groups: [u32; 3],
}

/// Work for a device. The passes run in order, each sees what the earlier ones wrote.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The shader.
    pub shader: &'a Arc<Shader>,
    /// One binding per slot.
    pub bindings: &'a [Binding<'a>],
    /// The dispatches; none is allowed.
    pub passes: &'a [Pass],
    /// What the caller expects the job to take, in nanoseconds; 0 where unknown. Shown to others by `queued()`, and used
    /// to keep short jobs out of batches with long ones.
    pub predicted_ns: u64,
}

/// Where a job's time went. The parts before, between and after them (locks, wake-ups) are in `total_ns` only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// Getting buffers and copying the inputs, on the calling thread.
    pub upload_ns: u64,
    /// From handing over to the submit thread until its submission began.
    pub queue_ns: u64,
    /// From submission until done, with the copies that the device makes. Shared by the jobs of a batch.
    pub execute_ns: u64,
    /// Handing the results to `read`, with the second trip of counted outputs.
    pub download_ns: u64,
    /// From call to return.
    pub total_ns: u64,
    /// Waiting for the shader's pipelines; `None` where they were ready.
    pub compile_ns: Option<u64>,
    /// Bytes of inputs and uniforms.
    pub bytes_up: u64,
    /// Bytes handed to `read`.
    pub bytes_down: u64,
}

/// Bytes of a binding as the shader sees it.
pub(super) fn span(binding: &Binding<'_>) -> u64 {
    match binding {
        Binding::Uniform(data) => (data.len() as u64).next_multiple_of(16).max(16),
        Binding::Input([]) | Binding::Output { bytes: 0, .. } => 16,
        Binding::Input(data) => (data.len() as u64).next_multiple_of(4),
        // Saturates: a size near 2^64 must reach the limit check, not wrap to a small one.
        Binding::Output { bytes, .. } => bytes.checked_next_multiple_of(4).unwrap_or(u64::MAX),
    }
}

/// Checks all that can be known before anything is allocated.
pub(super) fn check(job: &Job<'_>, info: &DeviceInfo) -> Result<(), DeviceError> {
    let shader = job.shader;
    let invalid = |reason: String| DeviceError::Validation { name: shader.name.clone(), reason };
    if job.bindings.len() != shader.slots.len() {
        return Err(invalid(format!("{} bindings for {} slots", job.bindings.len(), shader.slots.len())));
    }
    for (i, (binding, slot)) in job.bindings.iter().zip(&shader.slots).enumerate() {
        let (what, limit) = match (binding, slot) {
            (Binding::Uniform(_), Slot::Uniform) => ("uniform", info.limits.max_uniform_bytes),
            (Binding::Input(_), Slot::Read | Slot::ReadWrite) => ("input", info.limits.max_binding_bytes),
            (Binding::Output { .. }, Slot::ReadWrite) => ("output", info.limits.max_binding_bytes),
            _ => return Err(invalid(format!("binding {i} does not fit its slot, {slot:?}"))),
        };
        let bytes = span(binding);
        if bytes > limit {
            return Err(DeviceError::TooLarge { what: format!("{what} {i} of `{}`", shader.name), bytes, limit });
        }
        if let Binding::Output { read: Read::Counted { binding: source, word, .. }, .. } = binding {
            match job.bindings.get(*source) {
                Some(Binding::Output { bytes, .. })
                    if (*word as u64)
                        .checked_mul(4)
                        .and_then(|at| at.checked_add(4))
                        .is_some_and(|end| end <= *bytes) => {}
                _ => {
                    return Err(invalid(format!(
                        "the count of output {i}, word {word} of output {source}, does not exist"
                    )));
                }
            }
        }
    }
    check_passes(shader, job.passes, info)
}

/// Checks dispatches against their shader and the device.
pub(super) fn check_passes(shader: &Shader, passes: &[Pass], info: &DeviceInfo) -> Result<(), DeviceError> {
    for pass in passes {
        if pass.entry >= shader.entries.len() {
            return Err(DeviceError::Validation {
                name: shader.name.clone(),
                reason: format!("entry {} of {}", pass.entry, shader.entries.len()),
            });
        }
        for groups in pass.groups {
            if groups > info.limits.max_workgroups_per_dim {
                return Err(DeviceError::TooLarge {
                    what: format!("workgroup count of `{}`", shader.name),
                    bytes: groups.into(),
                    limit: info.limits.max_workgroups_per_dim.into(),
                });
            }
        }
    }
    Ok(())
}
