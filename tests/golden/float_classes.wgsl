// float_classes > collect
alias VedaT = u32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<f32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn veda_is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn veda_is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) < 0x7f800000u;
}

fn veda_is_infinite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

fn veda_is_sign_negative(x: f32) -> bool {
    return (bitcast<u32>(x) >> 31u) != 0u;
}

fn float_classes_0(x_0: f32) -> u32 {
    var n_1: u32 = 0u;
    n_1 = n_1 | u32(veda_is_nan(x_0));
    n_1 = n_1 | (u32(veda_is_finite(x_0)) << 1u);
    n_1 = n_1 | (u32(veda_is_infinite(x_0)) << 2u);
    n_1 = n_1 | (u32(!veda_is_sign_negative(x_0)) << 3u);
    return n_1 | (u32(veda_is_sign_negative(x_0)) << 4u);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = float_classes_0(b0[i]);
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
