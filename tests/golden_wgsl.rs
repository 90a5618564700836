//! The WGSL of one small kernel per construct, against files that people have read; `VEDA_BLESS=1` rewrites them.
//! Every text is also validated, with and without run-time checks.
#![allow(missing_docs)]

use veda::gpu::GpuKernel as _;
use veda::kernel::assemble::{Checks, assemble};
use veda::kernel::pipe::Pipe;
use veda::kernel::terminal::Terminal;

fn validate(name: &str, text: &str) {
    let module =
        naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{name}: {}\n{text}", e.emit_to_string(text)));
    naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all())
        .validate(&module)
        .unwrap_or_else(|e| panic!("{name}: {e:?}\n{text}"));
}

fn golden(name: &str, text: &str, pipe: &Pipe<'_>) {
    for (bounds, loop_budget) in [(false, false), (true, false), (false, true), (true, true)] {
        let checks = Checks { bounds, loop_budget };
        let text = assemble(pipe, &Terminal::Collect, checks).unwrap().wgsl;
        validate(&format!("{name} with {checks:?}"), &text);
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.wgsl"));
    if std::env::var_os("VEDA_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected =
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; VEDA_BLESS=1 writes it", path.display()));
    assert!(expected == text, "{name}: the text changed; read it, then VEDA_BLESS=1\n{text}");
}

macro_rules! goldens {
    ($($name:ident($($arg:ident: $ty:ty),+) -> $ret:ty $body:block on($($on:expr),*))*) => {
        mod kernels {
            pub const INFINITE: f32 = f32::INFINITY;
            pub const NOT: f32 = f32::NAN;
            pub const LOWEST: i32 = i32::MIN;
            #[veda::kernel(no_test)]
            pub fn at(src: &[f32], i: usize) -> f32 { src[i] }
            $(#[veda::kernel(no_test)] #[allow(unused)] pub fn $name($($arg: $ty),+) -> $ret $body)*
        }
        $(#[test]
        fn $name() {
            let bound = kernels::$name::on($($on),*).over(4u32);
            golden(stringify!($name), &bound.wgsl(), &bound.pipe().unwrap());
        })*
    };
}

const F: [f32; 4] = [1.0, 2.0, 3.0, 4.0];
const U: [u32; 4] = [1, 2, 3, 4];
const I: [i32; 4] = [1, -2, 3, -4];
const B: [bool; 4] = [true, false, true, false];

goldens! {
    shadowing(x: f32) -> f32 { let y = x + 1.0; let y = y * y; y - x } on(&F)
    if_value(x: f32) -> f32 { let y = if x > 0.0 { x } else if x < -1.0 { -x } else { 0.5 }; y + 1.0 } on(&F)
    match_value(n: i32) -> i32 { match n { -1 => 7, 0 | 1 => 8, 2..=9 => 9, m if m > 100 => m - 100, _ => 0 } } on(&I)
    for_range(n: u32) -> u32 { let mut s = 0; for i in 0..n { s += i; } s } on(&U)
    for_inclusive(n: u32) -> u32 { let mut s = 0; for i in 1..=n { s += i; } s } on(&U)
    for_reversed(n: u32) -> u32 { let mut s = 0; for i in (0..n).rev() { s = s * 3 + i; } s } on(&U)
    for_step(n: u32) -> u32 { let mut s = 0; for i in (0..n).step_by(3) { s += i; } s } on(&U)
    while_loop(n: u32) -> u32 { let mut m = n; while m > 10 { m /= 3; } m } on(&U)
    loop_value(n: u32) -> u32 { let mut m = n; let r = loop { if m % 7 == 0 { break m; } m += 1; }; r * 2 } on(&U)
    labels(n: u32) -> u32 {
        let mut s = 0;
        'rows: for i in 0..n { for j in 0..n { if j > i { continue 'rows; } if s > 50 { break 'rows; } s += j; } }
        s
    } on(&U)
    early_return(x: f32) -> f32 { if x < 0.0 { return -1.0; } x.sqrt() } on(&F)
    casts(x: f32, n: i32) -> f32 { (x as i32 + n) as u32 as f32 + (x as u32) as f32 } on(&F, &I)
    compound(n: u32) -> u32 { let mut m = n; m += 3; m -= 1; m *= 5; m /= 2; m %= 11; m ^= 6; m |= 8; m &= 15; m <<= 2; m >>= 1; m } on(&U)
    short_circuit(x: f32, n: u32) -> bool { x > 0.0 && n > 1 || { let y = x * 2.0; y < -4.0 } } on(&F, &U)
    constants(x: f32, n: i32) -> f32 { if n == LOWEST { NOT } else if x > 1e30 { INFINITE } else { x * std::f32::consts::PI } } on(&F, &I)
    slices(src: &[f32], flags: &[bool], i: u32) -> f32 { if flags[i as usize] { at(src, i as usize) } else { src.len() as f32 } } on(&F, &B, &U)
    index(id: veda::Index, src: &[f32]) -> f32 { src[id.flat() as usize] + id.x as f32 + id.y as f32 } on(&F)
    builtins_float(x: f32, y: f32) -> f32 { x.floor() + y.round() + x.min(y).max(0.5).clamp(0.0, 9.0) + x.abs().sqrt() + x.mul_add(y, 1.0) + x % y } on(&F, &F)
    builtins_int(a: i32, b: i32) -> i32 { a.abs().min(b) + a.saturating_add(b) + a.rem_euclid(b) + (a.count_ones() + a.leading_zeros()) as i32 } on(&I, &I)
    bools(p: bool, q: bool) -> bool { (p ^ q) | (!p & q) } on(&B, &B)
    not_equal(x: f32, y: f32) -> bool { x != y } on(&F, &F)
    bits(x: f32) -> u32 { x.to_bits().rotate_left(3).swap_bytes() } on(&F)
}
