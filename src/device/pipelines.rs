//! Shaders become pipelines once, on a thread of their own: a compile of hundreds of milliseconds must hold up neither
//! the jobs of other shaders nor a caller who would rather run on the CPU meanwhile.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::counters::add;
use super::error::{DeviceError, panic_message, scoped};
use super::exit::Working;
use super::job::{Shader, Slot};
use super::{Shared, nanos};

/// How far a shader is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipelineState {
    /// Jobs start at once.
    Ready,
    /// It is being compiled; a job would wait for it.
    Building,
    /// It was rejected; every job of it fails with this error.
    Failed(DeviceError),
}

/// Every device takes at least this many dynamic offsets.
pub(super) const MAX_DYNAMIC: usize = 8;

/// A shader's pipelines, one per entry.
#[derive(Debug)]
pub(super) struct Compiled {
    pub layout: wgpu::BindGroupLayout,
    /// How many offsets its bind group takes: one per uniform, so that dispatches with different uniforms share a bind
    /// group; none where there are more than [`MAX_DYNAMIC`].
    pub dynamic: usize,
    pub pipelines: Vec<wgpu::ComputePipeline>,
    ns: u64,
}

#[derive(Debug)]
enum Entry {
    Building,
    Done(Result<Arc<Compiled>, DeviceError>),
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<u64, Entry>,
    /// With a mark that the process must not end under the build.
    line: VecDeque<(Arc<Shader>, Working)>,
    closed: bool,
}

/// The pipeline cache of one device.
#[derive(Debug, Default)]
pub(super) struct Pipelines {
    state: Mutex<State>,
    changed: Condvar,
}

impl Pipelines {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, state: &mut State, shader: &Arc<Shader>) -> PipelineState {
        match state.entries.get(&shader.key) {
            Some(Entry::Done(Ok(_))) => PipelineState::Ready,
            Some(Entry::Done(Err(error))) => PipelineState::Failed(error.clone()),
            Some(Entry::Building) => PipelineState::Building,
            None => {
                state.entries.insert(shader.key, Entry::Building);
                state.line.push_back((Arc::clone(shader), Working::begin()));
                self.changed.notify_all();
                PipelineState::Building
            }
        }
    }

    /// Starts the build unless it was started before.
    pub(super) fn prepare(&self, shader: &Arc<Shader>) -> PipelineState {
        self.ask(&mut self.lock(), shader)
    }

    pub(super) fn is_ready(&self, key: u64) -> bool {
        matches!(self.lock().entries.get(&key), Some(Entry::Done(Ok(_))))
    }

    /// The pipelines; waits for the build. The time is `Some` where this call had to wait.
    pub(super) fn get(
        &self,
        shader: &Arc<Shader>,
        shared: &Shared,
    ) -> Result<(Arc<Compiled>, Option<u64>), DeviceError> {
        let mut state = self.lock();
        let mut waited = false;
        loop {
            if self.ask(&mut state, shader) != PipelineState::Building
                && let Some(Entry::Done(result)) = state.entries.get(&shader.key)
            {
                return result.clone().map(|compiled| {
                    let ns = waited.then_some(compiled.ns);
                    (compiled, ns)
                });
            }
            shared.check_lost()?;
            waited = true;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes those who wait, after a loss.
    pub(super) fn wake(&self) {
        // Taken so that no waiter sits between its check and its sleep.
        drop(self.lock());
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The build thread: ends when the device is dropped, after the build in progress.
    pub(super) fn build_loop(&self, shared: &Shared) {
        loop {
            let (shader, _working) = {
                let mut state = self.lock();
                loop {
                    if state.closed {
                        return;
                    }
                    match state.line.pop_front() {
                        Some(next) => break next,
                        None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                    }
                }
            };
            let start = Instant::now();
            // A panic in a shader compiler fails that shader, not the thread.
            let result = catch_unwind(AssertUnwindSafe(|| compile(&shader, shared, start))).unwrap_or_else(|panic| {
                Err(DeviceError::Shader { name: shader.name.clone(), reason: panic_message(&*panic) })
            });
            add(&shared.counters.compiles, 1);
            add(&shared.counters.compile_ns, nanos(start.elapsed()));
            // On a lost device everything is invalid without an error.
            let result = shared.check_lost().and(result);
            self.lock().entries.insert(shader.key, Entry::Done(result.map(Arc::new)));
            self.changed.notify_all();
        }
    }
}

fn compile(shader: &Shader, shared: &Shared, start: Instant) -> Result<Compiled, DeviceError> {
    let device = &shared.wgpu;
    let rejected = |error: wgpu::Error| match error {
        wgpu::Error::OutOfMemory { .. } => DeviceError::OutOfMemory { bytes: 0 },
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            DeviceError::Shader { name: shader.name.clone(), reason: description.trim().to_owned() }
        }
    };
    let (module, error) = scoped(device, || {
        let source = wgpu::ShaderSource::Wgsl((&*shader.wgsl).into());
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(&shader.name), source };
        if shader.is_trusted() && !cfg!(debug_assertions) {
            // SAFETY: `Shader::trusted` is unsafe, and its contract is this function's: the source guards its own
            // indices, divisions and loops.
            unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
        } else {
            device.create_shader_module(descriptor)
        }
    });
    if let Some(error) = error {
        return Err(rejected(error));
    }
    let (compiled, error) = scoped(device, || {
        let uniforms = shader.slots.iter().filter(|&&slot| slot == Slot::Uniform).count();
        let dynamic = if uniforms <= MAX_DYNAMIC { uniforms } else { 0 };
        let entries: Vec<_> =
            shader.slots.iter().zip(0..).map(|(slot, binding)| slot_entry(*slot, binding, dynamic > 0)).collect();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(&shader.name),
            entries: &entries,
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(&shader.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipelines = shader.entries.iter().map(|entry| {
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&shader.name),
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some(entry),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
        });
        Compiled { pipelines: pipelines.collect(), layout, dynamic, ns: nanos(start.elapsed()) }
    });
    match error {
        Some(error) => Err(rejected(error)),
        None => Ok(compiled),
    }
}

fn slot_entry(slot: Slot, binding: u32, dynamic: bool) -> wgpu::BindGroupLayoutEntry {
    let ty = match slot {
        Slot::Uniform => wgpu::BufferBindingType::Uniform,
        Slot::Read => wgpu::BufferBindingType::Storage { read_only: true },
        Slot::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
    };
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset: dynamic && slot == Slot::Uniform,
            min_binding_size: None,
        },
        count: None,
    }
}
