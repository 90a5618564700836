//! Device memory that outlives a job, and command lists over it, on a real (or software) adapter.
#![cfg(feature = "gpu")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use veda::device::{
    Adapters, Binding, BufferBinding, Command, Device, DeviceBuffer, DeviceError, Job, Options, Pass, Read, Shader,
    Slot,
};

/// One device per transfer path of jobs; `None`, loudly, where there is no adapter and nobody demands one.
fn devices(options: Options) -> Option<[Arc<Device>; 2]> {
    if Adapters::list().is_empty() {
        assert!(std::env::var("VEDA_REQUIRE_GPU").as_deref() != Ok("1"), "VEDA_REQUIRE_GPU=1 and there is no adapter");
        eprintln!("skipped: there is no adapter; set VEDA_REQUIRE_GPU=1 to make this a failure");
        return None;
    }
    let open = |staging| Device::open_with(0, &options.force_staging(staging)).expect("the adapter opens");
    Some([open(false), open(true)])
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect()
}

/// `y[i] = x[i] * factor + i`.
fn scale() -> Arc<Shader> {
    let wgsl = "
        struct P { n: u32, factor: u32 }
        @group(0) @binding(0) var<uniform> p: P;
        @group(0) @binding(1) var<storage, read> x: array<u32>;
        @group(0) @binding(2) var<storage, read_write> y: array<u32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            if (id.x < p.n) { y[id.x] = x[id.x] * p.factor + id.x; }
        }";
    let slots = vec![Slot::Uniform, Slot::Read, Slot::ReadWrite];
    Arc::new(Shader::new("scale", 1, wgsl, slots, vec!["main".into()]))
}

/// `y[i] = x[i - 1] + x[i] + x[i + 1]`, wrapping around both ends; the length is the window's.
fn stencil() -> Arc<Shader> {
    let wgsl = "
        @group(0) @binding(0) var<storage, read> x: array<u32>;
        @group(0) @binding(1) var<storage, read_write> y: array<u32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            let n = arrayLength(&x);
            if (id.x < n) { y[id.x] = x[(id.x + n - 1u) % n] + x[id.x] + x[(id.x + 1u) % n]; }
        }";
    Arc::new(Shader::new("stencil", 2, wgsl, vec![Slot::Read, Slot::ReadWrite], vec!["main".into()]))
}

fn stencil_on_the_host(x: &[u32]) -> Vec<u32> {
    let n = x.len();
    (0..n).map(|i| x[(i + n - 1) % n].wrapping_add(x[i]).wrapping_add(x[(i + 1) % n])).collect()
}

fn groups(n: u32) -> [Pass; 1] {
    [Pass { entry: 0, groups: [n.div_ceil(64), 1, 1] }]
}

fn all(buffer: &DeviceBuffer) -> BufferBinding<'_> {
    BufferBinding::Buffer { buffer, offset: 0, bytes: buffer.bytes() }
}

fn download(from: &DeviceBuffer) -> Command<'_> {
    Command::Download { from, offset: 0, bytes: from.bytes() }
}

