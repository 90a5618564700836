//! Graphs and arrays as users see them: what they compute, and what is wrong with the wrong ones.
#![allow(missing_docs)]

use veda::error::GraphError;
use veda::graph::CancelToken;
use veda::{Array, Error, Graph, Index, Var};

#[veda::kernel]
fn square(x: f32) -> f32 {
    x * x
}

#[veda::kernel]
fn saxpy(a: f32, x: f32, y: f32) -> f32 {
    a * x + y
}

#[veda::kernel]
fn is_large(x: f32) -> bool {
    x >= 100.0
}

#[veda::kernel]
fn plus_one(x: u32) -> u32 {
    x + 1
}

#[veda::kernel]
fn box_blur(pixels: &[f32], width: usize, height: usize, i: Index) -> f32 {
    let (x, y) = (i.x as usize, i.y as usize);
    if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
        pixels[y * width + x]
    } else {
        let mut sum = 0.0;
        for dy in 0..3usize {
            for dx in 0..3usize {
                sum += pixels[(y + dy - 1) * width + x + dx - 1];
            }
        }
        sum / 9.0
    }
}

fn ramp(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i % 1013) as f32 * 0.25).collect()
}

fn graph_error(result: Result<impl Sized, Error>) -> GraphError {
    match result {
        Err(Error::Graph(error)) => error,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("no error"),
    }
}

#[test]
fn maps_zips_pictures_and_sums() {
    let (w, h) = (67, 41);
    let picture = Array::from(ramp(w * h));
    let mut g = Graph::new();
    let x = g.input_named("picture", &picture);
    let y = g.apply(square::on(&x)).unwrap();
    let z = g.apply(saxpy::on(2.0, &x, y)).unwrap();
    let b = g.apply(box_blur::on(&z, w, h).over([w, h])).unwrap();
    let s = g.sum(&b).unwrap();
    g.output(&b);
    g.output(&s);
    let out = g.plan().unwrap().run().unwrap();

    let z: Vec<f32> = picture.as_slice().unwrap().iter().map(|&x| saxpy(2.0, x, square(x))).collect();
    let expected: Vec<f32> = (0..w * h)
        .map(|i| box_blur(&z, w, h, Index::new([(i % w) as u32, (i / w) as u32, 0], [w as u32, h as u32, 1])))
        .collect();
    let b = out.get(&b).unwrap().to_vec().unwrap();
    assert_eq!(b, expected);
    let sum = out.get(&s).unwrap().to_vec().unwrap();
    let exact: f64 = b.iter().map(|&x| f64::from(x)).sum();
    assert_eq!(sum.len(), 1);
    assert!((f64::from(sum[0]) - exact).abs() <= 1e-5 * exact, "{} {exact}", sum[0]);
    assert!(!out.timeline().spans.is_empty());
}

#[test]
fn reductions_of_any_length() {
    for n in [0usize, 1, 255, 4096, 4097, 100_003, 20_000_000] {
        let xs: Vec<u32> = (0..n as u32).map(|i| i.wrapping_mul(2_654_435_761)).collect();
        let mut g = Graph::new();
        let x = g.input(&Array::from(xs.clone()));
        let (sum, min, max) = (g.sum(&x).unwrap(), g.min(&x).unwrap(), g.max(&x).unwrap());
        let own = g.reduce(&x, 0, |a: u32, b: u32| a ^ b).unwrap();
        for v in [sum, min, max, own] {
            g.output(&v);
        }
        let out = g.plan().unwrap().run().unwrap();
        let get = |v: &Var<u32>| out.get(v).unwrap().to_vec().unwrap();
        assert_eq!(get(&sum), [xs.iter().fold(0, |a: u32, &b| a.wrapping_add(b))], "{n}");
        assert_eq!(get(&min), [xs.iter().copied().min().unwrap_or(u32::MAX)], "{n}");
        assert_eq!(get(&max), [xs.iter().copied().max().unwrap_or(0)], "{n}");
        assert_eq!(get(&own), [xs.iter().fold(0, |a, b| a ^ b)], "{n}");
    }
}

