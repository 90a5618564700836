//! What was learned survives the process, if that is wanted, and never at the price of the profile.
#![allow(missing_docs)]

mod robust_support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use veda::gpu::{GpuKernel, execute};
use veda::planner::Profile;
use veda::planner::profile::Learned;
use veda::{Config, DeviceChoice, Error, Learning, Runtime};

#[veda::kernel]
fn scale(a: f32, x: f32) -> f32 {
    a * x
}

fn config(profile: Option<&Path>, learning: Option<Learning>) -> Config {
    let mut builder = Config::builder().device(DeviceChoice::Cpu).num_threads(2);
    if let Some(path) = profile {
        builder = builder.profile(path);
    }
    match learning {
        Some(learning) => builder.learning(learning).build(),
        None => builder.build(),
    }
}

/// A call that teaches, also where nothing counts calls.
fn teach(runtime: &Runtime, calls: usize) {
    let x = vec![1.5f32; 20_000];
    for _ in 0..calls {
        let (result, _) = veda::explain(|| scale::on(2.0, &x).route(runtime).unwrap());
        assert_eq!(result[19_999], 3.0);
    }
}

/// A profile of this machine, as calibration would leave it.
fn calibrated(path: &Path) -> Profile {
    let mut profile = Profile::builtin(veda::calibrate::host::host(2), &[]);
    profile.builtin = false;
    "now".clone_into(&mut profile.created);
    profile.save(path).unwrap();
    Profile::load(path).unwrap()
}

/// Observations of the kernel in a file.
fn observations(path: &Path) -> u64 {
    let profile = Profile::load(path).unwrap();
    profile.learned.iter().filter(|(key, _)| key.contains("/cpu/host")).map(|(_, l)| l.n).sum()
}

fn numbers(path: &Path) -> Profile {
    Profile { learned: std::collections::BTreeMap::default(), ..Profile::load(path).unwrap() }
}

fn file(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("profile.json")
}

#[test]
fn the_end_of_a_runtime_saves_into_the_profile_and_the_next_one_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    let before = calibrated(&path);
    for run in 1..=3 {
        let runtime = Runtime::new(config(Some(&path), Some(Learning::Save))).unwrap();
        teach(&runtime, 5);
        drop(runtime);
        assert_eq!(observations(&path), 5 * run);
    }
    assert_eq!(
        numbers(&path),
        Profile { learned: std::collections::BTreeMap::default(), ..before },
        "only what was learned changes"
    );
}

#[test]
fn a_named_profile_is_not_written_unasked() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    calibrated(&path);
    let before = std::fs::read(&path).unwrap();
    for learning in [None, Some(Learning::Session), Some(Learning::Off)] {
        let runtime = Runtime::new(config(Some(&path), learning)).unwrap();
        teach(&runtime, 5);
        runtime.shutdown(Duration::from_secs(20)).unwrap();
        drop(runtime);
        assert_eq!(std::fs::read(&path).unwrap(), before, "{learning:?}");
    }
    // Asked, it is.
    let runtime = Runtime::new(config(Some(&path), None)).unwrap();
    teach(&runtime, 5);
    assert_eq!(runtime.save_profile().unwrap(), Some(path.clone()));
    assert_eq!(runtime.save_profile().unwrap(), None, "nothing new since");
    assert_eq!(observations(&path), 5);
    // Where nothing is learned there is nothing to save.
    let runtime = Runtime::new(config(Some(&path), Some(Learning::Off))).unwrap();
    teach(&runtime, 5);
    assert_eq!(runtime.save_profile().unwrap(), None);
}

#[test]
fn what_two_runtimes_learn_at_once_is_added() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    calibrated(&path);
    let runtimes: Vec<Runtime> =
        (0..4).map(|_| Runtime::new(config(Some(&path), Some(Learning::Save))).unwrap()).collect();
    std::thread::scope(|scope| {
        for (i, runtime) in runtimes.iter().enumerate() {
            scope.spawn(move || {
                for _ in 0..3 {
                    teach(runtime, i + 1);
                    runtime.save_profile().unwrap();
                }
            });
        }
    });
    drop(runtimes);
    assert_eq!(observations(&path), 3 * (1 + 2 + 3 + 4));
}

