//! Kriging: predicts heights between the points of a survey. The covariance matrix of the points is factorised by tiles
//! (A = L Lᵀ), and the tiles' dependencies are a graph that veda plans; the factor is checked against an ordinary
//! Cholesky factorisation in f64.

mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use support::picture;
use veda::graph::Var;
use veda::{Array, Graph};

const USAGE: &str = "\
blocked_cholesky: kriging on an elevation picture, by a tiled Cholesky factorisation

usage: blocked_cholesky ELEVATION.png [POINTS] [TILE]

  POINTS   survey points, a multiple of TILE, at most 4096 (default 768)
  TILE     edge of a tile (default 128)";

/// Correlation length of the terrain, in grid cells.
const LENGTH: f32 = 12.0;
/// Variance of a survey's error, relative to the terrain's: keeps the matrix well conditioned in f32.
const NUGGET: f32 = 0.05;

/// `c - a bᵀ` of square tiles; `a` and `b` are the tiles left of `c`'s row and column.
#[veda::kernel]
fn update(id: veda::Index, c: f32, a: &[f32], b: &[f32], n: u32) -> f32 {
    let mut sum = c;
    for k in 0..n {
        sum -= a[(id.y * n + k) as usize] * b[(id.x * n + k) as usize];
    }
    sum
}

/// `a bᵀ`, with `b` lower triangular: solves a tile against the inverse of the tile above it on the diagonal.
#[veda::kernel]
fn solve(id: veda::Index, a: &[f32], b: &[f32], n: u32) -> f32 {
    let mut sum = 0.0;
    for k in 0..id.x + 1 {
        sum += a[(id.y * n + k) as usize] * b[(id.x * n + k) as usize];
    }
    sum
}

/// Exponential covariance between two points, the entry of the matrix.
fn covariance(a: (f32, f32), b: (f32, f32)) -> f32 {
    let distance = (a.0 - b.0).hypot(a.1 - b.1);
    (-distance / LENGTH).exp() + if distance == 0.0 { NUGGET } else { 0.0 }
}

/// Factorises a small tile in place order: the lower factor, zeros above. One step depends on all before: host code.
fn factorise(a: &[f32], n: usize, l: &mut [f32]) {
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| f64::from(l[i * n + k]) * f64::from(l[j * n + k])).sum();
            let rest = f64::from(a[i * n + j]) - dot;
            let value = if i == j { rest.max(0.0).sqrt() } else { rest / f64::from(l[j * n + j]) };
            l[i * n + j] = value as f32;
        }
    }
}

/// The inverse of a lower triangular tile.
fn invert(l: &[f32], n: usize, x: &mut [f32]) {
    for j in 0..n {
        for i in j..n {
            let dot: f64 = (j..i).map(|k| f64::from(l[i * n + k]) * f64::from(x[k * n + j])).sum();
            let unit = if i == j { 1.0 } else { 0.0 };
            x[i * n + j] = ((unit - dot) / f64::from(l[i * n + i])) as f32;
        }
    }
}

/// The lower tiles of the factor, `[i][j]`, j ≤ i.
type Tiles<T> = Vec<Vec<T>>;

/// The factorisation of `tiles` as a graph (right-looking, the order of LAPACK's tiled descendants).
fn graph(a: &Tiles<Array<f32>>, n: usize) -> veda::Result<(Graph, Tiles<Var<f32>>)> {
    let mut g = Graph::new();
    let count = a.len();
    let edge = n as u32;
    let mut tiles: Tiles<Var<f32>> = a
        .iter()
        .enumerate()
        .map(|(i, row)| row.iter().enumerate().map(|(j, tile)| g.input_named(&format!("A {i},{j}"), tile)).collect())
        .collect();
    for k in 0..count {
        let diagonal = tiles[k][k];
        let l = g.host(&format!("factorise {k}"), diagonal, n * n, move |a: &[f32], l: &mut [f32]| {
            factorise(a, n, l);
        })?;
        let inverse = g.host(&format!("invert {k}"), l, n * n, move |l: &[f32], x: &mut [f32]| invert(l, n, x))?;
        tiles[k][k] = l;
        for row in &mut tiles[k + 1..] {
            row[k] = g.apply(solve::on(&row[k], &inverse, edge).over([edge, edge]))?;
        }
        for i in k + 1..count {
            for j in k + 1..=i {
                let (c, left, up) = (tiles[i][j], tiles[i][k], tiles[j][k]);
                tiles[i][j] = g.apply(update::on(&c, &left, &up, edge).over([edge, edge]))?;
            }
        }
    }
    for tile in tiles.iter().flatten() {
        g.output(tile);
    }
    Ok((g, tiles))
}

/// Elevation in metres at a grid of survey points, and at points half-way between them, to be predicted.
struct Survey {
    points: Vec<(f32, f32)>,
    heights: Vec<f32>,
    hidden: Vec<((f32, f32), f32)>,
}

