//! The profile: what calibration measured on one machine, as a plain versioned file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

/// The schema that this version writes and reads.
pub const SCHEMA: &str = "veda-profile/1";

/// Times and rates of one machine: the host and its devices.
///
/// Serialised as JSON with sorted keys and six significant digits, so that two profiles can be compared by `diff` and
/// one can be shipped as a test fixture: the planner needs the file, not the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// [`SCHEMA`].
    pub schema: String,
    /// When it was measured (RFC 3339), or where its numbers come from.
    pub created: String,
    /// Version of the crate that wrote it.
    pub tool_version: String,
    /// Built-in conservative numbers: nothing was measured.
    #[serde(default)]
    pub builtin: bool,
    /// How far its numbers can be trusted.
    pub quality: Quality,
    /// The machine.
    pub host: Host,
    /// The CPU (exactly one entry of kind [`DeviceKind::Cpu`]) and the GPUs in the order of their indices.
    pub devices: Vec<DeviceProfile>,
    /// What calls have taught since: see [`Learned`]. Keys as [`super::residual::ResidualKey`] and
    /// [`super::part::PartKey`] print them.
    #[serde(default)]
    pub learned: BTreeMap<String, Learned>,
}

/// How far a profile's numbers can be trusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Separated measurement epochs whose lower envelope was taken; 0: nothing was measured.
    pub epochs: u32,
    /// CPU time over wall time of the samples: below 0.9 other processes ran on the measured cores.
    #[serde(serialize_with = "six_digits")]
    pub cpu_wall: f64,
    /// Epochs differed by more than 10 %: intervals are widened.
    pub noisy: bool,
    /// Free text, e.g. "built from specifications, not measured".
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// The machine that a profile describes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Model name of the CPU.
    pub cpu_model: String,
    /// Logical cores.
    pub cores: u32,
    /// Widest instruction set of the CPU twin in use: `base`, `avx2`, `avx512`, `neon`.
    pub simd: String,
    /// Bytes of memory.
    pub mem_bytes: u64,
    /// Workers of the pool that was measured.
    pub pool_threads: u32,
    /// Target features that the crate was compiled with, comma separated, sorted.
    pub target_features: String,
}

/// What kind of device it is; decides built-in numbers and admission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// The pool on the host's cores.
    #[default]
    Cpu,
    /// A GPU with its own memory behind a link.
    Discrete,
    /// A GPU on the host's memory.
    Integrated,
    /// A GPU passed through by a hypervisor.
    Virtual,
    /// A software rasteriser: runs on the host's cores, for tests only.
    Software,
}

/// Identity of a device as its driver reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// Adapter name; the CPU's model name for the CPU.
    pub name: String,
    /// PCI vendor id, 0 where there is none.
    pub vendor: u32,
    /// PCI device id, 0 where there is none.
    pub device: u32,
    /// Driver name.
    pub driver: String,
    /// Driver version.
    pub driver_info: String,
    /// `vulkan`, `metal`, `dx12`; `native` for the CPU.
    pub backend: String,
    /// What kind of device it is.
    pub kind: DeviceKind,
    /// Smallest and largest subgroup size; zeros where unknown.
    pub subgroup: [u32; 2],
}

/// Times and rates of one device. [`keys`] names the scalars and curves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceProfile {
    /// Identity.
    pub adapter: Adapter,
    /// Limits by name, e.g. `max_buffer_size` in bytes.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
    /// Single numbers; times in microseconds.
    pub scalars: BTreeMap<String, Scalar>,
    /// Time by size.
    pub curves: BTreeMap<String, Vec<Knot>>,
    /// Operations per microsecond by class (see [`super::work::OpCounts`]): of one thread on the CPU, of the whole device on a GPU.
    #[serde(serialize_with = "six_digits_map")]
    pub op_rates: BTreeMap<String, f64>,
}

