//! Facts of the machine that key a profile.

use std::time::Duration;

use crate::kernel::isa::{self, Isa};
use crate::planner::profile::{Adapter, DeviceKind, Host};

/// The machine, with a pool of this many workers. Reads a few files; no driver is loaded.
pub fn host(pool_threads: usize) -> Host {
    Host {
        cpu_model: cpu_model(),
        cores: num_cpus::get() as u32,
        simd: simd().to_owned(),
        mem_bytes: mem_bytes(),
        pool_threads: pool_threads as u32,
        target_features: target_features(),
    }
}

/// The CPU as a profile's device.
pub fn cpu_adapter(host: &Host) -> Adapter {
    Adapter { name: host.cpu_model.clone(), backend: "native".to_owned(), kind: DeviceKind::Cpu, ..Adapter::default() }
}

/// A GPU as a profile's device.
#[cfg(feature = "gpu")]
pub fn adapter(info: &crate::device::DeviceInfo) -> Adapter {
    use crate::device::{Backend, Kind};
    Adapter {
        name: info.name.clone(),
        vendor: info.vendor,
        device: info.device,
        driver: info.driver.clone(),
        driver_info: info.driver_info.clone(),
        backend: match info.backend {
            Backend::Vulkan => "vulkan",
            Backend::Metal => "metal",
            Backend::Dx12 => "dx12",
            Backend::Other => "other",
        }
        .to_owned(),
        kind: match info.kind {
            Kind::Integrated => DeviceKind::Integrated,
            Kind::Virtual => DeviceKind::Virtual,
            Kind::Software => DeviceKind::Software,
            // What the driver does not name is priced as a card behind a link: late to the GPU rather than wrong.
            Kind::Discrete | Kind::Other => DeviceKind::Discrete,
        },
        subgroup: [info.subgroup_min, info.subgroup_max],
    }
}

fn simd() -> &'static str {
    match isa::level() {
        Isa::Avx512 => "avx512",
        Isa::Avx2 => "avx2",
        Isa::Base if cfg!(target_arch = "aarch64") => "neon",
        Isa::Base => "base",
    }
}

/// The model's name as the system gives it; the architecture's name where it gives none.
fn cpu_model() -> String {
    let found = if cfg!(target_os = "linux") {
        std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            // x86 has "model name"; Arm kernels leave it out and boards have "Model" or "Hardware".
            ["model name", "Model", "Hardware"].iter().find_map(|key| cpuinfo_field(&text, key))
        })
    } else if cfg!(target_os = "macos") {
        command("sysctl", &["-n", "machdep.cpu.brand_string"])
    } else {
        std::env::var("PROCESSOR_IDENTIFIER").ok()
    };
    found.filter(|m| !m.is_empty()).unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH))
}

fn cpuinfo_field(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.split_whitespace().collect::<Vec<_>>().join(" "))
    })
}

fn mem_bytes() -> u64 {
    if cfg!(target_os = "macos") {
        return command("sysctl", &["-n", "hw.memsize"]).and_then(|t| t.parse().ok()).unwrap_or(0);
    }
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = cpuinfo_field(&text, "MemTotal").and_then(|v| v.split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

fn command(name: &str, args: &[&str]) -> Option<String> {
    let output = std::process::Command::new(name).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The features that change the code of a kernel's loops, as far as the build itself may use them.
fn target_features() -> String {
    macro_rules! enabled {
        ($($name:tt),+ $(,)?) => {{
            let all = [$(($name, cfg!(target_feature = $name))),+];
            all.iter().filter(|f| f.1).map(|f| f.0).collect::<Vec<_>>().join(",")
        }};
    }
    enabled!(
        "avx", "avx2", "avx512bw", "avx512dq", "avx512f", "avx512vl", "bmi1", "bmi2", "fma", "lzcnt", "neon", "popcnt",
        "sse2", "sse3", "sse4.1", "sse4.2", "ssse3", "sve",
    )
}

/// Processor time of the calling thread, where the system tells it precisely (the files in `/proc` move with the timer
/// tick, 1 to 10 ms, which is longer than a sample). About 0.3 µs.
#[cfg(all(any(target_os = "linux", target_os = "android", target_os = "macos"), target_pointer_width = "64"))]
pub(super) fn thread_time() -> Option<Duration> {
    #[repr(C)]
    struct Timespec {
        seconds: i64,
        nanoseconds: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
    }
    // CLOCK_THREAD_CPUTIME_ID
    let clock = if cfg!(target_os = "macos") { 16 } else { 3 };
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: POSIX's function, which std links already; `time_t` and `long` are 64-bit on these targets, and it writes
    // one `timespec` to the address, which lives until it returns.
    let status = unsafe { clock_gettime(clock, &raw mut time) };
    (status == 0).then(|| Duration::new(time.seconds as u64, time.nanoseconds as u32))
}

/// As above: not known here.
#[cfg(not(all(any(target_os = "linux", target_os = "android", target_os = "macos"), target_pointer_width = "64")))]
pub(super) fn thread_time() -> Option<Duration> {
    None
}

/// Now, as RFC 3339 in UTC.
pub(super) fn now() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    rfc3339(seconds)
}

/// Days since 1970 to a date by counting in 400-year cycles that begin in March.
fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_known_seconds() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(rfc3339(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn reads_cpuinfo() {
        let text = "processor\t: 0\nmodel name\t: Some   CPU @ 2.0GHz\nmodel\t: 6\n";
        assert_eq!(cpuinfo_field(text, "model name").as_deref(), Some("Some CPU @ 2.0GHz"));
        assert_eq!(cpuinfo_field(text, "Model"), None);
    }

    #[test]
    fn this_machine_has_a_name_and_cores() {
        let h = host(3);
        assert!(!h.cpu_model.is_empty() && h.cores >= 1 && h.pool_threads == 3, "{h:?}");
        assert!(["base", "avx2", "avx512", "neon"].contains(&&*h.simd));
    }
}
