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
