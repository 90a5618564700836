#[veda::kernel]
fn k(x: f32) -> f32 { helper(x) }
fn helper(x: f32) -> f32 { x }

fn main() {}
