// dropped_index > collect
alias VedaT = u32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    len0: u32,
    u0: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<u32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;
@group(0) @binding(3) var<storage, read_write> veda_status: atomic<u32>;
fn veda_fail() { atomicStore(&veda_status, 1u); }
var<private> veda_iterations: u32;
fn veda_over_budget() -> bool {
    veda_iterations += 1u;
    return veda_iterations > 65000u;
}

fn veda_at_b0(i: u32) -> u32 {
    if (i >= (veda.len0)) {
        veda_fail();
        return u32();
    }
    return b0[i];
}

fn dropped_index_0_b0(i_1: u32) -> u32 {
    _ = veda_at_b0(i_1);
    _ = veda_at_b0(i_1 + 1u);
    return 1u;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = dropped_index_0_b0(veda.u0);
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
