#[veda::kernel]
fn k(x: &[f32]) -> f32 { let y = x; 0.0 }

fn main() {}
