//! Executes a plan in virtual time, the way the real executor does: with noise, stragglers, lost devices, less memory.
//!
//! Each lane takes its steps in the order of the plan and starts each as soon as what it needs is there. The essay in
//! `README.md` beside this file has the rules.
//!
//! ```
//! # use veda::planner::{Action, Place, Plan, Step, plan, task_graph::*, sim::Sim, Timeline};
//! # use std::collections::BTreeMap;
//! # let cost = TaskCost::Fixed(BTreeMap::from([(Place::Cpu, 900)]));
//! # let task = Task { name: "blur".into(), cost, only: None, reads: vec![], writes: vec![0], after: vec![],
//! #     divisible: Divisible::No, fusible: false, origin: vec![], window: None };
//! # let graph = TaskGraph { data: vec![Datum { bytes: 4, wanted: Some(Place::Cpu), ..Datum::default() }], tasks: vec![task] };
//! # let steps = vec![Step { action: Action::Run(0), start_ns: 0, end_ns: 900 }];
//! # let plan = Plan { id: 0, graph, places: vec![Place::Cpu], steps, timeline: Timeline::default(), sigma: 0.0,
//! #     energy_j: None, peak_bytes: BTreeMap::new(), candidates: vec![] };
//! let quiet = Sim::new(&plan).run()?;
//! assert_eq!(quiet.timeline.makespan_ns, 900);
//! let noisy = Sim::new(&plan).seed(1).noise(0.2).stragglers(0.01, 5.0).run()?;
//! assert!(noisy.complete() && noisy.timeline.makespan_ns != 900);
//! # Ok::<(), veda::planner::sim::SimError>(())
//! ```

mod draft;
mod item;
mod noise;
mod play;
mod recover;
mod store;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use draft::Draft;
use item::{Facts, Item, Job};
use noise::{Noise, scale};
use play::{Played, State, peak, play};

use super::plan::Plan;
use super::task_graph::{DatumId, TaskCost, TaskId};
use super::timeline::{Source, Span, Timeline, What};
use super::trace::LOST;
use super::work::Place;

/// Executes a plan in virtual time. The same plan and settings give the same bytes, on every machine.
#[derive(Clone)]
pub struct Sim<'a> {
    plan: &'a Plan,
    noise: Noise,
    losses: Vec<(u64, Place)>,
    limits: BTreeMap<Place, u64>,
    times: Option<&'a dyn Times>,
}

/// How long things take that the plan did not plan: tasks that move to another place, copies that this needs.
///
/// Closures `Fn(TaskId, Place) -> Option<u64>` are `Times`; their copies are priced by the plan's.
pub trait Times {
    /// Nanoseconds of a task at a place; `None`: it cannot run there.
    fn run(&self, task: TaskId, place: Place) -> Option<u64>;

    /// Nanoseconds of a copy. `None`, which is the default: as in the plan, or in proportion to its most similar copy.
    fn copy(&self, datum: DatumId, from: Place, to: Place) -> Option<u64> {
        let _ = (datum, from, to);
        None
    }
}

impl<F: Fn(TaskId, Place) -> Option<u64>> Times for F {
    fn run(&self, task: TaskId, place: Place) -> Option<u64> {
        self(task, place)
    }
}

/// What became of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimRun {
    /// When what ran where. A span that a lost device cut short has a label that ends in `(lost)`.
    pub timeline: Timeline,
    /// What happened that the plan did not foresee, by time.
    pub events: Vec<Event>,
    /// The most bytes that each GPU held at one time.
    #[serde(with = "super::place_map")]
    pub peak_bytes: BTreeMap<Place, u64>,
    /// Tasks that could not be done, ascending: no place was left that can run them, or their inputs were lost.
    pub unfinished: Vec<TaskId>,
    /// Data that are wanted and are not there at the end, ascending. What is wanted at a lost device counts as there if it
    /// is on the host.
    pub missing: Vec<DatumId>,
}

impl SimRun {
    /// Whether every task was done and every wanted datum is there.
    pub fn complete(&self) -> bool {
        self.unfinished.is_empty() && self.missing.is_empty()
    }
}

