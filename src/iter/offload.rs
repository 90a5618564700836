//! Where a terminal operation hands its chain of kernels to the router, and hears "run it yourself" if none is there.

use crate::kernel::desc::KernelDesc;
use crate::kernel::pipe::Pipe;
use crate::kernel::scalar::Scalar;
use veda_kernels_ir::ast::Value;

/// What a terminal operation does with the items.
#[derive(Clone, Debug)]
#[allow(dead_code)] // read by routers
pub(crate) enum Terminal {
    /// Keeps them.
    Collect,
    /// Adds them.
    Sum,
    /// Multiplies them.
    Product,
    /// The smallest (integers).
    Min,
    /// The largest (integers).
    Max,
    /// How many there are.
    Count,
    /// Whether one is true.
    Any,
    /// Whether all are true.
    All,
    /// Joins them with a kernel of two parameters.
    Reduce {
        /// The kernel.
        op: &'static KernelDesc,
        /// The scalars that it captured.
        op_captures: Vec<Value>,
        /// Its neutral element.
        identity: Value,
    },
}

/// What the router decided.
#[derive(Debug)]
pub(crate) enum Routed<T> {
    /// The result is here. Unused while no router is installed.
    #[allow(dead_code)]
    Done(T),
    /// Run it on the CPU and call [`CpuTicket::finish`] afterwards.
    Cpu(CpuTicket),
}

/// Reports the time that the CPU took back to the router.
#[derive(Debug)]
#[must_use]
pub(crate) struct CpuTicket(());

impl CpuTicket {
    /// The CPU run is over. A run that panics drops the ticket instead and is not observed.
    #[allow(clippy::unused_self)] // consumes the ticket
    pub(crate) fn finish(self) {}
}

/// Offers a reduction. `Min` and `Max` of nothing, which have no value, are decided before the call.
pub(crate) fn reduce(_pipe: &Pipe<'_>, _terminal: &Terminal) -> Routed<Value> {
    Routed::Cpu(CpuTicket(()))
}

/// Offers a collection.
pub(crate) fn collect<T: Scalar>(_pipe: &Pipe<'_>) -> Routed<Vec<T>> {
    Routed::Cpu(CpuTicket(()))
}