/// What a list with one download brings back.
fn fetch(device: &Device, commands: &[Command<'_>]) -> Result<Vec<u32>, DeviceError> {
    let mut result = None;
    let pending = device.submit(commands, 1_000)?;
    pending.wait(&mut |index, data| {
        assert_eq!(index, 0);
        assert!(result.replace(words(data)).is_none(), "a download is read once");
    })?;
    Ok(result.expect("the download was read"))
}

/// A job that doubles and adds indices: `Device::run` beside resident buffers.
fn run_scale(device: &Device, shader: &Arc<Shader>, x: &[u32], factor: u32) -> Result<Vec<u32>, DeviceError> {
    let (uniform, data) = (bytes(&[x.len() as u32, factor]), bytes(x));
    let mut result = Vec::new();
    let job = Job {
        shader,
        bindings: &[
            Binding::Uniform(&uniform),
            Binding::Input(&data),
            Binding::Output { bytes: data.len() as u64, read: Read::All, zero: false },
        ],
        passes: &groups(x.len() as u32),
        predicted_ns: 0,
    };
    device.run(&job, &mut |_, data| result = words(data))?;
    Ok(result)
}

fn scaled(x: &[u32], factor: u32) -> Vec<u32> {
    x.iter().zip(0u32..).map(|(x, i)| x.wrapping_mul(factor).wrapping_add(i)).collect()
}

/// Waits for what happens right after the callers were woken.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} never happens");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_chain_stays_on_the_device() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        for n in [1u32, 63, 1000, 65_537] {
            let (scale, stencil) = (scale(), stencil());
            let [a, b] = [0, 1].map(|_| device.allocate(u64::from(n) * 4).unwrap());
            assert_eq!((a.bytes(), a.generation()), (u64::from(n) * 4, device.generation()));
            let x: Vec<u32> = (0..n).map(|i| i.wrapping_mul(2_654_435_761)).collect();
            // Three lists: nobody waits for the first two.
            let before = device.counters();
            let first = device.submit(&[Command::Upload { data: &bytes(&x), to: &a, offset: 0 }], 0).unwrap();
            let [three, five] = [3, 5].map(|factor| bytes(&[n, factor]));
            let with_three = [BufferBinding::Uniform(&three), all(&a), all(&b)];
            let with_five = [BufferBinding::Uniform(&five), all(&a), all(&b)];
            let passes = groups(n);
            let second = device
                .submit(
                    &[
                        Command::Dispatch { shader: &scale, bindings: &with_three, passes: &passes },
                        Command::Dispatch { shader: &stencil, bindings: &[all(&b), all(&a)], passes: &passes },
                        Command::Dispatch { shader: &scale, bindings: &with_five, passes: &passes },
                    ],
                    0,
                )
                .unwrap();
            let y = fetch(&device, &[download(&b)]).unwrap();
            assert_eq!(y, scaled(&stencil_on_the_host(&scaled(&x, 3)), 5), "n = {n}");
            // The news of the earlier ones may come a moment later.
            eventually("the earlier lists", || first.is_done() && second.is_done());
            let (first, second) = (first.done().unwrap(), second.wait(&mut |_, _| panic!("no download")).unwrap());
            assert!(first.submitted <= second.submitted && second.submitted <= second.done);
            let after = device.counters();
            assert_eq!(after.lists - before.lists, 3);
            assert_eq!(after.bytes_up - before.bytes_up, u64::from(n) * 4 + 16, "the data once, two uniforms");
            assert_eq!(after.bytes_down - before.bytes_down, u64::from(n) * 4);
        }
    }
}

#[test]
fn a_thousand_dispatches_take_turns_with_two_buffers() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        let n = 777u32;
        let shader = stencil();
        let [a, b] = [0, 1].map(|_| device.allocate(u64::from(n) * 4).unwrap());
        let x: Vec<u32> = (0..n).map(|i| i % 5).collect();
        let data = bytes(&x);
        let (there, back) = ([all(&a), all(&b)], [all(&b), all(&a)]);
        let passes = groups(n);
        let mut commands = vec![Command::Upload { data: &data, to: &a, offset: 0 }];
        for i in 0..1000 {
            let bindings = if i % 2 == 0 { &there } else { &back };
            commands.push(Command::Dispatch { shader: &shader, bindings, passes: &passes });
        }
        commands.push(download(&a));
        let batches = device.counters().batches;
        let y = fetch(&device, &commands).unwrap();
        assert_eq!(device.counters().batches, batches + 1, "one submission");
        assert_eq!(y, (0..1000).fold(x, |x, _| stencil_on_the_host(&x)));
    }
}

