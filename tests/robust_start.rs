//! How a program starts and stops: variables, profiles, `init`, `shutdown`, laziness, many threads, nested calls.
#![allow(missing_docs)]

mod robust_support;

use std::panic::catch_unwind;
use std::time::Duration;

use veda::gpu::{Place, execute};
use veda::prelude::*;
use veda::{Config, DeviceChoice, Error, Runtime};

#[veda::kernel]
fn scale(a: f32, x: f32) -> f32 {
    a * x
}

#[veda::kernel]
fn plus(x: u32, y: u32) -> u32 {
    x + y
}

#[veda::kernel]
fn past_the_end(id: veda::Index, src: &[u32]) -> u32 {
    src[(id.x * 3) as usize]
}

fn runs() {
    let x = vec![2.0f32; 5000];
    assert_eq!(execute(scale::on(3.0, &x)).unwrap(), vec![6.0f32; 5000]);
}

isolated! { fn an_unknown_device_is_an_error_of_init_only [VEDA_DEVICE = "tpu"] {
    for _ in 0..2 {
        match veda::init() {
            Err(Error::Config { name, value, expected }) => {
                assert_eq!((name, value.as_str()), ("VEDA_DEVICE", "tpu"));
                assert!(expected.contains("software"), "{expected}");
            }
            other => panic!("{other:?}"),
        }
    }
    runs();
    let notes = Runtime::global().unwrap().notes();
    assert!(notes.iter().any(|n| n.contains("VEDA_DEVICE") && n.contains("tpu")), "{notes:?}");
    // The runtime has started by itself, and `init` still says what it thinks of the variable.
    assert!(matches!(veda::init(), Err(Error::Config { .. })));
    // A setting of the program overrides the variable.
    veda::shutdown(Duration::from_secs(20)).unwrap();
    veda::init_with_config(Config::builder().device(DeviceChoice::Cpu).build()).unwrap();
    runs();
}}

isolated! { fn bad_numbers_in_variables_are_named [VEDA_NUM_THREADS = "many", VEDA_GPU_MEMORY = "lots"] {
    match veda::init() {
        Err(Error::Config { name, .. }) => assert_eq!(name, "VEDA_NUM_THREADS"),
        other => panic!("{other:?}"),
    }
    runs();
    let notes = Runtime::global().unwrap().notes().join("\n");
    assert!(notes.contains("VEDA_NUM_THREADS"), "{notes}");
    assert!(!cfg!(feature = "gpu") || notes.contains("VEDA_GPU_MEMORY"), "{notes}");
}}

