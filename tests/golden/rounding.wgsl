// rounding > collect
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
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn veda_copysign(x: f32, sign: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(sign) & 0x80000000u));
}

fn veda_round(x: f32) -> f32 {
    let t = trunc(x);
    return veda_copysign(abs(t) + select(0.0f, 1.0f, abs(x - t) >= 0.5f), x);
}

fn veda_fract(x: f32) -> f32 {
    return x - trunc(x);
}

fn rounding_0(x_0: f32) -> f32 {
    return floor(x_0) + ceil(x_0) + trunc(x_0) + veda_round(x_0) + round(x_0) + veda_fract(x_0);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = rounding_0(b0[i]);
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
