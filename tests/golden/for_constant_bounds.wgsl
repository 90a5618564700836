// for_constant_bounds > collect
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

fn for_constant_bounds_0(x_0: i32) -> i32 {
    var h_1: i32 = x_0;
    let tmp3 = (-3i);
    if (tmp3 <= (-1i)) {
        let tmp2 = u32((-1i)) - u32(tmp3);
        var tmp1 = 0u;
        loop {
            let i_2: i32 = (-1i) - i32(tmp1);
            h_1 = h_1 * 31i + i_2;
            continuing {
                let tmp4 = tmp1 == tmp2;
                tmp1 += 1u;
                break if tmp4;
            }
        }
    }
    let tmp7 = 9i;
    if (tmp7 <= 4i) {
        let tmp6 = u32(4i) - u32(tmp7);
        var tmp5 = 0u;
        loop {
            let i_3: i32 = 4i - i32(tmp5);
            h_1 = h_1 * 31i + i_3;
            continuing {
                let tmp8 = tmp5 == tmp6;
                tmp5 += 1u;
                break if tmp8;
            }
        }
    }
    let tmp11 = i32(-2147483648);
    if (tmp11 <= 2147483647i) {
        let tmp10 = (u32(2147483647i) - u32(tmp11)) / 1u;
        var tmp9 = 0u;
        loop {
            let i_4: i32 = tmp11 + i32(tmp9 * 1u);
            h_1 = h_1 ^ i_4;
            if (i_4 == 9i) {
                break;
            }
            continuing {
                let tmp12 = tmp9 == tmp10;
                tmp9 += 1u;
                break if tmp12;
            }
        }
    }
    let tmp15 = 2i;
    if (tmp15 <= 2147483647i) {
        let tmp14 = u32(2147483647i) - u32(tmp15);
        var tmp13 = 0u;
        loop {
            let i_5: i32 = tmp15 + i32(tmp13);
            h_1 = h_1 ^ i_5;
            continuing {
                let tmp16 = tmp13 == tmp14;
                tmp13 += 1u;
                break if tmp16;
            }
        }
    }
    return h_1;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = for_constant_bounds_0(b0[i]);
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
