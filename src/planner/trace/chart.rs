//! One timeline as an SVG Gantt chart. Colours are classes, so the page's style decides light or dark.

use std::fmt::Write;

use super::{LOST, axis, kind, percent, source, time};
use crate::page::escape;
use crate::planner::timeline::{Lane, Span, Timeline, What};

/// Width of a chart; its units are pixels where the page is wide enough.
const WIDTH: f64 = 1100.0;
const LEFT: f64 = 86.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 4.0;
const ROW: f64 = 26.0;
const GAP: f64 = 6.0;
const AXIS: f64 = 22.0;
/// Width of the mark of an eviction.
const TICK: f64 = 2.0;
/// Of the small text in bars, on average, in the same units.
const LETTER: f64 = 6.3;
/// Spans that are thinner than this are drawn as one where they touch: a chart of 100 000 spans stays small.
const THIN: f64 = 0.6;

/// The chart of one timeline; `until` nanoseconds fill its width. `lanes` are its rows. It is as wide as the page, or
/// `wide` times as wide, which gives more bars room for their names.
pub(crate) fn svg(timeline: &Timeline, lanes: &[Lane], until: u64, wide: f64) -> String {
    let width = WIDTH * wide;
    let scale = (width - LEFT - RIGHT) / until.max(1) as f64;
    let x = |ns: u64| LEFT + ns as f64 * scale;
    let floor = TOP + lanes.len() as f64 * (ROW + GAP);
    let height = floor + AXIS;
    let style = if wide > 1.0 { format!(" style=\"width:{width}px\"") } else { String::new() };
    let mut s = format!(
        "<svg viewBox=\"0 0 {width} {height}\"{style} role=\"img\" aria-label=\"{}\">",
        escape(&spoken(timeline))
    );
    for (at, label) in axis::ticks(until, (9.0 * wide) as u64) {
        let at = x(at);
        let _ = write!(
            s,
            "<line class=\"grid-line\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{floor}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            floor + 15.0
        );
    }
    for (row, &lane) in lanes.iter().enumerate() {
        let y = TOP + row as f64 * (ROW + GAP);
        let _ = write!(
            s,
            "<rect class=\"lane\" x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"{ROW}\"/>\
             <text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{lane}</text>",
            width - LEFT - RIGHT,
            LEFT - 8.0,
            y + ROW / 2.0 + 4.0
        );
        bars(&mut s, timeline.spans.iter().filter(|s| s.lane == lane), y, x);
    }
    // The end, which is before the right edge where another timeline is longer.
    let end = x(timeline.makespan_ns);
    let _ = write!(s, "<line class=\"mark\" x1=\"{end:.1}\" x2=\"{end:.1}\" y1=\"{TOP}\" y2=\"{floor}\"/></svg>");
    s
}

/// What a screen reader says of a chart.
fn spoken(timeline: &Timeline) -> String {
    let mut text = format!("{} timeline of {}", source(timeline.source), time(timeline.makespan_ns));
    for lane in timeline.lanes() {
        let steps = timeline.spans.iter().filter(|s| s.lane == lane).count();
        let _ =
            write!(text, "; {lane}: {steps} steps, {} % busy", percent(timeline.busy_ns(lane), timeline.makespan_ns));
    }
    text
}

/// Thin bars that touch.
struct Pile {
    from: f64,
    to: f64,
    kind: &'static str,
    count: usize,
    ns: u64,
    title: String,
}

fn bars<'a>(s: &mut String, spans: impl Iterator<Item = &'a Span>, y: f64, x: impl Fn(u64) -> f64) {
    let mut pile: Option<Pile> = None;
    let mut evictions = Vec::new();
    for span in spans {
        let (from, to) = (x(span.start_ns), x(span.end_ns));
        if matches!(span.what, What::Evict(_)) {
            evictions.push(span);
            continue;
        }
        let kind = kind(span.what);
        if to - from >= THIN {
            flush(s, pile.take(), y);
            bar(s, span, from, to - from, y);
            continue;
        }
        match &mut pile {
            Some(p) if p.kind == kind && from <= p.to + THIN / 2.0 => {
                (p.to, p.count, p.ns) = (p.to.max(to), p.count + 1, p.ns + span.ns());
            }
            _ => {
                let new = Pile { from, to: to.max(from + THIN), kind, count: 1, ns: span.ns(), title: title(span) };
                flush(s, pile.replace(new), y);
            }
        }
    }
    flush(s, pile, y);
    give_up(s, &evictions, y, x);
}

