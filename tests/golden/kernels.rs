//! One kernel per construct of the language. Their WGSL is in the `.wgsl` files beside this one.
// Spellings that people write, tidy or not.
#![allow(clippy::all, clippy::pedantic)]

use veda::{Index, kernel};

const GAIN: f32 = 1.5;
const MASK: u32 = 0xff00;

#[kernel]
pub fn let_shadowing(x: f32) -> f32 {
    let x = x + 1.0;
    let y = {
        let x = x * 2.0;
        x - 3.0
    };
    let x = x * y;
    x + y
}

#[kernel]
pub fn let_late(x: i32) -> i32 {
    let y;
    if x > 0 {
        y = x;
    } else {
        y = -x;
    }
    y * 2
}

#[kernel]
pub fn assigned_parameter(mut x: u32) -> u32 {
    x += 1;
    x = x * x;
    x
}

#[kernel]
pub fn if_expression(x: f32, lo: f32) -> f32 {
    let y = if x < lo {
        lo
    } else if x != x {
        0.0
    } else {
        x
    };
    1.0 + if y > 1.0 { y } else { -y }
}

#[kernel]
pub fn match_arms(x: i32) -> i32 {
    match x {
        0 | 1 => 10,
        2..=5 | 9 => 20,
        -7 => 30,
        100.. => 40,
        n if n % 2 == 0 => n / 2,
        _ if x < -1000 => 50,
        n => n * 3 + 1,
    }
}

#[kernel]
pub fn match_bool(x: u32, flag: bool) -> u32 {
    let y = match flag {
        true => x,
        false => !x,
    };
    match x & 3 {
        0 => y,
        _ => y + 1,
    }
}

#[kernel]
pub fn match_guard_with_statements(x: u32) -> u32 {
    match x {
        3 => 1,
        n if {
            let mut k = n;
            while k > 9 {
                k /= 10;
            }
            k == 4
        } =>
        {
            2
        }
        5 => 3,
        _ => 4,
    }
}

#[kernel]
pub fn for_exclusive(n: u32, scale: f32) -> f32 {
    let mut sum = 0.0;
    for i in 0..n {
        sum += i as f32 * scale;
    }
    sum
}

#[kernel]
pub fn for_inclusive(a: i32, b: i32) -> i32 {
    let mut sum = 0;
    for i in a..=b {
        sum ^= i;
    }
    for i in 1..=8 {
        sum += i;
    }
    sum
}

#[kernel]
pub fn for_rev(a: i32, b: i32) -> i32 {
    let mut h = 7;
    for i in (a..b).rev() {
        h = h * 31 + i;
    }
    for i in (a..=b).rev() {
        h = h * 31 - i;
    }
    h
}

#[kernel]
pub fn for_step_by(a: u32, b: u32, s: usize) -> u32 {
    let mut h = 7;
    for i in (a..b).step_by(3) {
        h = h * 31 + i;
    }
    for i in (a..=b).step_by(s) {
        h = h * 31 + i;
    }
    for i in (a..b).rev().step_by(s) {
        h = h * 31 + i;
    }
    for _ in (a..=b).rev().step_by(2) {
        h += 1;
    }
    h
}

#[kernel]
pub fn for_constant_bounds(x: i32) -> i32 {
    let mut h = x;
    for i in (-3..=-1).rev() {
        h = h * 31 + i;
    }
    for i in (9..=4).rev() {
        h = h * 31 + i;
    }
    for i in (i32::MIN..=i32::MAX).step_by(0) {
        h ^= i;
        if i == 9 {
            break;
        }
    }
    for i in 2..=i32::MAX {
        h ^= i;
    }
    h
}

#[kernel]
pub fn for_bounds_once(n: u32) -> u32 {
    let mut n = n;
    let mut h = 0;
    for mut i in n / 2..n + 2 {
        n += 1;
        i *= 2;
        h ^= i;
    }
    h + n
}

