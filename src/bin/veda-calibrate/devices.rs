//! `devices`: what there is, and whether routing may use it.

use veda::Result;

#[cfg(feature = "gpu")]
pub fn devices() -> Result<()> {
    use std::fmt::Write;
    use veda::device::{Adapters, Kind};

    let found = Adapters::list();
    let mut t = String::new();
    if found.is_empty() {
        t += "no adapter: install a Vulkan, Metal or DX12 driver to use a GPU; kernels run on the CPU until then\n";
    }
    for info in found {
        let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
        let kind = match info.kind {
            Kind::Discrete => "GPU with its own memory",
            Kind::Integrated => "GPU on the host's memory",
            Kind::Virtual => "virtual GPU",
            Kind::Other => "unknown kind",
            Kind::Software => "software adapter",
        };
        let routing = if info.kind == Kind::Software {
            "no: it runs on the CPU, slower than the CPU twins; only with VEDA_DEVICE=software or where a call forces it"
        } else {
            "yes, where its predicted time is the lowest"
        };
        // Writing to a string cannot fail.
        let _ = writeln!(t, "{}: {} ({kind})", info.index, info.name);
        let _ = writeln!(t, "   driver   {} {}", info.driver, info.driver_info);
        let _ = writeln!(
            t,
            "   backend  {:?}, PCI {:#06x}:{:#06x} {}",
            info.backend, info.vendor, info.device, info.pci_bus_id
        );
        let memory = info.memory_bytes.map_or_else(|| "unknown".to_owned(), gib);
        let _ = writeln!(t, "   memory   {memory}, veda takes at most {}", gib(info.memory_budget));
        let subgroups = match info.subgroup_max {
            0 => "none".to_owned(),
            max if max == info.subgroup_min => max.to_string(),
            max => format!("{} to {max}", info.subgroup_min),
        };
        let shared = if info.unified_memory { "shared with the host" } else { "copied through staging" };
        let _ = writeln!(
            t,
            "   buffers  {shared}, at most {} each; subgroups {subgroups}",
            gib(info.limits.max_buffer_bytes)
        );
        let _ = writeln!(t, "   routing  {routing}");
    }
    super::print(&t)
}

#[cfg(not(feature = "gpu"))]
pub fn devices() -> Result<()> {
    super::print("built without the feature `gpu`: kernels run on the CPU\n")
}
