//! The optimal makespan of a small instance by branch and bound.
//!
//! Operations (a task on a processor, a copy over a link) are appended to their units in the order of their starts. Every
//! schedule can be shifted left into one that such a sequence gives, so the search is exhaustive, copies that compete for
//! an engine included. It covers what the quality tests use: no capacities, builds, blocked queues or staged runs, and all
//! times above 0.

use veda::planner::schedule::Instance;

const NEVER: u64 = u64::MAX;

struct Search<'a> {
    instance: &'a Instance,
    /// Shortest time after the end of a task, along the longest path, final copies to another memory left out.
    tail: Vec<u64>,
    least: Vec<u64>,
    best: u64,
    nodes: u64,
    limit: u64,
}

#[derive(Clone)]
struct State {
    processors: Vec<u64>,
    engines: Vec<u64>,
    ends: Vec<u64>,
    /// Datum × memory.
    valid: Vec<u64>,
    /// Start and number of the last operation.
    last: (u64, usize),
    done: usize,
    /// The latest end.
    end: u64,
}

/// The least makespan below `below`, or `below` if there is none; `None` after `limit` nodes.
pub fn optimum(instance: &Instance, below: u64, limit: u64) -> Option<u64> {
    let n = instance.tasks.len();
    let least: Vec<u64> =
        instance.tasks.iter().map(|t| t.options.iter().flatten().map(|r| r.ns).min().expect("a processor")).collect();
    let mut tail = vec![0; n];
    for t in (0..n).rev() {
        tail[t] = instance.tasks[t].succs.iter().map(|&s| tail[s] + least[s]).max().unwrap_or(0);
    }
    let engines = instance.links.iter().filter_map(|l| l.engine).max().map_or(0, |e| e + 1);
    let memories = instance.memories.len();
    let mut valid = vec![NEVER; instance.data.len() * memories];
    for (d, datum) in instance.data.iter().enumerate() {
        for &m in &datum.initial {
            valid[d * memories + m] = 0;
        }
    }
    let state = State {
        processors: instance.processors.iter().map(|p| p.ready_ns).collect(),
        engines: vec![0; engines],
        ends: vec![NEVER; n],
        valid,
        last: (0, 0),
        done: 0,
        end: 0,
    };
    let mut search = Search { instance, tail, least, best: below, nodes: 0, limit };
    search.branch(&state).then_some(search.best)
}

impl Search<'_> {
    /// Data that are not yet where they are wanted.
    fn wanted_missing(&self, state: &State) -> Vec<usize> {
        let memories = self.instance.memories.len();
        let missing = |&d: &usize| self.instance.data[d].wanted.is_some_and(|m| state.valid[d * memories + m] == NEVER);
        (0..self.instance.data.len()).filter(missing).collect()
    }

    fn bound(&self, state: &State) -> u64 {
        let now = state.last.0;
        let mut bound = state.end;
        let (mut work, mut free) = (0, 0);
        let mut earliest = vec![0; self.instance.tasks.len()];
        for (t, task) in self.instance.tasks.iter().enumerate() {
            if state.ends[t] != NEVER {
                earliest[t] = state.ends[t];
                continue;
            }
            let start = task.preds.iter().map(|&u| earliest[u]).max().unwrap_or(0).max(now);
            earliest[t] = start + self.least[t];
            bound = bound.max(earliest[t] + self.tail[t]);
            work += self.least[t];
        }
        if work > 0 {
            for &at in &state.processors {
                free += at.max(now);
            }
            bound = bound.max((work + free).div_ceil(state.processors.len() as u64));
        }
        for d in self.wanted_missing(state) {
            let Some(w) = self.instance.data[d].writer.filter(|&w| state.ends[w] != NEVER) else { continue };
            let copy = self.instance.data[d].copy_ns.iter().min().copied().unwrap_or(0);
            bound = bound.max(state.ends[w].max(now) + copy);
        }
        bound
    }

    /// False: out of nodes.
    fn branch(&mut self, state: &State) -> bool {
        self.nodes += 1;
        if self.nodes > self.limit {
            return false;
        }
        let n = self.instance.tasks.len();
        if state.done == n && self.wanted_missing(state).is_empty() {
            self.best = self.best.min(state.end);
            return true;
        }
        if self.bound(state) >= self.best {
            return true;
        }
        // (end, start, number, what): those that end first are tried first.
        let mut next: Vec<(u64, u64, usize, State)> = Vec::new();
        self.runs(state, &mut next);
        self.copies(state, &mut next);
        next.sort_by_key(|(end, start, number, _)| (*end, *start, *number));
        next.iter().all(|(.., after)| self.branch(after))
    }

    fn push(
        &self,
        state: &State,
        number: usize,
        start: u64,
        end: u64,
        next: &mut Vec<(u64, u64, usize, State)>,
    ) -> bool {
        // In the order of starts, then of numbers: each set of operations comes up once.
        if (start, number) < state.last || end >= self.best {
            return false;
        }
        let mut after = state.clone();
        after.last = (start, number);
        after.end = after.end.max(end);
        next.push((end, start, number, after));
        true
    }

    fn runs(&self, state: &State, next: &mut Vec<(u64, u64, usize, State)>) {
        let instance = self.instance;
        let memories = instance.memories.len();
        for (t, task) in instance.tasks.iter().enumerate() {
            if state.ends[t] != NEVER || task.preds.iter().any(|&u| state.ends[u] == NEVER) {
                continue;
            }
            for (p, processor) in instance.processors.iter().enumerate() {
                let Some(run) = task.options[p] else { continue };
                let inputs =
                    task.reads.iter().map(|&d| state.valid[d * memories + processor.memory]).max().unwrap_or(0);
                if inputs == NEVER {
                    continue;
                }
                let preds = task.preds.iter().map(|&u| state.ends[u]).max().unwrap_or(0);
                let start = inputs.max(preds).max(state.processors[p]);
                let end = start + run.ns;
                if self.push(state, t * instance.processors.len() + p, start, end, next) {
                    let (.., after) = next.last_mut().expect("pushed");
                    after.processors[p] = end;
                    after.ends[t] = end;
                    after.done += 1;
                    for &d in &task.writes {
                        after.valid[d * memories + processor.memory] = end;
                    }
                }
            }
        }
    }

    fn copies(&self, state: &State, next: &mut Vec<(u64, u64, usize, State)>) {
        let instance = self.instance;
        let memories = instance.memories.len();
        let first = instance.tasks.len() * instance.processors.len();
        for (d, datum) in instance.data.iter().enumerate() {
            let read = datum.readers.iter().any(|&r| state.ends[r] == NEVER);
            let missing = datum.wanted.is_some_and(|m| state.valid[d * memories + m] == NEVER);
            if !read && !missing {
                continue;
            }
            for (l, link) in instance.links.iter().enumerate() {
                let source = state.valid[d * memories + link.from];
                if source == NEVER || state.valid[d * memories + link.to] != NEVER {
                    continue;
                }
                let start = source.max(link.engine.map_or(0, |e| state.engines[e]));
                let end = start + datum.copy_ns[l];
                if self.push(state, first + d * instance.links.len() + l, start, end, next) {
                    let (.., after) = next.last_mut().expect("pushed");
                    after.valid[d * memories + link.to] = end;
                    if let Some(e) = link.engine {
                        after.engines[e] = end;
                    }
                }
            }
        }
    }
}
