// for_rev > collect
alias VedaT = i32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: i32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<i32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn for_rev_0(a_0: i32, b_1: i32) -> i32 {
    var h_2: i32 = 7i;
    var tmp1: i32 = b_1;
    while (tmp1 > a_0) {
        tmp1 -= 1i;
        let i_3: i32 = tmp1;
        h_2 = h_2 * 31i + i_3;
    }
    if (a_0 <= b_1) {
        let tmp3 = u32(b_1) - u32(a_0);
        var tmp2 = 0u;
        loop {
            let i_4: i32 = b_1 - i32(tmp2);
            h_2 = h_2 * 31i - i_4;
            continuing {
                let tmp4 = tmp2 == tmp3;
                tmp2 += 1u;
                break if tmp4;
            }
        }
    }
    return h_2;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = for_rev_0(b0[i], veda.u0);
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
