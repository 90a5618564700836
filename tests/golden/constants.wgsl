// constants > collect
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
@group(0) @binding(2) var<storage, read> b1: array<u32>;
@group(0) @binding(3) var<storage, read_write> veda_out: array<VedaT>;

fn veda_is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn veda_min_f32(a: f32, b: f32) -> f32 {
    return select(select(b, a, a < b || veda_is_nan(b)), b, veda_is_nan(a));
}

fn veda_max_f32(a: f32, b: f32) -> f32 {
    return select(select(b, a, a > b || veda_is_nan(b)), b, veda_is_nan(a));
}

fn constants_0(x_0: f32, n_1: u32) -> f32 {
    let big_2: f32 = veda_max_f32(veda_min_f32(x_0, bitcast<f32>(0x7f800000u)), bitcast<f32>(0xff800000u)) + 3.4028235e38f - 1.1754944e-38f;
    var hole_3: f32;
    if (n_1 == 65280u) {
        hole_3 = bitcast<f32>(0x7fc00000u);
    } else {
        let tmp1 = 1.5f;
        hole_3 = tmp1 * 6.2831855f;
    }
    let tmp2 = i32(-2147483648);
    let tmp3 = 4294967295u;
    let ints_4: i32 = tmp2 + 2147483647i - i32(n_1) + i32(tmp3 / 2u) + i32(-2147483648);
    let tmp4 = 1e30f;
    return big_2 + hole_3 + f32(ints_4) + bitcast<f32>(0x000116c2u) - (-0.0f) + tmp4 * 16777216.0f;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = constants_0(b0[i], b1[i]);
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
