// for_step_by (Collect)
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
    let tmp3 = a_0;
    if (tmp3 < b_1) {
        let tmp4 = max(3u, 1u);
        let tmp2 = (u32(b_1) - u32(tmp3) - 1u) / tmp4;
        var tmp1 = 0u;
        loop {
            let i_4: u32 = tmp3 + tmp1 * tmp4;
            h_3 = h_3 * 31u + i_4;
            continuing {
                let tmp5 = tmp1 == tmp2;
                tmp1 += 1u;
                break if tmp5;
            }
        }
    }
    let tmp8 = a_0;
    if (tmp8 <= b_1) {
        let tmp9 = max(s_2, 1u);
        let tmp7 = (u32(b_1) - u32(tmp8)) / tmp9;
        var tmp6 = 0u;
        loop {
            let i_5: u32 = tmp8 + tmp6 * tmp9;
            h_3 = h_3 * 31u + i_5;
            continuing {
                let tmp10 = tmp6 == tmp7;
                tmp6 += 1u;
                break if tmp10;
            }
        }
    }
    let tmp13 = a_0;
    if (tmp13 < b_1) {
        let tmp14 = max(s_2, 1u);
        let tmp12 = (u32(b_1) - u32(tmp13) - 1u) / tmp14;
        var tmp11 = 0u;
        loop {
            let i_6: u32 = b_1 - 1u - tmp11 * tmp14;
            h_3 = h_3 * 31u + i_6;
            continuing {
                let tmp15 = tmp11 == tmp12;
                tmp11 += 1u;
                break if tmp15;
            }
        }
    }
    let tmp18 = a_0;
    if (tmp18 <= b_1) {
        let tmp19 = max(2u, 1u);
        let tmp17 = (u32(b_1) - u32(tmp18)) / tmp19;
        var tmp16 = 0u;
        loop {
            h_3 = h_3 + 1u;
            continuing {
                let tmp20 = tmp16 == tmp17;
                tmp16 += 1u;
                break if tmp20;
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
