//! The cost model prices with what was measured where it was measured: reductions by their own curve, the CPU's overlap.

use veda::planner::profile::{Adapter, DeviceKind, Host, Knot, Scalar, keys};
use veda::planner::{CostModel, OpCounts, OutputKind, Place, Profile, Residency, Work};

fn profile() -> Profile {
    let host = Host { cpu_model: "Abacus 3000".into(), cores: 8, pool_threads: 8, ..Host::default() };
    let gpu = Adapter { name: "Card".into(), kind: DeviceKind::Discrete, ..Adapter::default() };
    Profile::builtin(host, &[gpu])
}

fn work(output: OutputKind) -> Work {
    let elements = 16 << 20;
    Work { key: 7, elements, groups: elements / 2048, in_bytes: 4.0, out_bytes: 4.0, output, ..Work::default() }
}

fn exec(profile: &Profile, work: &Work, place: Place) -> u64 {
    let estimate = CostModel::new(profile).estimate(work, place, &Residency::default(), 0, true);
    estimate.expect("the profile has the device").terms.exec
}

#[test]
fn reductions_of_a_gpu_take_the_time_of_their_curve() {
    let plain = profile();
    let mut measured = plain.clone();
    let knot = |bytes: u64, us: f64| Knot { bytes, min_us: us, p50_us: us, p90_us: us, samples: 9 };
    // 64 MiB in 5 ms: slower than the built-in stream.
    measured.devices[1].curves.insert(keys::REDUCE.into(), vec![knot(1 << 20, 78.0), knot(64 << 20, 5000.0)]);
    let (sum, map) = (work(OutputKind::Reduce), work(OutputKind::Map));
    assert_eq!(exec(&measured, &sum, Place::Gpu(0)), 5_000_000);
    assert!(exec(&plain, &sum, Place::Gpu(0)) < 1_000_000, "streams stand in where it is missing");
    for (what, place) in [(&map, Place::Gpu(0)), (&map, Place::Cpu), (&sum, Place::Cpu)] {
        assert_eq!(exec(&measured, what, place), exec(&plain, what, place), "nothing else changes");
    }
}

#[test]
fn the_cpus_overlap_is_the_profiles() {
    let at = |overlap: f64| {
        let mut p = profile();
        p.devices[0].scalars.insert(keys::OVERLAP.into(), Scalar { v: overlap, lo: overlap, hi: overlap, n: 9 });
        let ops = OpCounts { mul: 4.0, ..OpCounts::default() };
        exec(&p, &Work { ops, ..work(OutputKind::Map) }, Place::Cpu)
    };
    let (apart, half, hidden) = (at(0.0), at(0.5), at(1.0));
    assert!(apart > half && half > hidden, "{apart} {half} {hidden}");
    assert!((apart + hidden).abs_diff(2 * half) <= 2, "linear in the overlap: {apart} {half} {hidden}");
    // Without a measurement it is 0.95.
    let assumed = exec(
        &profile(),
        &Work { ops: OpCounts { mul: 4.0, ..OpCounts::default() }, ..work(OutputKind::Map) },
        Place::Cpu,
    );
    assert_eq!(assumed, at(0.95));
}
