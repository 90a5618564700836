// comparisons > collect
alias VedaT = u32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: i32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<f32>;
@group(0) @binding(2) var<storage, read> b1: array<f32>;
@group(0) @binding(3) var<storage, read> b2: array<u32>;
@group(0) @binding(4) var<storage, read> b3: array<u32>;
@group(0) @binding(5) var<storage, read_write> veda_out: array<VedaT>;

fn comparisons_0(x_0: f32, y_1: f32, i_2: i32, p_3: bool, q_4: bool) -> bool {
    let floats_5: u32 = u32((x_0 < y_1)) + u32((x_0 <= y_1)) + u32((x_0 > y_1)) + u32((x_0 >= y_1)) + u32((x_0 == y_1)) + u32(!(x_0 == y_1));
    let bools_6: bool = (p_3 == q_4) || ((p_3 != q_4) && ((p_3 & q_4) != (p_3 | !q_4)));
    return (i32(floats_5) >= i_2) && bools_6;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = comparisons_0(b0[i], b1[i], veda.u0, (b2[i] != 0u), (b3[i] != 0u));
    return select(0u, 1u, s0);
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
