//! A place where a kernel can run.

use serde::{Deserialize, Serialize};

/// A place where work can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Every core: the CPU twin, on the pool.
    Cpu,
    /// The GPU of this number, as `veda-calibrate devices` lists them.
    Gpu(u32),
}

impl Place {
    /// `cpu` or `gpu0`: its name in files.
    pub fn key(self) -> String {
        match self {
            Place::Cpu => "cpu".to_owned(),
            Place::Gpu(i) => format!("gpu{i}"),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Cpu => f.pad("CPU"),
            Place::Gpu(i) => f.pad(&format!("GPU {i}")),
        }
    }
}
