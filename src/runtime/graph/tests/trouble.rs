//! What can go wrong with a device in the middle of a graph.

use std::process::Command;

use super::super::op::Count;
use super::super::test_ops::Hook;
use super::cpu::{chain, two_states, two_states_reference};
use super::device::own_device;
use super::*;

fn index(place: Place) -> u32 {
    if let Place::Gpu(index) = place { index } else { unreachable!("a GPU") }
}

/// A node that loses the device when it runs; the host only.
fn losing(runtime: &Runtime, gpu: Place) -> TestOp {
    let runtime = runtime.clone();
    TestOp::Calls(Arc::new(Hook(Box::new(move || runtime.simulate_gpu_loss(index(gpu))))))
}

#[test]
fn after_a_loss_the_rest_is_planned_again() {
    let Some((runtime, gpu)) = own_device() else { return };
    let mut m = Maker::default();
    let x = m.input(numbers(10_000, 1));
    let a = m.op(TestOp::Step, &[x]); // on the GPU, and only there
    let b = m.op(TestOp::Step, &[a]);
    let lost = m.op(losing(&runtime, gpu), &[b]);
    let c = m.op(TestOp::Join, &[lost, a]); // needs the result that is gone
    let sums = m.op(TestOp::Sum, &[c]);
    let total = m.op(TestOp::Total, &[sums]);
    m.want_all([c, total]);
    let outcome = m.check(&runtime, &m.plan(&[gpu, gpu, Place::Cpu, gpu, gpu]));
    let [(_, plan)] = outcome.replans.as_slice() else { panic!("{:?}", outcome.notes) };
    // `a` had its only copy there; `b` and the host node are done.
    let names: Vec<&str> = plan.graph.tasks.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!((names[0], names[1]), ("step", "join"));
}

#[test]
fn a_loss_in_a_loop_of_many_rounds() {
    let Some((runtime, gpu)) = own_device() else { return };
    let n = 1_000;
    let mut m = Maker::default();
    let (x, y) = (m.input(numbers(n, 5)), m.input(numbers(n, 6)));
    let lost = m.op(losing(&runtime, gpu), &[x]);
    let rounds = 20_000;
    let expected = two_states_reference(numbers(n, 5), numbers(n, 6), rounds);
    let states = m.repeat(two_states(n, Count::Times(rounds as u64)), &[x, y], expected);
    let last = m.op(TestOp::Join, &[states[0], states[1]]);
    m.want_all([lost, last]);
    let outcome = m.check(&runtime, &m.plan(&[Place::Cpu, gpu, gpu]));
    assert_eq!(outcome.replans.len(), 1, "{:?}", outcome.notes);
}

#[test]
fn an_input_that_was_only_there_is_named() {
    let Some((runtime, gpu)) = own_device() else { return };
    let mut m = Maker::default();
    let x = m.input(numbers(1_000, 1));
    let y = m.op(TestOp::Step, &[x]);
    m.graph.data[y].wanted = Some(gpu);
    let outcome = m.run(&runtime, &m.plan(&[gpu])).expect("it runs");
    let only_there = Arc::clone(&outcome.outputs[&y]);

    let mut next = Maker::default();
    let input = next.input(m.values[y].clone());
    next.inputs.insert(input, Arc::clone(&only_there));
    let other = next.input(numbers(1_000, 2));
    let lost = next.op(losing(&runtime, gpu), &[other]);
    let z = next.op(TestOp::Join, &[lost, input]);
    next.want(z);
    let plan = next.plan(&[Place::Cpu, gpu]);
    let result = next.run(&runtime, &plan);
    assert!(matches!(&result, Err(RunError::ArrayLost { array, .. }) if array == "input"), "{result:?}");
    assert!(only_there.valid().is_empty());
    // From the start.
    let result = next.run(&runtime, &plan);
    assert!(matches!(&result, Err(RunError::ArrayLost { .. })), "{result:?}");
    assert!(matches!(only_there.host(), Err(RunError::ArrayLost { .. })));
}

#[test]
fn a_failed_check_moves_its_task_to_the_cpu() {
    let Some((runtime, gpu)) = own_device() else { return };
    let mut m = Maker::default();
    // 70 000 rounds: more than the software driver runs.
    let x = m.input(vec![3, 70_000, 5]);
    let a = m.op(TestOp::Less, &[x]);
    let b = m.op(TestOp::Long, &[a]);
    let c = m.op(TestOp::Step, &[b]); // handed over before the failure is known
    let d = m.op(TestOp::Step, &[c]);
    m.want_all([a, d]);
    let outcome = m.check(&runtime, &m.plan(&[gpu; 4]));
    assert_eq!(outcome.rerouted, 1, "{:?}", outcome.notes);
    let at = |t: TaskId| outcome.observed.iter().rev().find(|o| o.task == t).map(|o| o.place);
    assert_eq!([at(0), at(1), at(2), at(3)], [Some(gpu), Some(Place::Cpu), Some(gpu), Some(gpu)]);
}

