#[veda::kernel]
fn k(x: f32) -> f32 { unsafe { x } }

fn main() {}
