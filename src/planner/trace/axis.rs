//! A time axis: round ticks, all in one unit.

use crate::page::three;

/// Ticks from 0 to at most `until` nanoseconds: at most `most` steps of 1, 2 or 5 times a power of ten.
pub(super) fn ticks(until: u64, most: u64) -> Vec<(u64, String)> {
    let mut step = 1u64;
    // 1, 2, 5, 10, …
    while until / step > most.max(1) {
        let lead = step / 10u64.pow(step.ilog10());
        step = if lead == 2 { step / 2 * 5 } else { step.saturating_mul(2) };
    }
    let (unit, name) = match until {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let digits = (0..9).find(|&d| step.saturating_mul(10u64.pow(d)) >= unit).unwrap_or(9) as usize;
    let label = |at: u64| match (at, digits) {
        (0, _) => "0".to_owned(),
        (at, 0) if at / unit < 1000 => format!("{} {name}", three((at / unit) as f64)),
        (at, digits) => format!("{:.digits$} {name}", at as f64 / unit as f64),
    };
    (0..=until / step).map(|i| (i * step, label(i * step))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(until: u64) -> Vec<String> {
        ticks(until, 8).into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn ticks_are_round_and_distinct() {
        assert_eq!(labels(0), ["0"]);
        assert_eq!(labels(930), ["0", "200 ns", "400 ns", "600 ns", "800 ns"]);
        assert_eq!(labels(1_230_000), ["0", "0.2 ms", "0.4 ms", "0.6 ms", "0.8 ms", "1.0 ms", "1.2 ms"]);
        assert_eq!(labels(40_000), ["0", "5 µs", "10 µs", "15 µs", "20 µs", "25 µs", "30 µs", "35 µs", "40 µs"]);
        for until in [1, 7, 99, 1001, 999_999, 123_456_789, 7_200_000_000_000, u64::MAX] {
            let all = labels(until);
            assert!(all.len() <= 9, "{until}: {all:?}");
            assert!(all.windows(2).all(|w| w[0] != w[1]), "{until}: {all:?}");
        }
    }
}
