// reserved_words > collect
alias VedaT = u32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: u32,
    u1: u32,
    u2: u32,
    u3: u32,
    u4: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<u32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn reserved_words_0(loop_0: u32, array_1: u32, veda_2: u32, texture_3: u32, x_4: u32, i_5: u32) -> u32 {
    let keep_6: u32 = loop_0 + array_1;
    let min_7: u32 = min(keep_6, veda_2);
    let vec3_8: u32 = min_7 * texture_3;
    let b0_9: u32 = vec3_8 + x_4;
    return b0_9 + i_5;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = reserved_words_0(b0[i], veda.u0, veda.u1, veda.u2, veda.u3, veda.u4);
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
