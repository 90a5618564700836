#[veda::kernel]
fn k(x: f32) { }

fn main() {}
