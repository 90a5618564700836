//! Graphs at their edges: empty arrays, ragged ends, arrays used twice, many threads, runs inside of runs.
#![allow(missing_docs, reason = "tests")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use veda::error::GraphError;
use veda::{Array, Config, DeviceChoice, Error, Graph, Runtime};

#[veda::kernel]
fn square(x: f32) -> f32 {
    x * x
}
#[veda::kernel]
fn saxpy(a: f32, x: f32, y: f32) -> f32 {
    a * x + y
}
#[veda::kernel]
fn negated(x: bool) -> bool {
    !x
}
#[veda::kernel]
fn small(x: f32) -> bool {
    x < 500.0
}

fn ramp(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i % 1013) as f32).collect()
}

/// The CPU alone, and the first adapter where there is one.
fn runtimes() -> Vec<Runtime> {
    let choices = [DeviceChoice::Cpu, DeviceChoice::Gpu(Some(0))];
    let config = |choice| Config::builder().device(choice).admit_software(true).num_threads(2).build();
    let found: Vec<_> = choices.into_iter().filter_map(|choice| Runtime::new(config(choice)).ok()).collect();
    assert!(
        found.len() == 2 || !cfg!(feature = "gpu") || std::env::var("VEDA_REQUIRE_GPU").as_deref() != Ok("1"),
        "no adapter was found"
    );
    found
}

/// The idle CPU does not take a node that the user has forced on a device, although its pipeline is still being built.
#[test]
fn a_forced_node_waits_for_its_pipeline() {
    for runtime in runtimes() {
        let mut g = Graph::on(&runtime);
        let x = g.input(&Array::from(ramp(1000)));
        let y = g.apply(saxpy::on(3.0, &x, &x)).unwrap();
        g.output(&y);
        let out = g.plan().unwrap().run().unwrap();
        assert_eq!(
            (out.rerouted(), out.get(&y).unwrap().to_vec().unwrap()[999]),
            (0, 4.0 * 999.0),
            "{:?}",
            out.notes()
        );
    }
}

#[test]
fn empty_arrays_go_through_every_node() {
    for runtime in runtimes() {
        let mut g = Graph::on(&runtime);
        let x = g.input(&Array::from(Vec::<f32>::new()));
        let y = g.apply(saxpy::on(2.0, &x, &x)).unwrap();
        let kept = g.filter(&y, small).unwrap();
        let z = g.apply(square::on(&kept)).unwrap();
        let sum = g.sum(&z).unwrap();
        let copied = g.host("copy", y, y, |y: &[f32], out: &mut [f32]| out.copy_from_slice(y)).unwrap();
        let looped = g.repeat(3, copied, |g, x| g.apply(square::on(&x))).unwrap();
        for v in [&x, &y, &kept, &z, &sum, &copied, &looped] {
            g.output(v);
        }
        let out = g.plan().unwrap().run().unwrap();
        for v in [&x, &y, &kept, &z, &copied, &looped] {
            assert!(out.get(v).unwrap().to_vec().unwrap().is_empty());
        }
        assert_eq!(out.get(&sum).unwrap().to_vec().unwrap(), [0.0]);
    }
}

#[test]
fn ragged_ends_and_bools() {
    for runtime in runtimes() {
        for n in [1usize, 3, 255, 257, 4095, 4097, 65_537, 300_001] {
            let xs = ramp(n);
            let mut g = Graph::on(&runtime);
            let x = g.input(&Array::from(xs.clone()));
            let bits = g.map(&x, small).unwrap();
            let flipped = g.apply(negated::on(&bits)).unwrap();
            let window = g.window(&flipped, n / 3..n - n / 4).unwrap();
            let kept = g.filter(&x, small).unwrap();
            let squares = g.apply(square::on(&kept)).unwrap();
            let count = g.count(&bits).unwrap();
            let all = g.all(&flipped).unwrap();
            for v in [bits, flipped, window, all] {
                g.output(&v);
            }
            g.output(&squares);
            g.output(&count);
            let out = g.plan().unwrap().run().unwrap();
            let expected: Vec<bool> = xs.iter().map(|&x| x < 500.0).collect();
            let not: Vec<bool> = expected.iter().map(|b| !b).collect();
            assert_eq!(out.get(&bits).unwrap().to_vec().unwrap(), expected, "{n}");
            assert_eq!(out.get(&flipped).unwrap().to_vec().unwrap(), not, "{n}");
            assert_eq!(out.get(&window).unwrap().to_vec().unwrap(), not[n / 3..n - n / 4], "{n}");
            assert_eq!(out.get(&all).unwrap().to_vec().unwrap(), [not.iter().all(|&b| b)], "{n}");
            let survivors: Vec<f32> = xs.iter().filter(|&&x| x < 500.0).map(|x| x * x).collect();
            assert_eq!(out.get(&count).unwrap().to_vec().unwrap(), [survivors.len() as u32], "{n}");
            assert_eq!(out.get(&squares).unwrap().to_vec().unwrap(), survivors, "{n}");
        }
    }
}

