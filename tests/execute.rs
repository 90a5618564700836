//! `veda::gpu::execute` on whatever devices this machine has.

use veda::gpu::{GpuKernel, Place};

#[veda::kernel]
fn saxpy(a: f32, x: f32, y: f32) -> f32 {
    a * x + y
}

#[veda::kernel]
fn blur(id: veda::Index, src: &[f32], w: u32, h: u32) -> f32 {
    let mut sum = 0.0;
    for dy in 0..3u32 {
        for dx in 0..3u32 {
            let x = (id.x + dx).max(1).min(w) - 1;
            let y = (id.y + dy).max(1).min(h) - 1;
            sum += src[(y * w + x) as usize];
        }
    }
    sum / 9.0
}

#[test]
fn saxpy_runs() {
    let x: Vec<f32> = (0..10_000).map(|i| i as f32).collect();
    let y = vec![1.0f32; 10_000];
    let z: Vec<f32> = veda::gpu::execute(saxpy::on(2.0, &x, &y)).unwrap();
    assert!(z.iter().enumerate().all(|(i, &z)| z == 2.0 * i as f32 + 1.0));
    println!("{}", saxpy::on(2.0, &x, &y).wgsl());
}

#[test]
fn blur_runs() {
    let src: Vec<f32> = (0..64 * 48).map(|i| (i % 7) as f32).collect();
    let call = || blur::on(&src, 64, 48).over([64u32, 48]);
    let cpu = veda::gpu::execute(call().on_device(Place::Cpu)).unwrap();
    println!("{}", call().wgsl());
    let (auto, why) = veda::explain(|| veda::gpu::execute(call()).unwrap());
    println!("{why}");
    assert_eq!(cpu, auto);
}

#[veda::kernel]
fn steps(x: f32) -> f32 {
    x.sin() * (-x * x).exp() + x.abs().sqrt()
}

#[test]
fn math_agrees() {
    let x: Vec<f32> = (0..100_000).map(|i| i as f32 * 0.001 - 50.0).collect();
    let cpu = veda::gpu::execute(steps::on(&x).on_device(Place::Cpu)).unwrap();
    let (gpu, why) = veda::explain(|| veda::gpu::execute(steps::on(&x)).unwrap());
    println!("{why}");
    let worst = cpu.iter().zip(&gpu).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("worst {worst}");
    assert!(worst < 1e-6);
}

#[test]
fn twins_agree() {
    for report in veda::testing::check_all() {
        println!("{report}");
    }
}
