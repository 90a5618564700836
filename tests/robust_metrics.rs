//! The counters of routed calls, on the CPU and on the software GPU.
#![cfg(feature = "telemetry")]
#![allow(missing_docs)]

mod robust_support;

use veda::gpu::execute;
use veda::telemetry::Snapshot;
use veda::{Config, DeviceChoice};

#[veda::kernel]
fn add(x: f32, y: f32) -> f32 {
    x + y
}

fn calls(count: usize, n: usize) {
    let (x, y) = (vec![1.0f32; n], vec![2.0f32; n]);
    for _ in 0..count {
        assert_eq!(execute(add::on(&x, &y)).unwrap(), vec![3.0f32; n]);
    }
}

isolated! { fn calls_on_the_cpu_are_counted [VEDA_DEVICE = "cpu"] {
    calls(25, 10_000);
    let now = veda::metrics().snapshot();
    assert!(now.enabled);
    let [cpu] = now.devices.as_slice() else { panic!("one device: {now}") };
    assert_eq!((cpu.device.as_str(), cpu.batches, cpu.elements), ("CPU", 25, 250_000));
    assert_eq!((cpu.bytes_uploaded, cpu.bytes_downloaded, now.gpu_memory_allocated), (0, 0, 0));
    assert!(cpu.p50_batch_ns > 0 && cpu.p50_batch_ns <= cpu.p99_batch_ns, "{now}");
    assert!(cpu.error_p90 >= cpu.error_p50 && cpu.error_p50 > 0.0, "every call was predicted: {now}");
    // Serde and Display say the same.
    let json = serde_json::to_string(&now).unwrap();
    let back: Snapshot = serde_json::from_str(&json).unwrap();
    assert_eq!(back.devices[0].elements, 250_000);
    for field in ["tasks_executed", "p99_latency_ns", "gpu_memory_allocated", "batches"] {
        assert!(json.contains(field), "{json}");
    }
    let text = now.to_string();
    assert!(text.contains("25 batches, 250000 elements"), "{text}");
}}

#[cfg(feature = "gpu")]
isolated! { fn calls_on_the_gpu_are_counted [] {
    if !robust_support::software() { return }
    let runtime = veda::init_with_config(Config::builder().device(DeviceChoice::Software).build()).unwrap();
    calls(12, 10_000);
    let now = runtime.metrics();
    let gpu = now.devices.iter().find(|d| d.device != "CPU").expect("the GPU's line");
    assert_eq!((gpu.batches, gpu.elements), (12, 120_000));
    // Two inputs and the parameter block up (16 bytes), one output down; in debug builds there may be a status word.
    let words = 12 * 10_000 * 4;
    assert!((2 * words..2 * words + 12 * 64).contains(&gpu.bytes_uploaded), "{now}");
    assert!((words..=words + 12 * 4).contains(&gpu.bytes_downloaded), "{now}");
    assert!(gpu.pool_misses > 0 && gpu.pool_hits > gpu.pool_misses, "{now}");
    assert!(gpu.memory_allocated > 0 && gpu.memory_allocated == now.gpu_memory_allocated, "{now}");
    assert!(gpu.compile_ns > 0, "{now}");
    assert!(gpu.error_p50 > 0.0, "every call was predicted: {now}");
    // A loss does not turn the counters back.
    let hits = gpu.pool_hits;
    let index = veda::device::Adapters::list().iter().position(|a| a.kind == veda::device::Kind::Software).unwrap();
    runtime.simulate_gpu_loss(index as u32);
    calls(1, 10_000);
    let later = runtime.metrics();
    let gpu = later.devices.iter().find(|d| d.device != "CPU").unwrap();
    assert!(gpu.pool_hits >= hits, "{later}");
}}

isolated! { fn switched_off_it_says_so [VEDA_DEVICE = "cpu"] {
    veda::init_with_config(Config::builder().enable_telemetry(false).build()).unwrap();
    calls(3, 5000);
    let now = veda::metrics().snapshot();
    assert_eq!(now, Snapshot::default());
    assert!(!now.enabled);
    assert!(now.to_string().contains("telemetry is off"));
}}
