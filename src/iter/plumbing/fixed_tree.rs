//! The tree of a reproducible reduction: a function of the length alone.
//!
//! Two trees must be told apart. The *combination tree* says which results meet which: it decides the bits of a float
//! sum, so it may depend on nothing but the length. The *fork tree* says which of its nodes are offered to other
//! threads: it changes nothing in the result, so it stays adaptive. A node that is not forked runs its two halves one
//! after the other and joins them all the same.

/// The longest leaf. Sums of 1 Ki to 64 Ki elements per leaf cost the same within 5 %; 8 Ki `f64` fit a 64 KiB L1/L2.
pub(crate) const GRAIN: usize = 8192;

/// Short inputs get shorter leaves, at most this many, so that a hundred expensive items still spread over the threads.
/// More leaves would serve machines with more cores than this, at about 10 ns per leaf for everybody.
const LEAVES: usize = 64;

/// Leaf length for `len` items: a power of two, at most [`GRAIN`].
#[inline]
pub(crate) fn grain(len: usize) -> usize {
    len.div_ceil(LEAVES).min(GRAIN).next_power_of_two()
}

/// Where a node of `len > grain` items is cut: the largest `grain * 2^k` below `len`.
#[inline]
pub(crate) fn cut(len: usize, grain: usize) -> usize {
    debug_assert!(len > grain && grain.is_power_of_two());
    // The largest power of two below `len`; a multiple of `grain`, because `len > grain`.
    1 << (usize::BITS - 1 - (len - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::{GRAIN, LEAVES, cut, grain};
    use proptest::prelude::*;

    fn leaves(len: usize, grain: usize) -> usize {
        if len <= grain { 1 } else { leaves(cut(len, grain), grain) + leaves(len - cut(len, grain), grain) }
    }

    proptest! {
        #[test]
        fn cuts_are_inside_and_aligned(len in 2usize..50_000_000) {
            let g = grain(len);
            prop_assert!(g.is_power_of_two() && g <= GRAIN);
            if len > g {
                let at = cut(len, g);
                prop_assert!(at > 0 && at < len && at.is_multiple_of(g) && at * 2 >= len);
            }
        }

        #[test]
        fn few_leaves_until_the_grain_is_reached(len in 1usize..LEAVES * GRAIN) {
            prop_assert!(leaves(len, grain(len)) <= LEAVES);
        }
    }

    #[test]
    fn long_inputs_use_the_constant_grain() {
        assert_eq!(grain(1 << 30), GRAIN);
        assert_eq!(grain(0), 1);
        assert_eq!(leaves(3 * GRAIN * LEAVES, GRAIN), 3 * LEAVES);
    }
}
