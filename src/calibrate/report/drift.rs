//! What moved since the profile was made, where somebody measured again.

use std::fmt::Write;

use super::{colour, label};
use crate::calibrate::compare::Kind;
use crate::calibrate::drift::{Drift, Moved};
use crate::page::{count, escape, three, time};

/// The table: what drifted first, then the rest, each in the order of the profile.
pub(super) fn table(drift: &Drift) -> String {
    let moved = drift.drifted().count();
    let mut s = String::from("<h2>What moved since</h2>\n<p>");
    if moved == 0 {
        s += "<span class=\"badge good\">nothing drifted</span>";
    } else {
        // Writing to a string cannot fail.
        let _ = write!(s, "<span class=\"badge bad\">{moved} of {} drifted</span>", drift.rows.len());
    }
    if drift.noisy {
        s += "<span class=\"badge bad\">busy while measuring</span>";
    }
    let _ = writeln!(
        s,
        "Measured again {}. A number drifts when it moves by more than 15 % beyond what the scatter of its samples explains. Curves are compared by the mean ratio over the sizes in common.</p>",
        escape(&drift.measured)
    );
    for note in &drift.notes {
        let _ = writeln!(s, "<p>{}</p>", escape(note));
    }
    s += "<div class=\"card table\"><table><thead><tr><th>device</th><th>number</th><th class=\"n\">profile</th><th class=\"n\">now</th><th class=\"n\">change</th><th class=\"n\">noise explains</th><th></th></tr></thead><tbody>\n";
    for row in drift.drifted().chain(drift.rows.iter().filter(|r| !r.drifted())) {
        s += &line(row);
    }
    s + "</tbody></table></div>\n"
}

fn line(row: &Moved) -> String {
    let value = |v: f64| match row.kind {
        Kind::Time => time(v),
        Kind::Rate => format!("{}/s", count(v * 1e6)),
        Kind::Power => format!("{} W", three(v)),
        Kind::Share => three(v),
    };
    let (change, limit) = match row.kind {
        Kind::Share => (format!("{:+.2}", row.change), format!("±{}", three(row.limit))),
        _ => (format!("×{}", three(row.change)), format!("×{}", three(row.limit))),
    };
    let verdict = match (row.drifted(), row.better()) {
        (false, _) => "",
        (true, true) => "<span class=\"badge good\">better</span>",
        (true, false) => "<span class=\"badge bad\">worse</span>",
    };
    let software = if row.software { " (software)" } else { "" };
    format!(
        "<tr><td class=\"{}\">{}{software}</td><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{change}</td><td class=\"n\">{limit}</td><td>{verdict}</td></tr>\n",
        colour(row.device),
        label(row.device),
        escape(&row.name),
        value(row.was),
        value(row.now),
    )
}
