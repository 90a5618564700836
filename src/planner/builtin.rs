//! Conservative numbers for a machine nobody measured: late to the GPU rather than wrong.

use std::collections::BTreeMap;

use super::profile::{Adapter, DeviceKind, DeviceProfile, Host, Knot, Profile, Quality, SCHEMA, Scalar, keys};
use super::work::OpCounts;

impl Profile {
    /// A profile of assumed numbers (`builtin: true`, no samples behind any of them).
    pub fn builtin(host: Host, gpus: &[Adapter]) -> Self {
        let threads = host.pool_threads.max(1);
        let cpu = Adapter {
            name: host.cpu_model.clone(),
            backend: "native".to_owned(),
            kind: DeviceKind::Cpu,
            ..Adapter::default()
        };
        let adapters = std::iter::once(cpu).chain(gpus.iter().filter(|a| a.kind != DeviceKind::Cpu).cloned());
        Self {
            schema: SCHEMA.to_owned(),
            created: "built in".to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            builtin: true,
            quality: Quality { notes: "assumed, not measured".to_owned(), ..Quality::default() },
            devices: adapters.map(|a| device(a, threads)).collect(),
            host: Host { pool_threads: threads, ..host },
            learned: BTreeMap::new(),
        }
    }
}

/// Curves as `(name, latency µs, bytes per µs)`, scalars as `(name, µs or ratio)`, the scale of the op rates.
type Assumed = (Vec<(&'static str, f64, f64)>, Vec<(&'static str, f64)>, f64);

/// Assumed numbers of one device: one thread of 2016 and 10 GB/s per thread; a small GPU behind a slow link.
pub(super) fn device(adapter: Adapter, threads: u32) -> DeviceProfile {
    let p = f64::from(threads);
    let (curves, scalars, rate): Assumed = match adapter.kind {
        DeviceKind::Cpu => (
            vec![
                (keys::STREAM_ONE, 0.02, 10_000.0),
                (keys::STREAM, 0.02, (10_000.0 * p).min(25_000.0)),
                (keys::GATHER, 0.02, (1_500.0 * p).min(8_000.0)),
            ],
            vec![(keys::FORK_JOIN_US, 8.0), (keys::PARALLEL_EFFICIENCY, 0.7)],
            4_000.0,
        ),
        DeviceKind::Discrete | DeviceKind::Virtual => (
            vec![
                (keys::UPLOAD, 30.0, 5_000.0),
                (keys::DOWNLOAD, 40.0, 4_000.0),
                (keys::STREAM, 5.0, 150_000.0),
                (keys::GATHER, 5.0, 30_000.0),
            ],
            vec![(keys::ROUND_TRIP_US, 120.0), (keys::MARGINAL_US, 15.0), (keys::FILL_US, 10.0)],
            500_000.0,
        ),
        DeviceKind::Integrated => (
            vec![
                (keys::UPLOAD, 10.0, 8_000.0),
                (keys::DOWNLOAD, 15.0, 6_000.0),
                (keys::STREAM, 5.0, 20_000.0),
                (keys::GATHER, 5.0, 5_000.0),
            ],
            vec![(keys::ROUND_TRIP_US, 100.0), (keys::MARGINAL_US, 15.0), (keys::FILL_US, 10.0)],
            100_000.0,
        ),
        DeviceKind::Software => (
            vec![
                (keys::UPLOAD, 20.0, 5_000.0),
                (keys::DOWNLOAD, 20.0, 5_000.0),
                (keys::STREAM, 20.0, 5_000.0),
                (keys::GATHER, 20.0, 1_000.0),
            ],
            vec![(keys::ROUND_TRIP_US, 500.0), (keys::MARGINAL_US, 100.0), (keys::FILL_US, 50.0)],
            2_000.0,
        ),
    };
    let mut scalars = scalars;
    if adapter.kind != DeviceKind::Cpu {
        scalars.push((keys::COMPILE_US, 40_000.0));
        // Copies hide behind nothing until a measurement says so: drivers with one queue are common.
        scalars.push((keys::OVERLAP_UPLOAD, 0.0));
        scalars.push((keys::OVERLAP_DOWNLOAD, 0.0));
    }
    scalars.push((keys::OVERLAP, 0.95));
    let knots = |latency: f64, bandwidth: f64| {
        (10..=30)
            .step_by(2)
            .map(|e| {
                let us = latency + (1u64 << e) as f64 / bandwidth;
                Knot { bytes: 1 << e, min_us: us, p50_us: us * 1.5, p90_us: us * 3.0, samples: 0 }
            })
            .collect()
    };
    // Relative to an add: one special function of our own is about 25 arithmetic operations.
    let relative = [1.0, 1.0, 0.15, 0.12, 1.0, 0.08, 1.0, 0.7, 1.0, 0.4, 0.04];
    DeviceProfile {
        adapter,
        limits: BTreeMap::new(),
        scalars: scalars
            .into_iter()
            .map(|(key, v)| (key.to_owned(), Scalar { v, lo: v / 3.0, hi: if v < 1.0 { 1.0 } else { v * 3.0 }, n: 0 }))
            .collect(),
        curves: curves.into_iter().map(|(key, l, b)| (key.to_owned(), knots(l, b))).collect(),
        op_rates: OpCounts::NAMES.into_iter().zip(relative).map(|(name, r)| (name.to_owned(), rate * r)).collect(),
    }
}
