//! The Mandelbrot set, smoothly coloured: a kernel whose loop length depends on the data.

mod support;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use support::picture::{self, Depth, Picture};

const USAGE: &str = "usage: mandelbrot OUTPUT [WIDTH HEIGHT]    (sizes from 1 to 16384, default 1200 800)";
/// 4 x 16384 x 16384 / 4 samples stay addressable by 32 bits.
const LARGEST: u32 = 16_384;
/// Four samples per pixel smooth the edge of the set.
const OVERSAMPLING: u32 = 2;
const ITERATIONS: u32 = 256;

/// Iterations until |z| exceeds 256, with the fraction that makes colours continuous; -1 inside the set.
#[veda::kernel]
fn escape(id: veda::Index, left: f32, top: f32, step: f32, limit: u32) -> f32 {
    let cr = left + (id.x as f32 + 0.5) * step;
    let ci = top - (id.y as f32 + 0.5) * step;
    let mut zr = 0.0;
    let mut zi = 0.0;
    let mut i = 0;
    while i < limit && zr * zr + zi * zi <= 65536.0 {
        let next = zr * zr - zi * zi + cr;
        zi = 2.0 * zr * zi + ci;
        zr = next;
        i += 1;
    }
    let norm = zr * zr + zi * zi;
    // log2(ln |z|), with ln |z| = ln(norm) / 2
    if norm > 65536.0 { i as f32 + 1.0 - (0.5 * norm.ln()).ln() / 0.6931472 } else { -1.0 }
}

/// One channel of a pixel's colour, averaged over its samples. Columns run over red, green, blue of each pixel.
#[veda::kernel]
fn shade(id: veda::Index, escaped: &[f32], width: u32, oversampling: u32) -> f32 {
    let column = id.x / 3;
    let channel = (id.x % 3) as f32;
    let mut sum = 0.0;
    for dy in 0..oversampling {
        for dx in 0..oversampling {
            let at = (id.y * oversampling + dy) * width * oversampling + column * oversampling + dx;
            let t = escaped[at as usize];
            if t >= 0.0 {
                // A cosine palette: the channels run out of step, the first one 0.6 rad ahead of the next.
                sum += 0.5 - 0.5 * (3.0 + 0.15 * t + 0.6 * channel).cos();
            }
        }
    }
    sum / (oversampling * oversampling) as f32
}

fn render(width: u32, height: u32) -> veda::Result<Vec<f32>> {
    let (fine_width, fine_height) = (width * OVERSAMPLING, height * OVERSAMPLING);
    // The window [-2.2, 0.8] x [-1, 1], as large as fits.
    let step = (3.0 / fine_width as f32).max(2.0 / fine_height as f32);
    let left = -0.7 - 0.5 * step * fine_width as f32;
    let top = 0.5 * step * fine_height as f32;
    let escaped: Vec<f32> =
        veda::gpu::execute(escape::on(left, top, step, ITERATIONS).over([fine_width, fine_height]))?;
    veda::gpu::execute(shade::on(&escaped, width, OVERSAMPLING).over([3 * width, height]))
}

fn arguments(args: &[OsString]) -> Result<(PathBuf, u32, u32), String> {
    let size = |arg: &OsString| {
        arg.to_str()
            .and_then(|text| text.parse().ok())
            .filter(|n| (1..=LARGEST).contains(n))
            .ok_or_else(|| format!("size {}: {USAGE}", arg.display()))
    };
    match args {
        [output] => Ok((output.into(), 1200, 800)),
        [output, width, height] => Ok((output.into(), size(width)?, size(height)?)),
        _ => Err(USAGE.into()),
    }
}

fn run(args: &[OsString]) -> Result<(), String> {
    let (output, width, height) = arguments(args)?;
    veda::init().map_err(|e| e.to_string())?;
    let start = Instant::now();
    let (samples, why) = veda::explain(|| render(width, height));
    let samples = samples.map_err(|e| format!("cannot render: {e}"))?;
    let elapsed = start.elapsed();
    let picture = Picture { width, height, channels: 3, samples, alpha: None, depth: Depth::Eight };
    picture::write(&output, &picture).map_err(|e| format!("cannot write {}: {e}", output.display()))?;
    println!("{why}\n{width} x {height}: rendered in {:.1} ms", 1e3 * elapsed.as_secs_f64());
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("mandelbrot: {message}");
            ExitCode::FAILURE
        }
    }
}
