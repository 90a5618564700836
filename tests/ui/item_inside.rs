#[veda::kernel]
fn k(x: f32) -> f32 { const K: f32 = 1.0; x * K }

fn main() {}
