//! A text that stops at a number of bytes.

use std::fmt::{self, Write as _};

use crate::json::{write_base64, write_hex};
use crate::scalar::Scalar;
use crate::{WireError, WireErrorKind};

/// Why the walk ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The page is full.
    Full,
    /// The bytes break a rule.
    Wire(WireError),
}

impl Stop {
    /// Places an error that knows no offset.
    pub(super) fn at(self, offset: usize) -> Self {
        match self {
            Stop::Wire(WireError { kind, offset: 0 }) => Stop::Wire(WireError { kind, offset }),
            other => other,
        }
    }
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Stop::Wire(error)
    }
}

impl From<WireErrorKind> for Stop {
    fn from(kind: WireErrorKind) -> Self {
        Stop::Wire(WireError { kind, offset: 0 })
    }
}

/// Appends to a string until it is full.
#[derive(Debug)]
pub(super) struct Page<'o> {
    out: &'o mut String,
    start: usize,
    left: usize,
}

impl<'o> Page<'o> {
    pub(super) fn new(out: &'o mut String, max_bytes: usize) -> Self {
        let start = out.len();
        Page {
            out,
            start,
            left: max_bytes,
        }
    }

    /// Appends as much of `text` as fits.
    pub(super) fn push(&mut self, text: &str) -> Result<(), Stop> {
        if text.len() <= self.left {
            self.out.push_str(text);
            self.left -= text.len();
            return Ok(());
        }
        let fitting = text.floor_char_boundary(self.left);
        self.out.push_str(text.get(..fitting).unwrap_or_default());
        self.left = 0;
        Err(Stop::Full)
    }

    fn print(&mut self, arguments: fmt::Arguments<'_>) -> Result<(), Stop> {
        self.write_fmt(arguments).map_err(|_| Stop::Full)
    }

    /// Makes room at the end for `mark` and appends it, if the whole page has that room.
    pub(super) fn mark(&mut self, mark: &str) {
        let written = self.out.len() - self.start;
        if let Some(keep) = (written + self.left).checked_sub(mark.len()) {
            let end = self.out.floor_char_boundary(self.start + keep.min(written));
            self.out.truncate(end.max(self.start));
            self.out.push_str(mark);
            self.left = 0;
        }
    }

    pub(super) fn indent(&mut self, level: u32) -> Result<(), Stop> {
        (0..level).try_for_each(|_| self.push("  "))
    }

    /// A whole line.
    pub(super) fn line(&mut self, level: u32, arguments: fmt::Arguments<'_>) -> Result<(), Stop> {
        self.indent(level)?;
        self.print(arguments)?;
        self.push("\n")
    }

    /// The start of a line with a value.
    pub(super) fn start(&mut self, level: u32, name: &str) -> Result<(), Stop> {
        self.indent(level)?;
        self.push(name)?;
        self.push(": ")
    }

    /// Text without the characters that act on a terminal.
    pub(super) fn escaped(&mut self, text: &str) -> Result<(), Stop> {
        let is_special = |c: char| c.is_control() || c == '"' || c == '\\';
        for run in text.split_inclusive(is_special) {
            match run.chars().next_back().filter(|&last| is_special(last)) {
                Some(special) => {
                    self.push(run.strip_suffix(special).unwrap_or_default())?;
                    self.print(format_args!("{}", special.escape_default()))?;
                }
                None => self.push(run)?,
            }
        }
        Ok(())
    }

    pub(super) fn scalar(&mut self, scalar: Scalar<'_>) -> Result<(), Stop> {
        match scalar {
            Scalar::Text(text) => {
                self.push("\"")?;
                self.escaped(text)?;
                self.push("\"")
            }
            Scalar::Bytes(bytes) => {
                self.push("b64:")?;
                self.encoded(bytes, write_base64)
            }
            Scalar::Id(bytes) => self.encoded(bytes, write_hex),
            Scalar::Bool(value) => self.print(format_args!("{value}")),
            Scalar::Small(value) | Scalar::Int(value) => self.print(format_args!("{value}")),
            Scalar::Uint(value) => self.print(format_args!("{value}")),
            Scalar::Double(value) => self.print(format_args!("{value:?}")),
            Scalar::Enum(value, names) => {
                let name = usize::try_from(value)
                    .ok()
                    .and_then(|index| names.values.get(index));
                self.print(format_args!("{} ({value})", name.unwrap_or(&"unknown")))
            }
        }
    }

    /// Bytes as text, in pieces: no more of a large value is converted than fits. 48 is whole groups of base64.
    fn encoded(&mut self, bytes: &[u8], encode: fn(&[u8], &mut Vec<u8>)) -> Result<(), Stop> {
        let mut piece = Vec::with_capacity(96);
        for chunk in bytes.chunks(48) {
            piece.clear();
            encode(chunk, &mut piece);
            self.push(std::str::from_utf8(&piece).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Nanoseconds since 1970 in UTC, as RFC 3339 writes it.
    pub(super) fn time(&mut self, nanos: u64) -> Result<(), Stop> {
        let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        self.print(format_args!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z"
        ))
    }
}

impl fmt::Write for Page<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text).map_err(|_| fmt::Error)
    }
}

/// The date in the Gregorian calendar, `days` after 1970-01-01. The year is counted from March, so that the leap day is
/// its last: the months before have 153 days in each five.
fn date(days: u64) -> (u64, u64, u64) {
    let since_0000_03_01 = days + 719_468;
    let (era, day_of_era) = (since_0000_03_01 / 146_097, since_0000_03_01 % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}
