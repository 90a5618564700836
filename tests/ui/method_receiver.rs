struct S(f32);

impl S {
    #[veda::kernel]
    fn k(&self, x: f32) -> f32 {
        self.0 * x
    }
}

fn main() {}
