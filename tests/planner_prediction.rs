//! How well times are predicted, drifts followed and devices chosen, on machines that differ from their profiles.
//!
//! Pure and seeded: the same numbers on every machine. Shown with `--nocapture`.

mod machines;

use machines::{FIXTURES, Machine, PLACES, Random, Wrong, kernel, on_gpu, on_host, profile, quantile, seen};
use veda::planner::decide::crossover;
use veda::planner::{Budget, Candidate, CostModel, Place, Residency, Rules, Work, decide, trial};

const GPU: Place = Place::Gpu(0);

/// Median |observed / predicted − 1| and the share inside the 80 % intervals.
#[derive(Debug)]
struct Quality {
    error: f64,
    coverage: f64,
}

/// Each of 60 kernels is seen once per device (with its data on the host), at one size; then calls of other sizes are
/// predicted.
fn after_one_observation(fixture: &str, wrong: Wrong, seed: u64) -> Quality {
    let profile = profile(fixture);
    let mut machine = Machine::new(&profile, wrong, seed);
    let mut model = CostModel::new(&profile);
    let mut random = Random(seed ^ 0xabcd);
    let (mut errors, mut inside) = (Vec::new(), 0);
    for key in 1..=60 {
        let work = kernel(key, &mut random);
        let residency = on_host(&work);
        for place in PLACES {
            let first = work.with_elements(random.between(3e4, 3e6) as u64);
            let observed = machine.run(&first, place, &residency);
            model.observe(&first, &residency, &seen(place, observed));
            for _ in 0..8 {
                let held_out = work.with_elements(random.between(1e4, 1e7) as u64);
                let predicted = model.estimate(&held_out, place, &residency, 0, true).expect("both devices");
                let observed = machine.run(&held_out, place, &residency);
                errors.push((observed as f64 / predicted.mean_ns as f64 - 1.0).abs());
                inside += usize::from((predicted.lo_ns..=predicted.hi_ns).contains(&observed));
            }
        }
    }
    let coverage = inside as f64 / errors.len() as f64;
    Quality { error: quantile(&mut errors, 0.5), coverage }
}

#[test]
fn one_observation_is_enough_for_fifteen_percent_and_the_intervals_hold() {
    for fixture in FIXTURES {
        for seed in [1, 2, 3] {
            let q = after_one_observation(fixture, Wrong::default(), seed);
            println!("{fixture}, seed {seed}: error {:.1} %, coverage {:.0} %", 100.0 * q.error, 100.0 * q.coverage);
            assert!(q.error <= 0.15, "{fixture} {q:?}");
            assert!((0.7..=0.9).contains(&q.coverage), "{fixture} {q:?}");
        }
    }
}

/// Coverage over the second half of a program in which 20 kernels are called 40 times each, at any size.
fn coverage_in_the_long_run(fixture: &str, wrong: Wrong, seed: u64) -> f64 {
    let profile = profile(fixture);
    let mut machine = Machine::new(&profile, wrong, seed);
    let mut model = CostModel::new(&profile);
    let mut random = Random(seed ^ 0xfeed);
    let kernels: Vec<Work> = (1..=20).map(|key| kernel(key, &mut random)).collect();
    let (mut inside, mut all) = (0, 0);
    for call in 0..1600 {
        let work = kernels[random.bits() as usize % kernels.len()].with_elements(random.between(1e4, 1e7) as u64);
        let (place, residency) = (PLACES[call % 2], on_host(&work));
        let predicted = model.estimate(&work, place, &residency, 0, true).expect("both devices");
        let observed = machine.run(&work, place, &residency);
        model.observe(&work, &residency, &seen(place, observed));
        if call >= 800 {
            all += 1;
            inside += usize::from((predicted.lo_ns..=predicted.hi_ns).contains(&observed));
        }
    }
    f64::from(inside as u32) / f64::from(all)
}

#[test]
fn intervals_follow_the_noise_of_the_machine() {
    for fixture in FIXTURES {
        for noise in [0.03, 0.1, 0.3] {
            let coverage = coverage_in_the_long_run(fixture, Wrong { noise, ..Wrong::default() }, 7);
            println!("{fixture}, noise {:.0} %: coverage {:.0} %", 100.0 * noise, 100.0 * coverage);
            assert!((0.7..=0.9).contains(&coverage), "{fixture}, noise {noise}: {coverage}");
        }
    }
}

#[test]
fn a_drift_is_followed_within_a_dozen_calls() {
    for fixture in FIXTURES {
        for (place, slower) in [(Place::Cpu, 2.0), (GPU, 3.0), (Place::Cpu, 0.5)] {
            let profile = profile(fixture);
            let mut machine = Machine::new(&profile, Wrong::default(), 11);
            let mut model = CostModel::new(&profile);
            let work = kernel(5, &mut Random(5)).with_elements(3_000_000);
            let residency = on_gpu(&work);
            let residency = if place == Place::Cpu { on_host(&work) } else { residency };
            let mut calls = |machine: &mut Machine, n: usize| {
                for _ in 0..n {
                    let observed = machine.run(&work, place, &residency);
                    model.observe(&work, &residency, &seen(place, observed));
                }
                let predicted = model.estimate(&work, place, &residency, 0, true).expect("both devices").mean_ns as f64;
                (predicted / machine.truth(&work, place, &residency) - 1.0).abs()
            };
            let before = calls(&mut machine, 40);
            machine.slower = slower;
            let after = calls(&mut machine, 12);
            println!(
                "{fixture}, {place}, {slower} times as slow: error {:.0} % before, {:.0} % 12 calls after",
                100.0 * before,
                100.0 * after
            );
            assert!(before < 0.15 && after < 0.2, "{fixture} {place} {slower}: {before}, {after}");
        }
    }
}

