//! Log-log charts as inline SVG. Colours are classes, so the page's style decides light or dark.

use std::fmt::Write;

use crate::page::{bytes, count, escape, time};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 26.0;

/// One line of a chart: `(x, y)` with both above zero.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// Colour class, `d0` to `d3`.
    pub(super) colour: String,
    pub(super) points: Vec<(f64, f64)>,
    /// Thin dashed companion (the medians).
    pub(super) middle: Vec<(f64, f64)>,
    /// `(x, low, high)`.
    pub(super) band: Vec<(f64, f64, f64)>,
    /// Text of each point's dot; none: no dots.
    pub(super) dots: Vec<String>,
    /// Written beside the line's right end.
    pub(super) label: String,
}

/// What the x axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Elements,
}

/// A chart; `mark` is a vertical line with its text. `name` is read out by screen readers.
pub(super) fn chart(name: &str, unit: Unit, lines: &[Line], mark: Option<(f64, String)>) -> String {
    let xs = lines.iter().flat_map(|l| l.points.iter().map(|p| p.0));
    let ys = lines.iter().flat_map(|l| {
        l.points.iter().map(|p| p.1).chain(l.middle.iter().map(|p| p.1)).chain(l.band.iter().flat_map(|b| [b.1, b.2]))
    });
    let (x0, x1) = range(xs);
    let (y0, y1) = range(ys);
    // A decade at least, else a flat curve fills the chart with its noise.
    let (y0, y1) =
        if y1 / y0 < 10.0 { ((y0 * y1).sqrt() / 3.2, (y0 * y1).sqrt() * 3.2) } else { (y0 / 1.15, y1 * 1.15) };
    let right = if lines.iter().any(|l| !l.label.is_empty()) { 46.0 } else { RIGHT };
    let px = |x: f64| LEFT + (x / x0).ln() / (x1 / x0).ln().max(1e-9) * (WIDTH - LEFT - right);
    let py = |y: f64| TOP + (y1 / y).ln() / (y1 / y0).ln() * (HEIGHT - TOP - BOTTOM);
    let mut s = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escape(name));
    for y in decades(y0, y1) {
        let at = py(y);
        put(
            &mut s,
            format_args!(
                "<line class=\"grid-line\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
                WIDTH - right
            ),
        );
        put(
            &mut s,
            format_args!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", LEFT - 6.0, at + 4.0, time(y)),
        );
    }
    let floor = HEIGHT - BOTTOM;
    put(
        &mut s,
        format_args!("<line class=\"axis\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{floor}\" y2=\"{floor}\"/>", WIDTH - right),
    );
    for (x, text) in ticks(unit, x0, x1) {
        put(
            &mut s,
            format_args!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>", px(x), floor + 17.0),
        );
    }
    for line in lines {
        let c = &line.colour;
        if !line.band.is_empty() {
            let upper = line.band.iter().map(|b| format!("{:.1},{:.1}", px(b.0), py(b.2)));
            let lower = line.band.iter().rev().map(|b| format!("{:.1},{:.1}", px(b.0), py(b.1)));
            let points: Vec<String> = upper.chain(lower).collect();
            put(&mut s, format_args!("<polygon class=\"band fill-{c}\" points=\"{}\"/>", points.join(" ")));
        }
        let joined = |points: &[(f64, f64)]| {
            points.iter().map(|p| format!("{:.1},{:.1}", px(p.0), py(p.1))).collect::<Vec<_>>().join(" ")
        };
        if !line.middle.is_empty() {
            put(&mut s, format_args!("<polyline class=\"middle stroke-{c}\" points=\"{}\"/>", joined(&line.middle)));
        }
        put(&mut s, format_args!("<polyline class=\"curve stroke-{c}\" points=\"{}\"/>", joined(&line.points)));
        for (p, text) in line.points.iter().zip(&line.dots) {
            put(
                &mut s,
                format_args!(
                    "<circle class=\"dot fill-{c}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{}</title></circle>",
                    px(p.0),
                    py(p.1),
                    escape(text)
                ),
            );
        }
    }
    // Labels at the right ends, pushed apart where lines meet.
    let mut ends: Vec<(f64, &Line)> =
        lines.iter().filter(|l| !l.label.is_empty()).filter_map(|l| Some((py(l.points.last()?.1), l))).collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = TOP;
    for (y, line) in ends {
        let y = y.max(free);
        free = y + 13.0;
        put(
            &mut s,
            format_args!(
                "<text class=\"end {}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                line.colour,
                WIDTH - right + 5.0,
                y + 4.0,
                escape(&line.label)
            ),
        );
    }
    if let Some((x, text)) = mark.filter(|m| m.0 >= x0 && m.0 <= x1) {
        let at = px(x);
        // The text stays inside of the chart.
        let (anchor, shift) = if at > WIDTH * 0.6 { ("end", -5.0) } else { ("start", 5.0) };
        put(&mut s, format_args!("<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{floor}\"/>"));
        put(
            &mut s,
            format_args!(
                "<text class=\"mark-text\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                at + shift,
                TOP - 4.0,
                escape(&text)
            ),
        );
    }
    s += "</svg>";
    s
}

fn put(s: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = s.write_fmt(text);
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|v| v.is_finite() && *v > 0.0)
        .fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    if low > high { (1.0, 10.0) } else { (low, high.max(low * 1.01)) }
}

/// Powers of ten within a range, at most six of them.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().ceil() as i32, high.log10().floor() as i32);
    let step = ((last - first) / 5 + 1).max(1) as usize;
    (first..=last).step_by(step).map(|e| 10f64.powi(e)).collect()
}

fn ticks(unit: Unit, low: f64, high: f64) -> Vec<(f64, String)> {
    match unit {
        Unit::Elements => decades(low, high).into_iter().map(|n| (n, count(n))).collect(),
        Unit::Bytes => (0..50)
            .step_by(4)
            .map(|e| 2f64.powi(e))
            .filter(|&b| b >= low * 0.99 && b <= high * 1.01)
            .map(|b| (b, bytes(b)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_without_nan_even_of_one_point() {
        let line =
            Line { colour: "d0".into(), points: vec![(4096.0, 2.0)], dots: vec!["one".into()], ..Line::default() };
        for lines in [vec![line], vec![]] {
            let svg = chart("x", Unit::Bytes, &lines, Some((4096.0, "here".into())));
            assert!(
                svg.starts_with("<svg") && svg.ends_with("</svg>") && !svg.contains("NaN") && !svg.contains("inf"),
                "{svg}"
            );
        }
    }
}
