//! Lines of a file, of bounded length.

use super::ROW_MAX;
use std::io::{BufRead, Read};

/// A reader of lines.
pub(super) struct Lines<'r> {
    reader: &'r mut dyn BufRead,
    line: Vec<u8>,
    number: u64,
}

impl<'r> Lines<'r> {
    pub(super) fn new(reader: &'r mut dyn BufRead) -> Self {
        Lines {
            reader,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The next line with its number, without its end; nothing behind the last one.
    ///
    /// # Errors
    ///
    /// That the line is too long, is not UTF-8, or cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>, String> {
        self.line.clear();
        self.number += 1;
        let number = self.number;
        let mut reader = (&mut *self.reader).take(ROW_MAX as u64 + 1);
        let read = reader.read_until(b'\n', &mut self.line);
        if read.map_err(|error| error.to_string())? == 0 {
            return Ok(None);
        }
        if self.line.len() > ROW_MAX {
            return Err(too_long(number));
        }
        let text = std::str::from_utf8(&self.line).map_err(|_| not_utf8(number))?;
        let text = text
            .strip_prefix('\u{feff}')
            .filter(|_| number == 1)
            .unwrap_or(text);
        Ok(Some((number, text.trim_end_matches(['\n', '\r']))))
    }
}

/// That a row is too long.
pub(super) fn too_long(line: u64) -> String {
    format!("line {line}: the row has more than {ROW_MAX} bytes")
}

/// That a row is not text.
pub(super) fn not_utf8(line: u64) -> String {
    format!("line {line}: this is not UTF-8")
}
