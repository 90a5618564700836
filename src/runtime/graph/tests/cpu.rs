//! The CPU alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::op::{Count, LoopNode, LoopStep, Operand, Shape};
use super::super::test_ops::{Hook, TestOp};
use super::*;

/// `Step` on state 0, which is also handed on as state 1 a round later.
pub(super) fn two_states(n: usize, count: Count) -> LoopNode {
    let step = LoopStep {
        op: Arc::new(TestOp::Join),
        reads: vec![Operand::Input(0), Operand::Input(1)],
        output: Shape { ty: Ty::U32, len: n },
    };
    LoopNode {
        name: "rounds".into(),
        states: 2,
        body: vec![step],
        next: vec![Operand::Step(0), Operand::Input(0)],
        count,
    }
}

pub(super) fn two_states_reference(mut a: Vec<u32>, mut b: Vec<u32>, rounds: usize) -> Vec<Vec<u32>> {
    for _ in 0..rounds {
        let next = TestOp::Join.reference(&[&a, &b]);
        (a, b) = (next, a);
    }
    vec![a, b]
}

pub(super) fn chain(n: usize) -> Maker {
    let mut m = Maker::default();
    let x = m.input(numbers(n, 1));
    let y = m.input(numbers(n, 2));
    let a = m.op(TestOp::Step, &[x]);
    let b = m.op(TestOp::Join, &[a, y]);
    let c = m.op(TestOp::IsOdd, &[b]);
    let kept = m.op(TestOp::KeepOdd, &[b]);
    let d = m.op(TestOp::Step, &[kept]);
    let sums = m.op(TestOp::Sum, &[d]);
    let total = m.op(TestOp::Total, &[sums]);
    for d in [b, c, kept, d, sums, total] {
        m.want(d);
    }
    m
}

#[test]
fn a_chain_with_a_filter() {
    let runtime = cpu_runtime();
    for n in [1, 5, 4096, 10_000] {
        let m = chain(n);
        let outcome = m.check(&runtime, &m.plan(&[]));
        assert_eq!(outcome.observed.len(), m.graph.tasks.len());
        assert_eq!(outcome.timeline.spans.len(), m.graph.tasks.len());
    }
}

#[test]
fn a_filter_that_keeps_nothing() {
    let mut m = Maker::default();
    let x = m.input(vec![2, 4, 6]);
    let kept = m.op(TestOp::KeepOdd, &[x]);
    let next = m.op(TestOp::Step, &[kept]);
    let sums = m.op(TestOp::Sum, &[next]);
    for d in [kept, next, sums] {
        m.want(d);
    }
    m.check(&cpu_runtime(), &m.plan(&[]));
}

#[test]
fn windows_make_one_array() {
    let mut m = Maker::default();
    let x = m.input(numbers(50_000, 3));
    let a = m.op(TestOp::Step, &[x]);
    let b = m.op(TestOp::Join, &[a, x]);
    let sums = m.op(TestOp::Sum, &[b]);
    let total = m.op(TestOp::Total, &[sums]);
    m.want_all([b, sums, total]);
    let plan = cut(&m.graph, &[0, 4096, 32_768], &[Place::Cpu], &[]);
    assert_eq!(plan.graph.tasks.len(), 10);
    m.check(&cpu_runtime(), &plan);
}

/// The plan with these tasks as one.
pub(super) fn merged(m: &Maker, group: &[TaskId], place: Place) -> Plan {
    let mut graph = m.graph.clone();
    let last = *group.last().expect("a group");
    let inner: Vec<DatumId> = group[..group.len() - 1].iter().flat_map(|&t| graph.tasks[t].writes.clone()).collect();
    let outside = |r: &Read| !inner.contains(&r.datum);
    let reads = group.iter().flat_map(|&t| graph.tasks[t].reads.clone()).filter(outside).collect();
    graph.tasks[last].reads = reads;
    graph.tasks[last].origin = group.to_vec();
    let mut at = 0;
    graph.tasks.retain(|_| {
        at += 1;
        at - 1 == last || !group.contains(&(at - 1))
    });
    let places = vec![place; graph.tasks.len()];
    plan_of(&graph, &places)
}

#[test]
fn merged_tasks_run_as_one() {
    let mut m = Maker::default();
    let x = m.input(numbers(9_000, 4));
    let a = m.op(TestOp::Step, &[x]);
    let b = m.op(TestOp::Join, &[a, x]);
    let c = m.op(TestOp::Join, &[b, a]);
    let sums = m.op(TestOp::Sum, &[c]);
    m.want(sums);
    let plan = merged(&m, &[0, 1, 2, 3], Place::Cpu);
    assert_eq!(plan.graph.tasks.len(), 1);
    let outcome = m.check(&cpu_runtime(), &plan);
    assert_eq!(outcome.observed.len(), 1);
}

