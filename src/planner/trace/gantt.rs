//! Timelines as a page: one HTML file with a Gantt chart for each, no script, no network.

use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) use super::chart::svg;
use super::diff::{TraceDiff, change, diff, relative};
use super::{LOST, kind, percent, source, time};
use crate::page::{self, escape, three};
use crate::planner::timeline::{Lane, Timeline, What};

/// What charts need besides the style of all pages.
pub(crate) const STYLE: &str = include_str!("gantt.css");

/// Rows of the table of the heaviest steps.
const HEAVIEST: usize = 20;

/// The page: charts one above the other in one scale, busy shares, the heaviest steps. Of several timelines the first is
/// what was predicted and the last what came out, and the page says where they differ most.
///
/// The same timelines give the same bytes. `O(spans · log(spans))`.
pub fn page(title: &str, timelines: &[&Timeline]) -> String {
    let until = timelines.iter().map(|t| t.makespan_ns).max().unwrap_or(0);
    let mut lanes: Vec<Lane> = timelines.iter().flat_map(|t| t.lanes()).collect();
    lanes.sort_unstable();
    lanes.dedup();
    let compared = match timelines {
        [first, .., last] => Some(diff(first, last)),
        _ => None,
    };
    let mut page = page::open(title, STYLE);
    let _ = writeln!(page, "<h1>{}</h1>", escape(title));
    let steps: Vec<String> =
        timelines.iter().map(|t| format!("{} {} steps", t.spans.len(), source(t.source))).collect();
    let _ = writeln!(page, "<p>{} on {} units.</p>", steps.join(", "), lanes.len());
    page += &tiles(timelines);
    page += LEGEND;
    if timelines.iter().any(|t| t.spans.iter().any(|s| s.label.ends_with(LOST))) {
        page += "<span class=\"key\"><b class=\"run lost\"></b>cut short: its device was lost</span>";
    }
    page += "</p>\n";
    for timeline in timelines {
        let name = capital(source(timeline.source));
        let _ = writeln!(
            page,
            "<div class=\"card timeline\"><h3>{name}</h3><small>{}</small><div class=\"chart\">{}</div>{}</div>",
            time(timeline.makespan_ns),
            svg(timeline, &lanes, until, 1.0),
            wide(timeline, &lanes, until)
        );
    }
    page += &shares(timelines, &lanes);
    if let Some(d) = &compared {
        page += &errors(d);
    }
    page += &heaviest(timelines);
    page += "<footer>Written by veda. The file holds everything it shows: no script, no network.</footer>\n";
    page + page::CLOSE
}

/// What the colours mean; whoever uses it closes the paragraph.
pub(crate) const LEGEND: &str = "<p class=\"timeline\"><span class=\"key\"><b class=\"run\"></b>runs a task</span>\
    <span class=\"key\"><b class=\"copy\"></b>copies a datum</span>\
    <span class=\"key\"><b class=\"build\"></b>builds a pipeline</span>\
    <span class=\"key\"><b class=\"evict\"></b>gives memory up</span>";

/// A second chart to scroll through, where the first has no room for names: so wide that a step has 70 pixels on average,
/// up to 20 times the page. Where that is not wide enough either, there is none.
fn wide(timeline: &Timeline, lanes: &[Lane], until: u64) -> String {
    let timed = |lane: Lane| timeline.spans.iter().filter(|s| s.lane == lane && s.ns() > 0).count();
    let most = lanes.iter().map(|&l| timed(l)).max().unwrap_or(0);
    if !(60..900).contains(&most) {
        return String::new();
    }
    let factor = (most as f64 * 70.0 / 1100.0).ceil().clamp(2.0, 20.0);
    let chart = svg(timeline, lanes, until, factor);
    format!("<details><summary>{factor} times as wide, to scroll</summary><div class=\"chart\">{chart}</div></details>")
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |c| c.to_uppercase().chain(letters).collect())
}

