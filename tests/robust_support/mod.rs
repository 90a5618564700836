//! Runs a test body in a process of its own, since the global runtime and the environment are one per process.

use std::process::Command;

use veda::Explanation;
use veda::gpu::Place;

const CHILD: &str = "VEDA_TEST_CHILD";

/// Runs `body` in a child process with these variables (and none of veda's others).
pub fn isolated(name: &str, env: &[(&str, &str)], body: fn()) {
    if std::env::var(CHILD).as_deref() == Ok(name) {
        return body();
    }
    let mut command = Command::new(std::env::current_exe().expect("the test knows its own path"));
    for old in ["VEDA_DEVICE", "VEDA_PROFILE", "VEDA_LEARN", "VEDA_GPU_MEMORY", "VEDA_NUM_THREADS", "RAYON_NUM_THREADS"]
    {
        command.env_remove(old);
    }
    // A cache directory of its own: no profile of this machine changes what is tested.
    let cache = tempfile::tempdir().expect("a directory");
    command.env("XDG_CACHE_HOME", cache.path()).env("HOME", cache.path());
    command.args([name, "--exact", "--nocapture"]).env(CHILD, name).envs(env.iter().copied());
    let output = command.output().expect("the child starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "the child failed: {}\n{text}", output.status);
    print!("{text}");
}

/// A test whose body runs in a process of its own, with these variables.
#[macro_export]
macro_rules! isolated {
    ($(#[$meta:meta])* fn $name:ident [$($key:ident = $value:expr),*] $body:block) => {
        $(#[$meta])*
        #[test]
        fn $name() {
            robust_support::isolated(stringify!($name), &[$((stringify!($key), $value)),*], || $body);
        }
    };
}

/// Whether there is a software adapter; loudly false where nobody demands one.
#[allow(dead_code)]
#[cfg(feature = "gpu")]
pub fn software() -> bool {
    let found = veda::device::Adapters::list().iter().any(|a| a.kind == veda::device::Kind::Software);
    assert!(
        found || std::env::var("VEDA_REQUIRE_GPU").as_deref() != Ok("1"),
        "VEDA_REQUIRE_GPU=1, no software adapter"
    );
    if !found {
        eprintln!("skipped: there is no software adapter; set VEDA_REQUIRE_GPU=1 to make this a failure");
    }
    found
}

/// Runs `f` and asserts that its one routed call ran on a GPU.
#[allow(dead_code)]
#[track_caller]
pub fn on_gpu<R>(f: impl FnOnce() -> R) -> R {
    let (result, why) = veda::explain(f);
    assert!(matches!(ran_on(&why), Some(Place::Gpu(_))), "{why}");
    result
}

/// Where the one routed call ran.
#[allow(dead_code)]
pub fn ran_on(why: &Explanation) -> Option<Place> {
    match why.calls.as_slice() {
        [call] => Some(call.ran_on),
        _ => None,
    }
}

/// Whether a note of the calls or of the whole contains these words.
#[allow(dead_code)]
pub fn noted(why: &Explanation, words: &str) -> bool {
    why.calls.iter().flat_map(|c| &c.notes).chain(&why.notes).any(|n| n.contains(words))
}
