//! Prints linked kernels as WGSL.
//!
//! One WGSL function per kernel and slice binding: slice parameters vanish, their accesses name the storage array, so
//! no pointer to storage is ever passed. Scalars keep their order, tuples are flattened, captures come last. The
//! caller's prelude declares `struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }`, and where
//! [`Printed::uses_fail`] says so `fn veda_fail()`; with [`Options::loop_budget`] also
//! `fn veda_over_budget() -> bool`, which counts one iteration and says whether there were too many.

mod builtins;
mod expr;
mod helpers;
mod names;
mod stmt;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use crate::ast::{ParamPat, ParamTy, Ty};
use crate::infer;
use crate::link::Linked;
use names::Names;
use stmt::FunctionPrinter;

/// The storage that stands behind one slice parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SliceBinding {
    /// The module-scope storage array. It has at least one element, even if `len` is 0.
    pub array: String,
    /// A `u32` expression without side effects: the length.
    pub len: String,
    /// The element type; bool elements are stored as `u32`.
    pub ty: Ty,
}

/// A kernel to be called from the entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Index of the kernel in [`Linked::functions`].
    pub unit: usize,
    /// One for each of its slice parameters, in order.
    pub slices: Vec<SliceBinding>,
}

/// What to guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// An index out of bounds calls `veda_fail()` and reads zero; otherwise it reads the last element.
    pub check_bounds: bool,
    /// Every loop iteration asks `veda_over_budget()`; beyond the budget `veda_fail()` is called and the loop is left.
    pub loop_budget: bool,
}

/// The printed functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// WGSL module text: helpers, then functions, callees first.
    pub text: String,
    /// For each root the function to call.
    pub entries: Vec<String>,
    /// Whether `veda_fail` is called.
    pub uses_fail: bool,
}

/// Why a kernel cannot be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrintError {
    /// A root names a unit that does not exist.
    MissingUnit(usize),
    /// The slice bindings do not fit a kernel's slice parameters.
    Slices {
        /// The kernel.
        kernel: String,
        /// The element types of its slice parameters.
        expected: Vec<Ty>,
        /// Those of the bindings.
        found: Vec<Ty>,
    },
    /// The tree is not one that [`link`](crate::link::link) accepts.
    Malformed(String),
}

impl fmt::Display for PrintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrintError::MissingUnit(n) => write!(f, "there is no kernel {n} to print"),
            PrintError::Slices { kernel, expected, found } => {
                write!(f, "kernel `{kernel}` takes slices of {expected:?}, but is bound to {found:?}")
            }
            PrintError::Malformed(what) => write!(f, "malformed kernel: {what}"),
        }
    }
}

impl std::error::Error for PrintError {}

/// Prints everything that the roots reach.
///
/// # Errors
/// See [`PrintError`].
pub fn print(linked: &Linked, roots: &[Root], options: &Options) -> Result<Printed, PrintError> {
    let mut names = Names::default();
    for b in roots.iter().flat_map(|r| &r.slices) {
        names.reserve(&b.array);
        b.len.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').for_each(|word| names.reserve(word));
    }
    let mut m = Module {
        linked,
        options: *options,
        names,
        functions: HashMap::new(),
        accessors: HashMap::new(),
        accessor_texts: Vec::new(),
        helpers: BTreeSet::new(),
        texts: Vec::new(),
        uses_fail: false,
    };
    let mut entries = Vec::new();
    for root in roots {
        entries.push(m.function(root.unit, &root.slices)?);
    }
    let mut parts = m.helper_texts();
    parts.append(&mut m.accessor_texts);
    parts.append(&mut m.texts);
    let mut text = parts.join("\n\n");
    text.push('\n');
    Ok(Printed { text, entries, uses_fail: m.uses_fail })
}

/// The WGSL name of a type.
pub(crate) fn wgsl_ty(ty: Ty) -> &'static str {
    match ty {
        Ty::F32 => "f32",
        Ty::U32 | Ty::Usize | Ty::Unit => "u32",
        Ty::I32 => "i32",
        Ty::Bool => "bool",
    }
}

struct Module<'a> {
    linked: &'a Linked,
    options: Options,
    names: Names,
    functions: HashMap<(usize, Vec<SliceBinding>), String>,
    accessors: HashMap<SliceBinding, String>,
    accessor_texts: Vec<String>,
    helpers: BTreeSet<usize>,
    texts: Vec<String>,
    uses_fail: bool,
}

