//! Fusing and cutting change how a graph is computed, never what: random graphs are interpreted before and after.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use veda::planner::rewrite::{chains, cut, fuse, normalised, residency};
use veda::planner::task_graph::{Access, Datum, Divisible, Read, Task, TaskCost, TaskGraph};
use veda::planner::{DataResidency, OutputKind, Place, Work};

/// Elements per result of the reductions.
const PER_OUTPUT: u64 = 4;

fn datum(name: String, elements: u64) -> Datum {
    Datum { name, bytes: 4 * elements, elements, ..Datum::default() }
}

fn task(name: String, cost: TaskCost, reads: Vec<Read>, write: usize) -> Task {
    Task {
        name,
        only: None,
        cost,
        reads,
        writes: vec![write],
        after: vec![],
        divisible: Divisible::No,
        fusible: false,
        origin: vec![],
        window: None,
    }
}

/// What one task of a random graph is: how it reads (index into what is there, whole or not), its kind, an earlier task
/// that it waits for, whether its result is wanted.
type Choice = (Vec<(usize, bool)>, u8, Option<usize>, bool);

fn graph(n: u64, choices: &[Choice]) -> TaskGraph {
    let mut graph = TaskGraph { data: vec![datum("x".into(), n), datum("y".into(), n)], tasks: vec![] };
    for (t, (inputs, kind, after, wanted)) in choices.iter().enumerate() {
        let count = graph.data.len();
        let reduce = kind % 4 == 2;
        let reads: Vec<Read> = inputs
            .iter()
            .map(|&(i, whole)| (i % count, whole))
            .map(|(d, whole)| {
                let access = if whole || graph.data[d].elements != n { Access::Whole } else { Access::Elements };
                Read { datum: d, access }
            })
            .collect();
        let work = Work {
            key: 100 + t as u64,
            elements: n,
            groups: n.div_ceil(PER_OUTPUT),
            in_bytes: 4.0 * reads.iter().filter(|r| r.access == Access::Elements).count() as f64,
            out_bytes: 4.0,
            output: if reduce { OutputKind::Reduce } else { OutputKind::Map },
            ..Work::default()
        };
        let cost = match kind % 4 {
            3 => TaskCost::Host { key: 0, ns: 1_000, sigma: 0.1 },
            _ => TaskCost::Kernel { work, repeat: 1 },
        };
        let mut new = task(format!("t{t}"), cost, reads, count);
        if kind % 4 != 3 {
            new.fusible = !reduce;
            new.divisible = Divisible::By { grain: 2, per_output: if reduce { PER_OUTPUT } else { 1 } };
        }
        new.after = after.iter().filter(|_| t > 0).map(|a| a % t).collect();
        let mut result = datum(format!("d{t}"), if reduce { n.div_ceil(PER_OUTPUT) } else { n });
        result.wanted = wanted.then_some(Place::Cpu);
        graph.data.push(result);
        graph.tasks.push(new);
    }
    graph
}

fn mix(a: u64, b: u64) -> u64 {
    (a ^ b.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
}

/// Values by the caller's datum and element; what is not there was not computed.
type Values = Vec<Vec<Option<u64>>>;

/// One original task over `window`: `value(datum, element)` gives inputs. Returns `(first output element, values)`.
fn compute(original: &TaskGraph, t: usize, window: (u64, u64), value: &dyn Fn(usize, u64) -> u64) -> (u64, Vec<u64>) {
    let task = &original.tasks[t];
    let per_output = match task.divisible {
        Divisible::By { per_output, .. } => per_output,
        Divisible::No => 1,
    };
    let whole: u64 = task
        .reads
        .iter()
        .filter(|r| r.access == Access::Whole)
        .fold(t as u64, |h, r| (0..original.data[r.datum].elements).fold(h, |h, i| mix(h, value(r.datum, i))));
    let of = |j: u64| {
        let end = ((j + 1) * per_output).min(window.1);
        (j * per_output..end).fold(mix(whole, j), |h, i| {
            let inputs = task.reads.iter().filter(|r| r.access == Access::Elements);
            inputs.fold(h, |h, r| mix(h, value(r.datum, i)))
        })
    };
    let first = window.0 / per_output;
    (first, (first..window.1.div_ceil(per_output)).map(of).collect())
}

/// Runs `rewritten`, whose tasks stand for windows of tasks of `original`; panics when anything is computed twice, read
/// before it is there, or read without being declared.
fn interpret(original: &TaskGraph, rewritten: &TaskGraph, inputs: usize) -> Values {
    let mut values: Values = original.data.iter().map(|d| vec![None; d.elements as usize]).collect();
    for (d, column) in values.iter_mut().enumerate().take(inputs) {
        column.iter_mut().enumerate().for_each(|(i, v)| *v = Some(mix(d as u64 + 1, i as u64)));
    }
    let place = |d: usize| {
        let datum = &rewritten.data[d];
        datum.piece.map_or((d, 0, datum.elements), |p| (p.of, p.from, p.to))
    };
    for task in &rewritten.tasks {
        let declared: Vec<_> = task.reads.iter().map(|r| place(r.datum)).collect();
        let mut local: BTreeMap<(usize, u64), u64> = BTreeMap::new();
        let mut results = Vec::new();
        for &t in &task.origin {
            let out = original.tasks[t].writes[0];
            let n = match &original.tasks[t].cost {
                TaskCost::Kernel { work, .. } => work.elements,
                _ => original.data[out].elements,
            };
            let window = task.window.unwrap_or((0, n));
            let value = |d: usize, i: u64| {
                local.get(&(d, i)).copied().unwrap_or_else(|| {
                    assert!(
                        declared.iter().any(|&(of, from, to)| of == d && (from..to).contains(&i)),
                        "undeclared read"
                    );
                    values[d][i as usize].expect("read before it was written")
                })
            };
            let (first, computed) = compute(original, t, window, &value);
            local.extend(computed.iter().enumerate().map(|(j, &v)| ((out, first + j as u64), v)));
            results = computed.into_iter().enumerate().map(|(j, v)| (out, first + j as u64, v)).collect();
        }
        let written: BTreeSet<(usize, u64)> = task
            .writes
            .iter()
            .flat_map(|&d| {
                let (of, from, to) = place(d);
                (from..to).map(move |i| (of, i))
            })
            .collect();
        let computed: BTreeSet<(usize, u64)> = results.iter().map(|&(d, i, _)| (d, i)).collect();
        assert_eq!(written, computed, "{} writes what it computes", task.name);
        for (d, i, v) in results {
            assert_eq!(values[d][i as usize].replace(v), None, "element {i} of datum {d} is computed twice");
        }
    }
    values
}

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let inputs = prop::collection::vec((0usize..40, prop::bool::weighted(0.15)), 1..3);
    prop::collection::vec((inputs, 0u8..8, prop::option::weighted(0.1, 0usize..40), prop::bool::weighted(0.3)), 1..14)
}

