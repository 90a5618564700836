//! What one more of something costs, and what hides behind what, by device.

use std::fmt::Write;

use super::{colour, label};
use crate::calibrate::names;
use crate::page::{escape, three, time};
use crate::planner::profile::{DeviceKind, DeviceProfile, Profile, Scalar, keys};

/// Costs with their meaning, from small to large on most machines.
const COSTS: [(&str, &str); 10] = [
    (names::SPLIT_US, "one more block of a parallel call"),
    (names::TASK_US, "one more spawned task"),
    (keys::FORK_JOIN_US, "an empty parallel call, workers awake"),
    (names::FORK_JOIN_PARKED_US, "an empty parallel call, workers asleep"),
    (names::BIND_US, "one more set of bindings"),
    (keys::MARGINAL_US, "one more dispatch in a submit"),
    (keys::FILL_US, "the shortest dispatch that computes"),
    (names::SUBMIT_US, "one more submit before the wait"),
    (keys::ROUND_TRIP_US, "one dispatch, and waiting for it"),
    (keys::COMPILE_US, "building a pipeline"),
];

/// Overlaps with their meaning.
const OVERLAPS: [(&str, &str); 3] = [
    (keys::OVERLAP, "of the shorter of arithmetic and memory, inside of a kernel"),
    (keys::OVERLAP_UPLOAD, "of an upload, behind a kernel"),
    (keys::OVERLAP_DOWNLOAD, "of a download, behind a kernel"),
];

/// Both tables; the first with bars on a logarithmic scale.
pub(super) fn costs(profile: &Profile) -> String {
    let all = || profile.devices.iter().flat_map(|d| COSTS.iter().filter_map(|c| d.scalars.get(c.0)));
    let (low, high) = all().fold((f64::INFINITY, 0.0f64), |(l, h), s| (l.min(s.v.max(1e-3)), h.max(s.v)));
    let log = |v: f64| 2.0 + 98.0 * (v.max(1e-3) / low).ln().max(0.0) / (high / low).ln().max(1e-9);
    let mut s = String::from(
        "<h2>What one more costs</h2>\n<p>Differences between many and few, so that waiting for the device is in the round trip alone. Bars are on a logarithmic scale.</p>\n",
    );
    s += &table(profile, &COSTS, &|v| time(v), &log);
    s += "<h2>What hides behind what</h2>\n<p>The part of the shorter of two that costs nothing because it happens during the longer: (t₁ + t₂ − t₁₂) / min(t₁, t₂), each timed alone and both together. 0 where they follow each other.</p>\n";
    s += &table(profile, &OVERLAPS, &|v| format!("{} %", three(100.0 * v)), &|v| (100.0 * v).clamp(0.5, 100.0));
    s
}

type Text<'a> = &'a dyn Fn(f64) -> String;

fn table(profile: &Profile, what: &[(&str, &str)], text: Text<'_>, width: &dyn Fn(f64) -> f64) -> String {
    let mut s = String::from(
        "<div class=\"card table\"><table><thead><tr><th>device</th><th>what</th><th class=\"n\">value</th><th class=\"n\">interval</th><th style=\"width:30%\"></th></tr></thead><tbody>\n",
    );
    for (i, device) in profile.devices.iter().enumerate() {
        for (key, meaning) in what {
            if let Some(scalar) = device.scalars.get(*key) {
                s += &row(i, device, key, meaning, scalar, text, width(scalar.v));
            }
        }
    }
    s + "</tbody></table></div>\n"
}

fn row(
    i: usize,
    device: &DeviceProfile,
    key: &str,
    meaning: &str,
    scalar: &Scalar,
    text: Text<'_>,
    width: f64,
) -> String {
    let software = if device.adapter.kind == DeviceKind::Software { " (software)" } else { "" };
    let interval = match scalar.n {
        0 => "assumed".to_owned(),
        _ => format!("{} to {}", text(scalar.lo), text(scalar.hi)),
    };
    let mut s = format!("<tr data-cost=\"{i}/{}\">", escape(key));
    // Writing to a string cannot fail.
    let _ = writeln!(
        s,
        "<td class=\"{c}\">{}{software}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{interval}</td><td><div class=\"bar fill-{c}\" style=\"width:{width:.0}%\"></div></td></tr>",
        label(i),
        escape(meaning),
        text(scalar.v),
        c = colour(i),
    );
    s
}
