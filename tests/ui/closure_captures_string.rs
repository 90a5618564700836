fn main() {
    let name = String::new();
    let _ = veda::kernel_fn!(|x: f32| -> f32 { x * name });
}
