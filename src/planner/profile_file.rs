//! Reading and writing profiles: where they lie, what can be wrong with them, and saving that cannot tear a file.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::curve::{Curve, CurveError};
use super::profile::{DeviceKind, Profile, SCHEMA};
use super::profile_lock::ProfileLock;

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot be written: {source}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// Not JSON, or a number that does not fit.
    #[error("is not JSON: {reason} (line {line}, column {column})")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's words.
        reason: String,
    },
    /// Written by another version.
    #[error("has schema `{found}`, this version reads `{SCHEMA}`")]
    WrongSchema {
        /// What the file says.
        found: String,
    },
    /// A field that every profile has is not there.
    #[error("field `{field}` is missing")]
    MissingField {
        /// Path of the field.
        field: String,
    },
    /// A field has another type than the schema says.
    #[error("does not follow the schema: {reason} (line {line}, column {column})")]
    WrongType {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's words.
        reason: String,
    },
    /// A time, rate or ratio that is negative, zero where it must not be, or not finite.
    #[error("`{field}` is {value}: expected {expected}")]
    BadNumber {
        /// Path of the field.
        field: String,
        /// What it holds.
        value: f64,
        /// What it may hold.
        expected: &'static str,
    },
    /// The sizes of a curve do not increase.
    #[error("`{field}[{index}]`: sizes must increase from knot to knot")]
    NotIncreasing {
        /// Path of the curve.
        field: String,
        /// Position of the knot that is not larger than the one before it.
        index: usize,
    },
    /// Not exactly one device is the CPU.
    #[error("has {found} devices of kind `cpu`, needs exactly one")]
    NotOneCpu {
        /// How many it has.
        found: usize,
    },
}

impl ProfileError {
    /// The crate's error for the profile at `path`.
    pub fn at(self, path: &Path) -> crate::Error {
        crate::Error::Profile { path: path.to_owned(), reason: self.to_string() }
    }
}

/// Fields that every profile has, checked by name before the typed parse so that the error can say the path.
const REQUIRED: [&str; 15] = [
    "created",
    "tool_version",
    "quality",
    "quality.epochs",
    "quality.cpu_wall",
    "quality.noisy",
    "host",
    "host.cpu_model",
    "host.cores",
    "host.simd",
    "host.mem_bytes",
    "host.pool_threads",
    "host.target_features",
    "devices",
    "schema",
];
/// Fields that every entry of `devices` has.
const REQUIRED_DEVICE: [&str; 12] = [
    "adapter",
    "adapter.name",
    "adapter.vendor",
    "adapter.device",
    "adapter.driver",
    "adapter.driver_info",
    "adapter.backend",
    "adapter.kind",
    "adapter.subgroup",
    "scalars",
    "curves",
    "op_rates",
];

fn has(value: &Value, path: &str) -> bool {
    path.split('.').try_fold(value, |v, field| v.get(field)).is_some()
}