#[test]
fn float_extrema_pass_nan_over() {
    let mut xs = ramp(10_000);
    xs[77] = f32::NAN;
    xs[78] = -3.0;
    let mut g = Graph::new();
    let x = g.input(&Array::from(xs));
    let (min, max, product) = (g.min(&x).unwrap(), g.max(&x).unwrap(), g.product(&x).unwrap());
    for v in [min, max, product] {
        g.output(&v);
    }
    let out = g.plan().unwrap().run().unwrap();
    assert_eq!(out.get(&min).unwrap().to_vec().unwrap(), [-3.0]);
    assert_eq!(out.get(&max).unwrap().to_vec().unwrap(), [253.0]);
    assert!(out.get(&product).unwrap().to_vec().unwrap()[0].is_nan());
}

#[test]
fn sums_have_the_same_bits_however_they_are_cut() {
    // Planned alone, after a map that may be merged, and on one thread.
    let xs: Vec<f32> = (0..300_000u64).map(|i| ((i * 7919) % 10_007) as f32 * 1e-3).collect();
    let array = Array::from(xs.iter().map(|&x| square(x)).collect::<Vec<_>>());
    let one = |g: &mut Graph, x: Var<f32>| {
        let s = g.sum(&x).unwrap();
        g.output(&s);
        s
    };
    let mut g = Graph::new();
    let x = g.input(&array);
    let s = one(&mut g, x);
    let plain = g.plan().unwrap().run().unwrap().get(&s).unwrap().to_vec().unwrap();

    let mut g = Graph::new();
    let x = g.input(&Array::from(xs.clone()));
    let y = g.apply(square::on(&x)).unwrap();
    let s = one(&mut g, y);
    assert_eq!(g.plan().unwrap().run().unwrap().get(&s).unwrap().to_vec().unwrap(), plain);

    let runtime = veda::Runtime::new(veda::Config::builder().num_threads(1).enable_gpu(false).build()).unwrap();
    let mut g = Graph::on(&runtime);
    let x = g.input(&array);
    let s = one(&mut g, x);
    assert_eq!(g.plan().unwrap().run().unwrap().get(&s).unwrap().to_vec().unwrap(), plain);
}

#[test]
fn filters_go_on() {
    let xs = ramp(50_001);
    let mut g = Graph::new();
    let x = g.input(&Array::from(xs.clone()));
    let kept = g.filter(&x, is_large).unwrap();
    let squares = g.apply(square::on(&kept)).unwrap();
    let both = g.apply(saxpy::on(1.0, &kept, &squares)).unwrap();
    let again = g.filter(&both, |x| x > 20_000.0).unwrap();
    let sum = g.sum(&again).unwrap();
    let sorted = g
        .host("sort", again, again, |x: &[f32], out: &mut [f32]| {
            out.copy_from_slice(x);
            out.sort_by(|a, b| b.total_cmp(a));
        })
        .unwrap();
    g.output(&again);
    g.output(&sum);
    g.output(&sorted);
    let out = g.plan().unwrap().run().unwrap();

    let expected: Vec<f32> =
        xs.iter().filter(|&&x| x >= 100.0).map(|&x| saxpy(1.0, x, square(x))).filter(|&x| x > 20_000.0).collect();
    assert!(!expected.is_empty() && expected.len() < xs.len());
    let again = out.get(&again).unwrap();
    assert_eq!(again.len(), expected.len());
    assert_eq!(again.to_vec().unwrap(), expected);
    let mut descending = expected.clone();
    descending.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(out.get(&sorted).unwrap().into_vec().unwrap(), descending);
    let exact: f64 = expected.iter().map(|&x| f64::from(x)).sum();
    let sum = f64::from(out.get(&sum).unwrap().to_vec().unwrap()[0]);
    assert!((sum - exact).abs() < 1e-5 * exact);
}

