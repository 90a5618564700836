//! The CPU and a software GPU together.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::super::op::{Count, StagedOp};
use super::super::test_ops::Hook;
use super::cpu::{chain, countdown, merged, two_states, two_states_reference};
use super::*;
use crate::config::DeviceChoice;
use crate::planner::timeline::{Lane, What};

/// A runtime with the software GPU, and that GPU's place. `None` where there is none and nobody demands one.
pub(super) fn own_device() -> Option<(Runtime, Place)> {
    let config = Config::builder().num_threads(2).device(DeviceChoice::Software).build();
    match Runtime::new(config) {
        Ok(runtime) => {
            let place = runtime.preferred_place().expect("it was found");
            Some((runtime, place))
        }
        Err(error) => {
            assert!(std::env::var("VEDA_REQUIRE_GPU").as_deref() != Ok("1"), "VEDA_REQUIRE_GPU=1: {error}");
            eprintln!("skipped: {error}; set VEDA_REQUIRE_GPU=1 to make this a failure");
            None
        }
    }
}

/// The same, one for all tests that do not harm it; one test at a time, so that memory and queue are its own.
fn shared_device() -> Option<(MutexGuard<'static, ()>, &'static Runtime, Place)> {
    static DEVICE: OnceLock<Option<(Runtime, Place)>> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (runtime, place) = DEVICE.get_or_init(own_device).as_ref()?;
    Some((turn, runtime, *place))
}

/// The lane of a place.
fn lane(place: Place) -> Lane {
    Lane::of(place)
}

#[test]
fn a_chain_on_the_device() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    for n in [1, 5, 4096, 10_000] {
        let m = chain(n);
        let outcome = m.check(runtime, &m.plan(&[gpu; 6]));
        let on_gpu = outcome.observed.iter().filter(|o| o.place == gpu).count();
        assert_eq!((on_gpu, outcome.rerouted), (6, 0), "{:?}", outcome.notes);
    }
}

#[test]
fn data_cross_between_places() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    let m = chain(7_777);
    for bits in 0..64u32 {
        let places: Vec<Place> = (0..6).map(|t| if bits >> t & 1 == 1 { gpu } else { Place::Cpu }).collect();
        let outcome = m.check(runtime, &m.plan(&places));
        assert_eq!(outcome.rerouted, 0, "{places:?} {:?}", outcome.notes);
        for (t, place) in places.iter().enumerate() {
            assert!(outcome.observed.iter().any(|o| o.task == t && o.place == *place), "task {t} at {place}");
        }
    }
}

#[test]
fn a_filter_that_keeps_nothing_on_the_device() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    let mut m = Maker::default();
    let x = m.input(vec![2; 5_000]);
    let kept = m.op(TestOp::KeepOdd, &[x]);
    let next = m.op(TestOp::Step, &[kept]);
    let sums = m.op(TestOp::Sum, &[next]);
    m.want_all([kept, next, sums]);
    let outcome = m.check(runtime, &m.plan(&[gpu; 3]));
    assert_eq!(outcome.rerouted, 0, "{:?}", outcome.notes);
}

#[test]
fn windows_on_both_places_make_one_array() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    let mut m = Maker::default();
    let x = m.input(numbers(100_000, 3));
    let a = m.op(TestOp::Step, &[x]);
    let b = m.op(TestOp::Join, &[a, x]);
    let sums = m.op(TestOp::Sum, &[b]);
    let odd = m.op(TestOp::IsOdd, &[b]);
    let total = m.op(TestOp::Total, &[sums]);
    // Reads the pieces of `b` as one.
    let again = m.op(TestOp::Step, &[b]);
    m.want_all([b, sums, odd, total, again]);
    for places in [[gpu, Place::Cpu], [Place::Cpu, gpu], [gpu, gpu]] {
        let mut plan = cut(&m.graph, &[0, 8192, 65_536], &places, &[5]);
        let last = plan.places.len() - 1;
        plan.places[last] = gpu;
        let outcome = m.check(runtime, &plan);
        assert_eq!(outcome.rerouted, 0, "{:?}", outcome.notes);
    }
}

