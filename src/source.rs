//! What sources share.

use crate::index::Space;
use crate::iter::kind;
use crate::kernel::pipe::{Operand, Pipe, PipeBuilder};

/// A slice as a pipe without stages, if its elements are scalars of the kernel language.
pub(crate) fn describe_slice<T>(slice: &[T]) -> Option<Pipe<'_>> {
    let len = u32::try_from(slice.len()).ok()?;
    let mut builder = PipeBuilder::default();
    macro_rules! first {
        ($($t:ty)*) => {
            None$(.or_else(|| kind::slice::<T, $t>(slice).map(|slice| builder.elements(slice))))*
        };
    }
    let result: Option<Operand> = first!(f32 u32 i32 bool);
    Some(Pipe { result: result?, buffers: builder.into_buffers(), stages: Vec::new(), space: Space([len, 1, 1]) })
}

/// Whether [`describe_slice`] succeeds on slices below 2^32 elements.
#[inline]
pub(crate) fn is_scalar<T>() -> bool {
    kind::is::<T, f32>() || kind::is::<T, u32>() || kind::is::<T, i32>() || kind::is::<T, bool>()
}

/// `drive` and the rest of an indexed source: `bridge` it.
macro_rules! indexed_source {
    ($($self:ident)?) => {
        fn drive<C>(self, consumer: C) -> C::Result
        where
            C: $crate::iter::plumbing::Consumer<Self::Item>,
        {
            $crate::iter::plumbing::bridge(self, consumer)
        }
    };
}
pub(crate) use indexed_source;