/// What routing cost in a program of many calls.
#[derive(Debug)]
struct Routed {
    /// Per kernel, size and residency: the chosen device's true time over the better device's, minus 1.
    regrets: Vec<f64>,
    /// The same of the cases whose slower device takes less than twice as long and more than 1.1 times.
    contested: Vec<f64>,
    /// Time lost to slices over all time.
    spent: f64,
    trials: usize,
}

/// 20 kernels, 8 sizes, both residencies; each case is called `rounds` times in a random order, then judged. Half of the
/// sizes lie within a factor of four of where the profile alone changes its mind: that is where routing can be wrong.
fn route(fixture: &str, seed: u64, (kernels, sizes): (u64, usize), rounds: usize, explore: bool) -> Routed {
    let profile = profile(fixture);
    let mut machine = Machine::new(&profile, Wrong::default(), seed);
    let mut model = CostModel::new(&profile);
    let mut random = Random(seed ^ 0x5eed);
    let candidates = PLACES.map(Candidate::idle);
    let kernels: Vec<Work> = (1..=kernels).map(|key| kernel(key, &mut random)).collect();
    let mut cases: Vec<(Work, Residency)> = Vec::new();
    for work in &kernels {
        for residency in [on_host(work), on_gpu(work)] {
            let [cpu, gpu] = &candidates;
            let flip = crossover(&model, work, &residency, cpu, gpu).first().filter(|&n| n < 50_000_000);
            for i in 0..sizes {
                let near = flip.filter(|_| i % 2 == 0).map(|n| n as f64 * random.between(0.25, 4.0));
                let n = near.unwrap_or_else(|| random.between(3e3, 1e7)).max(256.0);
                cases.push((work.with_elements(n as u64), residency));
            }
        }
    }
    let mut budget = Budget::default();
    let mut lost = 0.0;
    let mut trials = 0;
    for _ in 0..rounds * cases.len() {
        let (work, residency) = &cases[random.bits() as usize % cases.len()];
        let decision = decide(&model, work, residency, &candidates);
        let rules = Rules { grain: 256, deterministic: !explore, ..Rules::default() };
        let mut rest = *work;
        if let Some(slice) = trial(&model, work, residency, &candidates, decision.place, &budget, rules) {
            let part = work.with_elements(slice.elements);
            let took = machine.run(&part, slice.place, residency);
            model.observe(&part, residency, &seen(slice.place, took));
            budget.spent_ns += slice.loss_ns(took);
            budget.total_ns += took;
            let share = slice.elements as f64 / work.elements as f64;
            lost += (took as f64 - share * machine.truth(work, decision.place, residency)).max(0.0);
            rest = work.with_elements(work.elements - slice.elements);
            trials += 1;
        }
        let took = machine.run(&rest, decision.place, residency);
        model.observe(&rest, residency, &seen(decision.place, took));
        budget.total_ns += took;
    }
    let (mut regrets, mut contested) = (Vec::new(), Vec::new());
    for (work, residency) in &cases {
        let time = |place| machine.truth(work, place, residency);
        let (better, worse) = (time(Place::Cpu).min(time(GPU)), time(Place::Cpu).max(time(GPU)));
        let regret = time(decide(&model, work, residency, &candidates).place) / better - 1.0;
        regrets.push(regret);
        if (1.1..2.0).contains(&(worse / better)) {
            contested.push(regret);
        }
    }
    Routed { regrets, contested, spent: lost / budget.total_ns as f64, trials }
}

#[test]
fn routing_with_exploration_comes_near_the_oracle_within_two_percent_of_the_time() {
    for fixture in FIXTURES {
        for (kernels, sizes) in [(20, 8), (80, 1)] {
            let mean = [false, true].map(|explore| {
                let (mut regrets, mut contested, mut spent, mut trials) = (Vec::new(), Vec::new(), 0f64, 0);
                for seed in 1..=8 {
                    let routed = route(fixture, seed, (kernels, sizes), 40, explore);
                    regrets.extend(routed.regrets);
                    contested.extend(routed.contested);
                    spent = spent.max(routed.spent);
                    trials += routed.trials;
                }
                let [median, p90, p99, worst] = [0.5, 0.9, 0.99, 1.0].map(|q| 100.0 * quantile(&mut regrets, q));
                let mean = 100.0 * contested.iter().sum::<f64>() / contested.len() as f64;
                println!(
                    "{fixture}, {kernels} kernels of {sizes} sizes, exploration {explore}: {} cases, regret median \
                     {median:.1} %, p90 {p90:.1} %, p99 {p99:.1} %, worst {worst:.0} %; of {} contested cases mean {mean:.1} %; \
                     {trials} slices, {:.2} % of the time",
                    regrets.len(),
                    contested.len(),
                    100.0 * spent
                );
                if explore {
                    assert!(median <= 5.0 && p99 <= 30.0, "{fixture}: median {median} %, p99 {p99} %");
                    assert!(spent <= 0.02 && trials > 0, "{fixture}: {spent}");
                }
                mean
            });
            assert!(mean[1] <= mean[0], "{fixture}: exploring made it worse: {mean:?}");
        }
    }
}
