#[veda::kernel]
fn k(x: u32) -> u32 { match x { u32::MAX => 0, _ => x } }

fn main() {}
