//! One routed call: estimate, decide, run, observe, explain.

use std::sync::{Arc, PoisonError, TryLockError};
use std::time::Instant;

use veda_kernels_ir::ast::Ty;

#[cfg(feature = "gpu")]
use super::explore::DeviceJob;
use super::explore::{Output, Sink};
use super::shaders::Prepared;
use super::{Inner, Runtime, session};
use crate::config::Learning;
use crate::error::{Error, Result};
use crate::kernel::assemble::{self, Checks};
use crate::kernel::pipe::{Pipe, StageKind};
use crate::kernel::place::Place;
use crate::kernel::terminal::Terminal;
use crate::planner::explore::SHORTEST_NS;
use crate::planner::{Bytes, CallExplanation, Candidate, CostModel, Observation, OutputKind, Residency, Work, decide};
use crate::telemetry::{Batch, DeviceMetrics};

/// Observations of a kernel after which one may be missed.
const KNOWN: u64 = 32;

/// What became of a routed call.
#[derive(Debug)]
pub enum Routed {
    /// A device ran it; the sink has the result, in elements of this type.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code))]
    Done(Ty),
    /// The caller runs the CPU twin (and forgets what the sink received), then finishes the ticket.
    Cpu(Ticket),
}

/// Observes a call's run on the CPU. Dropped without [`finish`](Self::finish) (a panic), the run is not counted.
#[derive(Debug, Default)]
#[must_use]
pub struct Ticket(Option<Box<Open>>);

/// A call between its decision and its end.
#[derive(Debug)]
struct Open {
    inner: Arc<Inner>,
    call: Call,
    started: Instant,
}

/// What is known of a call before it runs.
#[derive(Debug)]
pub(crate) struct Call {
    /// Names for the explanation; left empty where nobody listens.
    pub(crate) kernels: Vec<String>,
    pub(super) work: Work,
    pub(super) residency: Residency,
    /// Elements that a slice elsewhere has computed: the call goes on from here.
    pub(super) first: u64,
    /// The places that could run it.
    pub(super) candidates: Vec<Candidate>,
    pub(super) notes: Vec<String>,
    /// The shader is the program's own text, not assembled by veda.
    pub(crate) hand_written: bool,
}

impl Ticket {
    /// The first element that the twin has to run: those before it are in the output.
    pub fn first(&self) -> u64 {
        self.0.as_ref().map_or(0, |open| open.call.first)
    }

    /// The CPU run is over.
    pub fn finish(self) {
        if let Some(open) = self.0 {
            let Open { inner, mut call, started } = *open;
            let ns = started.elapsed().as_nanos() as u64;
            inner.observe(&mut call, Place::Cpu, ns, false, (0, 0));
        }
    }
}

