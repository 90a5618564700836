#[veda::kernel]
fn k(x: f32) -> f32 { println!("{x}"); x }

fn main() {}
