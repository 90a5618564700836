//! A graph of 12 stages as image programs have them, to plan, to draw and to check predictions with.
//!
//! A photograph is decoded and encoded by host code; between, maps, a stencil, a table look-up and a reduction run where
//! they are fastest, and one short host function sits in the middle of the chain.

use crate::planner::task_graph::{Access, Datum, DatumId, Divisible, Read, Task, TaskCost, TaskGraph};
use crate::planner::work::{OpCounts, OutputKind, Place, Work};
use crate::telemetry::fnv::Fnv;

/// The picture that `check --graph` and the report use: 12 million pixels.
pub const WIDTH: u64 = 4000;
/// Its height.
pub const HEIGHT: u64 = 3000;

/// Elements of one workgroup's part in a map, and in a reduction.
const GROUP: u64 = 256;
const REDUCED: u64 = 2048;
/// Nanoseconds of host code per pixel that no kernel replaces: entropy decoding and encoding on one thread.
const DECODE_NS: f64 = 5.0;
const ENCODE_NS: f64 = 8.0;
/// Expected error of these two, as log standard deviation: they depend on the picture.
const HOST_SIGMA: f64 = 0.3;

/// Builds the graph stage by stage.
#[derive(Default)]
struct Builder {
    graph: TaskGraph,
}

/// A kernel's cost per element: operations, bytes read at the same index, bytes read anywhere, bytes written.
struct Per {
    ops: OpCounts,
    read: f64,
    gathered: f64,
    written: f64,
}

fn key(name: &str) -> u64 {
    let mut fnv = Fnv::new();
    fnv.text("sample graph");
    fnv.text(name);
    fnv.finish()
}

impl Builder {
    fn datum(&mut self, name: &str, elements: u64, element_bytes: u64) -> DatumId {
        let bytes = elements * element_bytes;
        self.graph.data.push(Datum { name: name.to_owned(), bytes, elements, ..Datum::default() });
        self.graph.data.len() - 1
    }

    fn task(&mut self, name: &str, cost: TaskCost, reads: &[(DatumId, Access)], write: DatumId, divisible: Divisible) {
        let fusible = divisible == Divisible::By { grain: GROUP, per_output: 1 };
        self.graph.tasks.push(Task {
            name: name.to_owned(),
            only: None,
            cost,
            reads: reads.iter().map(|&(datum, access)| Read { datum, access }).collect(),
            writes: vec![write],
            after: Vec::new(),
            divisible,
            fusible,
            origin: Vec::new(),
            window: None,
        });
    }

    /// Host code over `elements` that takes `ns` for each.
    fn host(&mut self, name: &str, ns: f64, sigma: f64, reads: &[DatumId], write: DatumId) {
        let cost = TaskCost::Host { key: key(name), ns: ns as u64, sigma };
        let reads: Vec<_> = reads.iter().map(|&d| (d, Access::Whole)).collect();
        self.task(name, cost, &reads, write, Divisible::No);
    }

    /// A kernel over the elements of what it writes; a reduction over the elements of what it reads first.
    fn kernel(&mut self, name: &str, per: &Per, output: OutputKind, reads: &[(DatumId, Access)], write: DatumId) {
        let reduces = output == OutputKind::Reduce;
        let elements = self.graph.data[if reduces { reads[0].0 } else { write }].elements;
        let group = if reduces { REDUCED } else { GROUP };
        let work = Work {
            key: key(name),
            elements,
            groups: elements.div_ceil(group),
            ops: per.ops,
            in_bytes: per.read,
            out_bytes: per.written,
            gather_bytes: per.gathered,
            output,
            ..Work::default()
        };
        let whole = reads.iter().all(|r| r.1 == Access::Whole);
        let divisible = match (whole, reduces) {
            (true, _) => Divisible::No,
            (false, true) => Divisible::By { grain: REDUCED, per_output: REDUCED },
            (false, false) => Divisible::By { grain: GROUP, per_output: 1 },
        };
        self.task(name, TaskCost::Kernel { work, repeat: 1 }, reads, write, divisible);
    }
}

