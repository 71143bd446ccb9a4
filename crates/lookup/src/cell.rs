//! Values of a table: as they are read, and as the bodies of `AnyValue` messages, which is what they are kept as.

use crate::error::Flaw;
use forebay_otlp::edit::AttributeValue;
use std::fmt;

/// The most bytes that a value may have.
pub const VALUE_MAX: usize = 64 * 1024;

/// So much of a value is shown where something is wrong with it.
const SHOWN: usize = 80;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text.
    #[default]
    String,
    /// Whole numbers of 64 bits.
    Int,
    /// Numbers of 64 bits with a fraction.
    Double,
    /// `true` and `false`.
    Bool,
}

impl Kind {
    /// In words, for messages.
    pub fn described(self) -> &'static str {
        match self {
            Kind::String => "text",
            Kind::Int => "a whole number",
            Kind::Double => "a number",
            Kind::Bool => "`true` or `false`",
        }
    }
}

/// A value as a file has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// There is none.
    Missing,
    /// Text, which may be that of a number.
    Text(&'a str),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// A truth.
    Bool(bool),
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Missing => Ok(()),
            Cell::Text(text) => f.write_str(text),
            Cell::Int(value) => value.fmt(f),
            Cell::Double(value) => value.fmt(f),
            Cell::Bool(value) => value.fmt(f),
        }
    }
}

/// A column of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it is called, for messages.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
}

impl Column {
    /// Appends the body of the `AnyValue` that a cell of this column is. Nothing is appended where there is no value.
    ///
    /// # Errors
    ///
    /// [`Flaw::Kind`] if the cell is not of the column's kind: nothing is rounded and nothing is cut off. [`Flaw::LongValue`].
    pub fn encode(&self, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
        let value = match (self.kind, cell) {
            (_, Cell::Missing) => return Ok(()),
            (Kind::String, Cell::Text(text)) => return self.text(text, out),
            (Kind::String, other) => return self.text(&other.to_string(), out),
            (Kind::Int, cell) => as_int(cell).map(AttributeValue::Int),
            (Kind::Double, cell) => as_double(cell).map(AttributeValue::Double),
            (Kind::Bool, cell) => as_bool(cell).map(AttributeValue::Bool),
        };
        let wrong = || Flaw::Kind {
            column: self.name.clone(),
            kind: self.kind,
            found: cell.to_string().chars().take(SHOWN).collect(),
        };
        value.ok_or_else(wrong)?.encode(out);
        Ok(())
    }

    fn text(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Flaw> {
        if text.len() > VALUE_MAX {
            return Err(Flaw::LongValue {
                column: self.name.clone(),
                bytes: text.len(),
            });
        }
        AttributeValue::String(text).encode(out);
        Ok(())
    }
}

fn as_int(cell: Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Int(value) => Some(value),
        Cell::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn as_double(cell: Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Int(value) => (value.unsigned_abs() <= 1 << 53).then_some(value as f64),
        Cell::Double(value) => Some(value),
        Cell::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn as_bool(cell: Cell<'_>) -> Option<bool> {
    match cell {
        Cell::Bool(value) => Some(value),
        Cell::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, cell: Cell<'_>) -> Result<Vec<u8>, String> {
        let column = Column {
            name: "c".to_owned(),
            kind,
        };
        let mut out = Vec::new();
        let read = column.encode(cell, &mut out);
        read.map(|()| out).map_err(|flaw| flaw.to_string())
    }

    fn body(value: AttributeValue<'_>) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        value.encode(&mut out);
        Ok(out)
    }

    #[test]
    fn cells_become_values_of_their_columns_kind() {
        let text = Cell::Text;
        assert_eq!(read(Kind::String, text("")), body(AttributeValue::String("")));
        assert_eq!(
            read(Kind::String, Cell::Int(-3)),
            body(AttributeValue::String("-3"))
        );
        assert_eq!(
            read(Kind::String, Cell::Bool(true)),
            body(AttributeValue::String("true"))
        );
        assert_eq!(read(Kind::Int, text(" 17 ")), body(AttributeValue::Int(17)));
        assert_eq!(read(Kind::Double, text("1.5")), body(AttributeValue::Double(1.5)));
        assert_eq!(
            read(Kind::Double, Cell::Int(2)),
            body(AttributeValue::Double(2.0))
        );
        assert_eq!(read(Kind::Bool, text("false")), body(AttributeValue::Bool(false)));
        assert_eq!(read(Kind::Int, Cell::Missing), Ok(Vec::new()));
    }

    #[test]
    fn what_is_of_another_kind_is_refused() {
        let refused = [
            (
                Kind::Int,
                Cell::Text("1.5"),
                "column `c`: `1.5` is not a whole number",
            ),
            (
                Kind::Int,
                Cell::Double(1.0),
                "column `c`: `1` is not a whole number",
            ),
            (
                Kind::Double,
                Cell::Bool(true),
                "column `c`: `true` is not a number",
            ),
            (
                Kind::Double,
                Cell::Int(i64::MAX),
                "column `c`: `9223372036854775807` is not a number",
            ),
            (
                Kind::Bool,
                Cell::Text("yes"),
                "column `c`: `yes` is not `true` or `false`",
            ),
        ];
        for (kind, cell, words) in refused {
            assert_eq!(read(kind, cell), Err(words.to_owned()));
        }
        let long = "x".repeat(VALUE_MAX + 1);
        let words = read(Kind::String, Cell::Text(&long)).unwrap_err();
        assert!(words.contains("65537 bytes"), "{words}");
    }
}
