//! How much memory veda may take on a device.
//!
//! Drivers do not report exhaustion reliably (a software driver "creates" more than the machine has, a discrete card
//! starts to page), so veda counts for itself and stops at a budget: `VEDA_GPU_MEMORY`, or three quarters of the largest
//! device-local heap, or a conservative guess where the heap is unknown.

use super::adapter::Kind;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A size that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a size: {reason}; write for example 512MiB, 2GiB, 1.5GB or plain bytes")]
pub struct SizeError {
    /// The text.
    pub value: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Reads a size: a number and a unit (`B`, `KiB`, `MiB`, `GiB`, `TiB`, their decimal kin `kB`, `MB`, `GB`, `TB`, or the
/// letters `K`, `M`, `G`, `T`, which count in 1024s). Case and spaces do not matter.
///
/// # Errors
/// If there is no number, the unit is unknown, or the size is zero or above 2^63.
///
/// ```
/// # #[cfg(feature = "gpu")] {
/// use veda::device::budget::parse_size;
/// assert_eq!(parse_size("512 MiB"), Ok(512 << 20));
/// assert_eq!(parse_size("1.5GB"), Ok(1_500_000_000));
/// assert!(parse_size("lots").is_err());
/// # }
/// ```
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let fail = |reason| SizeError { value: text.to_owned(), reason };
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(split);
    let digits = digits.replace('_', "");
    let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => MIB,
        "g" | "gib" => GIB,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(fail("the unit is unknown")),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(fail("there is no number"));
    }
    if fraction.contains('.') {
        return Err(fail("there are two decimal points"));
    }
    // Integers all the way: an f64 would round sizes above 2^53.
    let number = |digits: &str| -> Option<u128> { if digits.is_empty() { Some(0) } else { digits.parse().ok() } };
    let too_large = || fail("it is above 2^63 bytes");
    let whole = number(whole).and_then(|n| n.checked_mul(scale.into())).ok_or_else(too_large)?;
    // Nine decimals of a terabyte are a kilobyte: finer digits cannot matter.
    let fraction = &fraction[..fraction.len().min(9)];
    let part = number(fraction).unwrap_or(0) * u128::from(scale) / 10u128.pow(fraction.len() as u32);
    let bytes = whole.checked_add(part).ok_or_else(too_large)?;
    match u64::try_from(bytes) {
        Ok(0) => Err(fail("it is zero")),
        Ok(bytes) if bytes <= 1 << 63 => Ok(bytes),
        _ => Err(too_large()),
    }
}

/// The budget that `VEDA_GPU_MEMORY` asks for; `None` where it is unset or empty.
///
/// # Errors
/// If it is set to something that is not a size.
pub fn from_environment() -> Result<Option<u64>, SizeError> {
    match std::env::var("VEDA_GPU_MEMORY") {
        Ok(text) if !text.trim().is_empty() => parse_size(&text).map(Some),
        Err(std::env::VarError::NotUnicode(raw)) => {
            Err(SizeError { value: raw.to_string_lossy().into_owned(), reason: "it is not Unicode" })
        }
        _ => Ok(None),
    }
}

/// The budget where nobody asked for one, in bytes.
pub(super) fn default_for(kind: Kind, heap: Option<u64>) -> u64 {
    // A software device's "device memory" is the machine's; the heap that it reports is a guess of its driver.
    let guess = match kind {
        Kind::Discrete => 3 * GIB,
        Kind::Integrated | Kind::Virtual | Kind::Other => 3 * GIB / 2,
        Kind::Software => GIB,
    };
    match (kind, heap) {
        (Kind::Software, Some(heap)) => guess.min(heap / 4 * 3),
        (_, Some(heap)) if heap >= 256 * MIB => heap / 4 * 3,
        _ => guess,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_unit() {
        for (text, bytes) in [
            ("1", 1),
            ("4096", 4096),
            ("512MiB", 512 << 20),
            ("2GiB", 2 << 30),
            ("2g", 2 << 30),
            (" 1.5 gib ", 3 << 29),
            ("1_000kB", 1_000_000),
            (".5K", 512),
            ("1TB", 1_000_000_000_000),
            ("9007199254740993", 9_007_199_254_740_993),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for (text, word) in [
            ("", "no number"),
            ("MiB", "no number"),
            (".", "no number"),
            ("1.2.3", "two decimal points"),
            ("-1", "unit"),
            ("12 parsecs", "unit"),
            ("0", "zero"),
            ("0.0001", "zero"),
            ("99999999999TiB", "2^63"),
            ("999999999999999999999999999999999999999999", "2^63"),
        ] {
            let error = parse_size(text).unwrap_err();
            assert!(error.reason.contains(word), "{text}: {error}");
            assert_eq!(error.value, text);
        }
    }

    #[test]
    fn defaults_follow_the_heap_where_it_is_known() {
        assert_eq!(default_for(Kind::Discrete, Some(80 * GIB)), 60 * GIB);
        assert_eq!(default_for(Kind::Discrete, None), 3 * GIB);
        assert_eq!(default_for(Kind::Software, Some(2 * GIB)), GIB);
        assert_eq!(default_for(Kind::Discrete, Some(16 * MIB)), 3 * GIB, "a BAR window is not the card's memory");
    }
}
