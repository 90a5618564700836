//! `check --graph`: plans a graph of 12 stages from the profile, runs it, and says where the plan was wrong.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use veda::calibrate::Progress;
use veda::graph::{Outputs, Plan, Var};
use veda::planner::Profile;
use veda::planner::timeline::Timeline;
use veda::planner::trace::{diff, gantt};
use veda::{Array, Config, Error, Graph, Result, Runtime};

/// Runs of each plan; the first two warm up pipelines, memory and the pool.
const RUNS: usize = 9;
const WARM: usize = 2;
/// Times that the graph is planned: from the profile alone, then with what its runs have taught.
const ROUNDS: [&str; 2] = ["from the profile alone", "after these runs"];

pub struct Options {
    pub width: u32,
    pub height: u32,
    /// Plan for software adapters too.
    pub software: bool,
    /// Where to draw predicted beside measured.
    pub page: Option<PathBuf>,
}

/// One plan with its runs.
struct Round {
    plan: Timeline,
    tried: Vec<(String, u64)>,
    /// The fastest run.
    best: Timeline,
    /// Makespans, ascending.
    all_ns: Vec<u64>,
    notes: Vec<String>,
}

pub fn check(profile: &Profile, path: &Path, options: &Options) -> Result<()> {
    super::of_this_machine(profile, path)?;
    let config = Config::builder()
        .profile(path)
        .num_threads(profile.host.pool_threads as usize)
        .enable_gpu(profile.gpus().next().is_some())
        .admit_software(options.software)
        .build();
    let runtime = Runtime::new(config)?;
    let rounds = super::bar::with_bar(|progress| {
        let round = |i: usize| run(&runtime, options, ROUNDS[i], i as f64 / ROUNDS.len() as f64, progress);
        (0..ROUNDS.len()).map(round).collect::<Result<Vec<_>>>()
    })?;
    let mut t = format!("a photograph of {} × {} pixels in 12 stages\n", options.width, options.height);
    for (name, round) in ROUNDS.iter().zip(&rounds) {
        t += &text(name, round);
    }
    if let (Some(file), Some(last)) = (&options.page, rounds.last()) {
        let page = gantt::page("check --graph: predicted and measured", &[&last.plan, &last.best]);
        std::fs::write(file, page).map_err(|source| Error::Io { path: file.clone(), source })?;
        // Writing to a string cannot fail.
        let _ = writeln!(t, "\nwrote {}", file.display());
    }
    super::print(&t)
}

