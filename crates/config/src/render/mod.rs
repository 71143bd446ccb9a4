//! Diagnostics for people, for programs, and for annotations of code reviews.

mod machine;
mod mask;
mod text;

pub use machine::{to_github, to_json};
pub use text::{Style, render};

use forebay_core::Place;

/// A place as people count: lines and columns from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line of the first character.
    pub line: usize,
    /// Its column.
    pub column: usize,
    /// The line of the last character.
    pub end_line: usize,
    /// The column behind the last character.
    pub end_column: usize,
}

/// Where a place is in its text.
pub fn position(place: &Place) -> Position {
    let text = place.source.text.as_str();
    let (line, column) = line_and_column(text, place.span.start);
    let (end_line, end_column) = line_and_column(text, place.span.end.max(place.span.start));
    Position {
        line,
        column,
        end_line,
        end_column,
    }
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..text.floor_char_boundary(at)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(start..).map_or(0, |words| words.chars().count()) + 1;
    (line, column)
}
