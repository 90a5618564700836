//! Large kernels in chains get whole blocks: the same results as element by element.

use veda::prelude::*;

#[veda::kernel]
fn heavy(x: f32) -> f32 {
    x.sin() * (-x * x).exp() + 0.5
}

#[veda::kernel]
fn to_index(x: f32) -> u32 {
    (x.abs().sqrt().exp() * 10.0) as u32
}

#[veda::kernel]
fn back(i: u32) -> f32 {
    (i as f32).ln_1p()
}

#[veda::kernel]
fn big(x: &f32) -> bool {
    *x > 0.5
}

const LENGTHS: [usize; 8] = [0, 1, 511, 512, 513, 1025, 20_000, 100_003];

fn input(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i % 1000) as f32 * 0.01 - 5.0).collect()
}

#[test]
fn collect_and_sum() {
    for n in LENGTHS {
        let xs = input(n);
        let expected: Vec<f32> = xs.iter().map(|&x| heavy(x)).collect();
        assert_eq!(xs.par_iter().map(heavy).collect::<Vec<f32>>(), expected, "{n}");
        // The same tree and lanes: the sum of the results has the same bits.
        let sum: f32 = xs.par_iter().map(heavy).sum();
        assert_eq!(sum.to_bits(), expected.par_iter().sum::<f32>().to_bits(), "{n}");
    }
}

#[test]
fn chains_of_large_kernels() {
    for n in LENGTHS {
        let xs = input(n);
        let expected: Vec<f32> = xs.iter().map(|&x| back(to_index(heavy(x)))).collect();
        assert_eq!(xs.par_iter().map(heavy).map(to_index).map(back).collect::<Vec<f32>>(), expected, "{n}");
        let kept: Vec<f32> = expected.iter().copied().filter(|x| *x > 0.5).collect();
        assert_eq!(xs.par_iter().map(heavy).map(to_index).map(back).filter(big).collect::<Vec<f32>>(), kept, "{n}");
        let enumerated: Vec<(usize, f32)> = expected.iter().copied().enumerate().collect();
        assert_eq!(xs.par_iter().map(heavy).map(to_index).map(back).enumerate().collect::<Vec<_>>(), enumerated, "{n}");
    }
}

#[test]
fn searches_stop() {
    let xs = input(100_000);
    assert_eq!(xs.par_iter().map(heavy).find_first(|x| *x > 0.9), xs.iter().map(|&x| heavy(x)).find(|x| *x > 0.9));
    assert_eq!(xs.par_iter().map(heavy).position_first(|x| x > 0.9), xs.iter().position(|&x| heavy(x) > 0.9));
}

/// The registry knows the loops of large kernels, by value and by reference, and leaves small ones to the inliner.
#[test]
fn loops_are_found() {
    fn known<F: Fn(&'static f32) -> f32>(_: F) -> bool {
        veda::kernel::chunk::find::<F, f32, f32>().is_some()
    }
    #[veda::kernel]
    fn small(x: f32) -> f32 {
        x + 1.0
    }
    assert!(known(heavy));
    assert!(!known(small));
    assert!(!known(|x| *x));
}
