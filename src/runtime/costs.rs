//! Translates the operation counts of a lowered kernel into the planner's terms.

use veda_kernels_ir::cost::{Counted, OpCounts as Counts};

use crate::kernel::pipe::Pipe;
use crate::planner::OpCounts;

/// A table of so many bytes lies in a first-level cache: reading it at random indices costs what any load costs.
const CACHED: f64 = 32.0 * 1024.0;

/// Per invocation.
pub(crate) fn ops(counts: &Counts) -> OpCounts {
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

/// Bytes per invocation of the buffers that invocations see whole: those that come from memory in order, and those that
/// are gathered.
///
/// A buffer that neighbours read at neighbouring indices comes from memory once, or less where not all of it is read; the
/// caches serve the rest, which is in the loads.
pub(crate) fn whole_bytes(counts: &Counted, pipe: &Pipe<'_>) -> (f64, f64) {
    let n = pipe.space.len().max(1) as f64;
    let (mut streamed, mut gathered) = (0.0, 0.0);
    for (buffer, reads) in pipe.buffers.iter().zip(&counts.reads) {
        let stride = buffer.host_stride() as f64;
        let size = stride * buffer.len as f64;
        streamed += (size / n).min(stride * reads.regular);
        if size > CACHED {
            gathered += stride * reads.gathered;
        }
    }
    (streamed, gathered)
}
