//! A set of indices as ordered, disjoint ranges: which elements of an array are valid at a place.

/// Ordered, disjoint, non-empty ranges `from..to`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Intervals(Vec<(usize, usize)>);

impl Intervals {
    /// Adds `from..to`.
    pub(super) fn add(&mut self, from: usize, to: usize) {
        if from >= to {
            return;
        }
        let (mut from, mut to) = (from, to);
        let mut kept = Vec::with_capacity(self.0.len() + 1);
        for &(a, b) in &self.0 {
            if b < from || a > to {
                kept.push((a, b));
            } else {
                (from, to) = (from.min(a), to.max(b));
            }
        }
        let at = kept.partition_point(|&(a, _)| a < from);
        kept.insert(at, (from, to));
        self.0 = kept;
    }

    /// Takes `from..to` out.
    pub(super) fn remove(&mut self, from: usize, to: usize) {
        if from >= to {
            return;
        }
        let cut = |&(a, b): &(usize, usize)| [(a, b.min(from)), (a.max(to), b)];
        self.0 = self.0.iter().flat_map(cut).filter(|(a, b)| a < b).collect();
    }

    /// Whether all of `from..to` is in the set.
    pub(super) fn covers(&self, from: usize, to: usize) -> bool {
        from >= to || self.0.iter().any(|&(a, b)| a <= from && to <= b)
    }

    /// The parts of `from..to` that are in the set.
    pub(super) fn within(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        self.0.iter().map(|&(a, b)| (a.max(from), b.min(to))).filter(|(a, b)| a < b).collect()
    }

    /// The parts of `from..to` that are not in the set.
    pub(super) fn missing(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let mut missing = Vec::new();
        let mut at = from;
        for (a, b) in self.within(from, to) {
            if at < a {
                missing.push((at, a));
            }
            at = b;
        }
        if at < to {
            missing.push((at, to));
        }
        missing
    }

    /// Its ranges.
    pub(super) fn ranges(&self) -> &[(usize, usize)] {
        &self.0
    }

    /// Whether it has no element.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Intervals;

    #[test]
    fn agrees_with_a_set_of_indices() {
        let mut seed = 7u64;
        let mut next = |n: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % n
        };
        let mut set = [false; 40];
        let mut intervals = Intervals::default();
        for _ in 0..2_000 {
            let (a, b) = (next(40), next(41));
            if next(2) == 0 {
                intervals.add(a, b);
                set[a..b.max(a)].fill(true);
            } else {
                intervals.remove(a, b.max(a));
                set[a..b.max(a)].fill(false);
            }
            let (a, b) = (next(40), next(41));
            assert_eq!(intervals.covers(a, b), (a..b).all(|i| set[i]), "{intervals:?} {a}..{b}");
            let within: Vec<_> = intervals.within(a, b).iter().flat_map(|&(a, b)| a..b).collect();
            let missing: Vec<_> = intervals.missing(a, b).iter().flat_map(|&(a, b)| a..b).collect();
            assert_eq!(within, (a..b).filter(|&i| set[i]).collect::<Vec<_>>());
            assert_eq!(missing, (a..b).filter(|&i| !set[i]).collect::<Vec<_>>());
        }
    }
}
