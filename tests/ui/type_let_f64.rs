#[veda::kernel]
fn k(x: f32) -> f32 { let y: f64 = 1.0; x }

fn main() {}