fn tiles(timelines: &[&Timeline]) -> String {
    let mut s = String::from("<div class=\"tiles\">\n");
    let mut tile = |value: &str, text: &str| {
        let _ = writeln!(s, "<div class=\"card tile\"><b>{value}</b><span>{text}</span></div>");
    };
    for t in timelines {
        tile(&time(t.makespan_ns), &format!("{} makespan", source(t.source)));
    }
    if let [first, .., last] = timelines {
        let text = format!("{} against {}", source(last.source), source(first.source));
        tile(&relative(last.makespan_ns, first.makespan_ns), &text);
    }
    if let Some(last) = timelines.last() {
        let overlap = percent(last.overlap_ns(), last.makespan_ns);
        tile(&format!("{overlap} %"), &format!("of it with two or more units busy, {}", source(last.source)));
        let sum: u64 = last.lanes().iter().map(|&l| last.busy_ns(l)).sum();
        let average = three(sum as f64 / last.makespan_ns.max(1) as f64);
        tile(&average, &format!("units busy on average, {}", source(last.source)));
    }
    s + "</div>\n"
}

/// The head of a table: columns with numbers are right-aligned.
fn head(columns: &[(&str, bool)]) -> String {
    let mut s = String::from("<div class=\"card table\"><table><thead><tr>");
    for (name, number) in columns {
        let class = if *number { " class=\"n\"" } else { "" };
        let _ = write!(s, "<th{class}>{name}</th>");
    }
    s + "</tr></thead><tbody>\n"
}

fn shares(timelines: &[&Timeline], lanes: &[Lane]) -> String {
    let mut s = String::from("<h2>How busy each unit is</h2>\n");
    let columns: Vec<&str> = timelines.iter().map(|t| source(t.source)).collect();
    let mut all = vec![("unit", false)];
    for column in columns {
        all.extend([(column, true), ("", false)]);
    }
    s += &head(&all);
    for &lane in lanes {
        let _ = write!(s, "<tr><td>{lane}</td>");
        for t in timelines {
            let share = percent(t.busy_ns(lane), t.makespan_ns);
            let _ = write!(
                s,
                "<td class=\"n\">{} · {share} %</td><td style=\"width:{}%\"><div class=\"bar fill-d0\" style=\"width:{share}%\"></div></td>",
                time(t.busy_ns(lane)),
                60 / timelines.len().max(1)
            );
        }
        s += "</tr>\n";
    }
    s + "</tbody></table></div>\n"
}

fn errors(d: &TraceDiff) -> String {
    let mut s = String::from("<h2>Where the model was wrong</h2>\n");
    let _ = writeln!(s, "<p>{}.</p>", escape(&capital(&d.reasons())));
    let columns = [("unit", false), ("steps", true), ("median error", true), ("90 % below", true)];
    s += &head(&[&columns[..], &[("predicted", true), (source(d.source), true)]].concat());
    for l in &d.lanes {
        let _ = writeln!(
            s,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.0} %</td><td class=\"n\">{:.0} %</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            l.lane,
            l.steps,
            l.median_error * 100.0,
            l.p90_error * 100.0,
            time(l.predicted_ns),
            time(l.actual_ns)
        );
    }
    s += "</tbody></table></div>\n";
    let worst: Vec<_> = d.spans.iter().filter(|s| s.actual_ns != s.predicted_ns).take(10).collect();
    if worst.is_empty() {
        return s;
    }
    s += "<h2>The worst steps</h2>\n";
    let columns = [("step", false), ("kind", false), ("unit", false), ("predicted", true), (source(d.source), true)];
    s += &head(&[&columns[..], &[("factor", true), ("adds to the makespan", true)]].concat());
    for span in worst {
        let lane = if span.predicted_lane == span.actual_lane {
            span.actual_lane.to_string()
        } else {
            format!("{} instead of {}", span.actual_lane, span.predicted_lane)
        };
        let _ = writeln!(
            s,
            "<tr><td>{}</td><td>{}</td><td>{lane}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&span.label),
            kind(span.what),
            time(span.predicted_ns),
            time(span.actual_ns),
            span.ratio.map_or("–".to_owned(), |r| format!("{r:.2}")),
            if span.contribution_ns == 0 { "–".to_owned() } else { change(span.contribution_ns) }
        );
    }
    s + "</tbody></table></div>\n"
}