#[kernel]
pub fn while_loop(n: u32) -> u32 {
    let mut n = n;
    let mut steps = 0;
    while n > 1 {
        n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

#[kernel]
pub fn while_condition_with_statements(n: u32) -> u32 {
    let mut n = n;
    while {
        n = n / 3;
        n > 10 && n % 7 != 0
    } {
        if n == 50 {
            continue;
        }
        n -= 1;
    }
    n
}

#[kernel]
pub fn loop_break_value(n: u32) -> u32 {
    let mut k = n;
    let found = loop {
        k += 1;
        if k % 7 == 0 {
            break k / 7;
        }
    };
    found * 2
}

#[kernel]
pub fn loop_forever_returns(n: u32) -> u32 {
    let mut k = n;
    loop {
        k = k * 5 + 1;
        if k & 64 != 0 {
            return k;
        }
    }
}

#[kernel]
pub fn labels(n: u32) -> u32 {
    let mut total = 0;
    'rows: for i in 0..n {
        let mut j = 0;
        loop {
            j += 1;
            if j == i {
                continue 'rows;
            }
            if i * j > 20 {
                break 'rows;
            }
            if j > 9 {
                break;
            }
            total += j;
        }
        total += 100;
    }
    total
}

#[kernel]
pub fn label_break_value(n: u32) -> u32 {
    'search: loop {
        for i in 1..n {
            for j in 1..=i {
                if i * i + j * j == n {
                    break 'search i * 1000 + j;
                }
            }
        }
        break 0;
    }
}

#[kernel]
pub fn continues(n: u32) -> u32 {
    let mut total = 0;
    for i in 0..n {
        if i % 3 == 0 {
            continue;
        }
        total += i;
    }
    let mut k = n;
    while k > 0 {
        k -= 1;
        if k == 5 {
            continue;
        }
        total ^= k;
    }
    total
}

#[kernel]
pub fn early_return(x: f32) -> f32 {
    if x < 0.0 {
        return 0.0;
    }
    let y = if x > 10.0 { return 10.0 } else { x * 2.0 };
    y + 1.0
}

#[kernel]
pub fn casts(f: f32, i: i32, u: u32, n: usize, b: bool) -> f32 {
    let from_float = f as i32 ^ f as u32 as i32 ^ f as usize as i32;
    let to_float = i as f32 + u as f32 + n as f32;
    let integers = i as u32 ^ u ^ n as u32 ^ (i as usize) as u32 ^ u as usize as u32;
    let bools = b as u32 + b as i32 as u32 + b as usize as u32;
    from_float as f32 + to_float + (integers as i32 + bools as i32) as f32
}

#[kernel]
pub fn literal_casts(x: u32) -> u32 {
    x + 3.9f32 as u32 + -1i32 as u32 + true as u32 + 300u32 as f32 as u32
}

#[kernel]
pub fn compound_assignment(x: u32, y: i32, f: f32) -> f32 {
    let mut a = x;
    a += 3;
    a -= x;
    a *= 5;
    a /= x;
    a %= 7;
    a &= 0xff;
    a |= 1;
    a ^= 2;
    a <<= y;
    a >>= 2;
    let mut b = f;
    b += 1.0;
    b -= f;
    b *= 2.0;
    b /= f;
    b %= 3.0;
    let mut c = f > 0.0;
    c &= x > 1;
    c |= y > 1;
    c ^= true;
    a as f32 + b + c as u32 as f32
}

#[kernel]
pub fn integer_operators(a: i32, b: i32, u: u32) -> i32 {
    let q = a / b + a % b + a / 3 + a % -1 + a / 0;
    let s = (a << u) + (a >> b) + (a << 33) + -a + !a;
    let z = (u / (u + 1)) as i32 - (u % 10) as i32;
    q + s + z - a * (b - 2) - (a - b - 1)
}

#[kernel]
pub fn comparisons(x: f32, y: f32, i: i32, p: bool, q: bool) -> bool {
    let floats =
        (x < y) as u32 + (x <= y) as u32 + (x > y) as u32 + (x >= y) as u32 + (x == y) as u32 + (x != y) as u32;
    let bools = p == q || p != q && (p & q) ^ (p | !q);
    floats as i32 >= i && bools
}

#[kernel]
pub fn short_circuit(x: u32, y: u32) -> bool {
    let plain = x > 1 && y > 1 || x == y;
    let mut calls = 0;
    let both = x != 0 && {
        calls += 1;
        100 / x > y
    };
    let either = both || {
        calls += 10;
        y == 3
    };
    plain && either && calls < 11
}

#[kernel]
pub fn order_of_evaluation(x: u32) -> u32 {
    let mut n = x;
    let a = n + {
        n = 10;
        n * 2
    };
    n += {
        n = 20;
        1
    };
    a * n
}

