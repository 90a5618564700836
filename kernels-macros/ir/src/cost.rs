//! Counts the operations of a kernel: the planner's first guess before anything was measured.

mod fact;
mod walk;

pub use fact::{Fact, Given, Origin, Slice};

use crate::link::Linked;

/// The trips that a loop of unknown length is counted with.
pub const DEFAULT_TRIPS: f64 = 16.0;

/// Expected operations of one invocation, callees included. A branch's sides count half each; what is the same for all
/// invocations and needs no loaded value is computed once and counts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OpCounts {
    /// `+ - mul_add`, rounding and other cheap float functions.
    pub float_add: f64,
    /// Float `*`.
    pub float_mul: f64,
    /// Float `/`, `recip`, `%`.
    pub float_div: f64,
    /// `sqrt`.
    pub float_sqrt: f64,
    /// Integer and bit operations; sums inside an index are part of its load.
    pub int_ops: f64,
    /// Integer `/` and `%`.
    pub int_div: f64,
    /// Comparisons, `min`, `max`, `&&`.
    pub compare_select: f64,
    /// `as` between floats and integers; between integers it costs nothing.
    pub cast: f64,
    /// Elements read from slices.
    pub loads: f64,
    /// Those of `loads` whose index depends on a loaded element: the caches do not help.
    pub gathers: f64,
    /// Those of `loads` whose index is the same for all invocations: once per vector, from a register or the nearest cache.
    pub broadcasts: f64,
    /// `if`, `match` arms, loop tests.
    pub branches: f64,
    /// Iterations of all loops.
    pub trips: f64,
    /// Whether a loop of unknown length was counted with [`DEFAULT_TRIPS`].
    pub unbounded: bool,
    /// Whether a loop of known length can be left early; it was counted with half of its length.
    pub left_early: bool,
}

impl OpCounts {
    /// Adds the counts of `o`, `weight` times.
    pub fn add(&mut self, o: &OpCounts, weight: f64) {
        self.float_add += weight * o.float_add;
        self.float_mul += weight * o.float_mul;
        self.float_div += weight * o.float_div;
        self.float_sqrt += weight * o.float_sqrt;
        self.int_ops += weight * o.int_ops;
        self.int_div += weight * o.int_div;
        self.compare_select += weight * o.compare_select;
        self.cast += weight * o.cast;
        self.loads += weight * o.loads;
        self.gathers += weight * o.gathers;
        self.broadcasts += weight * o.broadcasts;
        self.branches += weight * o.branches;
        self.trips += weight * o.trips;
        self.unbounded |= o.unbounded;
        self.left_early |= o.left_early;
    }
}

/// What one invocation reads of one slice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reads {
    /// Elements at indices that follow the invocation's own: neighbours read neighbours.
    pub regular: f64,
    /// Elements at indices that depend on a loaded element.
    pub gathered: f64,
}

/// The counts of one kernel, called with what was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// Its operations.
    pub ops: OpCounts,
    /// What it reads, by [`Slice::number`].
    pub reads: Vec<Reads>,
    /// What is known of its result.
    pub result: Fact,
}

impl Counted {
    /// Adds the counts of `o`, `weight` times; the result stays.
    pub fn add(&mut self, o: &Counted, weight: f64) {
        self.ops.add(&o.ops, weight);
        for (number, reads) in o.reads.iter().enumerate() {
            let own = self.slice(number);
            own.regular += weight * reads.regular;
            own.gathered += weight * reads.gathered;
        }
    }

    fn slice(&mut self, number: usize) -> &mut Reads {
        if self.reads.len() <= number {
            self.reads.resize(number + 1, Reads::default());
        }
        &mut self.reads[number]
    }
}

impl Default for Counted {
    fn default() -> Self {
        Self { ops: OpCounts::default(), reads: Vec::new(), result: Fact::UNIFORM }
    }
}

/// Counts the operations of a linked kernel that is called with `args` and `captures`; nothing for a unit that does not
/// exist. What is left out of `args` is taken for loaded data. A callee is counted once per kind of arguments.
pub fn count(linked: &Linked, unit: usize, args: &[Given], captures: &[Fact]) -> Counted {
    walk::count(linked, unit, args, captures)
}
