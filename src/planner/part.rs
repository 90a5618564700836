//! The parts of a call's time whose error belongs to the device and not to the kernel.
//!
//! Each has a [`Residual`](super::residual::Residual) of its own: a profile (or a built-in guess) whose launch is three
//! times too cheap is off for every kernel, and no kernel's residual on its execution can make up for that.

use super::work::Place;

/// A part of a call's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Fork-join on the CPU, encode + submit + wait on a GPU.
    Launch,
    /// Uploads and downloads.
    Link,
    /// Building the pipeline.
    Compile,
}

impl Part {
    /// All parts in the order of their indices.
    pub const ALL: [Self; 3] = [Self::Launch, Self::Link, Self::Compile];
}

/// A part on a device: the key of what was learned about it, printed as `launch/gpu0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartKey {
    /// The part.
    pub part: Part,
    /// The device.
    pub place: Place,
}

impl std::fmt::Display for PartKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = match self.part {
            Part::Launch => "launch",
            Part::Link => "link",
            Part::Compile => "compile",
        };
        write!(f, "{part}/{}", self.place.key())
    }
}

impl PartKey {
    /// The key as text, e.g. for [`super::profile::Profile::learned`].
    pub(super) fn text(part: Part, place: Place) -> String {
        Self { part, place }.to_string()
    }
}
