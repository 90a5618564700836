//! Turns commands into lists for the submit thread, on the calling thread: staging, uniforms, bind groups.
//!
//! Uploads and uniforms of a list share one staging chunk; the uniforms are copied from it into one buffer and found
//! again by their contents. Bind groups do not depend on them (their offsets are dynamic), so a loop of a thousand
//! dispatches that take turns with two buffers needs two bind groups.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZeroU64;
use std::sync::Arc;

use super::Shared;
use super::buffer::{DeviceBuffer, Resident};
use super::commands::{BufferBinding, Command, check, uniform_span};
use super::counters::add;
use super::error::{DeviceError, from_wgpu, scoped};
use super::job::{Pass, Shader};
use super::list::{List, Step};
use super::pending::Pending;
use super::pipelines::Compiled;
use super::pool::{Lease, Patience, Usage};
use super::run::Queued;
use super::staging::{Packer, Part};
use super::submit::{Copy, Work};
use super::ticket::{Held, Ticket};

/// A list that stages more is handed over in parts: the device copies one while the host fills the next.
const PART: u64 = 64 << 20;
/// A part never gets smaller than this, however little room there is.
const SMALLEST_PART: u64 = 4 << 10;
/// Staging that one list may have in flight, unless an eighth of the budget is more.
const IN_FLIGHT: u64 = 4 * PART;
/// Mapped ranges start at multiples of 8.
const ALIGN: u64 = 8;

