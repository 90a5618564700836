//! Runs a kernel on both of its twins, the CPU's and a device's, with edge and random inputs, and compares.
//!
//! ```
//! #[veda::kernel]
//! fn saxpy(a: f32, x: f32, y: f32) -> f32 { a * x + y }
//!
//! # fn main() {
//! let report = veda::testing::twin::<saxpy, (f32, f32, f32)>().run();
//! println!("{report}");
//! # }
//! ```
//!
//! # What counts as equal
//! Integers and bools: the same bits. Floats `c` and `g`: NaN equals NaN; else
//! `|c - g| <= tolerance * (max(|c|, |g|) + s)`, where `s` is the largest finite float argument of the invocation by
//! magnitude, or 0 if the tolerance was written by the user. By default `tolerance = (4 + 2 * ops) * 2^-23` with the float operations that the kernel is expected to
//! execute: each may round differently by one unit in the last place (`a * b + c` may be fused), doubled because an
//! error passes through what follows. Two numbers below the smallest normal one are equal, since a device may flush
//! them. The rule knows no intermediate result: a kernel that cancels (`x * x - y * y`) or overflows on the way needs
//! [`Twin::tolerance`], or inputs of its own.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use veda_kernels_ir::ast::Value;

use crate::config::{Config, DeviceChoice};
use crate::gpu::GpuKernel;
use crate::index::Index;
use crate::kernel::arg::{Elements, Position, Source, Uniform, Whole};
use crate::kernel::bound::Bound;
use crate::kernel::desc::{ElementKernel, KernelDesc};
use crate::kernel::pipe::Pipe;
use crate::kernel::scalar::{Scalar, Value32};
use crate::kernel::terminal::Terminal;
use crate::kernel::{assemble, count};
use crate::runtime::Runtime;
use crate::runtime::route::Routed;

/// Index spaces of a run: nothing, one invocation, around a workgroup of 256, a picture, a prime.
const SPACES: [[u32; 2]; 6] = [[0, 1], [1, 1], [17, 15], [257, 1], [61, 67], [4099, 1]];

/// Random numbers (PCG-XSH-RR of O'Neill, 64 bits of state): the same inputs on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Random {
        let mut random = Random(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
        random.bits();
        random
    }

    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        let old = self.0;
        self.0 = old.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((((old >> 18) ^ old) >> 27) as u32).rotate_right((old >> 59) as u32)
    }

    /// Below `n`, which is not 0.
    pub fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(n)) >> 32) as u32
    }
}

/// Which values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Edges and all magnitudes.
    Wild,
    /// Small ones (integers from 1 to 8, floats within ±8) and long slices: for kernels whose arguments say how often a
    /// loop runs or where a slice is read.
    Tame,
}

/// A type that test inputs are drawn for.
pub trait Drawn: Scalar + fmt::Debug {
    /// One value.
    fn draw(random: &mut Random, domain: Domain) -> Self;
}

impl Drawn for f32 {
    fn draw(random: &mut Random, domain: Domain) -> f32 {
        const EDGES: [u32; 22] = [
            0x0000_0000, // 0
            0x0000_0001, // smallest subnormal
            0x007f_ffff, // largest subnormal
            0x0080_0000, // smallest normal
            0x3eff_ffff, // just below 0.5
            0x3f00_0000, // 0.5
            0x3f7f_ffff, // just below 1
            0x3f80_0000, // 1
            0x3f80_0001,
            0x3fc0_0000, // 1.5
            0x4020_0000, // 2.5
            0x4b7f_ffff, // 2^24 - 1
            0x4b80_0000, // 2^24
            0x4b80_0001, // 2^24 + 2
            0x4eff_ffff, // largest below 2^31
            0x4f00_0000, // 2^31
            0x4f7f_ffff, // largest below 2^32
            0x4f80_0000, // 2^32
            0x7f7f_ffff, // MAX
            0x7f80_0000, // infinity
            0x7fc0_0000, // NaN
            0x4000_0000, // 2
        ];
        let unit = random.bits() as i32 as f32 / 2_147_483_648.0;
        if domain == Domain::Tame {
            return unit * 8.0;
        }
        match random.below(8) {
            0 | 1 => f32::from_bits(EDGES[random.below(22) as usize] | (random.bits() & 0x8000_0000)),
            2 => f32::from_bits(random.bits()),
            3 => unit * 1e6,
            4 => unit * 1e-6,
            5 => (unit * 100.0).trunc() * 0.5,
            _ => unit * 16.0,
        }
    }
}

