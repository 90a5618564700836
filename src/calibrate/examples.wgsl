// The kernels of `check`: the same arithmetic as the loops in `examples.rs`.
struct Params { n: u32, row: u32, pad0: u32, pad1: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

var<workgroup> partial: array<f32, 256>;

fn element(id: vec3<u32>) -> u32 { return id.y * params.row + id.x; }

@compute @workgroup_size(256)
fn sum(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
    var total = 0.0;
    let first = (group.y * (params.row >> 8u) + group.x) * 2048u + local;
    for (var k = 0u; k < 8u; k++) {
        let i = first + k * 256u;
        if (i < params.n) { total += x[i]; }
    }
    partial[local] = total;
    workgroupBarrier();
    for (var width = 128u; width > 0u; width >>= 1u) {
        if (local < width) { partial[local] += partial[local + width]; }
        workgroupBarrier();
    }
    if (local == 0u && first < params.n) { result[first >> 11u] = partial[0]; }
}

@compute @workgroup_size(256)
fn saxpy(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = element(id);
    if (i < params.n) { result[i] = 2.0 * x[i] + y[i]; }
}

@compute @workgroup_size(256)
fn root(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = element(id);
    if (i < params.n) { result[i] = sqrt(x[i] * x[i] + y[i] * y[i]) / (1.0 + x[i]); }
}

@compute @workgroup_size(256)
fn polynomial(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = element(id);
    if (i >= params.n) { return; }
    let v = x[i];
    var p = 0.01;
    p = p * v - 0.02; p = p * v + 0.03; p = p * v - 0.05; p = p * v + 0.08;
    p = p * v - 0.13; p = p * v + 0.21; p = p * v - 0.34; p = p * v + 0.55;
    result[i] = p;
}

@compute @workgroup_size(256)
fn decay(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = element(id);
    if (i >= params.n) { return; }
    let v = -x[i];
    let n = floor(v * 1.442695 + 0.5);
    let r = (v - n * 0.6933594) - n * -2.1219444e-4;
    var p = 1.9875691e-4;
    p = p * r + 1.3981999e-3; p = p * r + 8.333452e-3; p = p * r + 4.1665796e-2;
    p = p * r + 1.6666665e-1; p = p * r + 5.0e-1;
    result[i] = y[i] * (p * (r * r) + r + 1.0) * bitcast<f32>((i32(n) + 127) << 23u);
}

@compute @workgroup_size(256)
fn logistic(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = element(id);
    if (i >= params.n) { return; }
    var v = x[i];
    for (var k = 0u; k < 64u; k++) { v = 3.7 * v * (1.0 - v); }
    result[i] = v;
}
