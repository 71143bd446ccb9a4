//! The names of rotated files, and which of them are deleted.
//!
//! `NAME.EXT` becomes `NAME-2006-01-02T15-04-05.000.EXT`: the time of the rotation in UTC, down to the millisecond, before
//! the last extension, as lumberjack and the Collector's file exporter have it. Names in order of the alphabet are in order
//! of time.

use super::config::RotationConfig;
use std::io;
use std::path::{Path, PathBuf};

const DAY: u64 = 86_400_000;
/// `2006-01-02T15-04-05.000`
const STAMP_LENGTH: usize = 23;
/// How many names are tried, a millisecond apart, where the first one is taken.
const TRIES: u64 = 1_000;

/// Whether a file of `length` bytes that was opened `age_ms` milliseconds ago is rotated before `more` bytes are written.
pub(super) fn is_due(rotation: &RotationConfig, length: u64, more: u64, age_ms: u64) -> bool {
    let interval = u64::try_from(rotation.interval.0.as_millis()).unwrap_or(u64::MAX);
    let full = rotation.max_bytes.0 > 0 && length.saturating_add(more) > rotation.max_bytes.0;
    let old = interval > 0 && age_ms >= interval;
    length > 0 && (full || old)
}

/// Gives the file at `path` a name with the time `now_ms`, in milliseconds since 1970, or the next one that is free. Gives
/// the time in the name.
pub(super) fn set_aside(path: &Path, now_ms: u64) -> io::Result<u64> {
    for at_ms in now_ms..now_ms.saturating_add(TRIES) {
        let name = backup(path, at_ms);
        if name.try_exists()? {
            continue;
        }
        return match std::fs::rename(path, name) {
            // It was set aside before, and then no new one could be created.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(at_ms),
            renamed => renamed.map(|()| at_ms),
        };
    }
    Err(io::Error::other("no name is free for the rotated file"))
}

/// Deletes the rotated files of `path` that are too many or too old.
pub(super) fn prune(path: &Path, rotation: &RotationConfig, now_ms: u64) -> io::Result<()> {
    let mut backups = backups(path)?;
    backups.sort();
    let keep = match usize::try_from(rotation.max_backups.0).unwrap_or(usize::MAX) {
        0 => backups.len(),
        most => most,
    };
    let too_many = backups.len().saturating_sub(keep);
    let max_age = u64::try_from(rotation.max_age.0.as_millis()).unwrap_or(u64::MAX);
    let oldest = stamp(now_ms.saturating_sub(max_age));
    for (index, (stamp, file)) in backups.iter().enumerate() {
        let too_old = max_age > 0 && *stamp < oldest;
        if index < too_many || too_old {
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

/// The rotated files of `path`, each with the time in its name.
fn backups(path: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let (before, after) = around(path);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let middle = name
            .to_str()
            .and_then(|name| name.strip_prefix(&*before))
            .and_then(|name| name.strip_suffix(&*after));
        if let Some(stamp) = middle.filter(|middle| is_stamp(middle)) {
            found.push((stamp.to_owned(), entry.path()));
        }
    }
    Ok(found)
}

/// The directory that a file is in.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn backup(path: &Path, at_ms: u64) -> PathBuf {
    let (before, after) = around(path);
    path.with_file_name(format!("{before}{}{after}", stamp(at_ms)))
}

/// What stands before and after the time in the name of a rotated file.
fn around(path: &Path) -> (String, String) {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (part(path.file_stem()), part(path.extension()));
    let dot = if extension.is_empty() { "" } else { "." };
    (format!("{stem}-"), format!("{dot}{extension}"))
}

fn is_stamp(text: &str) -> bool {
    let fits = |(byte, model): (u8, u8)| {
        if model == b'0' {
            byte.is_ascii_digit()
        } else {
            byte == model
        }
    };
    text.len() == STAMP_LENGTH && text.bytes().zip(*b"0000-00-00T00-00-00.000").all(fits)
}

fn stamp(at_ms: u64) -> String {
    let (days, rest) = (at_ms / DAY, at_ms % DAY);
    let (year, month, day) = date(days);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, milli) = (rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}.{milli:03}")
}

/// The date in the Gregorian calendar, `days` after 1970-01-01: years are counted from March, so that the leap day ends
/// them, in eras of 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_dates_in_utc() {
        assert_eq!(stamp(0), "1970-01-01T00-00-00.000");
        assert_eq!(stamp(951_782_399_999), "2000-02-28T23-59-59.999");
        assert_eq!(stamp(951_782_400_000), "2000-02-29T00-00-00.000");
        assert_eq!(stamp(1_136_214_245_678), "2006-01-02T15-04-05.678");
        assert!(is_stamp(&stamp(1_700_000_000_000)));
        assert!(!is_stamp("2006-01-02T15:04:05.678") && !is_stamp("2006-01-02T15-04-05"));
    }

    #[test]
    fn the_time_goes_before_the_last_extension() {
        let name = |path: &str| backup(Path::new(path), 0).display().to_string();
        assert_eq!(name("/a/traces.jsonl"), "/a/traces-1970-01-01T00-00-00.000.jsonl");
        assert_eq!(name("/a/t.json.zst"), "/a/t.json-1970-01-01T00-00-00.000.zst");
        assert_eq!(name("plain"), "plain-1970-01-01T00-00-00.000");
    }
}
