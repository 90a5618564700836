//! Each construct of the kernel language, called as a plain function, against hand-written Rust.
#![allow(unused_assignments)] // assignments that must not matter are part of what is tested
#![allow(missing_docs)]
// Kernels are tested on the spellings that people write, tidy or not.
#![allow(clippy::all, clippy::pedantic)]

use veda::kernel;

#[kernel]
fn int_ops(a: i32, b: i32, which: u32) -> i32 {
    match which {
        0 => a + b,
        1 => a - b,
        2 => a * b,
        3 => a / b,
        4 => a % b,
        5 => a << b,
        6 => a >> b,
        7 => -a,
        8 => !a & b | a ^ b,
        9 => a.abs(),
        10 => a.rem_euclid(b),
        _ => a.div_euclid(b),
    }
}

#[test]
fn integers_wrap_and_division_is_total() {
    let edges = [0, 1, -1, 2, -7, 31, 32, 33, i32::MAX, i32::MIN, i32::MIN + 1, 46341];
    for a in edges {
        for b in edges {
            let (zero, d) = (b == 0, if b == 0 { 1 } else { b });
            assert_eq!(int_ops(a, b, 0), a.wrapping_add(b));
            assert_eq!(int_ops(a, b, 1), a.wrapping_sub(b));
            assert_eq!(int_ops(a, b, 2), a.wrapping_mul(b));
            assert_eq!(int_ops(a, b, 3), if zero { a } else { a.wrapping_div(d) });
            assert_eq!(int_ops(a, b, 4), if zero { 0 } else { a.wrapping_rem(d) });
            assert_eq!(int_ops(a, b, 5), a.wrapping_shl(b as u32));
            assert_eq!(int_ops(a, b, 6), a.wrapping_shr(b as u32));
            assert_eq!(int_ops(a, b, 7), a.wrapping_neg());
            assert_eq!(int_ops(a, b, 8), !a & b | a ^ b);
            assert_eq!(int_ops(a, b, 9), a.wrapping_abs());
            assert_eq!(int_ops(a, b, 10), if zero { 0 } else { a.wrapping_rem_euclid(d) });
            assert_eq!(int_ops(a, b, 11), if zero { a } else { a.wrapping_div_euclid(d) });
        }
    }
}

#[kernel]
fn positions(n: usize, by: u32) -> u32 {
    let below = n - 1;
    let above = below * 2 + usize::MAX;
    (above << by) as u32
}

#[test]
fn usize_is_modulo_two_to_the_32() {
    for n in [0usize, 1, 5, u32::MAX as usize] {
        for by in [0u32, 3, 32, 40] {
            let below = (n as u32).wrapping_sub(1);
            let above = below.wrapping_mul(2).wrapping_add(u32::MAX);
            assert_eq!(positions(n, by), above.wrapping_shl(by));
        }
    }
}

#[kernel]
fn float_ops(x: f32, y: f32, which: i32) -> f32 {
    match which {
        0 => x.round(),
        1 => x.signum(),
        2 => x.min(y),
        3 => f32::max(x, y),
        4 => x.fract(),
        5 => x.rem_euclid(y),
        6 => x as i32 as f32,
        7 => x as u32 as f32,
        8 => x.clamp(-1.0, 1.0),
        9 => x % y,
        10 => -x,
        11 if x != y => 1.0,
        -3..=-1 | 12 => x.copysign(y),
        v => v as f32 + 1e1 + 2f32 + 1.,
    }
}

#[test]
fn floats_are_rusts() {
    let edges =
        [0.0f32, -0.0, 0.5, -0.5, 0.49999997, 1.5, 2.5, -2.5, 8388607.5, 1e30, -3e9, 5e9, f32::NAN, f32::INFINITY];
    let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    for x in edges {
        for y in edges {
            let expected = [
                x.round(),
                x.signum(),
                x.min(y),
                x.max(y),
                x.fract(),
                x.rem_euclid(y),
                x as i32 as f32,
                x as u32 as f32,
                x.clamp(-1.0, 1.0),
                x % y,
                -x,
                if x != y { 1.0 } else { 24.0 },
                x.copysign(y),
                26.0,
            ];
            for (i, e) in expected.into_iter().enumerate() {
                let got = float_ops(x, y, i as i32);
                // Which zero `min` and `max` of two zeros yield is open, in Rust as well.
                assert!(same(got, e) || got == 0.0 && e == 0.0 && (i == 2 || i == 3), "{x} {y} {i}: {got} {e}");
            }
            assert!(same(float_ops(x, y, -2), x.copysign(y)));
        }
    }
}

