//! The profile as a page: one HTML file with its style and charts inside, no script, no network.

mod chart;
mod costs;
mod drift;
mod graph;

use std::fmt::Write;

use chart::{Line, Unit, chart};

use super::drift::Drift;
use super::examples::{EXAMPLES, Example};
use crate::page::{self, bytes, count, escape, three, time};
use crate::planner::decide::{Crossover, crossover};
use crate::planner::profile::{DeviceKind, DeviceProfile, Knot, Profile, keys};
use crate::planner::trace::gantt;
use crate::planner::{Candidate, CostModel, Place};

/// Most devices that have a colour of their own.
const COLOURS: usize = 4;

/// The page; `drift`: what moved since, where somebody measured again.
pub fn html(profile: &Profile, drift: Option<&Drift>) -> String {
    let mut page = page::open(&format!("veda profile of {}", profile.host.cpu_model), gantt::STYLE);
    page += &head(profile);
    page += &crossovers(profile);
    page += &graph::section(profile);
    for (i, device) in profile.devices.iter().enumerate() {
        page += &curves(i, device);
    }
    page += &costs::costs(profile);
    page += &rates(profile);
    page += &drift.map(drift::table).unwrap_or_default();
    page += &scalars(profile);
    page += &identity(profile);
    let _ = writeln!(
        page,
        "<footer>Written by veda-calibrate {}. The file holds everything it shows: no script, no network.</footer>",
        escape(&profile.tool_version)
    );
    page + page::CLOSE
}

fn colour(i: usize) -> String {
    format!("d{}", i % COLOURS)
}

fn label(i: usize) -> String {
    if i == 0 { "CPU".to_owned() } else { format!("GPU {}", i - 1) }
}

/// What kind of device it is, in the page's words.
fn intro(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Cpu => "",
        DeviceKind::Discrete => "A GPU with its own memory. ",
        DeviceKind::Integrated => "A GPU on the host's memory. ",
        DeviceKind::Virtual => "A virtual GPU. ",
        DeviceKind::Software => "A software adapter: it runs on the CPU and is no evidence about GPUs. ",
    }
}

fn legend(profile: &Profile) -> String {
    let mut s = String::from("<div>");
    for (i, d) in profile.devices.iter().enumerate() {
        let software = if d.adapter.kind == DeviceKind::Software { " (software)" } else { "" };
        let _ = write!(
            s,
            "<span class=\"key\"><i class=\"{}\"></i>{}: {}{software}</span>",
            colour(i),
            label(i),
            escape(&d.adapter.name)
        );
    }
    s + "</div>\n"
}

fn head(profile: &Profile) -> String {
    let (host, quality) = (&profile.host, &profile.quality);
    let mut s = format!("<h1>{}</h1>\n<p>", escape(&host.cpu_model));
    let badge = |class: &str, text: &str| format!("<span class=\"badge {class}\">{text}</span>");
    s += &match (profile.builtin, quality.noisy) {
        (true, _) => badge("bad", "assumed, not measured"),
        (false, true) => badge("bad", "noisy: intervals are wide"),
        (false, false) => badge("good", "quiet"),
    };
    if profile.gpus().any(|d| d.adapter.kind == DeviceKind::Software) {
        s += &badge("bad", "has a software adapter");
    }
    let _ = writeln!(
        s,
        "{} of {} logical cores, {} loops, {}. Measured {}.</p>\n<div class=\"tiles\">",
        host.pool_threads,
        host.cores,
        escape(&host.simd),
        bytes(host.mem_bytes as f64),
        escape(&profile.created)
    );
    let mut tile = |value: String, text: &str| {
        let _ = writeln!(s, "<div class=\"card tile\"><b>{value}</b><span>{text}</span></div>");
    };
    if let Some(cpu) = profile.cpu() {
        if let Some(last) = cpu.curves.get(keys::STREAM).and_then(|k| k.last()) {
            let rate = last.bytes as f64 / last.min_us / 1000.0;
            tile(format!("{} GB/s", three(rate)), &format!("CPU stream, {}", bytes(last.bytes as f64)));
        }
        if let Some(fork) = cpu.scalars.get(keys::FORK_JOIN_US) {
            tile(time(fork.v), "fork and join of the pool");
        }
    }
    for (i, gpu) in profile.gpus().enumerate() {
        if let Some(trip) = gpu.scalars.get(keys::ROUND_TRIP_US) {
            tile(time(trip.v), &format!("round trip to GPU {i}"));
        }
        if let Some(last) = gpu.curves.get(keys::UPLOAD).and_then(|k| k.last()) {
            let rate = last.bytes as f64 / last.min_us / 1000.0;
            tile(format!("{} GB/s", three(rate)), &format!("upload to GPU {i}, {}", bytes(last.bytes as f64)));
        }
    }
    tile(format!("{} %", three(100.0 * quality.cpu_wall)), "of the processor was ours");
    s + "</div>\n"
}

