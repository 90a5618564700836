#[veda::kernel]
fn k(x: u32) -> u32 { if x == 0 { 0 } else { k(x - 1) } }

fn main() {}
