#[veda::kernel]
fn k(x: f32) -> f32 { x * std::f64::consts::PI }

fn main() {}
