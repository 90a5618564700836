//! Which devices there are, and what they are like.
//!
//! Nothing is loaded until somebody asks: the first [`Adapters::list`] creates the wgpu instance (55–245 ms where the
//! loader opens several drivers). The list is kept until a device is lost; then the next question starts afresh, since a
//! lost device makes its adapter unusable too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::DeviceError;

/// What kind of device it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A card with its own memory.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A part of a GPU, given to a virtual machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// A driver that runs shaders on the CPU: for tests.
    Software,
}

/// The interface that a device is driven through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backend {
    /// Vulkan.
    Vulkan,
    /// Metal.
    Metal,
    /// Direct3D 12.
    Dx12,
    /// Another one.
    Other,
}

/// A device's limits. Jobs beyond them are refused with `TooLarge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceLimits {
    /// Bytes of one storage binding.
    pub max_binding_bytes: u64,
    /// Bytes of one uniform binding.
    pub max_uniform_bytes: u64,
    /// Bytes of one buffer.
    pub max_buffer_bytes: u64,
    /// Storage bindings of one shader.
    pub max_storage_bindings: u32,
    /// Workgroups of one dispatch in each dimension.
    pub max_workgroups_per_dim: u32,
    /// Invocations of one workgroup.
    pub max_invocations: u32,
    /// Invocations of one workgroup in x, y and z.
    pub max_workgroup_size: [u32; 3],
    /// Bytes of `var<workgroup>` memory.
    pub max_workgroup_bytes: u32,
    /// Alignment of offsets into storage buffers, in bytes.
    pub storage_alignment: u32,
}

/// What shaders may use on a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "a list of independent capabilities")]
pub struct Capabilities {
    /// Subgroup operations.
    pub subgroups: bool,
    /// `subgroupBarrier`.
    pub subgroup_barrier: bool,
    /// `f16`.
    pub f16: bool,
    /// `f64`.
    pub f64: bool,
    /// `i16` and `u16`.
    pub i16: bool,
    /// `i64` and `u64`.
    pub i64: bool,
    /// All atomic operations on 64-bit integers.
    pub atomic_i64: bool,
    /// Atomic addition of `f32`.
    pub atomic_f32: bool,
}

/// A device as its driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// Position in [`Adapters::list`].
    pub index: usize,
    /// The device's name.
    pub name: String,
    /// PCI vendor id.
    pub vendor: u32,
    /// PCI device id.
    pub device: u32,
    /// Where it sits on the bus; empty where the driver does not say.
    pub pci_bus_id: String,
    /// The driver's name.
    pub driver: String,
    /// The driver's version, in its own words.
    pub driver_info: String,
    /// What it is driven through.
    pub backend: Backend,
    /// What kind of device it is.
    pub kind: Kind,
    /// Smallest subgroup; 0 without subgroups.
    pub subgroup_min: u32,
    /// Largest subgroup; 0 without subgroups.
    pub subgroup_max: u32,
    /// Whether the host writes and reads the device's own buffers, so that no staging copies are made.
    pub unified_memory: bool,
    /// What shaders may use.
    pub capabilities: Capabilities,
    /// The limits.
    pub limits: DeviceLimits,
    /// Bytes of the largest device-local heap, where the driver says.
    pub memory_bytes: Option<u64>,
    /// Bytes that veda may take: the default here, what was asked for on an opened device.
    pub memory_budget: u64,
}

/// The adapters of this machine.
#[derive(Debug)]
pub struct Adapters;

impl Adapters {
    /// All devices, best kind first, each once even where several drivers or backends offer it. Empty where there is no
    /// driver. The first call loads the drivers (tens to hundreds of milliseconds), later ones copy the list.
    pub fn list() -> Vec<DeviceInfo> {
        with_catalogue(|catalogue| catalogue.adapters.iter().map(|(_, info)| info.clone()).collect())
    }

    /// Looks again: for a card that was plugged in, or a driver that came back.
    pub fn refresh() -> Vec<DeviceInfo> {
        mark_stale();
        Self::list()
    }
}

struct Catalogue {
    // Keeps the drivers loaded while adapters of it exist.
    _instance: Option<wgpu::Instance>,
    adapters: Vec<(wgpu::Adapter, DeviceInfo)>,
}

static CATALOGUE: Mutex<Option<Catalogue>> = Mutex::new(None);
static STALE: AtomicBool = AtomicBool::new(false);

/// Makes the next question enumerate again.
pub(super) fn mark_stale() {
    STALE.store(true, Ordering::Release);
}