pub(super) fn submit(
    shared: &Arc<Shared>,
    commands: &[Command<'_>],
    predicted_ns: u64,
) -> Result<Pending, DeviceError> {
    shared.check_lost()?;
    check(commands, shared)?;
    let mut compiled: HashMap<u64, Arc<Compiled>> = HashMap::new();
    for command in commands {
        if let Command::Dispatch { shader, .. } = command
            && let Entry::Vacant(entry) = compiled.entry(shader.key)
        {
            entry.insert(shared.pipelines.get(shader, shared)?.0);
        }
    }
    let (lease, downloads) = reserve_downloads(shared, commands)?;
    let mut recorder = Recorder::new(shared, &compiled);
    let mut download = downloads.iter();
    for command in commands {
        match *command {
            Command::Upload { data, to, offset } => recorder.upload(data, to, offset)?,
            Command::Zero { bytes: 0, .. } | Command::Copy { bytes: 0, .. } | Command::Dispatch { passes: [], .. } => {}
            Command::Zero { buffer, offset, bytes } => {
                let bytes = bytes.next_multiple_of(4);
                let buffer = recorder.uses(buffer);
                recorder.part.list.steps.push(Step::Clear { buffer, offset, bytes });
            }
            Command::Copy { from, from_offset, to, to_offset, bytes } => {
                let copy = Copy {
                    from: (recorder.uses(from), from_offset),
                    to: (recorder.uses(to), to_offset),
                    bytes: bytes.next_multiple_of(4),
                };
                recorder.part.list.steps.push(Step::Copy(copy));
            }
            Command::Download { from, offset, bytes } => {
                if let (Some(part), Some(lease), 1..) = (download.next(), &lease, bytes) {
                    let copy = Copy {
                        from: (recorder.uses(from), offset),
                        to: (lease.buffer(part.buffer).clone(), part.offset),
                        bytes: bytes.next_multiple_of(4),
                    };
                    recorder.part.list.steps.push(Step::Copy(copy));
                }
            }
            Command::Dispatch { shader, bindings, passes } => recorder.dispatch(shader, bindings, passes)?,
        }
    }
    let maps = lease.iter().flat_map(Lease::buffers).map(|pooled| (pooled.buffer.clone(), wgpu::MapMode::Read));
    let queued = Queued::new(Arc::clone(shared), predicted_ns);
    recorder.flush(maps.collect(), predicted_ns, Some(queued))?;
    add(&shared.counters.lists, 1);
    let tickets = recorder.flying.into_iter().map(|(ticket, _)| ticket).collect();
    Ok(Pending::new(Arc::clone(shared), tickets, lease, downloads))
}

/// Host memory for all downloads and where each lies in it. It is held until somebody reads it.
fn reserve_downloads(
    shared: &Arc<Shared>,
    commands: &[Command<'_>],
) -> Result<(Option<Lease>, Vec<Part>), DeviceError> {
    let mut packer = Packer::new(Usage::Download);
    let mut wants = Vec::new();
    let mut parts = Vec::new();
    for command in commands {
        if let Command::Download { bytes, .. } = *command {
            let padded = bytes.next_multiple_of(4);
            let part = packer.place(&mut wants, padded);
            parts.push(Part { bytes, ..part });
        }
    }
    if wants.is_empty() {
        return Ok((None, parts));
    }
    let lease = Lease::acquire_with(shared, &wants, &[], Patience::Urgent, true)?;
    Ok((Some(lease), parts))
}

/// A bind group before its uniforms have a buffer.
#[derive(Debug)]
struct Group {
    compiled: Arc<Compiled>,
    /// Buffer (`None`: the one of all uniforms), offset, bytes.
    resources: Vec<(Option<wgpu::Buffer>, u64, u64)>,
}

/// What was recorded since the last hand-over.
#[derive(Debug, Default)]
struct Recorded<'a> {
    name: Option<String>,
    /// Without its bind groups and staging chunk.
    list: List,
    groups: Vec<Group>,
    /// The groups by shader and resources.
    known: HashMap<Vec<(u64, u64, u64)>, usize>,
    residents: HashMap<usize, Arc<Resident>>,
    /// Uploads by their place in the staging chunk.
    staged: Vec<(u64, &'a [u8])>,
    staged_bytes: u64,
    /// Uniforms by their place among the uniforms.
    uniforms: HashMap<&'a [u8], u64>,
    uniform_bytes: u64,
}

struct Recorder<'a> {
    shared: &'a Arc<Shared>,
    compiled: &'a HashMap<u64, Arc<Compiled>>,
    uniform_alignment: u64,
    /// Bytes that this part may stage.
    limit: u64,
    part: Recorded<'a>,
    key: Vec<(u64, u64, u64)>,
    /// Parts that were handed over, with their staging bytes.
    flying: Vec<(Arc<Ticket>, u64)>,
    /// How many of them were waited for.
    landed: usize,
}

impl<'a> Recorder<'a> {
    fn new(shared: &'a Arc<Shared>, compiled: &'a HashMap<u64, Arc<Compiled>>) -> Self {
        Self {
            shared,
            compiled,
            uniform_alignment: shared.wgpu.limits().min_uniform_buffer_offset_alignment.max(16).into(),
            limit: part_limit(shared),
            part: Recorded::default(),
            key: Vec::new(),
            flying: Vec::new(),
            landed: 0,
        }
    }

    /// Keeps a buffer alive until the part is done.
    fn uses(&mut self, buffer: &DeviceBuffer) -> wgpu::Buffer {
        let resident = self.part.residents.entry(buffer.id()).or_insert_with(|| Arc::clone(buffer.resident()));
        resident.buffer().clone()
    }

    /// Hands over what was recorded unless `bytes` more can be staged.
    fn make_room(&mut self, bytes: u64) -> Result<(), DeviceError> {
        // Uniforms are there twice: in the chunk and in their buffer.
        let used = self.part.staged_bytes + 2 * self.part.uniform_bytes;
        if used > 0 && used + bytes > self.limit {
            self.flush(Vec::new(), 0, None)?;
        }
        Ok(())
    }

    fn upload(&mut self, data: &'a [u8], to: &DeviceBuffer, mut offset: u64) -> Result<(), DeviceError> {
        let mut rest = data;
        while !rest.is_empty() {
            self.make_room((rest.len() as u64).min(self.limit))?;
            let cut = usize::try_from(self.limit).unwrap_or(usize::MAX).min(rest.len());
            let (piece, more) = rest.split_at(cut);
            let (at, bytes) = (self.part.staged_bytes, (cut as u64).next_multiple_of(4));
            let buffer = self.uses(to);
            self.part.list.steps.push(Step::Stage { at, to: (buffer, offset), bytes });
            self.part.staged.push((at, piece));
            self.part.staged_bytes = (at + bytes).next_multiple_of(ALIGN);
            offset += bytes;
            rest = more;
        }
        Ok(())
    }

    fn dispatch(
        &mut self,
        shader: &Shader,
        bindings: &[BufferBinding<'a>],
        passes: &[Pass],
    ) -> Result<(), DeviceError> {
        let uniforms = bindings.iter().filter_map(|binding| match binding {
            BufferBinding::Uniform(data) => Some(uniform_span(data).next_multiple_of(self.uniform_alignment)),
            BufferBinding::Buffer { .. } => None,
        });
        self.make_room(2 * uniforms.sum::<u64>())?;
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        key.push((shader.key, 0, 0));
        let compiled = &self.compiled[&shader.key];
        let first_offset = self.part.list.offsets.len();
        for binding in bindings {
            key.push(match *binding {
                BufferBinding::Uniform(data) => {
                    let part = &mut self.part;
                    let at = *part.uniforms.entry(data).or_insert_with(|| {
                        let at = part.uniform_bytes;
                        part.uniform_bytes = (at + uniform_span(data)).next_multiple_of(self.uniform_alignment);
                        at
                    });
                    if compiled.dynamic > 0 {
                        // A part stages far less than 4 GiB.
                        part.list.offsets.push(at as u32);
                        (0, 0, uniform_span(data))
                    } else {
                        (0, at, uniform_span(data))
                    }
                }
                BufferBinding::Buffer { buffer, bytes: 0, .. } => (buffer.id() as u64, 0, 16),
                BufferBinding::Buffer { buffer, offset, bytes } => {
                    (buffer.id() as u64, offset, bytes.next_multiple_of(4))
                }
            });
        }
        let known = self.part.known.get(&key).copied();
        let group = known.unwrap_or_else(|| {
            let resources = bindings.iter().zip(&key[1..]).map(|(binding, &(_, offset, bytes))| match binding {
                BufferBinding::Uniform(_) => (None, offset, bytes),
                BufferBinding::Buffer { buffer, .. } => (Some(self.uses(buffer)), offset, bytes),
            });
            let resources = resources.collect();
            let group = self.part.groups.len();
            self.part.groups.push(Group { compiled: Arc::clone(compiled), resources });
            self.part.known.insert(key.clone(), group);
            group
        });
        self.key = key;
        self.part.name.get_or_insert_with(|| shader.name.clone());
        let compiled = Arc::clone(compiled);
        let list = &mut self.part.list;
        let first_pass = list.passes.len();
        list.passes.extend_from_slice(passes);
        let (offsets, passes) = (first_offset..list.offsets.len(), first_pass..list.passes.len());
        list.steps.push(Step::Dispatch { compiled, group, offsets, passes });
        Ok(())
    }

    /// Stages what was recorded and hands it to the submit thread.
    fn flush(
        &mut self,
        mut map: Vec<(wgpu::Buffer, wgpu::MapMode)>,
        predicted_ns: u64,
        queued: Option<Queued<Arc<Shared>>>,
    ) -> Result<(), DeviceError> {
        let shared = self.shared;
        let mut part = std::mem::take(&mut self.part);
        let name = part.name.clone().unwrap_or_else(|| "commands".to_owned());
        let staged = part.staged_bytes + part.uniform_bytes;
        self.wait_for_own(staged)?;
        let mut list = std::mem::take(&mut part.list);
        let mut lease = None;
        if staged > 0 {
            let mut wants = vec![(Usage::Upload, staged)];
            if part.uniform_bytes > 0 {
                wants.push((Usage::Uniform, part.uniform_bytes));
            }
            let taken = Lease::acquire_with(shared, &wants, &[], Patience::Urgent, false)?;
            stage(shared, &part, taken.buffer(0), staged, &name)?;
            if part.uniform_bytes > 0 {
                let from = (taken.buffer(0).clone(), part.staged_bytes);
                let to = (taken.buffer(1).clone(), 0);
                list.uniforms = Some(Copy { from, to, bytes: part.uniform_bytes });
            }
            list.chunk = Some(taken.buffer(0).clone());
            map.push((taken.buffer(0).clone(), wgpu::MapMode::Write));
            lease = Some(taken);
        }
        let uniforms = lease.as_ref().filter(|_| part.uniform_bytes > 0).map(|lease| lease.buffer(1));
        list.groups = bind_groups(shared, &part.groups, uniforms, &name)?;
        let held = Held { staging: lease, residents: part.residents.into_values().collect(), abandoned: None, queued };
        let ticket = Ticket::holding(Some(held));
        self.flying.push((Arc::clone(&ticket), staged));
        let work = Work {
            ticket,
            name,
            up: Vec::new(),
            clear: Vec::new(),
            dispatch: None,
            down: Vec::new(),
            list: Some(list),
            map,
            predicted_ns,
        };
        shared.line.enqueue(work, shared)?;
        self.limit = part_limit(shared);
        Ok(())
    }

    /// Waits for the oldest parts of this list while too much staging of it is in flight.
    fn wait_for_own(&mut self, more: u64) -> Result<(), DeviceError> {
        let most = IN_FLIGHT.max(self.shared.info.memory_budget / 8);
        while let Some((oldest, _)) = self.flying.get(self.landed) {
            let flying: u64 = self.flying[self.landed..].iter().map(|&(_, bytes)| bytes).sum();
            if flying + more <= most {
                break;
            }
            oldest.wait()?;
            self.landed += 1;
        }
        Ok(())
    }
}

/// Bytes that a part may stage: as much as fits beside what is held, rounded up to size classes.
fn part_limit(shared: &Shared) -> u64 {
    let room = shared.pool.beside_held() / 4 * 3;
    room.clamp(SMALLEST_PART, PART).min(shared.info.limits.max_buffer_bytes) / ALIGN * ALIGN
}

/// Copies uploads and uniforms into the mapped chunk and unmaps it.
fn stage(
    shared: &Shared,
    part: &Recorded<'_>,
    chunk: &wgpu::Buffer,
    bytes: u64,
    name: &str,
) -> Result<(), DeviceError> {
    let (result, error) = scoped(&shared.wgpu, || {
        let mut view = chunk
            .get_mapped_range_mut(0..bytes.next_multiple_of(ALIGN))
            .map_err(|error| DeviceError::Validation { name: name.to_owned(), reason: error.to_string() })?;
        let mut put = |at: u64, data: &[u8], align: usize| {
            let at = at as usize;
            view.slice(at..at + data.len()).copy_from_slice(data);
            // The padding, so that a result never depends on earlier bytes.
            let padding = data.len().next_multiple_of(align) - data.len();
            view.slice(at + data.len()..at + data.len() + padding).copy_from_slice(&[0; 16][..padding]);
            data.len() as u64
        };
        let mut total = 0;
        for &(at, data) in &part.staged {
            total += put(at, data, 4);
        }
        for (data, at) in &part.uniforms {
            total += put(part.staged_bytes + at, data, 16);
        }
        drop(view);
        chunk.unmap();
        add(&shared.counters.bytes_up, total);
        Ok(())
    });
    result?;
    error.map_or(Ok(()), |error| Err(from_wgpu(&error, name, 0)))
}

fn bind_groups(
    shared: &Shared,
    groups: &[Group],
    uniforms: Option<&wgpu::Buffer>,
    name: &str,
) -> Result<Vec<wgpu::BindGroup>, DeviceError> {
    let (made, error) = scoped(&shared.wgpu, || {
        let make = |group: &Group| {
            let entries: Vec<_> = group
                .resources
                .iter()
                .zip(0..)
                .filter_map(|((buffer, offset, bytes), binding)| {
                    let buffer = buffer.as_ref().or(uniforms)?;
                    let window = wgpu::BufferBinding { buffer, offset: *offset, size: NonZeroU64::new(*bytes) };
                    Some(wgpu::BindGroupEntry { binding, resource: wgpu::BindingResource::Buffer(window) })
                })
                .collect();
            let layout = &group.compiled.layout;
            shared.wgpu.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
        };
        groups.iter().map(make).collect()
    });
    error.map_or(Ok(made), |error| Err(from_wgpu(&error, name, 0)))
}
