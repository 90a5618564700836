use veda::{Array, Graph};

#[veda::kernel]
fn square(x: f32) -> f32 { x * x }

fn main() {
    let mut g = Graph::new();
    let x = g.input(&Array::from(vec![1.0f32]));
    let _ = veda::gpu::execute(square::on(&x));
}