#[kernel]
fn loops(n: u32, src: &[u32]) -> u32 {
    let mut total = 0;
    for i in 0..n {
        if i == 3 {
            continue;
        }
        total += i;
    }
    for i in (1..=n).rev().step_by(2) {
        total = total * 3 + i;
    }
    let mut k = 0;
    while k < src.len() {
        total ^= src[k];
        k += 1;
    }
    'outer: for i in 0..n {
        for j in 0..n {
            if i * j > 20 {
                break 'outer;
            }
            total += 1;
        }
    }
    let found = loop {
        total -= 1;
        if total % 7 == 0 {
            break total / 7;
        }
    };
    for _ in (0..n).step_by(0) {
        total += 1;
    }
    if src.is_empty() {
        return found;
    }
    let (a, b) = (found, total);
    let total = {
        let a = b;
        a ^ found
    };
    let late;
    if a > b {
        late = a
    } else {
        late = b
    }
    total + late
}

fn loops_in_rust(n: u32, src: &[u32]) -> u32 {
    let mut total = 0u32;
    for i in (0..n).filter(|&i| i != 3) {
        total = total.wrapping_add(i);
    }
    let mut i = i64::from(n);
    while i >= 1 {
        total = total.wrapping_mul(3).wrapping_add(i as u32);
        i -= 2;
    }
    for &x in src {
        total ^= x;
    }
    'outer: for i in 0..n {
        for j in 0..n {
            if i * j > 20 {
                break 'outer;
            }
            total = total.wrapping_add(1);
        }
    }
    total = total.wrapping_sub(1);
    while total % 7 != 0 {
        total = total.wrapping_sub(1);
    }
    let found = total / 7;
    total = total.wrapping_add(n);
    if src.is_empty() { found } else { (total ^ found).wrapping_add(found.max(total)) }
}

#[test]
fn control_flow_is_rusts() {
    for n in 0..12 {
        for src in [&[][..], &[5], &[1, 2, 3, 0xdead_beef]] {
            assert_eq!(loops(n, src), loops_in_rust(n, src), "{n} {src:?}");
        }
    }
}

#[kernel]
fn order(x: u32) -> u32 {
    let mut n = x;
    n += {
        n = 10;
        1
    };
    n
}

#[test]
fn the_right_side_of_a_compound_assignment_comes_first() {
    assert_eq!(order(3), 11);
}

#[kernel]
fn element(src: &[f32], i: usize) -> f32 {
    src[i]
}

#[test]
fn indices_are_checked() {
    assert_eq!(element(&[1.0, 2.0], 1), 2.0);
    let beyond = || (element(&[1.0, 2.0], 12), element(&[], 0));
    if cfg!(debug_assertions) {
        let panic = std::panic::catch_unwind(beyond).unwrap_err();
        let message = panic.downcast_ref::<String>().expect("a message");
        assert_eq!(message, "kernel `element`: index 12 is out of bounds of a slice of 2");
    } else {
        assert_eq!(beyond(), (2.0, 0.0));
    }
}

#[kernel]
fn place(id: veda::Index, (a, (b, _)): (f32, (f32, u32)), &c: &&u32) -> u32 {
    id.x + id.y * 10 + id.z * 100 + id.flat() * 1000 + (a < b || !(a >= b)) as u32 + *c
}

#[test]
fn parameters_come_in_all_shapes() {
    let id = veda::Index::new([1, 2, 0], [4, 4, 1]);
    assert_eq!(place(id, (1.0, (2.0, 0)), &&7), 21 + 9000 + 1 + 7);
    assert_eq!(place(id, (&1.0, (&0.0, &0)), &&7), 21 + 9000 + 7);
}

#[kernel]
fn bits(x: u32, y: i32) -> u32 {
    x.rotate_left(40)
        ^ x.count_ones()
        ^ x.leading_zeros()
        ^ y.unsigned_abs()
        ^ x.pow(3)
        ^ x.reverse_bits()
        ^ x.saturating_sub(9)
        ^ f32::from_bits(x).to_bits()
        ^ y.abs_diff(i32::MIN)
        ^ u32::max(1, 2)
        ^ (-2147483648 == y) as u32
}

#[test]
fn bit_functions_are_rusts() {
    for x in [0u32, 1, 8, 77, u32::MAX] {
        for y in [0, -1, i32::MIN, i32::MAX] {
            let e = x.rotate_left(8)
                ^ x.count_ones()
                ^ x.leading_zeros()
                ^ y.unsigned_abs()
                ^ x.wrapping_pow(3)
                ^ x.reverse_bits()
                ^ x.saturating_sub(9)
                ^ x
                ^ y.abs_diff(i32::MIN)
                ^ 2
                ^ u32::from(y == i32::MIN);
            assert_eq!(bits(x, y), e);
        }
    }
}
