//! Commands that were handed over: waiting for them and reading what they brought back.

use std::sync::Arc;

use super::Shared;
use super::counters::add;
use super::error::DeviceError;
use super::pool::Lease;
use super::run::hand_out;
use super::staging::Part;
use super::ticket::{Ticket, Times};

/// Commands on their way through a device: what [`Device::submit`](super::Device::submit) returns.
///
/// Dropping it takes nothing back: the commands run, and what they brought back is thrown away. Downloads that nobody has
/// read hold memory; read or drop them soon. Share it by `Arc` where several wait with [`Pending::done`].
#[derive(Debug)]
#[must_use = "without it nobody learns whether the commands failed"]
pub struct Pending {
    shared: Arc<Shared>,
    /// One per part, in order. At least one.
    tickets: Vec<Arc<Ticket>>,
    /// Host memory of the downloads; mapped when they are done.
    lease: Option<Lease>,
    /// Where each download lies in it.
    downloads: Vec<Part>,
}

impl Pending {
    pub(super) fn new(
        shared: Arc<Shared>,
        tickets: Vec<Arc<Ticket>>,
        lease: Option<Lease>,
        downloads: Vec<Part>,
    ) -> Self {
        Self { shared, tickets, lease, downloads }
    }

    /// Whether [`Pending::done`] would return at once, with success or an error.
    pub fn is_done(&self) -> bool {
        self.tickets.iter().all(|ticket| ticket.is_done())
    }

    /// Blocks until the device is done with the commands. May be called by several threads, and often.
    ///
    /// # Errors
    /// [`DeviceError::Lost`]; [`DeviceError::Validation`] and [`DeviceError::OutOfMemory`] where the driver refused the
    /// commands. Then nothing can be said about the contents of the buffers that they write.
    pub fn done(&self) -> Result<Times, DeviceError> {
        let mut times: Option<Times> = None;
        for ticket in &self.tickets {
            let part = ticket.wait()?;
            times = Some(match times {
                None => part,
                Some(first) => Times { submitted: first.submitted, done: first.done.max(part.done) },
            });
        }
        times.ok_or_else(|| DeviceError::Validation {
            name: "commands".to_owned(),
            reason: "they were never handed over".to_owned(),
        })
    }

    /// Blocks until the device is done, then hands each download to `read`: its index among the
    /// [`Command::Download`](super::Command::Download)s of the list, and its bytes. They are mapped memory: copy them, do
    /// not compute on them twice. A panic in `read` unwinds out of this call and harms nobody else.
    ///
    /// # Errors
    /// As [`Pending::done`]. After an error nothing was read, or part of it.
    pub fn wait(mut self, read: &mut dyn FnMut(usize, &[u8])) -> Result<Times, DeviceError> {
        let times = self.done()?;
        if let Some(lease) = self.lease.take() {
            let mut total = 0;
            for (index, &part) in self.downloads.iter().enumerate() {
                total += part.bytes;
                hand_out(lease.buffer(part.buffer), part, "download", &mut |data| read(index, data))?;
            }
            for pooled in lease.buffers() {
                pooled.buffer.unmap();
            }
            lease.finish();
            add(&self.shared.counters.bytes_down, total);
        }
        Ok(times)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Downloads in flight stay in the budget until they land. The last part brings them.
        if let (Some(lease), Some(ticket)) = (self.lease.take(), self.tickets.last()) {
            ticket.abandon(lease);
        }
    }
}
