//! The pool computes the right thing, on any number of workers, whatever panics.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use proptest::prelude::*;
use veda::executor::{self, Pool, PoolConfig};

/// A deadlock must fail, not hang: the whole process ends if `f` takes a minute.
fn watched<R>(f: impl FnOnce() -> R) -> R {
    let (done, wait) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if wait.recv_timeout(Duration::from_mins(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("deadlock: the test did not end within a minute");
            std::process::abort();
        }
    });
    let result = catch_unwind(AssertUnwindSafe(f));
    drop(done);
    watchdog.join().unwrap();
    result.unwrap_or_else(|payload| resume_unwind(payload))
}

fn pool(n: usize) -> Pool {
    Pool::new(&PoolConfig::with_threads(n)).unwrap()
}

fn fib(n: u32) -> u64 {
    if n < 2 {
        return u64::from(n);
    }
    let (a, b) = executor::join(|| fib(n - 1), || fib(n - 2));
    a + b
}

#[test]
fn fib_on_every_pool_size() {
    watched(|| {
        for n in [1, 2, 4, 8] {
            let pool = pool(n);
            assert_eq!(pool.install(|| fib(20)), 6765);
            assert_eq!(pool.num_threads(), n);
            assert_eq!(pool.install(executor::current_num_threads), n);
            assert!(pool.install(executor::current_thread_index).unwrap() < n);
        }
        assert_eq!(executor::current_thread_index(), None);
    });
}

#[test]
fn a_may_block_until_b_has_run_elsewhere() {
    watched(|| {
        let pool = pool(2);
        for _ in 0..2000 {
            let barrier = Barrier::new(2);
            pool.join(|| barrier.wait(), || barrier.wait());
        }
    });
}

#[test]
fn migration_is_reported() {
    watched(|| {
        let one = pool(1);
        let seen = executor::join_context(|c| c.migrated(), |c| c.migrated());
        assert_eq!(seen, (true, true));
        let seen = one.install(|| executor::join_context(|c| c.migrated(), |c| c.migrated()));
        assert_eq!(seen, (false, false));
        let two = pool(2);
        let barrier = Barrier::new(2);
        let seen = two.install(|| {
            executor::join_context(
                |c| {
                    barrier.wait();
                    c.migrated()
                },
                |c| {
                    barrier.wait();
                    c.migrated()
                },
            )
        });
        assert_eq!(seen, (false, true));
    });
}

#[test]
fn panics_of_join_keep_their_payload_and_wait_for_the_other_side() {
    watched(|| {
        for n in [1, 2] {
            let pool = pool(n);
            let ran = AtomicUsize::new(0);
            let b = || {
                std::thread::sleep(Duration::from_millis(5));
                ran.fetch_add(1, Ordering::SeqCst);
            };
            let caught = catch_unwind(AssertUnwindSafe(|| pool.join(|| resume_unwind(Box::new(11_u64)), b)));
            let payload = caught.map(|((), ())| ()).unwrap_err();
            assert_eq!(payload.downcast_ref::<u64>(), Some(&11));
            assert_eq!(ran.load(Ordering::SeqCst), 1);
            let caught = catch_unwind(AssertUnwindSafe(|| pool.join(|| 1, || resume_unwind(Box::new("b")))));
            let payload = caught.map(|(_, ())| ()).unwrap_err();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"b"));
            assert_eq!(pool.install(|| fib(10)), 55);
        }
    });
}

#[test]
fn scopes_nest_borrow_and_rethrow() {
    watched(|| {
        for n in [1, 2, 4] {
            let pool = pool(n);
            let count = AtomicUsize::new(0);
            pool.scope(|s| {
                for _ in 0..50 {
                    s.spawn(|| {
                        for _ in 0..20 {
                            s.spawn(|| {
                                count.fetch_add(1, Ordering::Relaxed);
                            });
                        }
                        executor::scope(|inner| inner.spawn(|| ()));
                    });
                }
            });
            assert_eq!(count.load(Ordering::Relaxed), 1000);
            pool.rayon_scope(|s| {
                s.spawn(|s| {
                    s.spawn(|_| {
                        count.fetch_add(1, Ordering::Relaxed);
                    });
                });
            });
            assert_eq!(count.load(Ordering::Relaxed), 1001);
            let caught = catch_unwind(AssertUnwindSafe(|| {
                pool.scope(|s| {
                    s.spawn(|| resume_unwind(Box::new(5_i8)));
                    s.spawn(|| {
                        count.fetch_add(1, Ordering::Relaxed);
                    });
                });
            }));
            assert_eq!(caught.unwrap_err().downcast_ref::<i8>(), Some(&5));
            assert_eq!(count.load(Ordering::Relaxed), 1002);
        }
    });
}

#[test]
fn try_scope_collects_every_panic() {
    watched(|| {
        let result = executor::try_scope(|s| {
            for i in 0..3 {
                s.spawn(move || resume_unwind(Box::new(format!("task {i}"))));
            }
        });
        let error = result.unwrap_err();
        let seen: HashSet<_> = error.messages().iter().cloned().collect();
        assert_eq!(seen, (0..3).map(|i| format!("task {i}")).collect());
        assert_eq!(error.into_payloads().len(), 3);
        assert_eq!(executor::try_scope(|_| 4).unwrap(), 4);
    });
}

