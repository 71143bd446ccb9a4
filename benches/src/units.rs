//! Durations and sizes as the command line and the scenario files write them.

use crate::Result;
use std::time::Duration;

/// Reads a duration: a number with `ms`, `s`, `m` or, without a unit, seconds.
///
/// # Errors
/// The text is not such a number, or it is negative.
pub fn duration(text: &str) -> Result<Duration> {
    let (number, scale) = match text.trim() {
        t if t.ends_with("ms") => (t.trim_end_matches("ms"), 1e-3),
        t if t.ends_with('s') => (t.trim_end_matches('s'), 1.0),
        t if t.ends_with('m') => (t.trim_end_matches('m'), 60.0),
        t => (t, 1.0),
    };
    let seconds = number
        .trim()
        .parse::<f64>()
        .map_err(|_| format!("not a duration: {text}"))?
        * scale;
    Ok(Duration::try_from_secs_f64(seconds)?)
}

/// Reads a size in bytes: a whole number with `KiB`, `MiB`, `GiB` or without a unit.
///
/// # Errors
/// The text is not such a number, or it exceeds 64 bits.
pub fn size(text: &str) -> Result<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let text = text.trim();
    let (number, shift) = units
        .iter()
        .find_map(|(unit, shift)| text.strip_suffix(unit).map(|number| (number, *shift)))
        .unwrap_or((text, 0));
    let number = number
        .trim()
        .parse::<u64>()
        .map_err(|_| format!("not a size: {text}"))?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| format!("size too large: {text}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(duration("4s").unwrap(), Duration::from_secs(4));
        assert_eq!(duration("1.5").unwrap(), Duration::from_millis(1500));
        assert_eq!(duration("2m").unwrap(), Duration::from_secs(120));
        assert!(duration("fast").is_err() && duration("-1s").is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(size("64MiB").unwrap(), 64 << 20);
        assert_eq!(size("12").unwrap(), 12);
        assert!(size("1.5MiB").is_err() && size("99999999999GiB").is_err());
    }
}
