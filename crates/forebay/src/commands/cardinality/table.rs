//! Columns of text. What stands in them comes from senders: it is cut, and nothing in it acts on a terminal.

use std::fmt::Write as _;

/// Rows of `N` columns, each of which may have a note below it.
pub(super) struct Table<const N: usize> {
    rows: Vec<Row<N>>,
}

struct Row<const N: usize> {
    cells: [String; N],
    note: Option<String>,
}

impl<const N: usize> Table<N> {
    /// A table with these heads.
    pub(super) fn new(heads: [&str; N]) -> Self {
        let mut table = Table { rows: Vec::new() };
        table.row(heads.map(str::to_owned));
        table
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(Row { cells, note: None });
    }

    /// Says more about the last row.
    pub(super) fn note(&mut self, note: String) {
        if let Some(row) = self.rows.last_mut() {
            row.note = Some(note);
        }
    }

    /// Prints it, the columns of `numbers` aligned to the right.
    pub(super) fn print(&self, numbers: &[usize], out: &mut String) {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.cells.iter().zip(widths).enumerate() {
                // Writing to a string cannot fail, here and below.
                let _ = if numbers.contains(&column) {
                    write!(line, "  {cell:>width$}")
                } else {
                    write!(line, "  {cell:<width$}")
                };
            }
            let _ = writeln!(out, "{}", line.trim_end());
            if let Some(note) = &row.note {
                let _ = writeln!(out, "      {note}");
            }
        }
    }
}

/// `text` in no more than `most` characters, and none that acts on a terminal. What was cut off shows as `...`.
pub(super) fn short(text: &str, most: usize) -> String {
    let safe: String = text
        .chars()
        .flat_map(|c| {
            let escaped = acts(c).then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .take(most + 1)
        .collect();
    if safe.chars().count() <= most {
        return safe;
    }
    let kept: String = safe.chars().take(most.saturating_sub(3)).collect();
    kept + "..."
}

/// Whether a character does something to a terminal: controls, and those that turn the direction of what follows.
fn acts(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