#[test]
fn every_dispatch_sees_its_own_uniforms() {
    let Some(devices) = devices(Options::default()) else { return };
    // One uniform per slot: up to eight are dynamic offsets, nine are not. The order matters: y = y * a + b + ….
    for count in [1u32, 2, 8, 9] {
        let names: Vec<_> = (0..count).map(|i| format!("u{i}")).collect();
        let declare = |name: &String, i| format!("@group(0) @binding({i}) var<uniform> {name}: vec4<u32>;");
        let uniforms: String = names.iter().zip(0..).map(|(name, i)| declare(name, i)).collect();
        let sum: Vec<_> = names.iter().map(|name| format!("{name}.y")).collect();
        let sum = sum.join(" + ");
        let wgsl = format!(
            "{uniforms} @group(0) @binding({count}) var<storage, read_write> y: array<u32>;
            @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
                if (id.x < arrayLength(&y)) {{ y[id.x] = y[id.x] * u0.x + {sum}; }}
            }}"
        );
        let mut slots = vec![Slot::Uniform; count as usize];
        slots.push(Slot::ReadWrite);
        let shader = Arc::new(Shader::new("many", 30 + u64::from(count), wgsl, slots, vec!["main".into()]));
        for device in &devices {
            let n = 100u32;
            let y = device.allocate(u64::from(n) * 4).unwrap();
            // Lengths differ too: 8 and 16 bytes. Every third dispatch repeats earlier bytes.
            let data: Vec<Vec<_>> = (0..50u32)
                .map(|step| {
                    (0..count)
                        .map(move |i| bytes(&[step % 3 + 2, step / 3 * (i + 1), 5, 5][..if i == 0 { 4 } else { 2 }]))
                })
                .map(Iterator::collect)
                .collect();
            let bindings: Vec<Vec<_>> = data
                .iter()
                .map(|data| data.iter().map(|data| BufferBinding::Uniform(data)).chain([all(&y)]).collect())
                .collect();
            let passes = groups(n);
            let mut commands = vec![Command::Zero { buffer: &y, offset: 0, bytes: y.bytes() }];
            commands.extend(bindings.iter().map(|bindings| Command::Dispatch {
                shader: &shader,
                bindings,
                passes: &passes,
            }));
            commands.push(download(&y));
            let expected = (0..50u32).fold(0u32, |y, step| {
                let sum: u32 = (0..count).map(|i| step / 3 * (i + 1)).sum();
                y.wrapping_mul(step % 3 + 2).wrapping_add(sum)
            });
            assert_ne!(expected, 0);
            assert_eq!(fetch(device, &commands).unwrap(), vec![expected; n as usize], "{count} uniforms");
        }
    }
}

#[test]
fn windows_of_one_buffer_are_apart() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        let step = u64::from(device.info().limits.storage_alignment).max(64);
        let n = step / 4;
        let from = device.allocate(step * 3).unwrap();
        let to = device.allocate(step * 3 + 2).unwrap();
        let x: Vec<u32> = (0..n as u32).map(|i| i * i).collect();
        let window = |buffer, at| BufferBinding::Buffer { buffer, offset: at * step, bytes: step };
        let passes = groups(n as u32);
        let shader = stencil();
        let mut seen = Vec::new();
        let pending = device
            .submit(
                &[
                    Command::Zero { buffer: &from, offset: 0, bytes: step * 3 },
                    Command::Zero { buffer: &to, offset: 0, bytes: step * 3 + 2 },
                    Command::Upload { data: &bytes(&x), to: &from, offset: step },
                    Command::Dispatch {
                        shader: &shader,
                        bindings: &[window(&from, 1), window(&to, 2)],
                        passes: &passes,
                    },
                    Command::Copy { from: &to, from_offset: step * 2 + 8, to: &from, to_offset: 4, bytes: 8 },
                    // The last two bytes of a buffer that is not a multiple of 4.
                    Command::Upload { data: &[7, 9], to: &to, offset: step * 3 },
                    Command::Download { from: &to, offset: 0, bytes: step * 3 + 2 },
                    Command::Download { from: &from, offset: 0, bytes: 13 },
                    Command::Download { from: &to, offset: step * 2 + 4, bytes: 5 },
                    Command::Download { from: &to, offset: step * 3, bytes: 0 },
                    // Later than the downloads: they must not see it.
                    Command::Zero { buffer: &to, offset: 0, bytes: step * 3 + 2 },
                    Command::Zero { buffer: &to, offset: 0, bytes: 0 },
                ],
                0,
            )
            .unwrap();
        pending.wait(&mut |index, data| seen.push((index, data.to_vec()))).unwrap();
        let y = stencil_on_the_host(&x);
        let mut expected = vec![0; step as usize * 2];
        expected.extend(bytes(&y));
        expected.extend([7, 9]);
        assert_eq!(seen[0], (0, expected));
        let mut copied = vec![0; 4];
        copied.extend(bytes(&y[2..4]));
        copied.push(0);
        assert_eq!(seen[1], (1, copied));
        assert_eq!(seen[2], (2, bytes(&y[1..3])[..5].to_vec()));
        assert_eq!(seen[3], (3, vec![]));
        assert_eq!(seen.len(), 4);
        assert!(
            fetch(&device, &[Command::Download { from: &to, offset: 0, bytes: step * 3 }])
                .unwrap()
                .iter()
                .all(|&w| w == 0)
        );
    }
}

