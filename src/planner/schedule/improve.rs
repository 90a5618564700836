//! Local search: small changes of assignment and order, each judged by the simulator, within a budget of task visits.
//!
//! Threshold accepting: a change is kept if it makes the schedule at most a little worse, and what "a little" is falls
//! to nothing over a round. Small graphs get many rounds from several drafts; large ones one round that only accepts what
//! is not worse. Half of the changes touch the chain of tasks that fixes the makespan.

use super::result::{Draft, Infeasible, Schedule};
use super::rng::Rng;
use super::simulate::Simulator;
use super::table::NONE;

/// What the search minimises, lexicographically.
pub type Score = (u64, u64);

/// A draft and its score.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    pub(super) score: Score,
    pub(super) draft: Draft,
}

/// Judges drafts.
pub(super) struct Judge<'a> {
    pub(super) simulator: Simulator,
    pub(super) goal: Option<&'a dyn Fn(&Schedule) -> Score>,
    pub(super) longest: Option<&'a dyn Fn(Score) -> u64>,
    /// Task visits that are left.
    pub(super) budget: u64,
    /// What the goal looks at; kept for its buffers.
    pub(super) schedule: Schedule,
}

impl Judge<'_> {
    /// The score if it is at most `limit`. Nothing before position `same` has changed since the simulator was told to
    /// `forget`.
    pub(super) fn score(&mut self, draft: &Draft, limit: Score, same: usize) -> Result<Score, Infeasible> {
        match self.goal {
            None => {
                let below = limit.0.saturating_add(1);
                let makespan = self.simulator.makespan_from(&draft.assignment, &draft.order, below, same);
                self.budget = self.budget.saturating_sub(self.simulator.visits());
                makespan.map(|m| (m, 0))
            }
            Some(goal) => {
                let longest = self.longest.map_or(NONE, |longest| longest(limit));
                if longest < NONE {
                    let short = self.simulator.makespan_from(&draft.assignment, &draft.order, longest + 1, same);
                    self.budget = self.budget.saturating_sub(self.simulator.visits());
                    short?;
                }
                let made = self.simulator.simulate_into(&draft.assignment, &draft.order, &mut self.schedule);
                // A whole schedule takes about twice as long.
                self.budget = self.budget.saturating_sub(2 * self.simulator.visits());
                made?;
                let score = goal(&self.schedule);
                if score > limit { Err(Infeasible::Limit) } else { Ok(score) }
            }
        }
    }
}

/// One search from one draft.
struct Walk<'j, 'a> {
    judge: &'j mut Judge<'a>,
    rng: Rng,
    draft: Draft,
    score: Score,
    /// Where each task is in the list.
    position: Vec<usize>,
    critical: Vec<usize>,
    /// How to take the last change back.
    undo: Vec<Undo>,
    /// The first position that the last change touches.
    first: usize,
    buffer: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Undo {
    Assign(usize, usize),
    /// The task at the first index was moved to the second.
    Move(usize, usize),
}

impl<'j, 'a> Walk<'j, 'a> {
    fn new(judge: &'j mut Judge<'a>, start: &Scored, seed: u64) -> Walk<'j, 'a> {
        let mut position = vec![0; start.draft.order.len()];
        for (i, &t) in start.draft.order.iter().enumerate() {
            position[t] = i;
        }
        Walk {
            judge,
            rng: Rng::new(seed),
            draft: start.draft.clone(),
            score: start.score,
            position,
            critical: Vec::new(),
            undo: Vec::new(),
            first: 0,
            buffer: Vec::new(),
        }
    }

    fn find_critical(&mut self) {
        let Judge { simulator, budget, .. } = &mut *self.judge;
        if simulator.critical(&self.draft.assignment, &self.draft.order, &mut self.critical).is_err() {
            self.critical.clear();
        }
        *budget = budget.saturating_sub(2 * simulator.visits());
    }

    fn assign(&mut self, t: usize, p: usize) {
        self.undo.push(Undo::Assign(t, self.draft.assignment[t]));
        self.first = self.first.min(self.position[t]);
        self.draft.assignment[t] = p;
    }

    fn shift(&mut self, from: usize, to: usize) {
        let order = &mut self.draft.order;
        if from < to {
            order[from..=to].rotate_left(1);
        } else {
            order[to..=from].rotate_right(1);
        }
        let first = from.min(to);
        for (i, &t) in order[first..=from.max(to)].iter().enumerate() {
            self.position[t] = first + i;
        }
    }

