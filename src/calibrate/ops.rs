//! One small loop per class of operation, compiled for the machine's vectors as kernels are.
//!
//! Each element runs through a chain of operations; neighbours are independent, so the vectoriser and the processor
//! overlap them as they do in a kernel. The difference between a short and a long chain is the operations' own time:
//! loads, stores and loop control cancel.

use std::hint::black_box;

use crate::kernel::isa::{self, Loop};
use crate::kernel::ops as kernel;

/// Elements of the data: 8 KiB, inside every first-level cache.
pub(super) const LEN: usize = 2048;

/// A class of operation with its short and its long loop.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) few: fn(&mut [u32]),
    pub(super) many: fn(&mut [u32]),
    pub(super) ops_few: f64,
    pub(super) ops_many: f64,
}

/// Fresh data: the bits of floats in [1, 2).
pub(super) fn data() -> Vec<u32> {
    (0..LEN as u32).map(|i| 0x3f80_0000 | i << 11).collect()
}

/// One step of a chain on the bits of an element.
pub(super) trait Step: Copy {
    /// With operands that the compiler cannot know.
    fn new() -> Self;
    fn apply(&self, x: u32, k: usize) -> u32;
}

/// `K` steps on each element.
pub(super) struct Chain<'a, S, const K: usize> {
    pub(super) data: &'a mut [u32],
    pub(super) operation: S,
}

impl<S: Step, const K: usize> Loop for Chain<'_, S, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for x in self.data {
            let mut v = *x;
            for k in 0..K {
                v = self.operation.apply(v, k);
            }
            *x = v;
        }
    }
}

fn chain<S: Step, const K: usize>(data: &mut [u32]) {
    isa::run_loop(Chain::<S, K> { data, operation: S::new() });
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident($($field:ident: $ty:ty = $value:expr),*) |$x:ident, $k:ident| $body:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name { $($field: $ty),* }
        impl Step for $name {
            #[inline(always)]
            fn new() -> Self {
                Self { $($field: black_box($value)),* }
            }
            #[inline(always)]
            fn apply(&self, x: u32, $k: usize) -> u32 {
                let _ = $k;
                let $x = x;
                $(let $field = self.$field;)*
                $body
            }
        }
    )+};
}

#[inline(always)]
fn f(x: u32) -> f32 {
    f32::from_bits(x)
}

steps! {
    /// Stays finite: it stops growing where the sum rounds to itself.
    Add(a: f32 = 1e-3) |x, k| (f(x) + a).to_bits();
    Mul(a: f32 = 1.000_000_1) |x, k| (f(x) * a).to_bits();
    Div(a: f32 = 1.000_000_1) |x, k| (f(x) / a).to_bits();
    Sqrt() |x, k| f(x).sqrt().to_bits();
    /// Two operations.
    Int(a: u32 = 0x9e37_79b9, b: u32 = 0x85eb_ca6b) |x, k| x.wrapping_add(a) ^ b;
    /// WGSL's rule for a zero divisor; the xor keeps quotients large.
    IntDiv(d: u32 = 3, a: u32 = 0xdead_beef) |x, k| x.checked_div(d).unwrap_or(x) ^ a;
    /// A comparison and a select; the operands alternate so that steps cannot merge.
    Select(t: [f32; 4] = [1.2, 1.8, 1.1, 1.6], u: [f32; 4] = [1.7, 1.15, 1.9, 1.05]) |x, k| {
        (if f(x) < t[k % 4] { u[k % 4] } else { f(x) }).to_bits()
    };
    /// Two conversions (and an add that keeps them from folding).
    Cast(a: f32 = 1.5) |x, k| ((f(x) as i32) as f32 + a).to_bits();
    /// One branch with an operation in each arm, as a kernel's `if` compiles.
    Branch(a: u32 = 0x9e37_79b9, b: u32 = 0x85eb_ca6b) |x, k| {
        if x >> (k % 8) & 1 == 0 { (x ^ a).rotate_left(7) } else { x.wrapping_add(b) }
    };
    /// exp(-x) by range reduction, a polynomial and the exponent's bits: about 20 operations, like the kernels' math.
    Special(sign: f32 = -1.0) |x, k| {
        let x = f(x) * sign;
        let n = (x * std::f32::consts::LOG2_E + 12_582_912.0) - 12_582_912.0;
        let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
        let p = 1.987_569_1e-4_f32;
        let p = p * r + 1.398_199_9e-3;
        let p = p * r + 8.333_452e-3;
        let p = p * r + 4.166_579_6e-2;
        let p = p * r + 1.666_666_5e-1;
        let p = p * r + 5.0e-1;
        let y = p * (r * r) + r + 1.0;
        // The bits of n + 2^23·1.5 hold n in their low half.
        let scale = ((n + 12_582_912.0).to_bits() << 23).wrapping_add(0x3f80_0000);
        (y * f32::from_bits(scale)).to_bits()
    };
}

