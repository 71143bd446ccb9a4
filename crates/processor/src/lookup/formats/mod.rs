//! Reading tables: each format as a stream of rows, of which no more than one is in memory.

mod csv;
mod json_lines;
mod lines;
mod toml;

use super::config::FormatWord;
use super::plan::{Plan, cell};
use crate::attributes::ConfigValue;
use forebay_lookup::{Builder, Cell, Flaw, Table};
use forebay_transport::Stream;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

/// The most bytes that one row may take in a file.
pub(super) const ROW_MAX: usize = 1 << 20;

/// Reads a table.
///
/// # Errors
///
/// What is wrong with it, and in which line.
pub(super) fn read(plan: &Plan, stream: Stream<'_>) -> Result<Table, String> {
    let mut builder = plan.builder().map_err(explained)?;
    match plan.format {
        Some(FormatWord::Csv) => csv::read(plan, stream.reader, &mut builder)?,
        Some(FormatWord::Jsonl) => json_lines::read(plan, stream.reader, &mut builder)?,
        Some(FormatWord::Toml) => toml::read(plan, stream.reader, &mut builder)?,
        Some(FormatWord::Mmdb) => database(stream, &mut builder)?,
        None => return Err("the format of the table is not known".to_owned()),
    }
    builder.finish().map_err(explained)
}

/// Makes the table of the rows in a config; of a mistake in one of them it says which.
pub(super) fn inline(
    plan: &Plan,
    rows: &[BTreeMap<String, ConfigValue>],
) -> Result<Table, (Option<usize>, String)> {
    let whole = |flaw: Flaw| (None, explained(flaw));
    let mut builder = plan.builder().map_err(whole)?;
    let mut named = Named::new(plan);
    for (at, row) in rows.iter().enumerate() {
        let get = |column: &str| match row.get(column) {
            None => Ok(Cell::Missing),
            Some(value) => cell(value).ok_or_else(|| format!("column `{column}`: a list is not a value")),
        };
        let added = named.add(&mut builder, at as u64, get);
        added.map_err(|words| (Some(at), words))?;
    }
    named.all_seen().map_err(|words| (None, words))?;
    builder.finish().map_err(|flaw| match flaw {
        Flaw::Duplicate { key, second, .. } => {
            let words = format!("another row has the key `{key}`");
            (usize::try_from(second).ok(), words)
        }
        flaw => whole(flaw),
    })
}

/// What is wrong with a table as a whole, and what to do about it.
fn explained(flaw: Flaw) -> String {
    match flaw {
        Flaw::TooManyRows { .. } => format!("{flaw}: let `max_rows` be more"),
        Flaw::TooLarge { .. } => format!("{flaw}: let `max_bytes` be more"),
        Flaw::Duplicate { .. } => {
            format!("{flaw}. Say `duplicates = \"first\"` or `\"last\"` if that is meant")
        }
        flaw => flaw.to_string(),
    }
}

/// What is wrong with the row of a line.
fn in_line(line: u64, flaw: Flaw) -> String {
    match flaw {
        Flaw::TooManyRows { .. } | Flaw::TooLarge { .. } => explained(flaw),
        flaw => format!("line {line}: {flaw}"),
    }
}

/// The rows of a MaxMind database, which is read as a whole: its parts refer to each other.
fn database(stream: Stream<'_>, builder: &mut Builder) -> Result<(), String> {
    builder.borrow_room(stream.length).map_err(explained)?;
    let length = usize::try_from(stream.length).unwrap_or(usize::MAX);
    let mut database = Vec::with_capacity(length);
    let mut reader = stream.reader.take(stream.length);
    reader
        .read_to_end(&mut database)
        .map_err(|error| error.to_string())?;
    forebay_lookup::add_database(&database, builder).map_err(explained)
}

/// Rows whose values have names.
struct Named<'p> {
    plan: &'p Plan,
    /// Which columns have had a value in any row, those of the key first.
    seen: Vec<bool>,
    rows: u64,
}

impl<'p> Named<'p> {
    fn new(plan: &'p Plan) -> Self {
        Named {
            plan,
            seen: vec![false; plan.columns().count()],
            rows: 0,
        }
    }

    /// Adds a row. A value that is missing is no mistake, a key is.
    fn add<'r>(
        &mut self,
        builder: &mut Builder,
        line: u64,
        get: impl Fn(&str) -> Result<Cell<'r>, String>,
    ) -> Result<(), String> {
        let mut keys: Vec<Cow<'_, str>> = Vec::with_capacity(self.plan.key_columns.len());
        let mut cells = Vec::with_capacity(self.plan.shape.columns.len());
        for (at, column) in self.plan.columns().enumerate() {
            let cell = get(column)?;
            if cell != Cell::Missing
                && let Some(seen) = self.seen.get_mut(at)
            {
                *seen = true;
            }
            match cell {
                cell if at >= self.plan.key_columns.len() => cells.push(cell),
                Cell::Missing => return Err(format!("the row has no `{column}`, which it is found by")),
                Cell::Text(text) => keys.push(text.into()),
                other => keys.push(other.to_string().into()),
            }
        }
        self.rows += 1;
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        builder.add(line, &keys, &cells).map_err(|flaw| match flaw {
            Flaw::TooManyRows { .. } | Flaw::TooLarge { .. } => explained(flaw),
            flaw => flaw.to_string(),
        })
    }

    /// Sees that every column has had a value.
    fn all_seen(&self) -> Result<(), String> {
        let mut columns = self.plan.columns().zip(&self.seen);
        match columns.find(|(_, seen)| !**seen) {
            Some((column, _)) if self.rows > 0 => Err(format!(
                "no row has a column `{column}`: is it spelled as in the table?"
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