/// The graph for a picture of `width` × `height` pixels; all inputs are on the host, and so is what is wanted.
///
/// | stage | what | where |
/// |---|---|---|
/// | decode | the file to bytes | host code |
/// | linear | bytes to linear light | map |
/// | balance | white balance | map |
/// | luma | brightness of each pixel | map |
/// | histogram | counts of brightness | reduction |
/// | curve | a tone curve from the counts | host code, 40 µs |
/// | tone | each pixel through the curve | map with a table |
/// | denoise | 5 × 5 weights by similarity | stencil |
/// | sharpen | 3 × 3 | stencil |
/// | quantise | to bytes | map |
/// | thumbnail | 1/64 of the pixels | gather |
/// | encode | bytes to the file | host code |
pub fn sample_graph(width: u64, height: u64) -> TaskGraph {
    use Access::{Elements, Whole};
    let zero = OpCounts::default();
    let pixels = width.max(8) * height.max(8);
    let small = (width / 8).max(1) * (height / 8).max(1);
    let mut b = Builder::default();

    let file = b.datum("file", pixels / 4, 1);
    let raw = b.datum("raw", pixels, 4);
    b.host("decode", DECODE_NS * pixels as f64, HOST_SIGMA, &[file], raw);

    let map = |ops, read, written| Per { ops, read, gathered: 0.0, written };
    let lit = b.datum("lit", pixels, 16);
    let ops = OpCounts { mul: 6.0, add: 3.0, cast: 4.0, special: 3.0, ..zero };
    b.kernel("linear", &map(ops, 4.0, 16.0), OutputKind::Map, &[(raw, Elements)], lit);

    let balanced = b.datum("balanced", pixels, 16);
    b.kernel(
        "balance",
        &map(OpCounts { mul: 9.0, add: 6.0, ..zero }, 16.0, 16.0),
        OutputKind::Map,
        &[(lit, Elements)],
        balanced,
    );

    let luma = b.datum("luma", pixels, 4);
    b.kernel(
        "luma",
        &map(OpCounts { mul: 3.0, add: 2.0, ..zero }, 16.0, 4.0),
        OutputKind::Map,
        &[(balanced, Elements)],
        luma,
    );

    // Partial sums of each group over a few brackets of brightness.
    let counts = b.datum("counts", pixels.div_ceil(REDUCED), 16);
    let ops = OpCounts { add: 4.0, select: 4.0, mul: 1.0, ..zero };
    b.kernel("histogram", &map(ops, 4.0, 16.0), OutputKind::Reduce, &[(luma, Elements)], counts);

    let curve = b.datum("curve", 4096, 4);
    b.host("curve", 40_000.0, 0.1, &[counts], curve);

    let toned = b.datum("toned", pixels, 16);
    let ops = OpCounts { mul: 7.0, add: 4.0, cast: 2.0, load: 2.0, select: 2.0, ..zero };
    let table = Per { ops, read: 20.0, gathered: 8.0, written: 16.0 };
    b.kernel("tone", &table, OutputKind::Map, &[(balanced, Elements), (luma, Elements), (curve, Whole)], toned);

    // Neighbours lie in the caches: they are loads, and each byte is streamed about once.
    let clean = b.datum("clean", pixels, 16);
    let ops = OpCounts { mul: 125.0, add: 150.0, div: 1.0, int: 50.0, load: 25.0, special: 25.0, ..zero };
    b.kernel("denoise", &map(ops, 16.0, 16.0), OutputKind::Map, &[(toned, Whole)], clean);

    let sharp = b.datum("sharp", pixels, 16);
    let ops = OpCounts { mul: 27.0, add: 30.0, int: 18.0, load: 9.0, ..zero };
    b.kernel("sharpen", &map(ops, 16.0, 16.0), OutputKind::Map, &[(clean, Whole)], sharp);

    let bytes = b.datum("bytes", pixels, 4);
    let ops = OpCounts { mul: 3.0, select: 6.0, cast: 3.0, int: 5.0, special: 3.0, ..zero };
    b.kernel("quantise", &map(ops, 16.0, 4.0), OutputKind::Map, &[(sharp, Elements)], bytes);

    // One small pixel averages 8 × 8.
    let thumbnail = b.datum("thumbnail", small, 4);
    let ops = OpCounts { int: 64.0 * 4.0, add: 64.0 * 3.0, cast: 64.0 * 3.0, load: 64.0, ..zero };
    b.kernel("thumbnail", &map(ops, 256.0, 4.0), OutputKind::Map, &[(bytes, Whole)], thumbnail);

    let result = b.datum("result", pixels / 4, 1);
    b.host("encode", ENCODE_NS * pixels as f64, HOST_SIGMA, &[bytes], result);
    for wanted in [thumbnail, result] {
        b.graph.data[wanted].wanted = Some(Place::Cpu);
    }
    b.graph
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::task_graph::DataResidency;

    #[test]
    fn has_twelve_stages_in_order_and_both_kinds() {
        for (w, h) in [(WIDTH, HEIGHT), (640, 480), (1, 1)] {
            let g = sample_graph(w, h);
            g.validate(&DataResidency::host(&g)).expect("a valid graph");
            assert_eq!(g.tasks.len(), 12);
            let host = g.tasks.iter().filter(|t| matches!(t.cost, TaskCost::Host { .. })).count();
            assert_eq!(host, 3);
            assert!(g.data.iter().all(|d| d.bytes > 0 && d.elements > 0));
            assert_eq!(g.data.iter().filter(|d| d.wanted == Some(Place::Cpu)).count(), 2);
        }
    }

    #[test]
    fn kernels_move_the_bytes_of_their_data() {
        let g = sample_graph(WIDTH, HEIGHT);
        for task in &g.tasks {
            let TaskCost::Kernel { work, .. } = &task.cost else { continue };
            let written = g.data[task.writes[0]].bytes as f64;
            assert!((work.result_bytes() / written - 1.0).abs() < 1e-3, "{} writes {written}", task.name);
            let streamed: u64 = task.reads.iter().map(|r| g.data[r.datum].bytes).filter(|&b| b > 1 << 16).sum();
            let read = work.in_bytes * work.elements as f64;
            assert!((read / streamed as f64 - 1.0).abs() < 1e-3, "{} reads {streamed}, not {read}", task.name);
        }
    }

    #[test]
    fn costs_grow_with_the_picture() {
        let (small, large) = (sample_graph(1000, 1000), sample_graph(4000, 1000));
        for (s, l) in small.tasks.iter().zip(&large.tasks) {
            match (&s.cost, &l.cost) {
                (TaskCost::Kernel { work: a, .. }, TaskCost::Kernel { work: b, .. }) => {
                    assert_eq!(4 * a.elements, b.elements, "{}", s.name);
                }
                (TaskCost::Host { ns: a, .. }, TaskCost::Host { ns: b, .. }) => {
                    assert!(s.name == "curve" || 4 * a == *b, "{}", s.name);
                }
                _ => panic!("{} changes its kind", s.name),
            }
        }
    }
}
