//! How good a schedule is: its time with a standard deviation, its energy, and the order that an objective puts on them.

use std::collections::BTreeMap;

use super::objective::{Goal, Objective};
use super::price::Priced;
use super::schedule::result::Schedule;
use super::task_graph::GraphError;

/// What schedules are compared by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Predicted time until everything is done, nanoseconds.
    pub makespan_ns: u64,
    /// Standard deviation of that, nanoseconds.
    pub deviation_ns: f64,
    /// Predicted energy, joules; `None` where a power is not known.
    pub energy_j: Option<f64>,
}

impl Score {
    /// Scores a schedule.
    pub fn new(priced: &Priced, schedule: &Schedule) -> Score {
        Score {
            makespan_ns: schedule.makespan,
            deviation_ns: deviation(priced, schedule),
            energy_j: energy(priced, schedule),
        }
    }

    /// [`Self::rank`] of a schedule; computes only what the goal needs.
    pub fn rank_of(priced: &Priced, schedule: &Schedule, goal: Goal) -> (u64, u64) {
        let late = matches!(goal, Goal::Deadline { .. });
        let deviation_ns = if late { deviation(priced, schedule) } else { 0.0 };
        let joules = matches!(goal, Goal::Energy | Goal::EnergyCap { .. });
        let energy_j = if joules { energy(priced, schedule) } else { None };
        Score { makespan_ns: schedule.makespan, deviation_ns, energy_j }.rank(goal)
    }

    /// The longest makespan of a schedule that [ranks](Self::rank) at most `limit`. For a deadline that could be missed
    /// there is none; a twentieth more than the limit's is where the search stops looking.
    pub fn longest(limit: (u64, u64), goal: Goal) -> u64 {
        match goal {
            Goal::Makespan => limit.0,
            Goal::Deadline { .. } if limit.0 == 0 => limit.1,
            Goal::Deadline { .. } => limit.1.saturating_add(limit.1 / 20),
            Goal::EnergyCap { .. } if limit.0 < OVER_CAP => limit.0,
            Goal::Energy | Goal::EnergyCap { .. } => u64::MAX,
        }
    }

    /// Log standard deviation of the makespan: of the log-normal distribution with this mean and deviation.
    pub fn sigma(&self) -> f64 {
        let relative = self.deviation_ns / self.makespan_ns.max(1) as f64;
        (1.0 + relative * relative).ln().sqrt()
    }

    /// The probability of being done within `ns`, by a normal approximation.
    pub fn probability(&self, ns: u64) -> f64 {
        let early = ns as f64 - self.makespan_ns as f64;
        if self.deviation_ns > 0.0 { normal(early / self.deviation_ns) } else { f64::from(u8::from(early >= 0.0)) }
    }

    /// The smaller, the better; compared from the left. Probabilities count to 0.01 %, energies to a microjoule.
    pub fn rank(&self, goal: Goal) -> (u64, u64) {
        let joules = self.energy_j.unwrap_or(0.0);
        let energy = (joules * 1e6).round().min(1e18) as u64;
        match goal {
            Goal::Makespan => (self.makespan_ns, 0),
            Goal::Deadline { ns } => (((1.0 - self.probability(ns)) * 1e4).round() as u64, self.makespan_ns),
            Goal::Energy => (energy, self.makespan_ns),
            Goal::EnergyCap { joules: cap } if joules <= cap => (self.makespan_ns, energy),
            Goal::EnergyCap { .. } => (OVER_CAP + energy, self.makespan_ns),
        }
    }
}

/// More than any makespan: what breaks the cap comes after what does not.
const OVER_CAP: u64 = 1 << 62;

/// Whether the objective can be computed on these devices.
///
/// # Errors
/// [`GraphError::NoPower`].
pub fn check(objective: &Objective, priced: &Priced) -> Result<(), GraphError> {
    let needs = matches!(objective.goal, Goal::Energy | Goal::EnergyCap { .. });
    match priced.powers.iter().position(Option::is_none) {
        Some(missing) if needs => Err(GraphError::NoPower { place: priced.places[missing] }),
        _ => Ok(()),
    }
}

