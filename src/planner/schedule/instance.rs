//! A scheduling problem in integers: processors, memories, links; how long each task takes on each processor and each
//! datum over each link. What the schedulers, the simulator and the checker see; made from a task graph by pricing, or
//! by hand in tests.

/// A scheduling problem. All times are nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    /// The processors: each does one task at a time.
    pub processors: Vec<Processor>,
    /// The memories. Memory 0 is the host's.
    pub memories: Vec<Memory>,
    /// The directed links between memories. Where there is none, data travel through memory 0 (and are valid there then).
    pub links: Vec<Link>,
    /// The data.
    pub data: Vec<Data>,
    /// The tasks, in topological order.
    pub tasks: Vec<Job>,
}

/// Does one task at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processor {
    /// Where its inputs must be and its outputs are.
    pub memory: usize,
    /// It starts this late: work that is queued already.
    pub ready_ns: u64,
}

/// Holds data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes that fit; `None`: any number.
    pub capacity: Option<u64>,
}

/// Moves data from one memory to another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
    /// From this memory.
    pub from: usize,
    /// To this one.
    pub to: usize,
    /// Copies on links of the same engine follow each other; `None`: any number at once.
    pub engine: Option<usize>,
    /// The part of a copy's time, 0..=1, that it takes from the compute queue at the device end: 0 where copies and kernels
    /// overlap fully, 1 where none of a copy can hide behind kernels. The queue loses it at any times from the copy's start
    /// on, in pieces if need be; the copy itself does not wait for the queue.
    pub blocks: f64,
    /// That queue; `None`: none is stalled.
    pub blocked: Option<usize>,
}

/// A datum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data {
    /// Its size.
    pub bytes: u64,
    /// Memories where it is valid at the start.
    pub initial: Vec<usize>,
    /// The memory where it must be valid at the end.
    pub wanted: Option<usize>,
    /// The task that writes it.
    pub writer: Option<usize>,
    /// The tasks that read it, ascending.
    pub readers: Vec<usize>,
    /// Time over each link, by index into [`Instance::links`].
    pub copy_ns: Vec<u64>,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Job {
    /// By processor; `None`: it cannot run there.
    pub options: Vec<Option<Run>>,
    /// What it reads, without repetition.
    pub reads: Vec<usize>,
    /// What it writes.
    pub writes: Vec<usize>,
    /// Tasks that must be done before: writers of what it reads, and control dependencies; ascending, no repetition.
    pub preds: Vec<usize>,
    /// The reverse of `preds`.
    pub succs: Vec<usize>,
}

/// A task on one processor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// Time.
    pub ns: u64,
    /// Log standard deviation of that.
    pub sigma: f64,
    /// Time to build what it needs first, on the processor's own build unit, from time 0; 0: it is ready. Tasks with one
    /// `build_key` share one build.
    pub build_ns: u64,
    /// See `build_ns`.
    pub build_key: u64,
    /// It reads and writes host memory although the processor has its own (hand-written kernels).
    pub staged: bool,
    /// Bytes of scratch space in the processor's memory while it runs.
    pub scratch: u64,
}
