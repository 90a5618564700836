//! From a pipe to a shader: preamble, printed kernels, the element function, and the skeleton of its terminal.
//!
//! The result depends only on the *structure* of a pipe ([`structure`]): kernels, operand shapes, types, terminal.
//! Lengths, offsets and values are uniforms ([`params`]), so that one pipeline serves all calls of one chain.

use std::fmt::Write as _;
use std::hash::{Hash, Hasher};

use veda_kernels_ir::ast::{Ty, Value};
use veda_kernels_ir::link::Linked;
use veda_kernels_ir::{codec, link, wgsl};

use super::count::Counts;
use super::desc::KernelDesc;
use super::pipe::{Operand, Pipe, Stage, StageKind};
use super::terminal::Terminal;
use crate::error::{Error, Result};

/// Invocations of one workgroup of every skeleton.
pub const WORKGROUP: u32 = 256;
/// Elements that one workgroup of `reduce.wgsl` turns into one partial result.
pub const TILE: u32 = 4096;

const MAP: &str = include_str!("../../shaders/map.wgsl");
const REDUCE: &str = include_str!("../../shaders/reduce.wgsl");
const COMPACT: &str = include_str!("../../shaders/compact.wgsl");

/// Which run-time checks go into a shader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Checks {
    /// An index out of bounds raises the status word (debug builds of the kernel's crate).
    pub bounds: bool,
    /// Too many loop iterations in one invocation raise the status word: the common software driver stops a shader's
    /// loops silently after 65 535 iterations, counted per group of up to 16 invocations.
    pub loop_budget: bool,
}

/// What a binding of an assembled shader is, in binding order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The parameter block.
    Params,
    /// The n-th buffer of the pipe.
    Buffer(usize),
    /// One element (map), tile (reduce) or survivor (compact) each.
    Out,
    /// Survivors per tile before they are gathered (compact).
    Sparse,
    /// Word 0: the number of survivors; then one word per tile (compact).
    Counts,
    /// Raised by failed checks.
    Status,
}

/// A shader assembled for one structure.
#[derive(Debug)]
pub struct Assembled {
    /// A readable name: the kernels, joined.
    pub name: String,
    /// The text.
    pub wgsl: String,
    /// What its bindings are.
    pub roles: Vec<Role>,
    /// Its entry points, in dispatch order.
    pub entries: &'static [&'static str],
    /// The type of an element of `Role::Out`.
    pub out: Ty,
    /// The type of an element before it is stored (bool is stored as u32).
    pub element: Ty,
    /// Expected operations of one invocation.
    pub counts: Counts,
}

/// A hash of everything that determines the shader's text, valid within this process.
pub fn structure(pipe: &Pipe<'_>, terminal: &Terminal, checks: Checks) -> u64 {
    let mut h = Fnv::default();
    checks.hash(&mut h);
    for buffer in &pipe.buffers {
        (buffer.ty, buffer.whole).hash(&mut h);
    }
    for stage in &pipe.stages {
        (stage.kind, std::ptr::from_ref(stage.desc)).hash(&mut h);
        for value in &stage.captures {
            value.ty().hash(&mut h);
        }
        for operand in &stage.args {
            hash_operand(operand, &mut h);
        }
    }
    hash_operand(&pipe.result, &mut h);
    std::mem::discriminant(terminal).hash(&mut h);
    if let Terminal::Reduce { op, captures, .. } = terminal {
        std::ptr::from_ref(*op).hash(&mut h);
        for value in captures {
            value.ty().hash(&mut h);
        }
    }
    h.finish()
}

fn hash_operand(operand: &Operand, h: &mut Fnv) {
    std::mem::discriminant(operand).hash(h);
    match operand {
        Operand::Element(k) | Operand::Whole(k) | Operand::Stage(k) => k.hash(h),
        Operand::Uniform(value) => value.ty().hash(h),
        Operand::Index => {}
        Operand::Position(ty, _) => ty.hash(h),
        Operand::Tuple(parts) => {
            parts.len().hash(h);
            for part in parts {
                hash_operand(part, h);
            }
        }
    }
}

