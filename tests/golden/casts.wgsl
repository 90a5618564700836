// casts > collect
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<f32>;
@group(0) @binding(2) var<storage, read> b1: array<i32>;
@group(0) @binding(3) var<storage, read> b2: array<u32>;
@group(0) @binding(4) var<storage, read> b3: array<u32>;
@group(0) @binding(5) var<storage, read_write> veda_out: array<VedaT>;

fn veda_is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn veda_f32_to_i32(x: f32) -> i32 {
    let y = i32(clamp(x, -2147483648.0f, 2147483520.0f));
    return select(select(y, 2147483647i, x >= 2147483648.0f), 0i, veda_is_nan(x));
}

fn veda_f32_to_u32(x: f32) -> u32 {
    let y = u32(clamp(x, 0.0f, 4294967040.0f));
    return select(select(y, 4294967295u, x >= 4294967296.0f), 0u, veda_is_nan(x));
}

fn casts_0(f_0: f32, i_1: i32, u_2: u32, n_3: u32, b_4: bool) -> f32 {
    let from_float_5: i32 = (veda_f32_to_i32(f_0) ^ i32(veda_f32_to_u32(f_0))) ^ i32(veda_f32_to_u32(f_0));
    let to_float_6: f32 = f32(i_1) + f32(u_2) + f32(n_3);
    let integers_7: u32 = (((u32(i_1) ^ u_2) ^ n_3) ^ u32(i_1)) ^ u_2;
    let bools_8: u32 = u32(b_4) + u32(i32(b_4)) + u32(b_4);
    return f32(from_float_5) + to_float_6 + f32(i32(integers_7) + i32(bools_8));
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = casts_0(b0[i], b1[i], b2[i], veda.u0, (b3[i] != 0u));
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
