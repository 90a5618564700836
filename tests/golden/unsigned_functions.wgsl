// unsigned_functions > collect
alias VedaT = u32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
    u0: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<u32>;
@group(0) @binding(2) var<storage, read> b1: array<u32>;
@group(0) @binding(3) var<storage, read_write> veda_out: array<VedaT>;

fn veda_div_u32(a: u32, b: u32) -> u32 {
    return a / select(b, 1u, b == 0u);
}

fn veda_rem_u32(a: u32, b: u32) -> u32 {
    return a % select(b, 1u, b == 0u);
}

fn veda_pow_u32(x: u32, n: u32) -> u32 {
    var base = x;
    var left = n;
    var r = 1u;
    while (left != 0u) {
        if ((left & 1u) != 0u) {
            r *= base;
        }
        left >>= 1u;
        base *= base;
    }
    return r;
}

fn veda_saturating_add_u32(a: u32, b: u32) -> u32 {
    let s = a + b;
    return select(s, 0xffffffffu, s < a);
}

fn veda_saturating_sub_u32(a: u32, b: u32) -> u32 {
    return select(a - b, 0u, a < b);
}

fn veda_abs_diff_u32(a: u32, b: u32) -> u32 {
    return max(a, b) - min(a, b);
}

fn unsigned_functions_0(x_0: u32, y_1: u32, n_2: u32) -> u32 {
    let a_3: u32 = min(x_0, y_1) + max(x_0, y_1) + min(max(x_0, 3u), y_1) + veda_rem_u32(x_0, y_1) + veda_div_u32(x_0, y_1) + veda_pow_u32(x_0, 3u) + (0u - x_0);
    let b_4: u32 = ((veda_saturating_add_u32(x_0, y_1) ^ veda_saturating_sub_u32(x_0, y_1)) ^ veda_abs_diff_u32(x_0, y_1)) ^ u32((countOneBits(x_0) == 1u));
    return a_3 + b_4 + veda_saturating_sub_u32(n_2, 5u) + u32((countOneBits(n_2) == 1u));
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = unsigned_functions_0(b0[i], b1[i], veda.u0);
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
