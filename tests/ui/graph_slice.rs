use veda::Graph;

#[veda::kernel]
fn square(x: f32) -> f32 { x * x }

fn main() {
    let xs = vec![1.0f32];
    let mut g = Graph::new();
    let _ = g.apply(square::on(&xs));
}
