//! Hand-written WGSL beside its CPU twin: whichever device is expected to finish first runs it.
use std::borrow::Cow;

use veda::gpu::{Bindings, GpuKernel, Outputs, Pool};
use veda::prelude::*;

struct VectorAdd {
    a: Vec<f32>,
    b: Vec<f32>,
}

/// Must be the `@workgroup_size` of the shader.
const WORKGROUP: usize = 256;

impl GpuKernel for VectorAdd {
    type Output = Vec<f32>;

    fn wgsl(&self) -> Cow<'_, str> {
        r"
            @group(0) @binding(0) var<storage, read> a: array<f32>;
            @group(0) @binding(1) var<storage, read> b: array<f32>;
            @group(0) @binding(2) var<storage, read_write> result: array<f32>;

            @compute @workgroup_size(256)
            fn main(@builtin(global_invocation_id) global_id: vec3<u32>) {
                let idx = global_id.x;
                // The last workgroup is ragged unless the length is a multiple of 256.
                if (idx < arrayLength(&result)) {
                    result[idx] = a[idx] + b[idx];
                }
            }
        "
        .into()
    }

    fn bind<'a>(&'a self, b: &mut Bindings<'a>) {
        b.input(&self.a);
        b.input(&self.b);
        b.output::<f32>(self.a.len());
        b.workgroups([self.a.len().div_ceil(WORKGROUP) as u32, 1, 1]);
    }

    fn read(&self, mut out: Outputs) -> veda::Result<Vec<f32>> {
        out.take::<f32>(0)
    }

    fn cpu(&self, _: &Pool) -> veda::Result<Vec<f32>> {
        Ok(self.a.par_iter().zip(self.b.par_iter()).map(|(a, b)| a + b).collect())
    }
}

fn main() -> veda::Result<()> {
    veda::init()?;

    let a: Vec<f32> = (0..1_000_000).map(|x| x as f32).collect();
    let b: Vec<f32> = (0..1_000_000).map(|x| (x * 2) as f32).collect();

    // Automatically runs on GPU if beneficial
    let kernel = VectorAdd { a, b };
    let (result, why) = veda::explain(|| veda::gpu::execute(kernel));
    let result = result?;

    println!("First result: {}, last result: {}\n{why}", result[0], result[result.len() - 1]);
    Ok(())
}
