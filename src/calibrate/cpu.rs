//! The CPU: streams, gathers and operation rates of loops that are compiled as kernels are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use super::cpu_costs::{self, CpuCosts};
use super::host;
use super::ops::{self, Chain, OPS, Operation, Step};
use super::plan::{Plan, Probes, timed};
use super::stats::{Summary, bounded_slope, knot, scalar};
use crate::executor::{Pool, join};
use crate::kernel::isa::{self, Loop};
use crate::planner::profile::{DeviceProfile, Host, Scalar, keys};
use crate::planner::work::OpCounts;

/// Numbers of the CPU's probes.
pub(super) struct CpuProbes {
    fork: usize,
    stream_one: Vec<(u64, usize)>,
    stream: Vec<(u64, usize)>,
    gather: Vec<(u64, usize)>,
    /// Per class: few and many operations per element.
    ops: Vec<(usize, usize)>,
    compute_one: usize,
    compute_all: usize,
    costs: CpuCosts,
}

/// Reads one array, writes another.
struct Stream<'a> {
    src: &'a [f32],
    dst: &'a mut [f32],
}

impl Loop for Stream<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (d, s) in self.dst.iter_mut().zip(self.src) {
            *d = *s + 1.0;
        }
    }
}

/// Sums elements at scattered indices of a table whose length is a power of two.
struct Gather<'a> {
    table: &'a [f32],
    from: u32,
    count: u32,
}

impl Loop for Gather<'_> {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        let mask = self.table.len() - 1;
        let mut sums = [0.0f32; 8];
        for block in 0..self.count / 8 {
            for (lane, sum) in sums.iter_mut().enumerate() {
                let i = self.from.wrapping_add(block * 8 + lane as u32).wrapping_mul(0x9e37_79b1) >> 4;
                *sum += self.table[i as usize & mask];
            }
        }
        sums.iter().sum()
    }
}

fn stream_parts(src: &[f32], dst: &mut [f32], parts: usize, reps: usize) {
    if parts <= 1 {
        for _ in 0..reps {
            isa::run_loop(Stream { src: black_box(src), dst: &mut *dst });
            black_box(&mut *dst);
        }
        return;
    }
    let at = src.len() * (parts / 2) / parts;
    let (left, right) = dst.split_at_mut(at);
    join(
        || stream_parts(&src[..at], left, parts / 2, reps),
        || stream_parts(&src[at..], right, parts - parts / 2, reps),
    );
}

fn gather_parts(table: &[f32], from: u32, count: u32, parts: u32, reps: usize) {
    if parts <= 1 {
        for _ in 0..reps {
            black_box(isa::run_loop(Gather { table: black_box(table), from, count }));
        }
        return;
    }
    let left = count / parts * (parts / 2);
    join(
        || gather_parts(table, from, left, parts / 2, reps),
        || gather_parts(table, from.wrapping_add(left), count - left, parts - parts / 2, reps),
    );
}

/// The same arithmetic on every worker, each with its own data.
fn compute_parts(parts: usize, reps: usize) {
    if parts <= 1 {
        let mut data = ops::data();
        for _ in 0..reps {
            isa::run_loop(Chain::<ops::Special, 4> { data: black_box(&mut data), operation: ops::Special::new() });
        }
        black_box(data);
        return;
    }
    join(|| compute_parts(parts / 2, reps), || compute_parts(parts - parts / 2, reps));
}

/// Repetitions that make a sample of one thread 50 to 300 µs long at 15 to 80 GB/s.
fn reps(bytes: u64) -> usize {
    ((4u64 << 20) / bytes).max(1) as usize
}