fn crossovers(profile: &Profile) -> String {
    let model = CostModel::new(profile);
    let mut s = String::from(
        "<h2>Where the GPU overtakes the CPU</h2>\n<p>Predicted time from call to result by number of elements, inputs and result on the host. The bands are 80 % intervals. ",
    );
    s += if profile.gpus().next().is_none() {
        "This profile has no GPU, so every call runs on the CPU.</p>\n"
    } else {
        "A dashed line marks the size from which the GPU is faster.</p>\n"
    };
    s += &legend(profile);
    s += "<div class=\"grid\">\n";
    for example in &EXAMPLES {
        s += &crossover_card(profile, &model, example);
    }
    s + "</div>\n"
}

fn crossover_card(profile: &Profile, model: &CostModel, example: &Example) -> String {
    let residency = example.residency();
    let place = |i: usize| if i == 0 { Place::Cpu } else { Place::Gpu(i as u32 - 1) };
    let mut lines = Vec::new();
    for i in 0..profile.devices.len() {
        let mut line = Line { colour: colour(i), label: label(i), ..Line::default() };
        for step in 0..=36 {
            let n = 10f64.powf(2.0 + f64::from(step) / 6.0);
            if let Some(e) = model.estimate(&example.work(n as u64), place(i), &residency, 0, true) {
                let us = |ns: u64| (ns as f64 / 1000.0).max(1e-3);
                line.points.push((n, us(e.mean_ns)));
                line.band.push((n, us(e.lo_ns), us(e.hi_ns)));
            }
        }
        lines.push(line);
    }
    let mut mark = None;
    let mut verdict = String::new();
    for i in 1..profile.devices.len() {
        // Drawn for software adapters too, although routing never takes them.
        let gpu = Candidate { software_admitted: true, ..Candidate::idle(place(i)) };
        let work = example.work(1 << 20);
        let found = crossover(model, &work, &residency, &Candidate::idle(Place::Cpu), &gpu);
        let resident = crossover(model, &work, &residency.resident(), &Candidate::idle(Place::Cpu), &gpu);
        let from = |c: Crossover| match c {
            Crossover::Never => "at no size".to_owned(),
            Crossover::From(n) => format!("from {}", count(n as f64)),
            Crossover::Several(n) => format!("from {} (not everywhere above)", count(n as f64)),
        };
        let software = profile.gpus().nth(i - 1).is_some_and(|d| d.adapter.kind == DeviceKind::Software);
        let _ = write!(
            verdict,
            "<div class=\"verdict\">{} faster <b>{}</b>; inputs already there: {}{}</div>",
            label(i),
            from(found),
            from(resident),
            if software { ". Routing never takes it." } else { "" }
        );
        if let (None, Some(n)) = (&mark, found.first()) {
            mark = Some((n as f64, format!("{} from {}", label(i), count(n as f64))));
        }
    }
    format!(
        "<div class=\"card\"><h3>{}</h3><small>{}</small>{}{verdict}</div>\n",
        example.name,
        escape(example.formula),
        chart(&format!("time of {} by elements", example.name), Unit::Elements, &lines, mark)
    )
}

fn curves(i: usize, device: &DeviceProfile) -> String {
    let mut s = format!("<h2>{}: {}</h2>\n", label(i), escape(&device.adapter.name));
    let _ = writeln!(
        s,
        "<p>{}Time by bytes: the line is the fastest sample, which the planner uses; dashed is the median, the band reaches to the 90 % quantile.</p>\n<div class=\"grid\">",
        intro(device.adapter.kind)
    );
    for (key, knots) in &device.curves {
        let peak = knots.iter().map(|k| k.bytes as f64 / k.min_us / 1000.0).fold(0.0, f64::max);
        let _ = writeln!(
            s,
            "<div class=\"card\" data-curve=\"{}/{}\"><h3>{}</h3><small>{}; up to {} GB/s</small>{}</div>",
            i,
            escape(key),
            escape(title(key)),
            escape(key),
            three(peak),
            chart(&format!("{} of {}", title(key), label(i)), Unit::Bytes, &[line(i, knots)], None)
        );
    }
    s + "</div>\n"
}