impl Runtime {
    /// Routes a pipe. On [`Routed::Done`] the sink has received the elements, or one partial result per tile, in order.
    ///
    /// # Errors
    /// Only if the place was forced and cannot be had.
    pub(crate) fn route(
        &self,
        pipe: &Pipe<'_>,
        terminal: &Terminal,
        forced: Option<Place>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Routed> {
        self.route_into(pipe, terminal, forced, &mut Sink(sink))
    }

    /// As [`route`](Self::route), for an output whose twin may run ranges: part of the call may then be tried elsewhere.
    /// On [`Routed::Cpu`] the elements before [`Ticket::first`] are in the output already and stay there.
    ///
    /// # Errors
    /// Only if the place was forced and cannot be had.
    pub(crate) fn route_into(
        &self,
        pipe: &Pipe<'_>,
        terminal: &Terminal,
        forced: Option<Place>,
        output: &mut dyn Output,
    ) -> Result<Routed> {
        let inner = &self.inner;
        let target = inner.target(forced)?;
        if pipe.space.is_empty() {
            session::note(|| format!("{}: no elements, nothing ran", assemble::name(pipe)));
            return Ok(Routed::Cpu(Ticket(None)));
        }
        if inner.quiet(target) {
            return Ok(Routed::Cpu(Ticket(None)));
        }
        let prepared = match inner.shaders.get(pipe, terminal, inner.checks(pipe, target)) {
            Ok(prepared) => prepared,
            Err(reason) if forced.is_some_and(|place| place != Place::Cpu) => {
                return Err(Error::Link { kernel: assemble::name(pipe), reason: reason.to_string() });
            }
            Err(reason) => {
                session::note(|| format!("{}: {reason}; ran on the CPU", assemble::name(pipe)));
                return Ok(Routed::Cpu(Ticket(None)));
            }
        };
        let (work, residency) = describe(pipe, terminal, &prepared);
        let mut call = Call::new(work, residency);
        if session::active() {
            call.kernels = assemble::names(pipe);
            call.kernels.extend(terminal.name());
        }
        #[cfg(feature = "gpu")]
        let place = inner.choose(&mut call, target, &prepared.shader);
        #[cfg(not(feature = "gpu"))]
        let place = inner.choose(&mut call, target, &());
        #[cfg(feature = "gpu")]
        {
            let job = DeviceJob { pipe, terminal, prepared: &prepared };
            if target.is_none() && output.ranged() {
                inner.explore(&mut call, place, &job, output);
            }
            if let Place::Gpu(index) = place {
                let range = (call.first, pipe.space.len());
                let predicted = inner.predicted(&call.rest(), &call.residency, place);
                let run = |device: &crate::device::Device| job.run(device, range, predicted, output);
                if inner.on_gpu(index, &mut call, forced.is_some(), run)? {
                    return Ok(Routed::Done(prepared.assembled.out));
                }
                // What a slice has computed went to the output before the part that failed: all of it is computed again.
                output.clear();
                call.first = 0;
            }
        }
        let _ = (place, output);
        Ok(Routed::Cpu(inner.ticket(call)))
    }
}

/// What the planner needs to know of a pipe. All inputs lie in host memory.
fn describe(pipe: &Pipe<'_>, terminal: &Terminal, prepared: &Prepared) -> (Work, Residency) {
    let elements = pipe.space.len();
    let host = |whole: bool| pipe.buffers.iter().filter(move |b| b.whole == whole);
    let compact = pipe.stages.iter().any(|s| s.kind == StageKind::Filter);
    let output = match (terminal.reduces(), compact) {
        (true, _) => OutputKind::Reduce,
        (false, true) => OutputKind::Compact,
        (false, false) => OutputKind::Map,
    };
    let counts = prepared.assembled.counts.of(pipe, terminal);
    let per_element = host(false).map(|b| b.host_stride() as f64).sum::<f64>();
    let (streamed, gather_bytes) = super::costs::whole_bytes(&counts, pipe);
    let work = Work {
        key: prepared.key,
        elements,
        groups: elements.div_ceil(u64::from(assemble::TILE)),
        ops: super::costs::ops(&counts.ops),
        in_bytes: per_element + streamed,
        out_bytes: if prepared.assembled.element == Ty::Bool && !terminal.reduces() { 1.0 } else { 4.0 },
        gather_bytes,
        loops_unbounded: counts.ops.unbounded || counts.ops.left_early,
        output,
    };
    let fixed = host(true).map(|b| 4.0 * b.len as f64).sum();
    let residency = Residency { host: Bytes { fixed, per_element }, ..Residency::default() };
    (work, residency)
}

/// What a device builds a pipeline from.
#[cfg(feature = "gpu")]
type Pipeline = Arc<crate::device::Shader>;
#[cfg(not(feature = "gpu"))]
type Pipeline = ();

/// Why a device did not finish a call.
#[cfg(feature = "gpu")]
pub(crate) enum Failure {
    /// The device's error.
    Device(crate::device::DeviceError),
    /// It does not fit the device.
    Refused(String),
    /// The CPU twin is to run, also if the place was forced.
    Twin(String),
}

impl Call {
    pub(crate) fn new(work: Work, residency: Residency) -> Call {
        Call {
            kernels: Vec::new(),
            work,
            residency,
            first: 0,
            candidates: Vec::new(),
            notes: Vec::new(),
            hand_written: false,
        }
    }

    /// What it computes.
    #[cfg(feature = "gpu")]
    pub(crate) fn work(&self) -> &Work {
        &self.work
    }

    /// Where its inputs lie.
    #[cfg(feature = "gpu")]
    pub(crate) fn residency(&self) -> &Residency {
        &self.residency
    }

