#[veda::kernel]
fn k(x: [f32; 4]) -> f32 { x[0] }

fn main() {}
