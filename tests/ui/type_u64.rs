#[veda::kernel]
fn k(x: u64) -> u32 { 1 }

fn main() {}
