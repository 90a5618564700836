// integer_functions > collect
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

fn veda_rem_euclid_i32(a: i32, b: i32) -> i32 {
    let r = veda_rem_i32(a, b);
    return select(r, r + abs(b), r < 0i);
}

fn veda_div_euclid_i32(a: i32, b: i32) -> i32 {
    let q = veda_div_i32(a, b);
    return select(q, select(q + 1i, q - 1i, b > 0i), veda_rem_i32(a, b) < 0i);
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

fn veda_saturating_add_i32(a: i32, b: i32) -> i32 {
    let s = a + b;
    return select(s, select(2147483647i, i32(-2147483648), a < 0i), ((a ^ s) & (b ^ s)) < 0i);
}

fn veda_saturating_sub_i32(a: i32, b: i32) -> i32 {
    let d = a - b;
    return select(d, select(2147483647i, i32(-2147483648), a < 0i), ((a ^ b) & (a ^ d)) < 0i);
}

fn veda_abs_diff_i32(a: i32, b: i32) -> u32 {
    return u32(max(a, b)) - u32(min(a, b));
}

fn integer_functions_0(x_0: i32, y_1: i32, k_2: u32) -> i32 {
    let a_3: i32 = abs(x_0) + sign(x_0) + min(x_0, y_1) + max(x_0, y_1) + min(max(x_0, (-9i)), y_1) + veda_rem_euclid_i32(x_0, y_1) + veda_div_euclid_i32(x_0, y_1) + i32(veda_pow_u32(u32(x_0), k_2));
    let b_4: i32 = ((((x_0 + y_1) ^ (x_0 - y_1)) ^ (x_0 * y_1)) ^ -x_0) ^ (x_0 << (k_2 & 31u));
    let c_5: i32 = (((x_0 >> (k_2 & 31u)) ^ veda_saturating_add_i32(x_0, y_1)) ^ veda_saturating_sub_i32(x_0, y_1)) ^ i32((veda_abs_diff_i32(x_0, y_1) ^ u32(abs(x_0))));
    return a_3 + b_4 + c_5;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = integer_functions_0(b0[i], b1[i], b2[i]);
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
