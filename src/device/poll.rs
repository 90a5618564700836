//! The poll thread: waits for one submission after the other.
//!
//! It is the only one that polls the device, and it never uses a finite timeout: two pollers of which one has a timeout
//! panic wgpu-core 30.0.1 (fixed later in gfx-rs/wgpu#9958). Callbacks only count arrivals.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::Shared;
use super::error::panic_message;
use super::ticket::Ticket;

/// A submission on the device.
#[derive(Debug)]
pub(super) struct Flight {
    pub id: u64,
    pub index: wgpu::SubmissionIndex,
    pub tickets: Vec<Arc<Ticket>>,
}

/// Runs until the submit thread has gone and its last submission is done.
pub(super) fn poll_loop(shared: &Shared, flights: &Receiver<Flight>) {
    for flight in flights {
        let wait = wgpu::PollType::Wait { submission_index: Some(flight.index), timeout: None };
        // A lost device is a panic inside `poll`.
        match catch_unwind(AssertUnwindSafe(|| shared.wgpu.poll(wait))) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => shared.lose(&error.to_string()),
            Err(panic) => shared.lose(&panic_message(&*panic)),
        }
        for ticket in &flight.tickets {
            ticket.arrive(true);
        }
        shared.line.landed(flight.id);
    }
}
