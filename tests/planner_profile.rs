//! Profile files: what can be wrong with one, and that writing one loses nothing.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use veda::planner::Profile;
use veda::planner::profile_file::ProfileError;

const FIXTURES: [&str; 4] = ["discrete-pcie", "integrated-uma", "h200-from-specifications", "none"];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/profiles").join(format!("{name}.json"))
}

fn discrete() -> Value {
    serde_json::from_str(&fs::read_to_string(path("discrete-pcie")).expect("the fixture exists")).expect("JSON")
}

fn rejected(edit: impl FnOnce(&mut Value)) -> ProfileError {
    let mut tree = discrete();
    edit(&mut tree);
    Profile::from_json(&tree.to_string()).expect_err("the profile is broken")
}

#[test]
fn saving_writes_the_bytes_that_were_loaded() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for name in FIXTURES {
        let profile = Profile::load(&path(name)).unwrap_or_else(|e| panic!("{name} {e}"));
        let copy = directory.path().join("made/on/demand").join(name);
        profile.save(&copy).expect("a new file");
        assert_eq!(fs::read_to_string(&copy).expect("saved"), fs::read_to_string(path(name)).expect("kept"), "{name}");
        assert_eq!(Profile::load(&copy).expect("what was saved"), profile);
    }
}

#[test]
fn saving_replaces_the_file_and_leaves_nothing_else() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("profile.json");
    let (first, second) =
        (Profile::load(&path("none")).expect("valid"), Profile::load(&path("discrete-pcie")).expect("valid"));
    // Readers beside a writer see one profile or the other, never half of one.
    first.save(&file).expect("a new file");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for i in 0..40 {
                (if i % 2 == 0 { &second } else { &first }).save(&file).expect("replaced");
            }
        });
        while !writer.is_finished() {
            let seen = Profile::load(&file).expect("a whole profile");
            assert!(seen == first || seen == second);
        }
    });
    let mut left: Vec<_> =
        fs::read_dir(directory.path()).expect("readable").map(|e| e.expect("entry").file_name()).collect();
    left.sort();
    assert_eq!(left, [".profile.json.lock", "profile.json"]);
}

#[test]
fn an_impossible_profile_is_not_saved() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("profile.json");
    let mut profile = Profile::load(&path("discrete-pcie")).expect("valid");
    profile.devices[1].curves.get_mut("upload").expect("a GPU has it")[3].min_us = f64::NAN;
    let error = profile.save(&file).expect_err("NaN is not a time");
    assert!(
        matches!(&error, ProfileError::BadNumber { field, value, .. }
        if field == "devices[1].curves.upload[3][1]" && value.is_nan()),
        "{error}"
    );
    assert!(!file.exists());
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let missing = directory.path().join("missing.json");
    let error = Profile::load(&missing).expect_err("no such file");
    assert!(matches!(&error, ProfileError::Unreadable { path, .. } if *path == missing), "{error}");
    let shown = error.at(&missing).to_string();
    assert!(shown.contains("missing.json") && shown.contains("cannot be read"), "{shown}");
    // A directory lies where the file should.
    let error = Profile::load(&path("none")).expect("valid").save(directory.path()).expect_err("a directory");
    assert!(matches!(&error, ProfileError::Unwritable { path, .. } if path == directory.path()), "{error}");
}

#[test]
fn text_that_is_not_json_is_located() {
    let error = Profile::from_json("{\n  \"schema\": ?\n}").expect_err("not JSON");
    assert!(matches!(error, ProfileError::NotJson { line: 2, column: 13, .. }), "{error:?}");
    assert_eq!(error.to_string(), "is not JSON: expected value (line 2, column 13)");
    // JSON has no NaN: it is a syntax error, with its place.
    let nan = fs::read_to_string(path("none")).expect("kept").replacen("\"cpu_wall\": 0.98", "\"cpu_wall\": NaN", 1);
    assert!(matches!(Profile::from_json(&nan), Err(ProfileError::NotJson { line: 8, .. })));
    assert!(matches!(Profile::from_json(""), Err(ProfileError::NotJson { .. })));
    // Valid JSON that is no object.
    assert!(matches!(Profile::from_json("[]"), Err(ProfileError::MissingField { field }) if field == "schema"));
}

