//! A schedule: what runs, is copied, built and given up when; and why there is none.

/// Where each task runs and in which order tasks are placed: all that a heuristic decides. The simulator makes a
/// [`Schedule`] of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The processor of each task.
    pub assignment: Vec<usize>,
    /// Every task once, each after those that it needs.
    pub order: Vec<usize>,
}

/// What runs, is copied, built and given up when. Times are nanoseconds from the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The processor of each task.
    pub assignment: Vec<usize>,
    /// The tasks in the order in which they were placed: topological, and the order in which each processor runs them.
    pub order: Vec<usize>,
    /// Start and end of each task.
    pub runs: Vec<(u64, u64)>,
    /// Copies, by start.
    pub copies: Vec<Copy>,
    /// Builds, by start.
    pub builds: Vec<Build>,
    /// Copies that are given up to make room, by time.
    pub evictions: Vec<Eviction>,
    /// When everything is done, wanted copies included, and queues have lost what copies take from them: later than all ends
    /// where that is what takes longest.
    pub makespan: u64,
    /// The most bytes in each memory at one time. Data stay where they are unless they are evicted.
    pub peak_bytes: Vec<u64>,
}

/// One copy over one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Copy {
    /// Start.
    pub start: u64,
    /// End; the datum is valid at the link's end then.
    pub end: u64,
    /// What.
    pub datum: usize,
    /// Over which link.
    pub link: usize,
}

/// One build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Build {
    /// Start.
    pub start: u64,
    /// End; runs that need it start then or later.
    pub end: u64,
    /// For which processor.
    pub processor: usize,
    /// What: [`Run::build_key`](super::instance::Run::build_key).
    pub key: u64,
}

/// A copy is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Eviction {
    /// When: its last use is over.
    pub at: u64,
    /// What.
    pub datum: usize,
    /// Where.
    pub memory: usize,
}

/// Why an assignment and an order give no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Infeasible {
    /// The list does not hold every task once, or not every task has a processor.
    #[error("the order or the assignment does not hold every task once")]
    Incomplete,
    /// A task comes before one that it needs.
    #[error("task {task} comes before a task that it needs")]
    Order {
        /// The task.
        task: usize,
    },
    /// The task cannot run on its processor.
    #[error("task {task} cannot run on processor {processor}")]
    Processor {
        /// The task.
        task: usize,
        /// Where it was put.
        processor: usize,
    },
    /// A task cannot run on any processor.
    #[error("task {task} can run on no processor")]
    NoProcessor {
        /// The task.
        task: usize,
    },
    /// A datum is valid nowhere, or no links lead from where it is to where it is needed.
    #[error("datum {datum} cannot get into memory {memory}: it is valid nowhere, or there is no link")]
    Route {
        /// The datum.
        datum: usize,
        /// Where it is needed.
        memory: usize,
    },
    /// A memory is too small.
    #[error("memory {memory} is too small: {needed} more bytes are needed at once, {capacity} is all there is")]
    Memory {
        /// The memory.
        memory: usize,
        /// What did not fit.
        needed: u64,
        /// What there is.
        capacity: u64,
    },
    /// The schedule is not better than the limit that was given.
    #[error("the schedule is not done before the limit")]
    Limit,
}