#[test]
fn planned_copies_go_ahead_of_their_tasks() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    let mut m = Maker::default();
    let (x, y) = (m.input(numbers(3_000, 1)), m.input(numbers(3_000, 2)));
    let a = m.op(TestOp::Step, &[x]);
    let b = m.op(TestOp::Join, &[a, y]);
    let c = m.op(TestOp::Calls(Arc::new(Hook(Box::new(|| ())))), &[b]);
    m.want(c);
    let mut plan = m.plan(&[gpu, gpu]);
    let copy = |datum, from, to| Step { action: Action::Copy { datum, from, to }, start_ns: 0, end_ns: 0 };
    plan.steps.insert(0, copy(x, Place::Cpu, gpu));
    plan.steps.insert(2, copy(y, Place::Cpu, gpu));
    plan.steps.insert(3, Step { action: Action::Evict { datum: x, place: gpu }, start_ns: 0, end_ns: 0 });
    plan.steps.insert(5, copy(b, gpu, Place::Cpu));
    let outcome = m.check(runtime, &plan);
    let Place::Gpu(index) = gpu else { unreachable!() };
    let copied = |lane: Lane| {
        let of = outcome.timeline.spans.iter().filter(move |s| s.lane == lane);
        of.filter_map(|s| if let What::Copy(d) = s.what { Some(d) } else { None }).collect::<Vec<_>>()
    };
    assert_eq!(copied(Lane::Upload(index)), [x, y]);
    assert_eq!(copied(Lane::Download(index)), [b]);
    assert!(!m.inputs[&x].valid().contains(&gpu), "it was evicted");
    assert!(m.inputs[&y].valid().contains(&gpu), "the next run finds it there");
}

#[test]
fn merged_tasks_are_one_dispatch() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    let mut m = Maker::default();
    let x = m.input(numbers(9_000, 4));
    let a = m.op(TestOp::Step, &[x]);
    let b = m.op(TestOp::Join, &[a, x]);
    let c = m.op(TestOp::Join, &[b, a]);
    let sums = m.op(TestOp::Sum, &[c]);
    m.want(sums);
    let outcome = m.check(runtime, &merged(&m, &[0, 1, 2, 3], gpu));
    assert_eq!((outcome.observed.len(), outcome.rerouted), (1, 0), "{:?}", outcome.notes);
}

#[test]
fn loops_stay_on_the_device() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    let mut m = Maker::default();
    let n = 1_000;
    let (x, y) = (m.input(numbers(n, 5)), m.input(numbers(n, 6)));
    for rounds in [0, 1, 2, 7, 300] {
        let expected = two_states_reference(numbers(n, 5), numbers(n, 6), rounds);
        let states = m.repeat(two_states(n, Count::Times(rounds as u64)), &[x, y], expected);
        m.want_all(states);
    }
    let outcome = m.check(runtime, &m.plan(&[gpu; 5]));
    assert_eq!(outcome.rerouted, 0, "{:?}", outcome.notes);
    let Place::Gpu(index) = gpu else { unreachable!() };
    let up = outcome.timeline.spans.iter().filter(|s| s.lane == Lane::Upload(index)).count();
    assert_eq!(up, 0, "what it needs goes up with the first round");
}

#[test]
fn while_on_the_device_looks_where_the_cpu_looks() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    let mut m = Maker::default();
    let x = m.input(vec![10, 100]);
    for (every, at_most, rounds) in [(4, 1_000, 12), (4, 7, 7), (1, 1_000, 10), (200, 1_000, 100)] {
        let value = vec![10u32.saturating_sub(rounds), 100 - rounds];
        let states = m.repeat(countdown(2, every, at_most), &[x], vec![value]);
        m.want(states[0]);
    }
    let outcome = m.check(runtime, &m.plan(&[gpu; 4]));
    assert_eq!(outcome.rerouted, 0, "{:?}", outcome.notes);
}

#[test]
fn the_next_run_finds_results_where_they_are() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    let mut m = Maker::default();
    let x = m.input(numbers(4_000, 1));
    let y = m.op(TestOp::Step, &[x]);
    m.graph.data[y].wanted = Some(gpu);
    let outcome = m.run(runtime, &m.plan(&[gpu])).expect("it runs");
    let result = Arc::clone(&outcome.outputs[&y]);
    assert_eq!(result.valid().into_iter().collect::<Vec<_>>(), [gpu], "nobody asked for it on the host");

    let mut next = Maker::default();
    let input = next.input(m.values[y].clone());
    next.inputs.insert(input, Arc::clone(&result));
    let z = next.op(TestOp::Step, &[input]);
    next.want(z);
    let outcome = next.run(runtime, &next.plan(&[gpu])).expect("it runs");
    assert_eq!(elements(&outcome.outputs[&z]), next.values[z]);
    assert_eq!(result.valid().into_iter().collect::<Vec<_>>(), [gpu], "it was not fetched");
    assert_eq!(elements(&result), m.values[y], "until somebody looks");
    assert_eq!(result.valid().len(), 2);
}