fn with_catalogue<R>(f: impl FnOnce(&Catalogue) -> R) -> R {
    let mut guard = CATALOGUE.lock().unwrap_or_else(PoisonError::into_inner);
    if STALE.swap(false, Ordering::AcqRel) {
        *guard = None;
    }
    f(guard.get_or_insert_with(enumerate))
}

/// The adapter of an index.
pub(super) fn adapter(index: usize) -> Result<(wgpu::Adapter, DeviceInfo), DeviceError> {
    with_catalogue(|catalogue| {
        catalogue.adapters.get(index).cloned().ok_or(DeviceError::NoAdapter { index, found: catalogue.adapters.len() })
    })
}

/// What veda asks for where the adapter has it. On a device with its own memory host-mapped buffers are up to 10 times
/// slower for the shader, so they are left out there.
pub(super) fn features(adapter: &wgpu::Adapter, unified: bool) -> wgpu::Features {
    use wgpu::Features as F;
    let mut wanted = F::SUBGROUP
        | F::SUBGROUP_BARRIER
        | F::SHADER_F16
        | F::SHADER_F64
        | F::SHADER_I16
        | F::SHADER_INT64
        | F::SHADER_INT64_ATOMIC_ALL_OPS
        | F::SHADER_INT64_ATOMIC_MIN_MAX
        | F::SHADER_FLOAT32_ATOMIC;
    if unified {
        wanted |= F::MAPPABLE_PRIMARY_BUFFERS;
    }
    wanted & adapter.features()
}

fn enumerate() -> Catalogue {
    // A driver that panics while it is asked is a driver that is not there.
    std::panic::catch_unwind(|| {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        // No driver-side validation layers in the user's debug builds, no indirect dispatch to check.
        descriptor.flags = wgpu::InstanceFlags::empty();
        let instance = wgpu::Instance::new(descriptor);
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
        let found = adapters.into_iter().map(|adapter| {
            let info = describe(&adapter);
            (adapter, info)
        });
        Catalogue {
            _instance: Some(instance),
            adapters: arrange(found.collect(), |(_, info)| info, |(_, info), i| info.index = i),
        }
    })
    .unwrap_or(Catalogue { _instance: None, adapters: Vec::new() })
}

/// Sorts by kind and backend, drops what another backend offers already, numbers the rest.
fn arrange<T>(mut found: Vec<T>, info: impl Fn(&T) -> &DeviceInfo, number: impl Fn(&mut T, usize)) -> Vec<T> {
    // Stable, so cards of one model keep the driver's order.
    found.sort_by_key(|x| (info(x).kind, info(x).backend));
    let mut kept: Vec<T> = Vec::new();
    for x in found {
        if !kept.iter().any(|old| same_device(info(old), info(&x))) {
            kept.push(x);
        }
    }
    for (i, x) in kept.iter_mut().enumerate() {
        number(x, i);
    }
    kept
}

/// Whether two adapters are one device. Two cards of one model on one backend are two devices.
fn same_device(a: &DeviceInfo, b: &DeviceInfo) -> bool {
    if !a.pci_bus_id.is_empty() && !b.pci_bus_id.is_empty() {
        return a.pci_bus_id == b.pci_bus_id;
    }
    a.backend != b.backend && a.vendor == b.vendor && a.device == b.device && a.name == b.name
}

