#[veda::kernel]
fn k(x: i32) -> i32 { x + 2i64 }

fn main() {}
