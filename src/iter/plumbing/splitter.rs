//! Decides whether a piece is offered to other threads.

use crate::executor::current_num_threads;

/// Splits left to make. Starts with one per thread; a piece that was stolen shows that threads are idle, so it may be
/// cut into as many again. A pool of one thread never forks (nobody could steal) unless `max_len` asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Splitter {
    splits: usize,
    threads: usize,
    min_len: usize,
}

impl Splitter {
    pub(super) fn new(len: usize, min_len: usize, max_len: usize) -> Splitter {
        let min_len = min_len.max(1);
        if len / 2 < min_len {
            // One leaf: do not even ask the pool.
            return Splitter { splits: 0, threads: 1, min_len };
        }
        let threads = current_num_threads();
        let wanted = if threads > 1 { threads } else { 0 };
        Splitter { splits: wanted.max(len / max_len.max(1)), threads, min_len }
    }

    pub(super) fn unindexed() -> Splitter {
        let threads = current_num_threads();
        Splitter { splits: threads, threads, min_len: 0 }
    }

    /// Whether to fork a piece of `len` items, counting the fork.
    #[inline]
    pub(super) fn fork(&mut self, len: usize, migrated: bool) -> bool {
        if len / 2 < self.min_len {
            return false;
        }
        if migrated {
            self.splits = self.threads.max(self.splits / 2);
            return true;
        }
        let more = self.splits > 0;
        self.splits /= 2;
        more
    }
}

#[cfg(test)]
mod tests {
    use super::Splitter;

    #[test]
    fn budget_halves_until_it_is_spent_and_is_refilled_by_a_theft() {
        let mut s = Splitter { splits: 4, threads: 4, min_len: 1 };
        assert!(s.fork(100, false) && s.fork(100, false) && s.fork(100, false));
        assert!(!s.fork(100, false));
        assert!(s.fork(100, true));
        assert_eq!(s.splits, 4);
    }

    #[test]
    fn pieces_shorter_than_min_len_are_never_made() {
        let mut s = Splitter { splits: 100, threads: 4, min_len: 10 };
        assert!(!s.fork(19, true));
        assert!(s.fork(20, false));
    }

    #[test]
    fn max_len_asks_for_forks_without_threads() {
        assert_eq!(Splitter::new(1000, 1, 10).splits.max(100), Splitter::new(1000, 1, 10).splits);
        let mut one = Splitter::new(1, 1, 1);
        assert!(!one.fork(1, true));
    }
}
