// double > positive > double > collect
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
@group(0) @binding(2) var<storage, read_write> veda_out: array<VedaT>;
@group(0) @binding(3) var<storage, read_write> veda_sparse: array<VedaT>;
@group(0) @binding(4) var<storage, read_write> veda_counts: array<u32>;

fn double_0(x_0: f32) -> f32 {
    return x_0 * 2.0f;
}

fn positive_1(x_0: f32) -> bool {
    return x_0 > 0.0f;
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = double_0(b0[i]);
    if (!(positive_1(s0))) {
        *keep = false;
        return VedaT();
    }
    let s2 = double_0(s0);
    return s2;
}

// Stream compaction in input order: three dispatches over the same bindings.
var<workgroup> veda_ranks: array<u32, 256>;

// Inclusive scan of one value per invocation (Hillis and Steele, CACM 29(12), 1986).
fn veda_scan(lane: u32, value: u32) -> u32 {
    veda_ranks[lane] = value;
    workgroupBarrier();
    for (var stride = 1u; stride < 256u; stride = stride * 2u) {
        var left = 0u;
        if (lane >= stride) {
            left = veda_ranks[lane - stride];
        }
        workgroupBarrier();
        veda_ranks[lane] = veda_ranks[lane] + left;
        workgroupBarrier();
    }
    return veda_ranks[lane];
}

// 1: the survivors of each tile of 256 elements move to its front; their number goes to veda_counts.
@compute @workgroup_size(256)
fn veda_survivors(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = group.y * groups.x + group.x;
    let i = tile * 256u + lane;
    var keep = i < veda.n;
    var x: VedaT;
    if (keep) {
        x = veda_element(i, &keep);
    }
    let rank = veda_scan(lane, select(0u, 1u, keep));
    if (keep) {
        veda_sparse[tile * 256u + rank - 1u] = x;
    }
    if (lane == 255u && tile * 256u < veda.n) {
        veda_counts[tile + 1u] = rank;
    }
}

// 2: one workgroup turns the counts into the position of each tile's first survivor; veda_counts[0] is the total.
@compute @workgroup_size(256)
fn veda_offsets(@builtin(local_invocation_index) lane: u32) {
    let tiles = (veda.n + 255u) / 256u;
    let share = (tiles + 255u) / 256u;
    let first = min(lane * share, tiles);
    let last = min(first + share, tiles);
    var sum = 0u;
    for (var t = first; t < last; t++) {
        sum = sum + veda_counts[t + 1u];
    }
    let end = veda_scan(lane, sum);
    var position = end - sum;
    for (var t = first; t < last; t++) {
        let count = veda_counts[t + 1u];
        veda_counts[t + 1u] = position;
        position = position + count;
    }
    if (lane == 255u) {
        veda_counts[0] = end;
    }
}

// 3: each survivor goes to its place.
@compute @workgroup_size(256)
fn veda_gather(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = group.y * groups.x + group.x;
    let tiles = (veda.n + 255u) / 256u;
    if (tile < tiles) {
        let first = veda_counts[tile + 1u];
        var last = veda_counts[0];
        if (tile + 1u < tiles) {
            last = veda_counts[tile + 2u];
        }
        if (lane < last - first) {
            veda_out[first + lane] = veda_sparse[tile * 256u + lane];
        }
    }
}
