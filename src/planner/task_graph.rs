//! A graph of tasks over data, as the planner sees it: sizes, costs and dependencies, no kernel and no buffer.
//!
//! Data are single-assignment: one task writes a datum, or none (an input). What a loop or an in-place update writes is
//! a new datum (a version). Everything is an index into the two lists, so a graph is plain data: it can be stored,
//! compared and planned for a machine that is not there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::work::{Place, Work};

/// Index into [`TaskGraph::data`].
pub type DatumId = usize;
/// Index into [`TaskGraph::tasks`].
pub type TaskId = usize;

/// Tasks and the data between them. Tasks are in topological order (each task's inputs are written by earlier tasks),
/// which [`TaskGraph::validate`] checks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskGraph {
    /// The data.
    pub data: Vec<Datum>,
    /// The tasks, in topological order.
    pub tasks: Vec<Task>,
}

/// One version of an array, or a window of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Datum {
    /// For people.
    pub name: String,
    /// Its size in device memory (what a copy moves).
    pub bytes: u64,
    /// Elements; 0 where it is not an array.
    pub elements: u64,
    /// Where it must be valid at the end. `None`: nobody looks at it afterwards.
    pub wanted: Option<Place>,
    /// The window that it is of another datum; made by the planner's rewrites, never by callers.
    pub piece: Option<Piece>,
}

/// A window of a datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The datum in the graph that was passed to the planner.
    pub of: DatumId,
    /// First element.
    pub from: u64,
    /// One past the last element.
    pub to: u64,
}

/// One unit of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// For people.
    pub name: String,
    /// What it costs, and where it can run.
    pub cost: TaskCost,
    /// The only place where it may run, whatever is faster; `None`: any that can.
    #[serde(default)]
    pub only: Option<Place>,
    /// What it reads.
    pub reads: Vec<Read>,
    /// What it writes; no other task writes these.
    pub writes: Vec<DatumId>,
    /// Tasks that must be done before it although it reads nothing of theirs.
    pub after: Vec<TaskId>,
    /// Whether it may be cut into windows of its index space.
    pub divisible: Divisible,
    /// Whether it is a map whose body can be merged into the task that reads it, and that can take such bodies in.
    pub fusible: bool,
    /// The tasks of the caller's graph that it does the work of: one, or several where the planner merged them. Callers
    /// leave it empty; a plan's graph has it filled in.
    pub origin: Vec<TaskId>,
    /// The window of the index space that it computes, `(from, to)` in elements; `None`: all. Only in a plan's graph.
    pub window: Option<(u64, u64)>,
}

/// One input of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// What is read.
    pub datum: DatumId,
    /// How.
    pub access: Access,
}

/// How a task reads an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Element `i` for the `i`-th result: windows of the task need only the same window of the input.
    Elements,
    /// Anything: every window of the task needs all of it.
    Whole,
}

/// Whether a task may be cut into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Divisible {
    /// It runs as one.
    No,
    /// Its outputs may be computed window by window, on several devices. Windows start at multiples of `grain` elements.
    /// A task that reduces has one output element per `per_output` elements (1 for maps).
    By {
        /// Elements; a multiple of `per_output`.
        grain: u64,
        /// Elements of the index space per element of the output.
        per_output: u64,
    },
}

/// What a task costs, and where it can run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskCost {
    /// A kernel: the cost model prices it on every device. `repeat`: it runs so many times in a row on one device
    /// (loops); 1 otherwise.
    Kernel {
        /// One run.
        work: Work,
        /// How often.
        repeat: u64,
    },
    /// Code that runs on the CPU only (a host function).
    Host {
        /// Identifies the function for learned times; 0: do not learn.
        key: u64,
        /// Expected time, nanoseconds.
        ns: u64,
        /// Log standard deviation of that.
        sigma: f64,
    },
    /// Times that somebody measured: nanoseconds by place, exact. Places that are missing cannot run it.
    Fixed(#[serde(with = "super::place_map")] BTreeMap<Place, u64>),
    /// A hand-written device kernel that takes its inputs from host memory and leaves its result there: priced as `work`,
    /// transfers included, on any device.
    Staged(Work),
}

/// Where each datum of a graph is valid before the first task runs. Data that no task writes must be valid somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataResidency {
    /// By datum; what is missing is valid nowhere.
    pub valid: BTreeMap<DatumId, BTreeSet<Place>>,
}

impl DataResidency {
    /// Every datum that no task writes is valid on the host.
    pub fn host(graph: &TaskGraph) -> DataResidency {
        let written: BTreeSet<_> = graph.tasks.iter().flat_map(|t| t.writes.iter().copied()).collect();
        let inputs = (0..graph.data.len()).filter(|d| !written.contains(d));
        DataResidency { valid: inputs.map(|d| (d, BTreeSet::from([Place::Cpu]))).collect() }
    }