#[test]
fn loops_hand_states_on() {
    let mut m = Maker::default();
    let n = 1_000;
    let (x, y) = (m.input(numbers(n, 5)), m.input(numbers(n, 6)));
    for rounds in [0, 1, 2, 7] {
        let expected = two_states_reference(numbers(n, 5), numbers(n, 6), rounds);
        let states = m.repeat(two_states(n, Count::Times(rounds as u64)), &[x, y], expected);
        m.want_all(states);
    }
    m.check(&cpu_runtime(), &m.plan(&[]));
}

/// Counts element 0 down to zero.
pub(super) fn countdown(n: usize, every: u64, at_most: u64) -> LoopNode {
    let output = Shape { ty: Ty::U32, len: n };
    let step = LoopStep { op: Arc::new(TestOp::Less), reads: vec![Operand::Input(0)], output };
    let count = Count::While { test: Operand::Input(0), every, at_most };
    LoopNode { name: "countdown".into(), states: 1, body: vec![step], next: vec![Operand::Step(0)], count }
}

#[test]
fn while_looks_every_so_often() {
    let mut m = Maker::default();
    let x = m.input(vec![10, 100]);
    // Looks after 4, 8, 12 rounds: zero since round 10.
    for (every, at_most, rounds) in [(4, 1_000, 12), (4, 7, 7), (1, 1_000, 10)] {
        let value = vec![10u32.saturating_sub(rounds), 100 - rounds];
        let states = m.repeat(countdown(2, every, at_most), &[x], vec![value]);
        m.want(states[0]);
    }
    m.check(&cpu_runtime(), &m.plan(&[]));
}

#[test]
fn a_panic_names_its_node_and_stops_the_rest() {
    let after = Arc::new(AtomicUsize::new(0));
    let mut m = Maker::default();
    let x = m.input(numbers(100, 7));
    let bad = m.op(TestOp::Panics, &[x]);
    m.values[bad] = numbers(100, 7);
    let count = Arc::clone(&after);
    let hook = Hook(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let last = m.op(TestOp::Calls(Arc::new(hook)), &[bad]);
    m.want(last);
    let runtime = cpu_runtime();
    match m.run(&runtime, &m.plan(&[])) {
        Err(RunError::Panicked { node, message }) => {
            assert_eq!((node.as_str(), message.as_str()), ("panics", "on purpose"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(after.load(Ordering::Relaxed), 0, "what needs its result did not run");
    assert_eq!(elements(&m.inputs[&x]), m.values[x]);
    // The same runtime goes on.
    let m = chain(100);
    m.check(&runtime, &m.plan(&[]));
}

#[test]
fn an_error_names_its_node() {
    let mut m = Maker::default();
    let x = m.input(numbers(100, 7));
    let bad = m.op(TestOp::Fails, &[x]);
    m.want(bad);
    match m.run(&cpu_runtime(), &m.plan(&[])) {
        Err(RunError::Node { node, .. }) => assert_eq!(node, "fails"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn cancellation_stops_between_two_steps() {
    let token = Arc::new(CancelToken::default());
    let mut m = Maker::default();
    let x = m.input(numbers(100, 8));
    let theirs = Arc::clone(&token);
    let stop = m.op(TestOp::Calls(Arc::new(Hook(Box::new(move || theirs.cancel())))), &[x]);
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let hook = Hook(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let last = m.op(TestOp::Calls(Arc::new(hook)), &[stop]);
    m.want(last);
    let result = m.run_with(&cpu_runtime(), &m.plan(&[]), Some(token), true);
    assert!(matches!(result, Err(RunError::Cancelled)), "{result:?}");
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[test]
fn a_missing_input_is_named() {
    let mut m = Maker::default();
    let x = m.input(numbers(10, 9));
    let y = m.op(TestOp::Step, &[x]);
    m.want(y);
    m.inputs.clear();
    let result = m.run(&cpu_runtime(), &m.plan(&[]));
    assert!(matches!(result, Err(RunError::Graph(GraphError::NoValue { datum, .. })) if datum == x), "{result:?}");
}

#[test]
fn a_plan_of_a_device_that_is_not_there_runs_on_the_cpu() {
    let m = chain(5_000);
    let outcome = m.check(&cpu_runtime(), &m.plan(&[Place::Gpu(7), Place::Cpu, Place::Gpu(7)]));
    assert_eq!(outcome.rerouted, 2);
    assert!(outcome.notes.iter().any(|n| n.contains("GPU 7")), "{:?}", outcome.notes);
}

#[test]
fn random_graphs() {
    let runtime = cpu_runtime();
    for seed in 0..10 {
        let m = random_graph(seed, 60);
        m.check(&runtime, &m.plan(&[]));
    }
}
