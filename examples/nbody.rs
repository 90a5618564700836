//! A star cluster under its own gravity: whole-buffer kernels over planes (all x, then all y, then all z), leapfrog.

use std::process::ExitCode;
use std::time::Instant;

use veda::prelude::*;

const USAGE: &str = "usage: nbody [BODIES STEPS]    (2 to 16384 bodies, 1 to 1000000 steps, default 1024 200)";
/// Squared softening length, in units of the cluster's size: keeps close encounters within a step's reach.
const SOFTENING2: f32 = 0.0025;
const DT: f32 = 0.002;

/// Acceleration of body `id.x` along axis `id.y`; all masses are equal.
#[veda::kernel]
fn acceleration(id: veda::Index, at: &[f32], n: u32, mass: f32, softening2: f32) -> f32 {
    let x = at[id.x as usize];
    let y = at[(n + id.x) as usize];
    let z = at[(2 * n + id.x) as usize];
    let own = at[(id.y * n + id.x) as usize];
    let mut sum = 0.0;
    for j in 0..n {
        let dx = at[j as usize] - x;
        let dy = at[(n + j) as usize] - y;
        let dz = at[(2 * n + j) as usize] - z;
        let r2 = dx * dx + dy * dy + dz * dz + softening2;
        // The body itself contributes 0: its distance along the axis is 0.
        sum += (at[(id.y * n + j) as usize] - own) / (r2 * r2.sqrt());
    }
    mass * sum
}

/// Potential energy of body `id.x`, half of each pair.
#[veda::kernel]
fn potential(id: veda::Index, at: &[f32], n: u32, mass: f32, softening2: f32) -> f32 {
    let mut sum = 0.0;
    for j in 0..n {
        if j != id.x {
            let dx = at[j as usize] - at[id.x as usize];
            let dy = at[(n + j) as usize] - at[(n + id.x) as usize];
            let dz = at[(2 * n + j) as usize] - at[(2 * n + id.x) as usize];
            sum += 1.0 / (dx * dx + dy * dy + dz * dz + softening2).sqrt();
        }
    }
    -0.5 * mass * mass * sum
}

/// `x + k * v`: both the kick and the drift.
#[veda::kernel]
fn advance(x: f32, v: f32, k: f32) -> f32 {
    x + k * v
}

struct Cluster {
    n: usize,
    mass: f32,
    at: Vec<f32>,
    velocity: Vec<f32>,
    pull: Vec<f32>,
}

impl Cluster {
    /// A Plummer sphere of total mass 1 in equilibrium (Aarseth, Hénon and Wielen 1974), the same for the same `n`.
    fn new(n: usize) -> veda::Result<Cluster> {
        let mut random = SplitMix(1);
        let (mut at, mut velocity) = (vec![0.0; 3 * n], vec![0.0; 3 * n]);
        for body in 0..n {
            // 1 % of the mass lies beyond 12 radii; those few would only slow the picture down.
            let radius = loop {
                let r = (random.unit().powf(-2.0 / 3.0) - 1.0).sqrt().recip();
                if r < 12.0 {
                    break r;
                }
            };
            let speed = loop {
                let q = random.unit();
                if 0.1 * random.unit() < q * q * (1.0 - q * q).powf(3.5) {
                    break q * 2.0_f64.sqrt() * (1.0 + radius * radius).powf(-0.25);
                }
            };
            let (place, heading) = (random.direction(), random.direction());
            for axis in 0..3 {
                at[axis * n + body] = (radius * place[axis]) as f32;
                velocity[axis * n + body] = (speed * heading[axis]) as f32;
            }
        }
        let mut cluster = Cluster { n, mass: 1.0 / n as f32, at, velocity, pull: Vec::new() };
        cluster.pull = cluster.pulls()?;
        Ok(cluster)
    }

    fn pulls(&self) -> veda::Result<Vec<f32>> {
        veda::gpu::execute(acceleration::on(&self.at, self.n as u32, self.mass, SOFTENING2).over([self.n, 3]))
    }

    /// Kick, drift, kick.
    fn step(&mut self) -> veda::Result<()> {
        self.velocity = veda::gpu::execute(advance::on(&self.velocity, &self.pull, 0.5 * DT))?;
        self.at = veda::gpu::execute(advance::on(&self.at, &self.velocity, DT))?;
        self.pull = self.pulls()?;
        self.velocity = veda::gpu::execute(advance::on(&self.velocity, &self.pull, 0.5 * DT))?;
        Ok(())
    }

    fn energy(&self) -> veda::Result<f64> {
        let pairs: Vec<f32> =
            veda::gpu::execute(potential::on(&self.at, self.n as u32, self.mass, SOFTENING2).over(self.n))?;
        let potential: f64 = pairs.par_iter().map(|&e| f64::from(e)).sum();
        let squares: f64 = self.velocity.par_iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        Ok(potential + 0.5 * f64::from(self.mass) * squares)
    }
}

/// Steele, Lea and Flood's generator: enough for initial conditions, and the same on every machine.
struct SplitMix(u64);

impl SplitMix {
    /// In (0, 1).
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// A point of the unit sphere.
    fn direction(&mut self) -> [f64; 3] {
        let z = 2.0 * self.unit() - 1.0;
        let (sin, cos) = (std::f64::consts::TAU * self.unit()).sin_cos();
        let r = (1.0 - z * z).sqrt();
        [r * cos, r * sin, z]
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let (bodies, steps) = match args {
        [] => (1024, 200),
        [bodies, steps] => {
            let parse = |text: &String, range: std::ops::RangeInclusive<usize>| {
                text.parse().ok().filter(|n| range.contains(n)).ok_or_else(|| format!("{text}: {USAGE}"))
            };
            (parse(bodies, 2..=16_384)?, parse(steps, 1..=1_000_000)?)
        }
        _ => return Err(USAGE.into()),
    };
    veda::init().map_err(|e| e.to_string())?;
    let mut cluster = Cluster::new(bodies).map_err(|e| e.to_string())?;
    let before = cluster.energy().map_err(|e| e.to_string())?;
    let start = Instant::now();
    for _ in 1..steps {
        cluster.step().map_err(|e| e.to_string())?;
    }
    // By the last step the costs are known: its table says where the steps ran.
    let (last, why) = veda::explain(|| cluster.step());
    last.map_err(|e| e.to_string())?;
    let elapsed = start.elapsed().as_secs_f64();
    let after = cluster.energy().map_err(|e| e.to_string())?;
    println!("the last step:\n{why}");
    println!("{bodies} bodies, {steps} steps: {:.0} steps/s", steps as f64 / elapsed);
    println!("energy {before:.6} -> {after:.6}, drift {:.1e}", ((after - before) / before).abs());
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("nbody: {message}");
            ExitCode::FAILURE
        }
    }
}
