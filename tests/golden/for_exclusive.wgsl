// for_exclusive > collect
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: f32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<u32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn for_exclusive_0(n_0: u32, scale_1: f32) -> f32 {
    var sum_2: f32 = 0.0f;
    for (var i_3: u32 = 0u; i_3 < n_0; i_3 += 1u) {
        sum_2 = sum_2 + f32(i_3) * scale_1;
    }
    return sum_2;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = for_exclusive_0(b0[i], veda.u0);
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
