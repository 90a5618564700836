use veda::{Array, Graph};

fn main() {
    let mut g = Graph::new();
    let flags = g.input(&Array::from(vec![true]));
    let _ = g.sum(&flags);
}