/// Something that the plan did not foresee.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds since the run began.
    pub at_ns: u64,
    /// What.
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Happening {
    /// A step takes much longer than planned.
    Straggler {
        /// Which.
        what: What,
        /// By which factor.
        factor: f64,
    },
    /// A device is gone, and what only it had.
    DeviceLost(Place),
    /// A step was in progress on the lost device.
    Aborted(What),
    /// An input is gone that no task writes.
    DatumLost(DatumId),
    /// A finished task must be done again: its results are gone and needed.
    Redone(TaskId),
    /// A task runs elsewhere than planned.
    Moved {
        /// Which.
        task: TaskId,
        /// Where it runs.
        to: Place,
    },
    /// A datum is copied to the host to make room.
    Spilled {
        /// Which.
        datum: DatumId,
        /// From where.
        from: Place,
    },
    /// Something needs more memory at once than there is, and cannot run elsewhere: it runs all the same.
    OverLimit {
        /// Where.
        place: Place,
        /// What it needs.
        bytes: u64,
    },
}

/// Why a plan cannot be simulated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The plan names a task or a datum that does not exist.
    #[error("the plan refers to {what} {index}, but its graph has {count}")]
    Dangling {
        /// "task" or "datum".
        what: &'static str,
        /// What it names.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// The plan does not give every task a place.
    #[error("the plan's graph has {tasks} tasks, but {places} places are given")]
    Places {
        /// How many tasks.
        tasks: usize,
        /// How many places.
        places: usize,
    },
    /// The plan runs a task twice.
    #[error("the plan runs task {task} (`{name}`) twice")]
    Twice {
        /// Which.
        task: TaskId,
        /// Its name.
        name: String,
    },
    /// The host cannot be lost: it is what everything falls back to.
    #[error("the CPU cannot be lost, only GPUs can")]
    HostLost,
    /// A setting is out of its range.
    #[error("{what} must be {range}, not {value}")]
    Setting {
        /// Which.
        what: &'static str,
        /// What is allowed.
        range: &'static str,
        /// What was given.
        value: String,
    },
}

