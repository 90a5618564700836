//! Where a prediction was wrong: a predicted timeline beside what came out, step by step.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{LOST, kind, source, time};
use crate::planner::timeline::{Lane, Source, Span, Timeline, What};

/// The difference between a predicted and an actual timeline.
///
/// The error of the makespan is taken apart along the critical chain of the actual run (its last span, the span that ended
/// last before that one began, and so on to the start):
/// `actual - predicted = sum of contributions + unplanned + waiting - slack`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceDiff {
    /// Where the times of the actual timeline come from.
    pub source: Source,
    /// Predicted makespan, nanoseconds.
    pub predicted_ns: u64,
    /// Actual makespan.
    pub actual_ns: u64,
    /// Time of spans of the chain that were not predicted.
    pub unplanned_ns: u64,
    /// Time during which nothing of the chain was running.
    pub waiting_ns: u64,
    /// How much shorter than the predicted makespan the chain was predicted to be.
    pub slack_ns: i64,
    /// By lane.
    pub lanes: Vec<LaneDiff>,
    /// Spans that are in both, the worst first: by contribution, then by difference.
    pub spans: Vec<SpanDiff>,
    /// Spans that did not happen.
    pub only_predicted: Vec<Span>,
    /// Spans that were not predicted.
    pub only_actual: Vec<Span>,
}

/// One step, predicted and actual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpanDiff {
    /// What.
    pub what: What,
    /// The task's or datum's name.
    pub label: String,
    /// Where it was to be done.
    pub predicted_lane: Lane,
    /// Where it was done.
    pub actual_lane: Lane,
    /// Predicted start, nanoseconds.
    pub predicted_start_ns: u64,
    /// Actual start.
    pub actual_start_ns: u64,
    /// Predicted duration.
    pub predicted_ns: u64,
    /// Actual duration.
    pub actual_ns: u64,
    /// Actual by predicted duration; `None` where nothing was predicted to take no time.
    pub ratio: Option<f64>,
    /// Nanoseconds that its duration adds to the makespan: 0 if it is not on the critical chain of the actual run.
    pub contribution_ns: i64,
}

/// The steps of one lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneDiff {
    /// Where they were predicted.
    pub lane: Lane,
    /// Steps that are in both timelines and take time.
    pub steps: usize,
    /// Sum of their predicted durations, nanoseconds.
    pub predicted_ns: u64,
    /// Sum of their actual durations.
    pub actual_ns: u64,
    /// Median of |actual / predicted - 1|.
    pub median_error: f64,
    /// Its 90 % quantile.
    pub p90_error: f64,
}