/// Names of scalars and curves that the cost model reads. A profile may leave any of them out (built-in numbers stand in)
/// and may hold more.
pub mod keys {
    /// CPU scalar: push, wake, join of an empty parallel call, µs.
    pub const FORK_JOIN_US: &str = "fork_join_us";
    /// CPU scalar: speed-up per thread that compute-bound loops reach with all threads, 0..1.
    pub const PARALLEL_EFFICIENCY: &str = "parallel_efficiency";
    /// CPU curve: one thread reads and writes that many bytes in total.
    pub const STREAM_ONE: &str = "stream_1";
    /// CPU curve (all threads) and GPU curve: streams that many bytes in total.
    pub const STREAM: &str = "stream";
    /// CPU and GPU curve: gathers that many bytes at random indices.
    pub const GATHER: &str = "gather";
    /// GPU curve: reduces that many bytes of input to one partial result per group; streams stand in where it is missing.
    pub const REDUCE: &str = "reduce";
    /// GPU scalar: encode, submit and wait for an empty dispatch, µs.
    pub const ROUND_TRIP_US: &str = "round_trip_us";
    /// GPU scalar: one more dispatch in the same pass, µs.
    pub const MARGINAL_US: &str = "marginal_us";
    /// GPU scalar: time of a dispatch that does not fill the device, µs.
    pub const FILL_US: &str = "fill_us";
    /// GPU scalar: build a pipeline that no cache holds, µs.
    pub const COMPILE_US: &str = "compile_us";
    /// Scalar: how much of the shorter of arithmetic and memory time of a kernel hides behind the longer, 0..1 (0.95).
    pub const OVERLAP: &str = "overlap";
    /// GPU scalar: the part of an upload that hides behind a kernel on the same device, 0..1. Many drivers have one queue
    /// and reach 0: it is measured, and without a measurement 0 is assumed.
    pub const OVERLAP_UPLOAD: &str = "overlap_upload";
    /// GPU scalar: the part of a download that hides behind a kernel on the same device, 0..1.
    pub const OVERLAP_DOWNLOAD: &str = "overlap_download";
    /// CPU and GPU scalar: power that computing adds to `idle_watts`, watts. Left out where nobody measured it.
    pub const BUSY_WATTS: &str = "busy_watts";
    /// CPU and GPU scalar: power whether it computes or not, watts.
    pub const IDLE_WATTS: &str = "idle_watts";
    /// GPU limit: bytes of device memory that plans may count on.
    pub const MEMORY_BYTES: &str = "memory_bytes";
    /// GPU curve: host to device, memcpy into staging included.
    pub const UPLOAD: &str = "upload";
    /// GPU curve: device to host, memcpy out of staging included.
    pub const DOWNLOAD: &str = "download";
}

/// A number with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scalar {
    /// The value.
    #[serde(serialize_with = "six_digits")]
    pub v: f64,
    /// Lower end.
    #[serde(serialize_with = "six_digits")]
    pub lo: f64,
    /// Upper end.
    #[serde(serialize_with = "six_digits")]
    pub hi: f64,
    /// Samples behind it; 0: assumed.
    pub n: u32,
}

/// One point of a curve: `[bytes, min µs, p50 µs, p90 µs, samples]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "(u64, f64, f64, f64, u32)", into = "(u64, f64, f64, f64, u32)")]
pub struct Knot {
    /// Size in bytes.
    pub bytes: u64,
    /// Fastest sample: what the model uses.
    pub min_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 90 % quantile.
    pub p90_us: f64,
    /// Number of samples.
    pub samples: u32,
}

impl From<(u64, f64, f64, f64, u32)> for Knot {
    fn from((bytes, min_us, p50_us, p90_us, samples): (u64, f64, f64, f64, u32)) -> Self {
        Self { bytes, min_us, p50_us, p90_us, samples }
    }
}

impl From<Knot> for (u64, f64, f64, f64, u32) {
    fn from(k: Knot) -> Self {
        (k.bytes, round_six(k.min_us), round_six(k.p50_us), round_six(k.p90_us), k.samples)
    }
}

/// What observations taught about one [`super::residual::ResidualKey`]: ln(observed / base) has this mean and variance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Mean of the log ratio.
    #[serde(serialize_with = "six_digits")]
    pub mean: f64,
    /// Variance of that mean.
    #[serde(serialize_with = "six_digits")]
    pub variance: f64,
    /// Observations behind it.
    pub n: u64,
}

/// `value` rounded to six significant digits: differences below that are noise and would only disturb `diff`.
pub(super) fn round_six(value: f64) -> f64 {
    if value.is_finite() { format!("{value:.5e}").parse().unwrap_or(value) } else { value }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn six_digits<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(round_six(*value))
}

fn six_digits_map<S: Serializer>(map: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter().map(|(key, value)| (key, round_six(*value))))
}

impl Profile {
    /// The CPU's entry.
    pub fn cpu(&self) -> Option<&DeviceProfile> {
        self.devices.iter().find(|d| d.adapter.kind == DeviceKind::Cpu)
    }

    /// The GPUs (software ones included) in the order of their indices.
    pub fn gpus(&self) -> impl Iterator<Item = &DeviceProfile> {
        self.devices.iter().filter(|d| d.adapter.kind != DeviceKind::Cpu)
    }
}
