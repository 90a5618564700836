// calls > collect
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
@group(0) @binding(2) var<storage, read> b1: array<u32>;
@group(0) @binding(3) var<storage, read_write> veda_out: array<VedaT>;

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

fn shifted_2(x_0: u32) -> u32 {
    return x_0 + 7u;
}

fn square_1(x_0: u32) -> u32 {
    return x_0 * x_0;
}

fn square_3(x_0: f32) -> f32 {
    return x_0 * x_0;
}

fn norm_4(x_0: f32, y_1: f32) -> f32 {
    return veda_sqrt(x_0 * x_0 + square_3(y_1));
}

fn calls_0(x_0: f32, n_1: u32) -> f32 {
    let twice_2: u32 = shifted_2(shifted_2(square_1(n_1)));
    return square_3(x_0) + norm_4(x_0, 4.0f) + f32(twice_2) + square_3(1.5f);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = calls_0(b0[i], b1[i]);
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
