//! Measures this machine for veda's planner; shows, checks and draws what was measured.

#[path = "veda-calibrate/check.rs"]
mod check;
#[path = "veda-calibrate/devices.rs"]
mod devices;
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
    let done = match Cli::parse().command {
        Command::Run { quick, output, no_gpu, software } => run::run(quick, output, no_gpu, software),
        Command::Show { file } => path(file).and_then(|p| show::show(&load(&p)?, &p)),
        Command::Check { file } => path(file).and_then(|p| check::check(&load(&p)?, &p)),
        Command::Report { file, output } => path(file).and_then(|p| report::report(&load(&p)?, &output)),
        Command::Devices => devices::devices(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
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

/// Prints to standard output; a closed pipe is an error rather than a panic.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    std::io::stdout().write_all(text.as_bytes()).map_err(|source| Error::Io { path: "standard output".into(), source })
}
