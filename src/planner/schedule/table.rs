//! An instance in flat arrays, as the simulator and the heuristics read it: one cache line per task instead of five
//! vectors.

use super::instance::Instance;

/// "There is none", in tables of times and indices.
pub(super) const NONE: u64 = u64::MAX;
/// "There is none", in tables of indices.
pub(super) const NO: u32 = u32::MAX;

/// A task on one processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// [`NONE`]: it cannot run there.
    pub(super) ns: u64,
    /// The memory of its inputs and outputs.
    pub(super) memory: u32,
    /// Index of its build, or [`NO`].
    pub(super) build: u32,
    pub(super) scratch: u64,
}

/// One build: of a key for a processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct BuildCell {
    pub(super) key: u64,
}

/// A link.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkCell {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) engine: u32,
    pub(super) blocked: u32,
    pub(super) blocks: f64,
}

/// Lists of indices, one per row.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Rows {
    fn new<'a>(rows: impl Iterator<Item = &'a [usize]>) -> Rows {
        let mut this = Rows { starts: vec![0], items: Vec::new() };
        for row in rows {
            this.items.extend(row.iter().map(|&i| i as u32));
            this.starts.push(this.items.len() as u32);
        }
        this
    }

    pub(super) fn row(&self, i: usize) -> &[u32] {
        &self.items[self.starts[i] as usize..self.starts[i + 1] as usize]
    }
}

/// The flat arrays.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) tasks: usize,
    pub(super) processors: usize,
    pub(super) memories: usize,
    /// Task × processor.
    pub(super) cells: Vec<Cell>,
    /// Time of each build cell's build by task × processor, where [`Cell::build`] is set.
    pub(super) build_ns: Vec<u64>,
    pub(super) builds: Vec<BuildCell>,
    pub(super) reads: Rows,
    pub(super) writes: Rows,
    pub(super) preds: Rows,
    pub(super) succs: Rows,
    pub(super) readers: Rows,
    pub(super) links: Vec<LinkCell>,
    /// The links into each memory.
    pub(super) into: Vec<Vec<u32>>,
    pub(super) engines: usize,
    /// Datum × link.
    pub(super) copy_ns: Vec<u64>,
    /// Datum × memory: 0 where it is valid at the start, else [`NONE`].
    pub(super) initial: Vec<u64>,
    pub(super) bytes: Vec<u64>,
    /// Data that are wanted somewhere, with the memory.
    pub(super) wanted: Vec<(u32, u32)>,
    /// By datum; [`NO`] for inputs.
    pub(super) writer: Vec<u32>,
    pub(super) ready: Vec<u64>,
    /// The processors' own memories.
    pub(super) home: Vec<usize>,
    /// Processors that copies can block.
    pub(super) blockable: Vec<bool>,
    pub(super) capacity: Vec<Option<u64>>,
    /// By task: the shortest time from its end to the end of everything, on the fastest processors and without copies.
    pub(super) tail: Vec<u64>,
}