/// An edge, any, small or middling pattern of 32 bits.
fn draw_bits(random: &mut Random, domain: Domain) -> u32 {
    const EDGES: [u32; 14] = [
        0,
        1,
        2,
        31,
        32,
        33,
        0x00ff_ffff,
        0x0100_0001,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_0001,
        0xffff_fffe,
        u32::MAX,
        40,
    ];
    if domain == Domain::Tame {
        return 1 + random.below(8);
    }
    match random.below(4) {
        0 => EDGES[random.below(14) as usize],
        1 => random.bits(),
        2 => random.below(100),
        _ => random.bits() >> random.below(32),
    }
}

impl Drawn for u32 {
    fn draw(random: &mut Random, domain: Domain) -> u32 {
        draw_bits(random, domain)
    }
}
impl Drawn for i32 {
    fn draw(random: &mut Random, domain: Domain) -> i32 {
        let x = draw_bits(random, domain) as i32;
        if domain == Domain::Wild && random.below(2) == 0 { x.wrapping_neg() } else { x }
    }
}
impl Drawn for bool {
    fn draw(random: &mut Random, _: Domain) -> bool {
        random.below(2) == 0
    }
}

/// The parameters of a kernel (one, or a tuple of them) that inputs can be drawn for.
pub trait Sample: Sized {
    /// What supplies them.
    type Source: Source<Item = Self>;
    /// Draws the inputs of `n` invocations. Their memory is never freed: a kernel borrows slices for `'static`, and a
    /// test draws some hundred KiB.
    fn draw(random: &mut Random, n: usize, domain: Domain) -> Self::Source;
    /// What the invocation at a flat position receives.
    fn show(source: Self::Source, at: usize) -> String;
    /// The largest finite float among it by magnitude; 0 if there is none.
    fn scale(source: Self::Source, at: usize) -> f32;
}

fn magnitude(value: Value) -> f32 {
    match value {
        Value::F32(x) if x.is_finite() => x.abs(),
        _ => 0.0,
    }
}

fn show(value: Value) -> String {
    match value {
        Value::F32(x) => format!("{x:?} ({:#010x})", x.to_bits()),
        Value::U32(x) | Value::Usize(x) => format!("{x} ({x:#x})"),
        Value::I32(x) => format!("{x} ({x:#x})"),
        Value::Bool(x) => x.to_string(),
    }
}

fn leak<T: Drawn>(random: &mut Random, n: usize, domain: Domain) -> &'static [T] {
    Vec::leak((0..n).map(|_| T::draw(random, domain)).collect())
}

macro_rules! sample_scalar {
    ($($t:ident)*) => {$(
        impl Sample for $t {
            type Source = Elements<'static, $t>;
            fn draw(random: &mut Random, n: usize, domain: Domain) -> Self::Source {
                Elements(leak(random, n, domain))
            }
            fn show(source: Self::Source, at: usize) -> String {
                show(source.0[at].value())
            }
            fn scale(source: Self::Source, at: usize) -> f32 {
                magnitude(source.0[at].value())
            }
        }
    )*};
}
sample_scalar!(f32 u32 i32 bool);

impl Sample for usize {
    type Source = Uniform<usize>;
    fn draw(random: &mut Random, _: usize, domain: Domain) -> Uniform<usize> {
        Uniform(draw_bits(random, domain) as usize)
    }
    fn show(source: Uniform<usize>, _: usize) -> String {
        show(source.0.value())
    }
    fn scale(_: Uniform<usize>, _: usize) -> f32 {
        0.0
    }
}

impl Sample for Index {
    type Source = Position;
    fn draw(_: &mut Random, _: usize, _: Domain) -> Position {
        Position
    }
    fn show(_: Position, at: usize) -> String {
        format!("index {at}")
    }
    fn scale(_: Position, _: usize) -> f32 {
        0.0
    }
}

