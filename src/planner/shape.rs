//! How a chain of divisible tasks could be cut: into how many chunks, and in which parts for which devices.
//!
//! Times are read off the priced curves at sixteenths of the index space. A shape is a guess; the simulator judges it.

use std::collections::{BTreeMap, BTreeSet};

use super::price::Priced;
use super::profile::DeviceKind;
use super::profile_set::ProfileSet;
use super::rewrite::index_space;
use super::task_graph::{Access, DataResidency, DatumId, Task, TaskCost, TaskGraph, TaskId};
use super::work::Place;

/// Sizes at which a chain is priced: `n * j / POINTS`.
const POINTS: usize = 16;
/// At most this many chunks, unless more are needed to fit into memory.
const MOST_CHUNKS: u64 = 32;
/// Chains with more tasks are left whole: what cutting saves is a part of one task's copies.
const LONGEST_CHAIN: usize = 64;

/// Windows of a chain in order: where each begins, and for which processor it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// For people: "8 chunks on GPU 0", "31 % on CPU, the rest on GPU 0 in 4 chunks".
    pub name: String,
    /// `(first element, processor)`, ascending, the first at 0.
    pub windows: Vec<(u64, usize)>,
}

/// What a chain costs on one processor by its number of elements: upload, execution, download at `j` sixteenths.
#[derive(Clone, Debug)]
struct Costs {
    processor: usize,
    points: [[f64; 3]; POINTS + 1],
    /// Parts of copies during which the queue cannot compute.
    blocks: [f64; 2],
}

impl Costs {
    /// Time of `share` sixteenths in `k` chunks: the busiest of the three engines, and what the others do alone before
    /// the first and after the last chunk.
    fn time(&self, share: f64, k: u64) -> f64 {
        if share <= 0.0 {
            return 0.0;
        }
        let [up, exec, down] = self.at(share);
        let sum = up + exec + down;
        if k <= 1 {
            return sum;
        }
        let queue = exec + self.blocks[0] * up + self.blocks[1] * down;
        let bottleneck = queue.max(up).max(down);
        bottleneck + (sum - bottleneck).max(0.0) / k as f64 + self.overhead() * (k - 1) as f64
    }

    fn at(&self, share: f64) -> [f64; 3] {
        let low = (share.floor() as usize).min(POINTS - 1);
        let part = share - low as f64;
        std::array::from_fn(|i| self.points[low][i] + (self.points[low + 1][i] - self.points[low][i]) * part)
    }

    /// What one more chunk costs: eight pieces of an eighth against one whole, of the part that grows most.
    fn overhead(&self) -> f64 {
        let (eighth, whole) = (self.points[POINTS / 8], self.points[POINTS]);
        (0..3).map(|i| (8.0 * eighth[i] - whole[i]) / 7.0).fold(1.0, f64::max)
    }

    /// The number of chunks at which hiding more stops paying: what could hide, over what a chunk costs, square root.
    fn chunks(&self, share: f64) -> u64 {
        let [up, exec, down] = self.at(share);
        let hidden = up + exec + down - up.max(exec).max(down);
        ((hidden / self.overhead()).sqrt().round() as u64).clamp(1, MOST_CHUNKS)
    }
}

/// The weight of a chain: its time on the processor that is best for it alone, nanoseconds.
pub fn weight(graph: &TaskGraph, chain: &[TaskId], priced: &Priced) -> u64 {
    let on = |p: usize| {
        let times = chain.iter().map(|&t| priced.instance.tasks[t].options[p].map(|run| run.ns));
        times.sum::<Option<u64>>().map(|exec| exec + boundary(graph, chain, priced, p))
    };
    (0..priced.places.len()).filter_map(on).min().unwrap_or(0)
}

/// Copies into and out of a chain that runs on one processor.
fn boundary(graph: &TaskGraph, chain: &[TaskId], priced: &Priced, p: usize) -> u64 {
    let memory = priced.instance.processors[p].memory;
    let written: BTreeSet<DatumId> = chain.iter().flat_map(|&t| graph.tasks[t].writes.iter().copied()).collect();
    let read: BTreeSet<DatumId> = chain.iter().flat_map(|&t| graph.tasks[t].reads.iter().map(|r| r.datum)).collect();
    let link = |from: usize, to: usize| priced.instance.links.iter().position(|l| (l.from, l.to) == (from, to));
    let copy = |d: DatumId, from: usize, to: usize| link(from, to).map_or(0, |l| priced.instance.data[d].copy_ns[l]);
    let inputs = read.difference(&written).map(|&d| {
        let data = &priced.instance.data[d];
        let from = data.initial.first().copied().unwrap_or(0);
        if data.initial.contains(&memory) || from == memory { 0 } else { copy(d, from, memory) }
    });
    let outputs = written.iter().map(|&d| match priced.instance.data[d].wanted {
        Some(to) if to != memory => copy(d, memory, to),
        _ => 0,
    });
    inputs.chain(outputs).sum()
}

