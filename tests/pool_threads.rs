//! Threads come with the first use, cost nothing at rest, go with the shutdown, and come back. One test, because it counts
//! the threads of the process.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use veda::executor::{self, PoolConfig};

fn workers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|t| std::fs::read_to_string(t.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("veda-")).count()
}

/// User and system time of the process in clock ticks of 10 ms.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn life_of_the_global_pool() {
    assert_eq!(workers(), 0);
    executor::set_global(PoolConfig::with_threads(4)).unwrap();
    assert_eq!(executor::current_num_threads(), 4);
    assert!(executor::global_stats().is_none());
    assert_eq!(workers(), 0, "configuring and asking start nothing");

    assert_eq!(executor::join(|| 1, || 2), (1, 2));
    // Threads name themselves after they start.
    let start = Instant::now();
    while workers() < 4 && start.elapsed() < Duration::from_secs(30) {
        std::thread::yield_now();
    }
    assert_eq!(workers(), 4);
    assert!(executor::set_global(PoolConfig::default()).is_err());

    std::thread::sleep(Duration::from_millis(100));
    let (ticks, began) = (cpu_ticks(), Instant::now());
    std::thread::sleep(Duration::from_millis(500));
    let (used, passed) = (cpu_ticks() - ticks, began.elapsed());
    assert!(used as f64 * 10.0 < passed.as_millis() as f64 * 0.05, "{used} ticks in {passed:?} of rest");

    executor::shutdown_global(Duration::from_secs(30)).unwrap();
    assert_eq!(workers(), 0, "shutdown joins");
    assert_eq!(executor::spawn(|| 5).join().unwrap(), 5);
    executor::shutdown_global(Duration::from_secs(30)).unwrap();
}