/// FNV-1a: short inputs, no need for flood resistance, the same in every process.
struct Fnv(u64);
impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}
impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.0 = (self.0 ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    fn write_u64(&mut self, x: u64) {
        self.0 = (self.0 ^ x).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    fn write_usize(&mut self, x: usize) {
        self.write_u64(x as u64);
    }
}

/// The parameter block for the window `base..base + n` of a pipe, in the order that [`assemble`] declares.
pub fn params(pipe: &Pipe<'_>, terminal: &Terminal, base: u32, n: u32) -> Vec<u32> {
    let [width, height, _] = pipe.space.dims();
    let mut words = vec![n, base, width.max(1), height.max(1)];
    words.extend(pipe.buffers.iter().filter(|b| b.whole).map(|b| b.len as u32));
    for stage in &pipe.stages {
        stage.args.iter().for_each(|operand| operand_words(operand, &mut words));
        words.extend(stage.captures.iter().map(|v| v.bits()));
    }
    operand_words(&pipe.result, &mut words);
    if let Terminal::Reduce { captures, identity, .. } = terminal {
        words.extend(captures.iter().map(|v| v.bits()));
        words.push(identity.bits());
    }
    words.resize(words.len().next_multiple_of(4), 0); // uniform blocks are multiples of 16 bytes
    words
}

fn operand_words(operand: &Operand, words: &mut Vec<u32>) {
    match operand {
        Operand::Uniform(value) | Operand::Position(_, value) => words.push(value.bits()),
        Operand::Tuple(parts) => parts.iter().for_each(|part| operand_words(part, words)),
        Operand::Element(_) | Operand::Whole(_) | Operand::Index | Operand::Stage(_) => {}
    }
}

/// The kernels of a pipe, linked: one unit per descriptor and types of captures.
#[derive(Debug)]
pub struct Program {
    pub(super) linked: Linked,
    /// The unit of each stage, then that of the reduction's operator.
    pub(super) roots: Vec<usize>,
}

#[derive(Default)]
struct Units {
    known: Vec<(*const KernelDesc, Vec<Ty>)>,
    units: Vec<Option<link::Unit>>,
}

impl Units {
    /// Adds a kernel and everything it calls, children first; a call cycle is left for `link` to report.
    fn add(&mut self, desc: &'static KernelDesc, captures: Vec<Ty>) -> Result<usize> {
        let id = (std::ptr::from_ref(desc), captures);
        if let Some(position) = self.known.iter().position(|k| *k == id) {
            return Ok(position);
        }
        let position = self.known.len();
        self.known.push(id.clone());
        self.units.push(None);
        let function =
            codec::decode(desc.ir).map_err(|e| Error::Link { kernel: desc.path.to_owned(), reason: e.to_string() })?;
        let deps = desc.deps.iter().map(|dep| self.add(dep(), Vec::new())).collect::<Result<_>>()?;
        self.units[position] = Some(link::Unit {
            name: desc.name.to_owned(),
            key: desc.hash,
            function,
            deps,
            consts: desc.consts.iter().map(|value| value()).collect(),
            captures: id.1,
        });
        Ok(position)
    }
}

/// Links the kernels of a pipe.
///
/// # Errors
/// [`Error::Link`] for call cycles and types that do not fit.
pub fn link(pipe: &Pipe<'_>, terminal: &Terminal) -> Result<Program> {
    let mut units = Units::default();
    let types = |values: &[Value]| values.iter().map(|v| v.ty()).collect::<Vec<_>>();
    let mut roots = pipe.stages.iter().map(|s| units.add(s.desc, types(&s.captures))).collect::<Result<Vec<_>>>()?;
    if let Terminal::Reduce { op, captures, .. } = terminal {
        roots.push(units.add(op, types(captures))?);
    }
    let linked = link::link(units.units.into_iter().flatten().collect())
        .map_err(|e| Error::Link { kernel: name(pipe), reason: e.to_string() })?;
    Ok(Program { linked, roots })
}

/// The kernels of a pipe, in order; a closure by its place in the source.
pub fn names(pipe: &Pipe<'_>) -> Vec<String> {
    let name = |desc: &KernelDesc| match desc.name {
        "{closure}" => {
            let file = desc.file.rsplit(['/', '\\']).next().unwrap_or(desc.file);
            format!("closure at {file}:{}", desc.line)
        }
        name => name.to_owned(),
    };
    pipe.stages.iter().map(|s| name(s.desc)).collect()
}

/// The kernels of a pipe, joined by arrows.
pub fn name(pipe: &Pipe<'_>) -> String {
    names(pipe).join(" > ")
}

fn wgsl_type(ty: Ty) -> &'static str {
    match ty {
        Ty::F32 => "f32",
        Ty::I32 => "i32",
        Ty::U32 | Ty::Usize | Ty::Bool | Ty::Unit => "u32",
    }
}