#[test]
fn empty_lists_and_empty_windows_are_allowed() {
    let Some([device, _]) = devices(Options::default()) else { return };
    device.submit(&[], 0).unwrap().wait(&mut |_, _| panic!("nothing to read")).unwrap();
    let (a, b) = (device.allocate(0).unwrap(), device.allocate(0).unwrap());
    let shader = scale();
    let uniform = bytes(&[0, 1]);
    let bindings = [BufferBinding::Uniform(&uniform), all(&a), all(&b)];
    let passes = groups(64);
    let commands = [
        Command::Upload { data: &[], to: &a, offset: 0 },
        Command::Dispatch { shader: &shader, bindings: &bindings, passes: &passes },
        Command::Dispatch { shader: &shader, bindings: &bindings, passes: &[] },
        download(&b),
    ];
    assert_eq!(fetch(&device, &commands).unwrap(), [0u32; 0]);
}

#[test]
fn two_threads_submit_at_once_and_each_list_keeps_its_order() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        let (scale, stencil) = (scale(), stencil());
        std::thread::scope(|scope| {
            for thread in 0..3u32 {
                let (device, scale, stencil) = (&device, &scale, &stencil);
                scope.spawn(move || {
                    let n = 500 + 300 * thread;
                    let [a, b] = [0, 1].map(|_| device.allocate(u64::from(n) * 4).unwrap());
                    let mut x: Vec<u32> = (0..n).map(|i| i ^ thread).collect();
                    let data = bytes(&x);
                    let mut pending = Vec::new();
                    let passes = groups(n);
                    pending.push(device.submit(&[Command::Upload { data: &data, to: &a, offset: 0 }], 0).unwrap());
                    for round in 0..40u32 {
                        let uniform = bytes(&[n, round + thread]);
                        let bindings = [BufferBinding::Uniform(&uniform), all(&a), all(&b)];
                        let list = [
                            Command::Dispatch { shader: scale, bindings: &bindings, passes: &passes },
                            Command::Dispatch { shader: stencil, bindings: &[all(&b), all(&a)], passes: &passes },
                        ];
                        pending.push(device.submit(&list, 1_000).unwrap());
                        x = stencil_on_the_host(&scaled(&x, round + thread));
                    }
                    assert_eq!(fetch(device, &[download(&a)]).unwrap(), x);
                    assert!(pending.iter().all(|list| list.done().is_ok()));
                });
            }
            // Jobs between them.
            for round in 0..20u32 {
                let x: Vec<u32> = (0..100 + round).collect();
                assert_eq!(run_scale(&device, &scale, &x, round).unwrap(), scaled(&x, round));
            }
        });
        assert_eq!(device.queued(), veda::device::Queued::default());
        assert_eq!(device.counters().held_bytes, 0);
    }
}

