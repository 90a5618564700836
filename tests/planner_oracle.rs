//! The scheduler against an exhaustive search of its own kind of problem, and properties that need no optimum.

#[path = "support/dag.rs"]
mod dag;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use random::{Dice, Features, instance};
use veda::planner::schedule::instance::{Link, Memory, Processor};
use veda::planner::schedule::{
    Infeasible, Instance, Options, Origin, Schedule, chain, check, heft, peft, retime, schedule, simulate,
};

/// The same cases in every run.
fn runner(cases: u32) -> TestRunner {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn features() -> impl Strategy<Value = Features> {
    (any::<[bool; 4]>(), proptest::option::of(5u64..9)).prop_map(|([linked, two_gpus, blocks, runs], room)| Features {
        linked,
        two_gpus,
        blocks,
        runs,
        room,
    })
}

/// A valid schedule, or a test failure.
fn valid(instance: &Instance, found: Result<Schedule, Infeasible>) -> Result<Schedule, TestCaseError> {
    let found = found.map_err(|e| TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(check(instance, &found), vec![]);
    Ok(found)
}

#[test]
fn near_the_optimum_by_exhaustive_search() {
    let ratios = RefCell::new(Vec::new());
    let cases = (any::<u64>(), 2usize..=10, any::<bool>(), any::<bool>());
    let test = |(seed, n, linked, two_gpus)| {
        // Copies that compete make the search much larger.
        let n = if linked { 2 + n * 5 / 10 } else { n };
        let instance = instance(seed, n, Features { linked, two_gpus, ..Features::default() });
        let outcome = schedule(&instance, &Options::default()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let ours = valid(&instance, Ok(outcome.schedule))?.makespan;
        if let Some(optimum) = oracle::optimum(&instance, ours + 1, 200_000) {
            prop_assert!(optimum <= ours, "the oracle cannot do what the simulator does");
            prop_assert!(ours as f64 <= 1.25 * optimum as f64, "{ours} {optimum}");
            ratios.borrow_mut().push(ours as f64 / optimum as f64);
        }
        Ok(())
    };
    // The exhaustive search is twenty times slower in debug builds.
    let count = if cfg!(debug_assertions) { 48 } else { 128 };
    runner(count).run(&cases, test).expect("within 1.25 of the optimum");
    let ratios = ratios.into_inner();
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    let exact = ratios.iter().filter(|&&r| r == 1.0).count();
    println!("{} proven optima: mean ratio {mean:.4}, {exact} reached", ratios.len());
    assert!(2 * ratios.len() >= count as usize, "{}", ratios.len());
    assert!(mean <= 1.02, "{mean}");
}

#[test]
fn any_draft_gives_a_valid_schedule() {
    let evictions = RefCell::new(0);
    let cases = (any::<u64>(), 1usize..40, features());
    let test = |(seed, n, features)| {
        let instance = instance(seed, n, features);
        let mut dice = Dice::new(seed);
        for _ in 0..4 {
            let (assignment, order) = random::draft(&mut dice, &instance);
            let found = valid(&instance, simulate(&instance, &assignment, &order))?;
            *evictions.borrow_mut() += found.evictions.len();
        }
        for draft in [heft::heft(&instance), peft::peft(&instance), chain::chain(&instance)] {
            let draft = draft.map_err(|e| TestCaseError::fail(e.to_string()))?;
            valid(&instance, simulate(&instance, &draft.assignment, &draft.order))?;
        }
        Ok(())
    };
    runner(256).run(&cases, test).expect("valid schedules");
    assert!(evictions.into_inner() > 500, "small memories must have been short of room");
}

/// `n` tasks on one GPU, each a function of the one before and of input `i % 3`; everything has 10 bytes.
fn turns(n: usize, capacity: u64) -> Instance {
    use veda::planner::schedule::instance::{Data, Job, Run};
    let link = |from, to, engine| Link { from, to, engine: Some(engine), ..Link::default() };
    let datum = |initial| Data { bytes: 10, initial, copy_ns: vec![7, 9], ..Data::default() };
    let mut instance = Instance {
        processors: vec![Processor { memory: 1, ready_ns: 0 }],
        memories: vec![Memory::default(), Memory { capacity: Some(capacity) }],
        links: vec![link(0, 1, 0), link(1, 0, 1)],
        data: (0..3).map(|_| datum(vec![0])).collect(),
        tasks: Vec::new(),
    };
    for t in 0..n {
        let mut reads = vec![t % 3];
        reads.extend((t > 0).then_some(t + 2));
        let options = vec![Some(Run { ns: 5, ..Run::default() })];
        instance.tasks.push(Job { options, reads, writes: vec![t + 3], ..Job::default() });
        instance.data.push(datum(Vec::new()));
    }
    // The first result is needed again by the last task: it is the farthest, and it is valid nowhere else.
    instance.tasks[n - 1].reads.push(3);
    instance.tasks[n - 1].reads.sort_unstable();
    instance.data[n + 2].wanted = Some(0);
    dag::connect(&mut instance);
    instance
}

#[test]
fn too_little_memory_spills_or_says_so() {
    let order: Vec<usize> = (0..9).collect();
    let run = |capacity| simulate(&turns(9, capacity), &[0; 9], &order);
    let roomy = run(1_000).expect("feasible");
    assert_eq!(check(&turns(9, 1_000), &roomy), []);
    assert_eq!((roomy.evictions.len(), roomy.peak_bytes[1]), (0, 120));
    // Dead results go first, then what is needed last: nothing has to be copied twice.
    let tight = run(60).expect("feasible");
    assert_eq!(check(&turns(9, 60), &tight), []);
    assert!(tight.evictions.iter().all(|e| e.datum != 3), "{:?}", tight.evictions);
    assert_eq!((tight.copies.len(), tight.peak_bytes[1]), (4, 60));
    // With room for four the first result is saved on the host and comes back.
    let tightest = run(40).expect("feasible");
    assert_eq!(check(&turns(9, 40), &tightest), []);
    assert_eq!(tightest.copies.iter().filter(|c| c.datum == 3).map(|c| c.link).collect::<Vec<_>>(), [1, 0]);
    assert!(tightest.makespan > tight.makespan);
    // The last task alone needs four.
    assert_eq!(run(39), Err(Infeasible::Memory { memory: 1, needed: 10, capacity: 39 }));
    let none = schedule(&turns(9, 39), &Options::default());
    assert!(matches!(none, Err(Infeasible::Memory { memory: 1, .. })), "{none:?}");
}

#[test]
fn copies_take_their_part_of_the_queue() {
    let makespan = |blocks| {
        let mut instance = turns(3, 1_000);
        instance.links.iter_mut().for_each(|link| (link.blocks, link.blocked) = (blocks, Some(0)));
        let found = simulate(&instance, &[0; 3], &[0, 1, 2]).expect("feasible");
        assert_eq!(check(&instance, &found), []);
        found.makespan
    };
    // Three uploads of 7, the last run of 5, the download of 9: runs hide behind uploads.
    assert_eq!(makespan(0.0), 35);
    // The first upload takes its 4 where the queue is idle; the next ones delay runs: 7 + 5 + 4 + 5 + 4 + 5 + 9.
    assert_eq!(makespan(0.5), 39);
    // One after the other: 3 * 7 + 3 * 5 + 9.
    assert_eq!(makespan(1.0), 45);
}

#[test]
fn without_tasks_only_wanted_data_move() {
    let mut instance = turns(2, 1_000);
    instance.tasks.clear();
    instance.data.truncate(1);
    instance.data[0].readers.clear();
    instance.data[0].wanted = Some(1);
    let outcome = schedule(&instance, &Options::default()).expect("feasible");
    assert_eq!(check(&instance, &outcome.schedule), []);
    assert_eq!(outcome.schedule.makespan, 7);
    assert_eq!(schedule(&Instance::default(), &Options::default()).map(|o| o.schedule.makespan), Ok(0));
}

#[test]
fn processors_may_share_a_memory() {
    for seed in 0..16 {
        let mut shared = instance(seed, 20, Features { runs: true, ..Features::default() });
        shared.processors[1].memory = 0;
        shared.data.iter_mut().for_each(|d| d.wanted = d.wanted.map(|_| 0));
        shared.data.iter_mut().filter(|d| !d.initial.is_empty()).for_each(|d| d.initial = vec![0]);
        let outcome =
            schedule(&shared, &Options { seed, budget: Some(5_000), ..Options::default() }).expect("feasible");
        assert_eq!(check(&shared, &outcome.schedule), []);
        assert!(outcome.schedule.copies.is_empty());
    }
}

#[test]
fn bad_drafts_are_refused() {
    let instance = turns(3, 1_000);
    assert_eq!(simulate(&instance, &[0; 3], &[0, 1]), Err(Infeasible::Incomplete));
    assert_eq!(simulate(&instance, &[0; 3], &[0, 1, 1]), Err(Infeasible::Incomplete));
    assert_eq!(simulate(&instance, &[0; 3], &[1, 0, 2]), Err(Infeasible::Order { task: 1 }));
    assert_eq!(simulate(&instance, &[0, 1, 0], &[0, 1, 2]), Err(Infeasible::Processor { task: 1, processor: 1 }));
    let mut apart = instance.clone();
    apart.links.pop();
    apart.data.iter_mut().for_each(|d| d.copy_ns.truncate(1));
    assert_eq!(simulate(&apart, &[0; 3], &[0, 1, 2]), Err(Infeasible::Route { datum: 5, memory: 0 }));
}

#[test]
fn the_portfolio_is_valid_and_never_worse_than_its_candidates() {
    let cases = (any::<u64>(), 1usize..40, features());
    let test = |(seed, n, features)| {
        let instance = instance(seed, n, features);
        let options = Options { seed, budget: Some(5_000), ..Options::default() };
        let outcome = schedule(&instance, &options).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let found = valid(&instance, Ok(outcome.schedule))?;
        for (origin, makespan) in outcome.candidates {
            prop_assert!(found.makespan <= makespan, "{origin}: {makespan} < {}", found.makespan);
        }
        Ok(())
    };
    runner(64).run(&cases, test).expect("valid schedules");
}

/// The same instance on a faster bus.
fn faster(instance: &Instance, dice: &mut Dice) -> Instance {
    let mut faster = instance.clone();
    for datum in &mut faster.data {
        for ns in &mut datum.copy_ns {
            *ns = *ns * dice.roll(10, 101) / 100;
        }
    }
    faster
}

#[test]
fn a_fixed_plan_is_never_slower_on_a_faster_bus() {
    let cases = (any::<u64>(), 1usize..40, features());
    let test = |(seed, n, features)| {
        let instance = instance(seed, n, features);
        let mut dice = Dice::new(seed);
        let (assignment, order) = random::draft(&mut dice, &instance);
        let old = valid(&instance, simulate(&instance, &assignment, &order))?;
        let same = valid(&instance, retime(&instance, &old))?;
        prop_assert!(same.makespan <= old.makespan);
        let faster = faster(&instance, &mut dice);
        let new = valid(&faster, retime(&faster, &old))?;
        prop_assert!(new.makespan <= same.makespan, "{} > {}", new.makespan, same.makespan);
        for t in 0..n {
            prop_assert!(new.runs[t].1 <= same.runs[t].1);
        }
        Ok(())
    };
    runner(256).run(&cases, test).expect("monotone");
}

/// One more GPU on the host's other links.
fn with_another_gpu(instance: &Instance) -> Instance {
    let mut larger = instance.clone();
    let memory = larger.memories.len();
    larger.memories.push(Memory::default());
    larger.processors.push(Processor { memory, ready_ns: 0 });
    let engine = larger.links.len();
    larger.links.push(Link { from: 0, to: memory, engine: Some(engine), ..Link::default() });
    larger.links.push(Link { from: memory, to: 0, engine: Some(engine + 1), ..Link::default() });
    for datum in &mut larger.data {
        let copy = [datum.copy_ns[0], datum.copy_ns[1]];
        datum.copy_ns.extend(copy);
    }
    for task in &mut larger.tasks {
        let run = task.options[1];
        task.options.push(run);
    }
    larger
}

#[test]
fn a_better_machine_never_makes_the_seeded_portfolio_worse() {
    let cases = (any::<u64>(), 1usize..30, features());
    let test = |(seed, n, features)| {
        let instance = instance(seed, n, features);
        let plan = |instance: &Instance, plans: &[Schedule]| {
            let options = Options { plans, budget: Some(3_000), ..Options::default() };
            let outcome = schedule(instance, &options).map_err(|e| TestCaseError::fail(e.to_string()))?;
            valid(instance, Ok(outcome.schedule))
        };
        let old = plan(&instance, &[])?;
        let quick = plan(&faster(&instance, &mut Dice::new(seed)), std::slice::from_ref(&old))?;
        prop_assert!(quick.makespan <= old.makespan, "bus: {} > {}", quick.makespan, old.makespan);
        let more = plan(&with_another_gpu(&instance), std::slice::from_ref(&old))?;
        prop_assert!(more.makespan <= old.makespan, "GPU: {} > {}", more.makespan, old.makespan);
        Ok(())
    };
    runner(64).run(&cases, test).expect("monotone");
}

#[test]
fn twice_the_times_give_twice_the_makespan() {
    let cases = (any::<u64>(), 1usize..30, any::<[bool; 3]>());
    let test = |(seed, n, [linked, two_gpus, runs]): (u64, usize, [bool; 3])| {
        let one = instance(seed, n, Features { linked, two_gpus, runs, ..Features::default() });
        let mut two = one.clone();
        two.processors.iter_mut().for_each(|p| p.ready_ns *= 2);
        two.data.iter_mut().flat_map(|d| &mut d.copy_ns).for_each(|ns| *ns *= 2);
        for run in two.tasks.iter_mut().flat_map(|t| &mut t.options).flatten() {
            run.ns *= 2;
            run.build_ns *= 2;
        }
        let options = Options { seed, budget: Some(3_000), ..Options::default() };
        let [one, two] = [one, two].map(|i| schedule(&i, &options).map(|o| o.schedule));
        let (one, two) = (one.expect("feasible"), two.expect("feasible"));
        prop_assert_eq!(2 * one.makespan, two.makespan);
        prop_assert_eq!(one.order, two.order);
        Ok(())
    };
    runner(64).run(&cases, test).expect("scales");
}

#[test]
fn the_same_input_gives_the_same_bytes_on_any_thread() {
    for seed in 0..8 {
        let features = Features { linked: seed % 2 == 0, two_gpus: true, blocks: true, runs: true, room: Some(6) };
        let plan = || {
            let instance = instance(seed, 30, features);
            format!("{:?}", schedule(&instance, &Options { seed, budget: Some(5_000), ..Options::default() }))
        };
        let alone = plan();
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..4).map(|_| scope.spawn(plan)).collect();
            for handle in handles {
                assert_eq!(handle.join().expect("no panic"), alone);
            }
        });
    }
}

