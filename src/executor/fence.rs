//! An asymmetric store-load fence: free for the side that runs per job, a system call for the side that goes to sleep.
//!
//! `light` in one thread and `heavy` in another order each thread's earlier store against its later load, as two
//! sequentially consistent fences would. On Linux `heavy` is `membarrier(2)` and `light` only stops the compiler, which
//! saves about 5 ns per `join`. Elsewhere both are real fences.

use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

/// Asks the kernel once per pool; must happen before the first worker of the pool starts.
pub(crate) fn prepare() {
    // One way only: a fence that got lighter under a running pool stays right, because `heavy` then always calls the kernel.
    if system::register() {
        ASYMMETRIC.store(true, Ordering::SeqCst);
    }
}

/// The cheap side.
#[inline]
pub(crate) fn light() {
    if ASYMMETRIC.load(Ordering::Relaxed) {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The dear side, 1 to 9 µs. False when the kernel refused: the caller must not sleep without a time limit then.
pub(crate) fn heavy() -> bool {
    fence(Ordering::SeqCst);
    !ASYMMETRIC.load(Ordering::SeqCst) || system::barrier() || (system::register() && system::barrier())
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod system {
    use std::ffi::{c_int, c_long, c_uint};

    #[cfg(target_arch = "x86_64")]
    const MEMBARRIER: c_long = 324;
    #[cfg(target_arch = "aarch64")]
    const MEMBARRIER: c_long = 283;
    const PRIVATE_EXPEDITED: c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: c_int = 1 << 4;

    unsafe extern "C" {
        fn syscall(number: c_long, ...) -> c_long;
    }

    fn membarrier(command: c_int) -> bool {
        let flags: c_uint = 0;
        let cpu: c_int = 0;
        // SAFETY: membarrier takes three integers, touches no memory of ours and reports refusal as -1.
        unsafe { syscall(MEMBARRIER, command, flags, cpu) == 0 }
    }
    pub(super) fn register() -> bool {
        membarrier(REGISTER_PRIVATE_EXPEDITED) && barrier()
    }
    pub(super) fn barrier() -> bool {
        membarrier(PRIVATE_EXPEDITED)
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
mod system {
    pub(super) fn register() -> bool {
        false
    }
    pub(super) fn barrier() -> bool {
        false
    }
}
