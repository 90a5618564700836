// slices > collect
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    len0: u32,
    len1: u32,
    u0: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<f32>;
@group(0) @binding(2) var<storage, read> b1: array<i32>;
@group(0) @binding(3) var<storage, read_write> veda_out: array<VedaT>;

fn veda_at_b0(i: u32) -> f32 {
    let n = veda.len0;
    return select(f32(), b0[min(i, max(n, 1u) - 1u)], n > 0u);
}

fn veda_at_b1(i: u32) -> i32 {
    let n = veda.len1;
    return select(i32(), b1[min(i, max(n, 1u) - 1u)], n > 0u);
}

fn slices_0_b0_b1(i_2: u32) -> f32 {
    var sum_3: f32 = 0.0f;
    for (var j_4: u32 = 0u; j_4 < (veda.len0); j_4 += 1u) {
        sum_3 = sum_3 + veda_at_b0(j_4);
    }
    if ((veda.len1) == 0u) {
        return sum_3;
    }
    return sum_3 + veda_at_b0(i_2) * f32(veda_at_b1(i_2 + 1u));
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = slices_0_b0_b1(veda.u0);
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