/// Adds the CPU's probes.
pub(super) fn probes<'a>(pool: &'a Pool, plan: &Plan, probes: &mut Probes<'a>) -> CpuProbes {
    let threads = pool.num_threads();
    let sizes: Vec<u64> =
        (14..64).step_by(plan.cpu_step).map(|e| 1u64 << e).take_while(|&b| b <= plan.largest).collect();
    // Half of the bytes are read, half are written; 4 bytes each.
    let most = (plan.largest / 8) as usize;
    let buffers = Rc::new(RefCell::new((vec![1.0f32; most], vec![0.0f32; most])));

    let fork = probes.add(move || Ok(timed(4, || pool.for_each_chunk(threads * 4, 1, |lo, _| _ = black_box(lo)))));
    let mut stream_one = Vec::new();
    let mut stream = Vec::new();
    for &bytes in &sizes {
        let n = (bytes / 8) as usize;
        let b = Rc::clone(&buffers);
        let one = probes.add_alone(move || {
            let (src, dst) = &mut *b.borrow_mut();
            let reps = reps(bytes);
            let start = Instant::now();
            stream_parts(&src[..n], &mut dst[..n], 1, reps);
            Ok(micros(start) / reps as f64)
        });
        stream_one.push((bytes, one));
        let b = Rc::clone(&buffers);
        let all = probes.add(move || {
            let (src, dst) = &mut *b.borrow_mut();
            // Long enough that the fork and join around it are below 2 %: the model adds them itself.
            let reps = 4 * reps(bytes);
            let us = pool.install(|| {
                let start = Instant::now();
                stream_parts(&src[..n], &mut dst[..n], threads, reps);
                micros(start)
            });
            Ok(us / reps as f64)
        });
        stream.push((bytes, all));
    }
    let mut gather = Vec::new();
    for &bytes in sizes.iter().step_by(if plan.cpu_step == 1 { 2 } else { 1 }).filter(|&&b| b <= plan.largest / 2) {
        let n = (bytes / 4) as usize;
        let b = Rc::clone(&buffers);
        let id = probes.add(move || {
            let table = &b.borrow().0[..n];
            let reps = reps(2 * bytes);
            let us = pool.install(|| {
                let start = Instant::now();
                gather_parts(table, 1, n as u32, threads as u32, reps);
                micros(start)
            });
            Ok(us / reps as f64)
        });
        gather.push((bytes, id));
    }
    let ops = OPS.iter().map(|op| (add_op(probes, op.few), add_op(probes, op.many))).collect();
    let compute_one = probes.add_alone(|| Ok(timed(1, || compute_parts(1, 24))));
    let compute_all = probes.add(move || {
        Ok(pool.install(|| {
            let start = Instant::now();
            compute_parts(threads, 24);
            micros(start)
        }))
    });
    let costs = cpu_costs::probes(pool, probes);
    CpuProbes { fork, stream_one, stream, gather, ops, compute_one, compute_all, costs }
}

fn add_op(probes: &mut Probes<'_>, run: fn(&mut [u32])) -> usize {
    let mut data = ops::data();
    probes.add_alone(move || Ok(timed(16, || run(black_box(&mut data)))))
}

fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

/// The CPU's part of the profile.
pub(super) fn device(p: &CpuProbes, found: &[Summary], host: &Host) -> DeviceProfile {
    let curve = |ids: &[(u64, usize)]| ids.iter().map(|&(bytes, i)| knot(bytes, &found[i], 0.0)).collect();
    let rate = |(op, &(few, many)): (&Operation, &(usize, usize))| {
        let us = bounded_slope(&found[few], op.ops_few, &found[many], op.ops_many);
        (op.name.to_owned(), ops::LEN as f64 / us)
    };
    let (one, all) = (&found[p.compute_one], &found[p.compute_all]);
    // Workers of one pool cannot be faster together than alone; above 1 is a clock that rose in between.
    let efficiency = (one.min / all.min).clamp(0.05, 1.0);
    let efficiency = Scalar { v: efficiency, lo: (one.min / all.p90).min(efficiency), hi: 1.0, n: all.n };
    let mut scalars = cpu_costs::scalars(&p.costs, found, found[p.fork].min);
    scalars.insert(keys::FORK_JOIN_US.to_owned(), scalar(&found[p.fork]));
    scalars.insert(keys::PARALLEL_EFFICIENCY.to_owned(), efficiency);
    DeviceProfile {
        adapter: host::cpu_adapter(host),
        limits: BTreeMap::new(),
        scalars,
        curves: BTreeMap::from([
            (keys::STREAM_ONE.to_owned(), curve(&p.stream_one)),
            (keys::STREAM.to_owned(), curve(&p.stream)),
            (keys::GATHER.to_owned(), curve(&p.gather)),
        ]),
        op_rates: OPS.iter().zip(&p.ops).map(rate).collect(),
    }
}

const _: () = assert!(OPS.len() == OpCounts::NAMES.len(), "every class of the planner is measured");
