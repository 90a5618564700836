//! Device memory that outlives a job.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Shared;
use super::error::DeviceError;
use super::pool::{Lease, Patience, Pooled, Usage};

/// A pool buffer that handles or submitted commands use. Returns to the pool with the last of them.
#[derive(Debug)]
pub(super) struct Resident {
    shared: Arc<Shared>,
    pooled: Pooled,
    /// Bytes that were asked for.
    bytes: u64,
}

// As for `Shared`: the proof is deeper than other crates' recursion limit.
// SAFETY: `proven` below does not compile unless every field is `Send` and `Sync`.
unsafe impl Send for Resident {}
// SAFETY: as above.
unsafe impl Sync for Resident {}

#[allow(dead_code)] // it is there to be compiled
fn proven(resident: &Resident) {
    fn ok<T: Send + Sync>(_: &T) {}
    let Resident { shared, pooled, bytes } = resident;
    ok(shared);
    ok(pooled);
    ok(bytes);
}

impl Resident {
    pub(super) fn buffer(&self) -> &wgpu::Buffer {
        &self.pooled.buffer
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        // Of a lost device it is only a number in the budget.
        let reuse = !self.shared.lost.load(Ordering::Acquire);
        self.shared.pool.give_back(&self.pooled, reuse);
    }
}

/// The caller's side: as long as it lives the memory is held.
#[derive(Debug)]
struct Handle {
    resident: Arc<Resident>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Runs before the field is dropped: what submitted commands still use comes back by itself.
        self.resident.shared.pool.let_go(self.resident.pooled.class);
    }
}

/// Device memory that lives until the last clone is dropped. Cheap to clone.
///
/// Made by [`Device::allocate`](super::Device::allocate), used by [`Device::submit`](super::Device::submit). Commands that
/// were submitted keep it alive: it may be dropped right after `submit`, and its memory returns to the pool when the
/// device is done with it. Dropping it never blocks. After a loss of the device the contents are gone; drop it and
/// allocate anew on the reopened device. It may outlive its [`Device`](super::Device).
///
/// In this version it is memory of the device's own kind on every device: in unified memory too the host reaches it by
/// copies.
#[derive(Clone, Debug)]
pub struct DeviceBuffer(Arc<Handle>);

impl DeviceBuffer {
    /// Bytes that it was asked for. It takes [`Device::footprint`](super::Device::footprint) out of the budget.
    pub fn bytes(&self) -> u64 {
        self.0.resident.bytes
    }

    /// The [`Device::generation`](super::Device::generation) of the device that owns it.
    pub fn generation(&self) -> u64 {
        self.0.resident.shared.generation
    }

    pub(super) fn resident(&self) -> &Arc<Resident> {
        &self.0.resident
    }

    /// Identifies the memory among all that live now.
    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.0.resident).addr()
    }

    pub(super) fn belongs_to(&self, shared: &Shared) -> bool {
        self.generation() == shared.generation
    }
}

/// Memory for a caller who never waits: it may hold other memory that those who hold this one wait for.
pub(super) fn allocate(shared: &Arc<Shared>, bytes: u64) -> Result<DeviceBuffer, DeviceError> {
    shared.check_lost()?;
    let lease = Lease::acquire_with(shared, &[(Usage::Storage, bytes)], &[], Patience::Never, true)?;
    let pooled = lease.keep(0);
    let resident = Arc::new(Resident { shared: Arc::clone(shared), pooled, bytes });
    Ok(DeviceBuffer(Arc::new(Handle { resident })))
}
