//! Kernels that calibration does not use: `check` compares their predicted with their measured times, and the report
//! draws where the GPU overtakes the CPU on them.

use super::ops::{Special, Step};
use crate::kernel::isa::{self, Loop};
use crate::planner::work::{Bytes, OpCounts, OutputKind, Residency, Work};

/// A call of a few operations over `n` elements, as a CPU loop and as an entry of `examples.wgsl`.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// Its name, and that of its entry in the shader.
    pub name: &'static str,
    /// What it computes.
    pub formula: &'static str,
    pub(super) run: fn(&[f32], &[f32], &mut [f32]) -> f32,
    inputs: u32,
    ops: OpCounts,
    output: OutputKind,
}

impl Example {
    /// The call over `n` elements as the planner sees it.
    pub fn work(&self, n: u64) -> Work {
        let key = u64::from_le_bytes(*b"example\0") ^ self.name.len() as u64;
        Work {
            key,
            elements: n,
            groups: n.div_ceil(if self.output == OutputKind::Reduce { 2048 } else { 256 }),
            ops: self.ops,
            in_bytes: f64::from(4 * self.inputs),
            out_bytes: 4.0,
            output: self.output,
            ..Work::default()
        }
    }

    /// All inputs on the host, the result wanted there.
    pub fn residency(&self) -> Residency {
        let host = Bytes { fixed: 0.0, per_element: f64::from(4 * self.inputs) };
        Residency { host, ..Residency::default() }
    }

    /// Arrays that it reads.
    pub fn inputs(&self) -> u32 {
        self.inputs
    }

    /// Whether it leaves one partial sum per 2048 elements instead of one result per element.
    pub fn is_reduction(&self) -> bool {
        self.output == OutputKind::Reduce
    }
}

const NO_OPS: OpCounts = OpCounts {
    add: 0.0,
    mul: 0.0,
    div: 0.0,
    sqrt: 0.0,
    int: 0.0,
    int_div: 0.0,
    select: 0.0,
    cast: 0.0,
    load: 0.0,
    branch: 0.0,
    special: 0.0,
};

/// Steps of the heavy example's recurrence.
const STEPS: usize = 64;

/// The examples, light to heavy.
pub const EXAMPLES: [Example; 6] = [
    Example {
        name: "sum",
        formula: "Σ x",
        run: |x, _, _| isa::run_loop(Sum { x }),
        inputs: 1,
        ops: OpCounts { add: 1.0, ..NO_OPS },
        output: OutputKind::Reduce,
    },
    Example {
        name: "saxpy",
        formula: "2x + y",
        run: |x, y, out| isa::run_loop(Saxpy { x, y, out }),
        inputs: 2,
        ops: OpCounts { add: 1.0, mul: 1.0, ..NO_OPS },
        output: OutputKind::Map,
    },
    Example {
        name: "root",
        formula: "√(x² + y²) / (1 + x)",
        run: |x, y, out| isa::run_loop(Root { x, y, out }),
        inputs: 2,
        ops: OpCounts { add: 2.0, mul: 2.0, div: 1.0, sqrt: 1.0, ..NO_OPS },
        output: OutputKind::Map,
    },
    Example {
        name: "polynomial",
        formula: "c₀ + c₁x + … + c₈x⁸",
        run: |x, _, out| isa::run_loop(Polynomial { x, out }),
        inputs: 1,
        ops: OpCounts { add: 8.0, mul: 8.0, ..NO_OPS },
        output: OutputKind::Map,
    },
    Example {
        name: "decay",
        formula: "y · exp(−x)",
        run: |x, y, out| isa::run_loop(Decay { x, y, out }),
        inputs: 2,
        ops: OpCounts { mul: 1.0, special: 1.0, ..NO_OPS },
        output: OutputKind::Map,
    },
    Example {
        name: "logistic",
        formula: "64 steps of v ← 3.7 v (1 − v)",
        run: |x, _, out| isa::run_loop(Logistic { x, out }),
        inputs: 1,
        ops: OpCounts { add: STEPS as f64, mul: 2.0 * STEPS as f64, ..NO_OPS },
        output: OutputKind::Map,
    },
];

