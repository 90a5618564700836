//! Chains of kernels describe themselves; chains with an ordinary closure do not.
#![allow(clippy::trivially_copy_pass_by_ref)] // the signatures that iterators want
#![allow(missing_docs)]

use veda::__private::inventory;
use veda::iter::*;
use veda::kernel::desc::KernelDesc;
use veda::kernel::pipe::{Operand, StageKind};
use veda::kernel::registry::{Registered, id_of};
use veda_kernels_ir::ast::{Ty, Value};

fn double(x: &f32) -> f32 {
    x * 2.0
}
fn add(pair: (f32, &f32)) -> f32 {
    pair.0 + pair.1
}
fn positive(x: &f32) -> bool {
    *x > 0.0
}
fn ramp(i: usize) -> f32 {
    i as f32
}
fn odd_hash(x: u32) -> u32 {
    x.wrapping_mul(0x9e37_79b9) | 1
}

const fn desc(name: &'static str) -> KernelDesc {
    KernelDesc { name, path: name, file: file!(), line: 0, hash: 0, ir: &[], deps: &[], consts: &[], debug: true }
}
static DOUBLE: KernelDesc = desc("double");
static ADD: KernelDesc = desc("add");
static POSITIVE: KernelDesc = desc("positive");
static RAMP: KernelDesc = desc("ramp");
static ODD_HASH: KernelDesc = desc("odd_hash");
inventory::submit! { Registered { ids: || vec![id_of(&double)], desc: &DOUBLE } }
inventory::submit! { Registered { ids: || vec![id_of(&add)], desc: &ADD } }
inventory::submit! { Registered { ids: || vec![id_of(&positive)], desc: &POSITIVE } }
inventory::submit! { Registered { ids: || vec![id_of(&ramp)], desc: &RAMP } }
inventory::submit! { Registered { ids: || vec![id_of(&odd_hash)], desc: &ODD_HASH } }

#[test]
fn map_and_filter_are_stages() {
    let xs = vec![1.0f32, -2.0, 3.0];
    let chain = xs.par_iter().map(double).with_min_len(2).filter(positive);
    assert!(chain.is_kernel_chain());
    let pipe = chain.describe().unwrap();
    assert_eq!(pipe.buffers.len(), 1);
    assert_eq!((pipe.buffers[0].ty, pipe.buffers[0].len), (Ty::F32, 3));
    assert_eq!(
        pipe.stages.iter().map(|s| (s.desc.name, s.kind)).collect::<Vec<_>>(),
        [("double", StageKind::Map), ("positive", StageKind::Filter)]
    );
    assert_eq!(pipe.stages[0].args, [Operand::Element(0)]);
    assert_eq!(pipe.stages[1].args, [Operand::Stage(0)]);
    assert_eq!(pipe.result, Operand::Stage(0));
    assert_eq!(pipe.space.dims(), [3, 1, 1]);
}

#[test]
fn zip_shifts_the_right_side_and_takes_the_shorter_length() {
    let (xs, ys) = (vec![1.0f32; 9], vec![2.0f32; 5]);
    let chain = (10..30usize).into_par_iter().map(ramp).zip(xs.par_iter().zip(&ys).map(|_| ()).map(|()| 0.0f32));
    assert!(!chain.is_kernel_chain() && chain.describe().is_none());
    let right = xs.par_iter().map(double).zip(&ys).map(add);
    let chain = ys.par_iter().zip(right).enumerate();
    let pipe = chain.describe().unwrap();
    assert!(chain.is_kernel_chain());
    assert_eq!(pipe.buffers.iter().map(|b| b.len).collect::<Vec<_>>(), [5, 9, 5]);
    assert_eq!(pipe.stages[0].args, [Operand::Element(1)]);
    assert_eq!(pipe.stages[1].args, [Operand::Tuple(vec![Operand::Stage(0), Operand::Element(2)])]);
    let position = Operand::Position(Ty::Usize, Value::Usize(0));
    let items = Operand::Tuple(vec![Operand::Element(0), Operand::Stage(1)]);
    assert_eq!(pipe.result, Operand::Tuple(vec![position, items]));
    assert_eq!(pipe.space.dims(), [5, 1, 1]);
}

#[test]
fn ranges_are_positions() {
    let chain = (10..30usize).into_par_iter().take(7).map(ramp);
    let pipe = chain.describe().unwrap();
    assert_eq!(pipe.stages[0].args, [Operand::Position(Ty::Usize, Value::Usize(10))]);
    assert_eq!(pipe.space.dims(), [7, 1, 1]);
}

#[test]
fn others_stay_on_the_cpu() {
    let xs = vec![1.0f32; 4];
    assert!(!xs.par_iter().is_kernel_chain());
    assert!(!xs.par_iter().map(|x| x + 1.0).is_kernel_chain());
    assert!(!xs.par_iter().map(double).map(|x| x + 1.0).is_kernel_chain());
    assert!(!xs.par_iter().map(|x| x * 2.0).filter(positive).is_kernel_chain());
    assert!(!xs.par_iter().rev().map(double).is_kernel_chain());
    assert!(xs.par_iter().rev().map(double).describe().is_none());
}

#[test]
fn integer_sums_of_kernels_wrap() {
    let n = 100_000u32;
    let sum: u32 = (0..n).into_par_iter().map(odd_hash).sum();
    assert_eq!(sum, (0..n).fold(0u32, |acc, x| acc.wrapping_add(odd_hash(x))));
    let product: u32 = (0..n).into_par_iter().map(odd_hash).product();
    assert_eq!(product, (0..n).fold(1u32, |acc, x| acc.wrapping_mul(odd_hash(x))));
}
