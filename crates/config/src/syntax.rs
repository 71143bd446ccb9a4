//! From text to a table with positions.

use forebay_core::{Diagnostic, Place, Source};
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Parses a text. Nothing but syntax errors if there are any: what a broken text seems to say is not worth checking.
pub(crate) fn parse(source: &Arc<Source>) -> (Option<DeTable<'_>>, Vec<Diagnostic>) {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let place = |span: Range<usize>| Place {
        source: Arc::clone(source),
        span,
    };
    if errors.is_empty() {
        let mut newer = Vec::new();
        in_table(&source.text, table.get_ref(), &mut newer);
        let warnings = newer.into_iter().map(|span| {
            Diagnostic::warning("this way to write a table in one value is new in TOML 1.1")
                .at(place(span))
                .help(
                    "other TOML tools may refuse it: keep `{ ... }` on one line, without a comma at the end",
                )
        });
        return (Some(table.into_inner()), warnings.collect());
    }
    let problems = errors.iter().map(|error| {
        let span = error.span().unwrap_or_default();
        let message = match (error.message(), source.text.get(span.clone())) {
            ("duplicate key", Some(key)) => format!("the key `{key}` is in the same table twice"),
            (message, _) => message.trim_end().replace('\n', ", "),
        };
        Diagnostic::error(message).at(place(span))
    });
    (None, problems.collect())
}

/// Inline tables that begin or end with a line break, or that have a comma before the brace.
fn in_table(text: &str, table: &DeTable<'_>, newer: &mut Vec<Range<usize>>) {
    for (_, value) in table.iter() {
        in_value(text, value, newer);
    }
}

fn in_value(text: &str, value: &Spanned<DeValue<'_>>, newer: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Array(inner) => inner.iter().for_each(|element| in_value(text, element, newer)),
        DeValue::Table(inner) => {
            let braces = text
                .get(value.span())
                .and_then(|words| words.strip_prefix('{')?.strip_suffix('}'));
            let blank = |c: char| c == ' ' || c == '\t';
            if braces.is_some_and(|words| {
                let words = words.trim_matches(blank);
                words.starts_with(['\n', '\r', '#']) || words.ends_with(['\n', ','])
            }) {
                newer.push(value.span());
            }
            in_table(text, inner, newer);
        }
        _ => {}
    }
}