/// All that must hold between a graph and its rewriting.
fn same(original: &TaskGraph, rewritten: &TaskGraph) {
    let residency = residency(rewritten, &DataResidency::host(original));
    rewritten.validate(&residency).unwrap();
    let before = interpret(original, &normalised(original), 2);
    let after = interpret(original, rewritten, 2);
    for (d, datum) in original.data.iter().enumerate() {
        if datum.wanted.is_some() {
            assert_eq!(after[d], before[d], "{}", datum.name);
            let pieces = rewritten.data.iter().filter(|p| p.wanted == datum.wanted);
            let elements: u64 = pieces
                .filter(|p| p.piece.map_or(p.name == datum.name, |piece| piece.of == d))
                .map(|p| p.elements)
                .sum();
            assert_eq!(elements, datum.elements, "every element of {} is wanted once", datum.name);
        }
    }
    let bytes = |d: usize| rewritten.data.iter().filter(|p| p.piece.is_some_and(|p| p.of == d)).map(|p| p.bytes).sum();
    for (d, datum) in original.data.iter().enumerate() {
        let pieces: u64 = bytes(d);
        assert!(pieces == 0 || pieces == datum.bytes, "pieces of {} have its bytes", datum.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn fusing_and_cutting_compute_every_element_once(n in 3u64..40, choices in choices(), mask: u64, k in 1u64..6, skew in 0u64..20) {
        let original = graph(n, &choices);
        let graph = normalised(&original);
        let over = fuse::candidates(&graph).into_iter().map(|c| c.0).filter(|d| mask >> (d % 64) & 1 == 1).collect();
        let fused = fuse::fuse(&graph, &over);
        same(&original, &fused);
        let mut cuts = cut::Cuts::new();
        for (i, chain) in chains(&fused).into_iter().enumerate() {
            for t in chain {
                let grain = if i % 2 == 0 { 4 } else { 8 };
                let mut inner = cut::even(n, grain, k + i as u64 % 2);
                inner.push(skew / grain * grain);
                cuts.insert(t, inner);
            }
        }
        let both = cut::cut(&fused, &cuts);
        same(&original, &both);
    }
}

#[test]
fn a_chain_of_maps_becomes_one_task_that_reads_and_writes_once() {
    let map = |from: usize| (vec![(from, false)], 0u8, None, false);
    let mut graph = graph(1_000, &[map(0), map(2), map(3)]);
    graph.data[4].wanted = Some(Place::Cpu);
    let graph = normalised(&graph);
    let found = fuse::candidates(&graph);
    assert_eq!(found.iter().map(|c| c.0).collect::<Vec<_>>(), [2, 3]);
    let fused = fuse::fuse(&graph, &BTreeSet::from([2, 3]));
    assert_eq!(fused.tasks.len(), 1);
    let TaskCost::Kernel { work, .. } = &fused.tasks[0].cost else { panic!("a kernel") };
    assert_eq!((work.in_bytes, work.out_bytes), (4.0, 4.0), "the intermediates cost nothing any more");
    assert_eq!(fused.tasks[0].origin, [0, 1, 2]);
}

#[test]
fn what_is_wanted_or_read_twice_is_not_fused() {
    let map = |from: usize, wanted: bool| (vec![(from, false)], 0u8, None, wanted);
    let twice = graph(100, &[map(0, false), map(2, true), map(2, true)]);
    assert_eq!(fuse::candidates(&normalised(&twice)), []);
    let wanted = graph(100, &[map(0, true), map(2, true)]);
    assert_eq!(fuse::candidates(&normalised(&wanted)), []);
}