#[test]
fn a_filter_that_keeps_nothing() {
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(10_000)));
    let kept = g.filter(&x, |x: f32| x < 0.0).unwrap();
    let (squares, sum) = (g.apply(square::on(&kept)).unwrap(), g.sum(&kept).unwrap());
    g.output(&squares);
    g.output(&sum);
    let out = g.plan().unwrap().run().unwrap();
    assert!(out.get(&squares).unwrap().is_empty());
    assert_eq!(out.get(&sum).unwrap().to_vec().unwrap(), [0.0]);
}

#[test]
fn loops_swap_states_and_read_around() {
    #[veda::kernel]
    fn add(a: u32, b: u32) -> u32 {
        a + b
    }
    let mut g = Graph::new();
    let (a, b) = (g.input(&Array::from(vec![0u32; 5])), g.input(&Array::from(vec![1u32; 5])));
    let step = g.input(&Array::from(vec![0u32, 1, 0, 2, 0]));
    // Fibonacci numbers, plus what is read from around the loop.
    let (a, b) = g
        .repeat(10, (&a, &b), |g, (a, b)| {
            let next = g.apply(add::on(&a, &b))?;
            Ok((b, g.apply(add::on(&next, &step))?))
        })
        .unwrap();
    g.output(&a);
    g.output(&b);
    let out = g.plan().unwrap().run().unwrap();
    let fib = |step: u32| (0..10).fold((0, 1), |(a, b), _| (b, a + b + step));
    let expected: Vec<(u32, u32)> = [0, 1, 0, 2, 0].map(fib).to_vec();
    let (a, b) = (out.get(&a).unwrap().to_vec().unwrap(), out.get(&b).unwrap().to_vec().unwrap());
    assert_eq!(a.into_iter().zip(b).collect::<Vec<_>>(), expected);
}

#[test]
fn loops_that_test() {
    #[veda::kernel]
    fn not_yet(x: u32) -> bool {
        x < 20
    }
    for (every, at_most, expected) in [(1, 100, 20), (7, 100, 21), (7, 10, 10), (3, 0, 0)] {
        let mut g = Graph::new();
        let x = g.input(&Array::from(vec![0u32; 10_000]));
        let x = g
            .repeat_while(every, at_most, &x, |g, x| {
                let next = g.apply(plus_one::on(&x))?;
                let young = g.apply(not_yet::on(&next))?;
                Ok((next, g.all(&young)?))
            })
            .unwrap();
        g.output(&x);
        let out = g.plan().unwrap().run().unwrap();
        assert_eq!(out.get(&x).unwrap().to_vec().unwrap(), vec![expected; 10_000], "{every} {at_most}");
    }
}

#[test]
fn host_functions_with_captures_and_order() {
    use std::sync::{Arc, Mutex};
    let log: Arc<Mutex<Vec<&str>>> = Arc::default();
    let mut g = Graph::new();
    let x = g.input(&Array::from(vec![1u32, 2, 3]));
    let note = |g: &mut Graph, name: &'static str| {
        let log = Arc::clone(&log);
        g.host(name, x, 1, move |x: &[u32], out: &mut [u32]| {
            log.lock().unwrap().push(name);
            out[0] = x[0];
        })
        .unwrap()
    };
    // Nobody wants their outputs; they run all the same, in the order that was asked for.
    let (a, b, c) = (note(&mut g, "a"), note(&mut g, "b"), note(&mut g, "c"));
    g.after(&a, &b).unwrap();
    g.after(&b, &c).unwrap();
    g.plan().unwrap().run().unwrap();
    assert_eq!(*log.lock().unwrap(), ["c", "b", "a"]);
}