#[test]
fn the_budget_counts_resident_memory_and_gets_it_back() {
    let Some(devices) = devices(Options::default().memory_budget(1 << 20)) else { return };
    for device in devices {
        assert_eq!(device.available(), 1 << 20);
        let small = device.allocate(300).unwrap();
        assert_eq!(device.available() + device.footprint(300), 1 << 20);
        drop(small);
        let a = device.allocate(1 << 19).unwrap();
        let b = a.clone();
        assert_eq!(device.available(), 1 << 19);
        match device.allocate((1 << 19) + 4) {
            Err(DeviceError::OutOfBudget { needed, budget }) => {
                assert!(needed > 1 << 19, "{needed}");
                assert_eq!(budget, 1 << 19);
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(device.allocate(u64::MAX), Err(DeviceError::TooLarge { .. })));
        // A free buffer of the pool gives way.
        drop(device.allocate(1 << 18).unwrap());
        assert_eq!((device.available(), device.counters().held_bytes), (1 << 19, 1 << 19));
        let c = device.allocate(1 << 19).unwrap();
        assert_eq!(device.available(), 0);
        // Nothing is left for staging, and nobody will ever give it back.
        let data = [1; 4];
        let upload = [Command::Upload { data: &data, to: &c, offset: 0 }];
        assert!(matches!(device.submit(&upload, 0), Err(DeviceError::OutOfBudget { budget: 0, .. })));
        assert!(matches!(device.submit(&[download(&a)], 0), Err(DeviceError::OutOfBudget { budget: 0, .. })));
        assert!(matches!(run_scale(&device, &scale(), &[1], 1), Err(DeviceError::OutOfBudget { budget: 0, .. })));
        device.submit(&[Command::Zero { buffer: &a, offset: 0, bytes: 1 << 19 }], 0).unwrap().done().unwrap();
        drop(a);
        assert_eq!(device.available(), 0, "a clone holds it");
        drop(b);
        assert_eq!(device.available(), 1 << 19);
        device.submit(&upload, 0).unwrap().done().unwrap();
        drop(c);
        eventually("all memory is free", || device.available() == 1 << 20);
        assert_eq!(run_scale(&device, &scale(), &[1, 2], 3).unwrap(), [3, 7]);
        assert!(device.counters().pool_bytes <= 1 << 20);
    }
}

#[test]
fn an_upload_larger_than_the_room_for_staging_is_cut() {
    let Some(devices) = devices(Options::default().memory_budget(1 << 20)) else { return };
    for device in devices {
        // 896 KiB held, 128 KiB for staging: uploads of 16 and of all 448 KiB, with dispatches between.
        let n = 448u32 << 8;
        let [a, b] = [0, 1].map(|_| device.allocate(u64::from(n) * 4).unwrap());
        let x: Vec<u32> = (0..n).map(|i| i ^ 0xabcd).collect();
        let (data, head) = (bytes(&x), bytes(&[9; 4096]));
        let shader = scale();
        let uniform = bytes(&[n, 3]);
        let bindings = [BufferBinding::Uniform(&uniform), all(&a), all(&b)];
        let passes = groups(n);
        let dispatch = Command::Dispatch { shader: &shader, bindings: &bindings, passes: &passes };
        let head = Command::Upload { data: &head, to: &b, offset: 4096 };
        let tail = Command::Download { from: &b, offset: 0, bytes: 32 << 10 };
        let upload = Command::Upload { data: &data, to: &a, offset: 0 };
        let y = fetch(&device, &[head, upload, dispatch, head, tail]).unwrap();
        let mut expected = scaled(&x[..8 << 10], 3);
        expected[1024..1024 + 4096].fill(9);
        assert_eq!(y, expected);
        // The rest, in pieces that fit.
        for at in (0..n as usize).step_by(16 << 10) {
            let end = (at + (16 << 10)).min(n as usize);
            let piece = Command::Download { from: &b, offset: at as u64 * 4, bytes: (end - at) as u64 * 4 };
            let expected = scaled(&x, 3);
            let y = fetch(&device, &[piece]).unwrap();
            assert!(at == 0 || y == expected[at..end], "from {at}");
        }
        assert!(device.counters().batches > 8, "it was cut: {:?}", device.counters());
        assert!(device.counters().pool_bytes <= 1 << 20);
    }
}

#[test]
fn jobs_and_holders_never_wait_for_each_other() {
    let Some(devices) = devices(Options::default().memory_budget(1 << 20)) else { return };
    for device in devices {
        let shader = scale();
        // Holders that come and go, jobs that fit only while few hold: each call ends, well or refused.
        std::thread::scope(|scope| {
            for thread in 0..4u32 {
                let (device, shader) = (&device, &shader);
                scope.spawn(move || {
                    let mut done = 0;
                    for round in 0..60u32 {
                        let x = vec![round; 15_000 + 1000 * thread as usize];
                        let result = if thread % 2 == 0 {
                            run_scale(device, shader, &x, 2)
                        } else {
                            resident_scale(device, shader, &x, 2)
                        };
                        match result {
                            Ok(y) => {
                                assert_eq!(y, scaled(&x, 2));
                                done += 1;
                            }
                            Err(DeviceError::OutOfBudget { .. }) => {}
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                    assert!(done > 0, "thread {thread}");
                });
            }
        });
        eventually("all memory is free", || device.available() == 1 << 20);
        assert_eq!(device.counters().held_bytes, 0);
    }
}

/// The same as `run_scale` with buffers of its own.
fn resident_scale(device: &Device, shader: &Arc<Shader>, x: &[u32], factor: u32) -> Result<Vec<u32>, DeviceError> {
    let (uniform, data) = (bytes(&[x.len() as u32, factor]), bytes(x));
    let [a, b] = [device.allocate(data.len() as u64)?, device.allocate(data.len() as u64)?];
    let bindings = [BufferBinding::Uniform(&uniform), all(&a), all(&b)];
    let passes = groups(x.len() as u32);
    fetch(
        device,
        &[
            Command::Upload { data: &data, to: &a, offset: 0 },
            Command::Dispatch { shader, bindings: &bindings, passes: &passes },
            download(&b),
        ],
    )
}

#[test]
fn a_job_in_line_is_refused_once_others_hold_its_memory() {
    let Some([_, device]) = devices(Options::default().memory_budget(1 << 20)) else { return };
    let shader = scale();
    // Both jobs fit alone: four buffers of 160 KiB, four of 224 KiB. The first one's reader keeps its memory meanwhile.
    let (first, second) = (vec![1u32; 40_000], vec![2u32; 50_000]);
    let (data, uniform) = (bytes(&first), bytes(&[first.len() as u32, 2]));
    let job = Job {
        shader: &shader,
        bindings: &[
            Binding::Uniform(&uniform),
            Binding::Input(&data),
            Binding::Output { bytes: data.len() as u64, read: Read::All, zero: false },
        ],
        passes: &groups(first.len() as u32),
        predicted_ns: 0,
    };
    let read = |_, _: &[u8]| {
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| run_scale(&device, &shader, &second, 2));
            eventually("the second job", || device.queued().jobs == 2);
            std::thread::sleep(Duration::from_millis(20));
            assert!(!waiting.is_finished(), "it waits for the first");
            let buffer = device.allocate(300 << 10).unwrap();
            let error = waiting.join().unwrap().unwrap_err();
            assert!(matches!(error, DeviceError::OutOfBudget { needed, budget } if needed > budget), "{error:?}");
            drop(buffer);
        });
    };
    device.run(&job, &mut { read }).unwrap();
    assert_eq!(run_scale(&device, &shader, &second, 2).unwrap(), scaled(&second, 2));
}

