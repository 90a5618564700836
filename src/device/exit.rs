//! Keeps the process from ending under a driver that is at work in the background.
//!
//! When `main` returns, the C library runs the destructors of all loaded libraries while other threads go on. A driver
//! that is just being loaded, or compiles a shader, then works on destroyed data and aborts a program that was done (seen
//! with LLVM inside a software driver: one of 300 short runs on a loaded machine). So a thread that has asked for such
//! work waits at its own end until the work is over, [`PATIENCE`] at most. `main` runs its thread-local destructors before
//! any other: that is where it waits.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A search takes 50 to 300 ms, a pipeline 1 to 500 ms; a driver that hangs must not keep the program.
const PATIENCE: Duration = Duration::from_secs(5);

static WORKING: Mutex<usize> = Mutex::new(0);
static DONE: Condvar = Condvar::new();

/// Driver work in the background; over when dropped.
#[derive(Debug)]
pub(crate) struct Working(());

impl Working {
    /// Counts work. The calling thread will wait for it when it ends.
    pub(crate) fn begin() -> Working {
        *WORKING.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        wait_at_end();
        Working(())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        *WORKING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        DONE.notify_all();
    }
}

/// The calling thread will wait, when it ends, for driver work that is then in progress. Costs about a nanosecond.
pub(crate) fn wait_at_end() {
    // Windows ends all other threads before it runs destructors: there is nobody to wait for.
    #[cfg(not(windows))]
    let _ = AT_END.try_with(|_| ());
}

#[cfg(not(windows))]
thread_local! {
    static AT_END: Wait = const { Wait };
}

#[cfg(not(windows))]
struct Wait;

#[cfg(not(windows))]
impl Drop for Wait {
    fn drop(&mut self) {
        let working = WORKING.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = DONE.wait_timeout_while(working, PATIENCE, |working| *working > 0);
    }
}
