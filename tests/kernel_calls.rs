//! Kernels call kernels by ordinary paths; closures capture scalars; the registry knows both.
#![allow(missing_docs)]

use veda::__private::{Kernel, Value, find};
use veda::kernel::pipe::Operand;

const GAIN: f32 = 1.5;

#[veda::kernel]
fn square(x: f32) -> f32 {
    x * x
}

mod inner {
    pub const OFFSET: u32 = 7;

    #[veda::kernel]
    pub fn shifted(x: u32) -> u32 {
        x + OFFSET
    }
    #[veda::kernel]
    pub fn at(src: &[f32], i: usize) -> f32 {
        src[i]
    }
    #[veda::kernel]
    pub fn length((x, y): (f32, f32)) -> f32 {
        (x * x + y * y).sqrt()
    }
}

use inner::shifted as moved;

#[veda::kernel]
fn calls(x: f32, n: u32, src: &[f32], id: veda::Index) -> f32 {
    let twice = moved(inner::shifted(n));
    let part = inner::at(src, id.x as usize) + inner::length((x, 4.0));
    square(x) * GAIN + part + twice as f32 + std::f32::consts::PI * f32::EPSILON
}

#[veda::kernel]
fn positive(x: &f32) -> bool {
    *x > 0.0
}

#[veda::kernel]
fn not_negative(x: &f32) -> bool {
    positive(x) || *x == 0.0
}

#[veda::kernel(exact)]
fn plain(x: f32, y: u32) -> f32 {
    x * y as f32
}

#[test]
fn kernels_call_kernels() {
    let id = veda::Index::new([2, 0, 0], [3, 1, 1]);
    let expected = 9.0 * 1.5 + (30.0 + 5.0) + 15.0 + std::f32::consts::PI * f32::EPSILON;
    assert_eq!(calls(3.0, 1, &[10.0, 20.0, 30.0], id), expected);
    assert!(not_negative(&0.0) && not_negative(&2.0) && !not_negative(&-1.0));
}

#[test]
fn descriptors_name_what_a_kernel_needs() {
    let desc = <calls as Kernel>::DESC;
    assert_eq!((desc.name, desc.path), ("calls", "kernel_calls::calls"));
    let deps: Vec<_> = desc.deps.iter().map(|d| d().name).collect();
    // One entry per path: a rename is a second path to the same descriptor.
    assert_eq!(deps, ["shifted", "shifted", "at", "length", "square"]);
    assert!(std::ptr::eq((desc.deps[0])(), (desc.deps[1])()));
    let consts: Vec<_> = desc.consts.iter().map(|c| c()).collect();
    assert_eq!(consts, [Value::F32(GAIN), Value::F32(std::f32::consts::PI), Value::F32(f32::EPSILON)]);
    assert_ne!(desc.hash, <square as Kernel>::DESC.hash);
}

#[test]
fn the_registry_knows_functions() {
    let by_value: fn() -> Option<&'static str> = || find(&square::<f32>).map(|(d, _)| d.name);
    assert_eq!(by_value(), Some("square"));
    assert_eq!(find(&square::<&f32>).map(|(d, _)| d.name), Some("square"));
    assert_eq!(find(&positive).map(|(d, _)| d.name), Some("positive"));
    assert_eq!(find(&plain).map(|(d, _)| d.name), Some("plain"));
    assert_eq!(find(&inner::length::<(&f32, &f32)>).map(|(d, _)| d.name), Some("length"));
    assert!(find(&|x: f32| square(x)).is_none());
    assert_eq!(find(&f32::sqrt).map(|(d, _)| d.name), Some("sqrt"));
    assert!(find(&f32::to_radians).is_none());
}

#[test]
fn kernels_map_over_values_and_references() {
    let xs = [1.0f32, 2.0, 3.0];
    assert_eq!(xs.iter().map(square).sum::<f32>(), 14.0);
    assert_eq!(xs.iter().copied().map(square).sum::<f32>(), 14.0);
    assert_eq!(xs.iter().filter(|x| positive(x)).count(), 3);
    let lengths: Vec<f32> = [3.0f32].iter().zip(&[4.0f32]).map(inner::length).collect();
    assert_eq!(lengths, [5.0]);
}

#[test]
fn closures_are_found_with_their_captures() {
    let (a, n) = (2.0f32, 3u32);
    let f = veda::kernel_fn!(|x: f32| -> f32 {
        let n = n + 1;
        square(a * x) + n as f32 * GAIN
    });
    assert_eq!(f(1.0), 10.0);
    let (desc, captures) = find(&f).expect("a kernel_fn is registered");
    assert_eq!(desc.name, "{closure}");
    // In the order of their first use.
    assert_eq!(captures, [Value::U32(3), Value::F32(2.0)]);
    let none = veda::kernel_fn!(|x: f32| -> f32 { -x });
    assert_eq!(none(1.0), -1.0); // a use fixes its argument: `f32` or `&f32`
    assert_eq!(find(&none).map(|(_, c)| c), Some(vec![]));
    assert!(find(&|x: f32| a * x).is_none());
}

#[test]
fn on_binds_scalars_slices_and_positions() {
    let xs = vec![1.0f32, 2.0];
    let bound = calls::on(&xs, 1, &xs);
    let pipe = bound.pipe().unwrap();
    assert_eq!(pipe.buffers.iter().map(|b| b.len).collect::<Vec<_>>(), [2, 2]);
    assert!(pipe.stages[0].args.contains(&Operand::Uniform(Value::U32(1))), "{:?}", pipe.stages[0].args);
    let pair = inner::length::on((&xs, 2.0));
    let operand = Operand::Tuple(vec![Operand::Element(0), Operand::Uniform(Value::F32(2.0))]);
    assert_eq!(pair.pipe().unwrap().stages[0].args, [operand]);
}
