//! `check`: predict, measure, compare.

use std::fmt::Write;
use std::path::Path;

use veda::Result;
use veda::calibrate::check::check as measure;
use veda::planner::Profile;

pub fn check(profile: &Profile, path: &Path) -> Result<()> {
    super::of_this_machine(profile, path)?;
    let found = super::bar::with_bar(|progress| measure(profile, progress))?;
    let mut t = format!(
        "{:<12}{:>10}  {:<6}{:>14}{:>14}{:>14}{:>9}\n",
        "kernel", "elements", "device", "predicted µs", "observed µs", "median µs", "error"
    );
    for row in &found.rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            t,
            "{:<12}{:>10}  {:<6}{:>14.1}{:>14.1}{:>14.1}{:>7.0} %",
            row.example,
            row.elements,
            row.place.to_string(),
            row.predicted_us,
            row.observed_us,
            row.median_us,
            100.0 * row.error()
        );
    }
    t += "\n|predicted / observed − 1| of kernels that were never observed, sizes between the knots\n";
    for e in &found.errors {
        let _ = writeln!(
            t,
            "{:<6} median {:>4.0} %, p90 {:>4.0} %, {:.0} % within the 80 % interval   {}{}",
            e.place.to_string(),
            100.0 * e.median,
            100.0 * e.p90,
            100.0 * e.coverage,
            e.name,
            if e.software { " (software: no evidence about GPUs)" } else { "" }
        );
    }
    super::print(&t)
}