impl<T: Drawn> Sample for &'static [T] {
    type Source = Whole<'static, T>;
    fn draw(random: &mut Random, n: usize, domain: Domain) -> Self::Source {
        // In a debug build a read beyond the end is a panic, so an empty slice would only test that.
        let wild = [usize::from(cfg!(debug_assertions)), 1, 3, 100, n.max(1)];
        let len = if domain == Domain::Tame { n.max(4099) } else { wild[random.below(5) as usize] };
        Whole(leak(random, len, domain))
    }
    fn show(source: Self::Source, _: usize) -> String {
        format!("slice of {}, starting {:?}", source.0.len(), &source.0[..source.0.len().min(4)])
    }
    fn scale(source: Self::Source, _: usize) -> f32 {
        source.0.iter().map(|x| magnitude(x.value())).fold(0.0, f32::max)
    }
}

macro_rules! sample_tuple {
    ($($t:ident $i:tt),+) => {
        impl<$($t: Sample),+> Sample for ($($t,)+) {
            type Source = ($($t::Source,)+);
            fn draw(random: &mut Random, n: usize, domain: Domain) -> Self::Source {
                ($($t::draw(random, n, domain),)+)
            }
            fn show(source: Self::Source, at: usize) -> String {
                [$($t::show(source.$i, at)),+].join(", ")
            }
            fn scale(source: Self::Source, at: usize) -> f32 {
                [$($t::scale(source.$i, at)),+].into_iter().fold(0.0, f32::max)
            }
        }
    };
}
sample_tuple!(A 0);
sample_tuple!(A 0, B 1);
sample_tuple!(A 0, B 1, C 2);
sample_tuple!(A 0, B 1, C 2, D 3);
sample_tuple!(A 0, B 1, C 2, D 3, E 4);
sample_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
sample_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
sample_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
sample_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
sample_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
sample_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
sample_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The kernel's path.
    pub kernel: String,
    /// Why nothing was compared at all: no GPU here.
    pub skipped: Option<String>,
    /// Elements that were computed on both and agree.
    pub compared: u64,
    /// Runs that failed a check on both, such as an index out of bounds in a debug build.
    pub both_failed: u32,
    /// Runs that only the CPU finished: a software adapter stops long loops.
    pub not_comparable: u32,
    /// The largest float difference, in units of the tolerance (at most 1).
    pub worst: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = &self.skipped {
            return write!(f, "{}: not compared, {reason}", self.kernel);
        }
        write!(
            f,
            "{}: {} elements agree (worst difference {:.3} of the tolerance), {} runs fail on both, {} not comparable",
            self.kernel, self.compared, self.worst, self.both_failed, self.not_comparable
        )
    }
}

/// A comparison of a kernel's twins; see [`twin`].
#[derive(Clone, Debug)]
#[must_use = "nothing is compared until `run`"]
pub struct Twin<K, P> {
    tolerance: Option<f64>,
    seed: u64,
    domain: Option<Domain>,
    kernel: PhantomData<fn(P) -> K>,
}

/// Prepares the comparison of a kernel's twins on drawn inputs. `P` is the tuple of its parameters by value, slices as
/// `&'static [T]`.
pub fn twin<K, P>() -> Twin<K, P>
where
    K: ElementKernel<P>,
    P: Sample,
{
    Twin { tolerance: None, seed: 1, domain: None, kernel: PhantomData }
}

/// The test that `#[kernel(test)]` generates.
///
/// # Panics
/// As [`Twin::run`].
#[doc(hidden)]
pub fn twin_test<K, P>(tolerance: Option<f64>) -> Report
where
    K: ElementKernel<P>,
    P: Sample,
{
    Twin { tolerance, ..twin::<K, P>() }.run()
}

/// The comparison of one kernel's twins, entered into a list by `#[kernel]` in builds with `cfg(test)`.
#[derive(Debug)]
pub struct TwinCheck {
    /// The kernel.
    pub kernel: &'static KernelDesc,
    /// Runs both twins on drawn inputs and compares.
    pub run: fn() -> Report,
}
inventory::collect!(TwinCheck);

