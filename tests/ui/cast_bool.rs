#[veda::kernel]
fn k(x: u32) -> u32 { (x as bool) as u32 }

fn main() {}
