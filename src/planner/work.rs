//! What the planner knows about one call: plain data, no kernel, no buffer.

use serde::{Deserialize, Serialize};

use crate::telemetry::fnv::Fnv;

macro_rules! op_counts {
    ($($(#[$doc:meta])* $field:ident),+ $(,)?) => {
        /// Operations per element by class; the names are the keys of a profile's `op_rates`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct OpCounts { $($(#[$doc])* pub $field: f64),+ }
        impl OpCounts {
            /// The classes in the order of [`OpCounts::values`].
            pub const NAMES: [&'static str; 11] = [$(stringify!($field)),+];
            /// The counts in the order of [`OpCounts::NAMES`].
            pub const fn values(&self) -> [f64; 11] { [$(self.$field),+] }
            /// The reverse of [`OpCounts::values`].
            pub const fn from_values([$($field),+]: [f64; 11]) -> Self { Self { $($field),+ } }
        }
    };
}
op_counts! {
    /// Float add and subtract.
    add,
    /// Float multiply.
    mul,
    /// Float divide.
    div,
    /// Square root.
    sqrt,
    /// Integer and bit operations.
    int,
    /// Integer divide and remainder.
    int_div,
    /// Comparisons and selects.
    select,
    /// Conversions.
    cast,
    /// Loads of single elements (their bytes are counted apart).
    load,
    /// Branches.
    branch,
    /// sin, exp, log, pow and the like.
    special,
}

/// What a call leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputKind {
    /// One result per element.
    #[default]
    Map,
    /// One partial result per group.
    Reduce,
    /// A part of the elements; half of them is assumed.
    Compact,
}

/// One call of one kernel or fused pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Identity of the lowered kernel or pipe.
    pub key: u64,
    /// Elements.
    pub elements: u64,
    /// Workgroups of `elements` elements (scaled with the elements by [`Work::with_elements`]).
    pub groups: u64,
    /// Operations per element.
    pub ops: OpCounts,
    /// Bytes read in order per element.
    pub in_bytes: f64,
    /// Bytes written in order per element of the output.
    pub out_bytes: f64,
    /// Bytes read at computed indices per element.
    pub gather_bytes: f64,
    /// The kernel has loops whose trip count is unknown: `ops` is a guess and the interval is wider.
    pub loops_unbounded: bool,
    /// What it leaves behind.
    pub output: OutputKind,
}

impl Work {
    /// The same call over another number of elements.
    #[must_use]
    pub fn with_elements(&self, elements: u64) -> Self {
        let groups = (u128::from(self.groups) * u128::from(elements)).div_ceil(u128::from(self.elements.max(1)));
        Self { elements, groups: groups as u64, ..*self }
    }

    /// Bytes of the result.
    pub fn result_bytes(&self) -> f64 {
        match self.output {
            OutputKind::Map => self.out_bytes * self.elements as f64,
            OutputKind::Reduce => self.out_bytes * self.groups.max(1) as f64,
            OutputKind::Compact => self.out_bytes * self.elements as f64 * 0.5 + 4.0,
        }
    }
}

/// A number of bytes that may grow with the elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bytes {
    /// Bytes whatever the number of elements (tables).
    pub fixed: f64,
    /// Bytes per element.
    pub per_element: f64,
}

impl Bytes {
    /// Bytes at `elements`.
    pub fn at(&self, elements: u64) -> f64 {
        self.fixed + self.per_element * elements as f64
    }
    fn is_zero(&self) -> bool {
        self.fixed == 0.0 && self.per_element == 0.0
    }
}

/// Where the inputs of a call are valid, and where its result must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Residency {
    /// Input bytes valid on the host only: a GPU needs an upload.
    pub host: Bytes,
    /// Input bytes valid on GPU [`owner`](Self::owner) only: the CPU needs a download.
    pub device: Bytes,
    /// Which GPU holds `device` bytes.
    pub owner: u32,
    /// The result may stay on the device; otherwise the host waits for it.
    pub result_may_stay: bool,
}

/// Residuals are learned per class of residency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResidencyClass {
    /// All inputs start on the host.
    Host,
    /// All inputs are on the device (or on both).
    Device,
    /// Some of each.
    Mixed,
}

impl Residency {
    /// Its class.
    pub fn class(&self) -> ResidencyClass {
        match (self.host.is_zero(), self.device.is_zero()) {
            (false, true) => ResidencyClass::Host,
            (true, _) => ResidencyClass::Device,
            (false, false) => ResidencyClass::Mixed,
        }
    }

    /// The same call with every input valid on both sides: the counterfactual of `explain`.
    #[must_use]
    pub fn resident(&self) -> Self {
        Self { host: Bytes::default(), device: Bytes::default(), ..*self }
    }

    pub(super) fn signature(&self) -> u64 {
        let mut fnv = Fnv::new();
        for v in [self.host.fixed, self.host.per_element, self.device.fixed, self.device.per_element] {
            fnv.bytes(&v.to_bits().to_le_bytes());
        }
        fnv.bytes(&(self.owner << 1 | u32::from(self.result_may_stay)).to_le_bytes());
        fnv.finish()
    }
}

pub use crate::kernel::place::Place;
