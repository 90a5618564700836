//! Jobs on a real (or software) adapter, in unified memory and through staging copies.
#![cfg(feature = "gpu")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use veda::device::{Adapters, Binding, Device, DeviceError, Job, Options, Pass, PipelineState, Read, Shader, Slot};

/// One device per transfer path; `None`, loudly, where there is no adapter and nobody demands one.
fn devices(options: Options) -> Option<[Arc<Device>; 2]> {
    if Adapters::list().is_empty() {
        assert!(std::env::var("VEDA_REQUIRE_GPU").as_deref() != Ok("1"), "VEDA_REQUIRE_GPU=1 and there is no adapter");
        eprintln!("skipped: there is no adapter; set VEDA_REQUIRE_GPU=1 to make this a failure");
        return None;
    }
    let open = |staging| Device::open_with(0, &options.force_staging(staging)).expect("the adapter opens");
    Some([open(false), open(true)])
}

fn shader(name: &str, key: u64, wgsl: &str, slots: &[Slot], entries: &[&str]) -> Arc<Shader> {
    Arc::new(Shader::new(name, key, wgsl, slots.to_vec(), entries.iter().map(|&e| e.to_owned()).collect()))
}

fn add() -> Arc<Shader> {
    let wgsl = "
        struct P { n: u32, offset: u32 }
        @group(0) @binding(0) var<uniform> p: P;
        @group(0) @binding(1) var<storage, read> a: array<u32>;
        @group(0) @binding(2) var<storage, read> b: array<u32>;
        @group(0) @binding(3) var<storage, read_write> c: array<u32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            if (id.x < p.n) { c[id.x] = a[id.x] + b[id.x] + p.offset; }
        }";
    shader("add", 1, wgsl, &[Slot::Uniform, Slot::Read, Slot::Read, Slot::ReadWrite], &["main"])
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect()
}

fn run_add(device: &Device, shader: &Arc<Shader>, a: &[u32], b: &[u32], offset: u32) -> Result<Vec<u32>, DeviceError> {
    let n = a.len() as u32;
    let (uniform, a, b) = (bytes(&[n, offset]), bytes(a), bytes(b));
    let mut result = None;
    let timing = device.run(
        &Job {
            shader,
            bindings: &[
                Binding::Uniform(&uniform),
                Binding::Input(&a),
                Binding::Input(&b),
                Binding::Output { bytes: a.len() as u64, read: Read::All, zero: false },
            ],
            passes: &[Pass { entry: 0, groups: [n.div_ceil(64), 1, 1] }],
            predicted_ns: 1_000,
        },
        &mut |binding, data| {
            assert_eq!(binding, 3);
            assert!(result.replace(words(data)).is_none(), "an output is read once");
        },
    )?;
    assert_eq!(timing.bytes_up, 8 + 2 * a.len() as u64);
    assert_eq!(timing.bytes_down, a.len() as u64);
    Ok(result.expect("the output was read, even an empty one"))
}

#[test]
fn vectors_of_every_length_are_added() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        for n in [0u32, 1, 2, 63, 64, 65, 4097, 65_537, 1 << 20] {
            let a: Vec<u32> = (0..n).map(|i| i.wrapping_mul(2_654_435_761)).collect();
            let b: Vec<u32> = (0..n).map(|i| i ^ 0x5555).collect();
            let c = run_add(&device, &add(), &a, &b, 7).unwrap();
            let expected: Vec<u32> = a.iter().zip(&b).map(|(a, b)| a.wrapping_add(*b).wrapping_add(7)).collect();
            assert!(c == expected, "n = {n}, staging {}", !device.info().unified_memory);
        }
    }
}

const STEPS: &str = "
    @group(0) @binding(0) var<storage, read_write> x: array<u32>;
    @group(0) @binding(1) var<storage, read_write> y: array<u32>;
    @compute @workgroup_size(64) fn fill(@builtin(global_invocation_id) id: vec3<u32>) { x[id.x] += id.x; }
    @compute @workgroup_size(64) fn reverse(@builtin(global_invocation_id) id: vec3<u32>) {
        y[id.x] = x[arrayLength(&x) - 1u - id.x] * 2u;
    }
    @compute @workgroup_size(64) fn back(@builtin(global_invocation_id) id: vec3<u32>) {
        x[id.x] = y[(id.x + 1u) % arrayLength(&y)] + 1u;
    }";

