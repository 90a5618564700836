//! What can go wrong on a GPU: odd sizes, too little memory, lost devices. All on the software adapter.
#![cfg(feature = "gpu")]
#![allow(missing_docs)]

mod robust_support;

use std::time::{Duration, Instant};

use robust_support::{noted, on_gpu, ran_on, software};
use veda::gpu::{Place, execute};
use veda::prelude::*;
use veda::{Config, DeviceChoice, Error};

#[veda::kernel]
fn mix(a: u32, x: u32, y: u32) -> u32 {
    (x * a) ^ (y + 7)
}

#[veda::kernel]
fn gather(id: veda::Index, src: &[u32]) -> u32 {
    src[(id.flat() * 7919 % src.len() as u32) as usize] + id.x * 3 + id.y
}

#[veda::kernel]
fn odd_half(x: &u32) -> bool {
    *x / 2 % 2 == 1
}

#[veda::kernel]
fn twice(x: u32) -> u32 {
    x * 2
}

fn init() {
    veda::init_with_config(Config::builder().device(DeviceChoice::Software).build()).expect("the software GPU opens");
}

fn inputs(n: usize) -> (Vec<u32>, Vec<u32>) {
    ((0..n as u32).map(|i| i.wrapping_mul(2_654_435_761)).collect(), (0..n as u32).map(|i| i ^ 0x55aa).collect())
}

/// Runs `mix` over `n` elements on the GPU and compares with plain Rust.
fn check_mix(n: usize) {
    let (x, y) = inputs(n);
    let call = || execute(mix::on(2_246_822_519, &x, &y)).expect("routed calls do not fail");
    let z = if n == 0 { call() } else { on_gpu(call) };
    assert_eq!(z.len(), n);
    let wrong = (0..n).find(|&i| z[i] != (x[i].wrapping_mul(2_246_822_519) ^ y[i].wrapping_add(7)));
    assert_eq!(wrong, None, "of {n}");
}

isolated! { fn sizes_around_every_boundary [] {
    if !software() { return }
    init();
    for n in [0, 1, 2, 255, 256, 257, 4095, 4096, 4097, 65_535, 65_537, 1_000_003] {
        check_mix(n);
    }
}}

isolated! { fn a_grid_that_does_not_fit_one_dimension_is_folded [] {
    if !software() { return }
    init();
    check_mix(65_535 * 256 + 1);
}}

isolated! { fn a_zero_length_call_yields_nothing_on_any_place [] {
    if !software() { return }
    init();
    let none: [u32; 0] = [];
    assert_eq!(execute(mix::on(1, &none, &none).on_device(Place::Gpu(0))).unwrap(), none);
    assert_eq!(execute(gather::on(&[1u32, 2]).over([0u32, 5])).unwrap(), none);
    assert_eq!(execute(gather::on(&[1u32, 2]).over([0u32, 5]).on_device(Place::Cpu)).unwrap(), none);
}}

isolated! { fn images_have_their_shape [] {
    if !software() { return }
    init();
    let src: Vec<u32> = (0..1009).collect();
    for space in [[1u32, 1, 1], [257, 3, 1], [5, 7, 11], [1, 1000, 2]] {
        let call = || gather::on(&src).over(space);
        let gpu = on_gpu(|| execute(call()).unwrap());
        assert_eq!(gpu, execute(call().on_device(Place::Cpu)).unwrap(), "{space:?}");
    }
}}

// 40 M elements: 160 MB each, more than one binding of this driver (128 MiB), and more than one window. About 0.9 GB.
isolated! {
    #[cfg_attr(debug_assertions, ignore = "40 M elements take a minute without optimisation; run in release")]
    fn more_than_one_binding_holds_goes_in_windows [] {
    if !software() { return }
    init();
    let n = 40_000_000;
    let x: Vec<u32> = (0..n).collect();
    let z = on_gpu(|| execute(twice::on(&x)).unwrap());
    assert_eq!(z.len(), n as usize);
    assert!(z.iter().zip(&x).all(|(z, x)| *z == x * 2));
    let metrics = veda::metrics().snapshot();
    let device = metrics.devices.iter().find(|d| d.bytes_uploaded > 0).expect("it ran on the device");
    // The elements, and one status word per window.
    let status = device.bytes_downloaded - 4 * u64::from(n);
    assert!((8..64).contains(&status), "{metrics}");
}}

