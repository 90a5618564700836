//! Checks a schedule against its instance from the definitions alone: it shares no code with the simulator, so that a
//! mistake there does not hide here.

use super::instance::{Instance, Job, Run};
use super::result::{Copy, Schedule};

/// What is wrong with a schedule. Times are nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A list has the wrong length, an index points nowhere, or the order does not hold every task once.
    #[error("the schedule does not fit the instance: {what}")]
    Shape {
        /// What is wrong.
        what: &'static str,
    },
    /// A task is on a processor that cannot run it.
    #[error("task {task} cannot run on processor {processor}")]
    Processor {
        /// The task.
        task: usize,
        /// The processor.
        processor: usize,
    },
    /// A run, copy or build takes another time than it should.
    #[error("{what} {index} takes {found} ns instead of {expected} ns")]
    Duration {
        /// "task", "copy" or "build".
        what: &'static str,
        /// Which, in its list.
        index: usize,
        /// What it takes in the schedule.
        found: u64,
        /// What it takes.
        expected: u64,
    },
    /// A task starts before its processor is ready.
    #[error("task {task} starts before processor {processor} is ready")]
    NotReady {
        /// The task.
        task: usize,
        /// The processor.
        processor: usize,
    },
    /// A task starts before one that it needs has ended.
    #[error("task {task} starts before task {needs} has ended")]
    Precedence {
        /// The task.
        task: usize,
        /// What it needs.
        needs: usize,
    },
    /// A task starts before its build is done, or there is none.
    #[error("task {task} starts before its build is done")]
    NotBuilt {
        /// The task.
        task: usize,
    },
    /// A task reads a datum that is not valid where it runs, all the time that it runs.
    #[error("task {task} reads datum {datum}, which is not valid in memory {memory} then")]
    Input {
        /// The task.
        task: usize,
        /// The datum.
        datum: usize,
        /// Where it should be valid.
        memory: usize,
    },
    /// A copy's source is not valid all the time that it takes.
    #[error("copy {copy} reads datum {datum}, which is not valid in memory {memory} then")]
    Source {
        /// The copy's index.
        copy: usize,
        /// The datum.
        datum: usize,
        /// Where it should be valid.
        memory: usize,
    },
    /// A datum gets into a memory where it is already.
    #[error("datum {datum} gets into memory {memory}, where it is already")]
    Twice {
        /// The datum.
        datum: usize,
        /// The memory.
        memory: usize,
    },
    /// A datum is given up where it is not.
    #[error("datum {datum} is given up in memory {memory}, where it is not valid")]
    Eviction {
        /// The datum.
        datum: usize,
        /// The memory.
        memory: usize,
    },
    /// A unit does two things at once.
    #[error("{unit} {index} does two things at {at} ns")]
    Overlap {
        /// "processor", "engine" or "build unit".
        unit: &'static str,
        /// Which.
        index: usize,
        /// When.
        at: u64,
    },
    /// More bytes are in a memory than fit.
    #[error("memory {memory} holds {bytes} bytes at {at} ns")]
    Capacity {
        /// The memory.
        memory: usize,
        /// What is there.
        bytes: u64,
        /// When.
        at: u64,
    },
    /// The peak that the schedule states is another.
    #[error("the peak of memory {memory} is {bytes} bytes")]
    Peak {
        /// The memory.
        memory: usize,
        /// What it is.
        bytes: u64,
    },
    /// A datum is not where it is wanted at the end.
    #[error("datum {datum} is not valid in memory {memory} at the end")]
    Wanted {
        /// The datum.
        datum: usize,
        /// Where it is wanted.
        memory: usize,
    },
    /// The makespan that the schedule states is another.
    #[error("the makespan is {expected} ns")]
    Makespan {
        /// What it is.
        expected: u64,
    },
}

/// A datum in a memory: the room is taken at `from`, it is valid at `valid`, and gone at `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stay {
    from: u64,
    valid: u64,
    to: u64,
}

