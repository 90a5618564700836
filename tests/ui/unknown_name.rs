#[veda::kernel]
fn k(width: u32) -> u32 { widht + 1 }

fn main() {}
