// for_inclusive > collect
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

fn for_inclusive_0(a_0: i32, b_1: i32) -> i32 {
    var sum_2: i32 = 0i;
    if (a_0 <= b_1) {
        let tmp2 = u32(b_1) - u32(a_0);
        var tmp1 = 0u;
        loop {
            let i_3: i32 = a_0 + i32(tmp1);
            sum_2 = sum_2 ^ i_3;
            continuing {
                let tmp3 = tmp1 == tmp2;
                tmp1 += 1u;
                break if tmp3;
            }
        }
    }
    for (var i_4: i32 = 1i; i_4 <= 8i; i_4 += 1i) {
        sum_2 = sum_2 + i_4;
    }
    return sum_2;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = for_inclusive_0(b0[i], veda.u0);
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
