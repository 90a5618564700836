//! `compare`: two profiles side by side.

use std::fmt::Write;

use veda::Result;
use veda::calibrate::compare::{Changed, Comparison, Crossing, Device, Kind, Row, compare as of};
use veda::planner::Profile;

pub fn compare(a: &Profile, b: &Profile, json: bool) -> Result<()> {
    let found = of(a, b);
    if json { super::print_json(&found) } else { super::print(&text(&found)) }
}

fn text(c: &Comparison) -> String {
    let mut t = String::new();
    for (name, side) in ["A", "B"].into_iter().zip(&c.sides) {
        let flags = [(side.builtin, ", assumed"), (side.noisy, ", noisy")];
        let flags: String = flags.iter().filter(|f| f.0).map(|f| f.1).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(t, "{name}  {}, {} workers, {}{flags}", side.cpu, side.workers, side.created);
    }
    for device in &c.devices {
        t += &device_text(device);
    }
    for (name, alone) in ["A", "B"].into_iter().zip(&c.unmatched) {
        for device in alone {
            let _ = writeln!(t, "\nonly in {name}: {device}");
        }
    }
    if !c.crossovers.is_empty() {
        t += "\nelements from which a GPU is faster than the CPU (resident: inputs are there already)\n";
        let _ = writeln!(
            t,
            "  {:<12}{:<7}{:>12}{:>12}{:>14}{:>14}",
            "kernel", "device", "A", "B", "resident A", "resident B"
        );
        for row in &c.crossovers {
            t += &crossing(row);
        }
    }
    let _ = writeln!(t, "\n{} of {} reference calls would run elsewhere", c.decisions.len(), c.calls);
    for row in &c.decisions {
        t += &changed(row);
    }
    t
}

fn device_text(d: &Device) -> String {
    let name = if d.names[0] == d.names[1] { d.names[0].clone() } else { format!("{} / {}", d.names[0], d.names[1]) };
    let software = if d.software { " (software: no evidence about GPUs)" } else { "" };
    let mut t = format!("\n{name}{software}\n  {:<32}{:>14}{:>14}{:>10}\n", "number", "A", "B", "B over A");
    for row in &d.rows {
        t += &number(row);
    }
    for (side, names) in ["A", "B"].into_iter().zip(&d.missing) {
        if !names.is_empty() {
            let _ = writeln!(t, "  only in {side}: {}", names.join(", "));
        }
    }
    t
}

fn number(row: &Row) -> String {
    let name = match row.bytes {
        Some(bytes) => format!("{} of {}", row.name, super::show::size(bytes)),
        None => row.name.clone(),
    };
    let unit = match row.kind {
        Kind::Time => " µs",
        Kind::Rate => " /µs",
        Kind::Power => " W",
        Kind::Share => "",
    };
    let change = match (row.kind, row.change()) {
        (Kind::Share, Some(change)) => format!("{change:+.2}"),
        (_, Some(change)) => format!("×{change:.2}"),
        (_, None) => "-".to_owned(),
    };
    let name = format!("{name}{unit}");
    format!("  {name:<32}{:>14.3}{:>14.3}{change:>10}\n", row.a, row.b)
}

fn crossing(row: &Crossing) -> String {
    let from = |n: Option<u64>| n.map_or_else(|| "never".to_owned(), |n| n.to_string());
    format!(
        "  {:<12}{:<7}{:>12}{:>12}{:>14}{:>14}{}\n",
        row.example,
        format!("GPU {}", row.gpu),
        from(row.cold[0]),
        from(row.cold[1]),
        from(row.resident[0]),
        from(row.resident[1]),
        if row.software { "  software: routing never takes it" } else { "" }
    )
}

fn changed(row: &Changed) -> String {
    format!(
        "  {:<12}{:>12} elements{:<24}{} in A, {} in B, {:.0} % slower there where A decides for B\n",
        row.example,
        row.elements,
        if row.resident { ", inputs there already:" } else { ":" },
        row.places[0],
        row.places[1],
        100.0 * row.loss
    )
}