#[test]
fn wrong_use_is_named_before_anything_runs() {
    let Some([device, other]) = devices(Options::default()) else { return };
    let (scale, stencil) = (scale(), stencil());
    let alignment = u64::from(device.info().limits.storage_alignment);
    let [a, b] = [0, 1].map(|_| device.allocate(4096).unwrap());
    let odd = device.allocate(10).unwrap();
    let strange = other.allocate(4096).unwrap();
    let window = |buffer, offset, bytes| BufferBinding::Buffer { buffer, offset, bytes };
    let uniform = BufferBinding::Uniform(&[0; 8]);
    let data = [0; 8];
    let reason =
        |command: Command<'_>| match device.submit(&[Command::Zero { buffer: &a, offset: 0, bytes: 4 }, command], 0) {
            Err(DeviceError::Validation { reason, .. }) => reason,
            other => panic!("{command:?}: {other:?}"),
        };
    for (command, word) in [
        (Command::Upload { data: &data, to: &a, offset: 4092 }, "outside"),
        (Command::Upload { data: &data, to: &a, offset: u64::MAX }, "outside"),
        (Command::Upload { data: &data, to: &a, offset: 2 }, "multiple of 4"),
        (Command::Upload { data: &data[..3], to: &a, offset: 0 }, "reach the end"),
        (Command::Upload { data: &data[..3], to: &odd, offset: 4 }, "reach the end"),
        (Command::Upload { data: &data, to: &strange, offset: 0 }, "generation"),
        (Command::Zero { buffer: &a, offset: 4096, bytes: 1 }, "outside"),
        (Command::Zero { buffer: &a, offset: 0, bytes: 6 }, "reach the end"),
        (Command::Download { from: &a, offset: 1, bytes: 1 }, "multiple of 4"),
        (Command::Download { from: &a, offset: 8, bytes: u64::MAX }, "outside"),
        (Command::Copy { from: &a, from_offset: 0, to: &a, to_offset: 64, bytes: 4 }, "two buffers"),
        (Command::Copy { from: &a, from_offset: 0, to: &b, to_offset: 4096, bytes: 4 }, "outside"),
        (Command::Copy { from: &strange, from_offset: 0, to: &b, to_offset: 0, bytes: 4 }, "generation"),
    ] {
        let reason = reason(command);
        assert!(reason.starts_with("command 1: ") && reason.contains(word), "{command:?}: {reason}");
    }
    for (shader, bindings, word) in [
        (&stencil, &[all(&a)][..], "1 bindings for 2 slots"),
        (&stencil, &[uniform, all(&a)], "does not fit its slot"),
        (&scale, &[all(&a), all(&a), all(&b)], "does not fit its slot"),
        (&stencil, &[window(&a, 0, 64), window(&a, alignment * 2, 64)], "read-only and read-write"),
        (&stencil, &[window(&a, alignment / 2, 64), all(&b)], "multiple of"),
        (&stencil, &[window(&a, alignment, 4096), all(&b)], "outside"),
        (&stencil, &[all(&strange), all(&b)], "generation"),
    ] {
        let reason = reason(Command::Dispatch { shader, bindings, passes: &groups(64) });
        assert!(reason.contains(word), "{bindings:?}: {reason}");
    }
    let groups = device.info().limits.max_workgroups_per_dim + 1;
    let too_many = [Pass { entry: 0, groups: [1, groups, 1] }];
    let good = [all(&a), all(&b)];
    let dispatch = |passes| device.submit(&[Command::Dispatch { shader: &stencil, bindings: &good, passes }], 0);
    assert!(matches!(dispatch(&too_many), Err(DeviceError::TooLarge { .. })));
    let no_entry = [Pass { entry: 1, groups: [1; 3] }];
    assert!(matches!(dispatch(&no_entry), Err(DeviceError::Validation { .. })));
    let large = vec![0; device.info().limits.max_uniform_bytes as usize + 1];
    let bindings = [BufferBinding::Uniform(&large), all(&a), all(&b)];
    let command = Command::Dispatch { shader: &scale, bindings: &bindings, passes: &[] };
    assert!(matches!(device.submit(&[command], 0), Err(DeviceError::TooLarge { .. })));
    assert_eq!(device.counters().batches, 0, "nothing ran");
    // A shader that does not compile.
    let bad = Arc::new(Shader::new("bad", 9, "not WGSL", vec![], vec!["main".into()]));
    let command = Command::Dispatch { shader: &bad, bindings: &[], passes: &no_entry[..0] };
    assert!(matches!(device.submit(&[command], 0), Err(DeviceError::Shader { name, .. }) if name == "bad"));
    assert!(dispatch(&self::groups(64)).unwrap().done().is_ok());
}

