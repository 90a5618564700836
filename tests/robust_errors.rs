//! Mistakes of the caller, and of hand-written shaders: typed errors, the same on every device.
#![cfg(feature = "gpu")]
#![allow(missing_docs)]

mod robust_support;

use std::borrow::Cow;
#[cfg(debug_assertions)]
use std::panic::catch_unwind;

use robust_support::{noted, ran_on, software};
use veda::gpu::{Bindings, GpuKernel, Outputs, Place, Pool, execute};
use veda::{Config, DeviceChoice, Error};

#[veda::kernel]
fn add(x: f32, y: f32) -> f32 {
    x + y
}

#[veda::kernel]
fn shifted(id: veda::Index, src: &[u32], by: u32) -> u32 {
    src[(id.x + by) as usize]
}

#[veda::kernel]
fn every_third(id: veda::Index, src: &[u32]) -> u32 {
    src[(id.x * 3) as usize]
}

#[veda::kernel]
fn collatz_like(x: u32, rounds: u32) -> u32 {
    let mut state = x;
    for i in 0..rounds {
        state = (state * 1_664_525) ^ i;
    }
    state
}

fn init() {
    veda::init_with_config(Config::builder().device(DeviceChoice::Software).build()).expect("the software GPU opens");
}

fn gpu_place() -> Place {
    let all = veda::device::Adapters::list();
    Place::Gpu(all.iter().find(|a| a.kind == veda::device::Kind::Software).expect("checked before").index as u32)
}

#[test]
fn arguments_are_checked_before_anything_runs() {
    let (short, long) = ([1.0f32; 3], [2.0f32; 4]);
    match execute(add::on(&short, &long)) {
        Err(Error::LengthMismatch { kernel, expected: 3, actual: 4, .. }) => assert_eq!(kernel, "add"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        execute(add::on(&short, &short).over(4u32)),
        Err(Error::IndexSpaceMismatch { space: 4, slices: 3, .. })
    ));
    assert!(execute(add::on(&short, &short).over([3u32, 1])).is_ok());
    match execute(shifted::on(&[1u32], 0)) {
        Err(error @ Error::NoIndexSpace { .. }) => assert!(error.to_string().contains(".over("), "{error}"),
        other => panic!("{other:?}"),
    }
    match execute(shifted::on(&[1u32], 0).over([u32::MAX, 2])) {
        Err(Error::TooLarge { kernel, actual, limit, .. }) => {
            assert_eq!((kernel.as_str(), actual, limit), ("shifted", 2 * u64::from(u32::MAX), u64::from(u32::MAX)));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        execute(shifted::on(&[1u32], 0).over([u32::MAX, u32::MAX, u32::MAX])),
        Err(Error::TooLarge { .. })
    ));
}

#[test]
fn a_gpu_that_does_not_exist_is_named() {
    let x = [1.0f32; 8];
    match execute(add::on(&x, &x).on_device(Place::Gpu(97))) {
        Err(Error::NoGpu { reason }) => assert!(reason.contains("no adapter 97"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

/// A hand-written kernel over this text; the twin doubles.
struct Custom {
    text: &'static str,
    data: Vec<u32>,
}

impl GpuKernel for Custom {
    type Output = Vec<u32>;
    fn wgsl(&self) -> Cow<'_, str> {
        self.text.into()
    }
    fn bind<'a>(&'a self, b: &mut Bindings<'a>) {
        b.input(&self.data);
        b.output::<u32>(self.data.len());
        b.workgroups([self.data.len().div_ceil(64) as u32, 1, 1]);
    }
    fn read(&self, mut out: Outputs) -> veda::Result<Vec<u32>> {
        out.take(0)
    }
    fn cpu(&self, _: &Pool) -> veda::Result<Vec<u32>> {
        Ok(self.data.iter().map(|x| 2 * x).collect())
    }
}

fn custom(text: &'static str) -> Custom {
    Custom { text, data: (0..1000).collect() }
}

isolated! { fn hand_written_shaders_are_validated [] {
    if !software() { return }
    init();
    const GOOD: &str = "@group(0) @binding(0) var<storage, read> a: array<u32>;
        @group(0) @binding(1) var<storage, read_write> b: array<u32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            if (id.x < arrayLength(&a)) { b[id.x] = 2u * a[id.x]; }
        }";
    let (z, why) = veda::explain(|| execute(custom(GOOD)).unwrap());
    assert!(matches!(ran_on(&why), Some(Place::Gpu(_))), "{why}");
    assert_eq!(z, custom(GOOD).cpu(veda::Runtime::global().unwrap().pool()).unwrap());
    let bad = [
        "@compute @workgroup_size(64) fn main() { this is no WGSL }",
        "@compute @workgroup_size(64) fn main() { let x: f32 = 1u; }",
        "fn main() {}",
        "",
    ];
    for text in bad {
        for forced in [false, true] {
            let kernel = custom(text);
            let result = if forced { execute(kernel.on_device(gpu_place())) } else { execute(kernel) };
            match result {
                Err(Error::Shader { kernel, reason }) => {
                    assert!(kernel.contains("Custom"), "{kernel}");
                    assert!(!reason.is_empty());
                }
                other => panic!("{text:?}, forced {forced}: {other:?}"),
            }
        }
    }
    // Bindings that the text does not have, too many workgroups: the device's error if forced, else the twin.
    struct Wide(Custom);
    impl GpuKernel for Wide {
        type Output = Vec<u32>;
        fn wgsl(&self) -> Cow<'_, str> { self.0.wgsl() }
        fn bind<'a>(&'a self, b: &mut Bindings<'a>) { self.0.bind(b); b.workgroups([70_000, 1, 1]); }
        fn read(&self, out: Outputs) -> veda::Result<Vec<u32>> { self.0.read(out) }
        fn cpu(&self, pool: &Pool) -> veda::Result<Vec<u32>> { self.0.cpu(pool) }
    }
    assert!(matches!(execute(Wide(custom(GOOD)).on_device(gpu_place())), Err(Error::Device { .. })));
    assert_eq!(execute(Wide(custom(GOOD))).unwrap(), z);
}}

/// Doubles in place of a uniform: the text is the same, only the first binding differs.
struct Uniform(Custom);
impl GpuKernel for Uniform {
    type Output = Vec<u32>;
    fn wgsl(&self) -> Cow<'_, str> {
        self.0.wgsl()
    }
    fn bind<'a>(&'a self, b: &mut Bindings<'a>) {
        b.uniform(&[0u32; 4]);
        b.output::<u32>(self.0.data.len());
        b.workgroups([1, 1, 1]);
    }
    fn read(&self, out: Outputs) -> veda::Result<Vec<u32>> {
        self.0.read(out)
    }
    fn cpu(&self, pool: &Pool) -> veda::Result<Vec<u32>> {
        self.0.cpu(pool)
    }
}

