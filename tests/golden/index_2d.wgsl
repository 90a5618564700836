// index_2d > collect
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    len0: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<f32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;
fn veda_index(i: u32) -> VedaIndex {
    let flat = veda.base + i;
    let row = flat / veda.width;
    return VedaIndex(flat % veda.width, row % veda.height, row / veda.height, flat);
}

fn veda_at_b0(i: u32) -> f32 {
    let n = veda.len0;
    return select(f32(), b0[min(i, max(n, 1u) - 1u)], n > 0u);
}

fn index_2d_0_b0(id_0: VedaIndex) -> f32 {
    let x_2: i32 = i32(id_0.x) - 1i;
    let y_3: i32 = i32(id_0.y);
    return veda_at_b0(u32(max(x_2, 0i) + y_3 * 3i)) + f32(id_0.flat);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = index_2d_0_b0(veda_index(i));
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