    /// Whether a datum is valid at a place.
    pub fn is_valid(&self, datum: DatumId, place: Place) -> bool {
        self.valid.get(&datum).is_some_and(|places| places.contains(&place))
    }
}

/// What is wrong with a task graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A task names a datum or task that does not exist.
    #[error("task {task} (`{name}`) refers to {what} {index}, but there are {count}")]
    Dangling {
        /// The task.
        task: TaskId,
        /// Its name.
        name: String,
        /// "datum" or "task".
        what: &'static str,
        /// What it names.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// Two tasks write one datum.
    #[error("datum {datum} (`{name}`) is written by tasks {first} and {second}; every version has one writer")]
    WrittenTwice {
        /// The datum.
        datum: DatumId,
        /// Its name.
        name: String,
        /// The first writer.
        first: TaskId,
        /// The second writer.
        second: TaskId,
    },
    /// A task waits for itself, or for a later one.
    #[error(
        "task {task} (`{name}`) depends on task {on} (`{other}`), which does not come before it: a cycle, or not in topological order"
    )]
    Order {
        /// The task.
        task: TaskId,
        /// Its name.
        name: String,
        /// What it depends on.
        on: TaskId,
        /// The name of that.
        other: String,
    },
    /// An input is valid nowhere.
    #[error("datum {datum} (`{name}`) is read, but no task writes it and it is valid nowhere; give it a value first")]
    NoValue {
        /// The datum.
        datum: DatumId,
        /// Its name.
        name: String,
    },
    /// No place of the profile can run a task.
    #[error("task {task} (`{name}`) can run on none of the devices that are offered")]
    NoPlace {
        /// The task.
        task: TaskId,
        /// Its name.
        name: String,
    },
    /// A task does not fit into any device's memory, and cannot be cut.
    #[error(
        "task {task} (`{name}`) needs {bytes} bytes at once, {place} takes {limit}; cut its data, or raise the limit"
    )]
    TooLarge {
        /// The task.
        task: TaskId,
        /// Its name.
        name: String,
        /// What it needs.
        bytes: u64,
        /// Where.
        place: Place,
        /// What there is.
        limit: u64,
    },
    /// The objective is energy, but the profile has no powers.
    #[error("the objective needs the power of {place}, but its profile has no `busy_watts` and `idle_watts`")]
    NoPower {
        /// The device.
        place: Place,
    },
}

impl TaskGraph {
    /// The task that writes each datum.
    pub fn writers(&self) -> Vec<Option<TaskId>> {
        let mut writers = vec![None; self.data.len()];
        for (t, task) in self.tasks.iter().enumerate() {
            for &d in &task.writes {
                if let Some(slot) = writers.get_mut(d) {
                    *slot = Some(t);
                }
            }
        }
        writers
    }

    /// Checks indices, single writers, topological order, and that every input has a value. `O(tasks + reads + writes)`.
    ///
    /// # Errors
    /// [`GraphError`], the lowest task first.
    pub fn validate(&self, residency: &DataResidency) -> Result<(), GraphError> {
        let mut writer: Vec<Option<TaskId>> = vec![None; self.data.len()];
        let dangling = |task: TaskId, what, index, count| GraphError::Dangling {
            task,
            name: self.tasks[task].name.clone(),
            what,
            index,
            count,
        };
        for (t, task) in self.tasks.iter().enumerate() {
            for &d in &task.writes {
                let count = self.data.len();
                let slot = writer.get_mut(d).ok_or_else(|| dangling(t, "datum", d, count))?;
                if let Some(first) = slot.replace(t) {
                    let name = self.data[d].name.clone();
                    return Err(GraphError::WrittenTwice { datum: d, name, first, second: t });
                }
            }
        }
        let order = |task: TaskId, on: TaskId| GraphError::Order {
            task,
            name: self.tasks[task].name.clone(),
            on,
            other: self.tasks[on].name.clone(),
        };
        for (t, task) in self.tasks.iter().enumerate() {
            for read in &task.reads {
                let d = read.datum;
                match writer.get(d).ok_or_else(|| dangling(t, "datum", d, self.data.len()))? {
                    Some(w) if *w >= t => return Err(order(t, *w)),
                    None if residency.valid.get(&d).is_none_or(BTreeSet::is_empty) => {
                        return Err(GraphError::NoValue { datum: d, name: self.data[d].name.clone() });
                    }
                    _ => {}
                }
            }
            for &a in &task.after {
                if a >= self.tasks.len() {
                    return Err(dangling(t, "task", a, self.tasks.len()));
                }
                if a >= t {
                    return Err(order(t, a));
                }
            }
        }
        Ok(())
    }
}
