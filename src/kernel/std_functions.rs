//! Functions of std that chains may use as kernels: `xs.par_iter().copied().map(f32::sqrt).reduce(|| 0.0, f32::max)`.
//!
//! Their types are entered into the registry beside a kernel of the same meaning. Only functions whose CPU form
//! (std's own, which a chain calls directly) and kernel form agree exactly, or to the one unit in the last place by
//! which devices may differ in `sqrt`.

use super::desc::Kernel;
use super::registry::{Registered, id_of};

macro_rules! functions {
    ($($name:ident($($arg:ident),+), $item:path;)*) => {$(
        #[veda::kernel(exact, no_test)]
        fn $name($($arg: f32),+) -> f32 {
            f32::$name($($arg),+)
        }
        inventory::submit! { Registered { ids: || vec![id_of(&$item)], desc: <$name as Kernel>::DESC } }
    )*};
}

functions! {
    abs(x), f32::abs;
    floor(x), f32::floor;
    ceil(x), f32::ceil;
    trunc(x), f32::trunc;
    round(x), f32::round;
    sqrt(x), f32::sqrt;
    min(a, b), f32::min;
    max(a, b), f32::max;
}
