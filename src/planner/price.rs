//! From a task graph and a cost model to a scheduling problem in integer nanoseconds.

use std::collections::BTreeSet;

use super::cost_model::{CostModel, Power};
use super::profile_set::{PlaceOffer, ProfileSet};
use super::schedule::instance::{Data, Instance, Job, Link, Memory, Processor, Run};
use super::task_graph::{DataResidency, DatumId, GraphError, Task, TaskCost, TaskGraph};
use super::work::{Bytes, OutputKind, Place, Residency};

/// A scheduling problem, and what its indices mean.
#[derive(Clone, Debug, Default)]
pub struct Priced {
    /// The problem.
    pub instance: Instance,
    /// The place of each processor.
    pub places: Vec<Place>,
    /// The place of each memory; the host is memory 0, offered or not.
    pub memories: Vec<Place>,
    /// Log standard deviation of a copy, by link.
    pub copy_sigma: Vec<f64>,
    /// Log standard deviation of a build, by processor.
    pub build_sigma: Vec<f64>,
    /// By processor; `None` where the profile does not say.
    pub powers: Vec<Option<Power>>,
}

impl Priced {
    /// The memory of a place; the host's where the place is not offered.
    pub fn memory(&self, place: Place) -> usize {
        self.memories.iter().position(|&m| m == place).unwrap_or(0)
    }

    /// The processor of a place.
    pub fn processor(&self, place: Place) -> Option<usize> {
        self.places.iter().position(|&p| p == place)
    }
}

/// Prices every task at every offered place and every datum on every link.
///
/// A GPU takes what its offer and `memory_cap` allow, whichever is less; a task that needs more at once does not run
/// there. The host has no limit. `O((tasks + data) * places)`.
///
/// # Errors
/// [`GraphError::NoPlace`], [`GraphError::TooLarge`] where no place can run a task, [`GraphError::NoValue`] where an
/// input is valid on no place that is offered.
pub fn price(
    graph: &TaskGraph,
    set: &ProfileSet,
    residency: &DataResidency,
    memory_cap: Option<u64>,
) -> Result<Priced, GraphError> {
    let offers = set.admitted();
    let mut priced = machine(set, &offers, memory_cap);
    priced.instance.data = data(graph, &set.model, residency, &priced);
    for (data, datum) in priced.instance.data.iter_mut().zip(&graph.data) {
        data.bytes = footprint(&offers, datum.bytes);
    }
    for (t, task) in graph.tasks.iter().enumerate() {
        let job = job(graph, t, set, &offers, &priced)?;
        for &d in &job.reads {
            priced.instance.data[d].readers.push(t);
            if priced.instance.data[d].initial.is_empty() && priced.instance.data[d].writer.is_none() {
                return Err(GraphError::NoValue { datum: d, name: graph.data[d].name.clone() });
            }
        }
        for &p in &job.preds {
            priced.instance.tasks[p].succs.push(t);
        }
        debug_assert_eq!(job.writes, task.writes);
        priced.instance.tasks.push(job);
    }
    drop_slack_limits(&mut priced.instance);
    Ok(priced)
}

/// Takes away limits that even all data and all scratch space together do not reach: simulations need not look at them.
fn drop_slack_limits(instance: &mut Instance) {
    let data: u64 = instance.data.iter().map(|d| d.bytes).fold(0, u64::saturating_add);
    let scratch = |job: &Job| job.options.iter().flatten().map(|run| run.scratch).max().unwrap_or(0);
    let most = instance.tasks.iter().map(scratch).max().unwrap_or(0);
    let all = data.saturating_add(most.saturating_mul(instance.processors.len() as u64));
    for memory in &mut instance.memories {
        memory.capacity = memory.capacity.filter(|&limit| limit < all);
    }
}

/// Processors, memories and links. Every GPU has one engine each way.
fn machine(set: &ProfileSet, offers: &[&PlaceOffer], memory_cap: Option<u64>) -> Priced {
    let mut priced = Priced { memories: vec![Place::Cpu], ..Priced::default() };
    priced.instance.memories.push(Memory { capacity: None });
    for (processor, offer) in offers.iter().enumerate() {
        let place = offer.place;
        let memory = if place == Place::Cpu { 0 } else { priced.memories.len() };
        if memory > 0 {
            let capacity = offer.capacity.into_iter().chain(memory_cap).min();
            priced.memories.push(place);
            priced.instance.memories.push(Memory { capacity });
            let (up, down) = set.model.overlap(place).unwrap_or((0.0, 0.0));
            for (from, to, overlap) in [(0, memory, up), (memory, 0, down)] {
                let engine = Some(priced.instance.links.len());
                let blocked = Some(processor);
                let blocks = 1.0 - overlap;
                priced.instance.links.push(Link { from, to, engine, blocks, blocked });
                let (from, to) = (priced.memories[from], priced.memories[to]);
                let sigma = set.model.transfer(from, to, 1 << 20).map_or(0.0, |e| e.sigma);
                priced.copy_sigma.push(sigma);
            }
        }
        priced.places.push(place);
        priced.powers.push(set.model.power(place));
        priced.build_sigma.push(set.model.compile(place).map_or(0.0, |e| e.sigma));
        priced.instance.processors.push(Processor { memory, ready_ns: offer.queued_ns });
    }
    priced
}