/// Shapes worth trying for a chain, the most promising first.
pub fn shapes(
    graph: &TaskGraph,
    chain: &[TaskId],
    set: &ProfileSet,
    residency: &DataResidency,
    priced: &Priced,
) -> Vec<Shape> {
    let spaces: Vec<_> = chain.iter().filter_map(|&t| index_space(graph, &graph.tasks[t])).collect();
    let Some(&(n, ..)) = spaces.first() else { return Vec::new() };
    let grain = spaces.iter().fold(1, |g, s| if g % s.1 == 0 { g } else { lcm(g, s.1, n) });
    if chain.len() > LONGEST_CHAIN || n / grain < 2 {
        return Vec::new();
    }
    let costs: Vec<Costs> =
        (0..priced.places.len()).filter_map(|p| price(graph, chain, set, residency, priced, p, n)).collect();
    let mut found: BTreeMap<Vec<(u64, usize)>, (u64, String)> = BTreeMap::new();
    let mut add = |windows: Vec<(u64, usize)>, time: f64, name: String| {
        if windows.len() > 1 {
            found.entry(windows).or_insert((time.min(1e18) as u64, name));
        }
    };
    for c in costs.iter().filter(|c| priced.places[c.processor] != Place::Cpu) {
        let best = c.chunks(POINTS as f64);
        let fit = fitting(graph, chain, priced, c.processor);
        for k in [best / 2, best, best * 2, fit, fit * 2] {
            if k >= 2 && k >= fit {
                let windows = even((0, n), grain, k, c.processor);
                add(windows, c.time(POINTS as f64, k), format!("{k} chunks on {}", priced.places[c.processor]));
            }
        }
    }
    // A software adapter computes on the CPU's cores: the two cannot share work.
    let own = |c: &&Costs| set.model.kind(priced.places[c.processor]) != Some(DeviceKind::Software);
    let mut sets: Vec<Vec<&Costs>> = vec![costs.iter().filter(own).collect()];
    if costs.len() > 2 {
        sets.push(costs.iter().filter(own).filter(|c| priced.places[c.processor] != Place::Cpu).collect());
    }
    for devices in sets.into_iter().filter(|s| s.len() > 1) {
        for chunked in [false, true] {
            let (time, shares) = balance(&devices, chunked);
            let (windows, name) = parts(&devices, &shares, chunked, n, grain, priced);
            add(windows, time, name);
        }
    }
    // A variant costs tens of microseconds to judge: guesses that say that the chain is better whole are believed, unless
    // it does not fit.
    if costs.iter().all(|c| fitting(graph, chain, priced, c.processor) == 1) {
        let whole = weight(graph, chain, priced);
        found.retain(|_, (time, _)| *time <= whole.saturating_add(whole / 20));
    }
    let mut shapes: Vec<(u64, Shape)> =
        found.into_iter().map(|(windows, (time, name))| (time, Shape { name, windows })).collect();
    shapes.sort_by(|a, b| (a.0, &a.1.windows).cmp(&(b.0, &b.1.windows)));
    shapes.into_iter().map(|s| s.1).collect()
}

/// Shares in sixteenths such that all devices finish at once, by bisection on that time. Devices that would get less than
/// nothing get none.
fn balance(devices: &[&Costs], chunked: bool) -> (f64, Vec<f64>) {
    let chunks =
        |c: &Costs| if chunked && c.points[POINTS][0] + c.points[POINTS][2] > 0.0 { c.chunks(8.0).max(2) } else { 1 };
    let share_within = |c: &Costs, time: f64| {
        let (mut low, mut high) = (0.0, POINTS as f64);
        for _ in 0..16 {
            let middle = 0.5 * (low + high);
            if c.time(middle, chunks(c)) <= time { low = middle } else { high = middle }
        }
        low
    };
    let all = |c: &&&Costs| c.time(POINTS as f64, chunks(c));
    let (mut low, mut high) = (0.0, devices.iter().map(|c| all(&c)).fold(f64::INFINITY, f64::min));
    for _ in 0..20 {
        let middle = 0.5 * (low + high);
        let sum: f64 = devices.iter().map(|c| share_within(c, middle)).sum();
        if sum >= POINTS as f64 { high = middle } else { low = middle }
    }
    (high, devices.iter().map(|c| share_within(c, high)).collect())
}

/// Windows for the shares, GPUs first, so that the CPU has the ragged end.
fn parts(
    devices: &[&Costs],
    shares: &[f64],
    chunked: bool,
    n: u64,
    grain: u64,
    priced: &Priced,
) -> (Vec<(u64, usize)>, String) {
    let sum: f64 = shares.iter().sum::<f64>().max(1e-9);
    let mut order: Vec<usize> = (0..devices.len()).collect();
    order.sort_by_key(|&i| (priced.places[devices[i].processor] == Place::Cpu, i));
    let (mut windows, mut names, mut from, mut done) = (Vec::new(), Vec::new(), 0, 0.0);
    for (position, &i) in order.iter().enumerate() {
        done += shares[i];
        let to = if position + 1 == order.len() { n } else { (n as f64 * (done / sum)) as u64 / grain * grain };
        if to <= from {
            continue;
        }
        let place = priced.places[devices[i].processor];
        let k = if chunked && place != Place::Cpu { devices[i].chunks(shares[i]).max(2) } else { 1 };
        windows.extend(even((from, to), grain, k, devices[i].processor));
        let chunks = if k > 1 { format!(" in {k} chunks") } else { String::new() };
        names.push(format!("{:.0} % on {place}{chunks}", 100.0 * (to - from) as f64 / n as f64));
        from = to;
    }
    (windows, names.join(", "))
}

