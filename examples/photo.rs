//! Develops a photograph: exposure, a filmic tone curve and sharpening in linear light and back, with statistics and
//! the reasons for where each step ran.

mod support;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use support::picture::{self, Picture};
use support::stages::{blur_columns, blur_rows, gaussian, to_linear, to_srgb};
use veda::prelude::*;

const USAGE: &str = "\
photo: develops a PNG or JPEG into a PNG

usage: photo [--exposure EV] [--sharpen AMOUNT] INPUT OUTPUT

  --exposure EV      brighten by EV stops, -10 to 10 (default 0)
  --sharpen AMOUNT   strength of the unsharp mask, 0 to 5 (default 0.6)
  --help             this text";

/// Reflectance of the grey card that the tone curve leaves where the exposure put it.
const MID_GREY: f32 = 0.18;

/// Hable's filmic curve: a toe for the shadows, a shoulder that rolls the highlights off; 0 at 0.
#[veda::kernel]
fn filmic(x: f32) -> f32 {
    (x * (0.15 * x + 0.05) + 0.004) / (x * (0.15 * x + 0.5) + 0.06) - 0.0666667
}

/// Linear light to what the file shows: tone curve, then the sRGB transfer function.
#[veda::kernel]
fn tone(linear: f32, scale: f32, norm: f32) -> f32 {
    to_srgb((filmic(linear * scale) * norm).clamp(0.0, 1.0))
}

/// Luminance of one pixel of interleaved samples (Rec. 709 weights).
#[veda::kernel]
fn luminance(id: veda::Index, samples: &[f32], channels: u32) -> f32 {
    let first = (id.flat() * channels) as usize;
    if channels == 3 {
        0.2126 * samples[first] + 0.7152 * samples[first + 1] + 0.0722 * samples[first + 2]
    } else {
        samples[first]
    }
}

/// The developed sample: toned, plus the detail of its pixel's luminance. The same amount on every channel keeps hues.
#[veda::kernel]
fn sharpened(id: veda::Index, toned: &[f32], luma: &[f32], blurred: &[f32], channels: u32, amount: f32) -> f32 {
    let sample = id.flat() as usize;
    let pixel = (id.flat() / channels) as usize;
    (toned[sample] + amount * (luma[pixel] - blurred[pixel])).clamp(0.0, 1.0)
}

/// 1 where an 8-bit file would store black or white.
#[veda::kernel]
fn clipped(v: f32) -> u32 {
    if v < 0.5 / 255.0 || v > 254.5 / 255.0 { 1 } else { 0 }
}

struct Settings {
    exposure: f32,
    sharpen: f32,
}

struct Statistics {
    mean: f32,
    min: f32,
    max: f32,
    clipped: f32,
}

/// Scale and norm of the tone curve: white (and what exposure pushes above it) lands on 1, mid-grey stays put.
fn tone_curve(gain: f32) -> (f32, f32) {
    let white = gain.max(1.0);
    // The curve bends more the larger its scale, which lifts the greys against white: one root, found by bisection.
    let (mut lo, mut hi) = (0.1_f32, 100.0_f32);
    for _ in 0..40 {
        let middle = (lo * hi).sqrt();
        if filmic(MID_GREY * middle) / filmic(white * middle) < MID_GREY { lo = middle } else { hi = middle }
    }
    let scale = (lo * hi).sqrt();
    (scale, 1.0 / filmic(white * scale))
}

