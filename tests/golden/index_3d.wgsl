// index_3d > collect
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
fn veda_index(i: u32) -> VedaIndex {
    let flat = veda.base + i;
    let row = flat / veda.width;
    return VedaIndex(flat % veda.width, row % veda.height, row / veda.height, flat);
}

fn layer_1(id_0: VedaIndex) -> f32 {
    return f32(id_0.z) * 0.5f;
}

fn index_3d_0(x_0: f32, id_1: VedaIndex) -> f32 {
    return x_0 + f32(id_1.x + 10u * id_1.y + 100u * id_1.z) + layer_1(id_1);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = index_3d_0(b0[i], veda_index(i));
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
