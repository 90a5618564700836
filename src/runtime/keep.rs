//! Keeps what was learned beyond the process: merged into the profile that it corrects, if that is wanted.
//!
//! What is learned are ratios to the numbers of one profile, so it is only ever added to a file that still holds those
//! numbers: a file that was calibrated again, belongs to another machine, is damaged or newer than this version is left
//! as it is. [`Learning`] says when a file is written at all.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use super::model::Model;
use super::{Inner, Runtime};
use crate::config::Learning;
use crate::error::Result;
use crate::planner::Profile;
use crate::planner::learned::{Entries, merge};
use crate::planner::profile_file::{PATIENCE, ProfileError};

/// How long a thread that ends waits for another writer.
const AT_END: Duration = Duration::from_millis(200);

/// What a file may be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The program asked.
    Asked,
    /// The runtime ends.
    End(Duration),
}

/// What is to be saved, and to what it belongs.
struct Unsaved {
    path: PathBuf,
    ours: Entries,
    base: Entries,
    /// The numbers that `ours` corrects.
    numbers: Profile,
    /// The file that they came from, as it was read.
    file: Option<Profile>,
}

impl Runtime {
    /// Merges what this runtime has learned into the profile that it uses, now. Returns the file, or `None` if there is
    /// nothing new, or the file no longer holds the numbers that were corrected. Where there is no profile, one of built-in
    /// numbers is made at [`Profile::default_path`]; a later version, whose built-in numbers may differ, starts it afresh.
    ///
    /// Readers see the old file or the new one, never half of either; what other processes saved meanwhile is kept. Takes
    /// some milliseconds, waits at most 5 s for another writer.
    ///
    /// # Errors
    /// [`Error::Profile`](crate::Error::Profile) if the file is there but no profile that this version reads (it is left
    /// alone), or the file system refuses.
    pub fn save_profile(&self) -> Result<Option<PathBuf>> {
        self.inner.keep(Why::Asked)
    }
}

impl Inner {
    /// Saves at the end of the runtime, if that is wanted. What goes wrong then nobody can be told.
    pub(super) fn keep_at_end(&self, in_a_hurry: bool) {
        let _ = self.keep(Why::End(if in_a_hurry { AT_END } else { PATIENCE }));
    }

    fn keep(&self, why: Why) -> Result<Option<PathBuf>> {
        // A fork's child has the parent's memory; what is in it is the parent's to save.
        let never = matches!(self.learning, Learning::Off | Learning::Session) && why != Why::Asked;
        if never || self.pid != std::process::id() {
            return Ok(None);
        }
        let unsaved = self.model.read().unwrap_or_else(PoisonError::into_inner).unsaved();
        let Some(unsaved) = unsaved.filter(|unsaved| self.wanted(why, unsaved)) else { return Ok(None) };
        let patience = match why {
            Why::Asked => PATIENCE,
            Why::End(patience) => patience,
        };
        let mut written = false;
        let update = Profile::update(&unsaved.path, patience, |found| {
            let new = unsaved.merged_into(found);
            written = new.is_some();
            new
        });
        update.map_err(|error: ProfileError| error.at(&unsaved.path))?;
        if !written {
            return Ok(None);
        }
        self.model.write().unwrap_or_else(PoisonError::into_inner).saved(unsaved.ours);
        Ok(Some(unsaved.path))
    }

    fn wanted(&self, why: Why, unsaved: &Unsaved) -> bool {
        match (why, self.learning) {
            (Why::Asked, _) | (_, Learning::Save) => true,
            (_, Learning::Off | Learning::Session) => false,
            // See `Learning::Auto`: a file that somebody made, in its usual place, by a build like that of the user.
            (_, Learning::Auto) => {
                !cfg!(debug_assertions) && unsaved.file.is_some() && self.config.named_profile().is_none()
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.keep_at_end(false);
    }
}

impl Unsaved {
    /// The file's new content; `None`: leave it.
    fn merged_into(&self, found: Option<Profile>) -> Option<Profile> {
        let about_gpu = |key: &str| key.contains("gpu");
        let start = |mut numbers: Profile| {
            numbers.learned = merge(&Entries::new(), &self.ours, &Entries::new());
            numbers
        };
        let Some(mut theirs) = found else {
            // A calibrated file that was removed is not wanted any more.
            return self.file.is_none().then(|| start(self.numbers.clone()));
        };
        if theirs.builtin && theirs.tool_version != self.numbers.tool_version {
            return self.numbers.builtin.then(|| start(self.numbers.clone()));
        }
        let same = match &self.file {
            Some(file) => same_numbers(&theirs, file),
            // Another process made it meanwhile.
            None => self.numbers.rounded().is_some_and(|ours| same_numbers(&theirs, &ours)),
        };
        if !same {
            return None;
        }
        // Entries about GPUs are keyed by their number: those must mean the same cards.
        let gpus = theirs.gpus().map(|d| &d.adapter).eq(self.numbers.gpus().map(|d| &d.adapter));
        let mut ours = self.ours.clone();
        ours.retain(|key, _| gpus || !about_gpu(key));
        let merged = merge(&theirs.learned, &ours, &self.base);
        if merged == theirs.learned {
            return None;
        }
        theirs.learned = merged;
        Some(theirs)
    }
}

/// Whether two profiles differ in nothing but what was learned.
fn same_numbers(a: &Profile, b: &Profile) -> bool {
    let bare = |p: &Profile| Profile { learned: Entries::new(), ..p.clone() };
    bare(a) == bare(b)
}

impl Model {
    /// What has been learned since the last save; `None`: nothing, or there is no place for it.
    fn unsaved(&self) -> Option<Unsaved> {
        let ours = self.cost.learned();
        let new =
            |(key, l): (&String, &crate::planner::profile::Learned)| self.base.get(key).is_none_or(|b| b.n != l.n);
        if !ours.iter().any(new) {
            return None;
        }
        Some(Unsaved {
            path: self.path.clone()?,
            ours,
            base: self.base.clone(),
            numbers: Profile { learned: Entries::new(), ..self.numbers.clone() },
            file: self.measured.as_ref().map(|(_, profile)| profile.clone()),
        })
    }

    /// The file now holds these.
    fn saved(&mut self, ours: Entries) {
        if self.measured.is_none()
            && let (Some(path), Some(numbers)) = (self.path.clone(), self.numbers.rounded())
        {
            self.measured = Some((path, numbers));
        }
        self.base = ours;
    }
}
