// match_value (Collect)
alias VedaT = i32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<i32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;
fn match_value_0(n_0: i32) -> i32 {
    if (n_0 == (-1i)) {
        return 7i;
    } else if ((n_0 == 0i) || (n_0 == 1i)) {
        return 8i;
    } else if ((n_0 >= 2i) && (n_0 <= 9i)) {
        return 9i;
    } else {
        let m_1 = n_0;
        var tmp1 = false;
        tmp1 = m_1 > 100i;
        if (tmp1) {
            return m_1 - 100i;
        } else {
            return 0i;
        }
    }
    return i32();
}
fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = match_value_0(b0[i]);
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
