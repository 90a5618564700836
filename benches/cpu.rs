//! The CPU path of kernels against the same loops written with Rayon and the standard library's math.
//!
//! `cargo bench --bench cpu` (`VEDA_BENCH_QUICK=1`: tables only, from few rounds). Below 1.00 veda is faster.

mod support;

use std::hint::black_box;

use criterion::Criterion;
use support::kernels::{
    ITERATIONS, mandelbrot, mandelbrot_512, plain, polynomial, saxpy, saxpy2, sin_exp, square, unsharp,
};
use support::{Mode, compare, head, row, time};
use veda::prelude::{Config, GpuKernel, Place};

/// Elements of the one-dimensional workloads: 4 MiB, beyond L2.
const N: usize = 1 << 20;
/// And what fits L2.
const SMALL: usize = 1 << 14;
/// Side of the two-dimensional ones.
const SIDE: usize = 512;

/// The peer: Rayon.
mod peer {
    use super::{ITERATIONS, SIDE, plain};
    use rayon::prelude::*;

    pub fn map(xs: &[f32], f: impl Fn(f32) -> f32 + Sync) -> Vec<f32> {
        xs.par_iter().map(|&x| f(x)).collect()
    }
    pub fn saxpy(x: &[f32], y: &[f32]) -> Vec<f32> {
        x.par_iter().zip(y).map(|(&x, &y)| plain::saxpy(2.0, x, y)).collect()
    }
    pub fn sum(xs: &[f32]) -> f32 {
        xs.par_iter().sum()
    }
    pub fn map_sum(xs: &[f32], f: impl Fn(f32) -> f32 + Sync) -> f32 {
        xs.par_iter().map(|&x| f(x)).sum()
    }
    pub fn mandelbrot() -> Vec<u32> {
        (0..SIDE * SIDE)
            .into_par_iter()
            .map(|i| plain::mandelbrot(i % SIDE, i / SIDE, SIDE, SIDE, ITERATIONS))
            .collect()
    }
    pub fn unsharp(src: &[f32]) -> Vec<f32> {
        (0..SIDE * SIDE).into_par_iter().map(|i| plain::unsharp(src, i % SIDE, i / SIDE, SIDE, SIDE, 0.6)).collect()
    }
}

/// veda: chains on parallel iterators.
mod chains {
    use veda::prelude::*;

    pub fn map<'a>(xs: &'a [f32], f: impl Fn(&'a f32) -> f32 + Sync + Send) -> Vec<f32> {
        xs.par_iter().map(f).collect()
    }
    pub fn map_sum<'a>(xs: &'a [f32], f: impl Fn(&'a f32) -> f32 + Sync + Send) -> f32 {
        xs.par_iter().map(f).sum()
    }
    pub fn saxpy(x: &[f32], y: &[f32]) -> Vec<f32> {
        x.par_iter().zip(y).map(super::saxpy2).collect()
    }
    pub fn sum(xs: &[f32]) -> f32 {
        xs.par_iter().sum()
    }
    pub fn mandelbrot() -> Vec<u32> {
        (0u32..(super::SIDE * super::SIDE) as u32).into_par_iter().map(super::mandelbrot_512).collect()
    }
}

/// Runs a bound kernel on the CPU pool.
fn on_cpu<K: GpuKernel>(kernel: K) -> K::Output {
    veda::gpu::execute(kernel.on_device(Place::Cpu)).expect("lengths fit")
}

fn main() {
    let mode = Mode::get();
    veda::init_with_config(Config::builder().enable_gpu(false).build()).expect("default settings are valid");
    println!("instruction set of the loops: {:?}, {} threads", veda::kernel::isa::level(), veda::current_num_threads());
    for n in [SMALL, N] {
        table(mode, n);
    }
    if mode == Mode::Full {
        let mut criterion = Criterion::default().configure_from_args();
        statistics(&mut criterion);
        criterion.final_summary();
    }
}

/// One row: Rayon, the chain (where there is one), `execute`.
fn line<'a>(
    mode: Mode,
    name: &str,
    peer: &'a mut dyn FnMut(),
    chain: Option<&'a mut dyn FnMut()>,
    execute: Option<&'a mut dyn FnMut()>,
) {
    let (has_chain, has_execute) = (chain.is_some(), execute.is_some());
    let mut candidates: Vec<&mut dyn FnMut()> = vec![peer];
    candidates.extend(chain);
    candidates.extend(execute);
    let times = compare(mode, &mut candidates);
    let mut rest = times[1..].iter();
    let mut cells = |has: bool| match rest.next().filter(|_| has) {
        Some(t) => {
            (time(t.median), format!("{:.2}", t.median / times[0].median), format!("{:.2}", t.min / times[0].min))
        }
        None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
    };
    let chain = if has_chain { cells(true) } else { ("-".into(), "-".into(), "-".into()) };
    let execute = if has_execute { cells(true) } else { ("-".into(), "-".into(), "-".into()) };
    row(&[&name, &time(times[0].median), &chain.0, &chain.1, &chain.2, &execute.0, &execute.1, &execute.2]);
}