#[test]
fn passes_see_what_earlier_ones_wrote() {
    let Some(devices) = devices(Options::default()) else { return };
    let steps = shader("steps", 2, STEPS, &[Slot::ReadWrite, Slot::ReadWrite], &["fill", "reverse", "back"]);
    let n = 4096u32;
    for device in devices {
        // Twice: the second run gets the first one's buffers and must not see its data where it asks for zeros.
        for _ in 0..2 {
            let mut x = Vec::new();
            let pass = |entry| Pass { entry, groups: [n / 64, 1, 1] };
            let job = Job {
                shader: &steps,
                bindings: &[
                    Binding::Output { bytes: u64::from(n) * 4, read: Read::All, zero: true },
                    Binding::Output { bytes: u64::from(n) * 4, read: Read::No, zero: false },
                ],
                passes: &[pass(0), pass(1), pass(2), pass(1), pass(2)],
                predicted_ns: 0,
            };
            device.run(&job, &mut |_, data| x = words(data)).unwrap();
            let mut expected: Vec<u32> = (0..n).collect();
            for _ in 0..2 {
                let y: Vec<u32> = expected.iter().rev().map(|v| v * 2).collect();
                expected = (0..n as usize).map(|i| y[(i + 1) % y.len()] + 1).collect();
            }
            assert_eq!(x, expected);
        }
    }
}

#[test]
fn counted_outputs_come_back_cut() {
    let Some(devices) = devices(Options::default()) else { return };
    let wgsl = "
        struct P { n: u32, below: u32 }
        @group(0) @binding(0) var<uniform> p: P;
        @group(0) @binding(1) var<storage, read_write> out: array<u32>;
        @group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            if (id.x < p.n && id.x < p.below) { out[atomicAdd(&counts[3], 1u)] = id.x * 3u; }
        }";
    let filter = shader("filter", 3, wgsl, &[Slot::Uniform, Slot::ReadWrite, Slot::ReadWrite], &["main"]);
    for device in devices {
        // Small outputs come back whole, large ones in a second trip; the count read or not; none, some, all.
        for (n, below) in [(1000u32, 17), (1000, 0), (100_000, 0), (100_000, 1), (100_000, 54_321), (100_000, 1 << 30)]
        {
            for count_read in [Read::No, Read::All] {
                let mut kept = None;
                let mut counts = None;
                let uniform = bytes(&[n, below]);
                let job = Job {
                    shader: &filter,
                    bindings: &[
                        Binding::Uniform(&uniform),
                        Binding::Output {
                            bytes: u64::from(n) * 4,
                            read: Read::Counted { binding: 2, word: 3, stride: 4 },
                            zero: false,
                        },
                        Binding::Output { bytes: 16, read: count_read, zero: true },
                    ],
                    passes: &[Pass { entry: 0, groups: [n.div_ceil(64), 1, 1] }],
                    predicted_ns: 0,
                };
                let timing = device
                    .run(&job, &mut |binding, data| {
                        *(if binding == 1 { &mut kept } else { &mut counts }) = Some(words(data));
                    })
                    .unwrap();
                let expected: Vec<u32> = (0..n.min(below)).map(|i| i * 3).collect();
                let mut kept = kept.expect("the counted output was read");
                kept.sort_unstable();
                assert!(kept == expected, "{n} below {below}");
                assert_eq!(counts, (count_read == Read::All).then(|| vec![0, 0, 0, n.min(below)]));
                assert_eq!(timing.bytes_down, 4 * kept.len() as u64 + if counts.is_some() { 16 } else { 0 });
            }
        }
    }
}