/// The type of a scalar operand; `None` for tuples, whole buffers and indices.
pub fn operand_type(pipe: &Pipe<'_>, operand: &Operand, program: &Program) -> Option<Ty> {
    match operand {
        Operand::Element(k) => Some(pipe.buffers[*k].ty),
        Operand::Uniform(value) => Some(value.ty()),
        Operand::Position(ty, _) => Some(*ty),
        Operand::Stage(k) => Some(program.linked.functions[program.roots[*k]].unit.function.ret),
        Operand::Tuple(_) | Operand::Whole(_) | Operand::Index => None,
    }
}

/// Assembles the shader of a pipe.
///
/// # Errors
/// [`Error::Link`] where the kernels do not link, or the pipe's element is nothing that a buffer can hold.
pub fn assemble(pipe: &Pipe<'_>, terminal: &Terminal, checks: Checks) -> Result<Assembled> {
    let program = link(pipe, terminal)?;
    let fail = |reason: String| Error::Link { kernel: name(pipe), reason };
    let element = operand_type(pipe, &pipe.result, &program)
        .ok_or_else(|| fail("its element is a tuple, which no buffer holds; end the chain with a kernel".into()))?;
    let partial = terminal.partial(element);
    let filters = pipe.stages.iter().any(|s| s.kind == StageKind::Filter);

    let mut writer = Writer { pipe, fields: String::new(), next: 0, uses_index: false };
    let body = writer.element(&program, terminal, element)?;
    let combine = writer
        .combine(terminal, partial)
        .ok_or_else(|| fail(format!("a reduction of {element:?} by {terminal:?} is not available on devices")))?;

    let mut roles = vec![Role::Params];
    roles.extend((0..pipe.buffers.len()).map(Role::Buffer));
    let (skeleton, entries): (&str, &'static [&'static str]) = match (terminal, filters) {
        (Terminal::Collect, false) => (MAP, &["veda_map"]),
        (Terminal::Collect, true) => (COMPACT, &["veda_survivors", "veda_offsets", "veda_gather"]),
        _ => (REDUCE, &["veda_reduce"]),
    };
    roles.push(Role::Out);
    if entries.len() == 3 {
        roles.extend([Role::Sparse, Role::Counts]);
    }
    let checked = checks.bounds || checks.loop_budget;
    if checked {
        roles.push(Role::Status);
    }

    let printed = wgsl::print(
        &program.linked,
        &printer_roots(pipe, terminal, &program),
        &wgsl::Options { check_bounds: checks.bounds, loop_budget: checks.loop_budget },
    )
    .map_err(|e| fail(e.to_string()))?;
    let body = call_entries(&body, &printed.entries);
    let combine = call_entries(&combine, &printed.entries);

    let mut text = String::new();
    // Names only: the captures and the identity of a reduction are values of one call, the text serves all.
    let end = terminal.name().unwrap_or_else(|| "collect".to_owned());
    let _ = writeln!(text, "// {} > {end}", name(pipe));
    let _ = writeln!(text, "alias VedaT = {};", wgsl_type(partial));
    let _ = writeln!(text, "struct VedaIndex {{ x: u32, y: u32, z: u32, flat: u32 }}");
    let _ = writeln!(
        text,
        "struct VedaParams {{\n    n: u32,\n    base: u32,\n    width: u32,\n    height: u32,\n{}}}",
        writer.fields
    );
    for (binding, role) in roles.iter().enumerate() {
        let (space, name, ty) = match *role {
            Role::Params => ("uniform", "veda".to_owned(), "VedaParams".to_owned()),
            Role::Buffer(k) => ("storage, read", format!("b{k}"), format!("array<{}>", wgsl_type(pipe.buffers[k].ty))),
            Role::Out => ("storage, read_write", "veda_out".into(), "array<VedaT>".into()),
            Role::Sparse => ("storage, read_write", "veda_sparse".into(), "array<VedaT>".into()),
            Role::Counts => ("storage, read_write", "veda_counts".into(), "array<u32>".into()),
            Role::Status => ("storage, read_write", "veda_status".into(), "atomic<u32>".into()),
        };
        let _ = writeln!(text, "@group(0) @binding({binding}) var<{space}> {name}: {ty};");
    }
    if checked {
        text.push_str("fn veda_fail() { atomicStore(&veda_status, 1u); }\n");
    }
    if checks.loop_budget {
        // One loop: the group's count is its slowest member's. Several: it is at most the sum of its members'.
        let loops = printed.text.matches("veda_over_budget()").count();
        let budget = if loops <= 1 { 65_000 } else { 65_000 / 16 };
        let _ = writeln!(
            text,
            "var<private> veda_iterations: u32;\nfn veda_over_budget() -> bool {{\n    veda_iterations += 1u;\n    return \
             veda_iterations > {budget}u;\n}}"
        );
    }
    if writer.uses_index {
        text.push_str(
            "fn veda_index(i: u32) -> VedaIndex {\n    let flat = veda.base + i;\n    let row = flat / veda.width;\n    \
             return VedaIndex(flat % veda.width, row % veda.height, row / veda.height, flat);\n}\n",
        );
    }
    for part in [printed.text.as_str(), &body, &combine, skeleton] {
        if !part.is_empty() {
            text.push('\n');
            text.push_str(part);
        }
    }

    let counts = Counts::new(program, pipe, terminal);
    Ok(Assembled { name: name(pipe), wgsl: text, roles, entries, out: partial, element, counts })
}

