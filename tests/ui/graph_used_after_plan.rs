use veda::{Array, Graph};

fn main() {
    let array = Array::from(vec![1.0f32]);
    let mut g = Graph::new();
    let x = g.input(&array);
    g.output(&x);
    let _plan = g.plan();
    let _ = g.sum(&x);
    let _elements = array.into_vec();
    let _ = Graph::new().input(&array);
}
