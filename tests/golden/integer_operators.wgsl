// integer_operators > collect
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
@group(0) @binding(2) var<storage, read> b1: array<i32>;
@group(0) @binding(3) var<storage, read> b2: array<u32>;
@group(0) @binding(4) var<storage, read_write> veda_out: array<VedaT>;

fn veda_divisor_i32(a: i32, b: i32) -> i32 {
    return select(b, 1i, b == 0i || (b == -1i && a == i32(-2147483648)));
}

fn veda_div_i32(a: i32, b: i32) -> i32 {
    return a / veda_divisor_i32(a, b);
}

fn veda_rem_i32(a: i32, b: i32) -> i32 {
    let d = veda_divisor_i32(a, b);
    return a - d * (a / d);
}

fn veda_div_u32(a: u32, b: u32) -> u32 {
    return a / select(b, 1u, b == 0u);
}

fn integer_operators_0(a_0: i32, b_1: i32, u_2: u32) -> i32 {
    let q_3: i32 = veda_div_i32(a_0, b_1) + veda_rem_i32(a_0, b_1) + a_0 / 3i + veda_rem_i32(a_0, (-1i)) + veda_div_i32(a_0, 0i);
    let tmp1 = 33i;
    let s_4: i32 = (a_0 << (u_2 & 31u)) + (a_0 >> (u32(b_1) & 31u)) + (a_0 << (u32(tmp1) & 31u)) + (-a_0) + (~a_0);
    let z_5: i32 = i32(veda_div_u32(u_2, u_2 + 1u)) - i32(u_2 % 10u);
    return q_3 + s_4 + z_5 - a_0 * (b_1 - 2i) - (a_0 - b_1 - 1i);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = integer_operators_0(b0[i], b1[i], b2[i]);
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
