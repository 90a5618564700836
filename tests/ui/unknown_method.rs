#[veda::kernel]
fn k(x: f32) -> f32 { x.flor() }

fn main() {}