fn describe(adapter: &wgpu::Adapter) -> DeviceInfo {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => Kind::Discrete,
        wgpu::DeviceType::IntegratedGpu => Kind::Integrated,
        wgpu::DeviceType::VirtualGpu => Kind::Virtual,
        wgpu::DeviceType::Cpu => Kind::Software,
        wgpu::DeviceType::Other => Kind::Other,
    };
    let backend = match info.backend {
        wgpu::Backend::Vulkan => Backend::Vulkan,
        wgpu::Backend::Metal => Backend::Metal,
        wgpu::Backend::Dx12 => Backend::Dx12,
        _ => Backend::Other,
    };
    let subgroups = features.contains(wgpu::Features::SUBGROUP);
    let memory_bytes = device_local_bytes(adapter);
    DeviceInfo {
        index: 0,
        name: info.name,
        vendor: info.vendor,
        device: info.device,
        pci_bus_id: info.device_pci_bus_id,
        driver: info.driver,
        driver_info: info.driver_info,
        backend,
        kind,
        subgroup_min: if subgroups { info.subgroup_min_size } else { 0 },
        subgroup_max: if subgroups { info.subgroup_max_size } else { 0 },
        unified_memory: matches!(kind, Kind::Integrated | Kind::Software)
            && features.contains(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS),
        capabilities: Capabilities {
            subgroups,
            subgroup_barrier: features.contains(wgpu::Features::SUBGROUP_BARRIER),
            f16: features.contains(wgpu::Features::SHADER_F16),
            f64: features.contains(wgpu::Features::SHADER_F64),
            i16: features.contains(wgpu::Features::SHADER_I16),
            i64: features.contains(wgpu::Features::SHADER_INT64),
            atomic_i64: features.contains(wgpu::Features::SHADER_INT64_ATOMIC_ALL_OPS),
            atomic_f32: features.contains(wgpu::Features::SHADER_FLOAT32_ATOMIC),
        },
        limits: DeviceLimits {
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_uniform_bytes: limits.max_uniform_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_storage_bindings: limits.max_storage_buffers_per_shader_stage,
            max_workgroups_per_dim: limits.max_compute_workgroups_per_dimension,
            max_invocations: limits.max_compute_invocations_per_workgroup,
            max_workgroup_size: [
                limits.max_compute_workgroup_size_x,
                limits.max_compute_workgroup_size_y,
                limits.max_compute_workgroup_size_z,
            ],
            max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
            storage_alignment: limits.min_storage_buffer_offset_alignment,
        },
        memory_bytes,
        memory_budget: super::budget::default_for(kind, memory_bytes),
    }
}

/// Bytes of the largest device-local heap. wgpu does not tell, Vulkan does.
#[cfg(not(any(target_vendor = "apple", target_family = "wasm")))]
fn device_local_bytes(adapter: &wgpu::Adapter) -> Option<u64> {
    const DEVICE_LOCAL: u32 = 1; // VK_MEMORY_HEAP_DEVICE_LOCAL_BIT
    // SAFETY: the guard keeps the adapter and its instance alive for the length of this block; the handles are used for
    // a query that changes nothing and are not destroyed.
    unsafe {
        let hal = adapter.as_hal::<wgpu::hal::api::Vulkan>()?;
        let instance = hal.shared_instance().raw_instance();
        let memory = instance.get_physical_device_memory_properties(hal.raw_physical_device());
        let heaps = memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
        heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0).map(|heap| heap.size).max()
    }
}

#[cfg(any(target_vendor = "apple", target_family = "wasm"))]
fn device_local_bytes(_: &wgpu::Adapter) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn info(name: &str, kind: Kind, backend: Backend, bus: &str) -> DeviceInfo {
        DeviceInfo {
            index: 99,
            name: name.to_owned(),
            vendor: 1,
            device: 2,
            pci_bus_id: bus.to_owned(),
            driver: String::new(),
            driver_info: String::new(),
            backend,
            kind,
            subgroup_min: 0,
            subgroup_max: 0,
            unified_memory: false,
            capabilities: Capabilities::default(),
            limits: DeviceLimits {
                max_binding_bytes: 1 << 27,
                max_uniform_bytes: 1 << 16,
                max_buffer_bytes: 1 << 28,
                max_storage_bindings: 8,
                max_workgroups_per_dim: 65_535,
                max_invocations: 256,
                max_workgroup_size: [256, 256, 64],
                max_workgroup_bytes: 1 << 14,
                storage_alignment: 256,
            },
            memory_bytes: None,
            memory_budget: 1 << 30,
        }
    }

    #[test]
    fn one_card_behind_two_backends_is_listed_once_and_best_first() {
        let found = vec![
            info("cpu", Kind::Software, Backend::Vulkan, ""),
            info("card", Kind::Discrete, Backend::Dx12, "0000:01:00.0"),
            info("card", Kind::Discrete, Backend::Vulkan, "0000:01:00.0"),
            info("card", Kind::Discrete, Backend::Vulkan, "0000:02:00.0"),
            info("chip", Kind::Integrated, Backend::Vulkan, ""),
            info("chip", Kind::Integrated, Backend::Dx12, ""),
        ];
        let kept = arrange(found, |x| x, |x, i| x.index = i);
        let seen: Vec<_> = kept.iter().map(|x| (x.index, &*x.name, x.backend, &*x.pci_bus_id)).collect();
        assert_eq!(
            seen,
            [
                (0, "card", Backend::Vulkan, "0000:01:00.0"),
                (1, "card", Backend::Vulkan, "0000:02:00.0"),
                (2, "chip", Backend::Vulkan, ""),
                (3, "cpu", Backend::Vulkan, ""),
            ]
        );
    }
}
