#[veda::kernel]
fn k(x: &[f32]) -> f32 { for y in x { } 0.0 }

fn main() {}
