// match_guard_with_statements > collect
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

fn match_guard_with_statements_0(x_0: u32) -> u32 {
    if (x_0 == 3u) {
        return 1u;
    } else {
        let n_1 = x_0;
        var k_2: u32 = n_1;
        while (k_2 > 9u) {
            k_2 = k_2 / 10u;
        }
        if (k_2 == 4u) {
            return 2u;
        } else if (x_0 == 5u) {
            return 3u;
        } else {
            return 4u;
        }
    }
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = match_guard_with_statements_0(b0[i]);
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