/// Busy power of each unit times its busy time, plus idle power of all times the makespan; joules.
fn energy(priced: &Priced, schedule: &Schedule) -> Option<f64> {
    let mut busy = vec![0u64; priced.places.len()];
    for (&processor, &(start, end)) in schedule.assignment.iter().zip(&schedule.runs) {
        busy[processor] += end - start;
    }
    let mut joules = 0.0;
    for (power, busy) in priced.powers.iter().zip(busy) {
        let power = (*power)?;
        joules += (power.busy * busy as f64 + power.idle * schedule.makespan as f64) * 1e-9;
    }
    Some(joules)
}

/// One thing that is done, on the way back along the critical path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Run(usize),
    Copy(usize),
    Build(usize),
}

/// Standard deviation of the makespan, nanoseconds: of the sum of the times along the critical path.
///
/// Times of one kernel on one device are wrong together (it is the model that errs), and so are the copies over one link:
/// they count as one part, whatever the number of chunks. Different kernels, links and builds are independent.
fn deviation(priced: &Priced, schedule: &Schedule) -> f64 {
    let index = Index::new(priced, schedule);
    let mut parts: BTreeMap<(u8, usize, u64), f64> = BTreeMap::new();
    let mut now = index.last();
    while let Some(event) = now {
        let (part, ns, sigma) = match event {
            Event::Run(t) => {
                let p = schedule.assignment[t];
                let run = priced.instance.tasks[t].options[p].unwrap_or_default();
                let key = if run.build_key == 0 { t as u64 } else { run.build_key };
                ((u8::from(run.build_key == 0), p, key), run.ns, run.sigma)
            }
            Event::Copy(c) => {
                let copy = &schedule.copies[c];
                let sigma = priced.copy_sigma.get(copy.link).copied().unwrap_or(0.0);
                ((2, copy.link, 0), copy.end - copy.start, sigma)
            }
            Event::Build(b) => {
                let build = &schedule.builds[b];
                let sigma = priced.build_sigma.get(build.processor).copied().unwrap_or(0.0);
                ((3, build.processor, 0), build.end - build.start, sigma)
            }
        };
        // Of a log-normal time; beyond sigma 2 (a factor of 7) nothing is known anyway.
        let relative = ((sigma.min(2.0) * sigma.min(2.0)).exp() - 1.0).sqrt();
        *parts.entry(part).or_default() += ns as f64 * relative;
        now = index.before(event);
    }
    parts.values().map(|d| d * d).sum::<f64>().sqrt()
}

/// Finds what an event waited for. In arrays: the search makes one for every schedule that it looks at.
struct Index<'a> {
    priced: &'a Priced,
    schedule: &'a Schedule,
    /// By datum: its last copy; by copy: the one before it of the same datum, and on the same engine.
    last_copy: Vec<Option<usize>>,
    same_datum: Vec<Option<usize>>,
    same_engine: Vec<Option<usize>>,
    /// By task: the task before it on its processor.
    previous: Vec<Option<usize>>,
}

impl<'a> Index<'a> {
    fn new(priced: &'a Priced, schedule: &'a Schedule) -> Self {
        let instance = &priced.instance;
        let mut last_copy = vec![None; instance.data.len()];
        let mut same_datum = vec![None; schedule.copies.len()];
        let mut same_engine = vec![None; schedule.copies.len()];
        let mut on_engine = vec![None; instance.links.len()];
        for (c, copy) in schedule.copies.iter().enumerate() {
            same_datum[c] = last_copy[copy.datum].replace(c);
            if let Some(engine) = instance.links[copy.link].engine {
                if engine >= on_engine.len() {
                    on_engine.resize(engine + 1, None);
                }
                same_engine[c] = on_engine[engine].replace(c);
            }
        }
        let mut on_processor = vec![None; instance.processors.len()];
        let mut previous = vec![None; schedule.runs.len()];
        for &t in &schedule.order {
            previous[t] = on_processor[schedule.assignment[t]].replace(t);
        }
        Self { priced, schedule, last_copy, same_datum, same_engine, previous }
    }

    /// What ends last.
    fn last(&self) -> Option<Event> {
        let runs = (0..self.schedule.runs.len()).map(Event::Run);
        let copies = (0..self.schedule.copies.len()).map(Event::Copy);
        runs.chain(copies).max_by_key(|&e| (self.span(e).1, e))
    }