    /// What is left to do after a slice.
    fn rest(&self) -> Work {
        if self.first == 0 { self.work } else { self.work.with_elements(self.work.elements - self.first) }
    }
}

impl Inner {
    /// The forced place, else the preferred one.
    ///
    /// # Errors
    /// [`Error::NoGpu`] if a GPU is forced that is not there.
    pub(crate) fn target(&self, forced: Option<Place>) -> Result<Option<Place>> {
        #[cfg(feature = "gpu")]
        if let Some(Place::Gpu(index)) = forced {
            let found = self.gpus.wait();
            self.adopt(found);
            if found.gpus.iter().all(|g| g.index != index) {
                return Err(Error::NoGpu { reason: format!("there is no adapter {index}; {}", found.note) });
            }
        }
        #[cfg(not(feature = "gpu"))]
        if let Some(Place::Gpu(_)) = forced {
            return Err(Error::NoGpu { reason: "veda was built without the feature `gpu`".to_owned() });
        }
        Ok(forced.or_else(|| self.preferred()))
    }

    /// Whether the call can only run on the CPU and nobody wants to know what it took: then routing stops here.
    pub(crate) fn quiet(&self, target: Option<Place>) -> bool {
        if session::active() || self.metrics_on() {
            return false;
        }
        #[cfg(feature = "gpu")]
        let offload =
            target != Some(Place::Cpu) && self.gpus.poll().is_some_and(|found| found.usable().next().is_some());
        #[cfg(not(feature = "gpu"))]
        let offload = false;
        !offload && !matches!(target, Some(Place::Gpu(_)))
    }

    fn metrics_on(&self) -> bool {
        cfg!(feature = "telemetry") && self.config.enable_telemetry
    }

    /// What a pipe costs, in the planner's terms; `None` where it has no form on devices.
    pub(crate) fn work(&self, pipe: &Pipe<'_>, terminal: &Terminal) -> Option<Work> {
        let prepared = self.shaders.get(pipe, terminal, self.checks(pipe, self.preferred())).ok()?;
        Some(describe(pipe, terminal, &prepared).0)
    }

    /// Which checks a pipe's shader needs.
    fn checks(&self, pipe: &Pipe<'_>, target: Option<Place>) -> Checks {
        let bounds = pipe.stages.iter().any(|s| s.desc.debug);
        #[cfg(feature = "gpu")]
        let software = self.gpus.poll().is_some_and(|found| {
            let targeted =
                |index| target == Some(Place::Gpu(index)) || (target.is_none() && self.config.admit_software);
            found.gpus.iter().any(|g| g.info.kind == crate::device::Kind::Software && targeted(g.index))
        });
        #[cfg(not(feature = "gpu"))]
        let software = target.is_some_and(|_| false);
        Checks { bounds, loop_budget: software }
    }

    /// Fills in the candidates and decides. Never returns a GPU whose pipeline is not built, unless that GPU is the
    /// target: its pipeline is then built in the background and the CPU runs meanwhile.
    #[cfg_attr(not(feature = "gpu"), allow(clippy::unused_self, unused_variables))]
    pub(crate) fn choose(&self, call: &mut Call, target: Option<Place>, shader: &Pipeline) -> Place {
        call.candidates = vec![Candidate::idle(Place::Cpu)];
        #[cfg(feature = "gpu")]
        if target != Some(Place::Cpu) {
            match self.gpus.poll() {
                None => call.notes.push("GPUs are still being searched for; ran on the CPU meanwhile".to_owned()),
                Some(found) => {
                    self.adopt(found);
                    for gpu in &found.gpus {
                        let place = Place::Gpu(gpu.index);
                        if target.map_or(!gpu.admitted, |t| t != place) {
                            continue;
                        }
                        let device = gpu.device();
                        if target.is_none() && device.is_none() {
                            continue; // lost; it is being opened again
                        }
                        call.candidates.push(Candidate {
                            place,
                            queued_ns: device.map_or(0, |d| d.queued().estimated_ns),
                            ready: true,
                            software_admitted: true, // only where it is admitted or forced
                        });
                    }
                }
            }
        }
        if let Some(place) = target {
            return place;
        }
        let route = |candidates: &[Candidate]| {
            let model = || Guard(self.model.read().unwrap_or_else(PoisonError::into_inner));
            self.decider.route(model, &call.work, &call.residency, candidates)
        };
        let place = if call.candidates.len() == 1 { Place::Cpu } else { route(&call.candidates) };
        #[cfg(feature = "gpu")]
        if let Place::Gpu(index) = place {
            let Some(device) = self.gpus.poll().and_then(|found| found.gpu(index)).and_then(super::gpus::Gpu::device)
            else {
                return Place::Cpu; // lost since the line above
            };
            if device.is_ready(shader.key) {
                return place;
            }
            let note = match device.prepare(shader) {
                crate::device::PipelineState::Ready => return place,
                // The program's own text: its author is told, by the device's error.
                crate::device::PipelineState::Failed(_) if call.hand_written => return place,
                crate::device::PipelineState::Building => {
                    "its pipeline is being built; ran on the CPU meanwhile".to_owned()
                }
                crate::device::PipelineState::Failed(error) => {
                    format!("its pipeline cannot be built ({error}); ran on the CPU")
                }
            };
            call.notes.push(note);
            return Place::Cpu;
        }
        place
    }

