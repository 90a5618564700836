// compound_assignment > collect
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<u32>;
@group(0) @binding(2) var<storage, read> b1: array<i32>;
@group(0) @binding(3) var<storage, read> b2: array<f32>;
@group(0) @binding(4) var<storage, read_write> veda_out: array<VedaT>;

fn veda_div_u32(a: u32, b: u32) -> u32 {
    return a / select(b, 1u, b == 0u);
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

fn compound_assignment_0(x_0: u32, y_1: i32, f_2: f32) -> f32 {
    var a_3: u32 = x_0;
    a_3 = a_3 + 3u;
    a_3 = a_3 - x_0;
    a_3 = a_3 * 5u;
    a_3 = veda_div_u32(a_3, x_0);
    a_3 = a_3 % 7u;
    a_3 = a_3 & 255u;
    a_3 = a_3 | 1u;
    a_3 = a_3 ^ 2u;
    a_3 = a_3 << (u32(y_1) & 31u);
    a_3 = a_3 >> 2u;
    var b_4: f32 = f_2;
    b_4 = b_4 + 1.0f;
    b_4 = b_4 - f_2;
    b_4 = b_4 * 2.0f;
    b_4 = b_4 / f_2;
    b_4 = veda_rem_f32(b_4, 3.0f);
    var c_5: bool = f_2 > 0.0f;
    c_5 = c_5 & (x_0 > 1u);
    c_5 = c_5 | (y_1 > 1i);
    c_5 = c_5 != true;
    return f32(a_3) + b_4 + f32(u32(c_5));
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = compound_assignment_0(b0[i], b1[i], b2[i]);
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