#[test]
fn one_worker_runs_scope_tasks_newest_first() {
    let order = Mutex::new(Vec::new());
    pool(1).scope(|s| {
        for i in 0..4 {
            let order = &order;
            s.spawn(move || order.lock().unwrap().push(i));
        }
    });
    assert_eq!(order.into_inner().unwrap(), [3, 2, 1, 0]);
}

#[test]
fn a_spawned_panic_stays_in_its_handle() {
    watched(|| {
        let pool = pool(2);
        let handles: Vec<_> = (0..1000)
            .map(|i| {
                pool.spawn(move || {
                    if i % 100 == 7 {
                        resume_unwind(Box::new(i));
                    }
                    i
                })
            })
            .collect();
        for (i, handle) in handles.into_iter().enumerate() {
            match handle.join() {
                Ok(value) => assert_eq!(value, i),
                Err(payload) => assert_eq!(payload.downcast_ref::<usize>(), Some(&i)),
            }
        }
        let panicked: u64 = pool.stats().iter().map(|s| s.panicked).sum();
        assert_eq!(panicked, 10);
        // On one worker, joining from inside must run the task, not wait for it.
        assert_eq!(self::pool(1).install(|| executor::spawn(|| 3).join().unwrap()), 3);
    });
}

#[test]
fn an_unobserved_panic_is_counted() {
    watched(|| {
        let before = veda::telemetry::worker::unobserved_panics();
        let pool = pool(1);
        drop(pool.spawn(|| resume_unwind(Box::new(()))));
        pool.shutdown(Duration::from_secs(30)).unwrap();
        assert_eq!(veda::telemetry::worker::unobserved_panics(), before + 1);
    });
}

#[test]
fn nested_pools_do_not_deadlock() {
    watched(|| {
        for (n, m) in [(1, 1), (1, 2), (2, 1), (4, 4)] {
            let (a, b) = (pool(n), pool(m));
            let sum = a.install(|| b.install(|| a.install(|| executor::join(|| b.install(|| fib(12)), || fib(11)))));
            assert_eq!(sum, (144, 89));
        }
    });
}

#[test]
fn many_outside_threads_at_once() {
    watched(|| {
        let pool = pool(2);
        std::thread::scope(|s| {
            for _ in 0..16 {
                s.spawn(|| (0..200).for_each(|i| assert_eq!(pool.install(|| fib(5) + i), 5 + i)));
            }
        });
    });
}

#[test]
fn lone_jobs_after_sleep_are_never_lost() {
    watched(|| {
        let pool = pool(4);
        for i in 0..2000 {
            assert_eq!(pool.install(move || i), i);
            if i % 50 == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
}

#[test]
fn shutdown_runs_what_is_queued_and_refuses_from_inside() {
    watched(|| {
        let pool = pool(2);
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..500 {
            let count = Arc::clone(&count);
            pool.spawn(move || count.fetch_add(1, Ordering::Relaxed));
        }
        assert!(pool.install(|| pool.shutdown(Duration::ZERO)).is_err());
        pool.shutdown(Duration::from_secs(30)).unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 500);
        pool.shutdown(Duration::ZERO).unwrap();
        assert_eq!(pool.install(|| 3), 3);
        assert_eq!(pool.spawn(|| 4).join().unwrap(), 4);
    });
}

#[test]
fn a_shutdown_that_takes_too_long_says_so() {
    watched(|| {
        let pool = pool(2);
        let (release, wait) = mpsc::channel::<()>();
        let task = pool.spawn(move || wait.recv().is_err());
        let error = pool.shutdown(Duration::from_millis(20)).unwrap_err().to_string();
        assert!(error.contains("still run"), "{error}");
        drop(release);
        pool.shutdown(Duration::from_secs(30)).unwrap();
        assert!(task.join().unwrap());
    });
}

#[test]
fn too_many_threads_is_a_typed_error() {
    let error = Pool::new(&PoolConfig::with_threads(1 << 20)).unwrap_err().to_string();
    assert!(error.contains("num_threads") && error.contains("16384"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_index_is_visited_once(len in 0_usize..5000, grain in 1_usize..700) {
        let counts: Vec<AtomicUsize> = (0..len).map(|_| AtomicUsize::new(0)).collect();
        watched(|| Pool::global().for_each_chunk(len, grain, |lo, hi| {
            assert_eq!(lo % grain, 0);
            assert_eq!(hi, (lo + grain).min(len));
            counts[lo..hi].iter().for_each(|c| { c.fetch_add(1, Ordering::Relaxed); });
        }));
        prop_assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn reductions_keep_order_and_tree(len in 0_usize..3000, grain in 1_usize..200) {
        let tree = |threads| pool(threads).reduce_chunks(len, grain, |lo, hi| format!("[{lo}-{hi}]"), |a, b| format!("({a}{b})"));
        let one = watched(|| tree(1));
        prop_assert_eq!(&one, &watched(|| tree(3)));
        let leaves: String = one.unwrap_or_default().chars().filter(|c| !"()".contains(*c)).collect();
        let expected = (0..len).step_by(grain).map(|lo| format!("[{lo}-{}]", (lo + grain).min(len))).collect::<Vec<_>>().concat();
        prop_assert_eq!(leaves, expected);
    }
}
