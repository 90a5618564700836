//! `drift`: measure again, compare with the profile.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use veda::Result;
use veda::calibrate::compare::Kind;
use veda::calibrate::drift::{Drift, Moved, drift as measure};
use veda::planner::Profile;

/// The exit status where something drifted; 1 is an error and 2 a wrong command line.
const DRIFTED: u8 = 3;

pub fn drift(profile: &Profile, path: &Path, json: bool, all: bool) -> Result<ExitCode> {
    super::of_this_machine(profile, path)?;
    let found = super::bar::with_bar(|progress| measure(profile, progress))?;
    // For `report`. A profile in a place that cannot be written to is measured all the same.
    let beside = Drift::path_beside(path);
    let saved = found.save(&beside);
    if json {
        super::print_json(&found)?;
    } else {
        super::print(&text(&found, all))?;
        if let Err(error) = saved {
            eprintln!("veda-calibrate: not saved for `report`: {error}");
        }
    }
    let drifted = found.drifted().next().is_some();
    Ok(if drifted { ExitCode::from(DRIFTED) } else { ExitCode::SUCCESS })
}

fn text(found: &Drift, all: bool) -> String {
    let count = found.drifted().count();
    let mut t = format!("profile of {}, measured again {}\n", found.of, found.measured);
    for note in &found.notes {
        let _ = writeln!(t, "note: {note}");
    }
    if found.noisy {
        t += "the machine was busy just now: repeat when it is quiet before you believe a slower number\n";
    }
    let rows: Vec<&Moved> = found.rows.iter().filter(|r| all || r.drifted()).collect();
    let mut device = None;
    for row in rows {
        if device != Some(row.device) {
            device = Some(row.device);
            let software = if row.software { " (software: no evidence about GPUs)" } else { "" };
            let _ = writeln!(t, "\n{}{software}", row.device_name);
            let _ =
                writeln!(t, "  {:<22}{:>12}{:>12}{:>10}{:>18}", "number", "profile", "now", "change", "noise explains");
        }
        let _ = writeln!(t, "{}", line(row));
    }
    let _ = writeln!(
        t,
        "\n{count} of {} numbers drifted{}",
        found.rows.len(),
        if count > 0 { ": `cargo calibrate run` measures anew" } else { "" }
    );
    t
}

fn line(row: &Moved) -> String {
    let (change, limit) = match row.kind {
        Kind::Share => (format!("{:+.2}", row.change), format!("±{:.2}", row.limit)),
        _ => (format!("×{:.2}", row.change), format!("×{:.2}", row.limit)),
    };
    let verdict = match (row.drifted(), row.better()) {
        (false, _) => "",
        (true, true) => "  DRIFTED, better",
        (true, false) => "  DRIFTED, worse",
    };
    let unit = match row.kind {
        Kind::Time => " µs",
        Kind::Rate => "/µs",
        Kind::Power => " W ",
        Kind::Share => "   ",
    };
    let name = if row.sizes > 1 { format!("{} ({} sizes)", row.name, row.sizes) } else { row.name.clone() };
    format!("  {name:<22}{:>12.3}{:>12.3}{unit}{change:>7}{limit:>18}{verdict}", row.was, row.now)
}
