// tuple_parameters > collect
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: f32,
    u1: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<f32>;
@group(0) @binding(2) var<storage, read> b1: array<f32>;
@group(0) @binding(3) var<storage, read> b2: array<i32>;
@group(0) @binding(4) var<storage, read_write> veda_out: array<VedaT>;

fn tuple_parameters_0(a_0: f32, b_1: f32, tmp1: u32, c_2: f32, d_3: i32) -> f32 {
    return a_0 * b_1 + c_2 - f32(d_3);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = tuple_parameters_0(b0[i], veda.u0, veda.u1, b1[i], b2[i]);
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
