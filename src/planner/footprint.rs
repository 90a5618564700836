//! What an array takes out of a memory: allocators round sizes up, and a plan that ignores that does not fit.

use serde::{Deserialize, Serialize};

/// How a memory rounds sizes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Footprint {
    /// Not at all.
    #[default]
    Exact,
    /// To size classes: at least `least` bytes (a power of two), and `steps` classes (a power of two) per doubling. With 4
    /// steps a size takes at most a quarter more.
    Classes {
        /// The smallest class, bytes.
        least: u64,
        /// Classes per doubling.
        steps: u64,
    },
}

impl Footprint {
    /// What `bytes` take. The largest number where the class is beyond it.
    ///
    /// ```
    /// # use veda::planner::footprint::Footprint;
    /// let quarters = Footprint::Classes { least: 256, steps: 4 };
    /// assert_eq!([0, 256, 257, 1 << 20, (1 << 20) + 1].map(|b| quarters.of(b)), [256, 256, 320, 1 << 20, 5 << 18]);
    /// ```
    pub const fn of(self, bytes: u64) -> u64 {
        match self {
            Footprint::Exact => bytes,
            Footprint::Classes { least, .. } if bytes <= least => least,
            Footprint::Classes { steps, .. } => {
                // 2^k < bytes <= 2^(k+1), steps of 2^k / steps.
                let below = if bytes > 1 { (bytes - 1).ilog2() } else { 0 };
                let finer = if steps > 0 { steps.ilog2() } else { 0 };
                match bytes.checked_next_multiple_of(1 << below.saturating_sub(finer)) {
                    Some(class) => class,
                    None => u64::MAX,
                }
            }
        }
    }
}
