#[veda::kernel(fast)]
fn k(x: f32) -> f32 { x }

fn main() {}