#[kernel]
pub fn tuple_parameters((a, (b, _)): (f32, (f32, u32)), c: &f32, &d: &&i32) -> f32 {
    a * b + *c - *d as f32
}

#[kernel]
pub fn constants(x: f32, n: u32) -> f32 {
    let big = x.min(f32::INFINITY).max(f32::NEG_INFINITY) + f32::MAX - f32::MIN_POSITIVE;
    let hole = if n == MASK { f32::NAN } else { GAIN * std::f32::consts::TAU };
    let ints = i32::MIN + i32::MAX - n as i32 + (u32::MAX / 2) as i32 + -2147483648;
    big + hole + ints as f32 + 1e-40 - -0.0 + 1e30 * 16777217.0
}

#[kernel]
pub fn constant_operands(_: f32) -> f32 {
    let never = 1.0 / 0.0 + 0.0 * f32::INFINITY;
    let wraps = i32::MAX + 1 + (7 / 0) + (5 % 0) + (1 << 35);
    never + wraps as f32 + -f32::INFINITY
}

pub mod inner {
    pub const OFFSET: u32 = 7;

    #[veda::kernel]
    pub fn shifted(x: u32) -> u32 {
        x + OFFSET
    }

    pub mod deep {
        #[veda::kernel]
        pub fn norm((x, y): (f32, f32)) -> f32 {
            (x * x + super::square(y)).sqrt()
        }
    }

    #[veda::kernel]
    pub fn square(x: f32) -> f32 {
        x * x
    }
}

#[kernel]
pub fn square(x: u32) -> u32 {
    x * x
}

use inner::shifted as moved;

#[kernel]
pub fn calls(x: f32, n: u32) -> f32 {
    let twice = moved(inner::shifted(square(n)));
    inner::square(x) + inner::deep::norm((x, 4.0)) + twice as f32 + self::inner::square(GAIN)
}

#[kernel]
pub fn math_calls(x: f32, y: f32) -> f32 {
    x.sin() + f32::exp(y) + x.powf(2.0)
}

#[kernel]
pub fn slices(xs: &[f32], ks: &[i32], i: usize) -> f32 {
    let mut sum = 0.0;
    for j in 0..xs.len() {
        sum += xs[j];
    }
    if ks.is_empty() {
        return sum;
    }
    sum + xs[i] * ks[i + 1] as f32
}

#[kernel]
pub fn bool_slice(flags: &[bool], flag: bool, i: usize) -> bool {
    flags[i] && !flags[flags.len() - 1 - i] || flag
}

#[kernel]
pub fn handing_on(xs: &[f32], ys: &[f32], i: usize) -> f32 {
    dot(xs, ys) + dot(ys, ys) + dot(xs, ys) * xs[i]
}

#[kernel]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = 0.0;
    for i in 0..a.len().min(b.len()) {
        sum += a[i] * b[i];
    }
    sum
}

#[kernel]
pub fn guarded_index(xs: &[u32], i: usize) -> u32 {
    let found = i < xs.len() && xs[i] > 3;
    match i {
        0 if xs.is_empty() => 9,
        n if n < xs.len() && xs[n] == 1 => 8,
        _ if found => 7,
        _ => {
            if i > 5 {
                6
            } else if xs[i] == 2 {
                5
            } else {
                xs[xs[i] as usize]
            }
        }
    }
}

#[kernel]
pub fn dropped_index(xs: &[u32], i: usize) -> u32 {
    xs[i];
    let _ = xs[i + 1];
    1
}

#[kernel]
pub fn index_1d(id: Index) -> u32 {
    id.x * 3 + 1
}

#[kernel]
pub fn index_2d(id: Index, image: &[f32]) -> f32 {
    let (x, y) = (id.x as i32 - 1, id.y as i32);
    image[(x.max(0) + y * 3) as usize] + id.flat() as f32
}

#[kernel]
pub fn index_3d(x: f32, id: Index) -> f32 {
    x + (id.x + 10 * id.y + 100 * id.z) as f32 + layer(id)
}

#[kernel]
pub fn layer(id: Index) -> f32 {
    id.z as f32 * 0.5
}

#[kernel]
pub fn rounding(x: f32) -> f32 {
    x.floor() + x.ceil() + x.trunc() + x.round() + x.round_ties_even() + x.fract()
}

