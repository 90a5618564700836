//! The CPU's marginal costs (a task, a block, waking workers) and how much arithmetic hides behind its memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::fit::{marginal, together};
use super::names;
use super::ops::{self, Step};
use super::plan::{Probes, timed};
use super::stats::{Summary, scalar};
use crate::executor::{Pool, join};
use crate::kernel::isa::{self, Loop};
use crate::planner::profile::{Scalar, keys};

/// Tasks or blocks of the marginal costs.
const COUNTS: [usize; 4] = [8, 64, 512, 4096];
/// Bytes that the memory side of the overlap streams: beyond every second-level cache.
const STREAMED: usize = 16 << 20;
/// Elements of the arithmetic side of one worker: two arrays of 8 KiB, inside every first-level cache.
const CACHED: usize = 2048;
/// Workers sleep after about 10 µs without work.
const ASLEEP: Duration = Duration::from_micros(300);

/// One step of integer arithmetic per element, `K` times, between a load and a store.
struct Mixed<'a, const K: usize> {
    src: &'a [u32],
    dst: &'a mut [u32],
}

impl<const K: usize> Loop for Mixed<'_, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let step = ops::Int::new();
        for (d, s) in self.dst.iter_mut().zip(self.src) {
            let mut v = *s;
            for k in 0..K {
                v = step.apply(v, k);
            }
            *d = v;
        }
    }
}

type Run = fn(&[u32], &mut [u32]);

fn mixed<const K: usize>(src: &[u32], dst: &mut [u32]) {
    isa::run_loop(Mixed::<K> { src, dst });
}

/// Steps of arithmetic per element, from light to heavy against the memory of common machines: the one that lasts about
/// as long as the memory of this one is used.
const MIXES: [Run; 4] = [mixed::<4>, mixed::<12>, mixed::<36>, mixed::<108>];

/// The mix whose arithmetic is nearest to `memory_us` for `len` elements; each is tried on an eighth of them.
fn nearest(pool: &Pool, memory_us: f64, len: usize, threads: usize) -> Run {
    let off = |run: Run| {
        let us = 8.0 * inside(pool, || cached(run, len / 8, threads));
        (us.max(1e-3) / memory_us.max(1e-3)).ln().abs()
    };
    let [first, rest @ ..] = MIXES;
    let mut best = (off(first), first);
    for run in rest {
        let found = off(run);
        // They are ordered: once it gets worse it stays worse.
        if found > best.0 {
            break;
        }
        best = (found, run);
    }
    best.1
}

/// Each of `parts` workers takes its part of the arrays.
fn streamed(run: Run, src: &[u32], dst: &mut [u32], parts: usize) {
    if parts <= 1 {
        return run(black_box(src), black_box(dst));
    }
    let at = src.len() * (parts / 2) / parts;
    let (left, right) = dst.split_at_mut(at);
    join(|| streamed(run, &src[..at], left, parts / 2), || streamed(run, &src[at..], right, parts - parts / 2));
}

/// Each of `parts` workers computes its share of `len` elements over and over in a cache.
fn cached(run: Run, len: usize, parts: usize) {
    if parts <= 1 {
        let (src, mut dst) = ([1u32; CACHED], [0u32; CACHED]);
        for _ in 0..len / CACHED {
            run(black_box(&src), black_box(&mut dst));
        }
        return;
    }
    let left = len * (parts / 2) / parts;
    join(|| cached(run, left, parts / 2), || cached(run, len - left, parts - parts / 2));
}

/// Numbers of these probes.
pub(super) struct CpuCosts {
    parked: usize,
    tasks: Vec<(usize, usize)>,
    blocks: Vec<(usize, usize)>,
    /// A stream with next to no arithmetic.
    memory: usize,
    /// Arithmetic in a cache.
    compute: usize,
    /// Arithmetic and stream.
    both: usize,
}

/// Adds the probes.
pub(super) fn probes<'a>(pool: &'a Pool, probes: &mut Probes<'a>) -> CpuCosts {
    let threads = pool.num_threads();
    let parked = probes.add(move || {
        std::thread::sleep(ASLEEP);
        Ok(timed(1, || pool.for_each_chunk(threads * 4, 1, |lo, _| _ = black_box(lo))))
    });
    let tasks = COUNTS
        .map(|count| {
            let id = probes.add(move || {
                Ok(timed(1, || {
                    pool.scope(|s| {
                        for i in 0..count {
                            s.spawn(move || _ = black_box(i));
                        }
                    });
                }))
            });
            (count, id)
        })
        .to_vec();
    let blocks = COUNTS
        .map(|count| {
            let run = move || Ok(timed(1, || pool.for_each_chunk(count, 1, |lo, _| _ = black_box(lo))));
            (count, probes.add(run))
        })
        .to_vec();
    let len = STREAMED / 8;
    let buffers = Rc::new(RefCell::new((vec![1u32; len], vec![0u32; len])));
    let once = {
        let (src, dst) = &mut *buffers.borrow_mut();
        // One step, not none: a plain copy becomes the system's, whose stores pass the caches. The second run counts: the
        // first meets pages that do not exist yet.
        inside(pool, || streamed(mixed::<1>, src, dst, threads));
        inside(pool, || streamed(mixed::<1>, src, dst, threads))
    };
    let mix = nearest(pool, once, len, threads);
    let mut stream = |run: Run| {
        let b = Rc::clone(&buffers);
        probes.add(move || {
            let (src, dst) = &mut *b.borrow_mut();
            Ok(inside(pool, || streamed(run, src, dst, threads)))
        })
    };
    let memory = stream(mixed::<1>);
    let both = stream(mix);
    let compute = probes.add(move || Ok(inside(pool, || cached(mix, len, threads))));
    CpuCosts { parked, tasks, blocks, memory, compute, both }
}

/// Microseconds of `f` on the pool, without the way in and out.
fn inside(pool: &Pool, f: impl FnOnce() + Send) -> f64 {
    pool.install(|| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64() * 1e6
    })
}

/// The scalars that they make; `fork`: µs of an empty parallel call.
pub(super) fn scalars(p: &CpuCosts, found: &[Summary], fork: f64) -> BTreeMap<String, Scalar> {
    let line = |ids: &[(usize, usize)]| {
        let points: Vec<(f64, f64)> = ids.iter().map(|&(count, id)| (count as f64, found[id].min)).collect();
        marginal(&points, ids.iter().map(|&(_, id)| found[id].n).sum())
    };
    let [compute, memory, both] = [p.compute, p.memory, p.both].map(|id| found[id]);
    let overlap = together(&compute, &memory, &both, fork);
    let rows = [
        (names::FORK_JOIN_PARKED_US, Some(scalar(&found[p.parked]))),
        (names::TASK_US, line(&p.tasks)),
        (names::SPLIT_US, line(&p.blocks)),
        (keys::OVERLAP, Some(overlap)),
    ];
    rows.into_iter().filter_map(|(key, s)| Some((key.to_owned(), s?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::PoolConfig;

    #[test]
    fn both_sides_do_the_same_arithmetic() {
        let src: Vec<u32> = (0..5000).collect();
        for (run, k) in MIXES.into_iter().zip([4, 12, 36, 108]) {
            let mut dst = vec![0; src.len()];
            Pool::new(&PoolConfig::with_threads(2)).expect("starts").install(|| streamed(run, &src, &mut dst, 3));
            let step = ops::Int::new();
            for (s, d) in src.iter().zip(&dst) {
                assert_eq!((0..k).fold(*s, |v, k| step.apply(v, k)), *d);
            }
        }
    }
}
