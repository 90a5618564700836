//! Lets heat flow over a landscape: an elevation grid is the starting temperature, and the heat equation evens it out. The
//! state stays on the device from picture to picture: one plan of 100 steps is made once and run again and again.

mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use support::picture::{self, Depth, Picture};
use veda::{Array, Graph};

const USAGE: &str = "\
heat: the heat equation on a picture's grey values, a PNG every 100 steps

usage: heat INPUT OUTPUT_FOLDER [PICTURES]

  PICTURES   how many, 1 to 1000 (default 5)";

/// Steps between pictures.
const STEPS: u64 = 100;
/// Diffusivity times time step over the square of the grid spacing. Explicit steps are stable up to 1/4.
const R: f32 = 0.2;

/// One explicit step. The border is insulated: beyond it lies a copy of the border cell.
#[veda::kernel]
fn step(id: veda::Index, u: &[f32], width: u32, height: u32, r: f32) -> f32 {
    let row = id.y * width;
    let left = if id.x > 0 { row + id.x - 1 } else { row };
    let right = if id.x + 1 < width { row + id.x + 1 } else { row + id.x };
    let up = if id.y > 0 { row - width + id.x } else { id.x };
    let down = if id.y + 1 < height { row + width + id.x } else { row + id.x };
    let here = u[(row + id.x) as usize];
    let sum = u[left as usize] + u[right as usize] + u[up as usize] + u[down as usize];
    here + r * (sum - 4.0 * here)
}

/// Grey values of the first channel.
fn read(path: &Path) -> Result<Picture, String> {
    let mut picture = picture::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let channels = picture.channels as usize;
    picture.samples = picture.samples.chunks_exact(channels).map(|pixel| pixel[0]).collect();
    (picture.channels, picture.alpha, picture.depth) = (1, None, Depth::Sixteen);
    Ok(picture)
}

fn run(input: &Path, folder: &Path, pictures: u32) -> Result<(), String> {
    let text = |e: veda::Error| e.to_string();
    veda::init().map_err(text)?;
    let mut picture = read(input)?;
    std::fs::create_dir_all(folder).map_err(|e| format!("cannot create {}: {e}", folder.display()))?;
    let (width, height) = (picture.width, picture.height);
    let total = |u: &[f32]| u.iter().map(|&x| f64::from(x)).sum::<f64>();
    let heat_before = total(&picture.samples);

    let mut graph = Graph::new();
    let mut state = Array::from(picture.samples.clone());
    let u = graph.input_named("u", &state);
    let after =
        graph.repeat(STEPS, &u, |g, u| g.apply(step::on(&u, width, height, R).over([width, height]))).map_err(text)?;
    graph.keep_on_device(&after);
    let plan = graph.plan().map_err(text)?;
    println!("{}", plan.explain());

    for n in 1..=pictures {
        let start = Instant::now();
        state = plan.with(&u, &state).and_then(|run| run.run()?.get(&after)).map_err(text)?;
        let computed = start.elapsed();
        picture.samples = state.to_vec().map_err(text)?;
        let (min, max) =
            picture.samples.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)));
        let heat = total(&picture.samples);
        let path = folder.join(format!("heat-{:05}.png", u64::from(n) * STEPS));
        picture::write(&path, &picture).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        println!(
            "{}: {:.1} ms; from {min:.4} to {max:.4}; heat kept to {:.1e}",
            path.display(),
            1e3 * computed.as_secs_f64(),
            (heat / heat_before - 1.0).abs()
        );
        // Insulated borders: heat only moves. Rounding in f32 loses some 1e-9 of it per picture.
        if (heat / heat_before - 1.0).abs() > 1e-6 {
            return Err("heat was lost: the result is wrong".into());
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let pictures = match arguments.get(2).map(|n| n.to_str().and_then(|n| n.parse().ok())) {
        None => Some(5),
        Some(n) => n.filter(|n| (1..=1000).contains(n)),
    };
    let (Some(input), Some(folder), Some(pictures), None) =
        (arguments.first(), arguments.get(1), pictures, arguments.get(3))
    else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match run(&PathBuf::from(input), &PathBuf::from(folder), pictures) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("heat: {message}");
            ExitCode::FAILURE
        }
    }
}