impl Profile {
    /// Reads and checks the profile at `path`.
    ///
    /// # Errors
    /// See [`ProfileError`]: unreadable, not JSON, another schema, a missing or impossible field.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let text =
            fs::read_to_string(path).map_err(|source| ProfileError::Unreadable { path: path.to_owned(), source })?;
        Self::from_json(&text)
    }

    /// Parses and checks a profile.
    ///
    /// # Errors
    /// As [`Profile::load`].
    pub fn from_json(text: &str) -> Result<Self, ProfileError> {
        let tree: Value = serde_json::from_str(text).map_err(|e| ProfileError::NotJson {
            line: e.line(),
            column: e.column(),
            reason: reason(&e),
        })?;
        // The schema comes first: a file of another version is not judged by this version's fields.
        match tree.get("schema") {
            Some(Value::String(schema)) if schema == SCHEMA => {}
            Some(Value::String(schema)) => return Err(ProfileError::WrongSchema { found: schema.clone() }),
            Some(other) => return Err(ProfileError::WrongSchema { found: other.to_string() }),
            None => return Err(ProfileError::MissingField { field: "schema".to_owned() }),
        }
        for field in REQUIRED {
            if !has(&tree, field) {
                return Err(ProfileError::MissingField { field: field.to_owned() });
            }
        }
        for (i, device) in tree["devices"].as_array().into_iter().flatten().enumerate() {
            for field in REQUIRED_DEVICE {
                if !has(device, field) {
                    return Err(ProfileError::MissingField { field: format!("devices[{i}].{field}") });
                }
            }
        }
        let profile: Self = serde_json::from_str(text).map_err(|e| ProfileError::WrongType {
            line: e.line(),
            column: e.column(),
            reason: reason(&e),
        })?;
        profile.validate()?;
        Ok(profile)
    }

    /// Checks every number: finite, not negative, rates and times positive, sizes increasing, one CPU.
    ///
    /// # Errors
    /// The first field that does not hold.
    pub fn validate(&self) -> Result<(), ProfileError> {
        let bad = |field: String, value: f64, expected| Err(ProfileError::BadNumber { field, value, expected });
        if self.schema != SCHEMA {
            return Err(ProfileError::WrongSchema { found: self.schema.clone() });
        }
        if !(self.quality.cpu_wall.is_finite() && self.quality.cpu_wall >= 0.0) {
            return bad("quality.cpu_wall".to_owned(), self.quality.cpu_wall, "a finite number, at least 0");
        }
        if self.host.pool_threads == 0 {
            return bad("host.pool_threads".to_owned(), 0.0, "at least 1");
        }
        for (i, device) in self.devices.iter().enumerate() {
            for (key, s) in &device.scalars {
                for (part, value) in [("v", s.v), ("lo", s.lo), ("hi", s.hi)] {
                    if !(value.is_finite() && value >= 0.0) {
                        let field = format!("devices[{i}].scalars.{key}.{part}");
                        return bad(field, value, "a finite number, at least 0");
                    }
                }
            }
            for (key, &rate) in &device.op_rates {
                if !(rate.is_finite() && rate > 0.0) {
                    return bad(format!("devices[{i}].op_rates.{key}"), rate, "a finite number above 0");
                }
            }
            for (key, knots) in &device.curves {
                let field = format!("devices[{i}].curves.{key}");
                for (k, knot) in knots.iter().enumerate() {
                    for (part, value) in [(1, knot.min_us), (2, knot.p50_us), (3, knot.p90_us)] {
                        if !(value.is_finite() && value > 0.0) {
                            return bad(format!("{field}[{k}][{part}]"), value, "a finite number above 0");
                        }
                    }
                }
                match Curve::new(knots) {
                    Ok(_) => {}
                    Err(CurveError::Empty) => return bad(field, 0.0, "at least one knot"),
                    Err(CurveError::ZeroSize { index } | CurveError::BadTime { index }) => {
                        return bad(format!("{field}[{index}][0]"), 0.0, "at least 1 byte");
                    }
                    Err(CurveError::NotIncreasing { index }) => {
                        return Err(ProfileError::NotIncreasing { field, index });
                    }
                }
            }
        }
        for (key, learned) in &self.learned {
            if !learned.mean.is_finite() {
                return bad(format!("learned.{key}.mean"), learned.mean, "a finite number");
            }
            if !(learned.variance.is_finite() && learned.variance >= 0.0) {
                return bad(format!("learned.{key}.variance"), learned.variance, "a finite number, at least 0");
            }
        }
        let found = self.devices.iter().filter(|d| d.adapter.kind == DeviceKind::Cpu).count();
        if found == 1 { Ok(()) } else { Err(ProfileError::NotOneCpu { found }) }
    }

    /// The file's text: sorted keys, six significant digits, a final newline. Same profile, same bytes.
    ///
    /// # Errors
    /// When a number is not one that a profile may hold.
    pub fn to_json(&self) -> Result<String, ProfileError> {
        self.validate()?;
        let mut text = serde_json::to_string_pretty(self).map_err(|e| ProfileError::WrongType {
            line: e.line(),
            column: e.column(),
            reason: reason(&e),
        })?;
        text = join_knots(&text);
        text.push('\n');
        Ok(text)
    }

    /// This profile as a file would give it back: with six significant digits. `None` if it holds impossible numbers.
    pub(crate) fn rounded(&self) -> Option<Self> {
        Self::from_json(&self.to_json().ok()?).ok()
    }

    /// Writes the profile to `path`: into a temporary file of the same directory, then renamed, so that a reader sees the
    /// old file or the new one and never half of either, whenever the process or the machine stops. Missing directories are
    /// made. Waits for another writer, [`PATIENCE`] at most.
    ///
    /// # Errors
    /// When a number is impossible or the file system refuses.
    pub fn save(&self, path: &Path) -> Result<(), ProfileError> {
        let text = self.to_json()?;
        let lock = lock(path, PATIENCE)?;
        write(&lock, path, &text)
    }

    /// Replaces the profile at `path` by what `change` makes of it, with other writers kept out: what they wrote before is
    /// passed in, what they write later sees this. `None` is passed where there is no file; a `change` that returns
    /// `None` leaves everything as it is. Waits up to `patience` for another writer.
    ///
    /// # Errors
    /// When the file is there but no profile that this version reads (it is left alone), a number is impossible, or the file
    /// system refuses.
    pub fn update(
        path: &Path,
        patience: Duration,
        change: impl FnOnce(Option<Profile>) -> Option<Profile>,
    ) -> Result<(), ProfileError> {
        let lock = lock(path, patience)?;
        let found = match Profile::load(path) {
            Ok(profile) => Some(profile),
            Err(ProfileError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        match change(found) {
            Some(profile) => write(&lock, path, &profile.to_json()?),
            None => Ok(()),
        }
    }

    /// Where this user's profile lies: `VEDA_PROFILE`, else `veda/profile.json` in the user's cache directory; `None`
    /// where the environment names no home.
    pub fn default_path() -> Option<PathBuf> {
        path_from(|name| std::env::var_os(name), std::env::consts::OS)
    }
}

/// How long [`Profile::save`] waits for another writer.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Makes the directory and keeps other writers out.
fn lock(path: &Path, patience: Duration) -> Result<ProfileLock, ProfileError> {
    let unwritable = |source| ProfileError::Unwritable { path: path.to_owned(), source };
    if path.is_dir() {
        return Err(unwritable(io::ErrorKind::IsADirectory.into()));
    }
    fs::create_dir_all(directory(path)).map_err(unwritable)?;
    ProfileLock::acquire(path, patience).map_err(unwritable)
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Writes beside the file, then renames.
fn write(lock: &ProfileLock, path: &Path, text: &str) -> Result<(), ProfileError> {
    /// Two threads that save at once need two temporary names, where nothing keeps them apart.
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let unwritable = |source| ProfileError::Unwritable { path: path.to_owned(), source };
    let name = path
        .file_name()
        .ok_or_else(|| unwritable(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file")))?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    if !lock.exclusive() {
        temporary.push(format!(".{}.{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)));
    }
    // Behind the lock one name is enough, and what a killed process left there is overwritten.
    temporary.push(".tmp");
    let temporary = directory(path).join(temporary);
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // Best effort: the error that matters is the one that is returned.
        let _ = fs::remove_file(&temporary);
        unwritable(source)
    })
}

/// [`Profile::default_path`] for any environment and operating system.
fn path_from(var: impl Fn(&str) -> Option<OsString>, os: &str) -> Option<PathBuf> {
    let var = |name: &str| var(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(path) = var("VEDA_PROFILE") {
        return Some(path);
    }
    let cache = match os {
        "windows" => var("LOCALAPPDATA").or_else(|| var("USERPROFILE").map(|p| p.join("AppData").join("Local")))?,
        "macos" | "ios" => var("HOME")?.join("Library").join("Caches"),
        // The XDG specification: a relative path is invalid and must be ignored.
        _ => match var("XDG_CACHE_HOME").filter(|p| p.is_absolute()) {
            Some(path) => path,
            None => var("HOME")?.join(".cache"),
        },
    };
    Some(cache.join("veda").join("profile.json"))
}

/// The message of `serde_json` without its own "at line … column …".
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// Puts arrays of plain numbers on one line: a curve then reads as a table.
///
/// Works on the output of `serde_json`, where a string never spans lines and every scalar has its own line.
fn join_knots(pretty: &str) -> String {
    let mut out = String::with_capacity(pretty.len());
    let mut lines = pretty.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        let opens_numbers = line.ends_with('[')
            && lines.peek().is_some_and(|next| next.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '-'));
        if opens_numbers {
            for line in lines.by_ref() {
                let item = line.trim_start();
                out.push_str(item);
                if item.starts_with(']') {
                    break;
                }
                if item.ends_with(',') {
                    out.push(' ');
                }
            }
        }
        out.push('\n');
    }
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(os: &str, vars: &[(&str, &str)]) -> Option<String> {
        let vars: Vec<(String, OsString)> = vars.iter().map(|v| (v.0.to_owned(), v.1.into())).collect();
        path_from(|name| vars.iter().find(|v| v.0 == name).map(|v| v.1.clone()), os)
            .map(|p| p.to_string_lossy().replace('\\', "/"))
    }

    #[test]
    fn finds_the_cache_directory_of_each_system() {
        assert_eq!(path("linux", &[("HOME", "/h")]).as_deref(), Some("/h/.cache/veda/profile.json"));
        assert_eq!(path("linux", &[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]).as_deref(), Some("/x/veda/profile.json"));
        assert_eq!(
            path("linux", &[("HOME", "/h"), ("XDG_CACHE_HOME", "relative")]).as_deref(),
            Some("/h/.cache/veda/profile.json")
        );
        assert_eq!(path("macos", &[("HOME", "/h")]).as_deref(), Some("/h/Library/Caches/veda/profile.json"));
        assert_eq!(path("windows", &[("LOCALAPPDATA", "C:/l")]).as_deref(), Some("C:/l/veda/profile.json"));
        assert_eq!(path("linux", &[("HOME", "/h"), ("VEDA_PROFILE", "/p.json")]).as_deref(), Some("/p.json"));
        assert_eq!(path("linux", &[]), None);
        assert_eq!(path("linux", &[("HOME", "")]), None);
    }

    #[test]
    fn joins_only_arrays_of_numbers() {
        let value = serde_json::json!({"a": [[1, 2.5, -3], [4]], "b": ["x", "[1"], "c": [], "d": {"e": 1}});
        let text = join_knots(&serde_json::to_string_pretty(&value).expect("valid"));
        assert!(text.contains("[1, 2.5, -3],"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("still JSON"), value);
    }
}
