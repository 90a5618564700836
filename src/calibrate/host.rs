//! What this machine is: the facts that a profile is keyed by.

use std::sync::OnceLock;

use crate::kernel::isa::{self, Isa};
use crate::planner::profile::Host;

/// The facts of this host, for a pool of so many workers.
pub fn host(pool_threads: u32) -> Host {
    static FACTS: OnceLock<Host> = OnceLock::new();
    let facts = FACTS.get_or_init(|| Host {
        cpu_model: cpu_model(),
        cores: num_cpus::get_physical() as u32,
        simd: match isa::level() {
            Isa::Avx512 => "avx512",
            Isa::Avx2 => "avx2+fma",
            Isa::Base => "base",
        }
        .to_owned(),
        mem_bytes: memory(),
        pool_threads: 0,
        target_features: target_features(),
    });
    Host { pool_threads, ..facts.clone() }
}

/// The CPU's own name; its architecture where the system does not tell.
fn cpu_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| info.lines().find(|l| l.starts_with(name)).and_then(|l| l.split_once(':'));
    match field("model name").or_else(|| field("Hardware")).or_else(|| field("CPU part")) {
        Some((_, model)) => model.trim().to_owned(),
        None => std::env::var("PROCESSOR_IDENTIFIER").unwrap_or_else(|_| std::env::consts::ARCH.to_owned()),
    }
}

/// Bytes of main memory; 0 where the system does not tell.
fn memory() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = info.lines().find_map(|l| l.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// What the crate was compiled for, as far as it changes the speed of baseline code.
fn target_features() -> String {
    let mut list = vec![std::env::consts::ARCH];
    for (on, name) in [
        (cfg!(target_feature = "sse4.2"), "sse4.2"),
        (cfg!(target_feature = "avx2"), "avx2"),
        (cfg!(target_feature = "fma"), "fma"),
        (cfg!(target_feature = "avx512f"), "avx512f"),
        (cfg!(target_feature = "neon"), "neon"),
    ] {
        if on {
            list.push(name);
        }
    }
    list.join("+")
}

/// A device's identity as profiles store it.
#[cfg(feature = "gpu")]
pub fn adapter(info: &crate::device::DeviceInfo) -> crate::planner::profile::Adapter {
    use crate::device::{Backend, Kind};
    use crate::planner::profile::{Adapter, DeviceKind};
    Adapter {
        name: info.name.clone(),
        vendor: info.vendor,
        device: info.device,
        driver: info.driver.clone(),
        driver_info: info.driver_info.clone(),
        backend: match info.backend {
            Backend::Vulkan => "vulkan",
            Backend::Metal => "metal",
            Backend::Dx12 => "dx12",
            Backend::Other => "other",
        }
        .to_owned(),
        kind: match info.kind {
            Kind::Integrated => DeviceKind::Integrated,
            Kind::Virtual => DeviceKind::Virtual,
            Kind::Software => DeviceKind::Software,
            // An adapter that does not say what it is sits behind a bus as far as anybody knows.
            Kind::Discrete | Kind::Other => DeviceKind::Discrete,
        },
        subgroup: [info.subgroup_min, info.subgroup_max],
    }
}