/// Everything that is wrong with a schedule; empty: it is valid. `O((tasks + copies + reads) log)`, and quadratic in the
/// number of times that one datum comes into one memory.
pub fn check(instance: &Instance, schedule: &Schedule) -> Vec<Violation> {
    if let Some(what) = misfit(instance, schedule) {
        return vec![Violation::Shape { what }];
    }
    let mut found = Vec::new();
    let runs: Vec<Option<Run>> =
        instance.tasks.iter().zip(&schedule.assignment).map(|(t, &p)| t.options.get(p).copied().flatten()).collect();
    tasks(instance, schedule, &runs, &mut found);
    builds(instance, schedule, &runs, &mut found);
    units(instance, schedule, &mut found);
    let stays = stays(instance, schedule, &runs, &mut found);
    residency(instance, schedule, &runs, &stays, &mut found);
    capacity(instance, schedule, &runs, &stays, &mut found);
    let ends = schedule.runs.iter().map(|r| r.1).chain(schedule.copies.iter().map(|c| c.end));
    let stalled = (0..instance.processors.len()).map(|p| stalled(instance, schedule, p));
    let expected = ends.chain(stalled).max().unwrap_or(0);
    if expected != schedule.makespan {
        found.push(Violation::Makespan { expected });
    }
    found
}

fn misfit(instance: &Instance, schedule: &Schedule) -> Option<&'static str> {
    let n = instance.tasks.len();
    let mut seen = vec![false; n];
    for &t in &schedule.order {
        match seen.get_mut(t) {
            Some(slot) if !*slot => *slot = true,
            _ => return Some("the order names a task twice, or one that does not exist"),
        }
    }
    let data = instance.data.len();
    if schedule.order.len() != n || schedule.assignment.len() != n || schedule.runs.len() != n {
        Some("not every task is there once")
    } else if schedule.runs.iter().any(|r| r.1 < r.0) || schedule.copies.iter().any(|c| c.end < c.start) {
        Some("something ends before it starts")
    } else if schedule.builds.iter().any(|b| b.end < b.start || b.processor >= instance.processors.len()) {
        Some("a build for no processor, or one that ends before it starts")
    } else if schedule.copies.iter().any(|c| c.link >= instance.links.len() || c.datum >= data) {
        Some("a copy over no link or of no datum")
    } else if schedule.evictions.iter().any(|e| e.memory >= instance.memories.len() || e.datum >= data) {
        Some("an eviction of no datum or from no memory")
    } else {
        None
    }
}

/// Whether something may take longer than stated: it ends with everything, which is when a queue has lost what copies take.
fn waits(instance: &Instance, schedule: &Schedule, end: u64) -> bool {
    end == schedule.makespan && (0..instance.processors.len()).any(|p| stalled(instance, schedule, p) == end)
}

fn tasks(instance: &Instance, schedule: &Schedule, runs: &[Option<Run>], found: &mut Vec<Violation>) {
    for (t, task) in instance.tasks.iter().enumerate() {
        let (start, end) = schedule.runs[t];
        let processor = schedule.assignment[t];
        let Some(run) = runs[t] else {
            found.push(Violation::Processor { task: t, processor });
            continue;
        };
        if end - start != run.ns && !(end - start > run.ns && waits(instance, schedule, end)) {
            found.push(Violation::Duration { what: "task", index: t, found: end - start, expected: run.ns });
        }
        if start < instance.processors[processor].ready_ns {
            found.push(Violation::NotReady { task: t, processor });
        }
        for &needs in &task.preds {
            if schedule.runs[needs].1 > start {
                found.push(Violation::Precedence { task: t, needs });
            }
        }
    }
    for (i, copy) in schedule.copies.iter().enumerate() {
        let expected = instance.data[copy.datum].copy_ns[copy.link];
        let took = copy.end - copy.start;
        if took != expected && !(took > expected && waits(instance, schedule, copy.end)) {
            found.push(Violation::Duration { what: "copy", index: i, found: took, expected });
        }
    }
}

fn builds(instance: &Instance, schedule: &Schedule, runs: &[Option<Run>], found: &mut Vec<Violation>) {
    for (i, build) in schedule.builds.iter().enumerate() {
        // Tasks that share a build may state different times; one of them is right.
        let stated = instance.tasks.iter().filter_map(|t| t.options.get(build.processor).copied().flatten());
        let mut stated = stated.filter(|r| r.build_key == build.key && r.build_ns > 0).map(|r| r.build_ns);
        let took = build.end - build.start;
        let first = stated.clone().next().unwrap_or(0);
        if !stated.any(|ns| ns == took) {
            found.push(Violation::Duration { what: "build", index: i, found: took, expected: first });
        }
    }
    for (t, run) in runs.iter().enumerate() {
        let Some(run) = run.filter(|r| r.build_ns > 0) else { continue };
        let mine = |b: &&super::result::Build| b.processor == schedule.assignment[t] && b.key == run.build_key;
        if schedule.builds.iter().find(mine).is_none_or(|b| b.end > schedule.runs[t].0) {
            found.push(Violation::NotBuilt { task: t });
        }
    }
}