fn title(key: &str) -> &str {
    match key {
        keys::STREAM => "Stream, whole device",
        keys::STREAM_ONE => "Stream, one thread",
        keys::GATHER => "Random gather",
        keys::UPLOAD => "Host to device",
        keys::DOWNLOAD => "Device to host",
        keys::REDUCE => "Reduction",
        other => other,
    }
}

fn line(i: usize, knots: &[Knot]) -> Line {
    let text = |k: &Knot| {
        format!(
            "{}: {} fastest, {} median, {} 90 %; {} GB/s, {} samples",
            bytes(k.bytes as f64),
            time(k.min_us),
            time(k.p50_us),
            time(k.p90_us),
            three(k.bytes as f64 / k.min_us / 1000.0),
            k.samples
        )
    };
    Line {
        colour: colour(i),
        points: knots.iter().map(|k| (k.bytes as f64, k.min_us)).collect(),
        middle: knots.iter().map(|k| (k.bytes as f64, k.p50_us)).collect(),
        band: knots.iter().map(|k| (k.bytes as f64, k.min_us, k.p90_us)).collect(),
        dots: knots.iter().map(text).collect(),
        label: String::new(),
    }
}

fn rates(profile: &Profile) -> String {
    let mut s = String::from(
        "<h2>Operations per second</h2>\n<p>By class: of one CPU thread, of a whole GPU. Bars are on a logarithmic scale.</p>\n<div class=\"card table\"><table><thead><tr><th>class</th>",
    );
    for i in 0..profile.devices.len() {
        let one = if i == 0 { ", one thread" } else { "" };
        let _ = write!(
            s,
            "<th class=\"n\">{}{one}</th><th style=\"width:{}%\"></th>",
            label(i),
            60 / profile.devices.len()
        );
    }
    s += "</tr></thead><tbody>\n";
    let all = || profile.devices.iter().flat_map(|d| d.op_rates.values().copied());
    let (low, high) = all().fold((f64::INFINITY, 0.0f64), |(l, h), r| (l.min(r), h.max(r)));
    let width = |rate: f64| 4.0 + 96.0 * (rate / low).ln() / (high / low).ln().max(1e-9);
    let mut classes: Vec<&String> = profile.devices.iter().flat_map(|d| d.op_rates.keys()).collect();
    classes.sort();
    classes.dedup();
    for class in classes {
        let _ = write!(s, "<tr><td>{}</td>", escape(class));
        for (i, device) in profile.devices.iter().enumerate() {
            match device.op_rates.get(class) {
                Some(&rate) => {
                    let _ = write!(
                        s,
                        "<td class=\"n\">{}/s</td><td><div class=\"bar fill-{}\" style=\"width:{:.0}%\"></div></td>",
                        count(rate * 1e6),
                        colour(i),
                        width(rate)
                    );
                }
                None => s += "<td class=\"n\">assumed</td><td></td>",
            }
        }
        s += "</tr>\n";
    }
    s + "</tbody></table></div>\n"
}

fn scalars(profile: &Profile) -> String {
    let mut s = String::from(
        "<h2>Single numbers</h2>\n<p>The value is the fastest sample; the interval reaches to the 90 % quantile.</p>\n<div class=\"card table\"><table><thead><tr><th>device</th><th>name</th><th class=\"n\">value</th><th class=\"n\">interval</th><th class=\"n\">samples</th></tr></thead><tbody>\n",
    );
    for (i, device) in profile.devices.iter().enumerate() {
        for (key, v) in &device.scalars {
            let text = |x: f64| if key.ends_with("_us") { time(x) } else { three(x) };
            let _ = writeln!(
                s,
                "<tr><td class=\"{}\">{}</td><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{} to {}</td><td class=\"n\">{}</td></tr>",
                colour(i),
                label(i),
                escape(key),
                text(v.v),
                text(v.lo),
                text(v.hi),
                v.n
            );
        }
    }
    s + "</tbody></table></div>\n"
}

