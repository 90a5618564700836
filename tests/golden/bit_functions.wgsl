// bit_functions > collect
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
@group(0) @binding(2) var<storage, read> b1: array<i32>;
@group(0) @binding(3) var<storage, read_write> veda_out: array<VedaT>;

fn veda_rotate_left(x: u32, n: u32) -> u32 {
    return (x << (n & 31u)) | (x >> ((32u - n) & 31u));
}

fn veda_rotate_right(x: u32, n: u32) -> u32 {
    return (x >> (n & 31u)) | (x << ((32u - n) & 31u));
}

fn veda_swap_bytes(x: u32) -> u32 {
    return (x << 24u) | ((x & 0xff00u) << 8u) | ((x >> 8u) & 0xff00u) | (x >> 24u);
}

fn bit_functions_0(x_0: u32, y_1: i32) -> u32 {
    let a_2: u32 = countOneBits(x_0) + countOneBits(~x_0) + countLeadingZeros(x_0) + countTrailingZeros(x_0);
    let b_3: u32 = countOneBits(u32(y_1)) + countOneBits(~u32(y_1)) + countLeadingZeros(u32(y_1)) + countTrailingZeros(u32(y_1));
    let c_4: u32 = ((veda_rotate_left(x_0, 5u) ^ veda_rotate_right(x_0, 7u)) ^ reverseBits(x_0)) ^ veda_swap_bytes(x_0);
    let d_5: i32 = ((i32(veda_rotate_left(u32(y_1), 5u)) ^ i32(veda_rotate_right(u32(y_1), 7u))) ^ reverseBits(y_1)) ^ i32(veda_swap_bytes(u32(y_1)));
    return a_2 + b_3 + c_4 + u32(d_5);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = bit_functions_0(b0[i], b1[i]);
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
