#[veda::kernel]
fn k(x: f32) -> f32 { x * 2.0f64 }

fn main() {}
