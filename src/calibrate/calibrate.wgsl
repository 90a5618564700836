// Micro-benchmarks of one device. Every entry shares the interface; results are stored so that nothing is dead.
struct Params { n: u32, trips: u32, mask: u32, row: u32, one: f32, two: f32, three: u32, pad: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> target_: array<u32>;

var<workgroup> partial: array<u32, 256>;

fn element(id: vec3<u32>) -> u32 { return id.y * params.row + id.x; }

@compute @workgroup_size(64)
fn idle(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x == 0u && params.n == 0u) { target_[0] = 1u; }
}

@compute @workgroup_size(256)
fn stream(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = element(id);
    if (i < params.n) { target_[i] = source[i] + 1u; }
}

@compute @workgroup_size(256)
fn reduce(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) local: u32,
          @builtin(workgroup_id) group: vec3<u32>) {
    var sum = 0u;
    let first = (group.y * (params.row >> 8u) + group.x) * 2048u + local;
    for (var k = 0u; k < 8u; k++) {
        let i = first + k * 256u;
        if (i < params.n) { sum += source[i]; }
    }
    partial[local] = sum;
    workgroupBarrier();
    for (var width = 128u; width > 0u; width >>= 1u) {
        if (local < width) { partial[local] += partial[local + width]; }
        workgroupBarrier();
    }
    if (local == 0u && first < params.n) { target_[first >> 11u] = partial[0]; }
}

@compute @workgroup_size(256)
fn gather(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = element(id);
    if (i * 8u >= params.n) { return; }
    var sum = 0u;
    for (var k = 0u; k < 8u; k++) { sum += source[(((i * 8u + k) * 0x9e3779b1u) >> 4u) & params.mask]; }
    target_[i] = sum;
}

// A stream with `trips` rounds of arithmetic between load and store. With a small `mask` the loads stay in the caches and
// (nearly) nothing is stored: thousands of invocations that write the same lines would be slower than a stream.
@compute @workgroup_size(256)
fn mixed(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = element(id);
    if (i >= params.n) { return; }
    var x = source[i & params.mask]; var y = params.three;
    for (var t = 0u; t < params.trips; t++) { x = x + y; y = y ^ x; x = x * 5u; y = y + x; }
    if (params.mask >= params.n - 1u || (x ^ y) == params.pad) { target_[i] = x ^ y; }
}

fn keep_f(id: vec3<u32>, v: vec4<f32>) { target_[id.x & params.mask] = bitcast<u32>(v.x + v.y + v.z + v.w); }
fn keep_u(id: vec3<u32>, v: vec4<u32>) { target_[id.x & params.mask] = v.x ^ v.y ^ v.z ^ v.w; }

@compute @workgroup_size(64)
fn op_add(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = vec4<f32>(params.one); var y = vec4<f32>(params.two);
    for (var t = 0u; t < params.trips; t++) { x = x + y; y = y - x; x = x + y; y = y - x; }
    keep_f(id, x + y);
}
@compute @workgroup_size(64)
fn op_mul(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = vec4<f32>(params.one); var y = vec4<f32>(params.one);
    for (var t = 0u; t < params.trips; t++) { x = x * y; y = y * x; x = x * y; y = y * x; }
    keep_f(id, x + y);
}
@compute @workgroup_size(64)
fn op_div(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = vec4<f32>(params.one); var y = vec4<f32>(params.two);
    for (var t = 0u; t < params.trips; t++) { x = y / x; y = x / y; x = y / x; y = x / y; }
    keep_f(id, x + y);
}
@compute @workgroup_size(64)
fn op_sqrt(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = vec4<f32>(params.one); var y = vec4<f32>(params.two);
    for (var t = 0u; t < params.trips; t++) { x = sqrt(x); y = sqrt(y); x = sqrt(x); y = sqrt(y); }
    keep_f(id, x + y);
}
@compute @workgroup_size(64)
fn op_int(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = vec4<u32>(id.x); var y = vec4<u32>(params.three);
    for (var t = 0u; t < params.trips; t++) { x = x + y; y = y ^ x; x = x + y; y = y ^ x; }
    keep_u(id, x + y);
}
@compute @workgroup_size(64)
fn op_int_div(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = vec4<u32>(id.x); let d = vec4<u32>(max(params.three, 1u));
    for (var t = 0u; t < params.trips; t++) { x = ~(x / d); x = ~(x / d); }
    keep_u(id, x);
}
@compute @workgroup_size(64)
fn op_select(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = vec4<f32>(f32(id.x)); var y = vec4<f32>(params.two);
    let a = vec4<f32>(params.one); let b = vec4<f32>(params.two);
    for (var t = 0u; t < params.trips; t++) { x = select(a, y, x < y); y = select(b, x, y < a); }
    keep_f(id, x + y);
}
@compute @workgroup_size(64)
fn op_cast(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = vec4<f32>(f32(id.x & 1023u)); let a = vec4<f32>(params.one * 0.75);
    for (var t = 0u; t < params.trips; t++) { x = vec4<f32>(vec4<i32>(x)) + a; x = vec4<f32>(vec4<i32>(x)) - a; }
    keep_f(id, x);
}
@compute @workgroup_size(64)
fn op_load(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = vec4<u32>(id.x);
    for (var t = 0u; t < params.trips; t++) {
        x += vec4<u32>(source[(id.x + t) & params.mask], source[(id.x + t + 64u) & params.mask],
                       source[(id.x + t + 128u) & params.mask], source[(id.x + t + 192u) & params.mask]);
    }
    keep_u(id, x);
}
@compute @workgroup_size(64)
fn op_branch(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = id.x; var y = params.three;
    for (var t = 0u; t < params.trips; t++) {
        if ((x & 1u) == 0u) { x = (x ^ y) * 5u; } else { y = y + x; x = x >> 1u; }
        if ((y & 2u) == 0u) { y = (y ^ x) * 3u; } else { x = x + y; y = y >> 1u; }
    }
    keep_u(id, vec4<u32>(x, y, 0u, 0u));
}

fn special(v: vec4<f32>) -> vec4<f32> {
    let x = -v;
    let n = floor(x * 1.442695 + 0.5);
    let r = (x - n * 0.6933594) - n * -2.1219444e-4;
    var p = vec4<f32>(1.9875691e-4);
    p = p * r + 1.3981999e-3; p = p * r + 8.333452e-3; p = p * r + 4.1665796e-2;
    p = p * r + 1.6666665e-1; p = p * r + 5.0e-1;
    let y = p * (r * r) + r + 1.0;
    return y * bitcast<vec4<f32>>((vec4<i32>(n) + vec4<i32>(127)) << vec4<u32>(23u));
}
@compute @workgroup_size(64)
fn op_special(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = vec4<f32>(params.one);
    for (var t = 0u; t < params.trips; t++) { x = special(x); }
    keep_f(id, x);
}
