// label_break_value > collect
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

fn label_break_value_0(n_0: u32) -> u32 {
    loop {
        for (var i_1: u32 = 1u; i_1 < n_0; i_1 += 1u) {
            let tmp3 = 1u;
            if (tmp3 <= i_1) {
                let tmp2 = i_1 - tmp3;
                var tmp1 = 0u;
                loop {
                    let j_2: u32 = tmp3 + tmp1;
                    if ((i_1 * i_1 + j_2 * j_2) == n_0) {
                        return i_1 * 1000u + j_2;
                    }
                    continuing {
                        let tmp4 = tmp1 == tmp2;
                        tmp1 += 1u;
                        break if tmp4;
                    }
                }
            }
        }
        return 0u;
    }
    return u32();
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = label_break_value_0(b0[i]);
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