isolated! { fn a_text_that_is_bound_wrongly_once_works_when_bound_rightly [] {
    if !software() { return }
    init();
    const TEXT: &str = "@group(0) @binding(0) var<storage, read> a: array<u32>;
        @group(0) @binding(1) var<storage, read_write> b: array<u32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            if (id.x < arrayLength(&a)) { b[id.x] = a[id.x] * 2u; }
        }";
    assert!(matches!(execute(Uniform(custom(TEXT))), Err(Error::Shader { .. })));
    let z = execute(custom(TEXT).on_device(gpu_place())).unwrap();
    assert_eq!(z, (0..1000).map(|x| 2 * x).collect::<Vec<u32>>());
}}

// The software driver stops loops after 65 535 iterations and says nothing.
isolated! { fn long_loops_are_right_on_the_software_gpu [] {
    if !software() { return }
    init();
    let xs: Vec<u32> = (0..300).collect();
    for (rounds, gpu) in [(1000, true), (60_000, true), (65_535, false), (70_000, false), (200_000, false)] {
        let (z, why) = veda::explain(|| execute(collatz_like::on(&xs, rounds)).unwrap());
        assert_eq!(matches!(ran_on(&why), Some(Place::Gpu(_))), gpu, "{rounds}: {why}");
        assert!(gpu || noted(&why, "check failed"), "{why}");
        assert_eq!(z, execute(collatz_like::on(&xs, rounds).on_device(Place::Cpu)).unwrap(), "{rounds} rounds");
        // Forced, too: the result counts, not the place.
        assert_eq!(execute(collatz_like::on(&xs, rounds).on_device(gpu_place())).unwrap(), z, "{rounds} rounds");
    }
}}

#[cfg(debug_assertions)]
isolated! { fn an_index_out_of_bounds_panics_on_every_device [] {
    if !software() { return }
    init();
    let src: Vec<u32> = (0..100).collect();
    for place in [None, Some(Place::Cpu), Some(gpu_place())] {
        let panic = catch_unwind(|| {
            let call = every_third::on(&src).over(50u32);
            execute(match place {
                Some(place) => call.on_device(place),
                None => call,
            })
        })
        .expect_err("34 * 3 is out of bounds");
        let text = panic.downcast_ref::<String>().expect("a message");
        for part in ["every_third", "102", "100"] {
            assert!(text.contains(part), "{place:?}: {text}");
        }
        // The pool goes on.
        assert_eq!(veda::join(|| 1, || 2), (1, 2));
        assert_eq!(execute(shifted::on(&src, 0).over(100u32)).unwrap(), src);
    }
}}

#[cfg(not(debug_assertions))]
isolated! { fn an_index_out_of_bounds_is_clamped_in_release [] {
    if !software() { return }
    init();
    let src: Vec<u32> = (0..100).collect();
    let expected: Vec<u32> = (0..100).map(|i| (i + 5).min(99)).collect();
    let (z, why) = veda::explain(|| execute(shifted::on(&src, 5).over(100u32)).unwrap());
    assert!(matches!(ran_on(&why), Some(Place::Gpu(_))), "{why}");
    assert_eq!(z, expected);
    assert_eq!(execute(shifted::on(&src, 5).over(100u32).on_device(Place::Cpu)).unwrap(), expected);
    let none: [u32; 0] = [];
    for place in [Place::Cpu, gpu_place()] {
        assert_eq!(execute(shifted::on(&none, 5).over(7u32).on_device(place)).unwrap(), [0; 7], "{place}");
    }
}}