#[test]
fn views_names_and_other_types() {
    let mut g = Graph::new();
    let x = g.input(&Array::from((0..100i32).collect::<Vec<_>>()));
    let flags = g.map(&x, |x: i32| x % 3 == 0).unwrap();
    let some = g.window(&flags, 30..35).unwrap();
    let empty = g.window(&x, 7..7).unwrap();
    g.name(&some, "some flags");
    g.output(&some);
    g.output(&empty);
    g.output(&x);
    let plan = g.plan().unwrap();
    let explanation = plan.explain();
    assert_eq!(explanation.nodes.len(), 3, "{explanation}");
    assert!(plan.schedule().contains("some flags") || plan.schedule().contains("[30..35]"), "{}", plan.schedule());
    let out = plan.run().unwrap();
    assert_eq!(out.get(&some).unwrap().to_vec().unwrap(), [true, false, false, true, false]);
    assert!(out.get(&empty).unwrap().is_empty());
    assert_eq!(out.get(&x).unwrap().len(), 100); // an input may be an output
}

#[test]
fn replays_take_other_inputs() {
    let mut g = Graph::new();
    let (x, y) = (g.input_named("x", &Array::from(ramp(1000))), g.input(&Array::from(vec![1.0f32; 1000])));
    let z = g.apply(saxpy::on(3.0, &x, &y)).unwrap();
    g.output(&z);
    let plan = g.plan().unwrap();
    let twos = Array::from(vec![2.0f32; 1000]);
    let first = plan.run().unwrap().get(&z).unwrap().to_vec().unwrap();
    assert_eq!(first[4], 4.0);
    let out = plan.with(&x, &twos).unwrap().with(&y, &twos).unwrap().run().unwrap();
    assert_eq!(out.get(&z).unwrap().to_vec().unwrap(), vec![8.0; 1000]);
    // The plan keeps the inputs that it was made with.
    assert_eq!(plan.run().unwrap().get(&z).unwrap().to_vec().unwrap(), first);

    let short = Array::from(vec![2.0f32; 999]);
    let error = graph_error(plan.with(&x, &short));
    assert_eq!(error, GraphError::InputLength { input: "x".into(), planned: 1000, actual: 999 });
    assert_eq!(graph_error(plan.with(&z, &twos)), GraphError::NotAnInput { array: "saxpy".into() });
}

#[test]
fn results_feed_the_next_graph() {
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(5000)));
    let y = g.apply(square::on(&x)).unwrap();
    g.keep_on_device(&y);
    let squares = g.plan().unwrap().run().unwrap().get(&y).unwrap();

    let mut g = Graph::new();
    let y = g.input(&squares);
    let z = g.apply(square::on(&y)).unwrap();
    g.output(&z);
    let z = g.plan().unwrap().run().unwrap().get(&z).unwrap();
    let expected: Vec<f32> = ramp(5000).into_iter().map(|x| square(square(x))).collect();
    assert_eq!(z.into_vec().unwrap(), expected);
}

#[test]
fn failures_name_the_node_and_leave_inputs_alone() {
    let input = Array::from(ramp(100));
    let build = |f: fn(&[f32], &mut [f32]) -> Result<(), String>| {
        let mut g = Graph::new();
        let x = g.input(&input);
        let y = g.host("brittle", x, x, f).unwrap();
        let z = g.apply(square::on(&y)).unwrap();
        g.output(&z);
        g.plan().unwrap()
    };
    let panics = build(|_, _| panic!("boom {}", 7));
    let expected = GraphError::Panicked { node: "brittle".into(), message: "boom 7".into() };
    assert_eq!(graph_error(panics.run()), expected);
    assert_eq!(graph_error(panics.run()), expected); // and again: nothing is poisoned
    let fails = build(|x, _| Err(format!("{} elements are too many", x.len())));
    let expected = GraphError::Host { node: "brittle".into(), message: "100 elements are too many".into() };
    assert_eq!(graph_error(fails.run()), expected);
    assert_eq!(input.to_vec().unwrap(), ramp(100));
}

#[test]
fn a_kernel_that_panics_is_named() {
    #[veda::kernel(no_test)]
    fn third(xs: &[f32], i: Index) -> f32 {
        xs[i.x as usize + 3]
    }
    if !cfg!(debug_assertions) {
        return; // release builds clamp the index
    }
    let mut g = Graph::new();
    let x = g.input(&Array::from(vec![1.0f32; 4]));
    let y = g.apply(third::on(&x).over(4)).unwrap();
    g.output(&y);
    let error = graph_error(g.plan().unwrap().run());
    assert!(matches!(&error, GraphError::Panicked { node, .. } if node == "third"), "{error}");
}

