//! `show`: a profile as tables.

use std::fmt::Write;
use std::path::Path;

use veda::Result;
use veda::calibrate::key_like;
use veda::planner::Profile;
use veda::planner::profile::{DeviceKind, DeviceProfile, Knot};

pub fn show(profile: &Profile, path: &Path) -> Result<()> {
    super::print(&text(profile, path))
}

fn text(profile: &Profile, path: &Path) -> String {
    let (host, quality) = (&profile.host, &profile.quality);
    let mut t = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(t, "{name:<11}{value}");
    };
    line("profile", path.display().to_string());
    line("created", format!("{} by veda {} ({})", profile.created, profile.tool_version, profile.schema));
    line(
        "host",
        format!(
            "{}, {} cores, {} workers, {}, {:.1} GiB",
            host.cpu_model,
            host.cores,
            host.pool_threads,
            host.simd,
            host.mem_bytes as f64 / f64::from(1 << 30)
        ),
    );
    line(
        "quality",
        format!(
            "{} epochs, processor share {:.2}, {}{}",
            quality.epochs,
            quality.cpu_wall,
            if quality.noisy { "noisy" } else { "quiet" },
            if quality.notes.is_empty() { String::new() } else { format!("; {}", quality.notes) }
        ),
    );
    let here = profile.matches(&key_like(profile));
    line("this machine", here.map_or_else(|m| format!("  no: {m}"), |()| "  yes".to_owned()));
    for device in &profile.devices {
        t += &device_text(device);
    }
    t
}

fn device_text(device: &DeviceProfile) -> String {
    let a = &device.adapter;
    let kind = match a.kind {
        DeviceKind::Cpu => "CPU",
        DeviceKind::Discrete => "GPU with its own memory",
        DeviceKind::Integrated => "GPU on the host's memory",
        DeviceKind::Virtual => "virtual GPU",
        DeviceKind::Software => "SOFTWARE adapter: runs on the CPU, for tests, no evidence about GPUs",
    };
    let mut t = format!("\n{} ({kind})\n", a.name);
    if a.kind != DeviceKind::Cpu {
        let _ = writeln!(t, "  {}, driver {} {}", a.backend, a.driver, a.driver_info);
    }
    let _ = writeln!(t, "\n  {:<22}{:>12}{:>12}{:>12}{:>9}", "scalar", "value", "low", "high", "samples");
    for (key, s) in &device.scalars {
        let _ = writeln!(t, "  {key:<22}{:>12.3}{:>12.3}{:>12.3}{:>9}", s.v, s.lo, s.hi, s.n);
    }
    let per = if a.kind == DeviceKind::Cpu { "per µs and thread" } else { "per µs" };
    let _ = writeln!(t, "\n  operations {per}");
    for row in device.op_rates.iter().collect::<Vec<_>>().chunks(4) {
        let cells: Vec<String> = row.iter().map(|(key, rate)| format!("{key:<9}{rate:>10.0}")).collect();
        let _ = writeln!(t, "  {}", cells.join("   "));
    }
    for (key, knots) in &device.curves {
        let _ =
            writeln!(t, "\n  {key:<10}{:>12}{:>12}{:>12}{:>10}{:>9}", "min µs", "p50 µs", "p90 µs", "GB/s", "samples");
        for k in knots {
            t += &knot_text(k);
        }
    }
    t
}

fn knot_text(k: &Knot) -> String {
    let rate = k.bytes as f64 / k.min_us / 1000.0;
    let size = size(k.bytes);
    format!("  {size:>10}{:>12.2}{:>12.2}{:>12.2}{rate:>10.2}{:>9}\n", k.min_us, k.p50_us, k.p90_us, k.samples)
}

/// Bytes in the largest unit that divides them.
pub fn size(bytes: u64) -> String {
    match bytes {
        b if b >= 1 << 30 && b % (1 << 30) == 0 => format!("{} GiB", b >> 30),
        b if b >= 1 << 20 && b % (1 << 20) == 0 => format!("{} MiB", b >> 20),
        b if b >= 1 << 10 && b % (1 << 10) == 0 => format!("{} KiB", b >> 10),
        b => format!("{b} B"),
    }
}