#[test]
fn a_panic_on_the_host_stops_the_device_too() {
    let Some((runtime, gpu)) = own_device() else { return };
    let mut m = Maker::default();
    let x = m.input(numbers(10_000, 1));
    let a = m.op(TestOp::Step, &[x]);
    let bad = m.op(TestOp::Panics, &[a]);
    m.values[bad] = numbers(10_000, 1);
    let c = m.op(TestOp::Step, &[bad]);
    m.want(c);
    let result = m.run(&runtime, &m.plan(&[gpu, Place::Cpu, gpu]));
    assert!(matches!(&result, Err(RunError::Panicked { node, .. }) if node == "panics"), "{result:?}");
    let m = chain(5_000);
    m.check(&runtime, &m.plan(&[gpu; 6]));
}

#[test]
fn cancelled_while_the_device_works() {
    let Some((runtime, gpu)) = own_device() else { return };
    let token = Arc::new(CancelToken::default());
    let n = 1_000;
    let mut m = Maker::default();
    let (x, y) = (m.input(numbers(n, 5)), m.input(numbers(n, 6)));
    let theirs = Arc::clone(&token);
    let stop = m.op(TestOp::Calls(Arc::new(Hook(Box::new(move || theirs.cancel())))), &[x]);
    let endless = two_states(n, Count::Times(u64::MAX / 2));
    let states = m.repeat(endless, &[x, y], vec![Vec::new(), Vec::new()]);
    m.want_all([stop, states[0]]);
    let result = m.run_with(&runtime, &m.plan(&[Place::Cpu, gpu]), Some(token), true);
    assert!(matches!(result, Err(RunError::Cancelled)), "{result:?}");
}