#[test]
fn lengths_must_fit() {
    let mut g = Graph::new();
    let a = g.input_named("a", &Array::from(vec![1.0f32; 10]));
    let b = g.input_named("b", &Array::from(vec![1.0f32; 11]));
    let error = graph_error(g.apply(saxpy::on(1.0, &a, &b)));
    let expected = GraphError::LengthMismatch {
        node: "saxpy".into(),
        left: "a".into(),
        left_len: 10,
        right: "b".into(),
        right_len: 11,
    };
    assert_eq!(error, expected);
    assert_eq!(error.to_string(), "`saxpy`: `a` has 10 elements, `b` has 11; they must be equal");
    // Index spaces are checked as everywhere.
    assert!(matches!(g.apply(square::on(&a).over(11)), Err(Error::IndexSpaceMismatch { .. })));
    assert!(matches!(g.apply(box_blur::on(&a, 2, 5)), Err(Error::NoIndexSpace { .. })));
    // A loop's states keep their lengths.
    let error = graph_error(g.repeat(2, &a, |g, x| g.sum(&x)));
    assert!(matches!(error, GraphError::LengthMismatch { left_len: 10, right_len: 1, .. }), "{error}");
    let error = graph_error(g.window(&a, 8..11));
    assert_eq!(error, GraphError::Window { array: "a".into(), from: 8, to: 11, len: 10 });
}

#[test]
fn dynamic_lengths_stay_among_themselves() {
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(10)));
    let (kept, other) = (g.filter(&x, is_large).unwrap(), g.filter(&x, |x| x > 1.0).unwrap());
    let dynamic = |error: GraphError| assert!(matches!(error, GraphError::DynamicLength { .. }), "{error}");
    dynamic(graph_error(g.apply(saxpy::on(1.0, &x, &kept))));
    dynamic(graph_error(g.apply(saxpy::on(1.0, &kept, &x))));
    dynamic(graph_error(g.apply(saxpy::on(1.0, &kept, &other))));
    dynamic(graph_error(g.apply(square::on(&kept).over(10))));
    dynamic(graph_error(g.window(&kept, 0..1)));
    dynamic(graph_error(g.repeat(3, &kept, |g, x| g.apply(square::on(&x)))));
    dynamic(graph_error(g.repeat(3, &x, |g, x| g.host("f", (&x, &kept), &x, |_: (&[f32], &[f32]), _: &mut [f32]| {}))));
}

#[test]
fn variables_belong_to_their_graph() {
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(10)));
    let mut other = Graph::new();
    let y = other.input(&Array::from(ramp(10)));
    let error = graph_error(g.apply(saxpy::on(1.0, &x, &y)));
    assert_eq!(error, GraphError::ForeignVar { node: "saxpy".into(), argument: 2 });
    let mut leaked = None;
    let looped = g
        .repeat(2, &x, |g, x| {
            leaked = Some(x);
            g.apply(square::on(&x))
        })
        .unwrap();
    let error = graph_error(g.apply(square::on(&leaked.unwrap())));
    assert_eq!(error, GraphError::ForeignVar { node: "square".into(), argument: 1 });
    assert!(matches!(graph_error(g.after(&looped, &y)), GraphError::ForeignVar { .. }));
    g.output(&y); // ignored: nothing of this graph is wanted
    assert_eq!(graph_error(g.plan()), GraphError::NoOutput);
}

