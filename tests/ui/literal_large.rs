#[veda::kernel]
fn k(x: u32) -> u32 { x + 4294967296 }

fn main() {}
