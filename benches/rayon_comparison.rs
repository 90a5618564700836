//! veda's pool and iterators against Rayon's, with plain closures.
//!
//! `cargo bench --bench rayon_comparison` (`VEDA_BENCH_QUICK=1`: the table only). Below 1.00 veda is faster.

mod support;

use std::hint::black_box;
use std::sync::mpsc;

use criterion::Criterion;
use support::{Mode, compare, head, row, time};

const N: usize = 1 << 20;
const TASKS: usize = 1000;

/// The two sides, written once: only the crate differs.
macro_rules! side {
    ($name:ident, $($prelude:tt)*) => {
        mod $name {
            use super::{TASKS, black_box};
            use $($prelude)*::*;

            pub fn range_sum(n: u64) -> u64 {
                (0..n).into_par_iter().map(|x| x * 2).sum()
            }
            pub fn slice_sum(xs: &[u64]) -> u64 {
                xs.par_iter().sum()
            }
            pub fn slice_sum_f64(xs: &[f64]) -> f64 {
                xs.par_iter().sum()
            }
            pub fn collect(xs: &[u64]) -> Vec<u64> {
                xs.par_iter().map(|x| x * 3 + 1).collect()
            }
            pub fn filter_collect(xs: &[u64]) -> Vec<u64> {
                xs.par_iter().copied().filter(|x| x % 3 == 0).collect()
            }
            pub fn for_each(xs: &mut [u64]) {
                xs.par_iter_mut().for_each(|x| *x = x.wrapping_mul(5) + 1);
            }
            pub fn fib(n: u32) -> u32 {
                if n < 2 {
                    return n;
                }
                let (a, b) = super::$name::join(n);
                a + b
            }
            pub fn tasks() {
                super::$name::scope(TASKS);
            }
            include_side!($name);
        }
    };
}
macro_rules! include_side {
    (rayons) => {
        fn join(n: u32) -> (u32, u32) {
            rayon::join(|| fib(n - 1), || fib(n - 2))
        }
        fn scope(tasks: usize) {
            rayon::scope(|s| {
                for i in 0..tasks {
                    s.spawn(move |_| _ = black_box(i));
                }
            });
        }
        pub fn spawn(f: impl FnOnce() + Send + 'static) {
            rayon::spawn(f);
        }
    };
    (vedas) => {
        fn join(n: u32) -> (u32, u32) {
            veda::join(|| fib(n - 1), || fib(n - 2))
        }
        fn scope(tasks: usize) {
            veda::scope(|s| {
                for i in 0..tasks {
                    s.spawn(move || _ = black_box(i));
                }
            });
        }
        pub fn spawn(f: impl FnOnce() + Send + 'static) {
            let _ = veda::spawn(f);
        }
    };
}
side!(rayons, rayon::prelude);
side!(vedas, veda::prelude);

/// From outside the pool: spawn, and wait for the answer.
fn round_trip(spawn: impl Fn(Box<dyn FnOnce() + Send>)) {
    let (sender, receiver) = mpsc::channel();
    spawn(Box::new(move || _ = sender.send(())));
    receiver.recv().expect("the task sends");
}

fn main() {
    let mode = Mode::get();
    println!("{} threads", veda::current_num_threads());
    let xs: Vec<u64> = (0..N as u64).collect();
    let fs: Vec<f64> = xs.iter().map(|&x| x as f64).collect();
    let (mut a, mut b) = (xs.clone(), xs.clone());
    head("Pool and iterators against Rayon", &["what", "Rayon", "veda", "ratio", "of minima"]);
    let pair = |name: &str, rayon: &mut dyn FnMut(), veda: &mut dyn FnMut()| {
        let t = compare(mode, &mut [rayon, veda]);
        let (ratio, minima) = (t[1].median / t[0].median, t[1].min / t[0].min);
        row(&[&name, &time(t[0].median), &time(t[1].median), &format!("{ratio:.2}"), &format!("{minima:.2}")]);
    };
    pair("range(2^20), map x * 2, sum", &mut || _ = black_box(rayons::range_sum(black_box(N as u64))), &mut || {
        _ = black_box(vedas::range_sum(black_box(N as u64)));
    });
    pair("slice(2^20) of u64, sum", &mut || _ = black_box(rayons::slice_sum(&xs)), &mut || {
        _ = black_box(vedas::slice_sum(&xs));
    });
    pair("slice(2^20) of f64, sum", &mut || _ = black_box(rayons::slice_sum_f64(&fs)), &mut || {
        _ = black_box(vedas::slice_sum_f64(&fs));
    });
    pair("slice(2^20), map, collect", &mut || drop(black_box(rayons::collect(&xs))), &mut || {
        drop(black_box(vedas::collect(&xs)));
    });
    pair("slice(2^20), filter, collect", &mut || drop(black_box(rayons::filter_collect(&xs))), &mut || {
        drop(black_box(vedas::filter_collect(&xs)));
    });
    pair("slice(2^20), for_each in place", &mut || rayons::for_each(&mut a), &mut || vedas::for_each(&mut b));
    pair("range(100), map, sum", &mut || _ = black_box(rayons::range_sum(black_box(100))), &mut || {
        _ = black_box(vedas::range_sum(black_box(100)));
    });
    pair("slice(100), map, collect", &mut || drop(black_box(rayons::collect(&xs[..100]))), &mut || {
        drop(black_box(vedas::collect(&xs[..100])));
    });
    pair("join: fib(25)", &mut || _ = black_box(rayons::fib(black_box(25))), &mut || {
        _ = black_box(vedas::fib(black_box(25)));
    });
    pair("scope with 1000 tasks", &mut rayons::tasks, &mut vedas::tasks);
    pair("spawn and wait", &mut || round_trip(rayons::spawn), &mut || round_trip(vedas::spawn));
    if mode == Mode::Full {
        let mut criterion = Criterion::default().configure_from_args();
        statistics(&mut criterion, &xs);
        criterion.final_summary();
    }
}

fn statistics(c: &mut Criterion, xs: &[u64]) {
    c.bench_function("rayon_par_iter_sum", |b| b.iter(|| rayons::range_sum(black_box(N as u64))));
    c.bench_function("veda_par_iter_sum", |b| b.iter(|| vedas::range_sum(black_box(N as u64))));
    c.bench_function("rayon_par_iter_collect", |b| b.iter(|| rayons::collect(xs)));
    c.bench_function("veda_par_iter_collect", |b| b.iter(|| vedas::collect(xs)));
    c.bench_function("rayon_join_fib", |b| b.iter(|| rayons::fib(black_box(25))));
    c.bench_function("veda_join_fib", |b| b.iter(|| vedas::fib(black_box(25))));
    c.bench_function("rayon_scope_1000", |b| b.iter(rayons::tasks));
    c.bench_function("veda_scope_1000", |b| b.iter(vedas::tasks));
}