    /// Takes newly found GPUs into the model, once.
    #[cfg(feature = "gpu")]
    pub(crate) fn adopt(&self, found: &super::gpus::Found) {
        if self.model.read().unwrap_or_else(PoisonError::into_inner).complete {
            return;
        }
        let gpus: Vec<_> = found.gpus.iter().map(|gpu| crate::calibrate::host::adapter(&gpu.info)).collect();
        let mut model = self.model.write().unwrap_or_else(PoisonError::into_inner);
        if !model.complete {
            model.rebuild(&gpus);
            model.complete = true;
        }
    }

    /// The predicted time of a call, nanoseconds; 0 where nothing is known.
    #[cfg(feature = "gpu")]
    pub(crate) fn predicted(&self, work: &Work, residency: &Residency, place: Place) -> u64 {
        let model = self.model.read().unwrap_or_else(PoisonError::into_inner);
        model.cost.estimate(work, place, residency, 0, true).map_or(0, |e| e.mean_ns)
    }

    /// Runs a call on a GPU. `Ok(false)`: the CPU twin is to run, for the reason that was noted in the call.
    ///
    /// # Errors
    /// The device's failure, if `forced`.
    #[cfg(feature = "gpu")]
    pub(crate) fn on_gpu(
        &self,
        index: u32,
        call: &mut Call,
        forced: bool,
        run: impl FnOnce(&crate::device::Device) -> Result<super::windows::Observed, Failure>,
    ) -> Result<bool> {
        use crate::device::DeviceError;
        let Some(gpu) = self.gpus.wait().gpu(index) else {
            return Ok(false);
        };
        let name = &gpu.info.name;
        let started = Instant::now();
        let opened =
            if forced { gpu.open() } else { gpu.device().ok_or_else(|| "it was lost and is closed now".to_owned()) };
        let outcome = opened.map_err(Failure::Refused).and_then(|device| run(&device));
        let failure = match outcome {
            Ok(observed) => {
                let ns = started.elapsed().as_nanos() as u64;
                self.observe(call, Place::Gpu(index), ns, observed.compile_ns > 0, observed.bytes);
                return Ok(true);
            }
            Err(failure) => failure,
        };
        let (reason, error) = match failure {
            Failure::Twin(reason) => (reason, None),
            Failure::Refused(reason) => {
                let error = Error::Device { device: name.clone(), reason: reason.clone() };
                (reason, Some(error))
            }
            Failure::Device(error) => {
                if matches!(error, DeviceError::Lost { .. }) {
                    gpu.lost();
                }
                let reason = error.to_string();
                let error = match error {
                    DeviceError::Shader { name: kernel, reason } => Error::Shader { kernel, reason },
                    _ => Error::Device { device: name.clone(), reason: reason.clone() },
                };
                (reason, Some(error))
            }
        };
        match error {
            Some(error) if forced => Err(error),
            // Shaders of `#[veda::kernel]` are veda's own: if a driver rejects one, the twin runs. A text that the
            // program brought is the program's error.
            Some(error @ Error::Shader { .. }) if call.hand_written => Err(error),
            _ => {
                call.notes.push(format!("{name}: {reason}; ran on the CPU instead"));
                Ok(false)
            }
        }
    }

