// closure at chains.rs:26 > collect
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: u32,
    u1: f32,
    u2: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<f32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn double_1(x_0: f32) -> f32 {
    return x_0 * 2.0f;
}

fn closure_0(x_0: f32, n_c0: u32, a_c1: f32, flag_c2: bool) -> f32 {
    let n_1: u32 = n_c0 + 1u;
    var tmp1: f32;
    if (flag_c2) {
        tmp1 = f32(n_1) * a_c1;
    } else {
        tmp1 = 0.0f;
    }
    return double_1(a_c1 * x_0) + tmp1;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = closure_0(b0[i], veda.u0, veda.u1, (veda.u2 != 0u));
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
