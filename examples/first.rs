//! The first program of the README: a function that is a kernel, mapped over a slice.
use veda::prelude::*;

#[veda::kernel]
fn square(x: f32) -> f32 {
    x * x
}

fn main() {
    let xs: Vec<f32> = (0..1_000_000).map(|i| i as f32 / 1e6).collect();
    let (sum, why) = veda::explain(|| xs.par_iter().map(square).sum::<f32>());
    println!("sum of squares: {sum}\n{why}");
}