/// Ticks below the row, one for all that fall on one place.
fn give_up(s: &mut String, evictions: &[&Span], y: f64, x: impl Fn(u64) -> f64) {
    let mut rest = evictions;
    while let [first, ..] = rest {
        let at = x(first.start_ns);
        let here = rest.partition_point(|e| x(e.start_ns) < at + TICK);
        let text = match here {
            1 => title(first),
            n => format!("{n} data are given up on {}, from {}", first.lane, time(first.start_ns)),
        };
        let (left, top, text) = (at - TICK / 2.0, y + ROW, escape(&text));
        let _ = write!(
            s,
            "<rect class=\"evict\" x=\"{left:.2}\" y=\"{top}\" width=\"{TICK}\" height=\"{}\"><title>{text}</title></rect>",
            GAP - 1.0
        );
        rest = &rest[here.max(1)..];
    }
}

fn flush(s: &mut String, pile: Option<Pile>, y: f64) {
    let Some(p) = pile else { return };
    let title = match p.count {
        1 => p.title,
        n => format!("{n} steps ({}), {} together", p.kind, time(p.ns)),
    };
    let _ = write!(
        s,
        "<rect class=\"{} thin\" x=\"{:.2}\" y=\"{y}\" width=\"{:.2}\" height=\"{ROW}\"><title>{}</title></rect>",
        p.kind,
        p.from,
        p.to - p.from,
        escape(&title)
    );
}

fn bar(s: &mut String, span: &Span, x: f64, width: f64, y: f64) {
    let lost = if span.label.ends_with(LOST) { " lost" } else { "" };
    let thin = if width < 2.0 { " thin" } else { "" };
    let _ = write!(
        s,
        "<rect class=\"{}{thin}{lost}\" x=\"{x:.2}\" y=\"{y}\" width=\"{width:.2}\" height=\"{ROW}\" rx=\"{}\"><title>{}</title></rect>",
        kind(span.what),
        if width > 8.0 { 3 } else { 0 },
        escape(&title(span))
    );
    let room = ((width - 8.0) / LETTER) as usize;
    let letters = span.label.chars().count();
    let label: String = match room {
        _ if letters <= room => span.label.clone(),
        0..4 => return,
        _ => span.label.chars().take(room - 1).chain(['…']).collect(),
    };
    let _ = write!(
        s,
        "<text class=\"on{lost}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        x + 4.0,
        y + ROW / 2.0 + 4.0,
        escape(&label)
    );
}

fn title(span: &Span) -> String {
    let what = match span.what {
        What::Run(t) => format!("run task {t}"),
        What::Copy(d) => format!("copy datum {d}"),
        What::Build(t) => format!("build pipeline of task {t}"),
        What::Evict(d) => {
            return format!("{}: give up datum {d} on {}, at {}", span.label, span.lane, time(span.start_ns));
        }
    };
    let (from, to) = (time(span.start_ns), time(span.end_ns));
    format!("{}: {what} on {}, {} ({from} to {to})", span.label, span.lane, time(span.ns()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::check_nesting;
    use crate::planner::timeline::Source;

    fn span(lane: Lane, what: What, label: &str, start_ns: u64, end_ns: u64) -> Span {
        Span { lane, what, label: label.into(), start_ns, end_ns }
    }

    #[test]
    fn many_thin_spans_stay_few_elements() {
        let lane = |i: usize| if i.is_multiple_of(2) { Lane::Cpu } else { Lane::Gpu(0) };
        let spans = (0..100_000).map(|i| span(lane(i), What::Run(i), "t", i as u64 * 10, i as u64 * 10 + 19));
        let t = Timeline::new(Source::Simulated, spans.collect());
        let chart = svg(&t, &t.lanes(), t.makespan_ns, 1.0);
        check_nesting(&chart);
        assert!(chart.matches("<rect").count() < 5000, "{}", chart.matches("<rect").count());
        assert!(chart.contains("together"));
    }
}
