//! Measures this machine for veda's planner; shows, checks and draws what was measured.

#[path = "veda-calibrate/bar.rs"]
mod bar;
#[path = "veda-calibrate/check.rs"]
mod check;
#[path = "veda-calibrate/compare.rs"]
mod compare;
#[path = "veda-calibrate/devices.rs"]
mod devices;
#[path = "veda-calibrate/drift.rs"]
mod drift;
#[path = "veda-calibrate/graph.rs"]
mod graph;
#[path = "veda-calibrate/report.rs"]
mod report;
#[path = "veda-calibrate/run.rs"]
mod run;
#[path = "veda-calibrate/show.rs"]
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use veda::planner::Profile;
use veda::{Error, Result};

/// Measures this machine, so that veda knows when the GPU is faster.
#[derive(Parser)]
#[command(name = "veda-calibrate", version, about)]
#[command(
    after_help = "The user's profile is the file that VEDA_PROFILE names, else veda/profile.json in the user's cache directory."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the CPU and the GPUs and write the profile
    Run {
        /// Under 5 seconds instead of under 30
        #[arg(long)]
        quick: bool,
        /// Where to write it [default: the user's profile]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Measure the CPU only; loads no driver
        #[arg(long)]
        no_gpu: bool,
        /// Measure software adapters too (they run on the CPU: for tests)
        #[arg(long)]
        software: bool,
    },
    /// Print a profile as tables
    Show {
        /// The profile [default: the user's profile]
        file: Option<PathBuf>,
    },
    /// Predict kernels that were not measured, measure them, compare
    Check {
        /// The profile [default: the user's profile]
        file: Option<PathBuf>,
        /// Plan a graph of 12 stages, run it, and compare the plan with the clock
        #[arg(long)]
        graph: bool,
        /// Size of the graph's picture
        #[arg(long, value_names = ["WIDTH", "HEIGHT"], num_args = 2, default_values_t = [4000, 3000],
            value_parser = clap::value_parser!(u32).range(8..=16384), requires = "graph")]
        size: Vec<u32>,
        /// Let the plan use software adapters too (they run on the CPU: for tests)
        #[arg(long, requires = "graph")]
        software: bool,
        /// Draw the plan beside the fastest run as one HTML file
        #[arg(long, value_name = "FILE", requires = "graph")]
        page: Option<PathBuf>,
    },
    /// Measure a few sizes of everything again and say what moved since (exit status 3 where something did)
    #[command(
        long_about = "Measures a few sizes of everything again, in under 4 seconds, and compares with the profile.\n\n\
        A number has drifted when it moved by more than 15 % beyond what the scatter of its samples explains (0.15 for \
        shares). The result is saved beside the profile for `report`.\n\n\
        Exit status: 0 nothing drifted, 1 error, 2 wrong command line, 3 something drifted."
    )]
    Drift {
        /// The profile [default: the user's profile]
        file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// List every number, not only what drifted
        #[arg(long)]
        all: bool,
    },
    /// Two profiles side by side: numbers, curves, crossovers, decisions
    Compare {
        /// One profile
        a: PathBuf,
        /// The other
        b: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Draw a profile as one HTML file
    Report {
        /// The profile [default: the user's profile]
        file: Option<PathBuf>,
        /// Where to write the page
        #[arg(long, short, value_name = "FILE", default_value = "report.html")]
        output: PathBuf,
    },
    /// List the adapters and whether routing may use them
    Devices,
}

fn main() -> ExitCode {
    let success = |()| ExitCode::SUCCESS;
    let done = match Cli::parse().command {
        Command::Run { quick, output, no_gpu, software } => run::run(quick, output, no_gpu, software).map(success),
        Command::Show { file } => path(file).and_then(|p| show::show(&load(&p)?, &p)).map(success),
        Command::Check { file, graph: false, .. } => path(file).and_then(|p| check::check(&load(&p)?, &p)).map(success),
        Command::Check { file, size, software, page, .. } => {
            let options = graph::Options { width: size[0], height: size[1], software, page };
            path(file).and_then(|p| graph::check(&load(&p)?, &p, &options)).map(success)
        }
        Command::Drift { file, json, all } => path(file).and_then(|p| drift::drift(&load(&p)?, &p, json, all)),
        Command::Compare { a, b, json } => load(&a).and_then(|a| compare::compare(&a, &load(&b)?, json)).map(success),
        Command::Report { file, output } => {
            path(file).and_then(|p| report::report(&load(&p)?, &p, &output)).map(success)
        }
        Command::Devices => devices::devices().map(success),
    };
    match done {
        Ok(code) => code,
        // The reader of a pipe that closed has seen enough.
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever a driver put into its message.
            let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            eprintln!("veda-calibrate: {text}");
            ExitCode::FAILURE
        }
    }
}

/// The file that was named, else the default one.
fn path(named: Option<PathBuf>) -> Result<PathBuf> {
    named.or_else(Profile::default_path).ok_or_else(|| Error::Config {
        name: "VEDA_PROFILE",
        value: String::new(),
        expected: "a path, since the environment names no home directory".to_owned(),
    })
}

fn load(path: &Path) -> Result<Profile> {
    Profile::load(path).map_err(|e| e.at(path))
}

/// Refuses a profile of another machine: what is measured here says nothing about it.
fn of_this_machine(profile: &Profile, path: &Path) -> Result<()> {
    profile.matches(&veda::calibrate::key_like(profile)).map_err(|mismatch| Error::Profile {
        path: path.to_owned(),
        reason: format!("is of another machine: {mismatch}"),
    })
}

/// Prints a value as JSON.
fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::Io { path: "standard output".into(), source: e.into() })?;
    print(&(text + "\n"))
}

/// Prints to standard output; a closed pipe is an error rather than a panic.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    std::io::stdout().write_all(text.as_bytes()).map_err(|source| Error::Io { path: "standard output".into(), source })
}
