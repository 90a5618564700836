//! The WGSL of every construct of the kernel language, as text that people have read.
//!
//! `tests/golden/<case>.wgsl` is what a case becomes without run-time checks; `VEDA_BLESS=1 cargo test --test golden_wgsl`
//! writes the files anew. Read them before you commit them.
#![allow(missing_docs)]

#[path = "golden/chains.rs"]
mod chains;
#[path = "golden/kernels.rs"]
mod kernels;

use std::collections::BTreeSet;
use std::path::PathBuf;

use kernels::*;
use veda::gpu::GpuKernel;
use veda::kernel::assemble::{Assembled, Checks, assemble};
use veda::kernel::pipe::Pipe;
use veda::kernel::terminal::Terminal;

type Emit<'e> = dyn FnMut(&Pipe<'_>, &Terminal) + 'e;
type Case = (&'static str, fn(&mut Emit<'_>));

const F: &[f32] = &[1.0, 2.0];
const I: &[i32] = &[1, 2];
const U: &[u32] = &[1, 2];
const B: &[bool] = &[true, false];

/// The cases: kernels bound to arguments, by the kernel's name, and chains, by the function's name.
macro_rules! cases {
    ({$($kernel:ident($($arg:expr),*) $(.over($space:expr))?;)*} $($chain:ident)*) => {
        const CASES: &[Case] = &[
            $((stringify!($kernel), |emit| {
                let bound = $kernel::on($($arg),*)$(.over($space))?;
                // What users see is what runs.
                let pipe = bound.pipe().expect("arguments that fit");
                let text = assemble(&pipe, &Terminal::Collect, Checks::default()).map(|a| a.wgsl);
                assert_eq!(text.expect("a kernel that links"), bound.wgsl());
                emit(&pipe, &Terminal::Collect);
            }),)*
            $((concat!("chain_", stringify!($chain)), chains::$chain),)*
        ];
    };
}

cases! {{
    let_shadowing(F);
    let_late(I);
    assigned_parameter(U);
    if_expression(F, 0.5);
    match_arms(I);
    match_bool(U, true);
    match_guard_with_statements(U);
    for_exclusive(U, 2.0);
    for_inclusive(I, 9);
    for_rev(I, 9);
    for_step_by(U, 9, 2);
    for_constant_bounds(I);
    for_bounds_once(U);
    while_loop(U);
    while_condition_with_statements(U);
    loop_break_value(U);
    loop_forever_returns(U);
    labels(U);
    label_break_value(U);
    continues(U);
    early_return(F);
    casts(F, I, U, 3, B);
    literal_casts(U);
    compound_assignment(U, I, F);
    integer_operators(I, I, U);
    comparisons(F, F, 3, B, B);
    short_circuit(U, 3);
    order_of_evaluation(U);
    tuple_parameters((F, (2.0, 7)), F, I);
    constants(F, U);
    constant_operands(F);
    calls(F, U);
    math_calls(F, F);
    slices(F, I, 1).over(2usize);
    bool_slice(B, B, 1);
    handing_on(F, F, 1).over(2usize);
    guarded_index(U, 1).over(2usize);
    dropped_index(U, 1).over(2usize);
    index_1d().over(9usize);
    index_2d(F).over([3usize, 4]);
    index_3d(F).over([1usize, 2, 1]);
    rounding(F);
    float_functions(F, F, 0.5);
    float_classes(F);
    integer_functions(I, I, U);
    unsigned_functions(U, U, 7);
    bit_functions(U, I);
    reserved_words(U, 1, 2, 3, 4, 5);
    deep_expression(U);
}
    map_collect closure_captures filter_collect filter_sum zip_enumerate_max range_min float_product count any all
    bool_collect reduce reduce_with_captures
}

const CHECKS: [Checks; 4] = [
    Checks { bounds: false, loop_budget: false },
    Checks { bounds: true, loop_budget: false },
    Checks { bounds: false, loop_budget: true },
    Checks { bounds: true, loop_budget: true },
];

