//! Diagnostics for people: message, place, the line with a caret under what is meant, advice.

use super::mask::secrets;
use super::position;
use forebay_core::{Diagnostic, Place, Severity};
use std::fmt::Write;
use std::ops::Range;

/// The most characters of a line that are shown.
const WIDTH_MAX: usize = 120;
/// How many of them stand before the place meant, where a line is cut.
const LEAD: usize = 40;
/// What a tab is shown as.
const TAB: &str = "    ";

/// How diagnostics look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours.
    pub color: bool,
}

impl Style {
    fn paint(self, code: &str, words: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{words}\u{1b}[0m")
        } else {
            words.to_owned()
        }
    }
}

/// All of `diagnostics` for people, an empty line between each two. Values of keys that hold secrets are shown as `***`.
pub fn render(diagnostics: &[Diagnostic], style: Style) -> String {
    let shown: Vec<String> = diagnostics.iter().map(|d| one(d, style)).collect();
    shown.join("\n")
}

fn one(diagnostic: &Diagnostic, style: Style) -> String {
    let (word, code) = match diagnostic.severity {
        Severity::Error => ("error", "1;31"),
        Severity::Warning => ("warning", "1;33"),
    };
    let places = [
        diagnostic.place.as_ref(),
        diagnostic.related.as_ref().map(|(place, _)| place),
    ];
    let digits = places
        .iter()
        .flatten()
        .map(|place| position(place).line.to_string().len())
        .max()
        .unwrap_or(1);
    let mut out = format!("{}: {}\n", style.paint(code, word), diagnostic.message);
    let frame = Frame { digits, style };
    if let Some(place) = &diagnostic.place {
        frame.snippet(&mut out, place, "-->", (code, '^', ""));
    }
    if let Some((place, words)) = &diagnostic.related {
        frame.snippet(&mut out, place, ":::", ("1;34", '-', words));
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(out, "{} {help}", frame.gutter("  = help:"));
    }
    out
}

/// What all the snippets of one diagnostic have in common.
struct Frame {
    digits: usize,
    style: Style,
}

impl Frame {
    fn gutter(&self, words: &str) -> String {
        let shift = " ".repeat(self.digits.saturating_sub(1));
        self.style.paint("1;34", &format!("{shift}{words}"))
    }

    fn snippet(&self, out: &mut String, place: &Place, arrow: &str, mark: (&str, char, &str)) {
        let (code, sign, words) = mark;
        let at = position(place);
        let name = &place.source.name;
        let line = shown_line(place);
        let signs: String = std::iter::repeat_n(sign, line.marked.len().max(1)).collect();
        let number = self
            .style
            .paint("1;34", &format!(" {:>1$} |", at.line, self.digits));
        let label = format!("{signs} {words}");
        let _ = writeln!(
            out,
            "{} {name}:{}:{}",
            self.gutter(&format!("  {arrow}")),
            at.line,
            at.column
        );
        let _ = writeln!(out, "{}", self.gutter("   |"));
        let _ = writeln!(out, "{}", format!("{number} {}", line.text).trim_end());
        let _ = writeln!(
            out,
            "{} {}{}",
            self.gutter("   |"),
            " ".repeat(line.marked.start),
            self.style.paint(code, label.trim_end())
        );
    }
}

/// A line as it is shown, and the columns of it that are meant.
struct Shown {
    text: String,
    marked: Range<usize>,
}

fn shown_line(place: &Place) -> Shown {
    let text = place.source.text.as_str();
    let at = text.floor_char_boundary(place.span.start);
    let start = text
        .get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1);
    let line = text
        .get(start..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    let hidden = secrets(text);
    let mut columns = Vec::new();
    let mut marked: Option<Range<usize>> = None;
    for (offset, c) in line.char_indices() {
        let byte = start + offset;
        let first = columns.len();
        match hidden.iter().find(|range| range.contains(&byte)) {
            Some(range) if range.start == byte || offset == 0 => columns.extend("***".chars()),
            Some(_) => {}
            None if c == '\t' => columns.extend(TAB.chars()),
            None if c.is_control() => columns.push('\u{fffd}'),
            None => columns.push(c),
        }
        if byte >= at && byte < place.span.end {
            let from = marked.map_or(first, |range| range.start);
            marked = Some(from..columns.len());
        }
    }
    let end = columns.len();
    cut(columns, marked.unwrap_or(end..end))
}

/// Shortens a long line to what stands around the place meant.
fn cut(columns: Vec<char>, marked: Range<usize>) -> Shown {
    if columns.len() <= WIDTH_MAX {
        return Shown {
            text: columns.into_iter().collect(),
            marked,
        };
    }
    let from = if marked.end <= WIDTH_MAX {
        0
    } else {
        marked.start.saturating_sub(LEAD)
    };
    let to = (from + WIDTH_MAX).min(columns.len());
    let before = if from > 0 { "..." } else { "" };
    let after = if to < columns.len() { "..." } else { "" };
    let middle: String = columns.iter().skip(from).take(to - from).collect();
    let shift = |column: usize| column.clamp(from, to) - from + before.len();
    Shown {
        text: format!("{before}{middle}{after}"),
        marked: shift(marked.start)..shift(marked.end),
    }
}
