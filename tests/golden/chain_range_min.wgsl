// hash > min
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
@group(0) @binding(1) var<storage, read_write> veda_out: array<VedaT>;

fn hash_0(n_0: u32) -> u32 {
    return (n_0 * 2654435769u) ^ (n_0 >> 15u);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = hash_0((u32(veda.base + i) + veda.u0));
    return s0;
}

fn veda_combine(a: VedaT, b: VedaT) -> VedaT {
    return min(a, b);
}
fn veda_identity() -> VedaT {
    return 4294967295u;
}
const VEDA_ORDERED = false;

// A tile of 256 x 16 elements becomes one partial result. Operators that commute read with stride 256 (neighbouring
// invocations read neighbouring elements); others give each invocation 16 neighbours. Either way the tree over the
// invocations combines neighbours only, left operand first.
var<workgroup> veda_tile: array<VedaT, 256>;

@compute @workgroup_size(256)
fn veda_reduce(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = group.y * groups.x + group.x;
    let first = tile * 4096u;
    var sum = veda_identity();
    for (var k = 0u; k < 16u; k++) {
        let i = first + select(k * 256u + lane, lane * 16u + k, VEDA_ORDERED);
        if (i < veda.n) {
            var keep = true;
            let x = veda_element(i, &keep);
            if (keep) {
                sum = veda_combine(sum, x);
            }
        }
    }
    veda_tile[lane] = sum;
    for (var stride = 1u; stride < 256u; stride = stride * 2u) {
        workgroupBarrier();
        if (lane % (stride * 2u) == 0u) {
            veda_tile[lane] = veda_combine(veda_tile[lane], veda_tile[lane + stride]);
        }
    }
    if (lane == 0u && first < veda.n) {
        veda_out[tile] = veda_tile[0];
    }
}
