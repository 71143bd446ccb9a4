//! CSV (RFC 4180): the first line has the names of the columns, and all others as many fields. Empty lines are skipped.

use super::lines::{Lines, too_long};
use super::{ROW_MAX, in_line};
use crate::lookup::plan::Plan;
use forebay_lookup::{Builder, Cell};
use std::io::BufRead;

/// The rows of a file. Its memory is used again for each of them.
struct Rows<'r> {
    lines: Lines<'r>,
    delimiter: u8,
    /// The row as it stands in the file.
    text: String,
    /// Its fields without their quotes, one behind the other, and where each ends.
    fields: String,
    ends: Vec<usize>,
}

impl<'r> Rows<'r> {
    fn new(reader: &'r mut dyn BufRead, delimiter: u8) -> Self {
        Rows {
            lines: Lines::new(reader),
            delimiter,
            text: String::new(),
            fields: String::new(),
            ends: Vec::new(),
        }
    }

    /// Reads the next row; says in which line it begins.
    fn next(&mut self) -> Result<Option<u64>, String> {
        self.text.clear();
        let mut first = 0;
        let mut quotes = 0;
        while let Some((number, line)) = self.lines.next()? {
            if self.text.is_empty() && quotes == 0 {
                first = number;
            }
            quotes += line.bytes().filter(|byte| *byte == b'"').count();
            self.text.push_str(line);
            if quotes % 2 == 1 {
                // A quoted field goes on in the next line.
                self.text.push('\n');
            } else if !self.text.is_empty() {
                return self.split(first).map(|()| Some(first));
            }
            if self.text.len() > ROW_MAX {
                return Err(format!(
                    "{}. Is there a quote that is not closed?",
                    too_long(first)
                ));
            }
        }
        if quotes % 2 == 1 {
            return Err(format!("line {first}: there is a quote that is not closed"));
        }
        Ok(None)
    }

    /// Finds the fields of the row.
    fn split(&mut self, line: u64) -> Result<(), String> {
        self.fields.clear();
        self.ends.clear();
        let delimiter = char::from(self.delimiter);
        let mut rest = &*self.text;
        loop {
            let (behind, unquoted) = match rest.strip_prefix('"') {
                Some(quoted) => (unquote(quoted, &mut self.fields), ""),
                None => {
                    let end = rest.find(delimiter).unwrap_or(rest.len());
                    rest.split_at_checked(end)
                        .map_or((rest, ""), |(field, behind)| (behind, field))
                }
            };
            self.fields.push_str(unquoted);
            self.ends.push(self.fields.len());
            if unquoted.contains('"') {
                let field = self.ends.len();
                return Err(format!(
                    "line {line}: field {field} has a quote and does not begin with one"
                ));
            }
            if behind.is_empty() {
                return Ok(());
            }
            rest = behind.strip_prefix(delimiter).ok_or_else(|| {
                let field = self.ends.len();
                format!("line {line}: field {field} goes on behind its closing quote")
            })?;
        }
    }

    fn get(&self, at: usize) -> &str {
        let start = at
            .checked_sub(1)
            .map_or(Some(0), |before| self.ends.get(before).copied());
        let end = self.ends.get(at).copied();
        let field = start
            .zip(end)
            .and_then(|(start, end)| self.fields.get(start..end));
        field.unwrap_or_default()
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|at| self.get(at))
    }
}

/// Appends the content of a quoted field, whose opening quote is gone already, and gives what lies behind it.
fn unquote<'t>(mut text: &'t str, out: &mut String) -> &'t str {
    while let Some((piece, behind)) = text.split_once('"') {
        out.push_str(piece);
        match behind.strip_prefix('"') {
            Some(more) => {
                out.push('"');
                text = more;
            }
            None => return behind,
        }
    }
    out.push_str(text);
    ""
}

/// Adds all rows.
///
/// # Errors
///
/// What is wrong, and in which line.
pub(super) fn read(plan: &Plan, reader: &mut dyn BufRead, builder: &mut Builder) -> Result<(), String> {
    let mut rows = Rows::new(reader, plan.delimiter);
    let Some(line) = rows.next()? else {
        return Err("line 1: the first line has the names of the columns, and the file is empty".to_owned());
    };
    let places = places(plan, &rows, line)?;
    let (keys, values) = places
        .split_at_checked(plan.key_columns.len())
        .unwrap_or_default();
    let fields = rows.ends.len();
    while let Some(line) = rows.next()? {
        let own = rows.ends.len();
        if own != fields {
            return Err(format!(
                "line {line}: the row has {own} fields, and the first line has {fields}"
            ));
        }
        let key: Vec<&str> = keys.iter().map(|place| rows.get(*place)).collect();
        let cell = |place: &usize| match rows.get(*place) {
            "" => Cell::Missing,
            text => Cell::Text(text),
        };
        let cells: Vec<Cell<'_>> = values.iter().map(cell).collect();
        let added = builder.add(line, &key, &cells);
        added.map_err(|flaw| in_line(line, flaw))?;
    }
    Ok(())
}

/// Where the columns that are read stand, those of the key first.
fn places(plan: &Plan, header: &Rows<'_>, line: u64) -> Result<Vec<usize>, String> {
    let place = |column: &str| {
        let mut found = header.all().enumerate().filter(|(_, name)| *name == column);
        match (found.next(), found.next()) {
            (Some((place, _)), None) => Ok(place),
            (Some(_), Some(_)) => Err(format!("line {line}: there are two columns `{column}`")),
            (None, _) => {
                let names = names(header);
                Err(format!(
                    "line {line}: there is no column `{column}`: the columns are {names}"
                ))
            }
        }
    };
    plan.columns().map(place).collect()
}

/// The names of the columns, for people.
fn names(header: &Rows<'_>) -> String {
    const SHOWN: usize = 20;
    const LONGEST: usize = 64;
    let shown = |name: &str| format!("`{}`", name.chars().take(LONGEST).collect::<String>());
    let mut names: Vec<String> = header.all().take(SHOWN).map(shown).collect();
    if let Some(more) = header.ends.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}
