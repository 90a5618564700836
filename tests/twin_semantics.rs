//! The semantic table of kernels on both twins: edges and random operands, through a real device where there is one.
#![allow(missing_docs)]

use veda::testing::{Domain, gpu_required, twin};

/// A kernel and the test that compares its twins.
macro_rules! same {
    ($($name:ident($($arg:ident: $ty:ty),+) -> $ret:ty $body:block)*) => {
        mod kernels {
            $(#[veda::kernel(no_test)] pub fn $name($($arg: $ty),+) -> $ret $body)*
        }
        $(#[test]
        fn $name() {
            for seed in 1..=4 {
                let report = twin::<kernels::$name, ($($ty,)+)>().seed(seed).tolerance(1e-30).domain(Domain::Wild).run();
                assert!(report.skipped.is_some() && !gpu_required() || report.compared > 8000, "{report}");
            }
        })*
    };
}

same! {
    wrapping_add_i32(a: i32, b: i32) -> i32 { a + b }
    wrapping_sub_u32(a: u32, b: u32) -> u32 { a - b }
    wrapping_mul_i32(a: i32, b: i32) -> i32 { a * b }
    negate(a: i32) -> i32 { -a }
    div_i32(a: i32, b: i32) -> i32 { a / b }
    div_u32(a: u32, b: u32) -> u32 { a / b }
    rem_i32(a: i32, b: i32) -> i32 { a % b }
    rem_u32(a: u32, b: u32) -> u32 { a % b }
    rem_euclid_i32(a: i32, b: i32) -> i32 { a.rem_euclid(b) }
    div_euclid_i32(a: i32, b: i32) -> i32 { a.div_euclid(b) }
    shl_u32(a: u32, by: u32) -> u32 { a << by }
    shr_i32(a: i32, by: u32) -> i32 { a >> by }
    shr_by_i32(a: u32, by: i32) -> u32 { a >> by }
    saturating_add_i32(a: i32, b: i32) -> i32 { a.saturating_add(b) }
    saturating_sub_i32(a: i32, b: i32) -> i32 { a.saturating_sub(b) }
    saturating_sub_u32(a: u32, b: u32) -> u32 { a.saturating_sub(b) }
    abs_diff_i32(a: i32, b: i32) -> u32 { a.abs_diff(b) }
    abs_i32(a: i32) -> i32 { a.abs() }
    clamp_u32(a: u32, b: u32) -> u32 { a.clamp(3, 70) + b.min(a) }
    rotates(a: u32, by: u32) -> u32 { a.rotate_left(by) ^ a.rotate_right(by) }
    counts(a: u32) -> u32 { a.count_ones() * 10000 + a.leading_zeros() * 100 + a.trailing_zeros() }
    to_i32(x: f32) -> i32 { x as i32 }
    to_u32(x: f32) -> u32 { x as u32 }
    from_i32(x: i32) -> f32 { x as f32 }
    from_u32(x: u32) -> f32 { x as f32 }
    round(x: f32) -> f32 { x.round() }
    round_ties_even(x: f32) -> f32 { x.round_ties_even() }
    trunc_floor_ceil(x: f32, n: u32) -> f32 { match n % 3 { 0 => x.trunc(), 1 => x.floor(), _ => x.ceil() } }
    rem_f32(x: f32, y: f32) -> f32 { x % y }
    min_f32(x: f32, y: f32) -> f32 { x.min(y) }
    max_f32(x: f32, y: f32) -> f32 { x.max(y) }
    not_equal(x: f32, y: f32) -> bool { x != y }
    compares(x: f32, y: f32) -> u32 { (x < y) as u32 + (x <= y) as u32 * 2 + (x == y) as u32 * 4 + (x > y) as u32 * 8 }
    signs(x: f32, y: f32) -> f32 { x.copysign(y) }
    is_nan(x: f32) -> bool { x.is_nan() }
    is_finite(x: f32) -> bool { x.is_finite() }
}

mod bounded {
    #[veda::kernel(no_test)]
    pub fn root(x: f32) -> f32 {
        x.sqrt()
    }
    #[veda::kernel(no_test)]
    pub fn quotient(x: f32, y: f32) -> f32 {
        x / y
    }
    #[veda::kernel(no_test)]
    pub fn power(x: f32) -> f32 {
        x.powi(5)
    }
    #[veda::kernel(no_test)]
    pub fn wrong(id: veda::Index, x: u32) -> u32 {
        x + id.flat()
    }
    #[veda::kernel(no_test)]
    pub fn gather(src: &[f32], id: veda::Index, x: bool) -> f32 {
        if x { src[id.flat() as usize] } else { -1.0 }
    }
}

#[test]
fn roots_are_within_one_ulp() {
    for seed in 1..=60 {
        let report = twin::<bounded::root, (f32,)>().tolerance(f64::from(f32::EPSILON)).seed(seed).run();
        assert!(report.skipped.is_some() || report.compared > 8000, "{report}");
    }
}

#[test]
fn slices_and_indices_agree() {
    let report = twin::<bounded::wrong, (veda::Index, u32)>().run();
    assert!(report.skipped.is_some() || report.compared > 8000, "{report}");
    // Debug builds fail on both for short slices; the tame domain's are long enough.
    let report = twin::<bounded::gather, (&'static [f32], veda::Index, bool)>().run();
    assert!(report.skipped.is_some() || report.compared > 4000, "{report}");
}

#[test]
fn powers_are_within_a_few_ulp() {
    let report = twin::<bounded::power, (f32,)>().tolerance(4.0 * f64::from(f32::EPSILON)).domain(Domain::Tame).run();
    assert!(report.skipped.is_some() || report.compared > 8000, "{report}");
}

#[test]
fn quotients_are_within_the_bound_of_wgsl() {
    let report =
        twin::<bounded::quotient, (f32, f32)>().tolerance(2.5 * f64::from(f32::EPSILON)).domain(Domain::Tame).run();
    assert!(report.skipped.is_some() || report.compared > 8000, "{report}");
}

/// Its generated test runs beside these.
#[veda::kernel(test)]
fn generated(x: f32, n: u32) -> f32 {
    x + n as f32
}