#[test]
fn a_goal_is_what_is_minimised() {
    // The least busy time of processor 0; then the makespan.
    let goal = |s: &Schedule| {
        let busy = s.runs.iter().zip(&s.assignment).filter(|(_, p)| **p == 0).map(|(r, _)| r.1 - r.0).sum();
        (busy, s.makespan)
    };
    for seed in 0..8 {
        let instance = instance(seed, 15, Features { linked: true, ..Features::default() });
        let outcome = schedule(&instance, &Options { goal: Some(&goal), ..Options::default() }).expect("feasible");
        assert_eq!(goal(&outcome.schedule).0, 0, "the GPU can run everything here");
        let alone = outcome.candidates.iter().find(|c| c.0 == Origin::Alone(1)).expect("it can run there");
        assert!(outcome.schedule.makespan <= alone.1);
    }
}

#[test]
fn the_checker_finds_every_kind_of_mistake() {
    use veda::planner::schedule::Violation as V;
    let features = Features { linked: true, runs: true, ..Features::default() };
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let instance = instance(seed, 20, features);
        let mut dice = Dice::new(seed);
        let (assignment, order) = random::draft(&mut dice, &instance);
        let good = simulate(&instance, &assignment, &order).expect("feasible");
        for change in 0..9 {
            let mut bad = good.clone();
            let t = dice.roll(0, 20) as usize;
            match change {
                0 => bad.runs[t] = (0, bad.runs[t].1 - bad.runs[t].0),
                1 => bad.runs[t].1 += 1,
                2 => drop(bad.copies.pop()),
                3 => drop(bad.builds.pop()),
                4 => bad.makespan += 1,
                5 => bad.peak_bytes[1] += 1,
                6 => bad.assignment[t] = 1 - bad.assignment[t],
                7 => drop(bad.order.pop()),
                _ => bad.copies.extend(good.copies.first().copied()),
            }
            let found = check(&instance, &bad);
            assert!(bad == good || !found.is_empty(), "change {change} of seed {seed} goes unnoticed");
            kinds.extend(found.iter().map(|v| match v {
                V::Shape { .. } => "shape",
                V::Processor { .. } => "processor",
                V::Duration { .. } => "duration",
                V::NotReady { .. } => "ready",
                V::Precedence { .. } => "precedence",
                V::NotBuilt { .. } => "built",
                V::Input { .. } => "input",
                V::Source { .. } => "source",
                V::Twice { .. } => "twice",
                V::Overlap { .. } => "overlap",
                V::Peak { .. } => "peak",
                V::Wanted { .. } => "wanted",
                V::Makespan { .. } => "makespan",
                _ => "other",
            }));
        }
    }
    let all = [
        "built",
        "duration",
        "input",
        "makespan",
        "overlap",
        "peak",
        "precedence",
        "processor",
        "ready",
        "shape",
        "source",
        "twice",
        "wanted",
    ];
    let missing: Vec<_> = all.into_iter().filter(|k| !kinds.contains(k)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
