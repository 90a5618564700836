// short_circuit > collect
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
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn veda_div_u32(a: u32, b: u32) -> u32 {
    return a / select(b, 1u, b == 0u);
}

fn short_circuit_0(x_0: u32, y_1: u32) -> bool {
    let plain_2: bool = ((x_0 > 1u) && (y_1 > 1u)) || (x_0 == y_1);
    var calls_3: i32 = 0i;
    var tmp1: bool = x_0 != 0u;
    if (tmp1) {
        calls_3 = calls_3 + 1i;
        tmp1 = veda_div_u32(100u, x_0) > y_1;
    }
    let both_4: bool = tmp1;
    var tmp2: bool = both_4;
    if (!tmp2) {
        calls_3 = calls_3 + 10i;
        tmp2 = y_1 == 3u;
    }
    let either_5: bool = tmp2;
    return (plain_2 && either_5) && (calls_3 < 11i);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = short_circuit_0(b0[i], veda.u0);
    return select(0u, 1u, s0);
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
