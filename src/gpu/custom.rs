//! Routes a hand-written kernel: its WGSL on a device, or its own CPU twin.

#[cfg(feature = "gpu")]
use crate::error::Error;
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::gpu::Outputs;
use crate::gpu::{Bindings, GpuKernel, Slot};
use crate::kernel::place::Place;
use crate::planner::{Bytes, OutputKind, Residency, Work};
use crate::runtime::Runtime;
use crate::runtime::route::Call;
use veda_kernels_ir::codec::fnv1a;

impl Runtime {
    /// As [`gpu::execute`](crate::gpu::execute) says.
    pub(crate) fn route_custom<K: GpuKernel>(&self, kernel: &K, place: Option<Place>) -> Result<K::Output> {
        let inner = &self.inner;
        let target = inner.target(place)?;
        if inner.quiet(target) {
            return kernel.cpu(self.pool());
        }
        let wgsl = kernel.wgsl();
        let mut bindings = Bindings::default();
        kernel.bind(&mut bindings);
        let key = key(&wgsl, &bindings);
        let (work, residency) = describe(kernel, &bindings, key);
        let mut call = Call::new(work, residency);
        call.hand_written = true;
        call.kernels.push(short_name::<K>());
        #[cfg(feature = "gpu")]
        {
            let shader = shader(&call_name::<K>(), key, &wgsl, &bindings)?;
            if let Place::Gpu(index) = inner.choose(&mut call, target, &shader) {
                let mut outputs = Outputs::default();
                let forced = place.is_some();
                let predicted = inner.predicted(call.work(), call.residency(), Place::Gpu(index));
                if inner.on_gpu(index, &mut call, forced, |device| {
                    run(device, &shader, &bindings, predicted, &mut outputs)
                })? {
                    return kernel.read(outputs);
                }
            }
        }
        let ticket = inner.ticket(call);
        let output = kernel.cpu(self.pool())?;
        ticket.finish();
        Ok(output)
    }
}

/// Identifies text and layout: one text bound in two ways needs two pipelines.
fn key(wgsl: &str, bindings: &Bindings<'_>) -> u64 {
    let kinds = bindings.slots.iter().map(|slot| match slot {
        Slot::Input(_) => 0u8,
        Slot::Uniform(_) => 1,
        Slot::Output { .. } => 2,
    });
    fnv1a(&wgsl.bytes().chain(kinds).collect::<Vec<u8>>())
}

#[cfg(feature = "gpu")]
fn call_name<K>() -> String {
    std::any::type_name::<K>().to_owned()
}

/// The last segment of the kernel's type, without its parameters.
fn short_name<K>() -> String {
    let full = std::any::type_name::<K>();
    let base = full.split('<').next().unwrap_or(full);
    base.rsplit("::").next().unwrap_or(base).to_owned()
}

/// What is known of a hand-written kernel: its buffers, and its own hint.
fn describe<K: GpuKernel>(kernel: &K, bindings: &Bindings<'_>, key: u64) -> (Work, Residency) {
    let inputs: usize = bindings.slots.iter().map(|s| if let Slot::Input(data) = s { data.len() } else { 0 }).sum();
    let outputs: usize = bindings.slots.iter().map(|s| if let Slot::Output { bytes } = s { *bytes } else { 0 }).sum();
    let cost = kernel.cost();
    let elements = cost.elements.unwrap_or(outputs as u64 / 4).max(1);
    let n = elements as f64;
    let work = Work {
        key,
        elements,
        groups: elements.div_ceil(256),
        ops: cost.ops,
        in_bytes: inputs as f64 / n,
        out_bytes: outputs as f64 / n,
        gather_bytes: 0.0,
        loops_unbounded: cost.elements.is_none(),
        output: OutputKind::Map,
    };
    let host = Bytes { fixed: 0.0, per_element: inputs as f64 / n };
    (work, Residency { host, ..Residency::default() })
}

#[cfg(feature = "gpu")]
use std::sync::Arc;

#[cfg(feature = "gpu")]
use crate::device::{Binding, Device, Job, Pass, Read, Shader};

/// The shader of a hand-written kernel, checked by the driver's validation (it is not veda's own text).
///
/// # Errors
/// [`Error::Shader`] if the text has no single entry point.
#[cfg(feature = "gpu")]
fn shader(name: &str, key: u64, wgsl: &str, bindings: &Bindings<'_>) -> Result<Arc<Shader>> {
    let entry = entry_point(wgsl).ok_or_else(|| Error::Shader {
        kernel: name.to_owned(),
        reason: "expected one `@compute` entry point".to_owned(),
    })?;
    let slot = |slot: &Slot<'_>| match slot {
        Slot::Input(_) => crate::device::Slot::Read,
        Slot::Uniform(_) => crate::device::Slot::Uniform,
        Slot::Output { .. } => crate::device::Slot::ReadWrite,
    };
    let slots = bindings.slots.iter().map(slot).collect();
    Ok(Arc::new(Shader::new(name, key, wgsl, slots, vec![entry.to_owned()])))
}

/// The name after the first `fn` that follows the only `@compute`.
#[cfg(feature = "gpu")]
fn entry_point(wgsl: &str) -> Option<&str> {
    let (_, after) = wgsl.split_once("@compute")?;
    if after.contains("@compute") {
        return None;
    }
    let rest = after.split_once("fn ")?.1.trim_start();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(&rest[..end]).filter(|name| !name.is_empty())
}

#[cfg(feature = "gpu")]
fn run(
    device: &Device,
    shader: &Arc<Shader>,
    bindings: &Bindings<'_>,
    predicted_ns: u64,
    outputs: &mut Outputs,
) -> Result<crate::runtime::windows::Observed, crate::runtime::route::Failure> {
    let list: Vec<Binding<'_>> = bindings
        .slots
        .iter()
        .map(|slot| match slot {
            Slot::Input(data) => Binding::Input(data),
            Slot::Uniform(data) => Binding::Uniform(data),
            Slot::Output { bytes } => Binding::Output { bytes: *bytes as u64, read: Read::All, zero: true },
        })
        .collect();
    let passes = [Pass { entry: 0, groups: bindings.workgroups }];
    let job = Job { shader, bindings: &list, passes: &passes, predicted_ns };
    let timing = device
        .run(&job, &mut |_, bytes| outputs.buffers.push(bytes.to_vec()))
        .map_err(crate::runtime::route::Failure::Device)?;
    Ok(crate::runtime::windows::Observed {
        total_ns: timing.total_ns,
        compile_ns: timing.compile_ns.unwrap_or(0),
        bytes: (timing.bytes_up, timing.bytes_down),
    })
}

#[cfg(all(test, feature = "gpu"))]
mod tests {
    use super::entry_point;

    #[test]
    fn entry_points_are_found() {
        assert_eq!(entry_point("@compute @workgroup_size(64)\nfn  main_1(@builtin(x) y: u32) {}"), Some("main_1"));
        assert_eq!(entry_point("fn main() {}"), None);
        assert_eq!(entry_point("@compute fn a() {} @compute fn b() {}"), None);
    }
}
