// builtins_float (Collect)
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
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

fn veda_round(x: f32) -> f32 {
    let t = trunc(x);
    return veda_copysign(abs(t) + select(0.0f, 1.0f, abs(x - t) >= 0.5f), x);
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

fn builtins_float_0(x_0: f32, y_1: f32) -> f32 {
    return floor(x_0) + veda_round(y_1) + veda_clamp_f32(veda_max_f32(veda_min_f32(x_0, y_1), 0.5f), 0.0f, 9.0f) + veda_sqrt(abs(x_0)) + (x_0 * y_1 + 1.0f) + veda_rem_f32(x_0, y_1);
}
fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = builtins_float_0(b0[i], b1[i]);
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
