//! How many workers a pool gets when nobody says.

use crate::{Error, Result};

/// More workers than this are refused: a typing error, not a machine.
pub const MAX_THREADS: usize = 16_384;

/// What `VEDA_NUM_THREADS`, else `RAYON_NUM_THREADS`, asks for; `None` when unset or 0 (automatic).
///
/// # Errors
/// [`Error::Config`] when the variable that counts is not a number up to [`MAX_THREADS`].
pub fn requested_threads() -> Result<Option<usize>> {
    requested(|name| std::env::var(name).ok())
}

fn requested(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<usize>> {
    for name in ["VEDA_NUM_THREADS", "RAYON_NUM_THREADS"] {
        let Some(value) = lookup(name).filter(|v| !v.trim().is_empty()) else { continue };
        return match value.trim().parse::<usize>() {
            Ok(n) if n <= MAX_THREADS => Ok((n != 0).then_some(n)),
            _ => Err(Error::Config { name, value, expected: format!("a number from 0 (automatic) to {MAX_THREADS}") }),
        };
    }
    Ok(None)
}

/// The number of workers of a pool whose configuration leaves it open: the environment's wish, else the smaller of what
/// the affinity mask and the container's quota allow. A bad variable counts as absent. At least 1.
pub fn default_num_threads() -> usize {
    requested_threads().ok().flatten().unwrap_or_else(|| {
        let quota = num_cpus::get();
        std::thread::available_parallelism().map_or(quota, |n| n.get().min(quota)).clamp(1, MAX_THREADS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(veda: Option<&str>, rayon: Option<&str>) -> Result<Option<usize>> {
        requested(|name| if name.starts_with("VEDA") { veda } else { rayon }.map(String::from))
    }

    #[test]
    fn veda_comes_before_rayon_and_zero_means_automatic() {
        assert_eq!(ask(Some("3"), Some("5")).unwrap(), Some(3));
        assert_eq!(ask(None, Some("5")).unwrap(), Some(5));
        assert_eq!(ask(Some("0"), Some("5")).unwrap(), None);
        assert_eq!(ask(Some(" "), Some("5")).unwrap(), Some(5));
        assert_eq!(ask(None, None).unwrap(), None);
    }

    #[test]
    fn a_bad_number_names_the_variable() {
        let error = ask(None, Some("many")).unwrap_err().to_string();
        assert!(error.contains("RAYON_NUM_THREADS") && error.contains("many"), "{error}");
        assert!(ask(Some("16385"), None).is_err());
    }
}
