//! The lock that writers of a profile hold: between processes, on a file beside it.
//!
//! Readers need none: a profile is replaced by renaming. Writers that read, merge and write would otherwise lose what
//! another one wrote in between. The operating system releases the lock of a process that dies.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Held until dropped.
#[derive(Debug)]
pub struct ProfileLock {
    /// `None`: the file system has no locks. Replacing stays atomic; of two writers at once the later one wins.
    file: Option<File>,
}

impl ProfileLock {
    /// Locks the profile at `path`, whose directory exists; waits up to `patience` for another writer.
    ///
    /// # Errors
    /// When the lock file cannot be made, or another process holds it for longer.
    pub fn acquire(path: &Path, patience: Duration) -> io::Result<ProfileLock> {
        let beside =
            beside(path).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(beside)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(ProfileLock { file: Some(file) }),
                Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {
                    return Ok(ProfileLock { file: None });
                }
                Err(TryLockError::Error(e)) => return Err(e),
                Err(TryLockError::WouldBlock) if start.elapsed() >= patience => {
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, "another process is writing it"));
                }
                // A writer takes some milliseconds, most of them in `fsync`.
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Whether other writers are kept out.
    pub fn exclusive(&self) -> bool {
        self.file.is_some()
    }
}

/// `.profile.json.lock` beside `profile.json`. It stays: removing a lock file lets two writers in.
fn beside(path: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    name.push(".lock");
    Some(path.with_file_name(name))
}
