#[veda::kernel]
struct S;

fn main() {}
