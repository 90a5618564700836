// match_arms > collect
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
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;

fn match_arms_0(x_0: i32) -> i32 {
    if ((x_0 == 0i) || (x_0 == 1i)) {
        return 10i;
    } else if (((x_0 >= 2i) && (x_0 <= 5i)) || (x_0 == 9i)) {
        return 20i;
    } else if (x_0 == (-7i)) {
        return 30i;
    } else if (x_0 >= 100i) {
        return 40i;
    } else {
        let n_1 = x_0;
        if ((n_1 % 2i) == 0i) {
            return n_1 / 2i;
        } else if (x_0 < (-1000i)) {
            return 50i;
        } else {
            let n_2 = x_0;
            return n_2 * 3i + 1i;
        }
    }
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = match_arms_0(b0[i]);
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
