use veda::{Array, Graph};

#[veda::kernel]
fn is_large(x: f32) -> bool { x > 1.0 }

fn main() {
    let mut g = Graph::new();
    let x = g.input(&Array::from(vec![1.0f32]));
    let _ = g.repeat(2, &x, |g, x| g.apply(is_large::on(&x)));
}
