#[veda::kernel]
fn k(x: f32) -> f32 { let p = Point { x }; x }

fn main() {}
