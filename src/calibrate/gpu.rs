//! A GPU: round trip, dispatch, transfers, streams, operation rates, pipeline build.
//!
//! A single "dispatch, then wait" says little: waking the host costs 10 to 20 times a dispatch. Everything but the round
//! trip is therefore a difference: many passes against one, many loop trips against few, with data against without.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::gpu_copies::{self, Copies, CopyProbes};
use super::gpu_costs::{self, GpuCosts, Mix};
use super::host;
use super::plan::{Plan, Probes};
use super::stats::{Summary, bounded_slope, knot, scalar, slope};
use crate::device::{Adapters, Binding, Device, DeviceInfo, Job, Kind, Pass, Read, Shader, Slot, Timing};
use crate::planner::profile::{DeviceProfile, Knot, Scalar, keys};
use crate::planner::work::OpCounts;
use crate::{Error, Result};

const WGSL: &str = include_str!("calibrate.wgsl");
/// The entry of [`gpu_costs`](super::gpu_costs), then the operations.
pub(super) const MIXED: usize = 4;
const FIRST_OP: usize = 5;
/// Elementary operations that one loop trip of each `op_*` entry does per invocation.
const OPS_PER_TRIP: [f64; 11] = [16.0, 16.0, 16.0, 16.0, 16.0, 8.0, 16.0, 16.0, 4.0, 2.0, 4.0];
/// Dispatches by which `many` differs from one.
pub(super) const EXTRA_PASSES: usize = 16;
/// A software adapter runs at most 65 535 loop iterations per invocation, and stops there silently.
pub(super) const MOST_TRIPS: u32 = 32_768;

/// Adapters that a calibration measures: the hardware, and software ones where asked for.
pub fn adapters(software: bool) -> Vec<DeviceInfo> {
    Adapters::list().into_iter().filter(|info| software || info.kind != Kind::Software).collect()
}

/// An open device with its shader.
pub(super) struct Bench {
    pub(super) device: Arc<Device>,
    pub(super) shader: Arc<Shader>,
    /// Microseconds of each pipeline build.
    compile: Vec<f64>,
    groups: u32,
    trips: [u32; 11],
    largest: u64,
    /// Of what the device does in its own memory.
    pub(super) largest_device: u64,
    mix: Mix,
    copies: Option<Copies>,
}

/// Numbers of a GPU's probes.
pub(super) struct GpuProbes {
    /// A job without dispatches.
    empty: usize,
    round_trip: usize,
    costs: GpuCosts,
    copies: Option<CopyProbes>,
    upload: Vec<Transfer>,
    download: Vec<Transfer>,
    /// Per knot: one pass, and 1 + `extra`.
    stream: Vec<Passes>,
    reduce: Vec<Passes>,
    gather: Vec<Passes>,
    ops: Vec<(usize, usize)>,
}

struct Transfer {
    bytes: u64,
    id: usize,
    /// The fastest copy by the host, in microseconds: what a transfer costs at least.
    copied: Rc<Cell<f64>>,
}

struct Passes {
    bytes: u64,
    one: usize,
    many: usize,
    extra: f64,
}

pub(super) fn failed(device: &str, error: &crate::device::DeviceError) -> Error {
    Error::Device { device: device.to_owned(), reason: error.to_string() }
}