fn run(
    runtime: &Runtime,
    options: &Options,
    name: &str,
    done: f64,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Round> {
    progress(Progress { stage: &format!("planning {name}"), done });
    let (plan, result) = build(runtime, options.width, options.height)?;
    let mut runs: Vec<Outputs> = Vec::new();
    for i in 0..RUNS {
        let part = i as f64 / (RUNS * ROUNDS.len()) as f64;
        progress(Progress { stage: &format!("running the plan made {name}"), done: done + part });
        let out = plan.run()?;
        // The results must be there, not only on their way.
        out.get(&result)?.to_vec()?;
        if i >= WARM {
            runs.push(out);
        }
    }
    runs.sort_by_key(|r| r.timeline().makespan_ns);
    let mut notes: Vec<String> = runs.iter().flat_map(|r| r.notes().iter().cloned()).collect();
    notes.sort();
    notes.dedup();
    Ok(Round {
        plan: plan.timeline().clone(),
        tried: plan.details().candidates.clone(),
        best: runs.first().map(|r| r.timeline().clone()).unwrap_or_default(),
        all_ns: runs.iter().map(|r| r.timeline().makespan_ns).collect(),
        notes,
    })
}

fn text(name: &str, round: &Round) -> String {
    let ms = |ns: u64| format!("{:.2} ms", ns as f64 / 1e6);
    let middle = round.all_ns.get(round.all_ns.len() / 2).copied().unwrap_or(0);
    let mut t = format!("\n== planned {name}\n{}\n", round.plan);
    for (tried, ns) in &round.tried {
        let _ = writeln!(t, "  {tried:<44}{:>12}", ms(*ns));
    }
    let _ = write!(
        t,
        "\nfastest of {} runs ({}, median {})\n{}\n{}",
        round.all_ns.len(),
        ms(round.best.makespan_ns),
        ms(middle),
        round.best,
        diff(&round.plan, &round.best)
    );
    for note in &round.notes {
        let _ = writeln!(t, "note: {note}");
    }
    t
}

/// Bytes to linear light.
#[veda::kernel]
fn linear(packed: u32) -> f32 {
    let v = (packed & 0xff) as f32 / 255.0;
    v * (v * (v * 0.305_306 + 0.682_171) + 0.012_523)
}

/// Film: bright light saturates.
#[veda::kernel]
fn expose(v: f32, gain: f32) -> f32 {
    1.0 - (-gain * v).exp()
}

/// Through a curve of 256 entries.
#[veda::kernel]
fn tone(v: f32, curve: &[f32]) -> f32 {
    let at = (v.clamp(0.0, 1.0) * 255.0) as u32;
    curve[at as usize]
}

/// Nine weights along rows.
#[veda::kernel]
fn rows(id: veda::Index, src: &[f32], weights: &[f32], width: u32) -> f32 {
    let row = id.y * width;
    let mut sum = 0.0;
    for tap in 0..9u32 {
        let x = (id.x as i32 + tap as i32 - 4).clamp(0, width as i32 - 1);
        sum += weights[tap as usize] * src[(row + x as u32) as usize];
    }
    sum
}

/// The same along columns.
#[veda::kernel]
fn columns(id: veda::Index, src: &[f32], weights: &[f32], width: u32, height: u32) -> f32 {
    let mut sum = 0.0;
    for tap in 0..9u32 {
        let y = (id.y as i32 + tap as i32 - 4).clamp(0, height as i32 - 1);
        sum += weights[tap as usize] * src[(y as u32 * width + id.x) as usize];
    }
    sum
}

/// Detail is what the blur took away.
#[veda::kernel]
fn sharpen(v: f32, blurred: f32, amount: f32) -> f32 {
    (v + amount * (v - blurred)).clamp(0.0, 1.0)
}

/// Linear light to bytes.
#[veda::kernel]
fn quantise(v: f32) -> u32 {
    (v.sqrt() * 255.0 + 0.5) as u32
}

/// One small pixel averages 8 × 8.
#[veda::kernel]
fn thumbnail(id: veda::Index, src: &[u32], width: u32) -> u32 {
    let mut sum = 0u32;
    for y in 0..8u32 {
        for x in 0..8u32 {
            sum += src[((id.y * 8 + y) * width + id.x * 8 + x) as usize];
        }
    }
    sum / 64
}

/// The graph and its plan: decode, linear, expose, mean, curve, tone, rows, columns, sharpen, quantise, thumbnail, encode.
fn build(runtime: &Runtime, width: u32, height: u32) -> Result<(Plan, Var<u32>)> {
    let pixels = width as usize * height as usize;
    let file = Array::from((0..pixels as u32 / 4).map(|i| i.wrapping_mul(0x9e37_79b9)).collect::<Vec<_>>());
    let weights = Array::from([1.0, 8.0, 28.0, 56.0, 70.0, 56.0, 28.0, 8.0, 1.0].map(|w: f32| w / 256.0).to_vec());
    let mut g = Graph::on(runtime);
    g.for_many_runs();
    let (file, weights) = (g.input(&file), g.input(&weights));
    let raw = g.host("decode", file, pixels, |file: &[u32], out: &mut [u32]| {
        // Each value depends on the one before, as in every entropy coder.
        let mut state = 1u32;
        for (four, word) in out.chunks_mut(4).zip(file) {
            for (i, pixel) in four.iter_mut().enumerate() {
                state = state.wrapping_mul(1_664_525).wrapping_add(word >> (8 * i) & 0xff);
                *pixel = state >> 24;
            }
        }
    })?;
    let light = g.apply(linear::on(&raw))?;
    let exposed = g.apply(expose::on(&light, 1.7))?;
    let total = g.sum(&exposed)?;
    let curve = g.host("curve", total, 256, move |total: &[f32], out: &mut [f32]| {
        let mean = (total.iter().sum::<f32>() / pixels as f32).clamp(0.05, 0.95);
        let power = 0.5f32.ln() / mean.ln();
        for (i, v) in out.iter_mut().enumerate() {
            *v = (i as f32 / 255.0).powf(power);
        }
    })?;
    let toned = g.apply(tone::on(&exposed, &curve))?;
    let across = g.apply(rows::on(&toned, &weights, width).over([width, height]))?;
    let blurred = g.apply(columns::on(&across, &weights, width, height).over([width, height]))?;
    let sharp = g.apply(sharpen::on(&toned, &blurred, 0.6))?;
    let bytes = g.apply(quantise::on(&sharp))?;
    let small = g.apply(thumbnail::on(&bytes, width).over([width / 8, height / 8]))?;
    let encoded = g.host("encode", bytes, pixels / 4, |bytes: &[u32], out: &mut [u32]| {
        let mut before = 0u32;
        for (word, four) in out.iter_mut().zip(bytes.chunks(4)) {
            for pixel in four {
                *word = *word << 8 | (pixel.wrapping_sub(before) & 0xff);
                before = *pixel;
            }
        }
    })?;
    g.output(&small);
    g.output(&encoded);
    Ok((g.plan()?, encoded))
}