impl Module<'_> {
    /// The name of the function of a kernel for these slices; prints it if that is its first use.
    fn function(&mut self, unit: usize, slices: &[SliceBinding]) -> Result<String, PrintError> {
        let key = (unit, slices.to_vec());
        if let Some(name) = self.functions.get(&key) {
            return Ok(name.clone());
        }
        let linked = self.linked;
        let typed = linked.functions.get(unit).ok_or(PrintError::MissingUnit(unit))?;
        let f = &typed.unit.function;
        let params = infer::slice_params(f);
        let expected: Vec<Ty> = params.iter().map(|p| p.1).collect();
        let found: Vec<Ty> = slices.iter().map(|s| s.ty).collect();
        if expected != found {
            return Err(PrintError::Slices { kernel: typed.unit.name.clone(), expected, found });
        }
        let mut name = format!("{}_{unit}", names::identifier(&f.name));
        for s in slices {
            name.push('_');
            name.push_str(&s.array);
        }
        let name = self.names.unique(name);
        self.functions.insert(key, name.clone());

        let bound = params.iter().zip(slices).filter_map(|(p, s)| p.0.map(|l| (l, s.clone()))).collect();
        let mut p = FunctionPrinter::new(self, typed, bound);
        let mut args = Vec::new();
        for param in &f.params {
            p.parameter(Some(&param.pat), &param.ty, &mut args);
        }
        for (capture, ty) in p.captures.iter().zip(&typed.unit.captures) {
            args.push(format!("{capture}: {}", wgsl_ty(*ty)));
        }
        p.body()?;
        let body = std::mem::take(&mut p.out).join("\n");
        self.texts.push(format!("fn {name}({}) -> {} {{\n{body}\n}}", args.join(", "), wgsl_ty(f.ret)));
        Ok(name)
    }

    fn helper(&mut self, name: &'static str) -> &'static str {
        if let Some(i) = helpers::HELPERS.iter().position(|h| h.name == name)
            && self.helpers.insert(i)
        {
            helpers::HELPERS[i].uses.iter().for_each(|used| {
                self.helper(used);
            });
            self.uses_fail |= self.options.loop_budget && helpers::HELPERS[i].text.contains("TICK");
        }
        name
    }

    fn helper_texts(&self) -> Vec<String> {
        let tick =
            if self.options.loop_budget { "\n        if (veda_over_budget()) { veda_fail(); break; }" } else { "" };
        self.helpers.iter().map(|&i| helpers::HELPERS[i].text.replace("TICK", tick)).collect()
    }

    /// The function that reads one element of a slice.
    fn accessor(&mut self, b: &SliceBinding) -> String {
        if let Some(name) = self.accessors.get(b) {
            return name.clone();
        }
        let name = self.names.unique(format!("veda_at_{}", b.array));
        let (ty, array, len) = (wgsl_ty(b.ty), &b.array, &b.len);
        let stored = if b.ty == Ty::Bool { " != 0u" } else { "" };
        self.accessor_texts.push(if self.options.check_bounds {
            self.uses_fail = true;
            format!(
                "fn {name}(i: u32) -> {ty} {{\n    if (i >= ({len})) {{\n        veda_fail();\n        return {ty}();\n    }}\n    return {array}[i]{stored};\n}}"
            )
        } else {
            format!(
                "fn {name}(i: u32) -> {ty} {{\n    let n = {len};\n    return select({ty}(), {array}[min(i, max(n, 1u) - 1u)]{stored}, n > 0u);\n}}"
            )
        });
        self.accessors.insert(b.clone(), name.clone());
        name
    }
}

impl FunctionPrinter<'_, '_> {
    fn parameter(&mut self, pat: Option<&ParamPat>, ty: &ParamTy, args: &mut Vec<String>) {
        let local = if let Some(ParamPat::Local(l)) = pat { Some(l.0 as usize) } else { None };
        match ty {
            ParamTy::Slice(_) => {}
            ParamTy::Tuple(tys) => {
                for (i, t) in tys.iter().enumerate() {
                    let sub = if let Some(ParamPat::Tuple(ps)) = pat { ps.get(i) } else { None };
                    self.parameter(sub, t, args);
                }
            }
            ParamTy::Index => {
                let name = match local {
                    Some(l) => self.names[l].clone(),
                    None => self.temp(),
                };
                args.push(format!("{name}: VedaIndex"));
            }
            ParamTy::Value(t) => {
                let ty = wgsl_ty(*t);
                match local {
                    Some(l) if self.assigned[l] => {
                        // WGSL parameters are immutable.
                        let arg = self.temp();
                        let line = format!("var {}: {ty} = {arg};", self.names[l]);
                        self.emit(line);
                        args.push(format!("{arg}: {ty}"));
                    }
                    Some(l) => args.push(format!("{}: {ty}", self.names[l])),
                    None => {
                        let arg = self.temp();
                        args.push(format!("{arg}: {ty}"));
                    }
                }
            }
        }
    }
}