#[test]
fn a_job_without_passes_or_bindings_is_fine() {
    let Some(devices) = devices(Options::default()) else { return };
    let none = shader("none", 4, "", &[], &[]);
    for device in devices {
        let job = Job { shader: &none, bindings: &[], passes: &[], predicted_ns: 0 };
        let timing = device.run(&job, &mut |_, _| panic!("there is nothing to read")).unwrap();
        assert_eq!((timing.bytes_up, timing.bytes_down, timing.compile_ns), (0, 0, None));
        // Zeros without a shader.
        let steps = shader("steps", 2, STEPS, &[Slot::ReadWrite, Slot::ReadWrite], &["fill", "reverse", "back"]);
        let output = Binding::Output { bytes: 6, read: Read::All, zero: true };
        let job = Job { shader: &steps, bindings: &[output, output], passes: &[], predicted_ns: 0 };
        let mut seen = Vec::new();
        device.run(&job, &mut |binding, data| seen.push((binding, data.to_vec()))).unwrap();
        assert_eq!(seen, [(0, vec![0; 6]), (1, vec![0; 6])]);
    }
}

#[test]
fn many_callers_get_their_own_results() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        let shader = add();
        std::thread::scope(|scope| {
            for thread in 0..8u32 {
                let (device, shader) = (&device, &shader);
                scope.spawn(move || {
                    for round in 0..50u32 {
                        let n = 1 + (thread * 131 + round * 977) % 3000;
                        let a: Vec<u32> = (0..n).map(|i| i * thread).collect();
                        let b: Vec<u32> = (0..n).map(|i| i + round).collect();
                        let c = run_add(device, shader, &a, &b, thread).unwrap();
                        assert!(c.iter().zip(0..n).all(|(c, i)| *c == i * thread + i + round + thread));
                    }
                });
            }
        });
        let counters = device.counters();
        assert_eq!(counters.jobs, 400);
        assert!(counters.batches <= 400, "{counters:?}");
        assert_eq!(counters.compiles, 1, "one shader, whoever asks: {counters:?}");
        assert_eq!(device.queued(), veda::device::Queued::default());
    }
}

#[test]
fn repetition_is_served_from_the_pool_and_trim_empties_it() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        let data = vec![1; 10_000];
        run_add(&device, &add(), &data, &data, 0).unwrap();
        let first = device.counters();
        for _ in 0..10 {
            run_add(&device, &add(), &data, &data, 0).unwrap();
        }
        let then = device.counters();
        assert_eq!(then.pool_misses, first.pool_misses);
        assert!(then.pool_hits >= first.pool_hits + 40, "{then:?}");
        assert_eq!(then.pool_bytes, first.pool_bytes);
        assert!(then.pool_bytes > 0);
        device.trim();
        assert_eq!(device.counters().pool_bytes, 0);
        assert_eq!(run_add(&device, &add(), &[1], &[2], 3).unwrap(), [6]);
    }
}

