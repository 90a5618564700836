//! The shaders of this process: assembled once per structure of a pipe, then found by hash.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use veda_kernels_ir::codec::fnv1a;

use crate::kernel::assemble::{self, Assembled, Checks};
use crate::kernel::pipe::Pipe;
use crate::kernel::terminal::Terminal;

/// An assembled shader with what planning and devices need of it.
#[derive(Debug)]
pub struct Prepared {
    /// The assembled shader.
    pub assembled: Assembled,
    /// Hash of its text: identifies the lowered kernels from one process to the next.
    pub key: u64,
    /// The same, as a device takes it.
    #[cfg(feature = "gpu")]
    pub shader: Arc<crate::device::Shader>,
}

/// Why a pipe has no shader.
pub type Refusal = Arc<str>;

/// The cache. A hit costs a structural hash and a read lock.
#[derive(Debug, Default)]
pub struct Shaders {
    known: RwLock<HashMap<u64, Result<Arc<Prepared>, Refusal>>>,
}

impl Shaders {
    /// The shader of a pipe.
    ///
    /// # Errors
    /// The reason why there is none: the kernels do not link, or the terminal has no form on devices.
    pub fn get(&self, pipe: &Pipe<'_>, terminal: &Terminal, checks: Checks) -> Result<Arc<Prepared>, Refusal> {
        let structure = assemble::structure(pipe, terminal, checks);
        if let Some(found) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&structure) {
            return found.clone();
        }
        let made = prepare(pipe, terminal, checks);
        self.known.write().unwrap_or_else(PoisonError::into_inner).entry(structure).or_insert(made).clone()
    }
}

#[cfg(feature = "gpu")]
impl Shaders {
    /// The keys of all shaders that were assembled.
    pub fn keys(&self) -> Vec<u64> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().filter_map(|made| Some(made.as_ref().ok()?.key)).collect()
    }
}

fn prepare(pipe: &Pipe<'_>, terminal: &Terminal, checks: Checks) -> Result<Arc<Prepared>, Refusal> {
    let assembled = assemble::assemble(pipe, terminal, checks).map_err(|e| e.to_string())?;
    let key = fnv1a(assembled.wgsl.as_bytes());
    #[cfg(feature = "gpu")]
    let shader = {
        use crate::device::{Shader, Slot};
        use assemble::Role;
        let slot = |role: &Role| match role {
            Role::Params => Slot::Uniform,
            Role::Buffer(_) => Slot::Read,
            Role::Out | Role::Sparse | Role::Counts | Role::Status => Slot::ReadWrite,
        };
        let slots = assembled.roles.iter().map(slot).collect();
        let entries = assembled.entries.iter().map(|&e| e.to_owned()).collect();
        let shader = Shader::new(assembled.name.clone(), key, assembled.wgsl.as_str(), slots, entries);
        // SAFETY: the text is veda's own: every index into a user's slice is clamped to the slice's length (or checked),
        // every other index is guarded by `veda.n` or a tile's size, integer division goes through total helpers, and
        // the skeletons' loops end; loops of kernels end where their Rust twins end.
        Arc::new(unsafe { shader.trusted() })
    };
    Ok(Arc::new(Prepared {
        assembled,
        key,
        #[cfg(feature = "gpu")]
        shader,
    }))
}