/// A rendezvous: the host node ends only when the device's branch has been handed over and is done.
#[test]
fn two_branches_overlap() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    let flag = Arc::new(AtomicBool::new(false));
    let mut m = Maker::default();
    let x = m.input(numbers(20_000, 1));
    let waits = m.op(TestOp::WaitsFor(Arc::clone(&flag)), &[x]);
    let a = m.op(TestOp::Step, &[x]);
    let b = m.op(TestOp::Step, &[a]);
    let both = m.op(TestOp::Join, &[waits, b]);
    m.want(both);
    let theirs = Arc::clone(&flag);
    // Watches from outside until the device's branch is done while the host node runs.
    let device = runtime
        .inner
        .gpus
        .wait()
        .gpu(if let Place::Gpu(i) = gpu { i } else { 0 })
        .and_then(crate::runtime::gpus::Gpu::device);
    let device = device.expect("it is open");
    let before = device.counters().lists;
    let watcher = std::thread::spawn(move || {
        // Not for ever: if the branch does not go ahead, the comparison of the spans below says so.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while device.counters().lists < before + 2 && std::time::Instant::now() < end {
            std::thread::yield_now();
        }
        theirs.store(true, std::sync::atomic::Ordering::Release);
    });
    let outcome = m.check(runtime, &m.plan(&[Place::Cpu, gpu, gpu, Place::Cpu]));
    watcher.join().expect("the watcher ends");
    let host = outcome.timeline.run(0).expect("it ran").clone();
    let on_gpu = outcome.timeline.run(1).expect("it ran");
    assert_eq!((host.lane, on_gpu.lane), (Lane::Cpu, lane(gpu)));
    assert!(host.start_ns < on_gpu.end_ns && on_gpu.start_ns < host.end_ns, "{:?}", outcome.timeline);
}

#[derive(Debug)]
struct Doubling(Mutex<Vec<Place>>);
impl StagedOp for Doubling {
    fn name(&self) -> String {
        "doubling".into()
    }
    fn run(
        &self,
        place: Place,
        inputs: &[super::super::op::Input<'_>],
        output: super::super::host::HostSliceMut<'_>,
    ) -> crate::error::Result<usize> {
        self.0.lock().expect("nobody panicked").push(place);
        let (xs, out) = (inputs[0].slice.get::<u32>().expect("words"), output.get::<u32>().expect("words"));
        out.iter_mut().zip(xs).for_each(|(o, x)| *o = x.wrapping_mul(2));
        Ok(xs.len())
    }
}

#[test]
fn staged_kernels_get_host_memory_at_their_place() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    let mut m = Maker::default();
    let x = m.input(numbers(5_000, 1));
    let a = m.op(TestOp::Step, &[x]);
    let b = m.datum("doubled", Ty::U32, 5_000, false);
    m.values[b] = m.values[a].iter().map(|x| x.wrapping_mul(2)).collect();
    let op = Arc::new(Doubling(Mutex::default()));
    let reads = vec![Read { datum: a, access: Access::Whole }];
    m.task("doubling".into(), Node::Staged(Arc::clone(&op) as Arc<dyn StagedOp>), reads, vec![b], Divisible::No);
    let c = m.op(TestOp::Step, &[b]);
    m.want(c);
    let outcome = m.check(runtime, &m.plan(&[gpu, gpu, gpu]));
    assert_eq!(*op.0.lock().expect("nobody panicked"), [gpu]);
    assert_eq!(outcome.rerouted, 0, "{:?}", outcome.notes);
}

/// Random places, with and without the right to move tasks.
#[test]
fn random_graphs_on_both() {
    let Some((_turn, runtime, gpu)) = shared_device() else { return };
    for seed in 0..24u32 {
        let m = random_graph(seed, 60);
        let at = |t: usize| (seed ^ t as u32).wrapping_mul(0x9e37_79b9) >> 28;
        let places: Vec<Place> = (0..m.graph.tasks.len()).map(|t| if at(t) < 8 { gpu } else { Place::Cpu }).collect();
        let outcome = m.run_with(runtime, &m.plan(&places), None, seed % 2 == 0).expect("it runs");
        m.compare(&outcome);
        assert_eq!(outcome.observed.len(), m.graph.tasks.len());
    }
}