#[test]
fn without_an_output_there_is_nothing_to_plan() {
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(10)));
    let _ = g.apply(square::on(&x)).unwrap();
    assert!(matches!(g.plan(), Err(Error::Graph(GraphError::NoOutput))));
    // A host function runs for what it does.
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(10)));
    let seen = |_: &[f32], _: &mut [u32]| _ = CALLS.fetch_add(1, Ordering::Relaxed);
    let _ = g.host::<_, u32, _, _>("look", &x, 1, seen).unwrap();
    g.plan().unwrap().run().unwrap();
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}

#[test]
fn one_array_twice_and_outputs_that_are_inputs_or_named_twice() {
    for runtime in runtimes() {
        let array = Array::from(ramp(100_003));
        let mut g = Graph::on(&runtime);
        let (x, also) = (g.input(&array), g.input(&array));
        let y = g.apply(saxpy::on(2.0, &x, &also)).unwrap();
        let z = g.apply(saxpy::on(-1.0, &y, &y)).unwrap();
        for v in [&x, &y, &y, &z] {
            g.output(v);
        }
        let plan = g.plan().unwrap();
        for _ in 0..2 {
            let out = plan.run().unwrap();
            assert_eq!(out.get(&x).unwrap().to_vec().unwrap(), ramp(100_003));
            let triple: Vec<f32> = ramp(100_003).iter().map(|x| 3.0 * x).collect();
            assert_eq!(out.get(&y).unwrap().to_vec().unwrap(), triple);
            assert_eq!(out.get(&y).unwrap().to_vec().unwrap(), triple);
            assert!(out.get(&z).unwrap().to_vec().unwrap().iter().all(|&z| z == 0.0));
            assert!(matches!(out.get(&also), Err(Error::Graph(GraphError::NotKept { .. }))));
        }
        // An input alone is a graph too.
        let mut g = Graph::on(&runtime);
        let x = g.input(&array);
        g.output(&x);
        assert_eq!(g.plan().unwrap().run().unwrap().get(&x).unwrap().len(), 100_003);
    }
}

#[test]
fn one_plan_from_many_threads() {
    for runtime in runtimes() {
        let mut g = Graph::on(&runtime);
        let x = g.input(&Array::from(ramp(50_001)));
        let y = g.apply(square::on(&x)).unwrap();
        let kept = g.filter(&y, small).unwrap();
        let sum = g.host("sum", kept, 1, |x: &[f32], out: &mut [f32]| out[0] = x.iter().sum()).unwrap();
        g.output(&sum);
        let plan = g.plan().unwrap();
        let expected = |k: f32| {
            let squares = ramp(50_001).into_iter().map(move |x| (x + k) * (x + k));
            squares.filter(|&x| x < 500.0).sum::<f32>()
        };
        std::thread::scope(|scope| {
            for k in 0..8u8 {
                let plan = &plan;
                scope.spawn(move || {
                    let k = f32::from(k);
                    let own = Array::from(ramp(50_001).iter().map(|x| x + k).collect::<Vec<_>>());
                    for _ in 0..5 {
                        let out = plan.with(&x, &own).unwrap().run().unwrap();
                        assert_eq!(out.get(&sum).unwrap().to_vec().unwrap(), [expected(k)]);
                    }
                });
            }
        });
    }
}