#[test]
fn a_list_that_the_driver_refuses_fails_alone() {
    let Some([device, _]) = devices(Options::default()) else { return };
    // The window is smaller than the shader's struct: wgpu sees it only when the dispatch is encoded.
    let wgsl = "
        struct Big { a: array<vec4<f32>, 64> }
        @group(0) @binding(0) var<storage, read_write> x: Big;
        @compute @workgroup_size(1) fn main() { x.a[0].x = 1.0; }";
    let big = Arc::new(Shader::new("big", 20, wgsl, vec![Slot::ReadWrite], vec!["main".into()]));
    let scale = scale();
    let a = device.allocate(4096).unwrap();
    let bindings = [BufferBinding::Buffer { buffer: &a, offset: 0, bytes: 16 }];
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let (device, big, bindings, scale) = (&device, &big, &bindings, &scale);
            scope.spawn(move || {
                for round in 0..15u32 {
                    if thread % 2 == 0 {
                        let passes = groups(1);
                        let pending =
                            device.submit(&[Command::Dispatch { shader: big, bindings, passes: &passes }], 0).unwrap();
                        let error = pending.wait(&mut |_, _| ()).unwrap_err();
                        assert!(matches!(&error, DeviceError::Validation { name, .. } if name == "big"), "{error:?}");
                    } else {
                        assert_eq!(resident_scale(device, scale, &[round, 1], 2).unwrap(), [round * 2, 3]);
                    }
                }
            });
        }
    });
    assert!(!device.is_lost());
    assert_eq!(device.counters().uncaptured_errors, 0);
}