/// Compares the twins of every kernel of this test program (those marked `no_test` excepted), the user's included:
///
/// ```
/// // the body of a `#[test]` function; here without kernels of its own:
/// for report in veda::testing::check_all() {
///     println!("{report}");
/// }
/// ```
///
/// # Panics
/// After all have run, with the messages of every kernel whose twins differ; see [`Twin::run`].
pub fn check_all() -> Vec<Report> {
    let mut reports = Vec::new();
    let mut failures = Vec::new();
    for check in inventory::iter::<TwinCheck> {
        match catch_unwind(check.run) {
            Ok(report) => reports.push(report),
            Err(payload) => {
                let text = payload.downcast_ref::<String>().cloned();
                let text = text.or_else(|| payload.downcast_ref::<&str>().map(|&s| s.to_owned()));
                failures.push(text.unwrap_or_else(|| format!("kernel `{}` panicked", check.kernel.path)));
            }
        }
    }
    assert!(failures.is_empty(), "{} kernels fail:\n{}", failures.len(), failures.join("\n"));
    reports.sort_by(|a, b| a.kernel.cmp(&b.kernel));
    reports
}

impl<K, P> Twin<K, P>
where
    K: ElementKernel<P>,
    P: Sample,
{
    /// The relative tolerance of float results, instead of the one that is derived from the kernel's operations.
    pub fn tolerance(mut self, relative: f64) -> Self {
        self.tolerance = Some(relative);
        self
    }

    /// Other random inputs.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Draws from this domain. By default [`Domain::Wild`] and then [`Domain::Tame`], only the latter for kernels whose
    /// loops may run for arbitrarily long.
    pub fn domain(mut self, domain: Domain) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Runs both twins and compares; without a GPU the report says so.
    ///
    /// Takes some 10 ms, of which most is the driver's compiler.
    ///
    /// # Panics
    /// If the twins differ, with the first and the worst difference; if the device refuses the kernel; if there is no
    /// GPU although `VEDA_REQUIRE_GPU=1`.
    pub fn run(self) -> Report {
        let mut report = Report { kernel: K::DESC.path.to_owned(), ..Report::default() };
        let runtime = match device() {
            Ok(runtime) => runtime,
            Err(reason) => {
                assert!(!gpu_required(), "kernel `{}`: VEDA_REQUIRE_GPU is set, but {reason}", K::DESC.path);
                report.skipped = Some(reason.clone());
                return report;
            }
        };
        let mut random = Random::new(self.seed);
        let mut domains = vec![Domain::Wild, Domain::Tame];
        for space in SPACES {
            let n = (space[0] * space[1]) as usize;
            for &domain in self.domain.as_ref().map_or(&domains.clone()[..], std::slice::from_ref) {
                let sources = P::draw(&mut random, n, domain);
                let bound = Bound::<K, P::Source>::new(sources).over(space);
                let pipe = bound.pipe().unwrap_or_else(|e| panic!("kernel `{}`: {e}", K::DESC.path));
                let program = assemble::link(&pipe, &Terminal::Collect).unwrap_or_else(|e| panic!("{e}"));
                let counts = count::of_data(&program);
                if counts.unbounded && domain == Domain::Wild && self.domain.is_none() {
                    domains = vec![Domain::Tame];
                    continue;
                }
                let ops = counts.float_add + counts.float_mul + counts.float_div + counts.float_sqrt;
                let tolerance = self
                    .tolerance
                    .unwrap_or((4.0 + if counts.left_early { 4.0 } else { 2.0 } * ops) * f64::from(f32::EPSILON));
                compare(runtime, &bound, &pipe, sources, (tolerance, self.tolerance.is_some()), &mut report);
            }
        }
        report
    }
}

