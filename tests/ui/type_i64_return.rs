#[veda::kernel]
fn k(x: u32) -> i64 { 1 }

fn main() {}
