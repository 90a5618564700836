#[veda::kernel]
fn k(x: f32) -> f32 { let v = vec![x]; x }

fn main() {}