// 1 MiB: windows of some 20 000 elements, so one call is dozens of jobs.
isolated! { fn little_memory_means_small_windows [VEDA_GPU_MEMORY = "1MiB"] {
    if !software() { return }
    init();
    check_mix(300_001);
    let src: Vec<u32> = (0..1000).collect();
    let call = || gather::on(&src).over([1001u32, 333]);
    let gpu = on_gpu(|| execute(call()).unwrap());
    assert_eq!(gpu, execute(call().on_device(Place::Cpu)).unwrap());
    // Survivors and sums keep their order and value across windows.
    let xs: Vec<u32> = (0..200_003).collect();
    let kept: Vec<u32> = on_gpu(|| xs.par_iter().copied().map(twice).filter(odd_half).collect());
    let expected: Vec<u32> = xs.iter().map(|x| x * 2).filter(|x| (x / 2) % 2 == 1).collect();
    assert_eq!(kept, expected);
    let sum: u32 = on_gpu(|| xs.par_iter().copied().map(twice).sum());
    assert_eq!(sum, xs.iter().fold(0u32, |s, x| s.wrapping_add(x * 2)));
    let metrics = veda::metrics().snapshot();
    assert!(metrics.gpu_memory_allocated <= 1 << 20, "{metrics}");
}}

isolated! { fn a_whole_buffer_that_does_not_fit_runs_on_the_cpu [VEDA_GPU_MEMORY = "1MiB"] {
    if !software() { return }
    init();
    let src: Vec<u32> = (0..1_000_000).collect();
    let call = || gather::on(&src).over(1000u32);
    let (z, why) = veda::explain(|| execute(call()).unwrap());
    assert_eq!(ran_on(&why), Some(Place::Cpu), "{why}");
    assert!(noted(&why, "do not fit"), "{why}");
    assert_eq!(z, execute(call().on_device(Place::Cpu)).unwrap());
    match execute(call().on_device(gpu_place())) {
        Err(Error::Device { reason, .. }) => assert!(reason.contains("4000000 bytes"), "{reason}"),
        other => panic!("expected a device error, got {other:?}"),
    }
}}

isolated! { fn hardly_any_memory_means_the_cpu [VEDA_GPU_MEMORY = "2KiB"] {
    if !software() { return }
    init();
    let (x, y) = inputs(10_000);
    let (z, why) = veda::explain(|| execute(mix::on(3, &x, &y)).unwrap());
    assert_eq!(ran_on(&why), Some(Place::Cpu), "{why}");
    assert!(noted(&why, "budget"), "{why}");
    assert_eq!(z, execute(mix::on(3, &x, &y).on_device(Place::Cpu)).unwrap());
    assert!(matches!(execute(mix::on(3, &x, &y).on_device(gpu_place())), Err(Error::Device { .. })));
}}

/// The software adapter.
fn gpu_place() -> Place {
    let all = veda::device::Adapters::list();
    let found = all.iter().find(|a| a.kind == veda::device::Kind::Software).expect("checked before");
    Place::Gpu(found.index as u32)
}

/// The number of the software adapter.
fn gpu_index() -> u32 {
    match gpu_place() {
        Place::Gpu(index) => index,
        Place::Cpu => unreachable!(),
    }
}

