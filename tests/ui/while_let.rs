#[veda::kernel]
fn k(x: u32) -> u32 { while let 1 = x { } x }

fn main() {}
