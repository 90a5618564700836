#[veda::kernel]
fn k(x: u32) -> u32 { (x as u8) as u32 }

fn main() {}