impl std::fmt::Debug for Sim<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim")
            .field("plan", &self.plan.id)
            .field("noise", &self.noise)
            .field("losses", &self.losses)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<'a> Sim<'a> {
    /// Without noise and faults: gives the plan's own timeline.
    pub fn new(plan: &'a Plan) -> Sim<'a> {
        Sim { plan, noise: Noise::NONE, losses: Vec::new(), limits: BTreeMap::new(), times: None }
    }

    /// Chooses the random numbers. The draw of a step depends on the seed and the step only, so one seed means the same
    /// luck for each task in two plans of one graph.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.noise.seed = seed;
        self
    }

    /// Durations are multiplied by log-normal factors of median 1; `sigma`, at least 0, is the standard deviation of their
    /// logarithm.
    #[must_use]
    pub fn noise(mut self, sigma: f64) -> Self {
        self.noise.sigma = sigma;
        self
    }

    /// Each step takes, with this probability, `factor` times as long on top.
    #[must_use]
    pub fn stragglers(mut self, probability: f64, factor: f64) -> Self {
        (self.noise.straggler, self.noise.slowdown) = (probability, factor);
        self
    }

    /// A GPU is lost at a time, with all that it holds. Its unfinished tasks, and finished ones whose results were only
    /// there and are still needed, are done by the host, or by the next GPU where the host cannot. How long that takes,
    /// [`times`](Self::times) says.
    #[must_use]
    pub fn lose(mut self, place: Place, at_ns: u64) -> Self {
        self.losses.push((at_ns, place));
        self
    }

    /// A GPU has only so many bytes. Where the plan needs more, data are evicted, and copied to the host first if they are
    /// needed later and valid nowhere else.
    #[must_use]
    pub fn memory_limit(mut self, place: Place, bytes: u64) -> Self {
        self.limits.insert(place, bytes);
        self
    }

    /// How long things take that the plan did not plan. Without it, only tasks that carry their own times
    /// ([`TaskCost::Fixed`], [`TaskCost::Host`]) can move.
    #[must_use]
    pub fn times(mut self, times: &'a dyn Times) -> Self {
        self.times = Some(times);
        self
    }

    /// Runs the plan. `O(steps · log(steps))`, and once more for each device that is lost.
    ///
    /// # Errors
    /// [`SimError`]: the plan contradicts itself, or a setting is out of range. That tasks cannot be done is no error, but
    /// a result: [`SimRun::unfinished`].
    pub fn run(&self) -> Result<SimRun, SimError> {
        self.check()?;
        let (facts, planned) = Facts::of(self.plan)?;
        let mut items: Vec<Item> = planned.iter().map(|(item, _)| *item).collect();
        let mut state = State::default();
        for &(d, place) in &facts.initial {
            state.store.insert(&facts.families, d, place, 0);
        }
        // What the rules do not explain of the planned starts is kept as a delay of its own.
        let mut lags = vec![0; items.len()];
        play(&facts, &items, &mut state.clone(), &facts.peak, |i, ready| {
            lags[i] = planned[i].1.saturating_sub(ready);
            (planned[i].1, planned[i].1.saturating_add(items[i].ns))
        });
        for (item, lag) in items.iter_mut().zip(lags) {
            item.lag = lag;
        }

        let mut limits = facts.peak.clone();
        limits.extend(&self.limits);
        let none_lost = BTreeSet::new();
        let mut events = Vec::new();
        let mut unfinished: BTreeSet<TaskId> = (0..self.plan.graph.tasks.len()).collect();
        for item in &items {
            if let Job::Run { task, .. } = item.job {
                unfinished.remove(&task);
            }
        }
        if self.limits.iter().any(|(place, limit)| facts.peak.get(place).is_some_and(|peak| limit < peak)) {
            let jobs: Vec<Job> = items.iter().map(|i| i.job).collect();
            let mut draft = Draft::new(&facts, self.times, &limits, &none_lost, state.store.clone(), &jobs);
            for item in items {
                draft.feed(item.job, item);
            }
            draft.finish();
            (items, events) = (draft.items, draft.events);
            unfinished.extend(draft.unfinished);
        }

        let mut run =
            Running { facts, noise: self.noise, begun: BTreeMap::new(), spans: vec![], played: vec![], log: vec![] };
        let mut lost = BTreeSet::new();
        let mut losses = self.losses.clone();
        losses.sort_unstable();
        for (at, place) in losses {
            if !lost.insert(place) {
                continue;
            }
            let played = run.play(&items, &state, &limits);
            if played.iter().all(|p| p.end <= at) {
                // Everything is done by then.
                lost.remove(&place);
                break;
            }
            let (carried, left) = run.freeze(&items, &played, &events, Some((at, place)), &mut state);
            let mut seen = state.clone();
            replay(&run.facts, &carried, &mut seen);
            let rest = recover::rest(&run.facts, self.times, &limits, &lost, &seen, &left);
            run.log.extend(rest.now.into_iter().map(|what| Event { at_ns: at, what }));
            unfinished.extend(rest.unfinished);
            events = rest.events.into_iter().map(|(i, what)| (i + carried.len(), what)).collect();
            items = carried;
            items.extend(rest.items);
        }
        let played = run.play(&items, &state, &limits);
        run.freeze(&items, &played, &events, None, &mut state);
        Ok(run.result(&state, &lost, unfinished))
    }

    fn check(&self) -> Result<(), SimError> {
        if self.losses.iter().any(|&(_, place)| place == Place::Cpu) {
            return Err(SimError::HostLost);
        }
        let Noise { sigma, straggler, slowdown, .. } = self.noise;
        let settings = [
            ("the noise", "0..=10", sigma, 0.0, 10.0),
            ("the probability of stragglers", "0..=1", straggler, 0.0, 1.0),
            ("the factor of stragglers", "0..=1e6", slowdown, 0.0, 1e6),
        ];
        for (what, range, value, low, high) in settings {
            if !(low..=high).contains(&value) {
                return Err(SimError::Setting { what, range, value: value.to_string() });
            }
        }
        Ok(())
    }
}

/// The state after items with the times that they had.
fn replay(facts: &Facts<'_>, items: &[Item], state: &mut State) {
    play(facts, items, state, &BTreeMap::new(), |i, ready| items[i].fixed.unwrap_or((ready, ready)));
}

/// A run in progress.
struct Running<'a> {
    facts: Facts<'a>,
    noise: Noise,
    /// How often each step was begun, which tells its repetitions apart.
    begun: BTreeMap<(u64, u64), u64>,
    spans: Vec<Span>,
    played: Vec<Played>,
    log: Vec<Event>,
}