#[test]
fn loops_hold_what_repeats() {
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(10)));
    let what = |error| match error {
        GraphError::NotInLoop { what } => what,
        other => panic!("{other}"),
    };
    let error = g.repeat(2, &x, |g, x| g.repeat(2, &x, |g, x| g.apply(square::on(&x))));
    assert_eq!(what(graph_error(error)), "a loop");
    assert_eq!(what(graph_error(g.repeat(2, &x, |g, x| g.filter(&x, is_large)))), "a filter");
    let error = g.repeat(2, &x, |g, x| {
        let y = g.apply(square::on(&x))?;
        g.after(&y, &x)?;
        Ok(y)
    });
    assert_eq!(what(graph_error(error)), "an order without data");
    // The failed attempts left nothing behind.
    let y = g.repeat(2, &x, |g, x| g.apply(square::on(&x))).unwrap();
    g.output(&y);
    assert_eq!(g.plan().unwrap().run().unwrap().get(&y).unwrap().as_slice().unwrap()[8], 16.0);
}

#[test]
fn cycles_are_named() {
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(10)));
    let a = g.apply(square::on(&x)).unwrap();
    let b = g.apply(saxpy::on(1.0, &a, &x)).unwrap();
    g.after(&a, &b).unwrap();
    g.output(&b);
    let error = graph_error(g.plan());
    let GraphError::Cycle { nodes } = &error else { panic!("{error}") };
    let mut sorted = nodes.clone();
    sorted.sort();
    assert_eq!(sorted, ["saxpy", "square"]);
}

#[test]
fn only_what_was_kept_can_be_had() {
    let mut g = Graph::new();
    let x = g.input(&Array::from(ramp(10)));
    let y = g.apply(square::on(&x)).unwrap();
    let z = g.apply(square::on(&y)).unwrap();
    g.name(&y, "middle");
    g.output(&z);
    let out = g.plan().unwrap().run().unwrap();
    assert_eq!(graph_error(out.get(&y)), GraphError::NotKept { array: "middle".into() });
    assert_eq!(graph_error(out.get(&x)), GraphError::NotKept { array: "input 0".into() });
}

#[test]
fn futures_run_and_can_be_dropped() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let runs = Arc::new(AtomicUsize::new(0));
    let mut g = Graph::new();
    let mut x = g.input(&Array::from(vec![0u32]));
    for _ in 0..200 {
        let runs = Arc::clone(&runs);
        x = g
            .host("slow", x, x, move |x: &[u32], out: &mut [u32]| {
                std::thread::sleep(std::time::Duration::from_millis(5));
                runs.fetch_add(1, Ordering::Relaxed);
                out[0] = x[0] + 1;
            })
            .unwrap();
    }
    g.output(&x);
    let plan = g.plan().unwrap();
    let pending = plan.run_async();
    while runs.load(Ordering::Relaxed) < 3 {
        std::thread::yield_now();
    }
    let token = pending.cancel_token();
    drop(pending);
    assert!(token.is_cancelled());
    std::thread::sleep(std::time::Duration::from_millis(50));
    let after = runs.load(Ordering::Relaxed);
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(runs.load(Ordering::Relaxed), after, "it went on after it was dropped");
    assert!(after < 200);

    let token = CancelToken::new();
    token.cancel();
    assert_eq!(graph_error(plan.replay().cancel_by(&token).run()), GraphError::Cancelled);
}

#[test]
fn arrays_are_cheap_to_hand_around() {
    let a = Array::from(vec![1u32, 2, 3]);
    let b = a.clone();
    assert_eq!(a.as_slice().unwrap().as_ptr(), b.as_slice().unwrap().as_ptr());
    assert_eq!(b.into_vec().unwrap(), [1, 2, 3]); // a copy: `a` is still there
    assert_eq!(a.into_vec().unwrap(), [1, 2, 3]);
    let flags: Array<bool> = [true, false].into_iter().collect();
    assert_eq!(flags.to_vec().unwrap(), [true, false]);
    assert_eq!(format!("{flags:?}"), "Array<bool>[2] on CPU");
    let vec = vec![1.5f32; 1000];
    let at = vec.as_ptr().addr();
    let back = Array::from(vec).into_vec().unwrap();
    assert_eq!(back.as_ptr().addr(), at, "a vector goes in and out without a copy");
}
