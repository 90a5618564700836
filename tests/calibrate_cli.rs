//! The `veda-calibrate` command as a user meets it: what it writes, what it refuses, and in which words.

use std::path::Path;
use std::process::{Command, Output};

use veda::calibrate::compare::Comparison;
use veda::calibrate::drift::Drift;
use veda::calibrate::names;
use veda::planner::Profile;
use veda::planner::profile::{Adapter, DeviceKind, Host, keys};
use veda::planner::work::OpCounts;

fn run(args: &[&str]) -> Output {
    // The user's own profile and thread count must not leak into the tests.
    Command::new(env!("CARGO_BIN_EXE_veda-calibrate"))
        .args(args)
        .env_remove("VEDA_PROFILE")
        .env_remove("VEDA_NUM_THREADS")
        .env_remove("RAYON_NUM_THREADS")
        .output()
        .expect("the binary starts")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The one line of an error; nothing else may be printed.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let error = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    // A Vulkan loader without a session may add lines of its own; ours is the last.
    let line = error.lines().last().expect("says something").to_owned();
    assert!(line.starts_with("veda-calibrate: "), "{error}");
    assert_eq!(error.matches("veda-calibrate: ").count(), 1, "{error}");
    line
}

fn foreign() -> Profile {
    let host = Host { cpu_model: "Abacus 3000".into(), cores: 8, pool_threads: 8, ..Host::default() };
    let gpu = Adapter { name: "Card".into(), kind: DeviceKind::Discrete, ..Adapter::default() };
    Profile::builtin(host, &[gpu])
}

#[test]
fn a_corrupt_profile_is_named_with_the_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("broken.json");
    std::fs::write(&file, "{\n  \"schema\": oops\n").expect("writable");
    let page = directory.path().join("page.html");
    std::fs::write(&page, "old").expect("writable");
    let good = directory.path().join("good.json");
    foreign().save(&good).expect("writable");
    for args in [
        vec!["show", text(&file)],
        vec!["check", text(&file)],
        vec!["drift", text(&file)],
        vec!["compare", text(&good), text(&file)],
        vec!["compare", text(&file), text(&good), "--json"],
        vec!["report", text(&file), "--output", text(&page)],
    ] {
        let line = refusal(&run(&args));
        assert!(line.contains("broken.json") && line.contains("line 2"), "{line}");
    }
    assert_eq!(std::fs::read_to_string(&page).expect("still there"), "old");
}

#[test]
fn a_missing_profile_says_how_to_make_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let line = refusal(&run(&["show", text(&directory.path().join("none.json"))]));
    assert!(line.contains("none.json") && line.contains("cargo calibrate run"), "{line}");
}

#[test]
fn another_machines_profile_is_shown_but_not_checked() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("foreign.json");
    foreign().save(&file).expect("writable");
    for command in [&["check"][..], &["check", "--graph"], &["drift"]] {
        let line = refusal(&run(&[command, &[text(&file)]].concat()));
        assert!(line.contains("another machine") && line.contains("host.cpu_model"), "{line}");
        assert!(line.contains("Abacus 3000"), "{line}");
    }
    assert!(!Drift::path_beside(&file).exists(), "nothing was measured");
    let shown = stdout(&run(&["show", text(&file)]));
    assert!(shown.contains("Abacus 3000") && shown.contains("host.cpu_model"), "{shown}");
    for device in foreign().devices {
        for key in device.curves.keys().chain(device.scalars.keys()).chain(device.op_rates.keys()) {
            assert!(shown.contains(key.as_str()), "{key} is not shown");
        }
    }
}

#[test]
fn refuses_an_output_that_cannot_be_written_before_it_measures() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "kept").expect("writable");
    for bad in [directory.path().to_owned(), file.join("below.json")] {
        let line = refusal(&run(&["run", "--quick", "--no-gpu", "--output", text(&bad)]));
        assert!(line.contains(text(&bad)), "{line}");
    }
    let profile = directory.path().join("p.json");
    foreign().save(&profile).expect("writable");
    refusal(&run(&["report", text(&profile), "--output", text(&file.join("page.html"))]));
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), "kept");
    // The file, the profile and its lock.
    assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 3, "temporary files were left behind");
}

#[test]
fn report_writes_one_page_over_an_old_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, page) = (directory.path().join("p.json"), directory.path().join("page.html"));
    foreign().save(&file).expect("writable");
    std::fs::write(&page, "old").expect("writable");
    stdout(&run(&["report", text(&file), "--output", text(&page)]));
    let html = std::fs::read_to_string(&page).expect("readable");
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"), "{html}");
    assert!(html.contains("Abacus 3000"));
}

