use veda::{Array, Graph};

#[veda::kernel]
fn square(x: f32) -> f32 { x * x }

fn main() {
    let mut g = Graph::new();
    let counts = g.input(&Array::from(vec![1u32]));
    let _ = g.apply(square::on(&counts));
}