/// Compares a predicted with an actual timeline. A task is matched wherever it ran, the run that finished it if it ran
/// several times; copies are matched within their lane; what a lost device cut short is not matched. Evictions take no time and are left out.
/// `O(spans · log(spans))`.
pub fn diff(predicted: &Timeline, actual: &Timeline) -> TraceDiff {
    let mut found: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (i, span) in actual.spans.iter().enumerate() {
        if !span.label.ends_with(LOST) {
            found.entry(key(span)).or_default().push(i);
        }
    }
    for (key, spans) in &mut found {
        // Copies in the order of time; of runs the last is the one that counts.
        if matches!(key.0, What::Copy(_)) {
            spans.reverse();
        }
    }
    let chain = chain(actual);
    let mut matched = vec![None; actual.spans.len()];
    let mut spans = Vec::new();
    let mut only_predicted = Vec::new();
    for p in predicted.spans.iter().filter(|s| !is_evict(s)) {
        let Some(i) = found.get_mut(&key(p)).and_then(Vec::pop) else {
            only_predicted.push(p.clone());
            continue;
        };
        matched[i] = Some(p.ns());
        let a = &actual.spans[i];
        let ratio = match (p.ns(), a.ns()) {
            (0, 0) => Some(1.0),
            (0, _) => None,
            (p, a) => Some(a as f64 / p as f64),
        };
        spans.push(SpanDiff {
            what: p.what,
            label: p.label.clone(),
            predicted_lane: p.lane,
            actual_lane: a.lane,
            predicted_start_ns: p.start_ns,
            actual_start_ns: a.start_ns,
            predicted_ns: p.ns(),
            actual_ns: a.ns(),
            ratio,
            contribution_ns: if chain.contains(&i) { signed(a.ns(), p.ns()) } else { 0 },
        });
    }
    let lanes = lanes(&spans);
    spans.sort_by_key(|s| {
        let difference = s.actual_ns.abs_diff(s.predicted_ns);
        (std::cmp::Reverse((s.contribution_ns.abs(), difference)), s.predicted_start_ns, s.what)
    });
    let busy: u64 = chain.iter().map(|&i| actual.spans[i].ns()).sum();
    let planned: u64 = chain.iter().filter_map(|&i| matched[i]).sum();
    let unplanned_ns = chain.iter().filter(|&&i| matched[i].is_none()).map(|&i| actual.spans[i].ns()).sum();
    let extra = actual.spans.iter().enumerate().filter(|(i, s)| matched[*i].is_none() && !is_evict(s));
    TraceDiff {
        source: actual.source,
        predicted_ns: predicted.makespan_ns,
        actual_ns: actual.makespan_ns,
        unplanned_ns,
        waiting_ns: actual.makespan_ns.saturating_sub(busy),
        slack_ns: signed(predicted.makespan_ns, planned),
        lanes,
        only_predicted,
        only_actual: extra.map(|(_, s)| s.clone()).collect(),
        spans,
    }
}

/// What makes two spans the same step. Copies of one datum into different directions are different steps.
type Key = (What, Option<Lane>);

fn key(span: &Span) -> Key {
    (span.what, matches!(span.what, What::Copy(_)).then_some(span.lane))
}

fn is_evict(span: &Span) -> bool {
    matches!(span.what, What::Evict(_))
}

fn signed(a: u64, b: u64) -> i64 {
    i64::try_from(i128::from(a) - i128::from(b)).unwrap_or(if a > b { i64::MAX } else { i64::MIN })
}

/// The critical chain, as far as times alone tell it: from the last span, each time to the one that ended last before, in
/// the same lane if several did.
fn chain(timeline: &Timeline) -> std::collections::BTreeSet<usize> {
    let spans = &timeline.spans;
    let mut by_end: Vec<usize> = (0..spans.len()).filter(|&i| spans[i].ns() > 0 && !is_evict(&spans[i])).collect();
    by_end.sort_by_key(|&i| (spans[i].end_ns, i));
    let mut chain = std::collections::BTreeSet::new();
    let mut next = by_end.last().copied();
    while let Some(i) = next {
        chain.insert(i);
        let before = &by_end[..by_end.partition_point(|&j| spans[j].end_ns <= spans[i].start_ns)];
        let last = before.last().map(|&j| spans[j].end_ns);
        let mut candidates = before.iter().rev().copied().take_while(|&j| Some(spans[j].end_ns) == last);
        let first = candidates.clone().next();
        next = candidates.find(|&j| spans[j].lane == spans[i].lane).or(first);
    }
    chain
}

fn lanes(spans: &[SpanDiff]) -> Vec<LaneDiff> {
    let mut by_lane: BTreeMap<Lane, Vec<&SpanDiff>> = BTreeMap::new();
    for span in spans.iter().filter(|s| s.predicted_ns > 0) {
        by_lane.entry(span.predicted_lane).or_default().push(span);
    }
    let summary = |(lane, spans): (Lane, Vec<&SpanDiff>)| {
        let mut errors: Vec<f64> = spans.iter().filter_map(|s| s.ratio).map(|r| (r - 1.0).abs()).collect();
        errors.sort_by(f64::total_cmp);
        LaneDiff {
            lane,
            steps: spans.len(),
            predicted_ns: spans.iter().map(|s| s.predicted_ns).sum(),
            actual_ns: spans.iter().map(|s| s.actual_ns).sum(),
            median_error: quantile(&errors, 0.5),
            p90_error: quantile(&errors, 0.9),
        }
    };
    by_lane.into_iter().map(summary).collect()
}