// Machines with a hardware GPU find it; the others say what they found.
isolated! { fn a_demanded_gpu_is_there_or_an_error [VEDA_DEVICE = "gpu"] {
    let first = veda::init();
    match &first {
        Ok(runtime) => {
            assert_ne!(runtime.notes(), Vec::<String>::new());
            assert!(runtime.notes().iter().all(|n| !n.contains("no hardware GPU")), "{:?}", runtime.notes());
        }
        Err(Error::NoGpu { reason }) => {
            assert!(reason.contains("no hardware GPU") || reason.contains("without the feature"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    let ((), why) = veda::explain(runs);
    assert_eq!(matches!(robust_support::ran_on(&why), Some(Place::Gpu(_))), first.is_ok(), "{why}");
    // The failure left nothing behind: other settings are accepted.
    if first.is_err() {
        veda::shutdown(Duration::from_secs(20)).unwrap();
        let config = Config::builder().device(DeviceChoice::Cpu).num_threads(3).build();
        assert_eq!(veda::init_with_config(config).unwrap().pool().num_threads(), 3);
    }
}}

isolated! { fn a_failed_init_can_be_followed_by_another [VEDA_DEVICE = "gpu:77"] {
    match veda::init_with_config(Config::builder().num_threads(2).build()) {
        Err(Error::NoGpu { reason }) => assert!(reason.contains("77") || !cfg!(feature = "gpu"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let config = Config::builder().device(DeviceChoice::Cpu).num_threads(3).build();
    assert_eq!(veda::init_with_config(config).unwrap().pool().num_threads(), 3);
    runs();
}}

/// A profile that this build would accept, as JSON.
fn profile() -> serde_json::Value {
    let host = veda::calibrate::host::host(Runtime::global().unwrap().pool().num_threads());
    serde_json::to_value(veda::planner::Profile::builtin(host, &[])).expect("profiles are plain data")
}

isolated! { fn a_bad_profile_is_named_by_init_and_ignored_by_calls [] {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("profile.json");
    let (good, mut newer, mut other, mut partial) = (profile(), profile(), profile(), profile());
    newer["schema"] = "veda-profile/999".into();
    other["host"]["cpu_model"] = "Abacus 3000".into();
    partial.as_object_mut().unwrap().remove("devices");
    let text = serde_json::to_string(&good).unwrap();
    let cases: [(Option<String>, &str); 8] = [
        (None, "cannot be read"),
        (Some("\u{1}\u{2} garbage".into()), "not JSON"),
        (Some(String::new()), "not JSON"),
        (Some(text[..text.len() / 2].to_owned()), "not JSON"),
        (Some("[1, 2]".into()), "schema"),
        (Some(newer.to_string()), "veda-profile/999"),
        (Some(other.to_string()), "Abacus 3000"),
        (Some(partial.to_string()), "devices"),
    ];
    veda::shutdown(Duration::from_secs(20)).unwrap();
    for (content, words) in cases {
        match &content {
            Some(content) => std::fs::write(&path, content).unwrap(),
            None => assert!(!path.exists()),
        }
        let config = Config::builder().device(DeviceChoice::Cpu).profile(&path).build();
        match veda::init_with_config(config.clone()) {
            Err(error @ Error::Profile { .. }) => {
                let text = error.to_string();
                assert!(text.contains(words) && text.contains("profile.json"), "{words}: {text}");
            }
            other => panic!("{words}: {other:?}"),
        }
        assert!(matches!(Runtime::new(config), Err(Error::Profile { .. })), "{words}");
        runs(); // on built-in numbers
        veda::shutdown(Duration::from_secs(20)).unwrap();
    }
    std::fs::write(&path, text).unwrap();
    veda::init_with_config(Config::builder().device(DeviceChoice::Cpu).profile(&path).build()).unwrap();
    runs();
}}

isolated! { fn a_bad_profile_variable_is_noted [VEDA_PROFILE = "/nonexistent/profile.json"] {
    let ((), why) = veda::explain(runs);
    assert!(robust_support::noted(&why, "/nonexistent/profile.json"), "{why}");
    match veda::init() {
        Err(Error::Profile { path, .. }) => assert_eq!(path.to_str(), Some("/nonexistent/profile.json")),
        other => panic!("{other:?}"),
    }
}}

isolated! { fn init_is_idempotent_and_the_handle_may_go [] {
    let config = || Config::builder().device(DeviceChoice::Cpu).num_threads(2).build();
    drop(veda::init_with_config(config()).unwrap());
    runs();
    assert_eq!(veda::init_with_config(config()).unwrap().pool().num_threads(), 2);
    let other = Config::builder().device(DeviceChoice::Cpu).num_threads(3).build();
    assert!(matches!(veda::init_with_config(other.clone()), Err(Error::AlreadyInitialised)));
    let old = Runtime::global().unwrap();
    veda::shutdown(Duration::from_secs(20)).unwrap();
    veda::shutdown(Duration::from_secs(20)).unwrap(); // nothing runs: fine
    assert_eq!(veda::init_with_config(other).unwrap().pool().num_threads(), 3);
    runs();
    // A handle of the old runtime still works: its pool passes work on.
    assert_eq!(old.pool().join(|| 1, || 2), (1, 2));
}}

isolated! { fn init_after_the_pool_has_started_by_itself [] {
    assert_eq!(veda::join(|| 1, || 2), (1, 2));
    veda::init_with_config(Config::builder().device(DeviceChoice::Cpu).build()).unwrap();
    runs();
    let more = Config::builder().device(DeviceChoice::Cpu).num_threads(9).build();
    assert!(matches!(veda::init_with_config(more), Err(Error::AlreadyInitialised)));
}}

isolated! { fn shutdown_from_inside_is_refused_and_harmless [] {
    let inside = Runtime::global().unwrap().pool().install(|| veda::shutdown(Duration::from_secs(5)));
    assert!(matches!(inside, Err(Error::Shutdown { .. })), "{inside:?}");
    runs();
}}

#[cfg(feature = "gpu")]
isolated! { fn shutdown_under_load_loses_nothing [] {
    if !robust_support::software() { return }
    veda::init_with_config(Config::builder().device(DeviceChoice::Software).build()).unwrap();
    std::thread::scope(|s| {
        for _ in 0..3 {
            s.spawn(|| (0..40).for_each(|_| runs()));
        }
        s.spawn(|| {
            for _ in 0..5 {
                std::thread::sleep(Duration::from_millis(5));
                veda::shutdown(Duration::from_secs(30)).unwrap();
            }
        });
    });
    runs();
}}

/// Threads of this process.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Whether a library of this name is mapped into this process.
#[cfg(target_os = "linux")]
fn loaded(library: &str) -> bool {
    std::fs::read_to_string("/proc/self/maps").unwrap().contains(library)
}

#[cfg(target_os = "linux")]
isolated! { fn closures_load_no_gpu_driver_and_idle_programs_no_thread [] {
    let before = threads();
    let _ = veda::metrics().snapshot();
    let _ = Config::builder().build();
    assert_eq!(threads(), before, "nothing was asked for yet");
    let mut data = [1u32; 1000];
    veda::join(|| 1, || 2);
    veda::scope(|s| data.iter_mut().for_each(|x| { s.spawn(move || *x += 1); }));
    assert_eq!(data, [2; 1000]);
    let (sum, why) = veda::explain(|| (0..100_000u64).into_par_iter().map(|x| x / 3).sum::<u64>());
    assert_eq!(sum, (0..100_000u64).map(|x| x / 3).sum::<u64>());
    assert!(why.calls.is_empty(), "{why}");
    assert!(threads() > before);
    std::thread::sleep(Duration::from_millis(300)); // a search would have begun by now
    assert!(!loaded("libvulkan") && !loaded("libvulkan_lvp"), "closures need no driver");
    // The switch keeps it that way for kernels.
    veda::shutdown(Duration::from_secs(20)).unwrap();
    veda::init_with_config(Config::builder().enable_gpu(false).build()).unwrap();
    runs();
    std::thread::sleep(Duration::from_millis(300));
    assert!(!loaded("libvulkan"), "GPUs are switched off");
    // With GPUs allowed, `init` looks for them. (Says that the lines above can fail.)
    veda::shutdown(Duration::from_secs(20)).unwrap();
    let searched = veda::init_with_config(Config::builder().device(DeviceChoice::Auto).build());
    assert!(searched.is_ok());
    assert!(!cfg!(feature = "gpu") || loaded("libvulkan") || std::env::var_os("VEDA_REQUIRE_GPU").is_none());
}}

// A driver that is being loaded, or compiles, when `main` returns must not end the program in an abort. One run in some
// hundreds did, on a loaded machine; so this runs many, several at once.
#[cfg(feature = "gpu")]
#[test]
fn short_programs_end_well() {
    std::thread::scope(|s| {
        for t in 0..4 {
            s.spawn(move || {
                for _ in 0..10 {
                    let device = ["auto", "software"][t % 2];
                    let program = std::env::current_exe().unwrap();
                    let mut command = std::process::Command::new(program);
                    command.args(["one_call_and_the_end", "--exact", "--ignored"]).env("VEDA_DEVICE", device);
                    let output = command.output().unwrap();
                    assert!(output.status.success(), "{device}: {}\n{:?}", output.status, output);
                }
            });
        }
    });
}

#[cfg(feature = "gpu")]
#[test]
#[ignore = "the program of `short_programs_end_well`"]
fn one_call_and_the_end() {
    runs();
}

/// Different kernels from many threads at once.
fn many_threads() {
    std::thread::scope(|s| {
        for t in 0..8u32 {
            s.spawn(move || {
                let n = 1000 + 7001 * t as usize;
                let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
                let u: Vec<u32> = (0..n as u32).collect();
                for round in 0..20u32 {
                    if (t + round) % 2 == 0 {
                        let z = execute(scale::on(0.5, &x)).unwrap();
                        assert!(z.iter().zip(&x).all(|(z, x)| *z == x / 2.0));
                    } else {
                        let z = execute(plus::on(t, &u)).unwrap();
                        assert!(z.iter().zip(&u).all(|(z, u)| *z == u + t));
                    }
                }
            });
        }
    });
}

/// Calls from inside workers, where all of them may wait for the GPU at once.
fn nested() {
    let x: Vec<u32> = (0..20_000).collect();
    let call = |k: u32| execute(plus::on(k, &x)).unwrap().iter().map(|&v| u64::from(v)).sum::<u64>();
    let expected = |k: u64| (0..20_000u64).map(|v| v + k).sum::<u64>();
    assert_eq!(
        veda::join(|| call(1), || veda::join(|| call(2), || call(3))),
        (expected(1), (expected(2), expected(3)))
    );
    let mut sums = [0u64; 8];
    veda::scope(|s| {
        for (k, sum) in sums.iter_mut().enumerate() {
            s.spawn(move || *sum = call(k as u32));
        }
    });
    assert!(sums.iter().enumerate().all(|(k, &sum)| sum == expected(k as u64)));
    let all: Vec<u64> = (0..16u32).into_par_iter().map(call).collect();
    assert!(all.iter().enumerate().all(|(k, &sum)| sum == expected(k as u64)));
}

isolated! { fn many_threads_and_nested_calls_on_the_cpu [VEDA_DEVICE = "cpu"] {
    many_threads();
    nested();
}}

isolated! { fn nested_calls_on_one_worker [VEDA_DEVICE = "cpu", VEDA_NUM_THREADS = "1"] {
    nested();
}}

#[cfg(feature = "gpu")]
isolated! { fn many_threads_and_nested_calls_on_the_gpu [VEDA_DEVICE = "software"] {
    if !robust_support::software() { return }
    many_threads();
    nested();
    let metrics = veda::metrics().snapshot();
    assert!(metrics.devices.iter().any(|d| d.device != "CPU" && d.batches >= 180), "{metrics}");
}}

#[cfg(feature = "gpu")]
isolated! { fn nested_calls_on_the_gpu_from_one_worker [VEDA_DEVICE = "software", VEDA_NUM_THREADS = "1"] {
    if !robust_support::software() { return }
    nested();
    many_threads();
}}

#[cfg(debug_assertions)]
isolated! { fn a_panic_in_a_twin_reaches_the_caller_and_the_pool_goes_on [VEDA_DEVICE = "cpu"] {
    let src = vec![1u32; 30_000];
    for _ in 0..10 {
        let panic = catch_unwind(|| execute(past_the_end::on(&src).over(30_000u32))).expect_err("out of bounds");
        let text = panic.downcast_ref::<String>().expect("a message");
        assert!(text.contains("past_the_end") && text.contains("30000"), "{text}");
        runs();
    }
    let nested = catch_unwind(|| veda::join(|| execute(past_the_end::on(&src).over(30_000u32)), || 7));
    assert!(nested.is_err());
    nested_is_fine();
    let metrics = veda::metrics().snapshot();
    assert!(!cfg!(feature = "telemetry") || metrics.devices.iter().all(|d| d.batches == 10 + 27), "{metrics}");
}}

#[cfg(debug_assertions)]
fn nested_is_fine() {
    nested();
}

#[cfg(not(debug_assertions))]
isolated! { fn release_twins_clamp_and_nothing_panics [VEDA_DEVICE = "cpu"] {
    let src: Vec<u32> = (0..100).collect();
    let z = catch_unwind(|| execute(past_the_end::on(&src).over(50u32)).unwrap()).unwrap();
    assert!(z.iter().zip(0..).all(|(z, i)| *z == (3 * i).min(99)));
}}

#[cfg(all(target_os = "linux", feature = "gpu"))]
unsafe extern "C" {
    fn fork() -> std::ffi::c_int;
    fn waitpid(pid: std::ffi::c_int, status: *mut std::ffi::c_int, options: std::ffi::c_int) -> std::ffi::c_int;
    fn alarm(seconds: std::ffi::c_uint) -> std::ffi::c_uint;
    fn _exit(status: std::ffi::c_int) -> !;
}

#[cfg(all(target_os = "linux", feature = "gpu"))]
isolated! { fn the_child_of_a_fork_runs_kernels_on_its_own_pool [VEDA_DEVICE = "software"] {
    if !robust_support::software() { return }
    robust_support::on_gpu(runs);
    // SAFETY: no other thread of this process holds a lock of veda or of the allocator now: all of them sleep. The child
    // ends without unwinding into the harness.
    let child = unsafe { fork() };
    if child == 0 {
        // SAFETY: a child that hangs is ended by the alarm, which is a failure below.
        unsafe { alarm(30) };
        let right = catch_unwind(|| {
            runs();
            nested();
            let ((), why) = veda::explain(runs);
            robust_support::ran_on(&why) == Some(Place::Cpu) && robust_support::noted(&why, "forked") && {
                veda::shutdown(Duration::from_secs(10)).unwrap();
                veda::join(|| 1, || 2) == (1, 2)
            }
        });
        // SAFETY: ends the child at once.
        unsafe { _exit(if matches!(right, Ok(true)) { 42 } else { 1 }) };
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: `status` is ours.
    unsafe { waitpid(child, &raw mut status, 0) };
    assert_eq!((status & 0x7f, status >> 8 & 0xff), (0, 42), "the child's status is {status:#x}");
    robust_support::on_gpu(runs);
}}
