//! A second look at a profile's machine: which numbers moved since, beyond what noise explains.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::compare::{Comparison, Device, Kind, Row, compare};
use super::{Options, Plan, Progress, calibrate_by};
use crate::planner::profile::{DeviceKind, Profile};
use crate::{Error, Result};

/// Numbers that moved by more than this, noise apart, have drifted: 15 % of a time, rate or power, 0.15 of a share.
pub const LIMIT: f64 = 0.15;

/// A profile's numbers beside what was measured later.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// When the profile was made: names it.
    pub of: String,
    /// When it was measured again.
    pub measured: String,
    /// The second look was disturbed: repeat it before you believe it.
    pub noisy: bool,
    /// One per scalar, curve and class of operations that both have.
    pub rows: Vec<Moved>,
    /// Devices of the profile that could not be measured, with the reason where there is one.
    pub notes: Vec<String>,
}

/// One number then and now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The device's place in the profile.
    pub device: usize,
    /// Its name.
    pub device_name: String,
    /// It runs on the CPU: no evidence about GPUs.
    pub software: bool,
    /// The scalar, curve or class of operations.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Sizes behind it: of a curve the geometric means over them are compared; 1 for single numbers.
    pub sizes: usize,
    /// The profile's.
    pub was: f64,
    /// The later one.
    pub now: f64,
    /// now / was; for a share now − was.
    pub change: f64,
    /// What noise explains: [`LIMIT`] and the scatter of the samples, as a ratio above 1 or, for a share, a difference.
    pub limit: f64,
}

impl Moved {
    /// Whether it moved further than noise explains.
    pub fn drifted(&self) -> bool {
        match self.kind {
            Kind::Share => self.change.abs() > self.limit,
            _ => self.change > self.limit || self.change < 1.0 / self.limit,
        }
    }

    /// Whether the machine was better at it than the profile says.
    pub fn better(&self) -> bool {
        match self.kind {
            Kind::Time | Kind::Power => self.change < 1.0,
            Kind::Rate => self.change > 1.0,
            Kind::Share => self.change > 0.0,
        }
    }
}

impl Drift {
    /// What drifted.
    pub fn drifted(&self) -> impl Iterator<Item = &Moved> {
        self.rows.iter().filter(|r| r.drifted())
    }

    /// Where the drift of the profile at `path` lies: beside it, `profile.drift.json` for `profile.json`.
    pub fn path_beside(path: &Path) -> PathBuf {
        path.with_extension("drift.json")
    }