    /// Starts the clock of a call that runs on the CPU.
    pub(crate) fn ticket(self: &Arc<Self>, call: Call) -> Ticket {
        Ticket(Some(Box::new(Open { inner: Arc::clone(self), call, started: Instant::now() })))
    }

    /// Books a finished call: metrics, explanation, model.
    fn observe(&self, call: &mut Call, place: Place, ns: u64, warm_up: bool, bytes: (u64, u64)) {
        let decision = session::active().then(|| {
            let model = self.model.read().unwrap_or_else(PoisonError::into_inner);
            let (work, residency) = (&call.work, &call.residency);
            decide(&model.cost, work, residency, &call.candidates).with_flip(
                &model.cost,
                work,
                residency,
                &call.candidates,
            )
        });
        self.book(call, &call.rest(), place, ns, warm_up, bytes);
        if let Some(decision) = decision {
            session::push(CallExplanation {
                kernels: std::mem::take(&mut call.kernels),
                elements: call.work.elements,
                ran_on: place,
                decision,
                notes: std::mem::take(&mut call.notes),
                observed_ns: Some(ns),
            });
        }
    }

    /// Books `work`, a call or a part of it: metrics, account, model.
    pub(super) fn book(&self, call: &Call, work: &Work, place: Place, ns: u64, warm_up: bool, (up, down): (u64, u64)) {
        let estimates: Vec<_> = {
            let model = self.model.read().unwrap_or_else(PoisonError::into_inner);
            let estimate = |c: &Candidate| {
                Some((c.place, model.cost.estimate(work, c.place, &call.residency, c.queued_ns, c.ready)?))
            };
            call.candidates.iter().filter_map(estimate).collect()
        };
        let predicted = estimates.iter().find(|(p, _)| *p == place).map(|(_, e)| e);
        let alternative = estimates.iter().filter(|(p, _)| *p != place).map(|(_, e)| e.mean_ns).min();
        self.device_metrics(place).batch(&Batch {
            elements: work.elements,
            uploaded: up,
            downloaded: down,
            observed_ns: ns,
            predicted_ns: predicted.map_or(0, |e| e.mean_ns),
            alternative_ns: alternative.unwrap_or(0),
            covered: predicted.is_some_and(|e| (e.lo_ns..=e.hi_ns).contains(&ns)),
        });
        if self.learning == Learning::Off {
            return;
        }
        self.account.ran(ns);
        if ns >= SHORTEST_NS && call.candidates.len() > 1 {
            self.account.want(work.key);
        }
        let contended = call.candidates.iter().any(|c| c.place == place && c.queued_ns > 0);
        let seen = Observation { place, observed_ns: ns, warm_up, contended };
        let stale = {
            let mut model = match self.model.try_write() {
                Ok(model) => model,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    // Other threads learn or decide right now. One call more or less of a kernel that is well known
                    // changes nothing, and is left out whatever it took, so that nothing is biased.
                    let model = self.model.read().unwrap_or_else(PoisonError::into_inner);
                    if model.cost.observations(work, place, &call.residency) >= KNOWN {
                        return;
                    }
                    drop(model);
                    self.model.write().unwrap_or_else(PoisonError::into_inner)
                }
            };
            model.cost.observe(work, &call.residency, &seen)
        };
        if stale {
            self.decider.invalidate(work.key);
        }
    }

    /// The counters of a place. A short lock; once per routed call.
    fn device_metrics(&self, place: Place) -> Arc<DeviceMetrics> {
        match place {
            Place::Cpu => self.metrics.device("CPU"),
            #[cfg(feature = "gpu")]
            Place::Gpu(index) => {
                let gpu = self.gpus.peek().and_then(|found| found.gpu(index));
                self.metrics.device(gpu.map_or("GPU", |g| g.label.as_str()))
            }
            #[cfg(not(feature = "gpu"))]
            Place::Gpu(_) => self.metrics.device("GPU"),
        }
    }
}

/// A read guard that the decider can look through.
struct Guard<'a>(std::sync::RwLockReadGuard<'a, super::model::Model>);
impl std::ops::Deref for Guard<'_> {
    type Target = CostModel;
    fn deref(&self) -> &CostModel {
        &self.0.cost
    }
}