/// Cases whose text with all checks is kept as well, as `<case>.checked.wgsl`.
const CHECKED: &[&str] = &["guarded_index", "labels", "for_step_by", "bool_slice", "dropped_index", "chain_reduce"];

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn each(case: &Case, checks: Checks) -> Assembled {
    let mut result = None;
    (case.1)(&mut |pipe, terminal| result = Some(assemble(pipe, terminal, checks)));
    let result = result.expect("a case emits one pipe");
    result.unwrap_or_else(|e| panic!("{} with {checks:?}: {e}", case.0))
}

/// The golden texts by file name.
fn texts() -> Vec<(String, String)> {
    let plain = CASES.iter().map(|c| (format!("{}.wgsl", c.0), each(c, CHECKS[0]).wgsl));
    let checked = CASES.iter().filter(|c| CHECKED.contains(&c.0));
    let checked = checked.map(|c| (format!("{}.checked.wgsl", c.0), each(c, CHECKS[3]).wgsl));
    plain.chain(checked).collect()
}

/// The first line that differs, with its number, old and new.
fn difference(old: &str, new: &str) -> String {
    let lines = old.lines().map(Some).chain(std::iter::repeat(None)).zip(new.lines().map(Some).chain([None]));
    match lines.enumerate().find(|(_, (a, b))| a != b) {
        Some((n, (a, b))) => format!("line {}\n  - {}\n  + {}", n + 1, a.unwrap_or("(end)"), b.unwrap_or("(end)")),
        None => "the end".to_owned(),
    }
}

#[test]
fn texts_are_the_golden_ones() {
    let texts = texts();
    let bless = std::env::var_os("VEDA_BLESS").is_some();
    let expected: BTreeSet<String> = texts.iter().map(|t| t.0.clone()).collect();
    assert_eq!(expected.len(), CASES.len() + CHECKED.len(), "a case is listed twice or CHECKED names none");
    let mut wrong = Vec::new();
    for (file, text) in &texts {
        let path = directory().join(file);
        if bless {
            std::fs::write(&path, text).unwrap();
        } else {
            match std::fs::read_to_string(&path) {
                // Git may have checked out other line ends, of these files and of the skeletons in `shaders/`.
                Ok(golden) if golden.lines().eq(text.lines()) => {}
                Ok(golden) => wrong.push(format!("{file} differs: {}", difference(&golden, text))),
                Err(e) => wrong.push(format!("{file}: {e}")),
            }
        }
    }
    for entry in std::fs::read_dir(directory()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if std::path::Path::new(&name).extension().is_some_and(|e| e == "wgsl") && !expected.contains(&name) {
            wrong.push(format!("{name} belongs to no case"));
        }
    }
    assert!(wrong.is_empty(), "VEDA_BLESS=1 writes the files anew\n{}", wrong.join("\n"));
}

#[test]
fn texts_are_valid() {
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    let mut wrong = Vec::new();
    for case in CASES {
        for checks in CHECKS {
            let assembled = each(case, checks);
            let text = &assembled.wgsl;
            let module = match naga::front::wgsl::parse_str(text) {
                Ok(module) => module,
                Err(e) => {
                    wrong.push(format!("{} with {checks:?}: {}", case.0, e.emit_to_string(text)));
                    continue;
                }
            };
            // No capability: the shaders run wherever WebGPU does.
            for capabilities in [Capabilities::empty(), Capabilities::all()] {
                if let Err(e) = Validator::new(ValidationFlags::all(), capabilities).validate(&module) {
                    wrong.push(format!("{} with {checks:?}: {}", case.0, e.emit_to_string(text)));
                }
            }
            let entries: Vec<&str> = module.entry_points.iter().map(|e| e.name.as_str()).collect();
            assert_eq!(entries, assembled.entries, "{}", case.0);
            assert_eq!(
                module.global_variables.iter().filter(|(_, v)| v.binding.is_some()).count(),
                assembled.roles.len()
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
