//! The worked example of `src/planner/README.md`.

use std::path::Path;

use veda::gpu::{OpCounts, Place};
use veda::planner::{Bytes, Candidate, CostModel, Profile, Residency, Work, decide};

#[test]
fn the_worked_example_is_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/profiles/discrete-pcie.json");
    let model = CostModel::new(&Profile::load(&path).unwrap());
    let residency = Residency { host: Bytes { fixed: 0.0, per_element: 4.0 }, ..Residency::default() };
    let work = |ops: f64| Work {
        key: 1,
        elements: 262_144,
        groups: 64,
        ops: OpCounts { add: ops, mul: ops, ..OpCounts::default() },
        in_bytes: 4.0,
        out_bytes: 4.0,
        ..Work::default()
    };
    let candidates = [Candidate::idle(Place::Cpu), Candidate::idle(Place::Gpu(0))];
    let heavy = decide(&model, &work(200.0), &residency, &candidates);
    let microseconds = |place| heavy.estimate(place).unwrap().mean_ns / 1000;
    assert_eq!(heavy.place, Place::Gpu(0));
    assert!((1_325..=1_335).contains(&microseconds(Place::Cpu)), "{heavy:?}");
    assert!((314..=318).contains(&microseconds(Place::Gpu(0))), "{heavy:?}");

    let light =
        decide(&model, &work(1.0), &residency, &candidates).with_flip(&model, &work(1.0), &residency, &candidates);
    assert_eq!(light.place, Place::Cpu);
    assert!(light.estimate(Place::Cpu).unwrap().mean_ns < 20_000, "{light:?}");
    assert_eq!(light.flip.unwrap().gpu_from, None);
}
