#[veda::kernel]
fn k(x: String) -> f32 { 1.0 }

fn main() {}
