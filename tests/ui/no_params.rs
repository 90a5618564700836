#[veda::kernel]
fn k() -> f32 { 1.0 }

fn main() {}
