//! JSON lines: an object in each line. Empty lines are skipped.

use super::Named;
use super::lines::Lines;
use crate::lookup::plan::Plan;
use forebay_lookup::{Builder, Cell};
use serde_json::{Map, Value};
use std::io::BufRead;

/// Adds all rows.
///
/// # Errors
///
/// What is wrong, and in which line.
pub(super) fn read(plan: &Plan, reader: &mut dyn BufRead, builder: &mut Builder) -> Result<(), String> {
    let mut lines = Lines::new(reader);
    let mut named = Named::new(plan);
    while let Some((number, line)) = lines.next()? {
        if line.trim().is_empty() {
            continue;
        }
        let row: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| format!("line {number}: {}", words(&error)))?;
        let added = named.add(builder, number, |column| cell(column, row.get(column)));
        added.map_err(|words| format!("line {number}: {words}"))?;
    }
    named.all_seen()
}

/// What is wrong, with the column of the line in which it is: the line is always the first of its text.
fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match words.strip_suffix(&place) {
        Some(words) => format!("{words} (character {})", error.column()),
        None => words,
    }
}

fn cell<'v>(column: &str, value: Option<&'v Value>) -> Result<Cell<'v>, String> {
    match value {
        None | Some(Value::Null) => Ok(Cell::Missing),
        Some(Value::String(text)) => Ok(Cell::Text(text)),
        Some(Value::Bool(value)) => Ok(Cell::Bool(*value)),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Ok(Cell::Int(value)),
            (None, Some(value)) => Ok(Cell::Double(value)),
            (None, None) => Err(format!("column `{column}`: `{number}` is not a number")),
        },
        Some(Value::Array(_) | Value::Object(_)) => {
            Err(format!("column `{column}`: a list or an object is not a value"))
        }
    }
}
