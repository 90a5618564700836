//! What ends a pipe: how the elements of its last stage become the result of the call.

use veda_kernels_ir::ast::{Ty, Value};

use super::desc::KernelDesc;

/// The operation that ends a pipe.
#[derive(Clone, Debug, PartialEq)]
pub enum Terminal {
    /// All surviving elements, in order.
    Collect,
    /// Their sum; integers wrap.
    Sum,
    /// Their product; integers wrap.
    Product,
    /// The smallest (integers only).
    Min,
    /// The largest (integers only).
    Max,
    /// How many survive.
    Count,
    /// Whether any is true (bool elements).
    Any,
    /// Whether all are true (bool elements).
    All,
    /// A reduction by a kernel of two arguments.
    Reduce {
        /// The operator.
        op: &'static KernelDesc,
        /// Its captured scalars.
        captures: Vec<Value>,
        /// The identity, as the caller's closure gave it.
        identity: Value,
    },
}

impl PartialEq for KernelDesc {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Terminal {
    /// Whether it yields one value instead of many.
    pub fn reduces(&self) -> bool {
        !matches!(self, Terminal::Collect)
    }

    /// Its name in explanations: the iterator's method; `None` for `Collect`, which goes without saying.
    pub fn name(&self) -> Option<String> {
        Some(match self {
            Terminal::Collect => return None,
            Terminal::Reduce { op, .. } => format!("reduce({})", op.name),
            other => format!("{other:?}").to_lowercase(),
        })
    }

    /// The type of a partial result on the device, for elements of type `element`.
    pub fn partial(&self, element: Ty) -> Ty {
        match self {
            Terminal::Count | Terminal::Any | Terminal::All => Ty::U32,
            _ => element,
        }
    }

    /// The value that does not change a result, for elements of type `element`; `None` where there is nothing to
    /// reduce or the type does not fit.
    #[allow(clippy::match_same_arms)] // a table: one row per operation and type
    pub fn identity(&self, element: Ty) -> Option<Value> {
        Some(match (self, element) {
            (Terminal::Reduce { identity, .. }, _) => *identity,
            (Terminal::Count, _) | (Terminal::Any | Terminal::All, Ty::Bool) => Value::U32(0),
            (Terminal::Sum, Ty::F32) => Value::F32(0.0),
            (Terminal::Sum, Ty::U32) => Value::U32(0),
            (Terminal::Sum, Ty::I32) => Value::I32(0),
            (Terminal::Product, Ty::F32) => Value::F32(1.0),
            (Terminal::Product, Ty::U32) => Value::U32(1),
            (Terminal::Product, Ty::I32) => Value::I32(1),
            (Terminal::Min, Ty::U32) => Value::U32(u32::MAX),
            (Terminal::Min, Ty::I32) => Value::I32(i32::MAX),
            (Terminal::Max, Ty::U32) => Value::U32(0),
            (Terminal::Max, Ty::I32) => Value::I32(i32::MIN),
            _ => return None,
        })
    }
}
