//! Random graphs on the machines of the fixtures: every plan holds, and none is worse than the best single device.

mod planner_support;

use planner_support::{Builder, FIXTURES, GPU, check_plan, set};
use proptest::prelude::*;
use veda::planner::planning::{best_schedule, plan};
use veda::planner::{DataResidency, Goal, Objective, Place};

/// Kind, inputs, operations, whether the result is wanted.
type Choice = (u8, usize, usize, u32, bool);

fn graph(n: u64, choices: &[Choice], on_gpu: bool) -> Builder {
    let mut b = Builder::default();
    let mut arrays = vec![b.datum("x", n), b.datum("y", n)];
    for (i, &(kind, first, second, ops, wanted)) in choices.iter().enumerate() {
        let (x, y) = (arrays[first % arrays.len()], arrays[second % arrays.len()]);
        let name = format!("t{i}");
        let ops = f64::from(1u32 << ops);
        let out = match kind {
            0 | 1 => b.map(&name, &[x], ops),
            2 if x != y => b.map(&name, &[x, y], ops),
            2 | 3 => b.rigid(&name, &[x], ops),
            4 => b.reduce(&name, x, ops),
            _ => b.host(&name, &[x], 1_000 * u64::from(first as u32), n),
        };
        if kind != 4 {
            arrays.push(out);
        }
        if wanted {
            b.wanted(out, if kind == 1 && on_gpu { GPU } else { Place::Cpu });
        }
    }
    b
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_plan_holds_and_none_is_worse_than_one_device(
        log in 10u32..23,
        choices in prop::collection::vec((0u8..6, 0usize..50, 0usize..50, 0u32..12, any::<bool>()), 1..12),
        fixture in 0usize..4,
        goal in 0u8..4,
        cold: bool,
        cap in prop::option::weighted(0.4, 1u64..8),
    ) {
        let n = 1u64 << log;
        // Results that stay on a device could be more than the cap.
        let b = graph(n, &choices, cap.is_none());
        let mut set = set(FIXTURES[fixture]);
        set.places.iter_mut().for_each(|o| o.all_ready = !cold);
        let goal = match goal {
            0 => Goal::Makespan,
            1 => Goal::Deadline { ns: 100 * n },
            2 => Goal::Energy,
            _ => Goal::EnergyCap { joules: 0.01 },
        };
        let objective = Objective { goal, memory_cap: cap.map(|arrays| 4 * n * arrays) };
        let residency = DataResidency::host(&b.graph);
        let planned = plan(&b.graph, &set, &residency, &objective, 7).unwrap();
        check_plan(&b.graph, &set, &residency, &objective, &planned);
        prop_assert_eq!(&plan(&b.graph, &set, &residency, &objective, 7).unwrap(), &planned);
        let named = |name: &str| planned.candidates.iter().find(|c| c.0 == name).map_or(u64::MAX, |c| c.1);
        if goal == Goal::Makespan {
            let single = named("all CPU").min(named("GPU 0 alone"));
            prop_assert!(planned.timeline.makespan_ns <= single);
        }
        let (priced, schedule) = best_schedule(&b.graph, &set, &residency, &objective, 7).unwrap();
        let plain = veda::planner::score::Score::rank_of(&priced, &schedule, goal);
        if goal == Goal::Energy {
            prop_assert!((planned.energy_j.unwrap() * 1e6) as u64 <= plain.0 + plain.0 / 100_000 + 1);
        }
    }
}