struct Sum<'a> {
    x: &'a [f32],
}

impl Loop for Sum<'_> {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        // 64 lanes: enough independent chains for any vector width.
        let mut lanes = [0.0f32; 64];
        let mut blocks = self.x.chunks_exact(64);
        for block in &mut blocks {
            for (lane, x) in lanes.iter_mut().zip(block) {
                *lane += x;
            }
        }
        lanes.iter().sum::<f32>() + blocks.remainder().iter().sum::<f32>()
    }
}

struct Saxpy<'a> {
    x: &'a [f32],
    y: &'a [f32],
    out: &'a mut [f32],
}

impl Loop for Saxpy<'_> {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        for ((o, x), y) in self.out.iter_mut().zip(self.x).zip(self.y) {
            *o = 2.0 * x + y;
        }
        0.0
    }
}

struct Root<'a> {
    x: &'a [f32],
    y: &'a [f32],
    out: &'a mut [f32],
}

impl Loop for Root<'_> {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        for ((o, x), y) in self.out.iter_mut().zip(self.x).zip(self.y) {
            *o = (x * x + y * y).sqrt() / (1.0 + x);
        }
        0.0
    }
}

/// Coefficients, highest first; the same numbers stand in `examples.wgsl`.
const C: [f32; 9] = [0.01, -0.02, 0.03, -0.05, 0.08, -0.13, 0.21, -0.34, 0.55];

struct Polynomial<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Loop for Polynomial<'_> {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        for (o, &x) in self.out.iter_mut().zip(self.x) {
            let mut p = C[0];
            for c in &C[1..] {
                p = p * x + c;
            }
            *o = p;
        }
        0.0
    }
}

struct Decay<'a> {
    x: &'a [f32],
    y: &'a [f32],
    out: &'a mut [f32],
}

impl Loop for Decay<'_> {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        let exp = Special::new();
        for ((o, x), y) in self.out.iter_mut().zip(self.x).zip(self.y) {
            *o = y * f32::from_bits(exp.apply(x.to_bits(), 0));
        }
        0.0
    }
}

struct Logistic<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Loop for Logistic<'_> {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        // Blocks of lanes, as the twins of kernels with loops are compiled: a plain loop nest stays scalar.
        for (out, x) in self.out.chunks_mut(64).zip(self.x.chunks(64)) {
            let mut v = [0.0f32; 64];
            v[..x.len()].copy_from_slice(x);
            for _ in 0..STEPS {
                for v in &mut v {
                    *v = 3.7 * *v * (1.0 - *v);
                }
            }
            out.copy_from_slice(&v[..out.len()]);
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_compute_their_formulas() {
        let x: Vec<f32> = (0..1003).map(|i| i as f32 / 1003.0).collect();
        let y: Vec<f32> = x.iter().map(|x| 1.0 - x).collect();
        let mut out = vec![0.0; x.len()];
        let close = |a: f32, b: f64| assert!((f64::from(a) - b).abs() <= 1e-4 * b.abs().max(1.0), "{a} is not {b}");
        for example in EXAMPLES {
            let sum = (example.run)(&x, &y, &mut out);
            let (a, b) = (f64::from(x[700]), f64::from(y[700]));
            match example.name {
                "sum" => close(sum, x.iter().map(|x| f64::from(*x)).sum()),
                "saxpy" => close(out[700], 2.0 * a + b),
                "root" => close(out[700], (a * a + b * b).sqrt() / (1.0 + a)),
                "polynomial" => close(out[700], C.iter().fold(0.0, |p, c| p * a + f64::from(*c))),
                "decay" => close(out[700], b * (-a).exp()),
                // Chaotic: only the same operations give the same number.
                "logistic" => assert_eq!(out[1002], (0..STEPS).fold(x[1002], |v, _| 3.7 * v * (1.0 - v))),
                other => panic!("{other} is not tested"),
            }
        }
    }
}
