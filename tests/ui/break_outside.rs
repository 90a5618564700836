#[veda::kernel]
fn k(x: f32) -> f32 { break; x }

fn main() {}