pub(super) fn params(n: u32, trips: u32, mask: u32, row: u32) -> [u8; 32] {
    let words = [n, trips, mask, row, 1.0f32.to_bits(), 2.0f32.to_bits(), 3, 0];
    let mut bytes = [0; 32];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

pub(super) fn micros(ns: u64) -> f64 {
    ns as f64 / 1000.0
}

impl Bench {
    /// Opens the adapter and builds its pipelines.
    ///
    /// # Errors
    /// [`Error::Device`] where it cannot be opened or refuses the shader.
    pub(super) fn open(info: &DeviceInfo, plan: &Plan) -> Result<Self> {
        let fail = |e| failed(&info.name, &e);
        let device = Device::open(info.index).map_err(fail)?;
        let mut entries: Vec<String> = ["idle", "stream", "reduce", "gather", "mixed"].map(str::to_owned).into();
        entries.extend(OpCounts::NAMES.map(|name| format!("op_{name}")));
        let slots = vec![Slot::Uniform, Slot::ReadWrite, Slot::ReadWrite];
        let shader = Shader::new("calibrate", u64::from_le_bytes(*b"calibrat"), WGSL, slots.clone(), entries);
        // SAFETY: indices are guarded by `n` or masked to the length that the jobs below bind; loops end at `trips` or a
        // constant; the divisor is at least 1.
        let shader = Arc::new(unsafe { shader.trusted() });
        let software = info.kind == Kind::Software;
        let cap = if software { plan.largest_software } else { plan.largest };
        // The opened device knows the budget in force. One knot is the least that a curve can have.
        let budget = device.info().memory_budget;
        let fits = |cap: u64| cap.min(info.limits.max_binding_bytes / 2).min(budget / 8).max(4096);
        let largest = fits(cap);
        let largest_device = if software { largest } else { fits(plan.largest_device) };
        let mut bench = Self {
            device,
            shader,
            compile: Vec::new(),
            groups: if software { 64 } else { 4096 },
            trips: [256; 11],
            largest,
            largest_device,
            mix: Mix::default(),
            copies: None,
        };
        bench.run(&[], 4, 4, params(1, 1, 0, 64), Read::No)?;
        bench.compile_times(&slots)?;
        let target = if software { 400.0 } else { 800.0 };
        for op in 0..bench.trips.len() {
            let mut trips = 32;
            // Twice at each length: the first run of a pipeline is not its speed.
            while trips < MOST_TRIPS && bench.op(op, trips)?.min(bench.op(op, trips)?) < target {
                trips *= 4;
            }
            bench.trips[op] = trips.min(MOST_TRIPS);
        }
        bench.mix = bench.balance(if software { 300.0 } else { 600.0 })?;
        // Adds: the class that needs nothing but the arithmetic units.
        let long = Pass { entry: FIRST_OP, groups: [bench.groups, 1, 1] };
        bench.copies = Some(Copies::new(&bench, largest, (long, params(1024, bench.trips[0], 1023, 64)))?);
        Ok(bench)
    }

    pub(super) fn name(&self) -> &str {
        &self.device.info().name
    }

    /// Builds a small kernel that no cache can hold: its text has the time in it.
    fn compile_times(&mut self, slots: &[Slot]) -> Result<()> {
        let start = Instant::now();
        let seed =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |d| d.as_nanos() as u64);
        for i in 0..5 {
            let unique = seed.wrapping_add(i);
            let text = WGSL.replace("params.n == 0u", &format!("params.n == {}u", unique as u32));
            let shader = Arc::new(Shader::new("build", unique, text, slots.to_vec(), vec!["op_special".into()]));
            let uniform = params(1, 1, 0, 64);
            let bindings = [Binding::Uniform(&uniform), scratch(4, Read::No), scratch(4, Read::No)];
            let pass = [Pass { entry: 0, groups: [1, 1, 1] }];
            let job = Job { shader: &shader, bindings: &bindings, passes: &pass, predicted_ns: 0 };
            let timing = self.device.run(&job, &mut |_, _| {}).map_err(|e| failed(self.name(), &e))?;
            self.compile.push(micros(timing.compile_ns.unwrap_or(timing.total_ns)).max(1.0));
            if start.elapsed() > Duration::from_millis(400) {
                break;
            }
        }
        self.compile.sort_by(f64::total_cmp);
        Ok(())
    }

    pub(super) fn run(&self, passes: &[Pass], a: u64, b: u64, params: [u8; 32], read: Read) -> Result<Timing> {
        let bindings = [Binding::Uniform(&params), scratch(a, Read::No), scratch(b, read)];
        let job = Job { shader: &self.shader, bindings: &bindings, passes, predicted_ns: 0 };
        self.device.run(&job, &mut |_, _| {}).map_err(|e| failed(self.name(), &e))
    }

    fn op(&self, op: usize, trips: u32) -> Result<f64> {
        let pass = [Pass { entry: FIRST_OP + op, groups: [self.groups, 1, 1] }];
        let timing = self.run(&pass, 4096, 4096, params(1024, trips, 1023, 64), Read::No)?;
        Ok(micros(timing.execute_ns))
    }

    /// `count` passes of an entry over `n` elements, `per_group` of them in a workgroup.
    fn passes(&self, entry: usize, n: u32, per_group: u32, count: usize, out_bytes: u64) -> Result<f64> {
        let groups = n.div_ceil(per_group);
        let x = groups.min(32_768);
        let pass = Pass { entry, groups: [x, groups.div_ceil(x), 1] };
        let timing =
            self.run(&vec![pass; count], u64::from(n) * 4, out_bytes, params(n, 1, n - 1, x * 256), Read::No)?;
        Ok(micros(timing.execute_ns))
    }

    /// A job that only moves data. Wake-ups of the calling thread are left out: they are in the round trip, and their
    /// jitter is longer than a small copy.
    fn transfer(
        &self,
        bindings: &[Binding<'_>],
        read: &mut dyn FnMut(usize, &[u8]),
        fastest: &Cell<f64>,
    ) -> Result<f64> {
        let job = Job { shader: &self.shader, bindings, passes: &[], predicted_ns: 0 };
        let timing = self.device.run(&job, read).map_err(|e| failed(self.name(), &e))?;
        let copied = micros(timing.upload_ns + timing.download_ns);
        fastest.set(fastest.get().min(copied));
        Ok(copied + micros(timing.execute_ns))
    }

    /// Adds this device's probes.
    pub(super) fn probes<'a>(&'a self, plan: &Plan, probes: &mut Probes<'a>) -> GpuProbes {
        let idle = |count: usize| {
            let passes = vec![Pass { entry: 0, groups: [1, 1, 1] }; count];
            move || Ok(micros(self.run(&passes, 4, 4, params(1, 1, 0, 64), Read::No)?.total_ns))
        };
        let empty = probes.add(move || Ok(micros(self.run(&[], 4, 4, params(1, 1, 0, 64), Read::No)?.execute_ns)));
        let round_trip = probes.add(idle(1));
        let costs = self.cost_probes(&self.mix, probes);
        let copies = self.copies.as_ref().map(|copies| copies.probes(self, probes));
        let sizes: Vec<u64> =
            (12..64).step_by(plan.gpu_step).map(|e| 1u64 << e).take_while(|&b| b <= self.largest).collect();
        let inside: Vec<u64> =
            (12..64).step_by(plan.gpu_step).map(|e| 1u64 << e).take_while(|&b| b <= self.largest_device).collect();
        let host = Arc::new(vec![1u8; self.largest as usize]);
        let mut upload = Vec::new();
        let mut download = Vec::new();
        for &bytes in &sizes {
            let host = Arc::clone(&host);
            let copied = Rc::new(Cell::new(f64::INFINITY));
            let fastest = Rc::clone(&copied);
            let id = probes.add(move || {
                let uniform = params(1, 1, 0, 64);
                let input = Binding::Input(&host[..bytes as usize]);
                let bindings = [Binding::Uniform(&uniform), input, scratch(4, Read::No)];
                self.transfer(&bindings, &mut |_, _| {}, &fastest)
            });
            upload.push(Transfer { bytes, id, copied });
            let mut back = vec![0u8; bytes as usize];
            let copied = Rc::new(Cell::new(f64::INFINITY));
            let fastest = Rc::clone(&copied);
            let id = probes.add(move || {
                let uniform = params(1, 1, 0, 64);
                let bindings = [Binding::Uniform(&uniform), scratch(4, Read::No), scratch(bytes, Read::All)];
                self.transfer(&bindings, &mut |_, data| back.copy_from_slice(data), &fastest)
            });
            download.push(Transfer { bytes, id, copied });
        }
        let mut curve = |entry: usize, per_group: u32, element_bytes: u64, out: fn(u64) -> u64| -> Vec<Passes> {
            let mut knots = Vec::new();
            for &bytes in &inside {
                let n = (bytes / element_bytes) as u32;
                let extra = if bytes > 1 << 20 { 2 } else { EXTRA_PASSES };
                let out = out(u64::from(n));
                let one = probes.add(move || self.passes(entry, n, per_group, 1, out));
                let many = probes.add(move || self.passes(entry, n, per_group, 1 + extra, out));
                knots.push(Passes { bytes, one, many, extra: extra as f64 });
            }
            knots
        };
        // A stream reads and writes 4 bytes per element; the others read 4 and write next to nothing.
        let stream = curve(1, 256, 8, |n| n * 4);
        let reduce = curve(2, 2048, 4, |n| n.div_ceil(2048) * 4);
        let gather = curve(3, 2048, 4, |n| n.div_ceil(8) * 4);
        let ops = (0..self.trips.len())
            .map(|op| {
                let trips = self.trips[op];
                (probes.add(move || self.op(op, trips / 4)), probes.add(move || self.op(op, trips)))
            })
            .collect();
        GpuProbes { empty, round_trip, costs, copies, upload, download, stream, reduce, gather, ops }
    }

    /// This device's part of the profile.
    pub(super) fn device(&self, p: &GpuProbes, found: &[Summary]) -> DeviceProfile {
        let costs = gpu_costs::scalars(&p.costs, found);
        let dispatch = costs.get(keys::MARGINAL_US).copied().unwrap_or(Scalar { v: 0.0, lo: 0.0, hi: 0.0, n: 0 });
        let copies = p.copies.as_ref().map(|copies| gpu_copies::scalars(copies, found, &dispatch)).unwrap_or_default();
        let marginal = dispatch.v;
        let empty = found[p.empty].min;
        let transfer = |curve: &[Transfer]| -> Vec<Knot> {
            let one = |t: &Transfer| {
                let k = knot(t.bytes, &found[t.id], empty);
                let min_us = k.min_us.max(t.copied.get().min(found[t.id].min));
                let p50_us = k.p50_us.max(min_us);
                Knot { min_us, p50_us, p90_us: k.p90_us.max(p50_us), ..k }
            };
            curve.iter().map(one).collect()
        };
        let passes = |knots: &[Passes]| -> Vec<Knot> {
            let one = |k: &Passes| {
                let (one, many) = (&found[k.one], &found[k.many]);
                let total = 1.0 + k.extra;
                let long = many.min > 10.0 * found[p.round_trip].min;
                let step = if long { bounded_slope(one, 1.0, many, total) } else { slope(one, 1.0, many, total) };
                // The dispatch itself is in the round trip and the marginal cost.
                let min_us = (step - marginal).max(0.02 * step);
                // Relative noise of the whole carries over to the difference.
                let (mid, high) = (many.p50 / many.min, many.p90 / many.min);
                Knot { bytes: k.bytes, min_us, p50_us: min_us * mid, p90_us: min_us * high, samples: many.n }
            };
            knots.iter().map(one).collect()
        };
        let stream = passes(&p.stream);
        let fill = stream.first().map_or(1.0, |k| k.min_us);
        let first = found[p.stream.first().map_or(p.empty, |k| k.many)];
        let noise = first.p90 / first.min;
        // Between what is left of the difference and the whole dispatch.
        let fill = Scalar { v: fill, lo: fill / noise, hi: (fill + dispatch.hi) * noise, n: first.n };
        let built = &self.compile;
        let (first, last) = (built[0], built[built.len() - 1]);
        let compile = Scalar { v: built[built.len() / 2], lo: first, hi: last, n: built.len() as u32 };
        let invocations = f64::from(self.groups) * 64.0;
        let op_rates = OpCounts::NAMES
            .iter()
            .zip(&p.ops)
            .zip(OPS_PER_TRIP.iter().zip(self.trips))
            .map(|((name, &(few, many)), (per_trip, trips))| {
                let us = bounded_slope(&found[few], f64::from(trips / 4), &found[many], f64::from(trips));
                ((*name).to_owned(), invocations * per_trip / us)
            })
            .collect();
        let info = self.device.info();
        DeviceProfile {
            adapter: host::adapter(info),
            limits: BTreeMap::from([
                ("max_binding_bytes".to_owned(), info.limits.max_binding_bytes),
                ("max_buffer_bytes".to_owned(), info.limits.max_buffer_bytes),
                ("max_workgroups_per_dim".to_owned(), u64::from(info.limits.max_workgroups_per_dim)),
                (keys::MEMORY_BYTES.to_owned(), info.memory_budget),
                ("unified_memory".to_owned(), u64::from(info.unified_memory)),
            ]),
            scalars: costs
                .into_iter()
                .chain(copies)
                .chain([
                    (keys::ROUND_TRIP_US.to_owned(), scalar(&found[p.round_trip])),
                    (keys::FILL_US.to_owned(), fill),
                    (keys::COMPILE_US.to_owned(), compile),
                ])
                .collect(),
            curves: BTreeMap::from([
                (keys::UPLOAD.to_owned(), transfer(&p.upload)),
                (keys::DOWNLOAD.to_owned(), transfer(&p.download)),
                (keys::STREAM.to_owned(), stream),
                (keys::REDUCE.to_owned(), passes(&p.reduce)),
                (keys::GATHER.to_owned(), passes(&p.gather)),
            ]),
            op_rates,
        }
    }
}

pub(super) fn scratch(bytes: u64, read: Read) -> Binding<'static> {
    Binding::Output { bytes, read, zero: false }
}