/// Runs a test of this file in a process of its own, with a budget of device memory.
fn with_budget(name: &str, budget: &str, body: impl FnOnce()) {
    const CHILD: &str = "VEDA_TEST_CHILD";
    if std::env::var(CHILD).as_deref() == Ok(name) {
        return body();
    }
    let path = format!("runtime::graph::tests::trouble::{name}");
    let mut command = Command::new(std::env::current_exe().expect("the test knows its own path"));
    command.args([&path, "--exact", "--nocapture"]).env(CHILD, name).env("VEDA_GPU_MEMORY", budget);
    let output = command.output().expect("the child starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "the child failed: {}\n{text}", output.status);
}

#[test]
fn what_does_not_fit_is_spilled() {
    with_budget("what_does_not_fit_is_spilled", "3MiB", || {
        let Some((runtime, gpu)) = own_device() else { return };
        // Twelve arrays of 256 KiB that are all needed at the end, in reverse.
        let mut m = Maker::default();
        let x = m.input(numbers(65_536, 1));
        let mut all = vec![x];
        for _ in 0..12 {
            all.push(m.op(TestOp::Step, &[all[all.len() - 1]]));
        }
        let mut sum = all.pop().expect("there are some");
        while let Some(d) = all.pop() {
            sum = m.op(TestOp::Join, &[sum, d]);
        }
        m.want(sum);
        let places = vec![gpu; m.graph.tasks.len()];
        let outcome = m.check(&runtime, &m.plan(&places));
        assert!(outcome.notes.iter().any(|n| n.contains("spilled")), "{:?}", outcome.notes);
        let on_gpu = outcome.observed.iter().filter(|o| o.place == gpu).count();
        assert_eq!(on_gpu, places.len(), "{:?}", outcome.notes);
    });
}

#[test]
fn what_can_never_fit_runs_on_the_cpu() {
    with_budget("what_can_never_fit_runs_on_the_cpu", "1MiB", || {
        let Some((runtime, gpu)) = own_device() else { return };
        let mut m = Maker::default();
        let x = m.input(numbers(500_000, 1));
        let y = m.op(TestOp::Step, &[x]);
        let sums = m.op(TestOp::Sum, &[y]);
        let small = m.op(TestOp::Step, &[sums]);
        m.want(small);
        let outcome = m.check(&runtime, &m.plan(&[gpu; 3]));
        assert_eq!(outcome.rerouted, 2, "{:?}", outcome.notes);
        assert!(outcome.observed.iter().any(|o| o.task == 2 && o.place == gpu));
    });
}

/// While a device builds a pipeline, the idle CPU runs the task; in a deterministic run the device does, when it is ready.
#[test]
fn the_cpu_runs_what_is_still_being_built() {
    for deterministic in [true, false] {
        // A device of its own: nothing is built there. A build takes milliseconds, a look of the idle lane microseconds.
        let Some((runtime, gpu)) = own_device() else { return };
        let mut m = Maker::default();
        let x = m.input(numbers(10_000, 1));
        let y = m.op(TestOp::Join, &[x, x]);
        m.want(y);
        let outcome = m.run_with(&runtime, &m.plan(&[gpu]), None, deterministic).expect("it runs");
        m.compare(&outcome);
        let at = outcome.observed.first().expect("it ran").place;
        assert_eq!(at, if deterministic { gpu } else { Place::Cpu }, "{:?}", outcome.notes);
        assert_eq!(
            outcome.notes.iter().any(|note| note.contains("being built")),
            !deterministic,
            "{:?}",
            outcome.notes
        );
    }
}

/// A lane that is late by more than chance explains loses a task to an idle one; never in a deterministic run.
#[test]
fn the_late_are_helped() {
    let Some((runtime, gpu)) = own_device() else { return };
    for deterministic in [true, false] {
        let mut m = Maker::default();
        let x = m.input(numbers(10_000, 1));
        let flag = Arc::new(std::sync::atomic::AtomicBool::new(false));
        // The lane of the CPU is held up until the deadline of its second task is long over.
        let theirs = Arc::clone(&flag);
        let slow = m.op(
            TestOp::Calls(Arc::new(Hook(Box::new(move || {
                let end = std::time::Instant::now() + std::time::Duration::from_secs(2);
                while std::time::Instant::now() < end && !theirs.load(std::sync::atomic::Ordering::Acquire) {
                    std::thread::yield_now();
                }
            })))),
            &[x],
        );
        let late = m.op(TestOp::Step, &[x]);
        m.want_all([slow, late]);
        let warm = m.plan(&[Place::Cpu, gpu]);
        flag.store(true, std::sync::atomic::Ordering::Release);
        m.check(&runtime, &warm); // its pipeline is ready now
        flag.store(false, std::sync::atomic::Ordering::Release);
        let mut plan = m.plan(&[Place::Cpu, Place::Cpu]);
        plan.steps.iter_mut().for_each(|s| s.end_ns = 1_000_000);
        // The GPU needs a lane, so something of its own.
        let copy = Action::Copy { datum: x, from: Place::Cpu, to: gpu };
        plan.steps.push(Step { action: copy, start_ns: 0, end_ns: 0 });
        let outcome = m.run_with(&runtime, &plan, None, deterministic).expect("it runs");
        m.compare(&outcome);
        let at = outcome.observed.iter().find(|o| o.task == 1).expect("it ran").place;
        assert_eq!(at, if deterministic { Place::Cpu } else { gpu }, "{:?}", outcome.notes);
    }
}

/// Losses at any moment, from outside; every array is right or the run says why not.
#[test]
fn random_graphs_under_losses() {
    let Some((runtime, gpu)) = own_device() else { return };
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (theirs, victim) = (Arc::clone(&stop), runtime.clone());
    let enemy = std::thread::spawn(move || {
        // A device is opened again three times.
        for pause in [3u64, 11, 29, 61] {
            std::thread::sleep(std::time::Duration::from_millis(pause));
            if !theirs.load(std::sync::atomic::Ordering::Acquire) {
                victim.simulate_gpu_loss(index(gpu));
            }
        }
    });
    for seed in 100..112u32 {
        let m = random_graph(seed, 60);
        let places: Vec<Place> = (0..m.graph.tasks.len()).map(|t| if t % 3 == 0 { Place::Cpu } else { gpu }).collect();
        let outcome = m.run_with(&runtime, &m.plan(&places), None, false).expect("it runs");
        m.compare(&outcome);
    }
    stop.store(true, std::sync::atomic::Ordering::Release);
    enemy.join().expect("the enemy ends");
}

#[test]
fn random_graphs_with_little_memory() {
    with_budget("random_graphs_with_little_memory", "1200KiB", || {
        let Some((runtime, gpu)) = own_device() else { return };
        for seed in 200..208u32 {
            let m = random_graph(seed, 80);
            let places = vec![gpu; m.graph.tasks.len()];
            let outcome = m.run_with(&runtime, &m.plan(&places), None, true).expect("it runs");
            m.compare(&outcome);
        }
    });
}
