//! Slices of routed calls that run on the device that was not chosen, to learn its speed.
//!
//! Which calls: `execute(kernel::on(..))` whose place nobody set, predicted to take [`SHORTEST_NS`] or more, between idle
//! devices whose pipelines exist, while learning is on. Their CPU twin can run any range of the elements, so the device
//! that was not chosen takes the first 1/16 to 1/4 and the chosen one the rest; the result is the same elements in the same
//! order. Iterator chains are not sliced (their CPU side runs whole or not at all), hand-written kernels neither (nobody
//! but their author knows what a slice of them is). [`trial`] decides; the [`Account`] keeps what all trials of a runtime
//! cost below 2 % of its routed time.
//!
//! [`SHORTEST_NS`]: crate::planner::explore::SHORTEST_NS

#![cfg_attr(not(feature = "gpu"), allow(dead_code))] // without devices nothing is tried

use std::sync::atomic::{AtomicU64, Ordering};

use crate::planner::{Budget, Trial};

/// The [`Budget`] of a runtime, shared by its threads. Relaxed: a count that is late moves a trial, nothing else.
#[derive(Debug, Default)]
pub(crate) struct Account {
    spent_ns: AtomicU64,
    total_ns: AtomicU64,
    /// Kernels whose last call was long enough for a trial, by hash: so that short calls, which never are, pay one load.
    wanted: [AtomicU64; 32],
}

impl Account {
    pub(crate) fn budget(&self) -> Budget {
        let (spent_ns, total_ns) = (self.spent_ns.load(Ordering::Relaxed), self.total_ns.load(Ordering::Relaxed));
        Budget { spent_ns, total_ns, ..Budget::default() }
    }

    /// Books a call or a slice.
    pub(crate) fn ran(&self, ns: u64) {
        self.total_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// The next call of this kernel may be tried.
    pub(crate) fn want(&self, key: u64) {
        self.slot(key).store(key, Ordering::Relaxed);
    }

    /// Whether a call of this kernel may be tried; asks once per [`want`](Self::want).
    pub(crate) fn wants(&self, key: u64) -> bool {
        let slot = self.slot(key);
        slot.load(Ordering::Relaxed) == key && slot.swap(0, Ordering::Relaxed) == key
    }

    fn slot(&self, key: u64) -> &AtomicU64 {
        &self.wanted[(key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59) as usize]
    }

    /// Books the expected loss before a slice runs, so that two threads do not spend the same nanoseconds.
    pub(crate) fn reserve(&self, trial: &Trial) {
        self.spent_ns.fetch_add(trial.loss_ns(trial.predicted_ns), Ordering::Relaxed);
    }

    /// Replaces what was reserved by what the slice lost.
    pub(crate) fn settle(&self, trial: &Trial, slice_ns: u64) {
        let (expected, lost) = (trial.loss_ns(trial.predicted_ns), trial.loss_ns(slice_ns));
        // Wrapping: the difference may be negative, the sum never is.
        self.spent_ns.fetch_add(lost.wrapping_sub(expected), Ordering::Relaxed);
    }
}

/// Receives the result of a routed call.
pub(crate) trait Output {
    /// Appends elements as a device wrote them, 4 bytes each.
    fn append(&mut self, bytes: &[u8]);

    /// Whether the CPU twin can run a range of the call.
    fn ranged(&self) -> bool {
        false
    }

    /// Runs the twin for the elements `from..to` and appends what it yields. Called only if [`ranged`](Self::ranged).
    fn twin(&mut self, from: u64, to: u64) {
        let _ = (from, to);
    }

    /// Forgets everything that was appended: a device failed on the way.
    fn clear(&mut self);
}

/// An output that only devices append to; the caller forgets what it received when the CPU is to run.
pub(crate) struct Sink<'a>(pub(crate) &'a mut dyn FnMut(&[u8]));

impl Output for Sink<'_> {
    fn append(&mut self, bytes: &[u8]) {
        (self.0)(bytes);
    }
    fn clear(&mut self) {}
}

#[cfg(feature = "gpu")]
pub(super) use on_devices::DeviceJob;

#[cfg(feature = "gpu")]
mod on_devices {
    use std::sync::PoisonError;
    use std::time::Instant;

    use veda_kernels_ir::ast::Ty;