#[test]
fn files_that_are_damaged_newer_foreign_or_calibrated_again_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    let good = calibrated(&path).to_json().unwrap();
    let again = good.replace("\"now\"", "\"later\"");
    let newer = good.replace("veda-profile/1", "veda-profile/2");
    let half = good[..good.len() / 2].to_owned();
    for (content, is_error) in [(again, false), (newer, true), (half, true), (String::new(), true)] {
        std::fs::write(&path, &good).unwrap();
        let runtime = Runtime::new(config(Some(&path), Some(Learning::Save))).unwrap();
        teach(&runtime, 3);
        std::fs::write(&path, &content).unwrap();
        match runtime.save_profile() {
            Ok(None) if !is_error => {}
            Err(Error::Profile { .. }) if is_error => {}
            other => panic!("{other:?} for {:?}", &content[..content.len().min(40)]),
        }
        drop(runtime);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    // A calibrated file that was removed does not come back.
    std::fs::write(&path, &good).unwrap();
    let runtime = Runtime::new(config(Some(&path), Some(Learning::Save))).unwrap();
    teach(&runtime, 3);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(runtime.save_profile().unwrap(), None);
    assert!(!path.exists());
}

isolated! { fn without_a_profile_nothing_is_written_unless_it_is_wanted [VEDA_DEVICE = "cpu"] {
    let path = Profile::default_path().unwrap();
    let runtime = Runtime::new(config(None, None)).unwrap();
    teach(&runtime, 3);
    drop(runtime);
    assert!(!path.exists() && !path.parent().unwrap().exists());
    let runtime = Runtime::new(config(None, Some(Learning::Save))).unwrap();
    teach(&runtime, 3);
    drop(runtime);
    let made = Profile::load(&path).unwrap();
    assert!(made.builtin && observations(&path) == 3);
    // The next run uses it, and adds to it.
    let runtime = Runtime::new(config(None, None)).unwrap();
    teach(&runtime, 3);
    assert_eq!(runtime.save_profile().unwrap(), Some(path.clone()));
    assert_eq!(observations(&path), 6);
    // Another version's built-in numbers may differ: it begins afresh.
    let mut old = made.clone();
    old.tool_version = "0.0.1".to_owned();
    old.save(&path).unwrap();
    let runtime = Runtime::new(config(None, Some(Learning::Save))).unwrap();
    teach(&runtime, 2);
    drop(runtime);
    assert_eq!(observations(&path), 2);
    assert_eq!(Profile::load(&path).unwrap().tool_version, made.tool_version);
}}

isolated! { fn a_program_that_only_ends_saves_too [VEDA_DEVICE = "cpu", VEDA_LEARN = "save"] {
    if cfg!(windows) {
        return; // destructors of threads run when all others were ended: see the code
    }
    let path = Profile::default_path().unwrap();
    // The thread that starts the global runtime stands for `main`.
    std::thread::spawn(|| {
        let x = vec![1.0f32; 10_000];
        let (result, _) = veda::explain(|| execute(scale::on(2.0, &x)).unwrap());
        assert_eq!(result[0], 2.0);
    }).join().unwrap();
    assert_eq!(observations(&path), 1);
}}

isolated! { fn a_bad_word_for_learning_is_named [VEDA_LEARN = "perhaps", VEDA_DEVICE = "cpu"] {
    assert!(matches!(veda::init(), Err(Error::Config { name: "VEDA_LEARN", .. })));
    let x = vec![1.0f32; 10];
    assert_eq!(execute(scale::on(2.0, &x)).unwrap(), [2.0; 10]);
    assert!(Runtime::global().unwrap().notes().iter().any(|n| n.contains("VEDA_LEARN") && n.contains("perhaps")));
}}

const VICTIM: &str = "VEDA_TEST_VICTIM";

/// Not a test: saves without end until it is killed.
#[test]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM).map(PathBuf::from) else { return };
    loop {
        let add = |found: Option<Profile>| {
            let mut profile = found?;
            for i in 0..500 {
                let n = profile.learned.get(&format!("{i:016x}/cpu/host")).map_or(0, |l| l.n) + 1;
                profile.learned.insert(format!("{i:016x}/cpu/host"), Learned { mean: 0.1, variance: 0.01, n });
            }
            Some(profile)
        };
        Profile::update(&path, Duration::from_secs(5), add).unwrap();
    }
}

#[test]
fn a_process_that_is_killed_while_it_saves_leaves_a_whole_profile() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    calibrated(&path);
    let (mut last, mut moved) = (0, 0);
    for round in 0..40u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["victim", "--exact"])
            .env(VICTIM, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Killed at a different moment each time, some before the first save.
        std::thread::sleep(Duration::from_micros(3_000 + round * 2_377 % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = observations(&path);
        assert!(now >= last, "round {round}: {now} after {last}");
        moved += u64::from(now > last);
        last = now;
    }
    println!("{moved} of 40 were killed after at least one save; {last} observations");
    assert!(moved > 0, "no child came to save");
    // Neither the lock nor the temporary file of a dead process is in the way.
    calibrated(&path);
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    assert!(left <= 2, "{left} files: the profile and its lock");
}
