// constant_operands > collect
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<f32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

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

fn constant_operands_0(tmp1: f32) -> f32 {
    let tmp2 = 1.0f;
    let tmp3 = 0.0f;
    let never_0: f32 = tmp2 / 0.0f + tmp3 * bitcast<f32>(0x7f800000u);
    let tmp4 = 2147483647i;
    let tmp5 = 7i;
    let tmp6 = 5i;
    let tmp7 = 1i;
    let tmp8 = 35i;
    let wraps_1: i32 = tmp4 + 1i + veda_div_i32(tmp5, 0i) + veda_rem_i32(tmp6, 0i) + (tmp7 << (u32(tmp8) & 31u));
    let tmp9 = bitcast<f32>(0x7f800000u);
    return never_0 + f32(wraps_1) + (-tmp9);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = constant_operands_0(b0[i]);
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
