//! Float reductions have the same bits inside and outside of forks that really run on several threads.
#![allow(missing_docs)]

use veda::executor::join_context;
use veda::iter::*;

fn bits() -> [u32; 3] {
    let xs: Vec<f32> = (0..1_000_003u32).map(|i| (i.wrapping_mul(2_654_435_761) as f32 - 2e9) * 1e3).collect();
    [
        xs.par_iter().sum::<f32>().to_bits(),
        xs.par_iter().map(|x| x * 0.3).filter(|x| *x > -1e12).sum::<f32>().to_bits(),
        xs.par_iter().fold(|| 0.0, |a, b| a + b).reduce(|| 0.0, |a: f32, b| a + b).to_bits(),
    ]
}

#[test]
fn sums_repeat_under_any_schedule() {
    let first = bits();
    for _ in 0..5 {
        let (a, b) = join_context(|_| bits(), |_| bits());
        assert_eq!((a, b), (first, first));
    }
}
