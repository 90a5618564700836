//! The math of kernels: veda's own float functions, each written once in the kernel language.
//!
//! The Rust functions below are also what the GPU runs: nothing here needs a driver's `exp`, whose error varies from
//! 1 to 10^6 ULP between drivers. They are branch-free (one exception, [`sin`]'s reduction), use no tables, no fused
//! operations and no `f64`, so a loop over them becomes vector code and every instruction set gives the same bits.
//!
//! Special values (NaN, infinities, signed zeros, subnormals) follow std and C99. Bounds are in units in the last
//! place (ULP) of the result, measured over all 2^32 inputs; `docs/math.md` has the table, `README.md` beside this
//! file the methods.

mod bits;
mod exponential;
mod hyperbolic;
mod inverse_hyperbolic;
mod inverse_trig;
mod logarithm;
mod power;
mod root;
mod trig;

pub use exponential::{exp, exp_m1, exp2};
pub use hyperbolic::{cosh, sinh, tanh};
pub use inverse_hyperbolic::{acosh, asinh, atanh};
pub use inverse_trig::{acos, asin, atan, atan2};
pub use logarithm::{ln, ln_1p, log, log2, log10};
pub use power::powf;
pub use root::{cbrt, hypot};
pub use trig::{cos, sin, tan};
