#[veda::kernel]
fn k(x: f32) -> f32 { let (a, b) = x.sin_cos(); a }

fn main() {}
