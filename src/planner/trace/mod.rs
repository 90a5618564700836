//! What is done with timelines besides making them: compared ([`diff`](mod@diff)), drawn ([`gantt`], `Display`), exported
//! ([`perfetto`]).

mod axis;
mod chart;
pub mod diff;
pub mod gantt;
pub mod perfetto;
mod text;

pub use diff::{TraceDiff, diff};

use super::timeline::{Lane, Source, Span, Timeline, What};

/// How the label of a span ends that a lost device cut short.
pub(crate) const LOST: &str = " (lost)";

/// A span's kind in one word.
pub(crate) const fn kind(what: What) -> &'static str {
    match what {
        What::Run(_) => "run",
        What::Copy(_) => "copy",
        What::Build(_) => "build",
        What::Evict(_) => "evict",
    }
}

/// A source in one word.
pub(crate) const fn source(source: Source) -> &'static str {
    match source {
        Source::Predicted => "predicted",
        Source::Simulated => "simulated",
        Source::Measured => "measured",
    }
}

/// Nanoseconds for people, three digits.
pub(crate) fn time(ns: u64) -> String {
    crate::page::time(ns as f64 / 1000.0)
}

/// A part of a whole, in whole per cent; 0 of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    ((u128::from(part) * 100 + u128::from(whole) / 2) / u128::from(whole.max(1))) as u64
}

impl Span {
    /// How long it took, nanoseconds.
    pub const fn ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }
}

impl Timeline {
    /// Time during which at least two lanes were busy, nanoseconds. `O(spans · log(spans))`.
    pub fn overlap_ns(&self) -> u64 {
        let mut edges: Vec<(u64, i32, Lane)> = Vec::with_capacity(2 * self.spans.len());
        for span in self.spans.iter().filter(|s| s.ns() > 0) {
            edges.extend([(span.start_ns, 1, span.lane), (span.end_ns, -1, span.lane)]);
        }
        edges.sort_unstable();
        let mut busy = std::collections::BTreeMap::<Lane, i32>::new();
        let (mut active, mut since, mut sum) = (0, 0, 0);
        for (at, step, lane) in edges {
            if active >= 2 {
                sum += at - since;
            }
            since = at;
            let here = busy.entry(lane).or_default();
            active -= i32::from(*here > 0);
            *here += step;
            active += i32::from(*here > 0);
        }
        sum
    }
}
