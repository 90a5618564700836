#[veda::kernel]
fn k(x: f32) -> f32 { let y = &x; x }

fn main() {}