impl Running<'_> {
    /// Plays a list to its end, from a state that stays as it is.
    fn play(&self, items: &[Item], state: &State, limits: &BTreeMap<Place, u64>) -> Vec<Played> {
        let mut begun = self.begun.clone();
        play(&self.facts, items, &mut state.clone(), limits, |i, ready| {
            let factor = self.draw(&items[i], &mut begun).factor;
            let start = ready.saturating_add(items[i].lag);
            items[i].fixed.unwrap_or((start, start.saturating_add(scale(items[i].ns, factor))))
        })
    }

    fn draw(&self, item: &Item, begun: &mut BTreeMap<(u64, u64), u64>) -> noise::Draw {
        let (kind, index) = match item.job {
            Job::Evict { .. } => return Noise::NONE.draw(0, 0, 0),
            Job::Run { task, .. } => (0, task),
            Job::Build { task, gpu } => (1 << 32 | u64::from(gpu), task),
            Job::Copy { datum, from: Place::Gpu(i), .. } => (2 << 32 | u64::from(i), datum),
            Job::Copy { datum, to: Place::Gpu(i), .. } => (3 << 32 | u64::from(i), datum),
            Job::Copy { datum, .. } => (4 << 32, datum),
        };
        let key = (kind, index as u64);
        let repetition = begun.entry(key).or_default();
        let draw = self.noise.draw(key.0, key.1, *repetition);
        *repetition += 1;
        draw
    }

    /// Makes what was done before a loss part of the run. Gives back what goes on meanwhile, and what is left to do. Without
    /// a loss everything is done.
    fn freeze(
        &mut self,
        items: &[Item],
        played: &[Played],
        events: &[(usize, Happening)],
        loss: Option<(u64, Place)>,
        state: &mut State,
    ) -> (Vec<Item>, Vec<Item>) {
        let (mut done, mut carried, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for (i, (item, p)) in items.iter().zip(played).enumerate() {
            let here = || events.iter().filter(|e| e.0 == i).map(|&(_, what)| Event { at_ns: p.start, what });
            let now = Item { fixed: Some((p.start, p.end)), ..*item };
            let aborted = match loss {
                Some((at, _)) if p.end > at && p.start >= at => {
                    left.push(*item);
                    continue;
                }
                Some((at, place)) if p.end > at && !item.job.touches(place) => {
                    self.log.extend(here());
                    carried.push(now);
                    continue;
                }
                Some((at, _)) if p.end > at => Some(at),
                _ => None,
            };
            let mut begun = std::mem::take(&mut self.begun);
            let draw = self.draw(item, &mut begun);
            self.begun = begun;
            if draw.straggler && item.ns > 0 {
                let what = Happening::Straggler { what: item.job.what(), factor: draw.factor };
                self.log.push(Event { at_ns: p.start, what });
            }
            self.log.extend(here());
            let mut label = self.facts.label(item.job);
            if let Some(at_ns) = aborted {
                label += LOST;
                self.log.push(Event { at_ns, what: Happening::Aborted(item.job.what()) });
                left.push(*item);
            } else {
                done.push(now);
                self.played.push(*p);
            }
            let end_ns = aborted.unwrap_or(p.end);
            self.spans.push(Span { lane: item.lane, what: item.job.what(), label, start_ns: p.start, end_ns });
        }
        replay(&self.facts, &done, state);
        if let Some((at, place)) = loss {
            self.log.push(Event { at_ns: at, what: Happening::DeviceLost(place) });
            state.now = at;
            state.store.lose(place);
            // Where the device works in the host's memory, what it wrote is in its own buffers all the same.
            if self.facts.home(place) != place {
                let tasks = self.facts.plan.graph.tasks.iter().zip(&self.facts.plan.places);
                let staged = |cost: &TaskCost| matches!(cost, TaskCost::Staged(_));
                for d in tasks.filter(|t| *t.1 == place && !staged(&t.0.cost)).flat_map(|t| &t.0.writes) {
                    state.store.remove(*d, Place::Cpu);
                }
            }
        }
        (carried, left)
    }

    fn result(mut self, state: &State, lost: &BTreeSet<Place>, unfinished: BTreeSet<TaskId>) -> SimRun {
        let data = self.facts.plan.graph.data.iter().enumerate();
        let missing = data.filter_map(|(d, datum)| {
            let place = datum.wanted?;
            let place = if lost.contains(&place) { Place::Cpu } else { self.facts.home(place) };
            let there = state.store.since(&self.facts.families, d, place).is_some();
            (!there).then_some(d)
        });
        let missing = missing.collect();
        self.log.sort_by_key(|e| e.at_ns);
        SimRun {
            timeline: Timeline::new(Source::Simulated, self.spans),
            events: self.log,
            peak_bytes: peak(&self.facts, &self.played),
            unfinished: unfinished.into_iter().collect(),
            missing,
        }
    }
}
