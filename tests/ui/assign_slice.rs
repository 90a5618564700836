#[veda::kernel]
fn k(x: &[f32]) -> f32 { x[0] = 1.0; x[0] }

fn main() {}
