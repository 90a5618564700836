//! Translates the operation counts of a lowered kernel into the planner's classes.

use veda_kernels_ir::cost::OpCounts as Counted;

use crate::planner::OpCounts;

/// Per invocation.
pub(crate) fn ops(counts: &Counted) -> OpCounts {
    OpCounts {
        add: counts.float_add,
        mul: counts.float_mul,
        div: counts.float_div,
        sqrt: counts.float_sqrt,
        int: counts.int_ops,
        int_div: counts.int_div,
        select: counts.compare_select,
        cast: counts.cast,
        load: counts.loads,
        branch: counts.branches,
        special: 0.0, // veda's own functions are kernels: their operations are counted one by one
    }
}
