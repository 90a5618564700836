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
        load: counts.loads - counts.broadcasts,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::assemble::{self, Checks};
    use crate::kernel::terminal::Terminal;

    #[veda::kernel]
    fn saxpy(a: f32, x: f32, y: f32) -> f32 {
        a * 2.0 * x + y
    }

    #[veda::kernel]
    fn stencil(id: veda::Index, u: &[f32], width: u32) -> f32 {
        let at = id.y * width + id.x;
        u[(at - 1) as usize] + u[(at + 1) as usize] + u[(at - width) as usize] + u[(at + width) as usize]
    }

    #[veda::kernel]
    fn filter(id: veda::Index, src: &[f32], weights: &[f32]) -> f32 {
        let mut sum = 0.0;
        for tap in 0..weights.len() {
            sum += weights[tap] * src[id.x as usize + tap];
        }
        sum
    }

    #[veda::kernel]
    fn product(id: veda::Index, a: &[f32], b: &[f32], n: u32) -> f32 {
        let mut sum = 0.0;
        for k in 0..n / 2 {
            sum += a[(id.y * n + k) as usize] * b[(k * n + id.x) as usize];
        }
        sum
    }

    #[veda::kernel]
    fn pairs(x: f32, n: u32) -> f32 {
        let mut sum = x;
        for i in 0..n {
            for _j in i + 1..n {
                sum *= x;
            }
        }
        sum
    }

    /// The loop is as long as the invocation's index: half of the extent on average.
    #[veda::kernel]
    fn triangle(id: veda::Index, src: &[f32]) -> f32 {
        let mut sum = 0.0;
        for k in 0..id.x {
            sum += src[k as usize];
        }
        sum
    }

    #[veda::kernel]
    fn look_up(at: u32, table: &[f32]) -> f32 {
        table[(at + 1) as usize]
    }

    /// The index does not come from an element, but which one it is does.
    #[veda::kernel]
    fn search(x: f32, table: &[f32]) -> f32 {
        let mut at = 0u32;
        for step in 0..8u32 {
            if table[at as usize] < x {
                at += 256 >> step;
            }
        }
        table[at as usize]
    }

    #[veda::kernel]
    fn collatz(x: u32) -> u32 {
        let mut n = x;
        let mut steps = 0u32;
        while n > 1 {
            n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
        steps
    }

    #[veda::kernel]
    fn first_above(x: f32, limit: u32) -> u32 {
        let mut sum = x;
        let mut steps = 0u32;
        for _ in 0..limit {
            if sum > 100.0 {
                break;
            }
            sum *= 2.0;
            steps += 1;
        }
        steps
    }

    #[veda::kernel]
    fn helper(table: &[f32], at: u32) -> f32 {
        table[at as usize]
    }

    #[veda::kernel]
    fn through_a_call(id: veda::Index, at: u32, table: &[f32]) -> f32 {
        helper(table, id.x) + helper(table, at) + helper(table, 3)
    }

    #[veda::kernel]
    fn casts(x: u32) -> f32 {
        (x as i32 as u32 as f32).floor()
    }

    /// Counts, and the bytes streamed and gathered per invocation.
    macro_rules! counts {
        ($bound:expr) => {{
            let bound = $bound;
            let pipe = bound.pipe().expect("a valid call");
            let made = assemble::assemble(&pipe, &Terminal::Collect, Checks::default()).expect("it links");
            let counted = made.counts.of(&pipe, &Terminal::Collect);
            (counted.ops, whole_bytes(&counted, &pipe))
        }};
    }

    #[test]
    fn loads_are_regular_unless_an_element_decides_where() {
        let large = vec![1.0f32; 1 << 16];
        let small = [1.0f32; 256];
        let at = vec![5u32; 1 << 16];
        let (n, bytes) = counts!(saxpy::on(2.0, &large, &large));
        assert_eq!((n.float_mul, n.float_add, n.loads, bytes), (1.0, 1.0, 0.0, (0.0, 0.0)));
        // Each element comes from memory once; sums in an index are part of the load.
        let (n, bytes) = counts!(stencil::on(&large, 256).over([256, 256]));
        assert_eq!((n.loads, n.gathers, n.float_add, bytes), (4.0, 0.0, 3.0, (4.0, 0.0)));
        let (n, bytes) = counts!(look_up::on(&at, &large));
        assert_eq!((n.loads, n.gathers, bytes), (1.0, 1.0, (0.0, 4.0)));
        // A table in the first-level cache.
        let (n, bytes) = counts!(look_up::on(&at, &small));
        assert_eq!((n.loads, n.gathers, bytes), (1.0, 1.0, (0.0, 0.0)));
        let (n, bytes) = counts!(search::on(&large, &large));
        assert_eq!((n.loads, n.gathers, bytes), (9.0, 9.0, (0.0, 36.0)));
        let (n, bytes) = counts!(through_a_call::on(&at, &large).over([1u32 << 16]));
        assert_eq!((n.loads, n.gathers, n.broadcasts, bytes), (3.0, 1.0, 1.0, (4.0, 4.0)));
    }

    #[test]
    fn lengths_and_uniforms_of_the_call_bound_loops() {
        let src = vec![1.0f32; 1 << 16];
        for taps in [9, 31] {
            let (n, bytes) = counts!(filter::on(&src, &src[..taps]).over([1u32 << 16]));
            let taps = taps as f64;
            assert_eq!((n.trips, n.loads, n.gathers, n.unbounded), (taps, 2.0 * taps, 0.0, false));
            assert_eq!((n.float_mul, n.float_add, n.broadcasts, bytes), (taps, taps, taps, (4.0, 0.0)));
        }
        let (n, bytes) = counts!(product::on(&src, &src, 256).over([256, 256]));
        assert_eq!((n.trips, n.float_mul, n.gathers, bytes), (128.0, 128.0, 0.0, (8.0, 0.0)));
        let (n, _) = counts!(pairs::on(&src, 64));
        assert_eq!((n.float_mul, n.trips, n.unbounded), (64.0 * 31.5, 64.0 * 32.5, false));
        let (n, _) = counts!(triangle::on(&src[..101]).over([101u32]));
        assert_eq!((n.trips, n.loads, n.unbounded), (50.0, 50.0, false));
        let (n, _) = counts!(first_above::on(&src, 100));
        assert_eq!((n.trips, n.unbounded, n.left_early), (50.0, false, true));
        let (n, _) = counts!(collatz::on(&[7u32; 4]));
        assert_eq!((n.trips, n.unbounded), (veda_kernels_ir::cost::DEFAULT_TRIPS, true));
    }

    #[test]
    fn one_structure_counts_each_length_for_itself() {
        let src = vec![1.0f32; 1024];
        let call = |taps: usize| filter::on(&src, &src[..taps]).over([1024u32]);
        let (long, short) = (call(31), call(3));
        let (long, short) = (long.pipe().expect("valid"), short.pipe().expect("valid"));
        let made = assemble::assemble(&long, &Terminal::Collect, Checks::default()).expect("it links");
        for (pipe, trips) in [(&long, 31.0), (&short, 3.0), (&long, 31.0)] {
            assert_eq!(made.counts.of(pipe, &Terminal::Collect).ops.trips, trips);
        }
    }

    #[test]
    fn casts_between_integers_are_free() {
        let (n, _) = counts!(casts::on(&[1u32; 4]));
        assert_eq!((n.cast, n.float_add), (1.0, 1.0));
    }
}
