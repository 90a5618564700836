//! The registry of counters and its snapshot.
//!
//! Without the feature `telemetry` nothing is recorded and a snapshot says `enabled: false`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

#[cfg(feature = "telemetry")]
use super::latency::Latency;
use super::sketch::ErrorSketch;

/// Task numbers; the pool that owns the workers provides them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// Jobs executed.
    pub tasks_executed: u64,
    /// Jobs taken from another worker.
    pub tasks_stolen: u64,
    /// Jobs that panicked.
    pub tasks_panicked: u64,
    /// Mean latency, nanoseconds.
    pub avg_latency_ns: u64,
    /// Median latency, nanoseconds.
    pub p50_latency_ns: u64,
    /// 99 % quantile of the latency, nanoseconds.
    pub p99_latency_ns: u64,
    /// Time that workers slept, nanoseconds.
    pub idle_ns: u64,
    /// Time that workers worked, nanoseconds.
    pub busy_ns: u64,
    /// Bytes of host memory held by veda's pools.
    pub memory_allocated: u64,
}

/// Numbers of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceSnapshot {
    /// `cpu`, `gpu0`, …
    pub device: String,
    /// Batches finished.
    pub batches: u64,
    /// Elements of those batches.
    pub elements: u64,
    /// Bytes host to device.
    pub bytes_uploaded: u64,
    /// Bytes device to host.
    pub bytes_downloaded: u64,
    /// Buffers taken from the pool.
    pub pool_hits: u64,
    /// Buffers that had to be made.
    pub pool_misses: u64,
    /// Time spent building pipelines, nanoseconds.
    pub compile_ns: u64,
    /// Bytes of device memory held now.
    pub memory_allocated: u64,
    /// Median batch latency, nanoseconds.
    pub p50_batch_ns: u64,
    /// 99 % quantile of the batch latency, nanoseconds.
    pub p99_batch_ns: u64,
    /// Median prediction error (0.15: 15 %).
    pub error_p50: f64,
    /// 90 % quantile of the prediction error.
    pub error_p90: f64,
    /// Sum over calls of max(0, observed − predicted time of the best alternative), nanoseconds.
    pub regret_ns: u64,
}

/// All numbers at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Whether anything is recorded.
    pub enabled: bool,
    /// The pool's numbers.
    #[serde(flatten)]
    pub tasks: TaskSnapshot,
    /// Bytes of device memory held, all devices.
    pub gpu_memory_allocated: u64,
    /// One entry per device, in order of registration.
    pub devices: Vec<DeviceSnapshot>,
}

/// One finished batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Batch {
    /// Elements.
    pub elements: u64,
    /// Bytes host to device.
    pub uploaded: u64,
    /// Bytes device to host.
    pub downloaded: u64,
    /// From submission to result, nanoseconds.
    pub observed_ns: u64,
    /// What was predicted, nanoseconds; 0: nothing.
    pub predicted_ns: u64,
    /// Prediction for the best other device; 0: there was none.
    pub alternative_ns: u64,
    /// Whether the observation fell into the 80 % interval.
    pub covered: bool,
}

#[derive(Debug, Default)]
struct Distributions {
    #[cfg(feature = "telemetry")]
    latency: Latency,
    errors: ErrorSketch,
}

/// Counters of one device. Shared by handle; every method is a relaxed add, [`batch`](Self::batch) takes a short mutex.
#[derive(Debug)]
pub struct DeviceMetrics {
    name: String,
    enabled: Arc<AtomicBool>,
    batches: AtomicU64,
    elements: AtomicU64,
    uploaded: AtomicU64,
    downloaded: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    compile_ns: AtomicU64,
    memory: AtomicU64,
    regret_ns: AtomicU64,
    distributions: Mutex<Distributions>,
}

impl DeviceMetrics {
    fn on(&self) -> bool {
        cfg!(feature = "telemetry") && self.enabled.load(Relaxed)
    }

    /// A batch finished. Off: one relaxed load.
    pub fn batch(&self, batch: &Batch) {
        if !self.on() {
            return;
        }
        self.batches.fetch_add(1, Relaxed);
        self.elements.fetch_add(batch.elements, Relaxed);
        self.uploaded.fetch_add(batch.uploaded, Relaxed);
        self.downloaded.fetch_add(batch.downloaded, Relaxed);
        if batch.alternative_ns > 0 {
            self.regret_ns.fetch_add(batch.observed_ns.saturating_sub(batch.alternative_ns), Relaxed);
        }
        let mut d = self.distributions.lock().unwrap_or_else(PoisonError::into_inner);
        d.errors.record(batch.predicted_ns, batch.observed_ns, batch.covered);
        #[cfg(feature = "telemetry")]
        d.latency.record(batch.observed_ns);
    }

    /// A buffer was wanted; `hit`: the pool had one.
    pub fn pool(&self, hit: bool) {
        if self.on() {
            (if hit { &self.hits } else { &self.misses }).fetch_add(1, Relaxed);
        }
    }

