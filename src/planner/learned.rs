//! Merging what two processes learned. Pure: [`super::profile_file`] does the reading and writing.

use std::collections::BTreeMap;

use super::profile::Learned;

/// Entries that a file keeps: those with the most observations. A file of that many is some 500 KiB.
pub const MOST: usize = 4096;

/// What each [`super::residual::ResidualKey`] and [`super::part::PartKey`] taught.
pub type Entries = BTreeMap<String, Learned>;

/// Merges `ours` into `theirs`, both of which grew from `base`: what the file held when we last read or wrote it.
///
/// An entry that only one side changed is that side's. Where both did, the mean is weighted by precision, the variance
/// is that of the mixture of both (never below the surer one's; wider where they disagree, because then the machine was not
/// the same for both), and the observations that each side added are added.
pub fn merge(theirs: &Entries, ours: &Entries, base: &Entries) -> Entries {
    let mut merged = theirs.clone();
    for (key, our) in ours {
        let known = base.get(key);
        let entry = match theirs.get(key) {
            _ if known.is_some_and(|k| k.n == our.n) => continue, // nothing new here
            Some(their) if !known.is_some_and(|k| same(k, their)) => both(their, our, known.map_or(0, |k| k.n)),
            _ => *our,
        };
        merged.insert(key.clone(), entry);
    }
    bounded(merged)
}

/// Whether a file holds this entry, up to the digits that it keeps.
fn same(a: &Learned, b: &Learned) -> bool {
    a.n == b.n && (a.mean - b.mean).abs() <= 1e-4
}

/// Of two that share `shared` observations.
fn both(a: &Learned, b: &Learned, shared: u64) -> Learned {
    // A variance of zero (nobody writes it, but a file may say it) is a very small one.
    let precision = |l: &Learned| 1.0 / l.variance.max(1e-9);
    let share = precision(a) / (precision(a) + precision(b));
    let (share, other) = (share, 1.0 - share);
    let apart = a.mean - b.mean;
    Learned {
        mean: share * a.mean + other * b.mean,
        variance: share * a.variance + other * b.variance + share * other * apart * apart,
        n: a.n.saturating_add(b.n.saturating_sub(shared)),
    }
}

/// Drops the entries with the fewest observations beyond [`MOST`]; of equals the last by key.
fn bounded(mut entries: Entries) -> Entries {
    if entries.len() > MOST {
        let mut by_n: Vec<(u64, String)> = entries.iter().map(|(key, l)| (l.n, key.clone())).collect();
        by_n.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (_, key) in by_n.drain(MOST..) {
            entries.remove(&key);
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(mean: f64, variance: f64, n: u64) -> Learned {
        Learned { mean, variance, n }
    }

    fn entries(of: &[(&str, Learned)]) -> Entries {
        of.iter().map(|(k, l)| ((*k).to_owned(), *l)).collect()
    }

    #[test]
    fn what_one_side_changed_is_taken_and_what_both_changed_is_averaged() {
        let base = entries(&[("a", one(0.1, 0.02, 5)), ("b", one(0.1, 0.02, 5)), ("c", one(0.1, 0.02, 5))]);
        let theirs = entries(&[("a", one(0.2, 0.01, 8)), ("b", one(0.1, 0.02, 5)), ("c", one(0.3, 0.01, 9))]);
        let ours = entries(&[
            ("a", one(0.1, 0.02, 5)),
            ("b", one(0.4, 0.01, 6)),
            ("c", one(0.5, 0.01, 7)),
            ("new", one(1.0, 0.01, 1)),
        ]);
        let merged = merge(&theirs, &ours, &base);
        assert_eq!(merged["a"], theirs["a"]);
        assert_eq!(merged["b"], ours["b"]);
        assert_eq!(merged["new"], ours["new"]);
        let c = merged["c"];
        assert_eq!(c.n, 11);
        assert!((c.mean - 0.4).abs() < 1e-12 && (c.variance - 0.02).abs() < 1e-12, "{c:?}");
    }

    #[test]
    fn the_file_stays_bounded_and_keeps_what_was_seen_most() {
        let many: Entries = (0..MOST as u64 + 100).map(|i| (format!("{i:06}"), one(0.0, 0.1, i))).collect();
        let merged = merge(&Entries::new(), &many, &Entries::new());
        assert_eq!(merged.len(), MOST);
        assert!(!merged.contains_key("000099") && merged.contains_key("000100"));
    }

    fn any() -> impl Strategy<Value = Entries> {
        let learned = (-13.0f64..13.0, 1e-6f64..1.0, 1u64..1_000_000).prop_map(|(m, v, n)| one(m, v, n));
        proptest::collection::btree_map("[a-f]", learned, 0..6)
    }

    /// The base and what somebody added to it.
    fn grown(base: &Entries, added: &Entries) -> Entries {
        let mut grown = base.clone();
        for (key, l) in added {
            let n = base.get(key).map_or(0, |b| b.n) + l.n;
            grown.insert(key.clone(), Learned { n, ..*l });
        }
        grown
    }

    proptest! {
        #[test]
        fn merging_is_commutative_loses_no_observation_and_stays_between(base in any(), a in any(), b in any()) {
            let (a, b) = (grown(&base, &a), grown(&base, &b));
            let (ab, ba) = (merge(&a, &b, &base), merge(&b, &a, &base));
            prop_assert_eq!(ab.keys().collect::<Vec<_>>(), ba.keys().collect::<Vec<_>>());
            for (key, m) in &ab {
                let other = &ba[key];
                prop_assert_eq!(m.n, other.n);
                prop_assert!((m.mean - other.mean).abs() < 1e-9 && (m.variance - other.variance).abs() < 1e-9);
                let n = |of: &Entries| of.get(key).map_or(0, |l| l.n);
                prop_assert_eq!(m.n, n(&a) + n(&b) - n(&base));
                let of = |e: &Entries| e.get(key).copied();
                let sides: Vec<Learned> = [of(&a), of(&b)].into_iter().flatten().collect();
                let (low, high) = sides.iter().fold((f64::MAX, f64::MIN), |(l, h), s| (l.min(s.mean), h.max(s.mean)));
                let least = sides.iter().map(|s| s.variance).fold(f64::MAX, f64::min);
                prop_assert!(m.mean >= low - 1e-9 && m.mean <= high + 1e-9);
                prop_assert!(m.variance >= least - 1e-12 && m.variance.is_finite());
            }
        }

        #[test]
        fn merging_twice_is_merging_once(base in any(), theirs in any(), added in any()) {
            let ours = grown(&base, &added);
            let once = merge(&theirs, &ours, &base);
            // After a save the base is what was written, and there is nothing new.
            prop_assert_eq!(merge(&once, &once, &once), once);
        }
    }
}
