//! `run`: measure and save.

use std::path::PathBuf;
use std::time::Instant;

use veda::calibrate::{Options, calibrate};
use veda::{Error, Result};

pub fn run(quick: bool, output: Option<PathBuf>, no_gpu: bool, software: bool) -> Result<()> {
    let path = super::path(output)?;
    // Before the measurement: half a minute for nothing is worse than an early refusal.
    writable(&path)?;
    let start = Instant::now();
    let options = Options::default().quick(quick).gpu(!no_gpu).software(software);
    let profile = super::bar::with_bar(|progress| calibrate(&options, progress))?;
    profile.save(&path).map_err(|e| e.at(&path))?;
    let mut text = format!("measured {} in {:.1} s", devices(&profile), start.elapsed().as_secs_f64());
    if profile.quality.noisy {
        text += "; the machine was busy, so intervals are wide: repeat when it is quiet";
    }
    if !profile.quality.notes.is_empty() {
        text += "; ";
        text += &profile.quality.notes;
    }
    super::print(&format!("{text}\nwrote {}\n", path.display()))
}

fn devices(profile: &veda::planner::Profile) -> String {
    match profile.gpus().count() {
        0 => "the CPU".to_owned(),
        1 => "the CPU and 1 GPU".to_owned(),
        n => format!("the CPU and {n} GPUs"),
    }
}

/// Whether a file can be made in the directory of `path` (missing directories are made), without touching `path`.
fn writable(path: &std::path::Path) -> Result<()> {
    let refused = |source| Error::Io { path: path.to_owned(), source };
    if path.is_dir() {
        return Err(refused(std::io::Error::other("is a directory; name a file")));
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => std::path::Path::new("."),
    };
    std::fs::create_dir_all(directory).map_err(refused)?;
    let probe = directory.join(format!(".veda-calibrate.{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&probe).map_err(refused)?;
    std::fs::remove_file(&probe).map_err(refused)
}