    use super::Output;
    use crate::config::Learning;
    use crate::device::{Device, DeviceError};
    use crate::kernel::assemble;
    use crate::kernel::pipe::Pipe;
    use crate::kernel::place::Place;
    use crate::kernel::terminal::Terminal;
    use crate::planner::{Rules, trial};
    use crate::runtime::gpus::Gpu;
    use crate::runtime::route::{Call, Failure};
    use crate::runtime::shaders::Prepared;
    use crate::runtime::windows::{self, Observed, WindowError};
    use crate::runtime::{Inner, session};

    /// What a device runs of a call.
    pub(in crate::runtime) struct DeviceJob<'a, 'p> {
        pub(in crate::runtime) pipe: &'a Pipe<'p>,
        pub(in crate::runtime) terminal: &'a Terminal,
        pub(in crate::runtime) prepared: &'a Prepared,
    }

    impl DeviceJob<'_, '_> {
        pub(in crate::runtime) fn run(
            &self,
            device: &Device,
            range: (u64, u64),
            predicted_ns: u64,
            output: &mut dyn Output,
        ) -> Result<Observed, Failure> {
            let sink = &mut |bytes: &[u8]| output.append(bytes);
            windows::run(device, self.prepared, self.pipe, self.terminal, range, predicted_ns, sink).map_err(
                |e| match e {
                    // The twin raises the panic, with kernel, index and length.
                    WindowError::Check => Failure::Twin("a run-time check failed on the device".to_owned()),
                    WindowError::Device(error) => Failure::Device(error),
                    error @ WindowError::Whole { .. } => Failure::Refused(error.to_string()),
                },
            )
        }
    }

    impl Inner {
        /// Runs the first elements of a call on the device that was not chosen, if that may pay: see the module.
        pub(in crate::runtime) fn explore(
            &self,
            call: &mut Call,
            chosen: Place,
            job: &DeviceJob<'_, '_>,
            output: &mut dyn Output,
        ) {
            if self.learning == Learning::Off || !self.account.wants(call.work.key) {
                return;
            }
            let slice = {
                let element = job.prepared.assembled.element;
                let rules = Rules {
                    grain: u64::from(if job.terminal.reduces() { assemble::TILE } else { assemble::WORKGROUP }),
                    float_reduction: job.terminal.reduces() && element == Ty::F32,
                    deterministic: false,
                };
                let model = self.model.read().unwrap_or_else(PoisonError::into_inner);
                trial(&model.cost, &call.work, &call.residency, &call.candidates, chosen, &self.account.budget(), rules)
            };
            let Some(slice) = slice else { return };
            let part = call.work.with_elements(slice.elements);
            let started;
            let observed = match slice.place {
                Place::Cpu => {
                    self.account.reserve(&slice);
                    started = Instant::now();
                    output.twin(0, slice.elements);
                    Observed::default()
                }
                Place::Gpu(index) => {
                    let gpu = self.gpus.poll().and_then(|found| found.gpu(index));
                    let Some(device) = gpu.and_then(Gpu::device) else { return };
                    // Built in the background; a later call tries again.
                    if !device.is_ready(job.prepared.shader.key) {
                        device.prepare(&job.prepared.shader);
                        return;
                    }
                    self.account.reserve(&slice);
                    started = Instant::now();
                    match job.run(&device, (0, slice.elements), slice.predicted_ns, output) {
                        Ok(observed) => observed,
                        Err(failure) => {
                            // The chosen device runs everything; what is wrong with this one shows when it is chosen.
                            output.clear();
                            self.account.settle(&slice, started.elapsed().as_nanos() as u64);
                            if let (Failure::Device(DeviceError::Lost { .. }), Some(gpu)) = (failure, gpu) {
                                gpu.lost();
                            }
                            return;
                        }
                    }
                }
            };
            let ns = started.elapsed().as_nanos() as u64;
            self.account.settle(&slice, ns);
            call.first = slice.elements;
            if session::active() {
                call.notes.push(format!(
                    "the first {} elements ran on {} to learn its speed: {} us, predicted {} us",
                    slice.elements,
                    slice.place,
                    ns / 1000,
                    slice.predicted_ns / 1000
                ));
            }
            self.book(call, &part, slice.place, ns, observed.compile_ns > 0, observed.bytes);
        }
    }
}
