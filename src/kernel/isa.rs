//! Runs a loop compiled for the widest vector instructions of this machine.
//!
//! Rust compiles for the oldest CPU of a target; a loop over `f32` then uses 4 lanes where the machine has 8 or 16.
//! [`run`] contains its closure three times, once per instruction set, and picks one at run time. The closure must
//! inline (`#[inline(always)]` on what it calls), else the copy calls baseline code.
//!
//! No instruction set changes a result: rustc never contracts `a * b + c`, and veda's math uses no fused operations.

use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set that loops are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Isa {
    /// What the target guarantees (SSE2 on x86-64, NEON on aarch64).
    Base = 1,
    /// AVX2 and FMA.
    Avx2 = 2,
    /// AVX-512 F, VL, DQ, BW.
    Avx512 = 3,
}

static LEVEL: AtomicU8 = AtomicU8::new(0);

/// The instruction set that [`run`] uses here; detected once.
#[inline]
pub fn level() -> Isa {
    match LEVEL.load(Ordering::Relaxed) {
        1 => Isa::Base,
        2 => Isa::Avx2,
        3 => Isa::Avx512,
        _ => detect(),
    }
}

#[cold]
fn detect() -> Isa {
    let isa = best();
    LEVEL.store(isa as u8, Ordering::Relaxed);
    isa
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn best() -> Isa {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw");
    match (avx2, avx512) {
        (true, true) => Isa::Avx512,
        (true, false) => Isa::Avx2,
        _ => Isa::Base,
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn best() -> Isa {
    Isa::Base
}

/// A loop whose body must be compiled for each instruction set.
pub trait Loop {
    /// Its result.
    type Output;
    /// Runs it. Implementations are `#[inline(always)]`: a closure may stay a call to baseline code when it is large,
    /// an always-inlined method cannot.
    fn run(self) -> Self::Output;
}

/// Runs a [`Loop`], compiled for [`level()`].
#[inline(always)]
pub fn run_loop<L: Loop>(body: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    match level() {
        // SAFETY: `level()` is Avx512 only if the CPU has every feature that `avx512` enables.
        Isa::Avx512 => return unsafe { avx512_loop(body) },
        // SAFETY: `level()` is Avx2 only if the CPU has every feature that `avx2` enables.
        Isa::Avx2 => return unsafe { avx2_loop(body) },
        Isa::Base => {}
    }
    body.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
fn avx2_loop<L: Loop>(body: L) -> L::Output {
    body.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
fn avx512_loop<L: Loop>(body: L) -> L::Output {
    body.run()
}

/// Calls `f`, compiled for [`level()`]. A large closure may stay a call to baseline code: a [`Loop`] cannot.
#[inline(always)]
pub fn run<R>(f: impl FnOnce() -> R) -> R {
    struct Call<F>(F);
    impl<R, F: FnOnce() -> R> Loop for Call<F> {
        type Output = R;
        #[inline(always)]
        fn run(self) -> R {
            (self.0)()
        }
    }
    run_loop(Call(f))
}
