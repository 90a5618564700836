//! The kernels that graphs are made of beside the user's own.
#![allow(missing_docs)]

use crate::Index;

/// 1 for true: counting is adding these up.
#[veda::kernel(no_test)]
pub(super) fn one_if(x: bool) -> u32 {
    if x { 1 } else { 0 }
}

/// 1 for false.
#[veda::kernel(no_test)]
pub(super) fn one_unless(x: bool) -> u32 {
    if x { 0 } else { 1 }
}

#[veda::kernel(no_test)]
pub(super) fn is_some(count: u32) -> bool {
    count != 0
}

#[veda::kernel(no_test)]
pub(super) fn is_none(count: u32) -> bool {
    count == 0
}

#[veda::kernel(no_test)]
pub(super) fn smaller(a: f32, b: f32) -> f32 {
    a.min(b)
}

#[veda::kernel(no_test)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    a.max(b)
}

macro_rules! views {
    ($($name:ident $t:ty;)*) => {$(
        #[veda::kernel(no_test)]
        pub(super) fn $name(array: &[$t], from: usize, i: Index) -> $t {
            array[from + i.flat() as usize]
        }
    )*};
}
views! {
    view_f32 f32;
    view_u32 u32;
    view_i32 i32;
    view_bool bool;
}
