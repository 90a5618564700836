//! What ran where and why, for people and for tools.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::decide::{Decision, FlipPoint};
use super::work::Place;

/// What the calls inside `veda::explain` did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The routed calls in order.
    pub calls: Vec<CallExplanation>,
    /// What holds for all calls, e.g. "no GPU found".
    pub notes: Vec<String>,
}

/// One routed call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallExplanation {
    /// Names of the kernels that were fused into the call.
    pub kernels: Vec<String>,
    /// Elements.
    pub elements: u64,
    /// Where it ran.
    pub ran_on: Place,
    /// Candidates with their estimates, margin, reason, flip points.
    pub decision: Decision,
    /// Why it did not run where it was decided, or what else there is to know.
    pub notes: Vec<String>,
    /// What it took.
    pub observed_ns: Option<u64>,
}

/// `ns` with the unit that suits it: `850 ns`, `12.3 µs`, `4.56 ms`, `1.20 s`.
pub fn time(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// A count: `850`, `90.0 k`, `1.30 M`, `4.29 G`.
pub fn count(n: u64) -> String {
    let (value, unit) = match n {
        0..1_000 => return n.to_string(),
        1_000..1_000_000 => (n as f64 / 1e3, "k"),
        1_000_000..1_000_000_000 => (n as f64 / 1e6, "M"),
        _ => (n as f64 / 1e9, "G"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

impl fmt::Display for FlipPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.gpu_from, self.gpu_from_resident) {
            (None, None) => f.write_str("the CPU at any size"),
            (None, Some(r)) => {
                write!(f, "the CPU at any size; GPU from {} elements if the inputs are resident", count(r))
            }
            (Some(n), Some(r)) if r < n => {
                write!(f, "GPU from {} elements, or from {} if the inputs are resident", count(n), count(r))
            }
            (Some(n), _) => write!(f, "GPU from {} elements", count(n)),
        }
    }
}

impl fmt::Display for CallExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {} elements: {}", self.kernels.join(" | "), count(self.elements), self.ran_on)?;
        if self.ran_on != self.decision.place {
            write!(f, " (forced, or the notes say why; the {} was predicted to be faster)", self.decision.place)?;
        } else if self.decision.margin > 0.0 {
            if self.decision.margin < 1.0 {
                write!(f, ", predicted {:.0} % faster", 100.0 * self.decision.margin)?;
            } else {
                write!(f, ", predicted {:.1} times as fast", 1.0 + self.decision.margin)?;
            }
        }
        if let Some(ns) = self.observed_ns {
            write!(f, "; took {}", time(ns))?;
        }
        writeln!(f)?;
        let columns = ["", "predicted", "80 % interval", "exec", "upload", "download", "launch", "wait", "compile"];
        write!(f, "  {:<6}{:>10}{:>21}", columns[0], columns[1], columns[2])?;
        for c in &columns[3..] {
            write!(f, "{c:>10}")?;
        }
        writeln!(f)?;
        for (place, estimate) in &self.decision.estimates {
            let mark = if *place == self.decision.place { '>' } else { ' ' };
            write!(f, "{mark} {:<6}", place.to_string())?;
            let Some(e) = estimate else {
                writeln!(f, "  not admitted")?;
                continue;
            };
            write!(f, "{:>10}{:>21}", time(e.mean_ns), format!("{} .. {}", time(e.lo_ns), time(e.hi_ns)))?;
            let t = &e.terms;
            for ns in [t.exec, t.upload, t.download, t.launch, t.wait, t.compile] {
                write!(f, "{:>10}", if ns == 0 { "-".to_owned() } else { time(ns) })?;
            }
            writeln!(f)?;
        }
        if let Some(flip) = &self.decision.flip {
            writeln!(f, "  {flip}")?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.calls.is_empty() {
            writeln!(f, "no kernel was called")?;
        }
        for call in &self.calls {
            write!(f, "{call}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}
