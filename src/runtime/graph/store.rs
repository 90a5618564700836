//! One version of an array: its elements, and where they are valid.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::device::{Device, DeviceBuffer};
use super::error::RunError;
use super::host::HostBuffer;
use super::op::Shape;
use crate::kernel::place::Place;

/// All elements of an array in a device's memory, from byte 0, 4 bytes each.
#[derive(Clone, Debug)]
pub(super) struct DeviceCopy {
    pub gpu: u32,
    pub device: Arc<Device>,
    pub buffer: DeviceBuffer,
}

impl DeviceCopy {
    /// Whether the device is still the one that it was made on.
    fn alive(&self) -> bool {
        #[cfg(feature = "gpu")]
        return !self.device.is_lost();
        #[cfg(not(feature = "gpu"))]
        match *self.device {}
    }
}

#[derive(Debug, Default)]
struct Copies {
    host: Option<Arc<HostBuffer>>,
    devices: Vec<DeviceCopy>,
}

/// One version of an array. Complete and immutable; only the places where it is valid change: more when somebody looks at
/// it elsewhere, fewer when a device is lost or needs its memory.
#[derive(Debug)]
pub(crate) struct Store {
    name: String,
    shape: Shape,
    len: usize,
    copies: Mutex<Copies>,
    /// Held during a download, so that two who look fetch once.
    fetching: Mutex<()>,
}

impl Store {
    /// An array in host memory.
    pub(crate) fn from_host(name: impl Into<String>, host: HostBuffer) -> Arc<Store> {
        let shape = Shape { ty: host.ty(), len: host.capacity() };
        let len = host.len();
        Store::new(name.into(), shape, len, Some(Arc::new(host)), Vec::new())
    }

    pub(super) fn new(
        name: String,
        shape: Shape,
        len: usize,
        host: Option<Arc<HostBuffer>>,
        devices: Vec<DeviceCopy>,
    ) -> Arc<Store> {
        let copies = Mutex::new(Copies { host, devices });
        Arc::new(Store { name, shape, len, copies, fetching: Mutex::default() })
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For people.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Element type, and the number of elements that there is room for.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Elements that count.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where it is valid now. Empty: its only copy was on a device that was lost.
    pub(crate) fn valid(&self) -> BTreeSet<Place> {
        let copies = self.copies();
        let devices = copies.devices.iter().filter(|c| c.alive()).map(|c| Place::Gpu(c.gpu));
        devices.chain(copies.host.is_some().then_some(Place::Cpu)).collect()
    }

    /// The elements in host memory, fetched from a device if that is the only place.
    ///
    /// Blocks for the download; whoever comes second waits for it too.
    ///
    /// # Errors
    /// [`RunError::ArrayLost`], [`RunError::Device`].
    pub(crate) fn host(&self) -> Result<Arc<HostBuffer>, RunError> {
        if let Some(host) = self.host_copy() {
            return Ok(host);
        }
        let _one_at_a_time = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = self.host_copy() {
            return Ok(host);
        }
        let candidates = self.copies().devices.clone();
        let host = self.fetch(&candidates)?;
        let host = Arc::new(host);
        self.copies().host = Some(Arc::clone(&host));
        Ok(host)
    }

    /// The elements in host memory, if they are there.
    pub(super) fn host_copy(&self) -> Option<Arc<HostBuffer>> {
        self.copies().host.clone()
    }

    /// The copies on devices that are not lost.
    pub(super) fn device_copies(&self) -> Vec<DeviceCopy> {
        self.copies().devices.iter().filter(|c| c.alive()).cloned().collect()
    }

    /// Where it was, for the message of a loss.
    pub(super) fn last_places(&self) -> String {
        let copies = self.copies();
        let names: Vec<_> = copies.devices.iter().map(|c| Place::Gpu(c.gpu).to_string()).collect();
        if names.is_empty() { "no device".to_owned() } else { names.join(", ") }
    }

    /// Remembers one more copy.
    pub(super) fn remember_host(&self, host: Arc<HostBuffer>) {
        self.copies().host.get_or_insert(host);
    }

    /// Remembers one more copy; it replaces one on a device of the same number.
    pub(super) fn remember(&self, copy: DeviceCopy) {
        let mut copies = self.copies();
        copies.devices.retain(|c| c.gpu != copy.gpu);
        copies.devices.push(copy);
    }

    /// Gives up the copy on a device, if there is another one.
    pub(super) fn forget(&self, gpu: u32) -> bool {
        let mut copies = self.copies();
        let elsewhere = copies.host.is_some() || copies.devices.iter().any(|c| c.gpu != gpu && c.alive());
        if elsewhere {
            copies.devices.retain(|c| c.gpu != gpu);
        }
        elsewhere
    }

    #[cfg(not(feature = "gpu"))]
    fn fetch(&self, _: &[DeviceCopy]) -> Result<HostBuffer, RunError> {
        Err(RunError::ArrayLost { array: self.name.clone(), device: self.last_places() })
    }

    #[cfg(feature = "gpu")]
    fn fetch(&self, candidates: &[DeviceCopy]) -> Result<HostBuffer, RunError> {
        use crate::device::{Command, DeviceError};
        /// Bytes of one download: bounds the staging memory.
        const PART: u64 = 64 << 20;
        let lost = || RunError::ArrayLost { array: self.name.clone(), device: self.last_places() };
        let mut error = None;
        for copy in candidates {
            let host = HostBuffer::zeroed(self.shape.ty, self.len);
            let bytes = 4 * self.len as u64;
            let mut at = 0;
            let mut failed = None;
            while at < bytes && failed.is_none() {
                let part = PART.min(bytes - at);
                let command = Command::Download { from: &copy.buffer, offset: at, bytes: part };
                let done = copy.device.submit(&[command], 0).and_then(|pending| {
                    pending.wait(&mut |_, words| {
                        let from = at as usize / 4;
                        // SAFETY: nobody else has seen this buffer yet.
                        unsafe { host.window_mut(from, from + words.len() / 4) }.copy_words(words);
                    })
                });
                failed = done.err();
                at += part;
            }
            match failed {
                None => return Ok(host),
                Some(DeviceError::Lost { .. }) => {}
                Some(other) => {
                    let device = copy.device.info().name.clone();
                    error = Some(RunError::Device { device, reason: other.to_string() });
                }
            }
        }
        Err(error.unwrap_or_else(lost))
    }
}
