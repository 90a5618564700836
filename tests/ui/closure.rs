#[veda::kernel]
fn k(x: f32) -> f32 { let f = |y: f32| y; f(x) }

fn main() {}