fn data(graph: &TaskGraph, model: &CostModel, residency: &DataResidency, priced: &Priced) -> Vec<Data> {
    let writers = graph.writers();
    let links: Vec<_> =
        priced.instance.links.iter().map(|l| (priced.memories[l.from], priced.memories[l.to])).collect();
    let transfer = |bytes| move |&(from, to): &(Place, Place)| model.transfer(from, to, bytes).map_or(0, |e| e.mean_ns);
    // Pieces and tiles have few different sizes; a curve costs some 100 ns.
    let mut known: std::collections::BTreeMap<u64, Vec<u64>> = std::collections::BTreeMap::new();
    let one = |(d, datum): (DatumId, &super::task_graph::Datum)| {
        let copy_ns = known.entry(datum.bytes).or_insert_with(|| links.iter().map(transfer(datum.bytes)).collect());
        let valid = residency.valid.get(&d).into_iter().flatten();
        let initial = match writers[d] {
            Some(_) => Vec::new(),
            None => valid.filter_map(|place| priced.memories.iter().position(|m| m == place)).collect(),
        };
        let wanted = datum.wanted.map(|place| priced.memory(place));
        let (bytes, writer, copy_ns) = (datum.bytes, writers[d], copy_ns.clone());
        Data { bytes, initial, wanted, writer, readers: Vec::new(), copy_ns }
    };
    graph.data.iter().enumerate().map(one).collect()
}

fn job(
    graph: &TaskGraph,
    t: usize,
    set: &ProfileSet,
    offers: &[&PlaceOffer],
    priced: &Priced,
) -> Result<Job, GraphError> {
    let task = &graph.tasks[t];
    let reads: Vec<DatumId> = task.reads.iter().map(|r| r.datum).collect::<BTreeSet<_>>().into_iter().collect();
    let writers = reads.iter().filter_map(|&d| priced.instance.data[d].writer);
    let preds: Vec<usize> = writers.chain(task.after.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect();
    let read = reads.iter().map(|&d| graph.data[d].bytes).fold(0, u64::saturating_add);
    let taken = |d: &DatumId| priced.instance.data[*d].bytes;
    let bytes = reads.iter().chain(&task.writes).map(taken).fold(0, u64::saturating_add);
    let mut too_small: Option<(u64, Place)> = None;
    let mut options = Vec::with_capacity(offers.len());
    for (offer, processor) in offers.iter().zip(&priced.instance.processors) {
        let run = run(task, set, offer, read, bytes);
        let capacity = priced.instance.memories[processor.memory].capacity;
        match capacity {
            Some(limit) if run.is_some_and(|run| bytes.saturating_add(beside(&run)) > limit) => {
                too_small = too_small.max(Some((limit, offer.place)));
                options.push(None);
            }
            _ => options.push(run),
        }
    }
    if options.iter().all(Option::is_none) {
        let name = task.name.clone();
        return Err(match too_small {
            Some((limit, place)) => GraphError::TooLarge { task: t, name, bytes, place, limit },
            None => GraphError::NoPlace { task: t, name },
        });
    }
    Ok(Job { options, reads, writes: task.writes.clone(), preds, succs: Vec::new() })
}

/// What an array takes of a memory that takes most for it; the host has room for all.
fn footprint(offers: &[&PlaceOffer], bytes: u64) -> u64 {
    offers.iter().map(|offer| offer.footprint.of(bytes)).max().unwrap_or(bytes)
}

/// Scratch space that a task needs beside its arrays. (That of a hand-written kernel is these arrays.)
const fn beside(run: &Run) -> u64 {
    if run.staged { 0 } else { run.scratch }
}

/// Scratch space of a filter on a device: room for all elements, and a count per group of 256.
fn survivors(elements: u64, offer: &PlaceOffer) -> u64 {
    let (sparse, counts) = (elements.saturating_mul(4), elements.div_ceil(256).saturating_add(1).saturating_mul(4));
    offer.footprint.of(sparse).saturating_add(offer.footprint.of(counts))
}

/// One task at one place. `read`: bytes of its inputs; `bytes`: of its inputs and outputs.
fn run(task: &Task, set: &ProfileSet, offer: &PlaceOffer, read: u64, bytes: u64) -> Option<Run> {
    let (model, place) = (&set.model, offer.place);
    if task.only.is_some_and(|only| only != place) {
        return None;
    }
    let build = |key: u64| {
        let compile = if offer.is_ready(key) { 0 } else { model.compile(place).map_or(0, |e| e.mean_ns) };
        Run { build_ns: compile, build_key: key, ..Run::default() }
    };
    match &task.cost {
        TaskCost::Kernel { work, repeat } => {
            let once = model.exec(work, place)?;
            let ns = once.mean_ns.saturating_mul(*repeat).min(LONGEST);
            let compacts = place != Place::Cpu && work.output == OutputKind::Compact;
            let scratch = if compacts { survivors(work.elements, offer) } else { 0 };
            Some(Run { ns, sigma: once.sigma, scratch, ..build(work.key) })
        }
        TaskCost::Host { ns, sigma, .. } => {
            (place == Place::Cpu).then(|| Run { ns: (*ns).min(LONGEST), sigma: sigma.max(0.0), ..Run::default() })
        }
        TaskCost::Fixed(times) => times.get(&place).map(|&ns| Run { ns: ns.min(LONGEST), ..Run::default() }),
        TaskCost::Staged(work) if place == Place::Cpu => {
            let once = model.exec(work, place)?;
            Some(Run { ns: once.mean_ns, sigma: once.sigma, ..Run::default() })
        }
        TaskCost::Staged(work) => {
            let host = Residency { host: Bytes { fixed: read as f64, per_element: 0.0 }, ..Residency::default() };
            let call = model.estimate(work, place, &host, 0, true)?;
            let run = Run { ns: call.mean_ns, sigma: call.sigma, staged: true, scratch: bytes, ..build(work.key) };
            Some(run)
        }
    }
}

/// 10^15 ns, 11 days: sums over thousands of tasks stay far from overflow.
const LONGEST: u64 = 1_000_000_000_000_000;
