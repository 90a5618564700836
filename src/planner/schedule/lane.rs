//! When a unit is busy, with a search for the earliest gap.

/// Busy times of a unit that does one thing at a time: disjoint, ascending; touching ones are merged, which keeps the
/// list short where work follows work.
#[derive(Debug, Default)]
pub(super) struct Lane {
    busy: Vec<(u64, u64)>,
}

impl Clone for Lane {
    fn clone(&self) -> Lane {
        Lane { busy: self.busy.clone() }
    }

    // Keeps the buffer, which a derived one does not.
    fn clone_from(&mut self, source: &Lane) {
        self.busy.clone_from(&source.busy);
    }
}

impl Lane {
    /// The earliest start, not before `ready`, of a gap of `ns`. Amortised constant where requests come in the order of
    /// time: it looks from the end first.
    pub(super) fn fit(&self, ready: u64, ns: u64) -> u64 {
        match self.busy.last() {
            Some(&(_, end)) if end > ready && ns > 0 => {}
            _ => return ready,
        }
        let mut start = ready;
        let first = self.busy.partition_point(|&(_, end)| end <= ready);
        for &(from, to) in &self.busy[first..] {
            if start.saturating_add(ns) <= from {
                break;
            }
            start = start.max(to);
        }
        start
    }

    /// Books `[start, start + ns)`, which must be free.
    pub(super) fn book(&mut self, start: u64, ns: u64) {
        if ns == 0 {
            return;
        }
        let end = start.saturating_add(ns);
        let at = self.busy.partition_point(|&(from, _)| from < start);
        let joins_left = at > 0 && self.busy[at - 1].1 == start;
        let joins_right = at < self.busy.len() && self.busy[at].0 == end;
        match (joins_left, joins_right) {
            (true, true) => {
                self.busy[at - 1].1 = self.busy[at].1;
                self.busy.remove(at);
            }
            (true, false) => self.busy[at - 1].1 = end,
            (false, true) => self.busy[at].0 = start,
            (false, false) => self.busy.insert(at, (start, end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lane;

    #[test]
    fn gaps_are_found_and_merged() {
        let mut lane = Lane::default();
        lane.book(10, 5);
        lane.book(20, 5);
        assert_eq!(lane.fit(0, 10), 0);
        assert_eq!(lane.fit(0, 11), 25);
        assert_eq!(lane.fit(12, 5), 15);
        assert_eq!(lane.fit(12, 0), 12);
        lane.book(15, 5);
        assert_eq!(lane.busy, [(10, 25)]);
        assert_eq!(lane.fit(3, 7), 3);
        assert_eq!(lane.fit(4, 7), 25);
    }
}