    /// Reads a drift; `None` where there is none, or it is of another profile than the one made at `created`.
    pub fn load(path: &Path, created: &str) -> Option<Self> {
        let drift: Self = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
        (drift.of == created).then_some(drift)
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn save(&self, path: &Path) -> Result<()> {
        let refused = |source| Error::Io { path: path.to_owned(), source };
        let text = serde_json::to_string_pretty(self).map_err(|e| refused(e.into()))?;
        std::fs::write(path, text + "\n").map_err(refused)
    }
}

/// Measures the profile's devices again, in under 4 seconds, and compares: fewer sizes than a calibration, the same probes.
///
/// The profile must be of this machine ([`key_like`](super::key_like)).
///
/// # Errors
/// When the pool cannot be started.
pub fn drift(profile: &Profile, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Drift> {
    let options = Options {
        quick: true,
        gpu: profile.gpus().next().is_some(),
        software: profile.gpus().any(|d| d.adapter.kind == DeviceKind::Software),
        threads: profile.host.pool_threads as usize,
    };
    let now = calibrate_by(&Plan::DRIFT, &options, progress)?;
    Ok(assess(profile, &now))
}

/// What moved between a profile and a later measurement of the same devices. Pure.
pub fn assess(profile: &Profile, now: &Profile) -> Drift {
    let Comparison { devices, unmatched, .. } = compare(profile, now);
    let mut notes: Vec<String> = unmatched[0].iter().map(|name| format!("{name} was not found")).collect();
    if !now.quality.notes.is_empty() {
        notes.push(now.quality.notes.clone());
    }
    // Pairs come in the order of the first profile's devices; those without a partner are left out.
    let mut rows = Vec::new();
    let mut from = 0;
    for device in &devices {
        let at = profile.devices[from..].iter().position(|d| d.adapter.name == device.names[0]).unwrap_or(0) + from;
        from = at + 1;
        rows.extend(moved(at, device));
    }
    Drift { of: profile.created.clone(), measured: now.created.clone(), noisy: now.quality.noisy, rows, notes }
}

fn moved(index: usize, device: &Device) -> Vec<Moved> {
    let mut rows = Vec::new();
    let mut rest = device.rows.as_slice();
    while let Some(first) = rest.first() {
        // Sizes of one curve follow each other.
        let same = |r: &Row| r.name == first.name && r.bytes.is_some() == first.bytes.is_some();
        let count = if first.bytes.is_some() { rest.iter().take_while(|r| same(r)).count() } else { 1 };
        let (group, after) = rest.split_at(count);
        rest = after;
        let (was, now) = match first.kind {
            Kind::Time if count > 1 => (mean(group.iter().map(|r| r.a)), mean(group.iter().map(|r| r.b))),
            _ => (first.a, first.b),
        };
        let (change, limit) = match first.kind {
            Kind::Share => (now - was, LIMIT + first.noise),
            _ if was > 0.0 && now > 0.0 => (now / was, (1.0 + LIMIT) * first.noise.exp()),
            // No time at all has no ratio.
            _ => continue,
        };
        rows.push(Moved {
            device: index,
            device_name: device.names[0].clone(),
            software: device.software,
            name: first.name.clone(),
            kind: first.kind,
            sizes: count,
            was: six_digits(was),
            now: six_digits(now),
            change: six_digits(change),
            limit: six_digits(limit),
        });
    }
    rows
}

/// As in profiles: what is below is noise.
fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// Geometric mean; 0 where one of them is.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), v: f64| (sum + v.ln(), n + 1.0));
    let mean = (sum / f64::max(n, 1.0)).exp();
    if mean.is_finite() { mean } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::profile::{Adapter, Host, Quality, Scalar, keys};

    /// Built-in numbers, as calm as if they had been measured on a quiet machine.
    fn profile() -> Profile {
        let host = Host { cpu_model: "Abacus 3000".into(), cores: 8, pool_threads: 8, ..Host::default() };
        let gpu = Adapter { name: "Card".into(), kind: DeviceKind::Discrete, ..Adapter::default() };
        let mut p = Profile::builtin(host, &[gpu]);
        p.quality.notes.clear();
        for device in &mut p.devices {
            for s in device.scalars.values_mut() {
                *s = Scalar { v: s.v, lo: s.v, hi: s.v, n: 9 };
            }
            for knot in device.curves.values_mut().flatten() {
                knot.p50_us = knot.min_us;
            }
        }
        p
    }

    fn slower(p: &mut Profile, device: usize, key: &str, factor: f64) {
        for knot in p.devices[device].curves.get_mut(key).expect("built in") {
            for us in [&mut knot.min_us, &mut knot.p50_us, &mut knot.p90_us] {
                *us *= factor;
            }
        }
    }

    fn names(d: &Drift) -> Vec<(usize, &str)> {
        d.drifted().map(|r| (r.device, r.name.as_str())).collect()
    }

    #[test]
    fn the_same_numbers_have_not_drifted() {
        let p = profile();
        let d = assess(&p, &p);
        assert_eq!(names(&d), []);
        assert!(d.notes.is_empty() && d.of == p.created);
        // Every number is looked at once.
        let numbers: usize = p.devices.iter().map(|d| d.scalars.len() + d.curves.len() + d.op_rates.len()).sum();
        // Shares count; a time of zero would not.
        assert_eq!(d.rows.len(), numbers);
    }

    #[test]
    fn fifteen_per_cent_is_the_limit() {
        let p = profile();
        let mut now = p.clone();
        slower(&mut now, 0, keys::STREAM, 1.14);
        slower(&mut now, 1, keys::UPLOAD, 1.16);
        now.devices[1].scalars.get_mut(keys::OVERLAP).expect("built in").v -= 0.2;
        *now.devices[0].op_rates.get_mut("div").expect("built in") *= 1.3;
        let d = assess(&p, &now);
        assert_eq!(names(&d), [(0, "div"), (1, keys::OVERLAP), (1, keys::UPLOAD)]);
        let row = |name: &str| d.rows.iter().find(|r| r.name == name && r.drifted()).expect("has drifted");
        assert!(row("div").better() && !row(keys::UPLOAD).better() && !row(keys::OVERLAP).better());
        assert!((row(keys::UPLOAD).change - 1.16).abs() < 1e-9 && row(keys::UPLOAD).sizes > 5);
    }

    #[test]
    fn what_noise_explains_is_no_drift() {
        let p = profile();
        let mut now = p.clone();
        slower(&mut now, 0, keys::STREAM, 1.4);
        // Every other sample of the second look was a third slower than its fastest.
        for knot in now.devices[0].curves.get_mut(keys::STREAM).expect("built in") {
            knot.p50_us = 1.33 * knot.min_us;
        }
        assert_eq!(names(&assess(&p, &now)), []);
        slower(&mut now, 0, keys::STREAM, 1.2);
        assert_eq!(names(&assess(&p, &now)), [(0, keys::STREAM)]);
    }

    #[test]
    fn says_what_could_not_be_measured() {
        let p = profile();
        let mut now = p.clone();
        now.devices.remove(1);
        now.quality = Quality { noisy: true, notes: "Card not measured: lost".into(), ..Quality::default() };
        let d = assess(&p, &now);
        assert_eq!(d.notes, ["Card was not found", "Card not measured: lost"]);
        assert!(d.noisy && d.rows.iter().all(|r| r.device == 0));
    }

    #[test]
    fn a_file_belongs_to_one_profile() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = Drift::path_beside(&directory.path().join("profile.json"));
        assert!(path.ends_with("profile.drift.json"));
        let drift = assess(&profile(), &profile());
        drift.save(&path).expect("writable");
        assert_eq!(Drift::load(&path, &drift.of), Some(drift));
        assert_eq!(Drift::load(&path, "another day"), None);
        std::fs::write(&path, "{").expect("writable");
        assert_eq!(Drift::load(&path, "built in"), None);
    }
}
