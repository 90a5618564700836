//! The life of a job on the calling thread: check, compile, get buffers, copy in, hand over, wait, hand out.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::counters::add;
use super::error::{DeviceError, from_wgpu, scoped};
use super::job::{Binding, Job, Read, Timing, check, span};
use super::pool::{Lease, Usage};
use super::staging::{Layout, Part, layout};
use super::submit::{Copy, Dispatch, Work};
use super::ticket::Ticket;
use super::{Shared, nanos};

/// Counts work as queued while it lives, unwinding included.
#[derive(Debug)]
pub(super) struct Queued<S: Deref<Target = Shared>>(S, u64);

impl<S: Deref<Target = Shared>> Queued<S> {
    pub(super) fn new(shared: S, ns: u64) -> Self {
        shared.queued_jobs.fetch_add(1, Relaxed);
        shared.queued_ns.fetch_add(ns, Relaxed);
        Self(shared, ns)
    }
}

impl<S: Deref<Target = Shared>> Drop for Queued<S> {
    fn drop(&mut self) {
        self.0.queued_jobs.fetch_sub(1, Relaxed);
        self.0.queued_ns.fetch_sub(self.1, Relaxed);
    }
}

pub(super) fn run(
    shared: &Arc<Shared>,
    job: &Job<'_>,
    read: &mut dyn FnMut(usize, &[u8]),
) -> Result<Timing, DeviceError> {
    let start = Instant::now();
    check(job, &shared.info)?;
    shared.check_lost()?;
    let _queued = Queued::new(&**shared, job.predicted_ns);
    let mut timing = Timing::default();
    let compiled = if job.passes.is_empty() {
        None
    } else {
        let (compiled, ns) = shared.pipelines.get(job.shader, shared)?;
        timing.compile_ns = ns;
        Some(compiled)
    };

    let upload = Instant::now();
    let plan = layout(job.bindings, shared.info.unified_memory);
    let mut lease = Lease::acquire(shared, &plan.wants, &plan.later)?;
    timing.bytes_up = write_inputs(shared, job, &plan, &lease)?;
    let dispatch = match compiled {
        None => None,
        Some(compiled) => {
            let (group, error) = scoped(&shared.wgpu, || bind_group(shared, job, &lease, &compiled.layout));
            if let Some(error) = error {
                return Err(from_wgpu(&error, &job.shader.name, 0));
            }
            Some(Dispatch { compiled, group, passes: job.passes.to_vec() })
        }
    };
    let work = work(job, &plan, &lease, dispatch);
    let ticket = Arc::clone(&work.ticket);
    timing.upload_ns = nanos(upload.elapsed());

    let queued = Instant::now();
    shared.line.enqueue(work, shared)?;
    let times = ticket.wait()?;
    timing.queue_ns = nanos(times.submitted.saturating_duration_since(queued));
    timing.execute_ns = nanos(times.done.saturating_duration_since(times.submitted));

    let download = Instant::now();
    let outputs = fetch_late(shared, job, &plan, &mut lease)?;
    for (binding, part) in outputs {
        timing.bytes_down += part.bytes;
        hand_out(lease.buffer(part.buffer), part, &job.shader.name, &mut |data| read(binding, data))?;
    }
    timing.download_ns = nanos(download.elapsed());

    // Only what is mapped: wgpu reports an unmap of an unmapped buffer as an error.
    for (i, pooled) in lease.buffers().iter().enumerate() {
        let late = i >= plan.wants.len();
        if late || plan.reads(i) {
            pooled.buffer.unmap();
        }
    }
    lease.finish();
    add(&shared.counters.jobs, 1);
    add(&shared.counters.bytes_up, timing.bytes_up);
    add(&shared.counters.bytes_down, timing.bytes_down);
    timing.total_ns = nanos(start.elapsed());
    Ok(timing)
}

/// Copies uniforms and inputs into mapped memory and unmaps it; the number of bytes.
fn write_inputs(shared: &Shared, job: &Job<'_>, plan: &Layout, lease: &Lease) -> Result<u64, DeviceError> {
    let mut total = 0;
    let (result, error) = scoped(&shared.wgpu, || {
        for (binding, place) in job.bindings.iter().zip(&plan.places) {
            let (Binding::Uniform(data) | Binding::Input(data), Some(part)) = (binding, place.up) else { continue };
            let mut view = lease
                .buffer(part.buffer)
                .get_mapped_range_mut(part.offset..part.offset + part.bytes)
                .map_err(|error| invalid(&job.shader.name, &error))?;
            view.slice(..data.len()).copy_from_slice(data);
            // The padding, so that a result never depends on an earlier job's bytes.
            let padding = part.bytes as usize - data.len();
            view.slice(data.len()..).copy_from_slice(&[0; 16][..padding]);
            total += data.len() as u64;
        }
        for pooled in lease.buffers() {
            if pooled.usage.written_by_host() {
                pooled.buffer.unmap();
            }
        }
        Ok(())
    });
    result?;
    match error {
        Some(error) => Err(from_wgpu(&error, &job.shader.name, 0)),
        None => Ok(total),
    }
}

fn invalid(name: &str, error: &dyn std::fmt::Display) -> DeviceError {
    DeviceError::Validation { name: name.to_owned(), reason: error.to_string() }
}

fn bind_group(shared: &Shared, job: &Job<'_>, lease: &Lease, layout: &wgpu::BindGroupLayout) -> wgpu::BindGroup {
    let entries: Vec<_> = job
        .bindings
        .iter()
        .enumerate()
        .map(|(i, binding)| wgpu::BindGroupEntry {
            binding: i as u32,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: lease.buffer(i),
                offset: 0,
                // Not the whole buffer, which is larger: `arrayLength` is the caller's length.
                size: std::num::NonZeroU64::new(span(binding)),
            }),
        })
        .collect();
    shared.wgpu.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

