//! HTML pages that hold everything they show, no script, no network: their frame and style, text and numbers for people.

/// The page up to its first element. `style` comes after the style that all pages share.
pub(crate) fn open(title: &str, style: &str) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
    page += &escape(title);
    page += "</title>\n<style>\n";
    page += include_str!("style.css");
    page += style;
    page += "</style>\n</head>\n<body>\n<main>\n";
    page
}

/// The page after its last element.
pub(crate) const CLOSE: &str = "</main>\n</body>\n</html>\n";

/// A time given in microseconds.
pub(crate) fn time(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{} s", three(us / 1e6)),
        us if us >= 1e3 => format!("{} ms", three(us / 1e3)),
        us if us >= 1.0 => format!("{} µs", three(us)),
        us => format!("{} ns", three(us * 1e3)),
    }
}

/// A number of things.
pub(crate) fn count(n: f64) -> String {
    match n {
        n if n >= 1e9 => format!("{} G", three(n / 1e9)),
        n if n >= 1e6 => format!("{} M", three(n / 1e6)),
        n if n >= 1e3 => format!("{} k", three(n / 1e3)),
        n => three(n),
    }
}

/// A size.
pub(crate) fn bytes(b: f64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let unit = ((b.max(1.0).log2() / 10.0) as usize).min(UNITS.len() - 1);
    format!("{} {}", three(b / 1024f64.powi(unit as i32)), UNITS[unit])
}

/// Three significant digits without trailing zeros.
pub(crate) fn three(v: f64) -> String {
    let digits = match v.abs() {
        a if a >= 99.95 => 0,
        a if a >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{v:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Every element that is opened is closed, in order.
#[cfg(test)]
pub(crate) fn check_nesting(html: &str) {
    let void = ["meta", "!doctype"];
    let mut open = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        let name = tag.split([' ', '/', '\n']).find(|n| !n.is_empty()).expect("a tag has a name");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "before {}", &rest[..rest.len().min(80)]);
        } else if !tag.ends_with('/') && !void.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            (time(0.25), time(12.34), time(1500.0), time(2e6)),
            ("250 ns".into(), "12.3 µs".into(), "1.5 ms".into(), "2 s".into())
        );
        assert_eq!((count(999.0), count(1_300_000.0)), ("999".into(), "1.3 M".into()));
        assert_eq!(
            (bytes(16384.0), bytes(512.0), bytes(1.5 * 1048576.0)),
            ("16 KiB".into(), "512 B".into(), "1.5 MiB".into())
        );
        assert_eq!(escape("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
    }
}
