#[veda::kernel]
fn k(x: &mut f32) -> f32 { *x }

fn main() {}