fn compare<K, P>(
    runtime: &Runtime,
    bound: &Bound<K, P::Source>,
    pipe: &Pipe<'_>,
    sources: P::Source,
    (tolerance, strict): (f64, bool),
    report: &mut Report,
) where
    K: ElementKernel<P>,
    P: Sample,
{
    let path = K::DESC.path;
    let mut gpu: Vec<K::Output> = Vec::new();
    let routed = runtime
        .route(pipe, &Terminal::Collect, runtime.preferred_place(), &mut |bytes| crate::gpu::extend(&mut gpu, bytes))
        .unwrap_or_else(|e| panic!("kernel `{path}`: the device refuses it: {e}"));
    let cpu = catch_unwind(AssertUnwindSafe(|| bound.cpu(runtime.pool())));
    let cpu = match (routed, cpu) {
        _ if pipe.space.is_empty() => return,
        (Routed::Done(_), Ok(Ok(cpu))) => cpu,
        (Routed::Cpu(_), Ok(_)) => {
            report.not_comparable += 1;
            return;
        }
        (Routed::Cpu(_), Err(_)) => {
            report.both_failed += 1;
            return;
        }
        (Routed::Done(_), Ok(Err(e))) => panic!("kernel `{path}`: the CPU refuses it: {e}"),
        (Routed::Done(_), Err(_)) => panic!("kernel `{path}`: the CPU twin panics, the device finished"),
    };
    assert_eq!(cpu.len(), gpu.len(), "kernel `{path}`: lengths of the CPU's and the device's result");
    let mut wrong = 0;
    let mut first = None;
    let mut worst = None;
    for (at, (c, g)) in cpu.iter().zip(&gpu).enumerate() {
        // A tolerance that somebody wrote is relative to the result alone.
        let scale = || if strict { 0.0 } else { P::scale(sources, at) };
        let difference = difference(c.value(), g.value(), scale) / tolerance;
        if difference > 1.0 {
            wrong += 1;
            first.get_or_insert(at);
            if worst.is_none_or(|(_, w)| difference > w) {
                worst = Some((at, difference));
            }
        } else {
            report.worst = report.worst.max(difference);
        }
    }
    if let (Some(first), Some((worst, by))) = (first, worst) {
        let line = |at: usize| {
            format!(
                "at {at}: arguments {}\n    CPU    {}\n    device {}",
                P::show(sources, at),
                show(cpu[at].value()),
                show(gpu[at].value())
            )
        };
        panic!(
            "kernel `{path}`: the twins differ in {wrong} of {} elements over {:?} (tolerance {tolerance:.3e})\n  \
             first {}\n  worst ({by:.3} of the tolerance) {}",
            cpu.len(),
            pipe.space.dims(),
            line(first),
            line(worst)
        );
    }
    report.compared += cpu.len() as u64;
}

/// The relative difference of two results; infinite where they must be the same and are not.
fn difference(c: Value, g: Value, scale: impl FnOnce() -> f32) -> f64 {
    let (Value::F32(c), Value::F32(g)) = (c, g) else {
        return if c.bits() == g.bits() { 0.0 } else { f64::INFINITY };
    };
    let flushed = c.abs() < f32::MIN_POSITIVE && g.abs() < f32::MIN_POSITIVE;
    if c == g || flushed || (c.is_nan() && g.is_nan()) {
        return 0.0;
    }
    if !c.is_finite() || !g.is_finite() {
        return f64::INFINITY;
    }
    let (c, g) = (f64::from(c), f64::from(g));
    (c - g).abs() / (c.abs().max(g.abs()) + f64::from(scale()))
}

/// Whether tests must fail where there is no GPU.
pub fn gpu_required() -> bool {
    std::env::var("VEDA_REQUIRE_GPU").is_ok_and(|v| v == "1")
}

/// The runtime of all comparisons: on hardware, else on a software adapter; or why there is none.
fn device() -> Result<&'static Runtime, &'static String> {
    static DEVICE: OnceLock<Result<Runtime, String>> = OnceLock::new();
    DEVICE
        .get_or_init(|| {
            let choices = if std::env::var("VEDA_DEVICE").is_ok_and(|v| v == "software") {
                [DeviceChoice::Software; 2]
            } else {
                [DeviceChoice::Gpu(None), DeviceChoice::Software]
            };
            let open = |choice| {
                let runtime = Runtime::new(Config::builder().device(choice).build()).map_err(|e| e.to_string())?;
                runtime.preferred_place().map(|_| runtime).ok_or_else(|| "no GPU is usable".to_owned())
            };
            open(choices[0]).or_else(|_| open(choices[1]))
        })
        .as_ref()
}
