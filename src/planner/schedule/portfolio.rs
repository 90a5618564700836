//! The best of several heuristics and a local search, all judged by the one simulator.

use super::chain;
use super::check::check;
use super::heft::{self, by_rank, mean_copies, ranks};
use super::improve::{Judge, Score, Scored, improve};
use super::instance::Instance;
use super::peft;
use super::result::{Draft, Infeasible, Schedule};
use super::retime::retime;
use super::simulate::Simulator;
use super::single;

/// What to search for, and how.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Seed of the local search.
    pub seed: u64,
    /// Drafts to start from beside the heuristics'. The result is not worse than the best of them.
    pub drafts: &'a [Draft],
    /// Schedules of this instance with other times: another bus, or a processor less (of the same indices otherwise).
    /// They are taken as drafts and re-timed, so the result is not worse than the best of them re-timed; which on a faster
    /// bus is not worse than what it was ([`retime`]).
    pub plans: &'a [Schedule],
    /// What is minimised, lexicographically; `None`: the makespan. Called for every schedule that the search tries, without
    /// `peak_bytes`; a search with it tries about half as many.
    pub goal: Option<&'a dyn Fn(&Schedule) -> Score>,
    /// The longest makespan that a schedule can have, or is worth a look with, to score at most this: longer ones are not
    /// scored by the local search, which saves most of the cost of a goal. `None`: any.
    pub longest: Option<&'a dyn Fn(Score) -> u64>,
    /// Task placements that the search may simulate; `None`: 50 000 up to 64 tasks, then 30 000, or
    /// 100 per task if that is more.
    pub budget: Option<u64>,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("seed", &self.seed)
            .field("drafts", &self.drafts.len())
            .field("plans", &self.plans.len())
            .field("goal", &self.goal.map(|_| "given"))
            .field("longest", &self.longest.map(|_| "given"))
            .field("budget", &self.budget)
            .finish()
    }
}

/// Where a candidate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Origin {
    /// Everything on one processor, where it can run there.
    Alone(usize),
    /// [`heft`](mod@super::heft).
    Heft,
    /// [`peft`](mod@super::peft).
    Peft,
    /// [`chain`](mod@super::chain).
    ChainDp,
    /// A draft of [`Options::drafts`]; then of [`Options::plans`].
    Given(usize),
    /// [`improve`](super::improve).
    LocalSearch,
}

/// Named as on a machine whose processor 0 is the CPU and the others are its GPUs.
impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Alone(0) => f.write_str("all CPU"),
            Origin::Alone(p) => write!(f, "GPU {} alone", p - 1),
            Origin::Heft => f.write_str("HEFT"),
            Origin::Peft => f.write_str("PEFT"),
            Origin::ChainDp => f.write_str("chain DP"),
            Origin::Given(i) => write!(f, "given {i}"),
            Origin::LocalSearch => f.write_str("local search"),
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The best schedule.
    pub schedule: Schedule,
    /// Where it comes from.
    pub origin: Origin,
    /// The makespans of all candidates that are feasible, in the order of [`Origin`]'s variants.
    pub candidates: Vec<(Origin, u64)>,
}

/// The best schedule of the portfolio. Deterministic: the same instance and options give the same outcome.
///
/// Cost in release builds on a 2.5 GHz core: up to 3 ms for 300 tasks, 65 ms for 5000; of that HEFT takes 0.07 and 3 ms.
///
/// # Errors
/// [`Infeasible`] where no candidate is feasible: the reason of the first.
pub fn schedule(instance: &Instance, options: &Options<'_>) -> Result<Outcome, Infeasible> {
    let simulator = Simulator::new(instance);
    let table = simulator.table.clone();
    let budget =
        options.budget.unwrap_or(if table.tasks <= 64 { 50_000 } else { 30_000.max(100 * table.tasks as u64) });
    let (goal, longest) = (options.goal, options.longest);
    let mut judge = Judge { simulator, goal, longest, budget, schedule: Schedule::default() };
    let edges = mean_copies(&table);
    let ranks = ranks(&table, &edges);
    let order = by_rank(&ranks);
    let mut drafts: Vec<(Origin, Result<Draft, Infeasible>)> = Vec::new();
    for p in 0..table.processors {
        drafts.push((Origin::Alone(p), single::draft(&table, p, order.clone())));
        drafts.push((Origin::Alone(p), single::draft(&table, p, (0..table.tasks).collect())));
    }
    drafts.push((Origin::Heft, heft::draft(&table, &ranks)));
    drafts.push((Origin::Peft, peft::draft(&table, &edges)));
    drafts.push((Origin::ChainDp, chain::draft(&table, &edges, order)));
    let plans = options.plans.iter().map(|s| Draft { assignment: s.assignment.clone(), order: s.order.clone() });
    let given = options.drafts.iter().cloned().chain(plans).enumerate();
    drafts.extend(given.map(|(i, d)| (Origin::Given(i), Ok(d))));

    let mut first_error = None;
    let mut candidates: Vec<(Origin, u64)> = Vec::new();
    let mut starts: Vec<(Scored, Origin)> = Vec::new();
    for (origin, draft) in drafts {
        let judged = draft.and_then(|draft| {
            let makespan = judge.simulator.makespan(&draft.assignment, &draft.order)?;
            let score =
                if options.goal.is_none() { (makespan, 0) } else { judge.score(&draft, (u64::MAX, u64::MAX), 0)? };
            Ok((makespan, Scored { score, draft }))
        });
        match judged {
            Ok((makespan, scored)) => {
                match candidates.last_mut() {
                    Some(last) if last.0 == origin => last.1 = last.1.min(makespan),
                    _ => candidates.push((origin, makespan)),
                }
                starts.push((scored, origin));
            }
            Err(why) => {
                first_error.get_or_insert(why);
            }
        }
    }
    starts.sort_by_key(|(s, _)| s.score);
    let goal = |s: &Schedule| options.goal.map_or((s.makespan, 0), |goal| goal(s));
    let kept = options.plans.iter().enumerate().filter_map(|(i, plan)| {
        let again = retime(instance, plan).ok().filter(|s| check(instance, s).is_empty())?;
        Some((goal(&again), Origin::Given(options.drafts.len() + i), again))
    });
    let kept = kept.min_by_key(|(score, ..)| *score);
    let Some(&(Scored { score, .. }, origin)) = starts.first() else {
        return Err(first_error.unwrap_or(Infeasible::Incomplete));
    };
    let starts: Vec<Scored> = starts.into_iter().map(|(s, _)| s).collect();
    let best = improve(&mut judge, &starts, options.seed).unwrap_or_else(|| starts[0].clone());
    let schedule = judge.simulator.simulate(&best.draft.assignment, &best.draft.order)?;
    debug_assert!(
        options.goal.is_some() || best.score == (schedule.makespan, 0),
        "the search resumed from a wrong state"
    );
    candidates.push((Origin::LocalSearch, schedule.makespan));
    if let Some((_, origin, schedule)) = kept.filter(|(kept, ..)| *kept < best.score) {
        return Ok(Outcome { schedule, origin, candidates });
    }
    let origin = if best.score < score { Origin::LocalSearch } else { origin };
    Ok(Outcome { schedule, origin, candidates })
}