fn survey(path: &Path, count: usize) -> Result<Survey, String> {
    let grid = picture::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let (width, height, channels) = (grid.width as usize, grid.height as usize, grid.channels as usize);
    // A low-discrepancy sequence (R2, Roberts 2018) covers the map evenly with any number of points.
    let point = |k: usize| {
        let at = |alpha: f64, edge: usize| ((0.5 + alpha * k as f64).fract() * edge as f64) as usize;
        (at(0.754_877_666_246_693, width), at(0.569_840_290_998_053, height))
    };
    let elevation = |(x, y): (usize, usize)| 65_535.0 * grid.samples[(y * width + x) * channels];
    let place = |(x, y): (usize, usize)| (x as f32, y as f32);
    let mut seen = std::collections::BTreeSet::new();
    let mut fresh = (0..10 * count + 1000).map(point).filter(|&p| seen.insert(p)).take(count + 200);
    let (mut points, mut heights) = (Vec::new(), Vec::new());
    for p in fresh.by_ref().take(count) {
        points.push(place(p));
        heights.push(elevation(p));
    }
    let hidden: Vec<_> = fresh.map(|p| (place(p), elevation(p))).collect();
    if points.len() < count || hidden.is_empty() {
        return Err(format!("the picture has too few pixels for {count} survey points"));
    }
    Ok(Survey { points, heights, hidden })
}

/// Cholesky in f64, row by row: the reference.
fn reference(points: &[(f32, f32)]) -> Vec<f64> {
    let n = points.len();
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let (row, other) = (&l[i * n..i * n + j], &l[j * n..j * n + j]);
            let dot: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
            let rest = f64::from(covariance(points[i], points[j])) - dot;
            l[i * n + j] = if i == j { rest.sqrt() } else { rest / l[j * n + j] };
        }
    }
    l
}

/// Solves `L Lᵀ w = z`.
fn solve_with(l: &impl Fn(usize, usize) -> f64, z: &[f64]) -> Vec<f64> {
    let n = z.len();
    let mut w = z.to_vec();
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| l(i, k) * w[k]).sum();
        w[i] = (w[i] - dot) / l(i, i);
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| l(k, i) * w[k]).sum();
        w[i] = (w[i] - dot) / l(i, i);
    }
    w
}

fn rms(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    (values.map(|v| v * v).sum::<f64>() / n).sqrt()
}

fn run(path: &Path, points: usize, tile: usize) -> Result<(), String> {
    let text = |e: veda::Error| e.to_string();
    veda::init().map_err(text)?;
    let survey = survey(path, points)?;
    let count = points / tile;
    let block = |i: usize, j: usize| {
        let entry = |e: usize| covariance(survey.points[i * tile + e / tile], survey.points[j * tile + e % tile]);
        Array::from((0..tile * tile).map(entry).collect::<Vec<f32>>())
    };
    let a: Tiles<_> = (0..count).map(|i| (0..=i).map(|j| block(i, j)).collect()).collect();

    let (graph, factor) = graph(&a, tile).map_err(text)?;
    let plan = graph.plan().map_err(text)?;
    let start = Instant::now();
    let result = plan.run().map_err(text)?;
    let took = start.elapsed();
    println!("{}", result.timeline());

    let tiles: Tiles<Vec<f32>> = factor
        .iter()
        .map(|row| row.iter().map(|tile| result.get(tile).and_then(Array::into_vec)).collect())
        .collect::<veda::Result<_>>()
        .map_err(text)?;
    let l = |i: usize, j: usize| f64::from(tiles[i / tile][j / tile][i % tile * tile + j % tile]);

    let start = Instant::now();
    let expected = reference(&survey.points);
    let reference_took = start.elapsed();
    let lower = || (0..points).flat_map(|i| (0..=i).map(move |j| (i, j)));
    let worst = lower().map(|(i, j)| (l(i, j) - expected[i * points + j]).abs()).fold(0.0, f64::max);

    let mean = survey.heights.iter().map(|&h| f64::from(h)).sum::<f64>() / points as f64;
    let z: Vec<f64> = survey.heights.iter().map(|&h| f64::from(h) - mean).collect();
    let weights = solve_with(&l, &z);
    let errors: Vec<f64> = survey
        .hidden
        .iter()
        .map(|&(at, truth)| {
            let near = survey.points.iter().zip(&weights);
            mean + near.map(|(&p, w)| f64::from(covariance(at, p)) * w).sum::<f64>() - f64::from(truth)
        })
        .collect();
    let spread = rms(survey.hidden.iter().map(|&(_, truth)| f64::from(truth) - mean));
    println!(
        "{points} x {points} in tiles of {tile}: {:.1} ms (plain f64 loop: {:.1} ms); largest error of the factor {worst:.1e}",
        1e3 * took.as_secs_f64(),
        1e3 * reference_took.as_secs_f64()
    );
    println!(
        "{} heights predicted between the points: off by {:.1} m (their own spread is {spread:.1} m)",
        errors.len(),
        rms(errors.iter().copied())
    );
    // The factor's entries are at most 1: f32 with f64 sums on the diagonal stays well within this.
    if worst < 1e-3 { Ok(()) } else { Err(format!("the factor is off by {worst:.1e} from the reference")) }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let number = |k: usize, default: usize| match arguments.get(k) {
        None => Some(default),
        Some(text) => text.to_str().and_then(|text| text.parse().ok()),
    };
    let sizes = number(1, 768).zip(number(2, 128)).filter(|&(points, tile)| {
        (8..=512).contains(&tile) && (tile..=4096).contains(&points) && points.is_multiple_of(tile)
    });
    let (Some(path), Some((points, tile)), None) = (arguments.first(), sizes, arguments.get(3)) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match run(&PathBuf::from(path), points, tile) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("blocked_cholesky: {message}");
            ExitCode::FAILURE
        }
    }
}