    /// A pipeline was built in `ns` nanoseconds.
    pub fn compiled(&self, ns: u64) {
        if self.on() {
            self.compile_ns.fetch_add(ns, Relaxed);
        }
    }

    /// The device now holds `bytes` of memory.
    pub fn memory(&self, bytes: u64) {
        if self.on() {
            self.memory.store(bytes, Relaxed);
        }
    }

    fn snapshot(&self) -> DeviceSnapshot {
        let d = self.distributions.lock().unwrap_or_else(PoisonError::into_inner);
        #[cfg(feature = "telemetry")]
        let (p50_batch_ns, p99_batch_ns) = (d.latency.quantile(0.5), d.latency.quantile(0.99));
        #[cfg(not(feature = "telemetry"))]
        let (p50_batch_ns, p99_batch_ns) = (0, 0);
        DeviceSnapshot {
            device: self.name.clone(),
            batches: self.batches.load(Relaxed),
            elements: self.elements.load(Relaxed),
            bytes_uploaded: self.uploaded.load(Relaxed),
            bytes_downloaded: self.downloaded.load(Relaxed),
            pool_hits: self.hits.load(Relaxed),
            pool_misses: self.misses.load(Relaxed),
            compile_ns: self.compile_ns.load(Relaxed),
            memory_allocated: self.memory.load(Relaxed),
            p50_batch_ns,
            p99_batch_ns,
            error_p50: d.errors.quantile(0.5),
            error_p90: d.errors.quantile(0.9),
            regret_ns: self.regret_ns.load(Relaxed),
        }
    }
}

type TaskProvider = Box<dyn Fn() -> TaskSnapshot + Send + Sync>;

/// The registry.
pub struct Metrics {
    enabled: Arc<AtomicBool>,
    devices: Mutex<Vec<Arc<DeviceMetrics>>>,
    tasks: Mutex<Option<TaskProvider>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

impl Metrics {
    /// A registry that records while `enabled` (and only in builds with the feature `telemetry`).
    pub fn new(enabled: bool) -> Self {
        Self { enabled: Arc::new(AtomicBool::new(enabled)), devices: Mutex::default(), tasks: Mutex::default() }
    }

    /// Switches recording on or off for all handles.
    pub fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Relaxed);
    }

    /// The counters of a device, made at first use of the name. Keep the handle: this takes a lock.
    pub fn device(&self, name: &str) -> Arc<DeviceMetrics> {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = devices.iter().find(|d| d.name == name) {
            return Arc::clone(found);
        }
        let zero = AtomicU64::default;
        let made = Arc::new(DeviceMetrics {
            name: name.to_owned(),
            enabled: Arc::clone(&self.enabled),
            batches: zero(),
            elements: zero(),
            uploaded: zero(),
            downloaded: zero(),
            hits: zero(),
            misses: zero(),
            compile_ns: zero(),
            memory: zero(),
            regret_ns: zero(),
            distributions: Mutex::default(),
        });
        devices.push(Arc::clone(&made));
        made
    }

    /// Sets who reports the task numbers.
    pub fn set_task_provider(&self, provider: impl Fn() -> TaskSnapshot + Send + Sync + 'static) {
        *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(provider));
    }

    /// All numbers now; zeros and `enabled: false` when nothing is recorded.
    pub fn snapshot(&self) -> Snapshot {
        if !(cfg!(feature = "telemetry") && self.enabled.load(Relaxed)) {
            return Snapshot::default();
        }
        let tasks =
            self.tasks.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or_else(Default::default, |t| t());
        let devices: Vec<_> =
            self.devices.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|d| d.snapshot()).collect();
        Snapshot {
            enabled: true,
            tasks,
            gpu_memory_allocated: devices.iter().map(|d| d.memory_allocated).sum(),
            devices,
        }
    }
}

impl std::fmt::Display for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.enabled {
            return writeln!(f, "telemetry is off");
        }
        let t = &self.tasks;
        writeln!(
            f,
            "tasks   {} executed, {} stolen, {} panicked; latency ns: mean {}, p50 {}, p99 {}",
            t.tasks_executed, t.tasks_stolen, t.tasks_panicked, t.avg_latency_ns, t.p50_latency_ns, t.p99_latency_ns
        )?;
        for d in &self.devices {
            writeln!(
                f,
                "{:<8}{} batches, {} elements, up {} B, down {} B; batch ns: p50 {}, p99 {}; prediction error p50 {:.1} %, p90 {:.1} %; regret {} ns",
                d.device,
                d.batches,
                d.elements,
                d.bytes_uploaded,
                d.bytes_downloaded,
                d.p50_batch_ns,
                d.p99_batch_ns,
                100.0 * d.error_p50,
                100.0 * d.error_p90,
                d.regret_ns
            )?;
        }
        Ok(())
    }
}