fn develop(picture: &Picture, settings: &Settings) -> veda::Result<(Vec<f32>, Statistics)> {
    let (width, height, channels) = (picture.width, picture.height, picture.channels);
    let gain = settings.exposure.exp2();
    let (scale, norm) = tone_curve(gain);

    // Decoding the transfer function, exposure and tone are element by element: one fused kernel.
    let toned: Vec<f32> = picture
        .samples
        .par_iter()
        .map(veda::kernel_fn!(|v: f32| -> f32 { tone(to_linear(v) * gain, scale, norm) }))
        .collect();

    let luma: Vec<f32> = veda::gpu::execute(luminance::on(&toned, channels).over([width, height]))?;
    let weights = gaussian();
    let rows: Vec<f32> = veda::gpu::execute(blur_rows::on(&luma, &weights, width).over([width, height]))?;
    let blurred: Vec<f32> = veda::gpu::execute(blur_columns::on(&rows, &weights, width, height).over([width, height]))?;
    let developed: Vec<f32> =
        veda::gpu::execute(sharpened::on(&toned, &luma, &blurred, channels, settings.sharpen).over(toned.len()))?;

    let levels: Vec<f32> = veda::gpu::execute(luminance::on(&developed, channels).over([width, height]))?;
    let statistics = Statistics {
        mean: levels.par_iter().copied().sum::<f32>() / levels.len() as f32,
        min: levels.par_iter().copied().reduce(|| f32::INFINITY, f32::min),
        max: levels.par_iter().copied().reduce(|| f32::NEG_INFINITY, f32::max),
        clipped: developed.par_iter().map(clipped).sum::<u32>() as f32 / developed.len() as f32,
    };
    Ok((developed, statistics))
}

struct Arguments {
    input: PathBuf,
    output: PathBuf,
    settings: Settings,
}

/// `None` asks for help.
fn arguments(mut args: impl Iterator<Item = OsString>) -> Result<Option<Arguments>, String> {
    let mut paths = Vec::new();
    let mut settings = Settings { exposure: 0.0, sharpen: 0.6 };
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--help" | "-h") => return Ok(None),
            Some("--exposure") => settings.exposure = number("--exposure", args.next(), -10.0, 10.0)?,
            Some("--sharpen") => settings.sharpen = number("--sharpen", args.next(), 0.0, 5.0)?,
            Some(option) if option.starts_with("--") => return Err(format!("unknown option {option}")),
            _ => paths.push(PathBuf::from(arg)),
        }
    }
    let [input, output] =
        <[PathBuf; 2]>::try_from(paths).map_err(|p| format!("expected INPUT and OUTPUT, got {} paths", p.len()))?;
    Ok(Some(Arguments { input, output, settings }))
}

fn number(option: &str, value: Option<OsString>, lo: f32, hi: f32) -> Result<f32, String> {
    let value = value.ok_or_else(|| format!("{option} needs a value from {lo} to {hi}"))?;
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .filter(|v| (lo..=hi).contains(v))
        .ok_or_else(|| format!("{option} {}: expected a number from {lo} to {hi}", value.display()))
}

fn run(arguments: &Arguments) -> Result<(), String> {
    // Not needed for the kernels to work: it reports a wrong VEDA_ variable, and waits for the GPU to be found.
    veda::init().map_err(|e| e.to_string())?;

    let start = Instant::now();
    let mut picture =
        picture::read(&arguments.input).map_err(|e| format!("cannot read {}: {e}", arguments.input.display()))?;
    let decode = start.elapsed();

    let start = Instant::now();
    let (developed, why) = veda::explain(|| develop(&picture, &arguments.settings));
    let (samples, statistics) = developed.map_err(|e| format!("cannot develop: {e}"))?;
    let develop = start.elapsed();

    let start = Instant::now();
    picture.samples = samples;
    picture::write(&arguments.output, &picture)
        .map_err(|e| format!("cannot write {}: {e}", arguments.output.display()))?;
    let encode = start.elapsed();

    println!("{why}");
    println!(
        "luminance: mean {:.3}, min {:.3}, max {:.3}; {:.2} % of the samples clipped",
        statistics.mean,
        statistics.min,
        statistics.max,
        100.0 * statistics.clipped
    );
    println!(
        "{} x {}: decode {:.1} ms, develop {:.1} ms, encode {:.1} ms",
        picture.width,
        picture.height,
        1e3 * decode.as_secs_f64(),
        1e3 * develop.as_secs_f64(),
        1e3 * encode.as_secs_f64()
    );
    Ok(())
}

fn main() -> ExitCode {
    let outcome = match arguments(std::env::args_os().skip(1)) {
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Some(arguments)) => run(&arguments),
        Err(message) => Err(format!("{message}; see photo --help")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("photo: {message}");
            ExitCode::FAILURE
        }
    }
}
