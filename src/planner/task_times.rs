//! What runs of graphs teach: times of host functions by key, and executions of kernels without the copies beside them.

use super::cost_model::CostModel;
use super::residual::{Residual, ResidualKey};
use super::work::{Place, ResidencyClass, Work};

/// Log standard deviation of a host function's time after it was seen once: caches, sizes and the system differ.
const SEEN_ONCE: f64 = 0.3;
/// The same for a function that nobody has seen: a factor of 3 either way.
pub const UNSEEN_HOST: f64 = 1.1;
/// Log standard deviation of one run of a host function beside that of its mean.
const HOST_NOISE: f64 = 0.15;
/// Times are learned as ln of milliseconds: 1 ns to 1 000 s stay within the bounds of a [`Residual`].
const UNIT_NS: f64 = 1e6;

/// One finished kernel task, for [`CostModel::observe_task`].
#[derive(Clone, Copy, Debug)]
pub struct TaskObservation {
    /// Where it ran.
    pub place: Place,
    /// From when it could start to when the host knew that it was done, nanoseconds.
    pub ns: u64,
    /// Bytes that its own commands brought to the device.
    pub up: u64,
    /// Bytes that its own commands brought back.
    pub down: u64,
    /// Nothing was ahead of it on the device: the time holds a whole round trip, not only one more dispatch.
    pub alone: bool,
}

/// The profile's key for a host function.
fn text(key: u64) -> String {
    format!("{key:016x}/function")
}

/// The host function of a profile's key.
pub(super) fn parse(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_suffix("/function")?, 16).ok()
}

impl CostModel {
    /// Expected time of a host function, nanoseconds, and its log standard deviation; `None` until it was seen.
    pub fn host_time(&self, key: u64) -> Option<(u64, f64)> {
        let residual = self.hosts.get(&key)?;
        let ns = (residual.factor() * UNIT_NS).round().max(1.0) as u64;
        Some((ns, residual.variance.sqrt().hypot(HOST_NOISE)))
    }

    /// Learns from one run of a host function; key 0 is nobody's. Its time is believed at once: the guess before it is
    /// not worth a compromise.
    pub fn observe_host(&mut self, key: u64, ns: u64) {
        if key == 0 || ns == 0 {
            return;
        }
        let ratio = ns as f64 / UNIT_NS;
        match self.hosts.get_mut(&key) {
            Some(known) => known.observe(ratio, HOST_NOISE),
            None => {
                self.hosts.insert(key, Residual::first(ratio, SEEN_ONCE, UNSEEN_HOST));
            }
        }
    }

    /// Learns from a finished kernel task of a graph that ran `repeat` times in a row. Only its execution is corrected:
    /// the launch and the copies in the same commands are taken at their predicted times, and the error is the
    /// execution's by its share, as in [`CostModel::observe`].
    ///
    /// Returns whether decisions cached for this kernel are stale: a prediction moved by more than 2 %.
    pub fn observe_task(&mut self, work: &Work, repeat: u64, seen: &TaskObservation) -> bool {
        let Some(once) = self.exec(work, seen.place).filter(|_| seen.ns > 0) else { return false };
        let gpu = seen.place != Place::Cpu;
        let exec = once.terms.exec.saturating_mul(repeat.max(1));
        let mut other = once.terms.launch.saturating_mul(repeat.max(1));
        let beside =
            |from, to, bytes| self.transfer(from, to, bytes).map_or((0, 0), |e| (e.terms.own(), e.terms.launch));
        if gpu {
            // A download's launch is the host's wait: it is in the time of whoever came alone, copies or not.
            let wait = beside(seen.place, Place::Cpu, 0).1;
            let up = if seen.up > 0 { beside(Place::Cpu, seen.place, seen.up).0 } else { 0 };
            let down = if seen.down > 0 { beside(seen.place, Place::Cpu, seen.down).0.saturating_sub(wait) } else { 0 };
            other = other.saturating_add(up).saturating_add(down).saturating_add(if seen.alone { wait } else { 0 });
        }
        let whole = exec.saturating_add(other).max(1);
        let share = exec as f64 / whole as f64;
        let class = if gpu { ResidencyClass::Device } else { ResidencyClass::Host };
        let key = ResidualKey { key: work.key, place: seen.place, class };
        // Calls with other residency know something: begin there.
        let before = self.residuals.get(&key).copied().unwrap_or_else(|| self.task_residual(work, seen.place).unseen());
        let noise = self.noise(seen.place, whole);
        let spread = once.sigma.max((share * before.variance.sqrt()).hypot(noise));
        let innovation = (seen.ns as f64 / whole as f64).ln();
        let mut after = before;
        after.correct(innovation, share, spread, noise);
        self.residuals.insert(key, after);
        share * (after.mean - before.mean).abs() > 0.02
    }
}

/// The learned entries of host functions.
pub(super) fn entries(hosts: &std::collections::BTreeMap<u64, Residual>) -> impl Iterator<Item = (String, Residual)> {
    hosts.iter().map(|(&key, residual)| (text(key), *residual))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::profile::Profile;

    fn model() -> CostModel {
        CostModel::new(&Profile::builtin(crate::planner::profile::Host { pool_threads: 4, ..Default::default() }, &[]))
    }

    #[test]
    fn a_host_function_is_believed_at_once_and_survives_the_profile() {
        let mut model = model();
        assert_eq!(model.host_time(7), None);
        model.observe_host(0, 5);
        assert_eq!(model.host_time(0), None);
        model.observe_host(7, 20_000_000);
        let (ns, sigma) = model.host_time(7).unwrap();
        assert!(ns.abs_diff(20_000_000) < 10, "{ns}");
        for _ in 0..20 {
            model.observe_host(7, 10_000_000);
        }
        let (ns, surer) = model.host_time(7).unwrap();
        assert!((9_500_000..11_500_000).contains(&ns) && surer < sigma, "{ns} {sigma} {surer}");

        let mut profile = Profile::builtin(crate::planner::profile::Host::default(), &[]);
        profile.learned = model.learned();
        assert!(profile.validate().is_ok());
        assert_eq!(CostModel::new(&profile).host_time(7).unwrap().0, ns);
    }

    #[test]
    fn kernels_of_graphs_converge() {
        let mut model = model();
        let work = Work { key: 3, elements: 1 << 22, in_bytes: 4.0, out_bytes: 4.0, ..Work::default() };
        let before = model.exec(&work, Place::Cpu).unwrap().mean_ns;
        let seen = TaskObservation { place: Place::Cpu, ns: 3 * before, up: 0, down: 0, alone: true };
        let moved = model.observe_task(&work, 1, &seen);
        assert!(moved);
        for _ in 0..30 {
            model.observe_task(&work, 1, &seen);
        }
        let after = model.exec(&work, Place::Cpu).unwrap().mean_ns as f64 / before as f64;
        assert!((2.8..3.2).contains(&after), "{after}");
    }
}