#[test]
fn a_graph_inside_of_a_node_and_on_workers() {
    for runtime in runtimes() {
        let inner = {
            let mut g = Graph::on(&runtime);
            let x = g.input(&Array::from(ramp(20_000)));
            let y = g.apply(square::on(&x)).unwrap();
            let sum = g.host("sum", y, 1, |x: &[f32], out: &mut [f32]| out[0] = x[..100].iter().sum()).unwrap();
            g.output(&sum);
            (g.plan().unwrap(), sum)
        };
        let expected: f32 = (0..100u16).map(|i| f32::from(i) * f32::from(i)).sum();
        let run = {
            let (plan, sum) = inner.clone();
            move || plan.run().unwrap().get(&sum).unwrap().to_vec().unwrap()[0]
        };
        // On workers: more runs than there are workers.
        let pool = runtime.pool().clone();
        let sums = std::sync::Mutex::new(Vec::new());
        pool.for_each_chunk(16, 1, |lo, hi| {
            let own: Vec<f32> = (lo..hi).map(|_| run()).collect();
            sums.lock().unwrap().extend(own);
        });
        assert_eq!(sums.into_inner().unwrap(), [expected; 16]);
        // In a host function of another graph, one of two that wait for nothing.
        let mut g = Graph::on(&runtime);
        let (again, other) = (run.clone(), run);
        let x = g.input(&Array::from(ramp(4)));
        let a = g.host("inner run", x, 1, move |_: &[f32], out: &mut [f32]| out[0] = again()).unwrap();
        let b = g.host("other inner run", x, 1, move |_: &[f32], out: &mut [f32]| out[0] = other()).unwrap();
        let c = g.apply(saxpy::on(1.0, &a, &b)).unwrap();
        g.output(&c);
        assert_eq!(g.plan().unwrap().run().unwrap().get(&c).unwrap().to_vec().unwrap(), [2.0 * expected]);
    }
}

#[test]
fn a_panic_harms_no_later_run() {
    for runtime in runtimes() {
        let mut g = Graph::on(&runtime);
        let x = g.input(&Array::from(ramp(1000)));
        let y = g.apply(square::on(&x)).unwrap();
        let z = g
            .host("fragile", y, y, |y: &[f32], out: &mut [f32]| {
                assert!(y[0] < 1.0, "too large");
                out.copy_from_slice(y);
            })
            .unwrap();
        g.output(&z);
        let plan = g.plan().unwrap();
        for _ in 0..3 {
            let bad = plan.with(&x, &Array::from(vec![7.0f32; 1000])).unwrap().run();
            assert!(matches!(bad, Err(Error::Graph(GraphError::Panicked { .. }))), "{bad:?}");
            assert_eq!(plan.run().unwrap().get(&z).unwrap().len(), 1000);
        }
    }
}

/// More elements than an index can name: an error, and no memory touched.
#[test]
#[cfg(target_pointer_width = "64")]
fn more_than_four_billion_elements_are_refused() {
    let mut huge: Vec<bool> = Vec::new();
    if huge.try_reserve_exact((1 << 32) + 1).is_err() {
        return;
    }
    drop(huge);
    let mut g = Graph::new();
    let x = g.input(&Array::from(vec![false; (1 << 32) + 1]));
    let refused = g.apply(negated::on(&x)).and_then(|y| {
        g.output(&y);
        g.plan()
    });
    assert!(refused.is_err());
}

/// The global runtime is everybody's: in a process of its own.
#[test]
fn plans_outlive_a_shutdown() {
    const CHILD: &str = "VEDA_TEST_SHUTDOWN_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["plans_outlive_a_shutdown", "--exact"]).env(CHILD, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(100_000)));
    let y = g.apply(square::on(&x)).unwrap();
    let kept = g.filter(&y, small).unwrap();
    g.output(&kept);
    let plan = g.plan().unwrap();
    let before = plan.run().unwrap().get(&kept).unwrap().to_vec().unwrap();
    veda::shutdown(Duration::from_secs(10)).unwrap();
    let after = plan.run().unwrap().get(&kept).unwrap().to_vec().unwrap();
    assert_eq!(before, after);
    // New ones start afresh.
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(10)));
    let y = g.apply(square::on(&x)).unwrap();
    g.output(&y);
    assert_eq!(g.plan().unwrap().run().unwrap().get(&y).unwrap().len(), 10);
}