fn identity(profile: &Profile) -> String {
    let mut s = String::from(
        "<h2>What the profile is keyed by</h2>\n<p>Where one of these differs, the profile does not hold and veda falls back to its built-in numbers.</p>\n<div class=\"card table\"><table><tbody>\n",
    );
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(s, "<tr><td>{name}</td><td><code>{}</code></td></tr>", escape(value));
    };
    let (key, quality) = (profile.key(), &profile.quality);
    row("key", &format!("{:016x}", key.hash()));
    row("schema", &key.schema);
    row("CPU", &key.cpu_model);
    row("workers", &key.pool_threads.to_string());
    row("target features", &key.target_features);
    for (i, a) in key.adapters.iter().enumerate() {
        let text =
            format!("{} ({:#06x}:{:#06x}), {}, {} {}", a.name, a.vendor, a.device, a.backend, a.driver, a.driver_info);
        row(&format!("GPU {i}"), &text);
    }
    let state = if quality.noisy { "noisy" } else { "quiet" };
    row("quality", &format!("{} epochs, {state}, processor share {:.2}", quality.epochs, quality.cpu_wall));
    if !quality.notes.is_empty() {
        row("notes", &quality.notes);
    }
    s + "</tbody></table></div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::check_nesting;
    use crate::planner::profile::{Adapter, Host};

    fn profile() -> Profile {
        let host = Host { cpu_model: "A <fast> CPU & more".into(), cores: 8, pool_threads: 8, ..Host::default() };
        let gpu = Adapter { name: "Card \"one\"".into(), kind: DeviceKind::Discrete, ..Adapter::default() };
        Profile::builtin(host, &[gpu])
    }

    #[test]
    fn holds_every_curve_of_every_device_and_nests() {
        let profile = profile();
        let page = html(&profile, None);
        check_nesting(&page);
        for (i, device) in profile.devices.iter().enumerate() {
            for (key, knots) in &device.curves {
                let start = page.find(&format!("data-curve=\"{i}/{key}\"")).unwrap_or_else(|| panic!("{i}/{key}"));
                let card = &page[start..];
                let card = &card[..card.find("</svg>").expect("has a chart")];
                assert_eq!(card.matches("<circle").count(), knots.len(), "{i}/{key}");
            }
        }
        assert!(page.contains("A &lt;fast&gt; CPU &amp; more") && page.contains("Card &quot;one&quot;"));
        for text in ["NaN", "http:", "https:", "<script", "src=", "url("] {
            assert!(!page.contains(text), "the page has `{text}`");
        }
    }

    #[test]
    fn draws_the_plan_of_the_sample_graph() {
        let page = html(&profile(), None);
        let start = page.find("data-graph=\"sample\"").expect("is planned");
        let chart = &page[start..start + page[start..].find("</svg>").expect("has a chart")];
        for stage in ["decode", "denoise", "encode"] {
            assert!(chart.contains(stage), "{stage} is not drawn");
        }
        assert!(page.contains("all CPU"), "the comparison is shown");
        // A foreign machine without a GPU has a plan too.
        assert!(html(&Profile::builtin(profile().host, &[]), None).contains("data-graph=\"sample\""));
    }

    #[test]
    fn shows_costs_overlaps_and_what_drifted() {
        let profile = profile();
        let mut now = profile.clone();
        for knot in now.devices[1].curves.get_mut(keys::UPLOAD).expect("built in") {
            knot.min_us *= 9.0;
            knot.p50_us *= 9.0;
            knot.p90_us *= 9.0;
        }
        let page = html(&profile, Some(&crate::calibrate::drift::assess(&profile, &now)));
        check_nesting(&page);
        for (i, key) in [(0, keys::FORK_JOIN_US), (1, keys::MARGINAL_US), (0, keys::OVERLAP), (1, keys::OVERLAP_UPLOAD)]
        {
            assert_eq!(page.matches(&format!("data-cost=\"{i}/{key}\"")).count(), 1, "{i}/{key}");
        }
        assert!(page.contains("1 of ") && page.contains("×9") && page.contains(">worse<"), "{page}");
        assert!(!html(&profile, None).contains("What moved since") && !page.contains("NaN"));
    }

    #[test]
    fn marks_the_crossover_of_a_card_and_says_when_there_is_none() {
        let page = html(&profile(), None);
        assert!(page.contains("class=\"mark-text\""), "the built-in card wins the heavy example at some size");
        let alone = html(&Profile::builtin(profile().host, &[]), None);
        assert!(alone.contains("no GPU") && !alone.contains("class=\"mark-text\""));
        check_nesting(&alone);
    }
}
