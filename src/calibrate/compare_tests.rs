use super::*;
use crate::planner::profile::{Adapter, Host, keys};

fn profile(gpus: &[&str]) -> Profile {
    let host = Host { cpu_model: "Abacus 3000".into(), cores: 8, pool_threads: 8, ..Host::default() };
    let gpus: Vec<Adapter> = gpus
        .iter()
        .map(|name| Adapter { name: (*name).to_owned(), kind: DeviceKind::Discrete, ..Adapter::default() })
        .collect();
    Profile::builtin(host, &gpus)
}

/// The row of a scalar or rate of device `i`.
fn row<'a>(c: &'a Comparison, i: usize, name: &str) -> &'a Row {
    c.devices[i].rows.iter().find(|r| r.name == name && r.bytes.is_none()).expect("is in both")
}

#[test]
fn a_profile_equals_itself() {
    let p = profile(&["Card"]);
    let c = compare(&p, &p);
    assert_eq!(c.devices.len(), 2);
    for r in c.devices.iter().flat_map(|d| &d.rows) {
        let same = if r.kind == Kind::Share { 0.0 } else { 1.0 };
        assert!((r.change().unwrap_or(same) - same).abs() < 1e-9, "{r:?}");
    }
    assert!(c.decisions.is_empty() && c.calls > 100);
    assert!(c.crossovers.iter().all(|x| x.cold[0] == x.cold[1] && x.resident[0] == x.resident[1]));
    // A card overtakes eight slow threads on the heavy kernel at some size: the comparison is of numbers, not of nothing.
    assert!(c.crossovers.iter().any(|x| x.cold[0].is_some()));
}

#[test]
fn a_slower_link_moves_crossovers_and_decisions() {
    let a = profile(&["Card"]);
    let mut b = a.clone();
    for key in [keys::UPLOAD, keys::DOWNLOAD] {
        for knot in b.devices[1].curves.get_mut(key).expect("built in") {
            for us in [&mut knot.min_us, &mut knot.p50_us, &mut knot.p90_us] {
                *us *= 8.0;
            }
        }
    }
    b.devices[1].scalars.get_mut(keys::OVERLAP_UPLOAD).expect("built in").v = 0.5;
    let c = compare(&a, &b);
    let slower: Vec<&Row> = c.devices[1].rows.iter().filter(|r| r.change().is_some_and(|x| x > 7.9)).collect();
    assert!(!slower.is_empty() && slower.iter().all(|r| r.name == keys::UPLOAD || r.name == keys::DOWNLOAD));
    assert_eq!(row(&c, 1, keys::OVERLAP_UPLOAD).change(), Some(0.5));
    let heavy = c.crossovers.iter().find(|x| x.example == "logistic").expect("is compared");
    assert!(heavy.cold[0].is_some() && heavy.cold[0] < heavy.cold[1].or(Some(u64::MAX)), "{heavy:?}");
    assert!(!c.decisions.is_empty());
    for d in &c.decisions {
        assert_eq!(d.places, [Place::Gpu(0), Place::Cpu], "a slower link sends work back to the CPU only: {d:?}");
        assert!(d.loss > 0.0, "{d:?}");
    }
}

#[test]
fn curves_meet_within_both_ranges_only() {
    let knot = |bytes: u64, us: f64| Knot { bytes, min_us: us, p50_us: us * 1.1, p90_us: us * 2.0, samples: 5 };
    let a = [knot(1024, 1.0), knot(4096, 4.0), knot(16384, 16.0)];
    let b = [knot(2048, 1.0), knot(8192, 4.0), knot(65536, 32.0)];
    let rows = curve_rows("stream", &a, &b);
    assert_eq!(rows.iter().map(|r| r.bytes).collect::<Vec<_>>(), [Some(2048), Some(4096), Some(8192), Some(16384)]);
    // Power laws with exponent 1: half the time at every size.
    assert!(rows.iter().all(|r| (r.change().expect("positive") - 0.5).abs() < 1e-9), "{rows:?}");
    assert!((rows[0].noise - 1.1f64.ln()).abs() < 1e-9);
    assert!(curve_rows("stream", &a[..1], &b).is_empty(), "nothing in common");
}

#[test]
fn devices_are_matched_by_name_then_by_order() {
    let (a, b) = (profile(&["One", "Two"]), profile(&["Two", "Three"]));
    let c = compare(&a, &b);
    let names: Vec<&[String; 2]> = c.devices.iter().skip(1).map(|d| &d.names).collect();
    assert_eq!(names, [&["One".to_owned(), "Three".to_owned()], &["Two".to_owned(), "Two".to_owned()]]);
    let c = compare(&a, &profile(&[]));
    assert_eq!(c.unmatched, [vec!["One".to_owned(), "Two".to_owned()], vec![]]);
    assert!(c.crossovers.is_empty() && c.decisions.iter().all(|d| d.places[1] == Place::Cpu));
}

#[test]
fn numbers_of_one_side_are_named() {
    let a = profile(&["Card"]);
    let mut b = a.clone();
    b.devices[0].scalars.remove(keys::FORK_JOIN_US);
    b.devices[1].op_rates.insert("tensor".into(), 1.0);
    let c = compare(&a, &b);
    assert_eq!(c.devices[0].missing, [vec![keys::FORK_JOIN_US.to_owned()], vec![]]);
    assert_eq!(c.devices[1].missing, [vec![], vec!["tensor".to_owned()]]);
}