#[test]
fn the_budget_holds() {
    let Some(devices) = devices(Options::default().memory_budget(1 << 20)) else { return };
    for device in devices {
        let large = vec![0; 1 << 18];
        match run_add(&device, &add(), &large, &large, 0) {
            Err(DeviceError::OutOfBudget { needed, budget }) => {
                assert_eq!(budget, 1 << 20);
                assert!(needed >= 3 << 20, "{needed}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(device.counters().pool_bytes, 0, "what was refused left nothing behind");
        // Jobs that fit one by one, of changing sizes, from many threads: they wait and evict.
        std::thread::scope(|scope| {
            for thread in 0..6u32 {
                let device = &device;
                scope.spawn(move || {
                    for round in 0..10u32 {
                        let data = vec![round; (20_000 + 1_000 * thread + 977 * round) as usize];
                        let sums = run_add(device, &add(), &data, &data, thread).unwrap();
                        assert!(sums.iter().all(|&s| s == 2 * round + thread));
                        assert!(device.counters().pool_bytes <= 1 << 20);
                    }
                });
            }
        });
    }
}

#[test]
fn a_bad_shader_is_named_and_the_device_goes_on() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        for (key, wgsl, word) in [
            (10, "@compute @workgroup_size(1) fn main() { let x: u32 = 1.5; }", "u32"),
            (11, "this is not WGSL", "expected"),
            (12, "@compute @workgroup_size(1) fn other() {}", "main"),
        ] {
            let bad = shader("wrong", key, wgsl, &[], &["main"]);
            let job =
                Job { shader: &bad, bindings: &[], passes: &[Pass { entry: 0, groups: [1; 3] }], predicted_ns: 0 };
            for _ in 0..2 {
                match device.run(&job, &mut |_, _| ()) {
                    Err(DeviceError::Shader { name, reason }) => {
                        assert_eq!(name, "wrong");
                        assert!(reason.contains(word), "{reason}");
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert!(matches!(device.prepare(&bad), PipelineState::Failed(_)));
            assert!(!device.is_ready(key));
        }
        assert_eq!(run_add(&device, &add(), &[1, 2], &[3, 4], 0).unwrap(), [4, 6]);
        assert_eq!(device.counters().uncaptured_errors, 0);
    }
}

#[test]
fn prepare_builds_in_the_background() {
    let Some([device, _]) = devices(Options::default()) else { return };
    let shader = add();
    assert!(!device.is_ready(shader.key));
    assert_eq!(device.prepare(&shader), PipelineState::Building);
    let start = Instant::now();
    while device.prepare(&shader) != PipelineState::Ready {
        assert!(start.elapsed() < Duration::from_mins(1), "it never becomes ready");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(device.is_ready(shader.key));
    assert_eq!(device.counters().compiles, 1);
}

#[test]
fn misfits_are_refused_before_anything_runs() {
    let Some([device, _]) = devices(Options::default()) else { return };
    let add = add();
    let limits = device.info().limits;
    let run = |bindings: &[Binding<'_>], groups| {
        let job = Job { shader: &add, bindings, passes: &[Pass { entry: 0, groups }], predicted_ns: 0 };
        device.run(&job, &mut |_, _| panic!("nothing may be read")).unwrap_err()
    };
    let (u, i) = (Binding::Uniform(&[0; 8]), Binding::Input(&[0; 4]));
    let output = |bytes| Binding::Output { bytes, read: Read::All, zero: false };
    for bytes in [limits.max_binding_bytes + 1, u64::MAX] {
        match run(&[u, i, i, output(bytes)], [1; 3]) {
            DeviceError::TooLarge { limit, .. } => assert_eq!(limit, limits.max_binding_bytes),
            other => panic!("{other:?}"),
        }
    }
    let groups = limits.max_workgroups_per_dim + 1;
    assert!(matches!(run(&[u, i, i, output(4)], [1, groups, 1]), DeviceError::TooLarge { .. }));
    assert!(matches!(run(&[u, i, i], [1; 3]), DeviceError::Validation { .. }));
    assert!(matches!(run(&[i, i, i, output(4)], [1; 3]), DeviceError::Validation { .. }));
    let counted =
        |binding, word| Binding::Output { bytes: 4, read: Read::Counted { binding, word, stride: 4 }, zero: false };
    for bad in [counted(0, 0), counted(9, 0), counted(3, 1), counted(3, usize::MAX)] {
        assert!(matches!(run(&[u, i, i, bad], [1; 3]), DeviceError::Validation { .. }));
    }
    assert_eq!(run_add(&device, &add, &[1], &[1], 1).unwrap(), [3]);
}

#[test]
fn a_job_that_the_driver_refuses_does_not_spoil_its_neighbours() {
    let Some([device, _]) = devices(Options::default()) else { return };
    // The binding is smaller than the shader's struct: wgpu sees it only when the dispatch is encoded.
    let wgsl = "
        struct Big { a: array<vec4<f32>, 64> }
        @group(0) @binding(0) var<storage, read_write> x: Big;
        @compute @workgroup_size(1) fn main() { x.a[0].x = 1.0; }";
    let bad = shader("big", 20, wgsl, &[Slot::ReadWrite], &["main"]);
    let add = add();
    std::thread::scope(|scope| {
        for thread in 0..6u32 {
            let (device, bad, add) = (&device, &bad, &add);
            scope.spawn(move || {
                for round in 0..20u32 {
                    if thread % 3 == 0 {
                        let job = Job {
                            shader: bad,
                            bindings: &[Binding::Output { bytes: 4, read: Read::All, zero: false }],
                            passes: &[Pass { entry: 0, groups: [1; 3] }],
                            predicted_ns: 0,
                        };
                        let error = device.run(&job, &mut |_, _| ()).unwrap_err();
                        assert!(matches!(&error, DeviceError::Validation { name, .. } if name == "big"), "{error:?}");
                    } else {
                        assert_eq!(run_add(device, add, &[round], &[1], thread).unwrap(), [round + 1 + thread]);
                    }
                }
            });
        }
    });
    assert!(!device.is_lost());
}

#[test]
fn a_panic_of_the_reader_stays_with_its_caller() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        for _ in 0..3 {
            let output = Binding::Output { bytes: 64, read: Read::All, zero: true };
            let steps = shader("steps", 2, STEPS, &[Slot::ReadWrite, Slot::ReadWrite], &["fill", "reverse", "back"]);
            let job = Job { shader: &steps, bindings: &[output, output], passes: &[], predicted_ns: 5 };
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                device.run(&job, &mut |_, _| std::panic::panic_any("the reader"))
            }));
            assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"the reader"));
            assert_eq!(device.queued().jobs, 0);
            assert_eq!(run_add(&device, &add(), &[1], &[2], 3).unwrap(), [6]);
        }
    }
}