fn printer_roots(pipe: &Pipe<'_>, terminal: &Terminal, program: &Program) -> Vec<wgsl::Root> {
    let mut roots: Vec<wgsl::Root> = Vec::new();
    for (stage, &unit) in pipe.stages.iter().zip(&program.roots) {
        let mut slices = Vec::new();
        stage.args.iter().for_each(|operand| whole_buffers(pipe, operand, &mut slices));
        roots.push(wgsl::Root { unit, slices });
    }
    if matches!(terminal, Terminal::Reduce { .. }) {
        roots.push(wgsl::Root { unit: program.roots[pipe.stages.len()], slices: Vec::new() });
    }
    roots
}

fn whole_buffers(pipe: &Pipe<'_>, operand: &Operand, slices: &mut Vec<wgsl::SliceBinding>) {
    match operand {
        Operand::Whole(k) => {
            slices.push(wgsl::SliceBinding {
                array: format!("b{k}"),
                len: format!("veda.len{k}"),
                ty: pipe.buffers[*k].ty,
            });
        }
        Operand::Tuple(parts) => parts.iter().for_each(|part| whole_buffers(pipe, part, slices)),
        _ => {}
    }
}

/// Replaces `@n(` by the name of the n-th printed root; names are known only after printing.
fn call_entries(text: &str, entries: &[String]) -> String {
    let mut out = text.to_owned();
    for (n, entry) in entries.iter().enumerate() {
        out = out.replace(&format!("@{n}("), &format!("{entry}("));
    }
    out
}

/// Writes the element function and collects the fields of the parameter block in the order of [`params`].
struct Writer<'p, 'a> {
    pipe: &'p Pipe<'a>,
    fields: String,
    next: usize,
    uses_index: bool,
}

impl Writer<'_, '_> {
    fn uniform(&mut self, ty: Ty) -> String {
        let name = format!("u{}", self.next);
        self.next += 1;
        let _ = writeln!(self.fields, "    {name}: {},", wgsl_type(ty));
        if ty == Ty::Bool { format!("(veda.{name} != 0u)") } else { format!("veda.{name}") }
    }

