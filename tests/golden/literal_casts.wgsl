// literal_casts > collect
alias VedaT = u32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<u32>;
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn veda_is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn veda_f32_to_u32(x: f32) -> u32 {
    let y = u32(clamp(x, 0.0f, 4294967040.0f));
    return select(select(y, 4294967295u, x >= 4294967296.0f), 0u, veda_is_nan(x));
}

fn literal_casts_0(x_0: u32) -> u32 {
    let tmp1 = 3.9f;
    let tmp2 = (-1i);
    let tmp3 = true;
    let tmp4 = 300u;
    return x_0 + veda_f32_to_u32(tmp1) + u32(tmp2) + u32(tmp3) + veda_f32_to_u32(f32(tmp4));
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = literal_casts_0(b0[i]);
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
