//! A forked child gets a pool of its own.
#![cfg(target_os = "linux")]

use std::ffi::c_int;
use std::time::{Duration, Instant};

unsafe extern "C" {
    fn fork() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn _exit(status: c_int) -> !;
}

#[test]
fn the_child_of_a_fork_computes() {
    assert_eq!(veda::executor::join(|| 1, || 2), (1, 2));
    // SAFETY: the child only uses the pool, whose locks are fresh there, and ends without unwinding into the harness.
    let child = unsafe { fork() };
    if child == 0 {
        let right = veda::executor::join(|| 3, || 4) == (3, 4);
        // SAFETY: ends the child at once.
        unsafe { _exit(if right { 42 } else { 1 }) };
    }
    assert!(child > 0);
    let (start, mut status) = (Instant::now(), 0);
    // SAFETY: `status` is ours; option 1 is WNOHANG.
    while unsafe { waitpid(child, &raw mut status, 1) } == 0 {
        if start.elapsed() > Duration::from_mins(1) {
            // SAFETY: our own child.
            unsafe { kill(child, 9) };
            panic!("the child hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(status >> 8 & 0xff, 42);
}
