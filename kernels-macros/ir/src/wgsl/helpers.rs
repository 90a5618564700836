//! WGSL functions that give WGSL's operators Rust's meaning; only those that are used are printed.
//!
//! Every one of them is total: no result depends on a check that naga or a driver may or may not insert.

/// One helper: its name, the helpers that it calls, its text. `TICK` marks the head of a loop body.
pub(super) struct Helper {
    pub(super) name: &'static str,
    pub(super) uses: &'static [&'static str],
    pub(super) text: &'static str,
}

const fn h(name: &'static str, uses: &'static [&'static str], text: &'static str) -> Helper {
    Helper { name, uses, text }
}

/// All helpers; a helper comes after those that it uses.
pub(super) const HELPERS: &[Helper] = &[
    // By divisor 1, x / 0 and MIN / -1 are the dividend and both remainders are 0, without a branch.
    h(
        "veda_divisor_i32",
        &[],
        "fn veda_divisor_i32(a: i32, b: i32) -> i32 {
    return select(b, 1i, b == 0i || (b == -1i && a == i32(-2147483648)));
}",
    ),
    h(
        "veda_div_i32",
        &["veda_divisor_i32"],
        "fn veda_div_i32(a: i32, b: i32) -> i32 {
    return a / veda_divisor_i32(a, b);
}",
    ),
    h(
        "veda_rem_i32",
        &["veda_divisor_i32"],
        "fn veda_rem_i32(a: i32, b: i32) -> i32 {
    let d = veda_divisor_i32(a, b);
    return a - d * (a / d);
}",
    ),
    h(
        "veda_div_u32",
        &[],
        "fn veda_div_u32(a: u32, b: u32) -> u32 {
    return a / select(b, 1u, b == 0u);
}",
    ),
    h(
        "veda_rem_u32",
        &[],
        "fn veda_rem_u32(a: u32, b: u32) -> u32 {
    return a % select(b, 1u, b == 0u);
}",
    ),
    h(
        "veda_rem_euclid_i32",
        &["veda_rem_i32"],
        "fn veda_rem_euclid_i32(a: i32, b: i32) -> i32 {
    let r = veda_rem_i32(a, b);
    return select(r, r + abs(b), r < 0i);
}",
    ),
    h(
        "veda_div_euclid_i32",
        &["veda_div_i32", "veda_rem_i32"],
        "fn veda_div_euclid_i32(a: i32, b: i32) -> i32 {
    let q = veda_div_i32(a, b);
    return select(q, select(q + 1i, q - 1i, b > 0i), veda_rem_i32(a, b) < 0i);
}",
    ),
    h(
        "veda_is_nan",
        &[],
        "fn veda_is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}",
    ),
    h(
        "veda_is_finite",
        &[],
        "fn veda_is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) < 0x7f800000u;
}",
    ),
    h(
        "veda_is_infinite",
        &[],
        "fn veda_is_infinite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}",
    ),
    h(
        "veda_is_sign_negative",
        &[],
        "fn veda_is_sign_negative(x: f32) -> bool {
    return (bitcast<u32>(x) >> 31u) != 0u;
}",
    ),
    h(
        "veda_copysign",
        &[],
        "fn veda_copysign(x: f32, sign: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(sign) & 0x80000000u));
}",
    ),
    h(
        "veda_signum",
        &["veda_is_nan"],
        "fn veda_signum(x: f32) -> f32 {
    return select(bitcast<f32>((bitcast<u32>(x) & 0x80000000u) | 0x3f800000u), x, veda_is_nan(x));
}",
    ),
    // Rust: half away from zero. WGSL's round is half to even. The sign of zero is kept.
    h(
        "veda_round",
        &["veda_copysign"],
        "fn veda_round(x: f32) -> f32 {
    let t = trunc(x);
    return veda_copysign(abs(t) + select(0.0f, 1.0f, abs(x - t) >= 0.5f), x);
}",
    ),
    h(
        "veda_fract",
        &[],
        "fn veda_fract(x: f32) -> f32 {
    return x - trunc(x);
}",
    ),
    h(
        "veda_min_f32",
        &["veda_is_nan"],
        "fn veda_min_f32(a: f32, b: f32) -> f32 {
    return select(select(b, a, a < b || veda_is_nan(b)), b, veda_is_nan(a));
}",
    ),
    h(
        "veda_max_f32",
        &["veda_is_nan"],
        "fn veda_max_f32(a: f32, b: f32) -> f32 {
    return select(select(b, a, a > b || veda_is_nan(b)), b, veda_is_nan(a));
}",
    ),
    h(
        "veda_clamp_f32",
        &[],
        "fn veda_clamp_f32(x: f32, lo: f32, hi: f32) -> f32 {
    let y = select(x, lo, x < lo);
    return select(y, hi, y > hi);
}",
    ),
    // WGSL clamps to the largest f32 below 2^31, Rust to 2^31 - 1; NaN is indeterminate in WGSL and 0 in Rust.
    h(
        "veda_f32_to_i32",
        &["veda_is_nan"],
        "fn veda_f32_to_i32(x: f32) -> i32 {
    let y = i32(clamp(x, -2147483648.0f, 2147483520.0f));
    return select(select(y, 2147483647i, x >= 2147483648.0f), 0i, veda_is_nan(x));
}",
    ),
    h(
        "veda_f32_to_u32",
        &["veda_is_nan"],
        "fn veda_f32_to_u32(x: f32) -> u32 {
    let y = u32(clamp(x, 0.0f, 4294967040.0f));
    return select(select(y, 4294967295u, x >= 4294967296.0f), 0u, veda_is_nan(x));
}",
    ),
    // WGSL allows 2 ULP and more. One Newton step with an exact residual (the root is split into 12 + 12 bits, so all
    // products are exact and fusing them changes nothing) brings it within 1 ULP. Scaled by powers of 4 so that
    // nothing overflows or becomes subnormal on the way; a subnormal argument is read as an integer.
    h(
        "veda_sqrt",
        &[],
        "fn veda_sqrt(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    if ((bits & 0x7fffffffu) == 0u || bits == 0x7f800000u || (bits & 0x7fffffffu) > 0x7f800000u) {
        return x;
    }
    if (bits > 0x80000000u) {
        return bitcast<f32>(0x7fc00000u);
    }
    var y = x;
    var scale = 1.0f;
    if (bits < 0x00800000u) {
        y = f32(bits) * 2.0f;
        scale = bitcast<f32>(0x1a000000u); // 2^-75
    } else if (bits < 0x21800000u) { // below 2^-60
        y = x * bitcast<f32>(0x5f800000u); // 2^64
        scale = bitcast<f32>(0x2f800000u); // 2^-32
    } else if (bits >= 0x5d800000u) { // from 2^60
        y = x * bitcast<f32>(0x1f800000u); // 2^-64
        scale = bitcast<f32>(0x4f800000u); // 2^32
    }
    let r = sqrt(y);
    let hi = bitcast<f32>(bitcast<u32>(r) & 0xfffff000u);
    let lo = r - hi;
    let residual = ((y - hi * hi) - 2.0f * hi * lo) - lo * lo;
    return (r + residual * (0.5f / r)) * scale;
}",
    ),
    // Exact for all arguments, as fmod: long division of the significands, 8 bits of the quotient at a time (at most
    // 35 rounds). `x - y * trunc(x / y)` would be wrong from quotients of 2^24 on, and often before.
    h(
        "veda_rem_f32",
        &[],
        "fn veda_rem_f32(x: f32, y: f32) -> f32 {
    let sign = bitcast<u32>(x) & 0x80000000u;
    let ax = bitcast<u32>(x) & 0x7fffffffu;
    let ay = bitcast<u32>(y) & 0x7fffffffu;
    if (ay == 0u || ay > 0x7f800000u || ax >= 0x7f800000u) {
        return bitcast<f32>(0x7fc00000u);
    }
    if (ax < ay) {
        return x;
    }
    let ex = max(ax >> 23u, 1u);
    let ey = max(ay >> 23u, 1u);
    let mx = select(ax & 0x007fffffu, (ax & 0x007fffffu) | 0x00800000u, ax >= 0x00800000u);
    let my = select(ay & 0x007fffffu, (ay & 0x007fffffu) | 0x00800000u, ay >= 0x00800000u);
    var r = mx % my;
    var left = ex - ey;
    while (left > 0u) {TICK
        let k = min(left, 8u);
        r = (r << k) % my;
        left -= k;
    }
    if (r == 0u) {
        return bitcast<f32>(sign);
    }
    let s = countLeadingZeros(r) - 8u;
    if (s < ey) {
        return bitcast<f32>(sign | ((ey - s) << 23u) | ((r << s) & 0x007fffffu));
    }
    return bitcast<f32>(sign | (r << (ey - 1u)));
}",
    ),
    h(
        "veda_rem_euclid_f32",
        &["veda_rem_f32"],
        "fn veda_rem_euclid_f32(a: f32, b: f32) -> f32 {
    let r = veda_rem_f32(a, b);
    return select(r, r + abs(b), r < 0.0f);
}",
    ),
    h(
        "veda_div_euclid_f32",
        &["veda_rem_f32"],
        "fn veda_div_euclid_f32(a: f32, b: f32) -> f32 {
    let q = trunc(a / b);
    return select(q, select(q + 1.0f, q - 1.0f, b > 0.0f), veda_rem_f32(a, b) < 0.0f);
}",
    ),
    h(
        "veda_powi",
        &[],
        "fn veda_powi(x: f32, n: i32) -> f32 {
    var base = x;
    var left = u32(abs(n));
    var r = 1.0f;
    loop {TICK
        if ((left & 1u) != 0u) {
            r *= base;
        }
        left >>= 1u;
        if (left == 0u) {
            break;
        }
        base *= base;
    }
    if (n < 0i) {
        return 1.0f / r;
    }
    return r;
}",
    ),
    h(
        "veda_pow_u32",
        &[],
        "fn veda_pow_u32(x: u32, n: u32) -> u32 {
    var base = x;
    var left = n;
    var r = 1u;
    while (left != 0u) {TICK
        if ((left & 1u) != 0u) {
            r *= base;
        }
        left >>= 1u;
        base *= base;
    }
    return r;
}",
    ),
    h(
        "veda_saturating_add_u32",
        &[],
        "fn veda_saturating_add_u32(a: u32, b: u32) -> u32 {
    let s = a + b;
    return select(s, 0xffffffffu, s < a);
}",
    ),
    h(
        "veda_saturating_sub_u32",
        &[],
        "fn veda_saturating_sub_u32(a: u32, b: u32) -> u32 {
    return select(a - b, 0u, a < b);
}",
    ),
    // Overflow: both operands differ in sign from the sum (for `-`: the operands differ, and the difference from a).
    h(
        "veda_saturating_add_i32",
        &[],
        "fn veda_saturating_add_i32(a: i32, b: i32) -> i32 {
    let s = a + b;
    return select(s, select(2147483647i, i32(-2147483648), a < 0i), ((a ^ s) & (b ^ s)) < 0i);
}",
    ),
    h(
        "veda_saturating_sub_i32",
        &[],
        "fn veda_saturating_sub_i32(a: i32, b: i32) -> i32 {
    let d = a - b;
    return select(d, select(2147483647i, i32(-2147483648), a < 0i), ((a ^ b) & (a ^ d)) < 0i);
}",
    ),
    h(
        "veda_abs_diff_u32",
        &[],
        "fn veda_abs_diff_u32(a: u32, b: u32) -> u32 {
    return max(a, b) - min(a, b);
}",
    ),
    h(
        "veda_abs_diff_i32",
        &[],
        "fn veda_abs_diff_i32(a: i32, b: i32) -> u32 {
    return u32(max(a, b)) - u32(min(a, b));
}",
    ),
    h(
        "veda_rotate_left",
        &[],
        "fn veda_rotate_left(x: u32, n: u32) -> u32 {
    return (x << (n & 31u)) | (x >> ((32u - n) & 31u));
}",
    ),
    h(
        "veda_rotate_right",
        &[],
        "fn veda_rotate_right(x: u32, n: u32) -> u32 {
    return (x >> (n & 31u)) | (x << ((32u - n) & 31u));
}",
    ),
    h(
        "veda_swap_bytes",
        &[],
        "fn veda_swap_bytes(x: u32) -> u32 {
    return (x << 24u) | ((x & 0xff00u) << 8u) | ((x >> 8u) & 0xff00u) | (x >> 24u);
}",
    ),
];
