#[veda::kernel]
fn k<T>(x: T) -> f32 { 1.0 }

fn main() {}
