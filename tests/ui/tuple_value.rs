#[veda::kernel]
fn k(x: f32) -> f32 { let a = (x, x); x }

fn main() {}
