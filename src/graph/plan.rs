//! Plans of graphs: made once, run often.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::lower::Lowered;
use super::run::Pending;
use super::{Graph, Var};
use crate::array::{Array, run_error};
use crate::error::{GraphError, Result};
use crate::kernel::place::Place;
use crate::kernel::scalar::Scalar;
use crate::planner::graph_explain::GraphExplanation;
use crate::planner::plan::{Action, Plan as Planned};
use crate::planner::planning::plan;
use crate::planner::task_graph::{DataResidency, DatumId, Task, TaskGraph};
use crate::planner::timeline::{Lane, Timeline};
use crate::planner::{Goal, Objective, ProfileSet};
use crate::runtime::graph::{self, RunOptions, Store};
use crate::runtime::{Runtime, graph::price};

/// What planning starts from; plans are pure functions of their input, so there is nothing to vary.
const SEED: u64 = 0;

impl Graph {
    /// Plans the graph: where each kernel runs, in which order, what is merged and cut, and what is copied when. Uses it up:
    /// its variables go on to name the plan's inputs and results.
    ///
    /// Waits for the search for GPUs the first time (50 to 300 ms). Planning takes some milliseconds for hundreds of nodes.
    ///
    /// # Errors
    /// [`GraphError::Cycle`], [`GraphError::NoOutput`], [`GraphError::Unplannable`] (an input was lost with its device, or a
    /// node fits into no memory).
    pub fn plan(mut self) -> Result<Plan> {
        let runtime = self.runtime()?;
        let set = runtime.profile_set(self.often);
        let objective = self.objective;
        let device = set.admitted().iter().map(|offer| offer.place).find(|&p| p != Place::Cpu).unwrap_or(Place::Cpu);
        let id = self.id;
        let mut lowered = self.lower(&runtime, &set, device)?;
        let residency = Lowered::residency(&lowered.inputs);
        let make = |graph: &TaskGraph| {
            plan(graph, &set, &residency, &objective, SEED)
                .map_err(|e| GraphError::Unplannable { reason: e.to_string() })
        };
        let mut planned = make(&lowered.graph)?;
        // What may stay on a device is not to be sent there if the CPU made it: the better of both ends counts.
        let fast = matches!(objective.goal, Goal::Makespan | Goal::Deadline { .. });
        if fast && lowered.graph.data.iter().any(|d| d.wanted.is_some_and(|place| place != Place::Cpu)) {
            let mut at_host = lowered.graph.clone();
            at_host.data.iter_mut().for_each(|d| d.wanted = d.wanted.map(|_| Place::Cpu));
            let other = make(&at_host)?;
            if other.timeline.makespan_ns < planned.timeline.makespan_ns {
                (planned, lowered.graph) = (other, at_host);
            }
        }
        Ok(Plan(Arc::new(Inner { id, runtime, set, objective, lowered, residency, planned })))
    }
}

/// A plan of a [`Graph`], to be run as often as needed. Cheap to clone.
///
/// ```
/// # use veda::{Array, Graph};
/// #[veda::kernel]
/// fn square(x: f32) -> f32 { x * x }
///
/// let mut g = Graph::new();
/// let x = g.input(&Array::from(vec![1.0f32, 2.0]));
/// let y = g.apply(square::on(&x))?;
/// g.output(&y);
/// let plan = g.plan()?;
/// println!("{}", plan.explain());
/// assert_eq!(plan.run()?.get(&y)?.to_vec()?, [1.0, 4.0]);
///
/// // The same on other elements, without planning again.
/// let other = Array::from(vec![3.0f32, 4.0]);
/// assert_eq!(plan.with(&x, &other)?.run()?.get(&y)?.to_vec()?, [9.0, 16.0]);
/// # Ok::<(), veda::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The graph's number, which its variables have.
    id: u64,
    runtime: Runtime,
    set: ProfileSet,
    objective: Objective,
    lowered: Lowered,
    /// Where the inputs were when it was planned.
    residency: DataResidency,
    planned: Planned,
}

impl Inner {
    /// The number of a variable's array.
    fn datum<T>(&self, var: &Var<T>) -> Result<DatumId> {
        if var.graph == self.id && var.id < self.lowered.graph.data.len() {
            return Ok(var.id);
        }
        Err(GraphError::ForeignVar { node: "the plan".to_owned(), argument: 1 }.into())
    }

    /// Plans what is left after places were lost.
    fn again(
        &self,
        graph: &TaskGraph,
        residency: &DataResidency,
        lost: &[Place],
    ) -> Result<Planned, crate::planner::task_graph::GraphError> {
        let mut set = self.set.clone();
        set.places.retain(|offer| !lost.contains(&offer.place));
        // What was forced on a device that is gone runs anywhere rather than not at all.
        let mut graph = graph.clone();
        for task in &mut graph.tasks {
            task.only = task.only.filter(|place| !lost.contains(place));
        }
        plan(&graph, &set, residency, &self.objective, SEED)
    }
}