/// Nearest rank; 0 of nothing.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(0.0)
}

/// `+1.2 ms` or `-30 µs`.
pub(super) fn change(ns: i64) -> String {
    format!("{}{}", if ns < 0 { '-' } else { '+' }, time(ns.unsigned_abs()))
}

/// Actual against predicted, `+12 %`.
pub(super) fn relative(actual: u64, predicted: u64) -> String {
    if predicted == 0 {
        "new".to_owned()
    } else {
        format!("{:+.0} %", (actual as f64 / predicted as f64 - 1.0) * 100.0)
    }
}

/// Where the model was wrong: the makespan, by lane, and the ten worst steps.
impl fmt::Display for TraceDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (predicted, actual) = (time(self.predicted_ns), time(self.actual_ns));
        let relative_error = relative(self.actual_ns, self.predicted_ns);
        writeln!(
            f,
            "where the model was wrong: {predicted} predicted, {actual} {} ({relative_error})",
            source(self.source)
        )?;
        writeln!(f, "{}", self.reasons())?;
        if !self.lanes.is_empty() {
            writeln!(
                f,
                "{:12}{:>6}{:>14}{:>8}{:>12}{:>12}",
                "lane", "steps", "median error", "p90", "predicted", "actual"
            )?;
        }
        for lane in &self.lanes {
            let (median, p90) = (lane.median_error * 100.0, lane.p90_error * 100.0);
            let (predicted, actual) = (time(lane.predicted_ns), time(lane.actual_ns));
            writeln!(f, "{:12}{:>6}{median:>12.0} %{p90:>6.0} %{predicted:>12}{actual:>12}", lane.lane, lane.steps)?;
        }
        for span in self.spans.iter().filter(|s| s.actual_ns != s.predicted_ns).take(10) {
            let (predicted, actual) = (time(span.predicted_ns), time(span.actual_ns));
            write!(f, "{} {} on {}", kind(span.what), span.label, span.predicted_lane)?;
            if span.actual_lane != span.predicted_lane {
                write!(f, ", done on {}", span.actual_lane)?;
            }
            write!(f, ": {predicted} predicted, {actual} {}", source(self.source))?;
            if let Some(ratio) = span.ratio {
                write!(f, ", {ratio:.2}×")?;
            }
            match span.contribution_ns {
                0 => writeln!(f)?,
                ns => writeln!(f, "; {} on the critical chain", change(ns))?,
            }
        }
        if !self.only_predicted.is_empty() || !self.only_actual.is_empty() {
            writeln!(
                f,
                "{} steps did not happen, {} were not planned",
                self.only_predicted.len(),
                self.only_actual.len()
            )?;
        }
        Ok(())
    }
}

impl TraceDiff {
    /// Actual less predicted makespan, nanoseconds.
    pub fn error_ns(&self) -> i64 {
        signed(self.actual_ns, self.predicted_ns)
    }

    /// The error of the makespan, taken apart, in one sentence.
    pub(super) fn reasons(&self) -> String {
        let steps: i64 = self.spans.iter().map(|s| s.contribution_ns).sum();
        let mut text =
            format!("makespan {}: durations of the critical chain {}", change(self.error_ns()), change(steps));
        if self.waiting_ns > 0 {
            text.push_str(", waiting ");
            text.push_str(&change(signed(self.waiting_ns, 0)));
        }
        if self.unplanned_ns > 0 {
            text.push_str(", unplanned steps ");
            text.push_str(&change(signed(self.unplanned_ns, 0)));
        }
        if self.slack_ns != 0 {
            text.push_str(", slack that the chain had ");
            text.push_str(&change(-self.slack_ns));
        }
        text
    }
}