/// `k` windows of about the same size between two multiples of the grain.
fn even((from, to): (u64, u64), grain: u64, k: u64, processor: usize) -> Vec<(u64, usize)> {
    let inner = super::rewrite::cut::even(to - from, grain, k);
    std::iter::once(from).chain(inner.into_iter().map(|b| from + b)).map(|b| (b, processor)).collect()
}

/// Chunks that are needed so that three of them fit into the processor's memory at once; 1 where all fits.
fn fitting(graph: &TaskGraph, chain: &[TaskId], priced: &Priced, p: usize) -> u64 {
    let Some(capacity) = priced.instance.memories[priced.instance.processors[p].memory].capacity else { return 1 };
    let bytes = |&t: &TaskId| {
        let task = &graph.tasks[t];
        let ids: BTreeSet<DatumId> = task.reads.iter().map(|r| r.datum).chain(task.writes.iter().copied()).collect();
        ids.into_iter().map(|d| priced.instance.data[d].bytes).fold(0, u64::saturating_add)
    };
    let largest = chain.iter().map(bytes).max().unwrap_or(0);
    if largest <= capacity { 1 } else { (largest / (capacity / 3).max(1) + 1).min(256) }
}

/// What a chain costs on a processor; `None` where it cannot run there.
fn price(
    graph: &TaskGraph,
    chain: &[TaskId],
    set: &ProfileSet,
    residency: &DataResidency,
    priced: &Priced,
    processor: usize,
    n: u64,
) -> Option<Costs> {
    let place = priced.places[processor];
    let written: BTreeSet<DatumId> = chain.iter().flat_map(|&t| graph.tasks[t].writes.iter().copied()).collect();
    let mut inputs: BTreeMap<DatumId, Access> = BTreeMap::new();
    for read in chain.iter().flat_map(|&t| &graph.tasks[t].reads).filter(|r| !written.contains(&r.datum)) {
        let access = inputs.entry(read.datum).or_insert(read.access);
        *access = if read.access == Access::Whole { read.access } else { *access };
    }
    // What host functions read comes down too.
    let host = |t: &Task| matches!(t.cost, TaskCost::Host { .. });
    let down: BTreeSet<DatumId> =
        graph.tasks.iter().filter(|t| host(t)).flat_map(|t| t.reads.iter().map(|r| r.datum)).collect();
    let share = |bytes: u64, j: usize| (u128::from(bytes) * j as u128 / POINTS as u128) as u64;
    let copy =
        |from: Place, to: Place, bytes: u64| set.model.transfer(from, to, bytes).map_or(0.0, |e| e.mean_ns as f64);
    let mut points = [[0.0; 3]; POINTS + 1];
    for (j, point) in points.iter_mut().enumerate().skip(1) {
        for (&d, access) in &inputs {
            let from = residency.valid.get(&d).and_then(|places| places.first()).copied().unwrap_or(Place::Cpu);
            if from != place && !residency.is_valid(d, place) {
                let cut = *access == Access::Elements && graph.data[d].elements == n;
                let bytes = if cut { share(graph.data[d].bytes, j) } else { graph.data[d].bytes };
                point[0] += copy(from, place, bytes);
            }
        }
        for &d in &written {
            let to = graph.data[d].wanted.or(down.contains(&d).then_some(Place::Cpu));
            if let Some(to) = to.filter(|&to| to != place) {
                point[2] += copy(place, to, share(graph.data[d].bytes, j));
            }
        }
        for &t in chain {
            let TaskCost::Kernel { work, .. } = &graph.tasks[t].cost else { return None };
            let elements = (n * j as u64 / POINTS as u64).max(1);
            point[1] += set.model.exec(&work.with_elements(elements), place)?.mean_ns as f64;
        }
    }
    let blocks = |into: bool| {
        let memory = priced.instance.processors[processor].memory;
        let link = priced.instance.links.iter().find(|l| memory > 0 && (if into { l.to } else { l.from }) == memory);
        link.map_or(0.0, |l| l.blocks)
    };
    Some(Costs { processor, points, blocks: [blocks(true), blocks(false)] })
}

/// Least common multiple; `n` (which makes the chain indivisible) where it is larger.
fn lcm(a: u64, b: u64, n: u64) -> u64 {
    super::rewrite::lcm(a, b).map_or(n.max(1), |l| l.min(n.max(1)))
}