    /// The WGSL arguments of an operand, tuples flattened; whole buffers vanish (functions are printed for them).
    fn operand(&mut self, operand: &Operand, args: &mut Vec<String>) {
        match operand {
            Operand::Element(k) if self.pipe.buffers[*k].ty == Ty::Bool => args.push(format!("(b{k}[i] != 0u)")),
            Operand::Element(k) => args.push(format!("b{k}[i]")),
            Operand::Whole(_) => {}
            Operand::Uniform(value) => args.push(self.uniform(value.ty())),
            Operand::Index => {
                self.uses_index = true;
                args.push("veda_index(i)".into());
            }
            Operand::Position(ty, _) => {
                let offset = self.uniform(*ty);
                args.push(format!("({}(veda.base + i) + {offset})", wgsl_type(*ty)));
            }
            Operand::Stage(k) => args.push(format!("s{k}")),
            Operand::Tuple(parts) => parts.iter().for_each(|part| self.operand(part, args)),
        }
    }

    fn call(&mut self, n: usize, stage: &Stage) -> String {
        let mut args = Vec::new();
        stage.args.iter().for_each(|operand| self.operand(operand, &mut args));
        for value in &stage.captures {
            args.push(self.uniform(value.ty()));
        }
        format!("@{n}({})", args.join(", "))
    }

    fn element(&mut self, program: &Program, terminal: &Terminal, element: Ty) -> Result<String> {
        for (k, buffer) in self.pipe.buffers.iter().enumerate() {
            if buffer.whole {
                let _ = writeln!(self.fields, "    len{k}: u32,");
            }
        }
        let mut text = String::from("fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {\n");
        for (n, stage) in self.pipe.stages.iter().enumerate() {
            let call = self.call(n, stage);
            match stage.kind {
                StageKind::Map => {
                    let _ = writeln!(text, "    let s{n} = {call};");
                }
                StageKind::Filter => {
                    let ret = program.linked.functions[program.roots[n]].unit.function.ret;
                    if ret != Ty::Bool {
                        let reason = format!("filter `{}` returns {ret:?}, expected bool", stage.desc.path);
                        return Err(Error::Link { kernel: name(self.pipe), reason });
                    }
                    let _ = writeln!(
                        text,
                        "    if (!({call})) {{\n        *keep = false;\n        return VedaT();\n    }}"
                    );
                }
            }
        }
        let mut result = Vec::new();
        self.operand(&self.pipe.result, &mut result);
        let result = &result[0];
        let _ = match (terminal, element) {
            (Terminal::Count, _) => writeln!(text, "    return 1u;"),
            (Terminal::All, _) => writeln!(text, "    return select(1u, 0u, {result});"),
            (_, Ty::Bool) => writeln!(text, "    return select(0u, 1u, {result});"),
            _ => writeln!(text, "    return {result};"),
        };
        text.push_str("}\n");
        Ok(text)
    }

    /// `veda_combine` and its constants; empty for `Collect`.
    fn combine(&mut self, terminal: &Terminal, partial: Ty) -> Option<String> {
        let expression = match terminal {
            Terminal::Collect => return Some(String::new()),
            Terminal::Sum | Terminal::Count | Terminal::Any | Terminal::All => "a + b".to_owned(),
            Terminal::Product => "a * b".to_owned(),
            Terminal::Min => "min(a, b)".to_owned(),
            Terminal::Max => "max(a, b)".to_owned(),
            Terminal::Reduce { captures, .. } => {
                if partial == Ty::Bool {
                    return None;
                }
                let mut args = vec!["a".to_owned(), "b".to_owned()];
                for value in captures {
                    args.push(self.uniform(value.ty()));
                }
                format!("@{}({})", self.pipe.stages.len(), args.join(", "))
            }
        };
        let identity = match terminal {
            // It comes from the caller's closure, so it is a value of the call, not part of the structure.
            Terminal::Reduce { identity, .. } => self.uniform(identity.ty()),
            _ => match terminal.identity(partial).or_else(|| terminal.identity(Ty::Bool))? {
                Value::F32(x) => format!("{x:?}f"),
                Value::U32(x) => format!("{x}u"),
                Value::I32(x) => format!("i32({x})"),
                Value::Usize(_) | Value::Bool(_) => return None,
            },
        };
        let ordered = matches!(terminal, Terminal::Reduce { .. });
        Some(format!(
            "fn veda_combine(a: VedaT, b: VedaT) -> VedaT {{\n    return {expression};\n}}\nfn veda_identity() -> VedaT \
             {{\n    return {identity};\n}}\nconst VEDA_ORDERED = {ordered};\n"
        ))
    }
}
