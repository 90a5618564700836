//! Runs the example `photo` as a user does: real pictures, every device, and input that must be refused.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{ColorType, ImageReader};

/// The example beside this test binary (`target/PROFILE/deps/..` -> `target/PROFILE/examples`); `cargo test` builds it.
fn command(device: &str, args: &[&OsStr]) -> Command {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples").join(format!("photo{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is missing; `cargo build --examples` makes it", path.display());
    let mut command = Command::new(path);
    command.args(args).env("VEDA_DEVICE", device);
    command
}

fn photo(device: &str, args: &[&OsStr]) -> Output {
    command(device, args).output().unwrap()
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data").join(name)
}

fn developed(device: &str, input: &Path, output: &Path) -> image::DynamicImage {
    let run = photo(device, &[input.as_os_str(), output.as_os_str()]);
    assert!(run.status.success(), "{device}: {}", String::from_utf8_lossy(&run.stderr));
    ImageReader::open(output).unwrap().decode().unwrap()
}

/// Refused with one line on stderr that starts with `expected`, and the old output still there, alone.
fn refused(device: &str, input: &Path, expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("kept.png");
    std::fs::write(&output, b"precious").unwrap();
    let run = photo(device, &[input.as_os_str(), output.as_os_str()]);
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success(), "{} was accepted", input.display());
    assert!(stderr.starts_with(expected) && stderr.trim_end().lines().count() == 1, "stderr: {stderr}");
    assert_eq!(std::fs::read(&output).unwrap(), b"precious");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "a temporary file was left behind");
}

#[test]
fn keeps_size_and_depth() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out.png");
    for (name, size, color) in [
        ("astronaut.png", (512, 512), ColorType::Rgb8),
        ("hubble_deep_field.jpg", (1000, 872), ColorType::Rgb8),
        ("jacksboro_elevation_u16.png", (403, 344), ColorType::L16),
    ] {
        let picture = developed("cpu", &data(name), &output);
        assert_eq!(((picture.width(), picture.height()), picture.color()), (size, color), "{name}");
    }
}

#[test]
fn develops_the_same_picture_on_cpu_and_gpu() {
    let dir = tempfile::tempdir().unwrap();
    let input = data("astronaut.png");
    let cpu = developed("cpu", &input, &dir.path().join("cpu.png")).into_rgb8();
    assert_ne!(cpu, ImageReader::open(&input).unwrap().decode().unwrap().into_rgb8(), "nothing was developed");
    let output = dir.path().join("gpu.png");
    let run = photo("software", &[input.as_os_str(), output.as_os_str()]);
    if !run.status.success() {
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert!(stderr.contains("no usable GPU"), "{stderr}");
        assert!(std::env::var_os("VEDA_REQUIRE_GPU").is_none(), "a GPU is required here: {stderr}");
        eprintln!("not compared: {stderr}");
        return;
    }
    let gpu = ImageReader::open(&output).unwrap().decode().unwrap().into_rgb8();
    assert_eq!(cpu.dimensions(), gpu.dimensions());
    let worst = cpu.iter().zip(gpu.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst <= 1, "pictures differ by {worst}/255");
}

#[test]
fn refuses_truncated_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let whole = std::fs::read(data("astronaut.png")).unwrap();
    for keep in [0, 7, 40, whole.len() / 2, whole.len() - 100] {
        let cut = dir.path().join("cut.png");
        std::fs::write(&cut, &whole[..keep]).unwrap();
        refused("cpu", &cut, "photo: cannot read ");
    }
}

#[test]
fn refuses_what_is_not_there_or_not_a_picture() {
    refused("cpu", Path::new("no/such/picture.png"), "photo: cannot read no/such/picture.png: ");
    refused("cpu", &data("README.md"), "photo: cannot read ");
}

#[test]
fn refuses_an_unknown_device() {
    refused("toaster", &data("astronaut.png"), "photo: `VEDA_DEVICE` is `toaster`");
}

#[test]
fn reports_an_output_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let run = photo("cpu", &[data("astronaut.png").as_os_str(), dir.path().join("no/such/dir.png").as_os_str()]);
    assert!(!run.status.success());
    assert!(String::from_utf8_lossy(&run.stderr).starts_with("photo: cannot write "));
}

/// Killed at any moment, the program leaves the old picture or the new one under the name, and the next run works.
#[test]
fn killed_in_mid_run() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (data("astronaut.png"), dir.path().join("out.png"));
    developed("cpu", &input, &output);
    let whole = std::fs::read(&output).unwrap();
    for milliseconds in [0, 5, 20, 40, 60, 80, 100, 150] {
        std::fs::write(&output, b"precious").unwrap();
        let mut run = command("cpu", &[input.as_os_str(), output.as_os_str()])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        run.kill().unwrap();
        run.wait().unwrap();
        let left = std::fs::read(&output).unwrap();
        assert!(left == b"precious" || left == whole, "{} bytes after {milliseconds} ms", left.len());
    }
    developed("cpu", &input, &output);
    assert_eq!(std::fs::read(&output).unwrap(), whole);
}