impl Table {
    pub(super) fn new(instance: &Instance) -> Table {
        let (n, p, m) = (instance.tasks.len(), instance.processors.len(), instance.memories.len());
        let mut keys: Vec<(u32, u64)> = Vec::new();
        let each = || {
            instance
                .tasks
                .iter()
                .flat_map(|t| t.options.iter().enumerate())
                .filter_map(|(q, o)| o.map(|o| (q as u32, o)))
        };
        keys.extend(each().filter(|(_, o)| o.build_ns > 0).map(|(q, o)| (q, o.build_key)));
        keys.sort_unstable();
        keys.dedup();
        let mut cells = Vec::with_capacity(n * p);
        let mut build_ns = Vec::new();
        if !keys.is_empty() {
            build_ns.reserve(n * p);
        }
        for task in &instance.tasks {
            for (q, processor) in instance.processors.iter().enumerate() {
                let run = task.options.get(q).copied().flatten();
                let built =
                    run.filter(|r| r.build_ns > 0).and_then(|r| keys.binary_search(&(q as u32, r.build_key)).ok());
                let memory = if run.is_some_and(|r| r.staged) { 0 } else { processor.memory };
                cells.push(Cell {
                    ns: run.map_or(NONE, |r| r.ns),
                    memory: memory as u32,
                    build: built.map_or(NO, |b| b as u32),
                    scratch: run.map_or(0, |r| r.scratch),
                });
                if !keys.is_empty() {
                    build_ns.push(run.map_or(0, |r| r.build_ns));
                }
            }
        }
        let mut into = vec![Vec::new(); m];
        for (i, link) in instance.links.iter().enumerate() {
            into[link.to].push(i as u32);
        }
        let mut blockable = vec![false; p];
        let links: Vec<_> = instance
            .links
            .iter()
            .map(|l| {
                let blocked = l.blocked.filter(|&q| l.blocks > 0.0 && q < p);
                if let Some(q) = blocked {
                    blockable[q] = true;
                }
                LinkCell {
                    from: l.from as u32,
                    to: l.to as u32,
                    engine: l.engine.map_or(NO, |e| e as u32),
                    blocked: blocked.map_or(NO, |q| q as u32),
                    blocks: l.blocks.clamp(0.0, 1.0),
                }
            })
            .collect();
        let mut initial = vec![NONE; instance.data.len() * m];
        for (d, datum) in instance.data.iter().enumerate() {
            for &at in &datum.initial {
                initial[d * m + at] = 0;
            }
        }
        let mut table = Table {
            tasks: n,
            processors: p,
            memories: m,
            cells,
            build_ns,
            builds: keys.into_iter().map(|(_, key)| BuildCell { key }).collect(),
            reads: Rows::new(instance.tasks.iter().map(|t| t.reads.as_slice())),
            writes: Rows::new(instance.tasks.iter().map(|t| t.writes.as_slice())),
            preds: Rows::new(instance.tasks.iter().map(|t| t.preds.as_slice())),
            succs: Rows::new(instance.tasks.iter().map(|t| t.succs.as_slice())),
            readers: Rows::new(instance.data.iter().map(|d| d.readers.as_slice())),
            into,
            engines: links.iter().filter(|l| l.engine != NO).map(|l| l.engine as usize + 1).max().unwrap_or(0),
            links,
            copy_ns: instance.data.iter().flat_map(|d| d.copy_ns.iter().copied()).collect(),
            initial,
            bytes: instance.data.iter().map(|d| d.bytes).collect(),
            wanted: instance
                .data
                .iter()
                .enumerate()
                .filter_map(|(d, datum)| datum.wanted.map(|w| (d as u32, w as u32)))
                .collect(),
            writer: instance.data.iter().map(|d| d.writer.map_or(NO, |w| w as u32)).collect(),
            ready: instance.processors.iter().map(|p| p.ready_ns).collect(),
            home: instance.processors.iter().map(|p| p.memory).collect(),
            blockable,
            capacity: instance.memories.iter().map(|m| m.capacity).collect(),
            tail: vec![0; n],
        };
        for t in (0..n).rev() {
            let after =
                table.succs.row(t).iter().map(|&s| table.tail[s as usize].saturating_add(table.least(s as usize)));
            table.tail[t] = after.max().unwrap_or(0);
        }
        table
    }

    pub(super) fn cell(&self, task: usize, processor: usize) -> Cell {
        self.cells[task * self.processors + processor]
    }

    /// Its time on its fastest processor; 0 where it can run nowhere.
    pub(super) fn least(&self, task: usize) -> u64 {
        let row = &self.cells[task * self.processors..(task + 1) * self.processors];
        row.iter().map(|c| c.ns).filter(|&ns| ns != NONE).min().unwrap_or(0)
    }

    /// No schedule is shorter: the longest path and the mean load, on the fastest processors and without copies.
    pub(super) fn bound(&self) -> u64 {
        let path = (0..self.tasks).map(|t| self.least(t).saturating_add(self.tail[t])).max().unwrap_or(0);
        let work = (0..self.tasks).fold(0u64, |sum, t| sum.saturating_add(self.least(t)));
        path.max(work.div_ceil(self.processors.max(1) as u64))
    }

    pub(super) fn copy(&self, datum: usize, link: usize) -> u64 {
        self.copy_ns[datum * self.links.len() + link]
    }

    /// Mean time of a datum over a link.
    pub(super) fn mean_copy(&self, datum: usize) -> f64 {
        let row = &self.copy_ns[datum * self.links.len()..][..self.links.len()];
        if row.is_empty() { 0.0 } else { row.iter().map(|&ns| ns as f64).sum::<f64>() / row.len() as f64 }
    }

    /// The link from one memory to another.
    pub(super) fn link(&self, from: usize, to: usize) -> Option<usize> {
        self.into[to].iter().map(|&l| l as usize).find(|&l| self.links[l].from as usize == from)
    }

    /// Time of a datum from one memory to another, two hops through memory 0 where there is no link; `None`: no way.
    pub(super) fn route(&self, datum: usize, from: usize, to: usize) -> Option<u64> {
        if from == to {
            return Some(0);
        }
        if let Some(l) = self.link(from, to) {
            return Some(self.copy(datum, l));
        }
        let (a, b) = (self.link(from, 0)?, self.link(0, to)?);
        Some(self.copy(datum, a).saturating_add(self.copy(datum, b)))
    }
}

/// How long a copy keeps the queue at the device end from computing: from its start on, that part of it, rounded up.
pub(super) fn blocked_ns(ns: u64, blocks: f64) -> u64 {
    ((ns as f64 * blocks).ceil() as u64).min(ns)
}
