//! Random scheduling instances.
#![allow(dead_code, reason = "each test uses a part")]

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use veda::planner::schedule::Instance;
use veda::planner::schedule::instance::{Data, Job, Link, Memory, Processor, Run};

use super::dag::connect;

/// What may occur.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a feature of its own")]
pub struct Features {
    /// Copies of one direction follow each other.
    pub linked: bool,
    /// Two GPUs without a link between them.
    pub two_gpus: bool,
    /// Copies stop the GPU for a part of their time.
    pub blocks: bool,
    /// Builds, staged runs, tasks for one processor only, processors that start late.
    pub runs: bool,
    /// The GPUs' memories have room for this many data of the largest size.
    pub room: Option<u64>,
}

pub struct Dice(Pcg32);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(Pcg32::new(seed, 11))
    }

    /// In `from..to`.
    pub fn roll(&mut self, from: u64, to: u64) -> u64 {
        from + ((u64::from(self.0.next_u32()) << 32) | u64::from(self.0.next_u32())) % (to - from)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.roll(0, 100) < percent
    }
}

/// A graph of `n` tasks on a CPU and one or two GPUs.
pub fn instance(seed: u64, n: usize, features: Features) -> Instance {
    let mut dice = Dice::new(seed);
    let gpus = if features.two_gpus { 2 } else { 1 };
    let mut processors: Vec<Processor> = (0..=gpus).map(|memory| Processor { memory, ready_ns: 0 }).collect();
    let mut memories = vec![Memory::default(); gpus + 1];
    let mut links = Vec::new();
    for gpu in 1..=gpus {
        if features.runs && dice.chance(30) {
            processors[gpu].ready_ns = dice.roll(1, 50);
        }
        memories[gpu].capacity = features.room.map(|room| room * 100);
        for (from, to) in [(0, gpu), (gpu, 0)] {
            let engine = features.linked.then_some(links.len());
            let blocked = features.blocks.then_some(gpu);
            let blocks = if features.blocks { dice.roll(0, 11) as f64 / 10.0 } else { 0.0 };
            links.push(Link { from, to, engine, blocks, blocked });
        }
    }
    // Copies are cheap, comparable or dear beside the runs.
    let scale = [5, 30, 100][dice.roll(0, 3) as usize];
    let mut instance = Instance { processors, memories, links, ..Instance::default() };
    let datum = |dice: &mut Dice, instance: &mut Instance, initial: Vec<usize>, wanted: Option<usize>| {
        let bytes = dice.roll(10, 101);
        let copy_ns = instance.links.iter().map(|_| 1 + bytes * scale / 100 + dice.roll(0, 5)).collect();
        instance.data.push(Data { bytes, initial, wanted, copy_ns, ..Data::default() });
        instance.data.len() - 1
    };
    for t in 0..n {
        let mut reads = Vec::new();
        for _ in 0..dice.roll(1, 4) {
            let fresh = t == 0 || dice.chance(15);
            let d = if fresh {
                let at = usize::from(dice.chance(15));
                datum(&mut dice, &mut instance, vec![at], None)
            } else {
                let u = dice.roll(0, t as u64) as usize;
                instance.tasks[u].writes[0]
            };
            reads.push(d);
        }
        reads.sort_unstable();
        reads.dedup();
        let wanted = if dice.chance(25) { Some(usize::from(dice.chance(15))) } else { None };
        let written = datum(&mut dice, &mut instance, Vec::new(), wanted);
        let only = if features.runs && dice.chance(10) { Some(dice.roll(0, 2) as usize) } else { None };
        let cpu = dice.roll(5, 100);
        let options = (0..=gpus)
            .map(|p| {
                let mut run = Run { ns: cpu, ..Run::default() };
                if p > 0 {
                    run.ns = (cpu * dice.roll(10, 200) / 100).max(1);
                    if features.runs {
                        run.build_key = dice.roll(0, 3);
                        run.build_ns = if dice.chance(30) { 10 * (run.build_key + 1) } else { 0 };
                        run.staged = dice.chance(10);
                        run.scratch = if dice.chance(20) { dice.roll(1, 60) } else { 0 };
                    }
                }
                only.is_none_or(|o| o == p).then_some(run)
            })
            .collect();
        let preds = if t > 0 && dice.chance(10) { vec![dice.roll(0, t as u64) as usize] } else { Vec::new() };
        instance.tasks.push(Job { options, reads, writes: vec![written], preds, succs: Vec::new() });
    }
    connect(&mut instance);
    instance
}

/// A random assignment and a random topological order.
pub fn draft(dice: &mut Dice, instance: &Instance) -> (Vec<usize>, Vec<usize>) {
    let n = instance.tasks.len();
    let mut waiting: Vec<usize> = instance.tasks.iter().map(|t| t.preds.len()).collect();
    let mut ready: Vec<usize> = (0..n).filter(|&t| waiting[t] == 0).collect();
    let (mut order, mut assignment) = (Vec::new(), vec![0; n]);
    while !ready.is_empty() {
        let t = ready.swap_remove(dice.roll(0, ready.len() as u64) as usize);
        order.push(t);
        let able: Vec<usize> =
            (0..instance.processors.len()).filter(|&p| instance.tasks[t].options[p].is_some()).collect();
        assignment[t] = able[dice.roll(0, able.len() as u64) as usize];
        for &s in &instance.tasks[t].succs {
            waiting[s] -= 1;
            if waiting[s] == 0 {
                ready.push(s);
            }
        }
    }
    (assignment, order)
}
