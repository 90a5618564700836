// labels > collect
alias VedaT = u32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<u32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn labels_0(n_0: u32) -> u32 {
    var total_1: u32 = 0u;
    var stop0 = false;
    for (var i_2: u32 = 0u; i_2 < n_0; i_2 += 1u) {
        var next0 = false;
        var j_3: u32 = 0u;
        loop {
            j_3 = j_3 + 1u;
            if (j_3 == i_2) {
                next0 = true;
                break;
            }
            if ((i_2 * j_3) > 20u) {
                stop0 = true;
                break;
            }
            if (j_3 > 9u) {
                break;
            }
            total_1 = total_1 + j_3;
        }
        if (next0) { continue; }
        if (stop0) { break; }
        total_1 = total_1 + 100u;
    }
    return total_1;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = labels_0(b0[i]);
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
