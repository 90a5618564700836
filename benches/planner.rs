//! Planning time: the whole portfolio, and HEFT alone beside it.
//!
//! `cargo bench --bench planner` (`VEDA_BENCH_QUICK=1`: the table only, from few rounds). The graphs are layered: each task
//! reads what up to three tasks of the layer before wrote; one CPU, one GPU, a bus with one engine each way.

mod support;

use std::hint::black_box;

use criterion::Criterion;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use support::{Mode, compare, head, row, time};
use veda::planner::schedule::instance::{Data, Instance, Job, Link, Memory, Processor, Run};
use veda::planner::schedule::{Options, Origin, heft, schedule};

/// `n` tasks in layers of `width`.
fn layered(n: usize, width: usize) -> Instance {
    let mut random = Pcg32::new(7, 11);
    let mut roll = |from: u64, to: u64| from + u64::from(random.next_u32()) % (to - from);
    let link = |from, to, engine| Link { from, to, engine: Some(engine), ..Link::default() };
    let mut instance = Instance {
        processors: vec![Processor { memory: 0, ready_ns: 0 }, Processor { memory: 1, ready_ns: 0 }],
        memories: vec![Memory::default(); 2],
        links: vec![link(0, 1, 0), link(1, 0, 1)],
        ..Instance::default()
    };
    for t in 0..n {
        let mut reads = Vec::new();
        if t < width {
            reads.push(instance.data.len());
            let copy_ns = vec![roll(20_000, 400_000), roll(20_000, 400_000)];
            instance.data.push(Data { bytes: 1 << 20, initial: vec![0], copy_ns, ..Data::default() });
        } else {
            let layer = (t / width - 1) * width;
            let mut preds: Vec<usize> = (0..3).map(|_| layer + roll(0, width as u64) as usize).collect();
            preds.sort_unstable();
            preds.dedup();
            reads.extend(preds.iter().map(|&u| instance.tasks[u].writes[0]));
        }
        for &d in &reads {
            instance.data[d].readers.push(t);
        }
        let preds: Vec<usize> = reads.iter().filter_map(|&d| instance.data[d].writer).collect();
        for &u in &preds {
            instance.tasks[u].succs.push(t);
        }
        let cpu = roll(50_000, 2_000_000);
        let options = [cpu, cpu / roll(1, 10)].map(|ns| Some(Run { ns, ..Run::default() })).to_vec();
        let writes = vec![instance.data.len()];
        let copy_ns = vec![roll(20_000, 400_000), roll(20_000, 400_000)];
        let wanted = (t + width >= n).then_some(0);
        instance.data.push(Data { bytes: 1 << 20, wanted, writer: Some(t), copy_ns, ..Data::default() });
        instance.tasks.push(Job { options, reads, writes, preds, succs: Vec::new() });
    }
    instance
}

fn main() {
    let mode = Mode::get();
    let sizes: &[(usize, usize)] = if mode == Mode::Smoke { &[(20, 4)] } else { &[(20, 4), (300, 12), (5000, 40)] };
    head("Planning", &["tasks", "HEFT alone", "portfolio", "makespan, portfolio / HEFT", "portfolio / better device"]);
    for &(n, width) in sizes {
        let instance = layered(n, width);
        let outcome = schedule(&instance, &Options::default()).expect("feasible");
        let of = |wanted: fn(&Origin) -> bool| {
            let found = outcome.candidates.iter().filter(|(origin, _)| wanted(origin)).map(|c| c.1);
            outcome.schedule.makespan as f64 / found.min().expect("a candidate") as f64
        };
        let (heft_ratio, alone) = (of(|o| *o == Origin::Heft), of(|o| matches!(o, Origin::Alone(_))));
        let times = compare(
            mode,
            &mut [&mut || _ = black_box(heft::heft(black_box(&instance))), &mut || {
                _ = black_box(schedule(black_box(&instance), &Options::default()));
            }],
        );
        row(&[
            &n,
            &time(times[0].median),
            &time(times[1].median),
            &format_args!("{heft_ratio:.3}"),
            &format_args!("{alone:.3}"),
        ]);
    }
    if mode == Mode::Full {
        let mut criterion = Criterion::default().sample_size(20);
        for &(n, width) in sizes {
            let instance = layered(n, width);
            criterion.bench_function(&format!("plan/{n}"), |b| b.iter(|| schedule(&instance, &Options::default())));
            criterion.bench_function(&format!("heft/{n}"), |b| b.iter(|| heft::heft(&instance)));
        }
        criterion.final_summary();
    }
}