    fn span(&self, event: Event) -> (u64, u64) {
        match event {
            Event::Run(t) => self.schedule.runs[t],
            Event::Copy(c) => (self.schedule.copies[c].start, self.schedule.copies[c].end),
            Event::Build(b) => (self.schedule.builds[b].start, self.schedule.builds[b].end),
        }
    }

    /// The last event that an event had to wait for.
    fn before(&self, event: Event) -> Option<Event> {
        let (instance, schedule) = (&self.priced.instance, self.schedule);
        let mut candidates: Vec<Event> = Vec::new();
        let copies_to = |d: usize, memory: usize| {
            let of = std::iter::successors(self.last_copy[d], |&c| self.same_datum[c]);
            of.filter(move |&c| instance.links[schedule.copies[c].link].to == memory).map(Event::Copy)
        };
        match event {
            Event::Run(t) => {
                let p = schedule.assignment[t];
                let run = instance.tasks[t].options[p].unwrap_or_default();
                let memory = if run.staged { 0 } else { instance.processors[p].memory };
                candidates.extend(self.previous[t].map(Event::Run));
                candidates.extend(instance.tasks[t].preds.iter().map(|&u| Event::Run(u)));
                candidates.extend(instance.tasks[t].reads.iter().flat_map(|&d| copies_to(d, memory)));
                let mine = |b: &super::schedule::result::Build| (b.processor, b.key) == (p, run.build_key);
                let build = schedule.builds.iter().position(mine).filter(|_| run.build_ns > 0);
                candidates.extend(build.map(Event::Build));
            }
            Event::Copy(c) => {
                let copy = &schedule.copies[c];
                candidates.extend(self.same_engine[c].map(Event::Copy));
                candidates.extend(instance.data[copy.datum].writer.map(Event::Run));
                candidates.extend(copies_to(copy.datum, instance.links[copy.link].from));
            }
            Event::Build(b) => {
                let processor = schedule.builds[b].processor;
                let before = (0..b).rev().find(|&a| schedule.builds[a].processor == processor);
                candidates.extend(before.map(Event::Build));
            }
        }
        let (start, end) = self.span(event);
        // Strictly before, or of no length and earlier in the order: the walk ends.
        let earlier = |&e: &Event| {
            let (s, f) = self.span(e);
            f <= start && ((s, f) < (start, end) || ((s, f) == (start, end) && e < event))
        };
        candidates.into_iter().filter(earlier).max_by_key(|&e| (self.span(e).1, e))
    }
}

/// The distribution function of the standard normal distribution, to 7.5e-8 (Abramowitz and Stegun 26.2.17).
fn normal(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let density = (-z * z / 2.0).exp() * 0.398_942_280_401_432_7;
    let poly = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let tail = density * poly.iter().fold(0.0, |sum, c| (sum + c) * t);
    if z >= 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_the_textbooks() {
        for (z, p) in [(0.0, 0.5), (1.0, 0.841_344_7), (-1.96, 0.024_997_9), (3.0, 0.998_650_1)] {
            assert!((normal(z) - p).abs() < 2e-7, "{z}: {}", normal(z));
        }
    }

    #[test]
    fn a_goal_orders_what_it_says() {
        let fast = Score { makespan_ns: 900, deviation_ns: 300.0, energy_j: Some(2.0) };
        let sure = Score { makespan_ns: 950, deviation_ns: 10.0, energy_j: Some(1.0) };
        let better = |goal| if fast.rank(goal) < sure.rank(goal) { "fast" } else { "sure" };
        assert_eq!(better(Goal::Makespan), "fast");
        assert_eq!(better(Goal::Deadline { ns: 1_000 }), "sure");
        assert_eq!(better(Goal::Deadline { ns: 5_000 }), "fast", "both are certain: the sooner one");
        assert_eq!(better(Goal::Energy), "sure");
        assert_eq!(better(Goal::EnergyCap { joules: 2.5 }), "fast");
        assert_eq!(better(Goal::EnergyCap { joules: 1.5 }), "sure");
        assert_eq!(better(Goal::EnergyCap { joules: 0.5 }), "sure", "none is within: the least energy");
    }
}
