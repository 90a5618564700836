// hash > is_small > collect
alias VedaT = u32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read_write> veda_out: array<VedaT>;

fn hash_0(n_0: u32) -> u32 {
    return (n_0 * 2654435769u) ^ (n_0 >> 15u);
}

fn is_small_1(n_0: u32) -> bool {
    return n_0 < 9u;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = hash_0((u32(veda.base + i) + veda.u0));
    let s1 = is_small_1(s0);
    return select(0u, 1u, s1);
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