fn table(mode: Mode, n: usize) {
    let x: Vec<f32> = (0..n).map(|i| i as f32 * (8.0 / n as f32)).collect();
    let y: Vec<f32> = (0..n).map(|i| (i % 1000) as f32).collect();
    head(
        &format!("CPU path against Rayon, {n} elements"),
        &["workload", "Rayon", "chain", "ratio", "of minima", "execute on CPU", "ratio", "of minima"],
    );
    line(
        mode,
        "saxpy",
        &mut || drop(black_box(peer::saxpy(&x, &y))),
        Some(&mut || drop(black_box(chains::saxpy(&x, &y)))),
        Some(&mut || drop(black_box(on_cpu(saxpy::on(2.0, &x, &y))))),
    );
    line(
        mode,
        "8-term polynomial",
        &mut || drop(black_box(peer::map(&x, plain::polynomial))),
        Some(&mut || drop(black_box(chains::map(&x, polynomial)))),
        Some(&mut || drop(black_box(on_cpu(polynomial::on(&x))))),
    );
    line(
        mode,
        "sin * exp",
        &mut || drop(black_box(peer::map(&x, plain::sin_exp))),
        Some(&mut || drop(black_box(chains::map(&x, sin_exp)))),
        Some(&mut || drop(black_box(on_cpu(sin_exp::on(&x))))),
    );
    line(
        mode,
        "sum of sin * exp",
        &mut || _ = black_box(peer::map_sum(&x, plain::sin_exp)),
        Some(&mut || _ = black_box(chains::map_sum(&x, sin_exp))),
        None,
    );
    line(
        mode,
        "sum of squares",
        &mut || _ = black_box(peer::map_sum(&x, |x| x * x)),
        Some(&mut || _ = black_box(chains::map_sum(&x, square))),
        None,
    );
    line(mode, "sum", &mut || _ = black_box(peer::sum(&x)), Some(&mut || _ = black_box(chains::sum(&x))), None);
    if n == N {
        let src = &y[..SIDE * SIDE];
        let side = SIDE as u32;
        line(
            mode,
            "Mandelbrot 512 x 512, 256 iterations",
            &mut || drop(black_box(peer::mandelbrot())),
            Some(&mut || drop(black_box(chains::mandelbrot()))),
            Some(&mut || drop(black_box(on_cpu(mandelbrot::on(side, side, ITERATIONS).over([side, side]))))),
        );
        line(
            mode,
            "unsharp mask 512 x 512",
            &mut || drop(black_box(peer::unsharp(src))),
            None,
            Some(&mut || drop(black_box(on_cpu(unsharp::on(src, side, side, 0.6).over([side, side]))))),
        );
    }
}

/// The same for criterion, which keeps a history under `target/criterion`.
fn statistics(c: &mut Criterion) {
    let x: Vec<f32> = (0..N).map(|i| i as f32 * (8.0 / N as f32)).collect();
    let y = vec![1.0f32; N];
    let side = SIDE as u32;
    let mut group = c.benchmark_group("cpu");
    group.sample_size(20);
    group.bench_function("saxpy/rayon", |b| b.iter(|| peer::saxpy(&x, &y)));
    group.bench_function("saxpy/veda", |b| b.iter(|| on_cpu(saxpy::on(2.0, &x, &y))));
    group.bench_function("polynomial/rayon", |b| b.iter(|| peer::map(&x, plain::polynomial)));
    group.bench_function("polynomial/veda", |b| b.iter(|| chains::map(&x, polynomial)));
    group.bench_function("sin_exp/rayon", |b| b.iter(|| peer::map(&x, plain::sin_exp)));
    group.bench_function("sin_exp/veda", |b| b.iter(|| chains::map(&x, sin_exp)));
    group.bench_function("mandelbrot/rayon", |b| b.iter(peer::mandelbrot));
    group.bench_function("mandelbrot/veda", |b| {
        b.iter(|| on_cpu(mandelbrot::on(side, side, ITERATIONS).over([side, side])));
    });
    group.bench_function("unsharp/rayon", |b| b.iter(|| peer::unsharp(&y[..SIDE * SIDE])));
    group.bench_function("unsharp/veda", |b| {
        b.iter(|| on_cpu(unsharp::on(&y[..SIDE * SIDE], side, side, 0.6).over([side, side])));
    });
    group.finish();
}
