fn main() {
    let _ = veda::kernel_fn!(|x| -> f32 { x });
}
