// for_step_by > collect
alias VedaT = u32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: u32,
    u1: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<u32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn for_step_by_0(a_0: u32, b_1: u32, s_2: u32) -> u32 {
    var h_3: u32 = 7u;
    if (a_0 < b_1) {
        let tmp2 = (b_1 - a_0 - 1u) / 3u;
        var tmp1 = 0u;
        loop {
            let i_4: u32 = a_0 + tmp1 * 3u;
            h_3 = h_3 * 31u + i_4;
            continuing {
                let tmp3 = tmp1 == tmp2;
                tmp1 += 1u;
                break if tmp3;
            }
        }
    }
    if (a_0 <= b_1) {
        let tmp6 = max(s_2, 1u);
        let tmp5 = (b_1 - a_0) / tmp6;
        var tmp4 = 0u;
        loop {
            let i_5: u32 = a_0 + tmp4 * tmp6;
            h_3 = h_3 * 31u + i_5;
            continuing {
                let tmp7 = tmp4 == tmp5;
                tmp4 += 1u;
                break if tmp7;
            }
        }
    }
    if (a_0 < b_1) {
        let tmp10 = max(s_2, 1u);
        let tmp9 = (b_1 - a_0 - 1u) / tmp10;
        var tmp8 = 0u;
        loop {
            let i_6: u32 = b_1 - 1u - tmp8 * tmp10;
            h_3 = h_3 * 31u + i_6;
            continuing {
                let tmp11 = tmp8 == tmp9;
                tmp8 += 1u;
                break if tmp11;
            }
        }
    }
    if (a_0 <= b_1) {
        let tmp13 = (b_1 - a_0) / 2u;
        var tmp12 = 0u;
        loop {
            h_3 = h_3 + 1u;
            continuing {
                let tmp14 = tmp12 == tmp13;
                tmp12 += 1u;
                break if tmp14;
            }
        }
    }
    return h_3;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = for_step_by_0(b0[i], veda.u0, veda.u1);
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
