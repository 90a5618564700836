#[veda::kernel]
fn k(x: f64) -> f32 { 1.0 }

fn main() {}