/// When a queue has done its runs and lost what copies take from it: a copy over a link with `blocks` takes that part of
/// its time, from its start on, whenever there is nothing to run. 0 where nothing is taken.
fn stalled(instance: &Instance, schedule: &Schedule, queue: usize) -> u64 {
    let taken = |copy: &Copy| {
        let link = &instance.links[copy.link];
        let part = (instance.data[copy.datum].copy_ns[copy.link] as f64 * link.blocks).ceil() as u64;
        (link.blocked == Some(queue) && part > 0).then_some((copy.start, part))
    };
    let mut taken: Vec<(u64, u64)> = schedule.copies.iter().filter_map(taken).collect();
    taken.sort_unstable();
    // What ends last may be held up; here it counts with its own time.
    let run = |(task, &(start, end)): (&Job, &(u64, u64))| {
        let ns = task.options.get(queue).copied().flatten().map_or(0, |run| run.ns);
        (start, end.min(start.saturating_add(ns)))
    };
    let runs = instance.tasks.iter().zip(&schedule.runs).zip(&schedule.assignment);
    let runs = runs.filter(|(_, p)| **p == queue).map(|(of, _)| run(of));
    let mut busy: Vec<(u64, u64)> = runs.chain([(0, instance.processors[queue].ready_ns)]).collect();
    busy.sort_unstable();
    let (mut now, mut busy) = (0, busy.into_iter().peekable());
    for (from, mut left) in taken {
        now = now.max(from);
        while let Some(&(start, end)) = busy.peek() {
            let idle = start.saturating_sub(now);
            if idle >= left {
                break;
            }
            left -= idle;
            now = now.max(end);
            busy.next();
        }
        now = now.saturating_add(left);
    }
    now
}

fn units(instance: &Instance, schedule: &Schedule, found: &mut Vec<Violation>) {
    let mut overlaps = |unit: &'static str, index: usize, mut busy: Vec<(u64, u64)>| {
        busy.retain(|b| b.0 < b.1);
        busy.sort_unstable();
        for pair in busy.windows(2) {
            if pair[1].0 < pair[0].1 {
                found.push(Violation::Overlap { unit, index, at: pair[1].0 });
            }
        }
    };
    for p in 0..instance.processors.len() {
        let mine = schedule.assignment.iter().zip(&schedule.runs).filter(|(a, _)| **a == p).map(|(_, r)| *r);
        let not_ready = std::iter::once((0, instance.processors[p].ready_ns));
        overlaps("processor", p, mine.chain(not_ready).collect());
        let built = schedule.builds.iter().filter(|b| b.processor == p).map(|b| (b.start, b.end));
        overlaps("build unit", p, built.collect());
    }
    let engines = instance.links.iter().filter_map(|l| l.engine).max().map_or(0, |e| e + 1);
    for e in 0..engines {
        let mine = schedule.copies.iter().filter(|c| instance.links[c.link].engine == Some(e));
        overlaps("engine", e, mine.map(|c| (c.start, c.end)).collect());
    }
}

/// The memory that a task's inputs and outputs are in.
fn memory_of(instance: &Instance, schedule: &Schedule, t: usize, run: Run) -> usize {
    if run.staged { 0 } else { instance.processors[schedule.assignment[t]].memory }
}

