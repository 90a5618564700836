//! One routed call: estimate, decide, run, observe, explain.

use std::sync::Arc;
use std::time::Instant;

use veda_kernels_ir::ast::Ty;

use super::shaders::Prepared;
use super::{Inner, Runtime, session};
use crate::error::{Error, Result};
use crate::kernel::assemble::{self, Checks};
use crate::kernel::pipe::{Pipe, StageKind};
use crate::kernel::place::Place;
use crate::kernel::terminal::Terminal;
use crate::planner::{Bytes, Candidate, Explanation, Observation, OutputKind, Residency, Work};

/// What became of a routed call.
#[derive(Debug)]
pub enum Routed {
    /// A device ran it; the sink has the result.
    Done,
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
struct Call {
    name: String,
    work: Work,
    residency: Residency,
    candidates: Vec<Candidate>,
    forced: bool,
    notes: Vec<String>,
}

impl Ticket {
    /// The CPU run is over.
    pub fn finish(self) {
        if let Some(open) = self.0 {
            let ns = open.started.elapsed().as_nanos() as u64;
            open.inner.observe(open.call, Place::Cpu, ns, false);
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
        let inner = &self.inner;
        let forced = forced.or(inner.forced);
        let mut notes = Vec::new();
        if pipe.space.is_empty() || (!inner.watches() && inner.cannot_offload(forced)) {
            return Ok(Routed::Cpu(Ticket(None)));
        }
        let prepared = match inner.shaders.get(pipe, terminal, inner.checks(pipe)) {
            Ok(prepared) => prepared,
            Err(reason) if matches!(forced, Some(Place::Gpu(_))) => {
                return Err(Error::Link { kernel: assemble::name(pipe), reason: reason.to_string() });
            }
            Err(_) => return Ok(Routed::Cpu(Ticket(None))),
        };
        let (work, residency) = describe(pipe, terminal, &prepared);
        let candidates = inner.candidates(&prepared, forced, &mut notes)?;
        let place = inner.decide(&work, &residency, &candidates);
        let mut call = Call {
            name: prepared.assembled.name.clone(),
            work,
            residency,
            candidates,
            forced: forced.is_some(),
            notes,
        };
        #[cfg(feature = "gpu")]
        if let Place::Gpu(index) = place {
            use super::windows::{self, WindowError};
            let predicted = inner.predicted(&call, place);
            let gpu = inner.gpus.wait().gpus.iter().find(|g| g.index == index).cloned();
            let run = gpu.as_ref().and_then(|g| g.device()).map(|device| {
                let started = Instant::now();
                let run = windows::run(&device, &prepared, pipe, terminal, predicted, sink);
                (started.elapsed().as_nanos() as u64, run)
            });
            let reason = match run {
                Some((ns, Ok(observed))) => {
                    inner.moved(index, observed.bytes);
                    inner.observe(call, place, ns, observed.compile_ns > 0);
                    return Ok(Routed::Done);
                }
                Some((_, Err(error))) => {
                    if let (Some(gpu), WindowError::Device(crate::device::DeviceError::Lost { .. })) = (&gpu, &error) {
                        gpu.lost();
                    }
                    match error {
                        // The twin raises the panic, with kernel, index and length.
                        WindowError::Check => "a run-time check failed on the device".to_owned(),
                        error => error.to_string(),
                    }
                }
                None => "the device is lost and being opened again".to_owned(),
            };
            inner.fell_back(index);
            call.notes.push(format!("{reason}; ran on the CPU instead"));
        }
        let _ = (place, &sink);
        Ok(Routed::Cpu(Ticket(Some(Box::new(Open { inner: Arc::clone(inner), call, started: Instant::now() })))))
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
    let counts = &prepared.assembled.counts;
    let in_bytes = host(false).map(|b| b.host_stride() as f64).sum();
    let work = Work {
        key: prepared.key,
        elements,
        groups: elements.div_ceil(u64::from(assemble::TILE)),
        ops: super::costs::ops(counts),
        in_bytes,
        out_bytes: if prepared.assembled.element == Ty::Bool && !terminal.reduces() { 1.0 } else { 4.0 },
        gather_bytes: 4.0 * counts.loads,
        loops_unbounded: counts.unbounded,
        output,
    };
    let fixed = host(true).map(|b| 4.0 * b.len as f64).sum();
    let residency = Residency { host: Bytes { fixed, per_element: in_bytes }, ..Residency::default() };
    (work, residency)
}

impl Inner {
    /// Which checks a pipe's shader needs here.
    fn checks(&self, pipe: &Pipe<'_>) -> Checks {
        Checks { bounds: pipe.stages.iter().any(|s| s.desc.debug), loop_budget: self.loop_budget() }
    }

    /// Books a finished call: model, metrics, explanation.
    fn observe(&self, call: Call, place: Place, ns: u64, warm_up: bool) {
        let contended = call.candidates.iter().any(|c| c.place == place && c.queued_ns > 0);
        let seen = Observation { place: self.slot(place), observed_ns: ns, warm_up, contended };
        let decision = session::active().then(|| self.explained(&call));
        let stale = self.model(|model| model.observe(&call.work, &call.residency, &seen));
        if stale {
            self.decider.invalidate(call.work.key);
        }
        self.metrics.batch(place, call.work.elements, ns);
        if let Some(decision) = decision {
            session::push(Explanation::new(call.name, call.work, decision, place, ns, call.forced, call.notes));
        }
    }
}