#[test]
fn a_loss_reaches_everybody_and_a_fresh_device_works() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        let finished = AtomicUsize::new(0);
        let errors = Mutex::new(Vec::new());
        let shader = add();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let data = vec![3; 50_000];
                    loop {
                        match run_add(&device, &shader, &data, &data, 1) {
                            Ok(sums) => {
                                assert!(sums.iter().all(|&s| s == 7));
                                finished.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(error) => return errors.lock().unwrap().push(error),
                        }
                    }
                });
            }
            while finished.load(Ordering::Relaxed) < 8 {
                std::thread::yield_now();
            }
            device.simulate_loss();
        });
        let errors = errors.into_inner().unwrap();
        assert_eq!(errors.len(), 4);
        assert!(
            errors.iter().all(|e| matches!(e, DeviceError::Lost { reason, .. } if reason == "simulated")),
            "{errors:?}"
        );
        assert!(device.is_lost());
        assert_eq!(device.counters().lost, 1);
        assert!(matches!(run_add(&device, &shader, &[1], &[2], 3), Err(DeviceError::Lost { .. })));
        let fresh = Device::open(device.info().index).unwrap();
        assert_ne!(fresh.generation(), device.generation());
        drop(device);
        assert_eq!(run_add(&fresh, &shader, &[1], &[2], 3).unwrap(), [6]);
    }
}

#[test]
fn the_last_owner_may_drop_it_anywhere_and_while_building() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let device = Arc::clone(&device);
                std::thread::spawn(move || {
                    let data = vec![thread; 20_000];
                    assert!(run_add(&device, &add(), &data, &data, 0).unwrap().iter().all(|&s| s == 2 * thread));
                    device.prepare(&shader("late", 100 + u64::from(thread), STEPS, &[Slot::ReadWrite; 2], &["fill"]));
                })
            })
            .collect();
        drop(device);
        for thread in threads {
            thread.join().unwrap();
        }
    }
    // Dropped right after a loss, with submissions that nobody waits for any more.
    let Some([device, _]) = self::devices(Options::default()) else { return };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let data = vec![1; 200_000];
                let _ = run_add(&device, &add(), &data, &data, 0);
            });
        }
        device.simulate_loss();
    });
    drop(device);
}

#[test]
fn an_adapter_that_is_not_there_is_named() {
    match Device::open(10_000) {
        Err(DeviceError::NoAdapter { index: 10_000, found }) => assert_eq!(found, Adapters::list().len()),
        other => panic!("{other:?}"),
    }
}