    fn take_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Assign(t, p) => self.draft.assignment[t] = p,
                Undo::Move(from, to) => self.shift(to, from),
            }
        }
    }

    /// Another processor that can run the task.
    fn other(&mut self, t: usize) -> Option<usize> {
        let table = &self.judge.simulator.table;
        self.buffer.clear();
        let now = self.draft.assignment[t];
        self.buffer.extend((0..table.processors).filter(|&q| q != now && table.cell(t, q).ns != NONE));
        (!self.buffer.is_empty()).then(|| self.buffer[self.rng.below(self.buffer.len())])
    }

    /// A task, from the critical chain every second time.
    fn pick(&mut self) -> usize {
        let n = self.draft.order.len();
        if !self.critical.is_empty() && self.rng.below(2) == 0 {
            self.critical[self.rng.below(self.critical.len())]
        } else {
            self.rng.below(n)
        }
    }

    /// Moves a task in the list, anywhere between what it needs and what needs it.
    fn reorder(&mut self, t: usize) -> bool {
        let table = &self.judge.simulator.table;
        let from = self.position[t];
        let low = table.preds.row(t).iter().map(|&u| self.position[u as usize] + 1).max().unwrap_or(0);
        let high = table.succs.row(t).iter().map(|&s| self.position[s as usize] - 1).min();
        let high = high.unwrap_or(self.draft.order.len() - 1);
        if low >= high {
            return false;
        }
        // Far moves cost more to apply and help less in long lists.
        let (low, high) = (low.max(from.saturating_sub(64)), high.min(from + 64));
        let to = low + self.rng.below(high - low + 1);
        if to == from {
            return false;
        }
        self.shift(from, to);
        self.undo.push(Undo::Move(from, to));
        self.first = self.first.min(from).min(to);
        true
    }

    /// Another task that shares a datum or a dependency with it.
    fn neighbour(&mut self, t: usize) -> Option<usize> {
        let table = &self.judge.simulator.table;
        let (preds, succs) = (table.preds.row(t), table.succs.row(t));
        let count = preds.len() + succs.len();
        if count == 0 {
            return None;
        }
        let i = self.rng.below(count);
        Some(preds.get(i).copied().unwrap_or_else(|| succs[i - preds.len()]) as usize)
    }

    /// A random change; false: nothing changed.
    fn change(&mut self) -> bool {
        let t = self.pick();
        match self.rng.below(8) {
            0..=2 => {
                let Some(p) = self.other(t) else { return self.reorder(t) };
                self.assign(t, p);
            }
            3 => {
                // Two neighbours to one processor.
                let Some(p) = self.other(t) else { return self.reorder(t) };
                self.assign(t, p);
                if let Some(u) = self.neighbour(t).filter(|&u| self.judge.simulator.table.cell(u, p).ns != NONE) {
                    self.assign(u, p);
                }
            }
            4 => {
                // Two tasks change places.
                let u = self.pick();
                let (p, q) = (self.draft.assignment[t], self.draft.assignment[u]);
                let table = &self.judge.simulator.table;
                if p == q || table.cell(t, q).ns == NONE || table.cell(u, p).ns == NONE {
                    return self.reorder(t);
                }
                self.assign(t, q);
                self.assign(u, p);
            }
            5 => {
                if let Some(p) = self.other(t) {
                    self.assign(t, p);
                    self.reorder(t);
                } else {
                    return self.reorder(t);
                }
            }
            _ => return self.reorder(t),
        }
        true
    }

    /// Changes until the share of the budget is used. `threshold`: how much worse, in parts of 1024, is kept at first.
    fn round(&mut self, best: &mut Scored, share: u64, threshold: u64) {
        let stop = self.judge.budget.saturating_sub(share);
        self.judge.simulator.forget(0);
        self.find_critical();
        let mut idle = 0;
        while self.judge.budget > stop && idle < 1000 {
            self.first = usize::MAX;
            if !self.change() {
                idle += 1;
                continue;
            }
            idle = 0;
            let left = (self.judge.budget - stop) as u128;
            let slack = u128::from(self.score.0) * u128::from(threshold) * left / (1024 * u128::from(share.max(1)));
            let limit = if slack == 0 { self.score } else { (self.score.0.saturating_add(slack as u64), NONE) };
            match self.judge.score(&self.draft, limit, self.first) {
                Ok(score) => {
                    self.undo.clear();
                    self.judge.simulator.forget(self.first);
                    let better = score < self.score;
                    self.score = score;
                    if score < best.score {
                        *best = Scored { score, draft: self.draft.clone() };
                    }
                    if better {
                        self.find_critical();
                    }
                }
                Err(_) => self.take_back(),
            }
        }
    }
}

/// Searches from the drafts, best first, until the budget is used, and returns the best that was found.
pub(super) fn improve(judge: &mut Judge<'_>, starts: &[Scored], seed: u64) -> Option<Scored> {
    let mut best = starts.first()?.clone();
    let n = best.draft.order.len();
    if n == 0 || judge.simulator.table.processors == 0 {
        return Some(best);
    }
    let bound = if judge.goal.is_none() { judge.simulator.table.bound() } else { 0 };
    let mut rng = Rng::new(seed);
    let rounds: u64 = if n <= 24 {
        12
    } else if n <= 64 {
        6
    } else {
        1
    };
    for i in 0..rounds {
        if best.score.0 <= bound || judge.budget == 0 {
            break;
        }
        let share = judge.budget / (rounds - i);
        // Every second round goes on from the best; the others start from the drafts in turn.
        let start = if i % 2 == 0 { best.clone() } else { starts[(i / 2) as usize % starts.len()].clone() };
        let threshold = if rounds == 1 { 0 } else { [20, 60, 100, 40][(i % 4) as usize] };
        Walk::new(judge, &start, rng.next()).round(&mut best, share, threshold);
    }
    Some(best)
}
