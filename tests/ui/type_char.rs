#[veda::kernel]
fn k(x: char) -> u32 { 1 }

fn main() {}