/// Calls until one runs on the GPU again; the device is opened in the background.
fn comes_back(deadline: Duration) -> bool {
    let (x, y) = inputs(1000);
    let end = Instant::now() + deadline;
    while Instant::now() < end {
        let (z, why) = veda::explain(|| execute(mix::on(5, &x, &y)).unwrap());
        assert!(z.iter().zip(&x).zip(&y).all(|((z, x), y)| *z == (x.wrapping_mul(5) ^ (y + 7))));
        if matches!(ran_on(&why), Some(Place::Gpu(_))) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

isolated! { fn a_lost_device_is_opened_again [] {
    if !software() { return }
    init();
    let runtime = veda::Runtime::global().unwrap();
    assert!(comes_back(Duration::from_secs(10)), "it works at first");
    runtime.simulate_gpu_loss(gpu_index());
    // The next batch: the CPU, at once and rightly.
    let (x, y) = inputs(5000);
    let (z, why) = veda::explain(|| execute(mix::on(9, &x, &y)).unwrap());
    assert_eq!(z, execute(mix::on(9, &x, &y).on_device(Place::Cpu)).unwrap(), "{why}");
    assert!(comes_back(Duration::from_mins(1)), "{:?}", runtime.notes());
    assert!(runtime.notes().iter().any(|n| n.contains("lost 1 times and opened again")), "{:?}", runtime.notes());
    // A forced call does not wait for the background.
    runtime.simulate_gpu_loss(gpu_index());
    assert_eq!(execute(mix::on(9, &x, &y).on_device(gpu_place())).unwrap(), z);
}}

isolated! { fn a_loss_under_running_batches_changes_no_result [] {
    if !software() { return }
    init();
    let runtime = veda::Runtime::global().unwrap();
    let (x, y) = inputs(200_000);
    let expected = execute(mix::on(11, &x, &y).on_device(Place::Cpu)).unwrap();
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                for _ in 0..30 {
                    assert_eq!(execute(mix::on(11, &x, &y)).unwrap(), expected);
                }
            });
        }
        s.spawn(|| {
            for _ in 0..20 {
                std::thread::sleep(Duration::from_millis(15));
                runtime.simulate_gpu_loss(gpu_index());
            }
        });
    });
    let (z, _) = veda::explain(|| execute(mix::on(11, &x, &y)).unwrap());
    assert_eq!(z, expected);
}}

isolated! { fn a_batch_that_was_running_when_the_device_went_finishes_on_the_cpu [] {
    if !software() { return }
    init();
    let runtime = veda::Runtime::global().unwrap();
    let (x, y) = inputs(3_000_000);
    let expected = execute(mix::on(13, &x, &y).on_device(Place::Cpu)).unwrap();
    // A forced call opens the device again however often it was lost.
    let small = || execute(mix::on(13, &x[..10], &y[..10]).on_device(gpu_place())).unwrap();
    let hit = (0..100).any(|attempt| {
        assert_eq!(small(), expected[..10]);
        std::thread::scope(|s| {
            let loss = s.spawn(|| {
                std::thread::sleep(Duration::from_millis(1 + attempt % 8));
                runtime.simulate_gpu_loss(gpu_index());
            });
            let (z, why) = veda::explain(|| execute(mix::on(13, &x, &y)).unwrap());
            assert_eq!(z, expected);
            loss.join().unwrap();
            noted(&why, "was lost: simulated") && ran_on(&why) == Some(Place::Cpu)
        })
    });
    assert!(hit, "no loss met a running batch in 100 attempts");
}}

// Three losses are forgiven; then the device is not used any more, and everything goes on.
isolated! { fn twenty_losses_in_a_row [] {
    if !software() { return }
    init();
    let runtime = veda::Runtime::global().unwrap();
    for loss in 1..=20 {
        if loss <= 4 {
            assert!(comes_back(Duration::from_mins(1)), "before loss {loss}: {:?}", runtime.notes());
        }
        runtime.simulate_gpu_loss(gpu_index());
        let (x, y) = inputs(3000);
        let z = execute(mix::on(loss, &x, &y)).unwrap();
        assert!(z.iter().zip(&x).zip(&y).all(|((z, x), y)| *z == (x.wrapping_mul(loss) ^ (y + 7))));
    }
    assert!(!comes_back(Duration::from_millis(500)), "it was given up");
    assert!(runtime.notes().iter().any(|n| n.contains("not used any more")), "{:?}", runtime.notes());
}}