impl Plan {
    /// Runs it on the arrays that the graph was built with. Blocks until every result is where it is wanted.
    ///
    /// The calling thread drives the CPU's part; work goes to the pool and to devices.
    ///
    /// # Errors
    /// [`GraphError::Panicked`], [`GraphError::Host`] and [`GraphError::Node`] name the node that failed; no result has a
    /// value then, and inputs are as before.
    pub fn run(&self) -> Result<Outputs> {
        self.replay().run()
    }

    /// [`run`](Self::run) on a thread of its own; the future is ready when every result is where it is wanted. Dropping the
    /// future stops the run between two nodes.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// # let mut g = Graph::new();
    /// # let x = g.input(&Array::from(vec![1.0f32, 2.0]));
    /// # let sum = g.sum(&x)?;
    /// # g.output(&sum);
    /// # let plan = g.plan()?;
    /// # struct Thread(std::thread::Thread);
    /// # impl std::task::Wake for Thread { fn wake(self: std::sync::Arc<Self>) { self.0.unpark(); } }
    /// # fn block_on<F: Future>(f: F) -> F::Output {
    /// #     let mut f = std::pin::pin!(f);
    /// #     let waker = std::sync::Arc::new(Thread(std::thread::current())).into();
    /// #     loop {
    /// #         match f.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
    /// #             std::task::Poll::Ready(out) => return out,
    /// #             std::task::Poll::Pending => std::thread::park(),
    /// #         }
    /// #     }
    /// # }
    /// let out = block_on(async { plan.run_async().await })?;
    /// assert_eq!(out.get(&sum)?.to_vec()?, [3.0]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    pub fn run_async(&self) -> Pending {
        self.replay().run_async()
    }

    /// A run of the plan in which inputs can be replaced.
    pub fn replay(&self) -> Replay {
        let inputs = self.0.lowered.inputs.clone();
        Replay { plan: Arc::clone(&self.0), inputs, cancel: CancelToken::new() }
    }

    /// A run on another array for one input; for more, go on with [`Replay::with`].
    ///
    /// # Errors
    /// As [`Replay::with`].
    pub fn with<T: Scalar>(&self, input: &Var<T>, array: &Array<T>) -> Result<Replay> {
        self.replay().with(input, array)
    }

    /// Why the plan is as it is: for every node where it runs, what it would cost elsewhere and from which size on the choice
    /// would be another; and what other plans would take. Plans several times, so some ten times the cost of
    /// [`Graph::plan`].
    pub fn explain(&self) -> GraphExplanation {
        let Inner { planned, lowered, set, residency, objective, .. } = &*self.0;
        // The plan is of these inputs, so there is an explanation; else what the plan itself says.
        GraphExplanation::new(planned, &lowered.graph, set, residency, objective, SEED).unwrap_or_else(|_| {
            GraphExplanation {
                id: planned.id,
                makespan_ns: planned.timeline.makespan_ns,
                sigma: planned.sigma,
                energy_j: planned.energy_j,
                in_time: None,
                nodes: Vec::new(),
                counterfactuals: planned.candidates.clone(),
            }
        })
    }

    /// What runs where and when, as predicted: one line per step.
    pub fn schedule(&self) -> String {
        let plan = &self.0.planned;
        let mut text = String::new();
        for step in &plan.steps {
            let (start, end) = (ms(step.start_ns), ms(step.end_ns));
            let what = match step.action {
                Action::Run(t) => format!("{:8} {}", Lane::of(plan.places[t]).to_string(), plan.graph.tasks[t].name),
                Action::Copy { datum, from, to } => {
                    format!("{:8} {} from {from} to {to}", "copy", plan.graph.data[datum].name)
                }
                Action::Evict { datum, place } => {
                    format!("{:8} {} gives up {}", "evict", place, plan.graph.data[datum].name)
                }
            };
            let _ = writeln!(text, "{start:>10} .. {end:>10} ms  {what}");
        }
        text
    }

    /// The predicted run.
    pub fn timeline(&self) -> &Timeline {
        &self.0.planned.timeline
    }

    /// The plan as plain data.
    pub fn details(&self) -> &crate::planner::Plan {
        &self.0.planned
    }
}

/// Nanoseconds as milliseconds with three digits.
fn ms(ns: u64) -> String {
    format!("{:.3}", ns as f64 / 1e6)
}

