//! `report`: the profile as one HTML file.

use std::io::Write;
use std::path::{Path, PathBuf};

use veda::calibrate::drift::Drift;
use veda::calibrate::report::html;
use veda::planner::Profile;
use veda::{Error, Result};

pub fn report(profile: &Profile, path: &Path, output: &Path) -> Result<()> {
    let drift = Drift::load(&Drift::path_beside(path), &profile.created);
    write(output, html(profile, drift.as_ref()).as_bytes())?;
    super::print(&format!("wrote {}\n", output.display()))
}

/// The whole file or nothing: into a temporary one of the same directory, then renamed.
fn write(path: &Path, data: &[u8]) -> Result<()> {
    let refused = |source| Error::Io { path: path.to_owned(), source };
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or_else(|| refused(std::io::Error::other("the path names no file")))?);
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary: PathBuf = path.with_file_name(name);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(data))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|source| {
        // Best effort: the error that matters is the one that is returned.
        let _ = std::fs::remove_file(&temporary);
        refused(source)
    })
}