/// The same machine, whose card and memory became slower.
fn aged() -> Profile {
    let mut profile = foreign();
    for (device, key) in [(0, keys::STREAM), (1, keys::UPLOAD)] {
        for knot in profile.devices[device].curves.get_mut(key).expect("built in") {
            for us in [&mut knot.min_us, &mut knot.p50_us, &mut knot.p90_us] {
                *us *= 5.0;
            }
        }
    }
    profile
}

#[test]
fn compare_shows_numbers_crossovers_and_decisions() {
    let directory = tempfile::tempdir().expect("a directory");
    let (a, b) = (directory.path().join("a.json"), directory.path().join("b.json"));
    foreign().save(&a).expect("writable");
    aged().save(&b).expect("writable");
    let shown = stdout(&run(&["compare", text(&a), text(&b)]));
    let line =
        |start: &str| shown.lines().find(|l| l.trim_start().starts_with(start)).unwrap_or_else(|| panic!("{shown}"));
    assert!(line("upload of 1 MiB").ends_with("×5.00"), "{shown}");
    assert!(line("download of 1 MiB").ends_with("×1.00"), "{shown}");
    assert!(line("logistic").contains("GPU 0") && shown.contains("GPU 0 in A, CPU in B"), "{shown}");
    let json = stdout(&run(&["compare", text(&a), text(&b), "--json"]));
    let found: Comparison = serde_json::from_str(&json).expect("a comparison");
    let mean = found.devices[1]
        .rows
        .iter()
        .filter(|r| r.name == keys::UPLOAD)
        .filter_map(veda::calibrate::compare::Row::change);
    assert!(mean.clone().count() > 3 && mean.clone().all(|x| (x - 5.0).abs() < 0.01), "{json}");
    assert!(!found.decisions.is_empty() && found.crossovers.iter().any(|c| c.cold[0] != c.cold[1]));
    // A profile beside itself differs in nothing.
    let json = stdout(&run(&["compare", text(&a), text(&a), "--json"]));
    let same: Comparison = serde_json::from_str(&json).expect("a comparison");
    assert!(same.decisions.is_empty() && same.calls == found.calls, "{json}");
}

#[test]
fn devices_lists_or_says_that_there_are_none() {
    let listed = stdout(&run(&["devices"]));
    assert!(listed.contains("routing") || listed.contains("run on the CPU"), "{listed}");
}

