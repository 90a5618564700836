// let_shadowing > collect
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

fn let_shadowing_0(x_0: f32) -> f32 {
    let x_1: f32 = x_0 + 1.0f;
    let x_2: f32 = x_1 * 2.0f;
    let y_3: f32 = x_2 - 3.0f;
    let x_4: f32 = x_1 * y_3;
    return x_4 + y_3;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = let_shadowing_0(b0[i]);
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