#[test]
fn a_panic_of_the_reader_stays_with_its_caller() {
    let Some([device, _]) = devices(Options::default()) else { return };
    let a = device.allocate(64).unwrap();
    for _ in 0..3 {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let pending = device.submit(&[download(&a)], 5).unwrap();
            pending.wait(&mut |_, _| std::panic::panic_any("the reader"))
        }));
        assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"the reader"));
        assert_eq!(device.queued().jobs, 0);
        assert_eq!(resident_scale(&device, &scale(), &[1, 2], 3).unwrap(), [3, 7]);
    }
    let counters = device.counters();
    assert_eq!((counters.held_bytes, counters.uncaptured_errors), (256, 0));
}

/// Commands that keep a software device busy for some milliseconds.
fn long_work(device: &Device, buffers: &[DeviceBuffer; 2]) -> Result<veda::device::Pending, DeviceError> {
    let shader = stencil();
    let passes = groups((buffers[0].bytes() / 4) as u32);
    let bindings = [all(&buffers[0]), all(&buffers[1])];
    let dispatch = Command::Dispatch { shader: &shader, bindings: &bindings, passes: &passes };
    let mut commands = vec![dispatch; 20];
    commands.push(download(&buffers[1]));
    device.submit(&commands, 0)
}

#[test]
fn everything_may_be_dropped_in_flight() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        let total = device.available();
        for round in 0..6 {
            let buffers = [0, 1].map(|_| device.allocate(1 << 20).unwrap());
            let pending = long_work(&device, &buffers).unwrap();
            // In either order, and not at all.
            if round % 3 == 0 {
                drop(buffers);
                drop(pending);
            } else if round % 3 == 1 {
                drop(pending);
                drop(buffers);
            } else {
                drop(buffers);
                let start = Instant::now();
                let times = pending.done().unwrap();
                assert!(times.done >= times.submitted && start.elapsed() < Duration::from_secs(30));
                pending.wait(&mut |_, data| assert_eq!(data.len(), 1 << 20)).unwrap();
            }
        }
        eventually("all memory is free", || device.available() == total);
        assert_eq!(device.counters().uncaptured_errors, 0);
        assert_eq!(device.counters().held_bytes, 0);
        // The device itself, with a buffer and a list that outlive it.
        let buffers = [0, 1].map(|_| device.allocate(1 << 20).unwrap());
        device.submit(&[Command::Zero { buffer: &buffers[0], offset: 0, bytes: 1 << 20 }], 0).unwrap().done().unwrap();
        let pending = long_work(&device, &buffers).unwrap();
        drop(device);
        assert!(pending.is_done(), "dropping the device waits for what it was handed");
        pending.wait(&mut |_, data| assert!(data.iter().all(|&byte| byte == 0))).unwrap();
        drop(buffers);
    }
}

#[test]
fn a_loss_fails_what_is_pending_and_kills_the_buffers() {
    let Some(devices) = devices(Options::default()) else { return };
    for device in devices {
        let buffers = [0, 1].map(|_| device.allocate(1 << 20).unwrap());
        let pending: Vec<_> = (0..20).map(|_| Arc::new(long_work(&device, &buffers).unwrap())).collect();
        std::thread::scope(|scope| {
            let last = Arc::clone(&pending[19]);
            // Two waiters of one list.
            let waiters = [0, 1].map(|_| {
                let last = Arc::clone(&last);
                scope.spawn(move || last.done())
            });
            device.simulate_loss();
            for waiter in waiters {
                let result = waiter.join().unwrap();
                assert!(
                    matches!(&result, Err(DeviceError::Lost { reason, .. }) if reason == "simulated"),
                    "{result:?}"
                );
            }
        });
        assert!(pending.iter().all(|list| list.is_done()));
        assert!(matches!(device.allocate(4), Err(DeviceError::Lost { .. })));
        assert!(matches!(long_work(&device, &buffers), Err(DeviceError::Lost { .. })));
        let fresh = Device::open(device.info().index).unwrap();
        match fresh.submit(&[download(&buffers[0])], 0) {
            Err(DeviceError::Validation { reason, .. }) => assert!(reason.contains("allocate it anew"), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert_ne!(fresh.generation(), buffers[0].generation());
        drop((pending, device));
        drop(buffers);
        assert_eq!(resident_scale(&fresh, &scale(), &[1, 2], 3).unwrap(), [3, 7]);
    }
}