#[cfg(feature = "gpu")]
#[test]
fn a_gpu_that_cannot_be_measured_stays_in_the_profile_without_numbers() {
    let found = veda::calibrate::adapters(true);
    if found.is_empty() {
        assert_ne!(std::env::var("VEDA_REQUIRE_GPU").as_deref(), Ok("1"), "VEDA_REQUIRE_GPU=1 and there is no adapter");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("p.json");
    let output = Command::new(env!("CARGO_BIN_EXE_veda-calibrate"))
        .args(["run", "--quick", "--software", "--output", text(&file)])
        .env("VEDA_GPU_MEMORY", "1")
        .output()
        .expect("the binary starts");
    assert!(stdout(&output).contains("not measured"), "{output:?}");
    let profile = Profile::load(&file).expect("a valid profile");
    assert_eq!(profile.gpus().count(), found.len());
    assert!(profile.gpus().all(|d| d.curves.is_empty()), "the budget of one byte cannot hold a buffer");
    assert!(profile.quality.notes.contains("budget"), "{}", profile.quality.notes);
    for command in ["show", "report"] {
        let page = directory.path().join("page.html");
        let mut args = vec![command, text(&file)];
        if command == "report" {
            args.extend(["--output", text(&page)]);
        }
        stdout(&run(&args));
    }
}

/// A profile that was measured here: complete, and valid on this machine.
fn measured(args: &[&str]) -> (tempfile::TempDir, std::path::PathBuf, Profile) {
    let directory = tempfile::tempdir().expect("a directory");
    // Missing directories are made.
    let file = directory.path().join("new/profile.json");
    let mut all = vec!["run", "--quick", "--output", text(&file)];
    all.extend(args);
    stdout(&run(&all));
    let profile = Profile::load(&file).expect("a valid profile");
    let shown = stdout(&run(&["show", text(&file)]));
    assert!(shown.lines().any(|l| l.starts_with("this machine") && l.ends_with("yes")), "{shown}");
    assert!(!profile.builtin && profile.quality.epochs >= 3);
    let cpu = profile.cpu().expect("a CPU");
    for key in [keys::STREAM, keys::STREAM_ONE, keys::GATHER] {
        assert!(cpu.curves.get(key).is_some_and(|k| k.len() >= 5), "{key}");
    }
    for device in &profile.devices {
        assert_eq!(device.op_rates.len(), OpCounts::NAMES.len());
        assert!(device.scalars.values().all(|s| s.n > 0 && s.lo <= s.v && s.v <= s.hi), "{:?}", device.scalars);
        assert!((0.0..=1.0).contains(&device.scalars[keys::OVERLAP].v), "{:?}", device.scalars);
    }
    for key in [keys::FORK_JOIN_US, names::FORK_JOIN_PARKED_US, names::TASK_US, names::SPLIT_US] {
        assert!(cpu.scalars.contains_key(key), "{key}");
    }
    // A block is a part of what an empty call costs, and a task is no slower than waking sleepers for it.
    assert!(cpu.scalars[names::SPLIT_US].v < cpu.scalars[names::FORK_JOIN_PARKED_US].v, "{:?}", cpu.scalars);
    (directory, file, profile)
}

#[test]
fn a_quick_run_of_the_cpu_holds_on_this_machine() {
    let (directory, file, profile) = measured(&["--no-gpu"]);
    assert_eq!(profile.gpus().count(), 0);
    profile.matches(&veda::calibrate::key_like(&profile)).expect("measured here");

    // A second look: how far numbers move is the machine's business, that it is said consistently is ours.
    let output = run(&["drift", text(&file), "--json"]);
    let drift: Drift = serde_json::from_slice(&output.stdout).expect("a drift");
    let expected = if drift.drifted().next().is_some() { 3 } else { 0 };
    assert_eq!(output.status.code(), Some(expected), "{output:?}");
    let cpu = profile.cpu().expect("a CPU");
    assert_eq!(drift.rows.len(), cpu.scalars.len() + cpu.curves.len() + cpu.op_rates.len());
    assert_eq!(drift.of, profile.created);
    let saved = Drift::load(&Drift::path_beside(&file), &profile.created).expect("saved beside the profile");
    assert_eq!(saved, drift);
    let page = directory.path().join("page.html");
    let checked = stdout(&run(&["check", "--graph", "--size", "160", "120", "--page", text(&page), text(&file)]));
    assert_eq!(checked.matches("== planned").count(), 2, "{checked}");
    assert!(checked.contains("all CPU") && checked.contains("where the model was wrong"), "{checked}");
    let gantt = std::fs::read_to_string(&page).expect("readable");
    assert!(gantt.contains("decode") && gantt.contains("encode"), "{gantt}");
    stdout(&run(&["report", text(&file), "--output", text(&page)]));
    let html = std::fs::read_to_string(&page).expect("readable");
    assert!(html.contains("What moved since") && html.contains("What one more costs"), "{html}");
}

#[cfg(feature = "gpu")]
#[test]
fn a_quick_run_with_software_adapters_measures_them() {
    let found = veda::calibrate::adapters(true);
    if found.is_empty() {
        assert_ne!(std::env::var("VEDA_REQUIRE_GPU").as_deref(), Ok("1"), "VEDA_REQUIRE_GPU=1 and there is no adapter");
        return;
    }
    let (_directory, _, profile) = measured(&["--software"]);
    assert_eq!(profile.gpus().count(), found.len(), "{}", profile.quality.notes);
    for gpu in profile.gpus() {
        for key in [keys::UPLOAD, keys::DOWNLOAD, keys::STREAM, keys::GATHER, keys::REDUCE] {
            assert!(gpu.curves.get(key).is_some_and(|k| k.len() >= 3), "{key}");
        }
        for key in [keys::ROUND_TRIP_US, keys::MARGINAL_US, keys::FILL_US, keys::COMPILE_US] {
            assert!(gpu.scalars.contains_key(key), "{key}");
        }
        for key in [keys::OVERLAP_UPLOAD, keys::OVERLAP_DOWNLOAD] {
            assert!((0.0..=1.0).contains(&gpu.scalars[key].v), "{key}");
        }
        // A dispatch among many costs less than one that is waited for; so does a submit.
        for key in [keys::MARGINAL_US, names::SUBMIT_US, names::BIND_US] {
            assert!(gpu.scalars[key].v < gpu.scalars[keys::ROUND_TRIP_US].v, "{key}: {:?}", gpu.scalars);
        }
        assert!(gpu.limits[keys::MEMORY_BYTES] > 0);
    }
}