fn heaviest(timelines: &[&Timeline]) -> String {
    // By step: name, unit, and its time in each timeline.
    let mut steps: BTreeMap<(What, Lane), (&str, Vec<u64>)> = BTreeMap::new();
    for (i, t) in timelines.iter().enumerate() {
        for span in t.spans.iter().filter(|s| s.ns() > 0) {
            let empty = || (span.label.as_str(), vec![0; timelines.len()]);
            steps.entry((span.what, span.lane)).or_insert_with(empty).1[i] += span.ns();
        }
    }
    let mut steps: Vec<_> = steps.into_iter().collect();
    let longest = |times: &[u64]| times.iter().max().copied().unwrap_or(0);
    steps.sort_by_key(|(key, (_, times))| (std::cmp::Reverse(longest(times)), *key));
    let most = steps.first().map_or(0, |(_, (_, times))| longest(times));
    let mut s = String::from("<h2>The heaviest steps</h2>\n");
    if steps.len() > HEAVIEST {
        let _ = writeln!(s, "<p>The first {HEAVIEST} of {}.</p>", steps.len());
    }
    let mut columns = vec![("step", false), ("kind", false), ("unit", false)];
    columns.extend(timelines.iter().map(|t| (source(t.source), true)));
    columns.push(("", false));
    s += &head(&columns);
    for ((what, lane), (label, times)) in steps.into_iter().take(HEAVIEST) {
        let kind = kind(what);
        let _ = write!(s, "<tr><td>{}</td><td>{kind}</td><td>{lane}</td>", escape(label));
        for &ns in &times {
            let text = if ns == 0 { "–".to_owned() } else { time(ns) };
            let _ = write!(s, "<td class=\"n\">{text}</td>");
        }
        let width = percent(longest(&times), most);
        let _ =
            writeln!(s, "<td style=\"width:30%\"><div class=\"bar {kind}\" style=\"width:{width}%\"></div></td></tr>");
    }
    s + "</tbody></table></div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::check_nesting;
    use crate::planner::timeline::{Source, Span};

    fn span(lane: Lane, what: What, label: &str, start_ns: u64, end_ns: u64) -> Span {
        Span { lane, what, label: label.into(), start_ns, end_ns }
    }

    #[test]
    fn pages_nest_and_escape_whatever_they_show() {
        let spans = vec![
            span(Lane::Upload(0), What::Copy(0), "<x> & \"y\"", 0, 400_000),
            span(Lane::Gpu(0), What::Run(0), "blur", 400_000, 900_000),
            span(Lane::Gpu(0), What::Evict(0), "<x>", 900_000, 900_000),
            span(Lane::Build(0), What::Build(0), "blur", 0, 100_000),
        ];
        let predicted = Timeline::new(Source::Predicted, spans.clone());
        let mut later = spans;
        later.iter_mut().skip(1).for_each(|s| s.end_ns += 50_000);
        let actual = Timeline::new(Source::Measured, later);
        for timelines in [&[][..], &[&predicted], &[&predicted, &actual], &[&Timeline::default()]] {
            let html = page("A <title>", timelines);
            check_nesting(&html);
            for text in ["NaN", "inf", "http:", "https:", "<script", "src=", "url(", "<x>", "<title>A <"] {
                assert!(!html.contains(text), "`{text}` in the page of {} timelines", timelines.len());
            }
        }
        let html = page("t", &[&predicted, &actual]);
        assert_eq!(html.matches("<svg").count(), 2);
        assert!(html.contains("&lt;x&gt; &amp; &quot;y&quot;"));
        assert!(html.contains("blur: run task 0 on GPU 0, 500 µs (400 µs to 900 µs)"));
        assert!(html.contains("prefers-color-scheme: dark"));
    }
}