/// The job in the submit thread's words.
fn work(job: &Job<'_>, plan: &Layout, lease: &Lease, dispatch: Option<Dispatch>) -> Work {
    let mut work = Work {
        ticket: Ticket::new(),
        name: job.shader.name.clone(),
        up: Vec::new(),
        clear: Vec::new(),
        dispatch,
        down: Vec::new(),
        list: None,
        map: Vec::new(),
        predicted_ns: job.predicted_ns,
    };
    let at = |buffer: usize, offset: u64| (lease.buffer(buffer).clone(), offset);
    let mut readable = vec![false; lease.buffers().len()];
    for (i, (binding, place)) in job.bindings.iter().zip(&plan.places).enumerate() {
        if let Some(part) = place.up.filter(|part| part.buffer != i) {
            work.up.push(Copy { from: at(part.buffer, part.offset), to: at(i, 0), bytes: part.bytes });
        }
        if let Some(part) = place.down {
            readable[part.buffer] = true;
            if part.buffer != i {
                work.down.push(Copy { from: at(i, 0), to: at(part.buffer, part.offset), bytes: part.bytes });
            }
        }
        if let Binding::Output { zero: true, .. } = binding {
            work.clear.push((lease.buffer(i).clone(), span(binding)));
        }
    }
    for &(source, word, part) in &plan.counts {
        readable[part.buffer] = true;
        // Else it is inside of what comes back anyway, or in unified memory.
        if part.buffer != source && plan.places[source].down.is_none() {
            let from = at(source, word as u64 * 4);
            work.down.push(Copy { from, to: at(part.buffer, part.offset), bytes: 4 });
        }
    }
    for (pooled, readable) in lease.buffers().iter().zip(readable) {
        if pooled.usage.written_by_host() {
            work.map.push((pooled.buffer.clone(), wgpu::MapMode::Write));
        } else if readable {
            work.map.push((pooled.buffer.clone(), wgpu::MapMode::Read));
        }
    }
    work
}

/// Where each output that is read lies, cut to its count; fetches the large counted ones that are still on the device.
fn fetch_late(
    shared: &Arc<Shared>,
    job: &Job<'_>,
    plan: &Layout,
    lease: &mut Lease,
) -> Result<Vec<(usize, Part)>, DeviceError> {
    let mut outputs = Vec::new();
    let mut late = Vec::new();
    for (i, (binding, place)) in job.bindings.iter().zip(&plan.places).enumerate() {
        let Binding::Output { bytes, read, .. } = *binding else { continue };
        let bytes = match read {
            Read::No => continue,
            Read::All => bytes,
            Read::Counted { binding, word, stride } => {
                let count = count(plan, lease, binding, word, &job.shader.name)?;
                u64::from(count).saturating_mul(stride).min(bytes)
            }
        };
        match place.down {
            Some(part) => outputs.push((i, Part { bytes, ..part })),
            // Nothing to fetch: an empty part of any buffer.
            None if bytes == 0 => outputs.push((i, Part { buffer: i, offset: 0, bytes: 0 })),
            None => {
                let buffer = lease.more(Usage::Download, bytes.next_multiple_of(4))?;
                outputs.push((i, Part { buffer, offset: 0, bytes }));
                late.push((i, buffer, bytes.next_multiple_of(4)));
            }
        }
    }
    if late.is_empty() {
        return Ok(outputs);
    }
    let copy = |&(from, to, bytes): &(usize, usize, u64)| Copy {
        from: (lease.buffer(from).clone(), 0),
        to: (lease.buffer(to).clone(), 0),
        bytes,
    };
    let trip = Work {
        ticket: Ticket::new(),
        name: job.shader.name.clone(),
        up: Vec::new(),
        clear: Vec::new(),
        dispatch: None,
        down: late.iter().map(copy).collect(),
        list: None,
        map: late.iter().map(|&(_, to, _)| (lease.buffer(to).clone(), wgpu::MapMode::Read)).collect(),
        predicted_ns: 0,
    };
    let ticket = Arc::clone(&trip.ticket);
    shared.line.enqueue(trip, shared)?;
    ticket.wait()?;
    Ok(outputs)
}

fn count(plan: &Layout, lease: &Lease, binding: usize, word: usize, name: &str) -> Result<u32, DeviceError> {
    let found = plan.counts.iter().find(|&&(source, at, _)| (source, at) == (binding, word));
    let Some(&(_, _, part)) = found else {
        return Err(invalid(name, &"a count was not planned"));
    };
    let mut count = 0;
    hand_out(lease.buffer(part.buffer), part, name, &mut |data| {
        count = data.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    })?;
    Ok(count)
}

/// Shows a part of a mapped buffer.
pub(super) fn hand_out(
    buffer: &wgpu::Buffer,
    part: Part,
    name: &str,
    read: &mut dyn FnMut(&[u8]),
) -> Result<(), DeviceError> {
    if part.bytes == 0 {
        read(&[]);
        return Ok(());
    }
    // Mapped ranges start at multiples of 8 and have multiples of 4 bytes.
    let start = part.offset & !7;
    let skip = (part.offset - start) as usize;
    let end = (part.offset + part.bytes).next_multiple_of(4);
    let view = buffer.get_mapped_range(start..end).map_err(|error| invalid(name, &error))?;
    read(&view[skip..skip + part.bytes as usize]);
    Ok(())
}