/// `K` loads of single elements with an add each, as kernels load: a minimum keeps the index inside, and vectors gather
/// from the first-level cache, which takes several times as long as whole vectors would.
struct Loads<'a, const K: usize> {
    data: &'a mut [u32],
}

impl<const K: usize> Loop for Loads<'_, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (src, dst) = self.data.split_at_mut(LEN / 2);
        // Of a length that the compiler does not know.
        let src: &[u32] = black_box(&*src);
        // `K - 1` elements are left out at the end; the slope knows nothing of them, 1 % of the loop.
        for (i, d) in dst[..LEN / 2 - K].iter_mut().enumerate() {
            let mut sum = 0u32;
            for k in 0..K {
                sum = sum.wrapping_add(kernel::index::<false, u32>(src, i + k, ""));
            }
            *d = sum;
        }
    }
}

fn loads<const K: usize>(data: &mut [u32]) {
    isa::run_loop(Loads::<K> { data });
}

macro_rules! operation {
    ($name:literal, $step:ident, $few:literal, $many:literal, $per:literal) => {
        Operation {
            name: $name,
            few: chain::<$step, $few>,
            many: chain::<$step, $many>,
            ops_few: $few as f64 * $per,
            ops_many: $many as f64 * $per,
        }
    };
}

/// Every class of [`OpCounts`](crate::planner::OpCounts).
pub(super) const OPS: [Operation; 11] = [
    operation!("add", Add, 4, 20, 1.0),
    operation!("mul", Mul, 4, 20, 1.0),
    operation!("div", Div, 1, 5, 1.0),
    operation!("sqrt", Sqrt, 1, 5, 1.0),
    operation!("int", Int, 4, 16, 2.0),
    operation!("int_div", IntDiv, 1, 4, 1.0),
    operation!("select", Select, 4, 16, 2.0),
    operation!("cast", Cast, 1, 5, 2.0),
    // Half of the data is read for the other half.
    Operation { name: "load", few: loads::<2>, many: loads::<10>, ops_few: 1.0, ops_many: 5.0 },
    operation!("branch", Branch, 2, 8, 1.0),
    operation!("special", Special, 1, 4, 1.0),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::OpCounts;

    #[test]
    fn has_every_class_once_and_in_order() {
        assert_eq!(OPS.map(|o| o.name), OpCounts::NAMES);
        assert!(OPS.iter().all(|o| o.ops_few < o.ops_many));
    }

    #[test]
    fn special_is_an_exponential() {
        for x in [0.0f32, 0.1, 0.9, 1.0, 1.7, 5.0, 20.0] {
            let y = f32::from_bits(Special::new().apply(x.to_bits(), 0));
            assert!((y / (-x).exp() - 1.0).abs() < 1e-6, "exp(-{x}) = {y}");
        }
    }

    #[test]
    fn long_chains_do_more_than_short_ones() {
        for op in &OPS {
            let (mut a, mut b) = (data(), data());
            (op.few)(&mut a);
            (op.many)(&mut b);
            assert!(a != data(), "{} does nothing", op.name);
            // Selects settle; the others must differ.
            if op.name != "select" {
                assert!(a != b, "{} does the same in both lengths", op.name);
            }
        }
    }
}
