//! Puts a kernel and everything that it calls together and types it completely.

use std::fmt;

use crate::ast::{Function, Ty, Value};
use crate::infer::{self, Context, Signature, TypeError, Typing};

/// One decoded kernel with the values and callees that its names stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Its name for messages.
    pub name: String,
    /// Its identity ([`codec::fnv1a`](crate::codec::fnv1a) of its bytes).
    pub key: u64,
    /// The tree.
    pub function: Function,
    /// For each of `function.deps`: which unit it is.
    pub deps: Vec<usize>,
    /// For each of `function.consts`: its value.
    pub consts: Vec<Value>,
    /// For each of `function.captures`: its type.
    pub captures: Vec<Ty>,
}

/// A typed kernel. The span of each of its expressions is the expression's number.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    /// The unit.
    pub unit: Unit,
    /// Its types.
    pub typing: Typing,
}

/// Kernels that fit together; indices are those of the units given to [`link`].
#[derive(Clone, Debug, PartialEq)]
pub struct Linked {
    /// The typed kernels.
    pub functions: Vec<Typed>,
}

/// Why units do not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// A kernel calls itself, directly or through the others named; GPUs have no call stack.
    Recursion(Vec<String>),
    /// A kernel's types do not agree with what it uses.
    Type {
        /// The kernel.
        kernel: String,
        /// The error.
        error: TypeError,
    },
    /// A unit lists another number of dependencies, constants or captures than its function names.
    Count {
        /// The kernel.
        kernel: String,
        /// Of what.
        what: &'static str,
        /// By the function.
        expected: usize,
        /// In the unit.
        found: usize,
    },
    /// A dependency is not among the units.
    MissingUnit {
        /// The kernel.
        kernel: String,
        /// The index that it gives.
        unit: usize,
    },
    /// A closure with captures is called by another kernel, which has no values for them.
    CapturesInCallee(String),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Recursion(names) => {
                write!(f, "kernel recursion: `{}`; GPUs have no call stack, write a loop", names.join("` -> `"))
            }
            LinkError::Type { kernel, error } => write!(f, "in kernel `{kernel}`: {error}"),
            LinkError::Count { kernel, what, expected, found } => {
                write!(f, "kernel `{kernel}` names {expected} {what}, but its unit has {found}")
            }
            LinkError::MissingUnit { kernel, unit } => {
                write!(f, "kernel `{kernel}` calls unit {unit}, which is not linked")
            }
            LinkError::CapturesInCallee(name) => {
                write!(
                    f,
                    "kernel `{name}` captures values and cannot be called by another kernel; pass them as arguments"
                )
            }
        }
    }
}

impl std::error::Error for LinkError {}

/// Checks call cycles and shapes, and types every unit.
///
/// # Errors
/// See [`LinkError`].
pub fn link(mut units: Vec<Unit>) -> Result<Linked, LinkError> {
    for u in &units {
        let f = &u.function;
        for (what, expected, found) in [
            ("dependencies", f.deps.len(), u.deps.len()),
            ("constants", f.consts.len(), u.consts.len()),
            ("captures", f.captures.len(), u.captures.len()),
        ] {
            if expected != found {
                return Err(LinkError::Count { kernel: u.name.clone(), what, expected, found });
            }
        }
        for &d in &u.deps {
            match units.get(d) {
                None => return Err(LinkError::MissingUnit { kernel: u.name.clone(), unit: d }),
                Some(dep) if !dep.captures.is_empty() => return Err(LinkError::CapturesInCallee(dep.name.clone())),
                Some(_) => {}
            }
        }
    }
    find_cycle(&units)?;
    let signatures: Vec<Signature> = units
        .iter()
        .map(|u| Signature { params: u.function.params.iter().map(|p| p.ty.clone()).collect(), ret: u.function.ret })
        .collect();
    let mut functions = Vec::with_capacity(units.len());
    for mut unit in units.drain(..) {
        infer::number(&mut unit.function);
        let consts: Vec<Ty> = unit.consts.iter().map(|v| v.ty()).collect();
        let deps: Vec<Signature> = unit.deps.iter().map(|&d| signatures[d].clone()).collect();
        let context = Context { consts: Some(&consts), captures: Some(&unit.captures), deps: Some(&deps) };
        let typing = infer::infer(&unit.function, context)
            .map_err(|error| LinkError::Type { kernel: unit.name.clone(), error })?;
        functions.push(Typed { unit, typing });
    }
    Ok(Linked { functions })
}

/// Depth-first search with its own stack: call chains of user code may be long.
fn find_cycle(units: &[Unit]) -> Result<(), LinkError> {
    let mut done = vec![false; units.len()];
    for start in 0..units.len() {
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        let mut on_path = vec![false; units.len()];
        on_path[start] = true;
        while let Some((u, next)) = path.last_mut() {
            if done[*u] || *next == units[*u].deps.len() {
                done[*u] = true;
                on_path[*u] = false;
                path.pop();
                continue;
            }
            let d = units[*u].deps[*next];
            *next += 1;
            if on_path[d] {
                let from = path.iter().position(|p| p.0 == d).unwrap_or(0);
                let mut names: Vec<String> = path[from..].iter().map(|p| units[p.0].name.clone()).collect();
                names.push(units[d].name.clone());
                return Err(LinkError::Recursion(names));
            }
            on_path[d] = true;
            path.push((d, 0));
        }
    }
    Ok(())
}
