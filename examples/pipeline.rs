//! A photograph through twelve stages, as one graph: kernels for either device, and host code (a histogram, error
//! diffusion) that only the CPU can run. The plan overlaps them; the timeline, predicted and measured, is drawn as a page.

mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use support::picture::{self, Depth, Picture};
use support::stages::{blur_columns, blur_rows, gaussian, to_linear, to_srgb};
use veda::graph::Var;
use veda::{Array, Graph};

const USAGE: &str = "\
pipeline: develops a photograph in twelve stages

usage: pipeline INPUT OUTPUT.png [TIMELINE.html]";

/// Entries of the tone table, and bins of the histogram behind it.
const LEVELS: usize = 256;
/// The thumbnail is smaller by this factor.
const SHRINK: u32 = 4;

/// Rec. 709 luminance of a pixel of interleaved red, green, blue.
#[veda::kernel]
fn luminance(id: veda::Index, rgb: &[f32]) -> f32 {
    let first = (3 * id.flat()) as usize;
    0.2126 * rgb[first] + 0.7152 * rgb[first + 1] + 0.0722 * rgb[first + 2]
}

/// The tone table, linearly interpolated.
#[veda::kernel]
fn tone(v: f32, table: &[f32]) -> f32 {
    let last = table.len() as f32 - 1.0;
    let at = v.clamp(0.0, 1.0).sqrt() * last;
    let below = at.floor().min(last - 1.0);
    let k = below as usize;
    table[k] + (at - below) * (table[k + 1] - table[k])
}

/// Adds the detail of the pixel's luminance to each of its samples.
#[veda::kernel]
fn sharpen(id: veda::Index, toned: f32, luma: &[f32], blurred: &[f32], amount: f32) -> f32 {
    let pixel = (id.flat() / 3) as usize;
    toned + amount * (luma[pixel] - blurred[pixel])
}

/// Darkens the corners a little, as old lenses do.
#[veda::kernel]
fn vignette(id: veda::Index, v: f32, width: u32, height: u32) -> f32 {
    let pixel = id.flat() / 3;
    let x = (pixel % width) as f32 / width as f32 - 0.5;
    let y = (pixel / width) as f32 / height as f32 - 0.5;
    v * (1.0 - 0.4 * (x * x + y * y))
}

/// The mean of a square of samples.
#[veda::kernel]
fn shrink(id: veda::Index, rgb: &[f32], width: u32, thumb: u32, by: u32) -> f32 {
    let (pixel, channel) = (id.flat() / 3, id.flat() % 3);
    let (left, top) = (pixel % thumb * by, pixel / thumb * by);
    let mut sum = 0.0;
    for y in 0..by {
        for x in 0..by {
            sum += rgb[(3 * ((top + y) * width + left + x) + channel) as usize];
        }
    }
    sum / (by * by) as f32
}

/// 1 for samples that an 8-bit file would store as black or white.
#[veda::kernel]
fn clipped(v: f32) -> u32 {
    if v < 0.5 / 255.0 || v > 254.5 / 255.0 { 1 } else { 0 }
}

/// A tone table that spreads the middle 99 % of the luminance over the whole range, half of the way.
fn table(luma: &[f32], table: &mut [f32]) {
    let mut bins = [0usize; LEVELS];
    for &v in luma {
        bins[(v.clamp(0.0, 1.0).sqrt() * (LEVELS - 1) as f32) as usize] += 1;
    }
    let quantile = |part: f64| {
        let mut left = (part * luma.len() as f64) as usize;
        let bin = bins.iter().position(|&count| {
            let found = left < count;
            left = left.saturating_sub(count);
            found
        });
        (bin.unwrap_or(LEVELS - 1) as f32 / (LEVELS - 1) as f32).powi(2)
    };
    let (black, white) = (0.5 * quantile(0.005), 0.5 + 0.5 * quantile(0.995));
    for (k, entry) in table.iter_mut().enumerate() {
        let v = (k as f32 / (LEVELS - 1) as f32).powi(2);
        *entry = ((v - black) / (white - black)).clamp(0.0, 1.0);
    }
}

/// Rounds to 8 bits and passes each error on to the neighbours (Floyd and Steinberg, 1976): each sample depends on the
/// one before it, so it is host code.
fn diffuse(samples: &[f32], width: usize, out: &mut [f32]) {
    out.copy_from_slice(samples);
    let row = 3 * width;
    for i in 0..out.len() {
        let wanted = out[i];
        let stored = (wanted.clamp(0.0, 1.0) * 255.0).round() / 255.0;
        let error = wanted - stored;
        out[i] = stored;
        let x = i % row / 3;
        let mut pass = |to: usize, part: f32| {
            if let Some(v) = out.get_mut(to) {
                *v += error * part;
            }
        };
        if x + 1 < width {
            pass(i + 3, 7.0 / 16.0);
            pass(i + row + 3, 1.0 / 16.0);
        }
        if x > 0 {
            pass(i + row - 3, 3.0 / 16.0);
        }
        pass(i + row, 5.0 / 16.0);
    }
}

