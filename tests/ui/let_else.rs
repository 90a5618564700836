#[veda::kernel]
fn k(x: u32) -> u32 { let 1 = x else { return 0 }; x }

fn main() {}
