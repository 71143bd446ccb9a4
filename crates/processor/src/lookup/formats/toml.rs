//! TOML: tables `[[row]]`, one after the other. Each is parsed by itself, so that no more than one is in memory.

use super::lines::{Lines, too_long};
use super::{Named, ROW_MAX};
use crate::lookup::plan::Plan;
use ::toml::{Table, Value};
use forebay_lookup::{Builder, Cell};
use std::io::BufRead;

/// What a line stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// Nothing that goes over several lines.
    Nothing,
    /// A string of several lines, in three of these quotes.
    String(u8),
}

/// What the line behind `line` stands in: strings and comments are stepped over.
fn behind(line: &str, mut inside: Inside) -> Inside {
    let mut rest = line.as_bytes();
    while let [byte, next @ ..] = rest {
        let closing = match inside {
            Inside::String(quote) if rest.starts_with(&[quote; 3]) => Some(quote),
            Inside::String(_) => None,
            Inside::Nothing if *byte == b'#' => return inside,
            Inside::Nothing => {
                let opened = opened(rest);
                if let Some((quote, behind)) = opened {
                    inside = quote.map_or(Inside::Nothing, Inside::String);
                    rest = behind;
                    continue;
                }
                None
            }
        };
        rest = match closing {
            // A string may end with one or two quotes of its own in front of the three.
            Some(quote) => {
                inside = Inside::Nothing;
                let mut rest = rest.get(3..).unwrap_or_default();
                for _ in 0..2 {
                    rest = rest.strip_prefix(&[quote]).unwrap_or(rest);
                }
                rest
            }
            None if *byte == b'\\' && inside == Inside::String(b'"') => next.get(1..).unwrap_or_default(),
            None => next,
        };
    }
    inside
}

/// If a string begins here: what it is in where it goes over several lines, and what lies behind the quotes, else behind the string.
fn opened(text: &[u8]) -> Option<(Option<u8>, &[u8])> {
    let quote = *text.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    if let Some(rest) = text.strip_prefix(&[quote; 3]) {
        return Some((Some(quote), rest));
    }
    let mut rest = text.get(1..)?;
    while let [byte, next @ ..] = rest {
        rest = if *byte == b'\\' && quote == b'"' {
            next.get(1..).unwrap_or_default()
        } else {
            next
        };
        if *byte == quote {
            break;
        }
    }
    Some((None, rest))
}

/// Whether a line begins a row.
fn begins_row(line: &str) -> bool {
    let text = line.split('#').next().unwrap_or_default();
    let name = text
        .trim()
        .strip_prefix("[[")
        .and_then(|text| text.strip_suffix("]]"));
    name.is_some_and(|name| name.trim() == "row")
}

/// Adds all rows.
///
/// # Errors
///
/// What is wrong, and in which line.
pub(super) fn read(plan: &Plan, reader: &mut dyn BufRead, builder: &mut Builder) -> Result<(), String> {
    let mut lines = Lines::new(reader);
    let mut named = Named::new(plan);
    let (mut text, mut first, mut inside) = (String::new(), 1, Inside::Nothing);
    while let Some((number, line)) = lines.next()? {
        if inside == Inside::Nothing && begins_row(line) {
            add(&text, first, (&mut named, builder))?;
            text.clear();
            first = number;
        }
        inside = behind(line, inside);
        text.push_str(line);
        text.push('\n');
        if text.len() > ROW_MAX {
            return Err(too_long(first));
        }
    }
    add(&text, first, (&mut named, builder))?;
    named.all_seen()
}

/// Adds the row of a text that begins in line `first`; one without anything in it is none.
fn add(text: &str, first: u64, (named, builder): (&mut Named<'_>, &mut Builder)) -> Result<(), String> {
    let table: Table = text.parse().map_err(|error: ::toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = first + before.unwrap_or_default().matches('\n').count() as u64;
        format!("line {line}: {}", error.message())
    })?;
    for (name, value) in &table {
        let rows = match value {
            Value::Array(rows) if name == "row" => rows,
            _ => {
                return Err(format!(
                    "line {first}: there is `{name}`, and a table of rows is made of `[[row]]` only"
                ));
            }
        };
        for row in rows {
            let get = |column: &str| cell(column, row.get(column));
            let added = named.add(builder, first, get);
            added.map_err(|words| format!("line {first}: {words}"))?;
        }
    }
    Ok(())
}

fn cell<'v>(column: &str, value: Option<&'v Value>) -> Result<Cell<'v>, String> {
    match value {
        None => Ok(Cell::Missing),
        Some(Value::String(text)) => Ok(Cell::Text(text)),
        Some(Value::Integer(value)) => Ok(Cell::Int(*value)),
        Some(Value::Float(value)) => Ok(Cell::Double(*value)),
        Some(Value::Boolean(value)) => Ok(Cell::Bool(*value)),
        Some(Value::Datetime(_)) => Err(format!("column `{column}`: put the date in quotes")),
        Some(Value::Array(_) | Value::Table(_)) => {
            Err(format!("column `{column}`: a list or a table is not a value"))
        }
    }
}
