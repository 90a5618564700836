// builtins_int (Collect)
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
@group(0) @binding(3) var<storage, read_write> veda_out: array<VedaT>;
fn veda_divisor_i32(a: i32, b: i32) -> i32 {
    return select(b, 1i, b == 0i || (b == -1i && a == i32(-2147483648)));
}

fn veda_rem_i32(a: i32, b: i32) -> i32 {
    let d = veda_divisor_i32(a, b);
    return a - d * (a / d);
}

fn veda_rem_euclid_i32(a: i32, b: i32) -> i32 {
    let r = veda_rem_i32(a, b);
    return select(r, r + abs(b), r < 0i);
}

fn veda_saturating_add_i32(a: i32, b: i32) -> i32 {
    let s = a + b;
    return select(s, select(2147483647i, i32(-2147483648), a < 0i), ((a ^ s) & (b ^ s)) < 0i);
}

fn builtins_int_0(a_0: i32, b_1: i32) -> i32 {
    return min(abs(a_0), b_1) + veda_saturating_add_i32(a_0, b_1) + veda_rem_euclid_i32(a_0, b_1) + i32(countOneBits(u32(a_0)) + countLeadingZeros(u32(a_0)));
}
fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = builtins_int_0(b0[i], b1[i]);
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
