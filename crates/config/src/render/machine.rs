//! Diagnostics for programs.

use super::position;
use forebay_core::{Diagnostic, Place, Severity};
use serde_json::{Value, json};

/// An array with one object for each diagnostic: `severity` (`error`, `warning`), `message`, `help`, `place` and `related`.
/// A place has `file`, `line`, `column`, `end_line`, `end_column`, counted from 1, columns in characters; `related` also
/// has a `message`. What is not known is `null`.
pub fn to_json(diagnostics: &[Diagnostic]) -> Value {
    diagnostics.iter().map(object).collect()
}

fn object(diagnostic: &Diagnostic) -> Value {
    let related = diagnostic.related.as_ref().map(|(place, words)| {
        let mut place = place_object(place);
        if let Some(fields) = place.as_object_mut() {
            fields.insert("message".to_owned(), json!(words));
        }
        place
    });
    json!({
        "severity": severity(diagnostic),
        "message": diagnostic.message,
        "help": diagnostic.help,
        "place": diagnostic.place.as_ref().map(place_object),
        "related": related,
    })
}

fn place_object(place: &Place) -> Value {
    let at = position(place);
    json!({
        "file": place.source.name,
        "line": at.line,
        "column": at.column,
        "end_line": at.end_line,
        "end_column": at.end_column,
    })
}

fn severity(diagnostic: &Diagnostic) -> &'static str {
    match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// One workflow command of GitHub Actions a line, which shows each diagnostic beside its line in a review.
pub fn to_github(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(annotation).collect()
}

fn annotation(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.place.as_ref().map(|place| {
        let at = position(place);
        let file = property(&place.source.name);
        let mut words = format!(
            " file={file},line={},endLine={},col={}",
            at.line, at.end_line, at.column
        );
        if at.line == at.end_line {
            words.push_str(&format!(",endColumn={}", at.end_column));
        }
        words
    });
    let help = diagnostic.help.as_ref().map(|help| format!("\nhelp: {help}"));
    let message = data(&format!("{}{}", diagnostic.message, help.unwrap_or_default()));
    format!(
        "::{}{}::{message}\n",
        severity(diagnostic),
        place.unwrap_or_default()
    )
}

/// Escapes the message of a workflow command.
fn data(words: &str) -> String {
    words
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(words: &str) -> String {
    data(words).replace(':', "%3A").replace(',', "%2C")
}
