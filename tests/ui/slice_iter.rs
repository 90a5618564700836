#[veda::kernel]
fn k(x: &[f32]) -> f32 { x.iter(); 0.0 }

fn main() {}
