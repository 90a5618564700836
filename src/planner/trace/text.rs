//! A timeline as text: one row per lane, 80 columns.

use std::fmt;

use super::{axis, kind, percent, source, time};
use crate::planner::timeline::{Lane, Span, Timeline, What};

const NAME: usize = 11;
const WIDTH: usize = 62;

/// A Gantt chart in 80 columns: `#` runs, `=` copies, `~` builds pipelines, `x` gives memory up, `:` does something for less than
/// half of the column's time; a span that is long enough begins with `|` and shows its name. At the right, the lane's busy
/// share.
impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.makespan_ns;
        let overlap = percent(self.overlap_ns(), total);
        writeln!(f, "{}: {}, {overlap} % of it with two or more units busy", source(self.source), time(total))?;
        for lane in self.lanes() {
            let busy = percent(self.busy_ns(lane), total);
            writeln!(f, "{:NAME$}{} {busy:>3} %", lane, row(self, lane))?;
        }
        let mut marks = vec![' '; NAME + WIDTH];
        let mut free = 0;
        for (at, label) in axis::ticks(total, 6) {
            let column = NAME + cell(at, total);
            if column >= free && column + label.chars().count() <= marks.len() {
                for (slot, c) in marks[column..].iter_mut().zip(label.chars()) {
                    *slot = c;
                }
                free = column + label.chars().count() + 1;
            }
        }
        writeln!(f, "{}", marks.into_iter().collect::<String>().trim_end())
    }
}

/// The column of a time.
fn cell(at: u64, total: u64) -> usize {
    (u128::from(at) * WIDTH as u128 / u128::from(total.max(1))) as usize
}

fn row(timeline: &Timeline, lane: Lane) -> String {
    let total = timeline.makespan_ns;
    let mut cells = vec!['.'; WIDTH];
    let mut small = vec![(0, '.'); WIDTH];
    let spans = timeline.spans.iter().filter(|s| s.lane == lane);
    // What gives memory up takes no time; it shows where nothing else does.
    let (evictions, work): (Vec<&Span>, Vec<&Span>) = spans.partition(|s| matches!(s.what, What::Evict(_)));
    for span in work {
        let mark = match kind(span.what) {
            "run" => '#',
            "copy" => '=',
            _ => '~',
        };
        let from = cell(span.start_ns, total).min(WIDTH - 1);
        let to = cell(span.end_ns, total).clamp(from + 1, WIDTH);
        if to - from < 2 {
            small[from] = (small[from].0 + span.ns(), mark);
            continue;
        }
        cells[from..to].fill(mark);
        cells[from] = '|';
        // A name that would be cut down to one or two letters tells nothing.
        if to - from >= 4 {
            let name = span.label.chars().map(|c| if c.is_control() { ' ' } else { c });
            for (slot, c) in cells[from + 1..to].iter_mut().zip(name) {
                *slot = c;
            }
        }
    }
    for (slot, (ns, mark)) in cells.iter_mut().zip(small).filter(|(slot, (_, mark))| **slot == '.' && *mark != '.') {
        let half = u128::from(ns) * WIDTH as u128 * 2 >= u128::from(total);
        *slot = if half { mark } else { ':' };
    }
    for span in evictions {
        let slot = &mut cells[cell(span.start_ns, total).min(WIDTH - 1)];
        if *slot == '.' {
            *slot = 'x';
        }
    }
    cells.into_iter().collect()
}
