// float_functions > collect
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: f32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<f32>;
@group(0) @binding(2) var<storage, read> b1: array<f32>;
@group(0) @binding(3) var<storage, read_write> veda_out: array<VedaT>;

fn veda_is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn veda_copysign(x: f32, sign: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(sign) & 0x80000000u));
}

fn veda_signum(x: f32) -> f32 {
    return select(bitcast<f32>((bitcast<u32>(x) & 0x80000000u) | 0x3f800000u), x, veda_is_nan(x));
}

fn veda_min_f32(a: f32, b: f32) -> f32 {
    return select(select(b, a, a < b || veda_is_nan(b)), b, veda_is_nan(a));
}

fn veda_max_f32(a: f32, b: f32) -> f32 {
    return select(select(b, a, a > b || veda_is_nan(b)), b, veda_is_nan(a));
}

fn veda_clamp_f32(x: f32, lo: f32, hi: f32) -> f32 {
    let y = select(x, lo, x < lo);
    return select(y, hi, y > hi);
}

fn veda_sqrt(x: f32) -> f32 {
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
}

fn veda_rem_f32(x: f32, y: f32) -> f32 {
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
    while (left > 0u) {
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
}

fn veda_rem_euclid_f32(a: f32, b: f32) -> f32 {
    let r = veda_rem_f32(a, b);
    return select(r, r + abs(b), r < 0.0f);
}

fn veda_div_euclid_f32(a: f32, b: f32) -> f32 {
    let q = trunc(a / b);
    return select(q, select(q + 1.0f, q - 1.0f, b > 0.0f), veda_rem_f32(a, b) < 0.0f);
}

fn veda_powi(x: f32, n: i32) -> f32 {
    var base = x;
    var left = u32(abs(n));
    var r = 1.0f;
    loop {
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
}

fn float_functions_0(x_0: f32, y_1: f32, z_2: f32) -> f32 {
    let a_3: f32 = veda_sqrt(x_0) + 1.0f / y_1 + (x_0 * y_1 + z_2) + veda_copysign(x_0, y_1) + abs(x_0 - y_1) + veda_signum(x_0);
    let b_4: f32 = veda_min_f32(x_0, y_1) + veda_max_f32(y_1, z_2) + veda_clamp_f32(x_0, (-1.0f), 1.0f) + veda_rem_euclid_f32(x_0, y_1) + veda_div_euclid_f32(x_0, y_1) + veda_rem_f32(x_0, y_1);
    let c_5: f32 = x_0 * 57.29578f + y_1 * 0.017453292f + veda_powi(x_0, 3i) + bitcast<f32>(bitcast<u32>(x_0) + 1u);
    return a_3 + b_4 * c_5;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = float_functions_0(b0[i], b1[i], veda.u0);
    return s0;
}

// One element per invocation.
@compute @workgroup_size(256)
fn veda_map(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 256u + lane;
    if (i < veda.n) {
        var keep = true;
        veda_out[i] = veda_element(i, &keep);
    }
}