/// Stops runs of plans.
///
/// ```
/// # use veda::{Array, Graph, error::GraphError, graph::CancelToken};
/// # let mut g = Graph::new();
/// # let x = g.input(&Array::from(vec![1.0f32, 2.0]));
/// # let sum = g.sum(&x)?;
/// # g.output(&sum);
/// # let plan = g.plan()?;
/// let token = CancelToken::new();
/// token.cancel(); // usually from another thread
/// let error = plan.replay().cancel_by(&token).run().unwrap_err();
/// assert!(matches!(error, veda::Error::Graph(GraphError::Cancelled)));
/// # Ok::<(), veda::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<graph::CancelToken>);

impl CancelToken {
    /// A token that stops nothing yet.
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    /// Stops the runs that have this token, between two nodes; nodes that run now are finished first.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether somebody called [`cancel`](Self::cancel).
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// One run of a plan, about to start; see [`Plan::with`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until `run` or `run_async`"]
pub struct Replay {
    plan: Arc<Inner>,
    inputs: BTreeMap<DatumId, Arc<Store>>,
    cancel: CancelToken,
}

impl Replay {
    /// Replaces an input of the graph by an array of the same length.
    ///
    /// # Errors
    /// [`GraphError::InputLength`], [`GraphError::NotAnInput`], [`GraphError::ForeignVar`].
    pub fn with<T: Scalar>(mut self, input: &Var<T>, array: &Array<T>) -> Result<Replay> {
        let datum = self.plan.datum(input)?;
        let spec = &self.plan.lowered.program.arrays[datum];
        if !self.inputs.contains_key(&datum) {
            return Err(GraphError::NotAnInput { array: spec.name.clone() }.into());
        }
        let (planned, actual) = (spec.shape.len, array.len());
        if planned != actual {
            return Err(GraphError::InputLength { input: spec.name.clone(), planned, actual }.into());
        }
        self.inputs.insert(datum, Arc::clone(array.store()));
        Ok(self)
    }

    /// Lets a token stop the run.
    pub fn cancel_by(mut self, token: &CancelToken) -> Replay {
        self.cancel = token.clone();
        self
    }

    /// The token that stops the run.
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Runs; see [`Plan::run`].
    ///
    /// # Errors
    /// As [`Plan::run`]; [`GraphError::Cancelled`].
    pub fn run(&self) -> Result<Outputs> {
        let Inner { runtime, lowered, planned, set, .. } = &*self.plan;
        let replan =
            |graph: &TaskGraph, residency: &DataResidency, lost: &[Place]| self.plan.again(graph, residency, lost);
        let estimate = |task: &Task, place: Place| price::expected(&set.model, task, place);
        let options = RunOptions {
            cancel: Some(Arc::clone(&self.cancel.0)),
            deterministic: runtime.deterministic(),
            replan: &replan,
            estimate: Some(&estimate),
        };
        let outcome = graph::run(runtime, &lowered.program, &lowered.graph, planned, &self.inputs, &options);
        let outcome = outcome.map_err(run_error)?;
        // After a loss tasks have other numbers, and what was left is no whole graph.
        if outcome.replans.is_empty() {
            runtime.learn(&lowered.program, &planned.graph, &outcome.observed);
        }
        Ok(Outputs {
            plan: Arc::clone(&self.plan),
            stores: outcome.outputs,
            inputs: self.inputs.clone(),
            timeline: outcome.timeline,
            notes: outcome.notes,
            rerouted: outcome.rerouted,
        })
    }

    /// Runs on a thread of its own; see [`Plan::run_async`].
    pub fn run_async(&self) -> Pending {
        Pending::start(self.clone())
    }
}

/// The results of one run of a plan.
#[derive(Debug)]
pub struct Outputs {
    plan: Arc<Inner>,
    stores: BTreeMap<DatumId, Arc<Store>>,
    inputs: BTreeMap<DatumId, Arc<Store>>,
    timeline: Timeline,
    notes: Vec<String>,
    rerouted: usize,
}

impl Outputs {
    /// An array that the graph was told to keep ([`Graph::output`], [`Graph::keep_on_device`]).
    ///
    /// # Errors
    /// [`GraphError::NotKept`], [`GraphError::ForeignVar`].
    pub fn get<T: Scalar>(&self, var: &Var<T>) -> Result<Array<T>> {
        let datum = self.plan.datum(var)?;
        let info = &self.plan.lowered.graph.data[datum];
        let store = self.stores.get(&datum).or_else(|| self.inputs.get(&datum)).filter(|_| info.wanted.is_some());
        match store {
            Some(store) => Ok(Array::of_store(Arc::clone(store))),
            None => Err(GraphError::NotKept { array: info.name.clone() }.into()),
        }
    }

    /// What ran where and when, by the clock.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The plan that was run, as plain data.
    pub(super) fn planned(&self) -> &crate::planner::Plan {
        &self.plan.planned
    }

    /// What did not go as planned, one line each: losses, work that went elsewhere because something was late.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Nodes that ran elsewhere than planned.
    pub fn rerouted(&self) -> usize {
        self.rerouted
    }
}