/// When each datum is in each memory (datum × memory).
fn stays(instance: &Instance, schedule: &Schedule, runs: &[Option<Run>], found: &mut Vec<Violation>) -> Vec<Vec<Stay>> {
    let m = instance.memories.len();
    let mut stays = vec![Vec::new(); instance.data.len() * m];
    let forever = u64::MAX;
    for (d, datum) in instance.data.iter().enumerate() {
        for &at in &datum.initial {
            stays[d * m + at].push(Stay { from: 0, valid: 0, to: forever });
        }
    }
    for (t, task) in instance.tasks.iter().enumerate() {
        let Some(run) = runs[t] else { continue };
        for &d in &task.writes {
            let (from, valid) = schedule.runs[t];
            stays[d * m + memory_of(instance, schedule, t, run)].push(Stay { from, valid, to: forever });
        }
    }
    for c in &schedule.copies {
        stays[c.datum * m + instance.links[c.link].to].push(Stay { from: c.start, valid: c.end, to: forever });
    }
    let mut gone = vec![Vec::new(); stays.len()];
    for e in &schedule.evictions {
        gone[e.datum * m + e.memory].push(e.at);
    }
    for (i, (stays, gone)) in stays.iter_mut().zip(&mut gone).enumerate() {
        let (datum, memory) = (i / m, i % m);
        stays.sort_unstable();
        gone.sort_unstable();
        for (k, &at) in gone.iter().enumerate() {
            match stays.get_mut(k) {
                Some(stay) if stay.valid <= at => stay.to = at,
                _ => found.push(Violation::Eviction { datum, memory }),
            }
        }
        if stays.windows(2).any(|pair| pair[1].from < pair[0].to) {
            found.push(Violation::Twice { datum, memory });
        }
    }
    stays
}

fn residency(
    instance: &Instance,
    schedule: &Schedule,
    runs: &[Option<Run>],
    stays: &[Vec<Stay>],
    found: &mut Vec<Violation>,
) {
    let m = instance.memories.len();
    let there = |datum: usize, memory: usize, from: u64, to: u64| {
        stays[datum * m + memory].iter().any(|s| s.valid <= from && s.to >= to)
    };
    for (t, task) in instance.tasks.iter().enumerate() {
        let Some(run) = runs[t] else { continue };
        let memory = memory_of(instance, schedule, t, run);
        let (start, end) = schedule.runs[t];
        for &datum in &task.reads {
            if !there(datum, memory, start, end) {
                found.push(Violation::Input { task: t, datum, memory });
            }
        }
        for &datum in &task.writes {
            if !stays[datum * m + memory].iter().any(|s| s.valid == end && s.to >= end) {
                found.push(Violation::Eviction { datum, memory });
            }
        }
    }
    for (i, c) in schedule.copies.iter().enumerate() {
        let memory = instance.links[c.link].from;
        if !there(c.datum, memory, c.start, c.end) {
            found.push(Violation::Source { copy: i, datum: c.datum, memory });
        }
    }
    for (datum, d) in instance.data.iter().enumerate() {
        if let Some(memory) = d.wanted.filter(|&at| !there(datum, at, schedule.makespan, u64::MAX)) {
            found.push(Violation::Wanted { datum, memory });
        }
    }
}

fn capacity(
    instance: &Instance,
    schedule: &Schedule,
    runs: &[Option<Run>],
    stays: &[Vec<Stay>],
    found: &mut Vec<Violation>,
) {
    let m = instance.memories.len();
    for (memory, limit) in instance.memories.iter().enumerate() {
        // Room is freed before it is taken.
        let mut changes: Vec<(u64, bool, u64)> = Vec::new();
        for (d, datum) in instance.data.iter().enumerate() {
            for stay in stays[d * m + memory].iter().filter(|s| s.from < s.to) {
                changes.push((stay.from, true, datum.bytes));
                changes.push((stay.to, false, datum.bytes));
            }
        }
        for (t, run) in runs.iter().enumerate() {
            let here = instance.processors[schedule.assignment[t].min(instance.processors.len() - 1)].memory == memory;
            let (start, end) = schedule.runs[t];
            if let Some(run) = run.filter(|r| here && r.scratch > 0 && start < end) {
                changes.push((start, true, run.scratch));
                changes.push((end, false, run.scratch));
            }
        }
        changes.sort_unstable();
        let (mut bytes, mut peak) = (0u64, 0u64);
        for (at, more, size) in changes {
            bytes = if more { bytes.saturating_add(size) } else { bytes.saturating_sub(size) };
            if limit.capacity.is_some_and(|c| bytes > c) && more {
                found.push(Violation::Capacity { memory, bytes, at });
            }
            peak = peak.max(bytes);
        }
        if schedule.peak_bytes.get(memory) != Some(&peak) {
            found.push(Violation::Peak { memory, bytes: peak });
        }
    }
}