#[kernel]
pub fn float_functions(x: f32, y: f32, z: f32) -> f32 {
    let a = x.sqrt() + y.recip() + x.mul_add(y, z) + x.copysign(y) + (x - y).abs() + x.signum();
    let b = x.min(y) + f32::max(y, z) + x.clamp(-1.0, 1.0) + x.rem_euclid(y) + x.div_euclid(y) + x % y;
    let c = x.to_degrees() + y.to_radians() + x.powi(3) + f32::from_bits(x.to_bits() + 1);
    a + b * c
}

#[kernel]
pub fn float_classes(x: f32) -> u32 {
    let mut n = 0;
    n |= x.is_nan() as u32;
    n |= (x.is_finite() as u32) << 1;
    n |= (x.is_infinite() as u32) << 2;
    n |= (x.is_sign_positive() as u32) << 3;
    n | (x.is_sign_negative() as u32) << 4
}

#[kernel]
pub fn integer_functions(x: i32, y: i32, k: u32) -> i32 {
    let a = x.abs() + x.signum() + x.min(y) + x.max(y) + x.clamp(-9, y) + x.rem_euclid(y) + x.div_euclid(y) + x.pow(k);
    let b = x.wrapping_add(y) ^ x.wrapping_sub(y) ^ x.wrapping_mul(y) ^ x.wrapping_neg() ^ x.wrapping_shl(k);
    let c = x.wrapping_shr(k) ^ x.saturating_add(y) ^ x.saturating_sub(y) ^ (x.abs_diff(y) ^ x.unsigned_abs()) as i32;
    a + b + c
}

#[kernel]
pub fn unsigned_functions(x: u32, y: u32, n: usize) -> u32 {
    let a = x.min(y) + x.max(y) + x.clamp(3, y) + x.rem_euclid(y) + x.div_euclid(y) + x.pow(3) + x.wrapping_neg();
    let b = x.saturating_add(y) ^ x.saturating_sub(y) ^ x.abs_diff(y) ^ x.is_power_of_two() as u32;
    a + b + n.saturating_sub(5) as u32 + n.is_power_of_two() as u32
}

#[kernel]
pub fn bit_functions(x: u32, y: i32) -> u32 {
    let a = x.count_ones() + x.count_zeros() + x.leading_zeros() + x.trailing_zeros();
    let b = y.count_ones() + y.count_zeros() + y.leading_zeros() + y.trailing_zeros();
    let c = x.rotate_left(5) ^ x.rotate_right(7) ^ x.reverse_bits() ^ x.swap_bytes();
    let d = y.rotate_left(5) ^ y.rotate_right(7) ^ y.reverse_bits() ^ y.swap_bytes();
    a + b + c + d as u32
}

#[kernel]
pub fn reserved_words(r#loop: u32, array: u32, veda: u32, texture: u32, _x: u32, i: u32) -> u32 {
    let keep = r#loop + array;
    let min = keep.min(veda);
    let vec3 = min * texture;
    let b0 = vec3 + _x;
    b0 + i
}

#[kernel]
pub fn deep_expression(x: u32) -> u32 {
    ((((((((((((((((((((x + 1) * 3 + 1) * 3 + 1) * 3 + 1) * 3 + 1) * 3 + 1) * 3 + 1) * 3 + 1) * 3 + 1) * 3
        + 1)
        * 3
        + 1)
        * 3
        + 1)
        * 3
        + 1)
        * 3
        + 1)
        * 3
        + 1)
        * 3
        + 1)
        * 3
        + 1)
        * 3
        + 1)
        * 3
        + 1)
        * 3
        + 1)
        ^ x
}

// The stages of chains.

#[kernel]
pub fn double(x: f32) -> f32 {
    x * 2.0
}

#[kernel]
pub fn positive(x: &f32) -> bool {
    *x > 0.0
}

#[kernel]
pub fn even(x: &u32) -> bool {
    *x % 2 == 0
}

#[kernel]
pub fn weighted((n, (x, y)): (usize, (f32, f32))) -> f32 {
    n as f32 * x + y
}

#[kernel]
pub fn hash(n: u32) -> u32 {
    n * 0x9e37_79b9 ^ n >> 15
}

#[kernel]
pub fn is_small(n: u32) -> bool {
    n < 9
}

#[kernel]
pub fn compose(a: u32, b: u32) -> u32 {
    a * 31 + b
}