#[test]
fn another_schema_is_judged_before_its_fields() {
    let error = Profile::from_json(r#"{"schema": "veda-profile/9", "new": 1}"#).expect_err("from the future");
    assert!(matches!(&error, ProfileError::WrongSchema { found } if found == "veda-profile/9"));
    assert_eq!(error.to_string(), "has schema `veda-profile/9`, this version reads `veda-profile/1`");
}

#[test]
fn a_missing_field_is_named_with_its_path() {
    for (pointer, key, field) in [
        ("", "schema", "schema"),
        ("", "devices", "devices"),
        ("/host", "pool_threads", "host.pool_threads"),
        ("/quality", "epochs", "quality.epochs"),
        ("/devices/1", "curves", "devices[1].curves"),
        ("/devices/1/adapter", "kind", "devices[1].adapter.kind"),
    ] {
        let error = rejected(|t| {
            t.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object").remove(key).expect("the field");
        });
        assert_eq!(error.to_string(), format!("field `{field}` is missing"));
        assert!(matches!(error, ProfileError::MissingField { field: found } if found == field));
    }
}

#[test]
fn a_wrong_type_is_located() {
    let error = rejected(|t| t["host"]["cores"] = json!("many"));
    assert!(matches!(&error, ProfileError::WrongType { reason, .. } if reason.contains("many")), "{error}");
    let error = rejected(|t| t["devices"][1]["adapter"]["kind"] = json!("quantum"));
    assert!(matches!(&error, ProfileError::WrongType { reason, .. } if reason.contains("quantum")), "{error}");
}

#[test]
fn impossible_numbers_are_named() {
    for (pointer, value, field) in [
        ("/devices/1/scalars/round_trip_us/v", json!(-1.0), "devices[1].scalars.round_trip_us.v"),
        ("/devices/0/op_rates/add", json!(0.0), "devices[0].op_rates.add"),
        ("/devices/1/curves/upload/2/1", json!(-3.5), "devices[1].curves.upload[2][1]"),
        ("/devices/1/curves/upload/0/0", json!(0), "devices[1].curves.upload[0][0]"),
        ("/devices/1/curves/stream", json!([]), "devices[1].curves.stream"),
        ("/host/pool_threads", json!(0), "host.pool_threads"),
        ("/quality/cpu_wall", json!(-0.5), "quality.cpu_wall"),
        ("/learned", json!({"launch/gpu0": {"mean": 0.0, "variance": -1.0, "n": 1}}), "learned.launch/gpu0.variance"),
    ] {
        let error = rejected(|t| *t.pointer_mut(pointer).expect("the field") = value);
        assert!(matches!(&error, ProfileError::BadNumber { field: found, .. } if found == field), "{field}: {error}");
        assert!(error.to_string().contains("expected"), "{error}");
    }
}

#[test]
fn sizes_of_a_curve_increase() {
    let error = rejected(|t| t["devices"][1]["curves"]["download"][4][0] = json!(1024));
    assert!(matches!(&error, ProfileError::NotIncreasing { field, index: 4 } if field == "devices[1].curves.download"));
    assert_eq!(error.to_string(), "`devices[1].curves.download[4]`: sizes must increase from knot to knot");
}

#[test]
fn exactly_one_device_is_the_cpu() {
    let error = rejected(|t| t["devices"][1]["adapter"]["kind"] = json!("cpu"));
    assert!(matches!(error, ProfileError::NotOneCpu { found: 2 }), "{error}");
}

#[test]
fn the_first_field_that_differs_is_named() {
    let profile = Profile::load(&path("discrete-pcie")).expect("valid");
    let key = profile.key();
    assert_eq!(profile.matches(&key), Ok(()));
    let differs = |edit: &dyn Fn(&mut veda::planner::profile_key::ProfileKey)| {
        let mut other = key.clone();
        edit(&mut other);
        assert_ne!(other.hash(), key.hash());
        profile.matches(&other).expect_err("another machine")
    };
    assert_eq!(differs(&|k| k.cpu_model = "Another CPU".to_owned()).field, "host.cpu_model");
    assert_eq!(differs(&|k| k.pool_threads = 4).field, "host.pool_threads");
    assert_eq!(differs(&|k| k.target_features = "avx2".to_owned()).field, "host.target_features");
    assert_eq!(differs(&|k| k.adapters.clear()).field, "gpus");
    let driver = differs(&|k| k.adapters[0].driver_info = "1.1".to_owned());
    assert_eq!(driver.to_string(), "`gpu[0].adapter.driver_info` is `1.0` in the profile and `1.1` here");
}
