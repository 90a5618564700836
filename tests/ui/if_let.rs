#[veda::kernel]
fn k(x: u32) -> u32 { if let 1 = x { 0 } else { x } }

fn main() {}
