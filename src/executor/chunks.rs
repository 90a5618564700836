//! Loops over index ranges in blocks, and reductions whose tree depends only on the length: the shape of every kernel loop.

use super::join::join;

/// Where the deterministic tree splits `len` elements: the largest power-of-two multiple of `grain` below `len`. A length
/// of at most `grain` is a leaf and comes back unchanged. Depends on nothing else, so float sums are equal bit for bit on
/// any number of threads.
///
/// ```
/// use veda::executor::tree_split;
/// assert_eq!(tree_split(1000, 100), 800);
/// assert_eq!(tree_split(800, 100), 400);
/// assert_eq!(tree_split(100, 100), 100);
/// ```
pub fn tree_split(len: usize, grain: usize) -> usize {
    let grain = grain.max(1);
    if len <= grain {
        return len;
    }
    // At least 2 blocks, so the logarithm exists; the block count less one keeps the left part below `len`.
    let blocks = len.div_ceil(grain);
    grain << (blocks - 1).ilog2()
}

pub(crate) fn for_each(blocks: std::ops::Range<usize>, grain: usize, len: usize, f: &(impl Fn(usize, usize) + Sync)) {
    if blocks.len() == 1 {
        let lo = blocks.start * grain;
        return f(lo, lo.saturating_add(grain).min(len));
    }
    let mid = blocks.start + blocks.len() / 2;
    join(|| for_each(blocks.start..mid, grain, len, f), || for_each(mid..blocks.end, grain, len, f));
}

pub(crate) fn reduce<T: Send>(
    lo: usize,
    len: usize,
    grain: usize,
    leaf: &(impl Fn(usize, usize) -> T + Sync),
    combine: &(impl Fn(T, T) -> T + Sync),
) -> T {
    let left = tree_split(len, grain);
    if left == len {
        return leaf(lo, lo + len);
    }
    let (a, b) =
        join(|| reduce(lo, left, grain, leaf, combine), || reduce(lo + left, len - left, grain, leaf, combine));
    combine(a, b)
}