struct Results {
    developed: Var<f32>,
    thumbnail: Var<f32>,
    clipped: Var<u32>,
}

/// The twelve stages; each comment names one.
fn stages(g: &mut Graph, samples: &Array<f32>, width: u32, height: u32) -> veda::Result<Results> {
    let photo = g.input_named("photo", samples);
    let weights = g.input_named("weights", &Array::from(gaussian()));
    let linear = g.apply(to_linear::on(&photo))?; // 1
    let luma = g.apply(luminance::on(&linear).over([width, height]))?; // 2
    let table = g.host("tone table", luma, LEVELS, table)?; // 3: host, while the blur runs
    let rows = g.apply(blur_rows::on(&luma, &weights, width).over([width, height]))?; // 4
    let blurred = g.apply(blur_columns::on(&rows, &weights, width, height).over([width, height]))?; // 5
    let toned = g.apply(tone::on(&linear, &table))?; // 6
    let sharp = g.apply(sharpen::on(&toned, &luma, &blurred, 0.6))?; // 7
    let shaded = g.apply(vignette::on(&sharp, width, height))?; // 8
    let encoded = g.apply(to_srgb::on(&shaded))?; // 9
    let edge = width as usize;
    let developed = g.host("error diffusion", encoded, encoded, move |samples: &[f32], out: &mut [f32]| {
        diffuse(samples, edge, out);
    })?; // 10: host, while the thumbnail is made
    let thumb = width / SHRINK;
    let len = 3 * thumb * (height / SHRINK);
    let thumbnail = g.apply(shrink::on(&encoded, width, thumb, SHRINK).over(len))?; // 11
    let marks = g.apply(clipped::on(&encoded))?;
    let clipped = g.sum(&marks)?; // 12
    for var in [developed, thumbnail] {
        g.output(&var);
    }
    g.output(&clipped);
    Ok(Results { developed, thumbnail, clipped })
}

/// Red, green and blue, whatever the file has.
fn read(path: &Path) -> Result<Picture, String> {
    let mut picture = picture::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    if picture.channels == 1 {
        picture.samples = picture.samples.iter().flat_map(|&v| [v; 3]).collect();
        picture.channels = 3;
    }
    (picture.alpha, picture.depth) = (None, Depth::Eight);
    if picture.width < SHRINK || picture.height < SHRINK {
        return Err(format!("{}: smaller than {SHRINK} x {SHRINK} pixels", path.display()));
    }
    Ok(picture)
}

fn run(input: &Path, output: &Path, page: Option<&Path>) -> Result<(), String> {
    let text = |e: veda::Error| e.to_string();
    veda::init().map_err(text)?;
    let mut picture = read(input)?;
    let (width, height) = (picture.width, picture.height);
    let samples = Array::from(std::mem::take(&mut picture.samples));

    let mut graph = Graph::new();
    let results = stages(&mut graph, &samples, width, height).map_err(text)?;
    let plan = graph.plan().map_err(text)?;
    println!("{}", plan.explain());

    plan.run().map_err(text)?; // pipelines are built and memory is touched: the second run is the usual one
    let start = Instant::now();
    let out = plan.run().map_err(text)?;
    let took = start.elapsed();
    println!("{}", out.timeline());
    let clipped = out.get(&results.clipped).and_then(|n| n.to_vec()).map_err(text)?[0];
    println!(
        "{width} x {height}: {:.1} ms; {:.2} % of the samples clipped",
        1e3 * took.as_secs_f64(),
        100.0 * f64::from(clipped) / (3.0 * f64::from(width) * f64::from(height))
    );

    let write = |path: &Path, picture: &Picture| {
        picture::write(path, picture).map_err(|e| format!("cannot write {}: {e}", path.display()))
    };
    picture.samples = out.get(&results.developed).and_then(Array::into_vec).map_err(text)?;
    write(output, &picture)?;
    (picture.width, picture.height) = (width / SHRINK, height / SHRINK);
    picture.samples = out.get(&results.thumbnail).and_then(Array::into_vec).map_err(text)?;
    write(&output.with_extension("thumb.png"), &picture)?;
    if let Some(path) = page {
        let html = out.page("pipeline");
        std::fs::write(path, html).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        let trace = path.with_extension("json");
        std::fs::write(&trace, out.trace()).map_err(|e| format!("cannot write {}: {e}", trace.display()))?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (input, output, page) = match arguments.as_slice() {
        [input, output] => (input, output, None),
        [input, output, page] => (input, output, Some(page.as_path())),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match run(input, output, page) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("pipeline: {message}");
            ExitCode::FAILURE
        }
    }
}
