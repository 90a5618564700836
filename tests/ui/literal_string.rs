#[veda::kernel]
fn k(x: f32) -> f32 { "text"; x }

fn main() {}
