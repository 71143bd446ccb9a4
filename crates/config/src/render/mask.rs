//! Which parts of a config text must not be shown.

use forebay_core::settings::names_secret;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The values of the text that hold secrets: strings under a key of a secret's name or under `headers`, unless they only
/// refer to a variable or a file.
pub(crate) fn secrets(text: &str) -> Vec<Range<usize>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut found = Vec::new();
    in_table(text, table.get_ref(), false, &mut found);
    if !errors.is_empty() {
        found.extend(by_line(text));
    }
    merged(found)
}

/// The same bytes in ranges that do not overlap.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn in_table(text: &str, table: &DeTable<'_>, secret: bool, found: &mut Vec<Range<usize>>) {
    // `{ key = "authorization", value = "..." }` says in a value what its neighbour is.
    let named = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        matches!(key.as_ref(), "key" | "name") && value.get_ref().as_str().is_some_and(names_secret)
    };
    let neighbour = table.iter().any(named);
    for (key, value) in table.iter() {
        let key = key.get_ref().as_ref();
        let below = secret || names_secret(key) || key == "headers" || (neighbour && key == "value");
        in_value(text, value, below, found);
    }
}

fn in_value(text: &str, value: &Spanned<DeValue<'_>>, secret: bool, found: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(inner) => in_table(text, inner, secret, found),
        DeValue::Array(inner) => inner
            .iter()
            .for_each(|element| in_value(text, element, secret, found)),
        DeValue::Boolean(_) => {}
        DeValue::String(words) if !secret || only_refers(words) => {}
        _ if secret => found.push(value.span()),
        _ => {}
    }
}

/// Whether a value is a reference and nothing else. A default counts as a value.
fn only_refers(words: &str) -> bool {
    let inner = words.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| !inner.contains(":-") && !inner.contains(['{', '}']))
}

/// For a text that is no TOML: whatever follows the `=` behind a secret's name, to the end of the line, or to the closing
/// quotes of a string of many lines.
fn by_line(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let secret = line
            .split_once('=')
            .filter(|_| line.contains('=') && (names_secret(line_names(line)) || line.contains("headers")));
        if let Some((name, value)) = secret {
            let from = start + name.len() + 1;
            let end = ["\"\"\"", "'''"]
                .into_iter()
                .filter_map(|quotes| unclosed(text, from, value, quotes))
                .max();
            found.push(from..end.unwrap_or(from + value.trim_end().len()));
        }
        start += line.len();
    }
    found
}

/// The part of a line in which names stand: up to its last `=`.
fn line_names(line: &str) -> &str {
    line.rsplit_once('=').map_or(line, |(names, _)| names)
}

/// Where a string of many lines ends that begins in `value`, which stands at `from`.
fn unclosed(text: &str, from: usize, value: &str, quotes: &str) -> Option<usize> {
    let opening = from + value.find(quotes)? + quotes.len();
    let rest = text.get(opening..)?;
    Some(
        rest.find(quotes)
            .map_or(text.len(), |closing| opening + closing + quotes.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> Vec<&str> {
        secrets(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn values_of_secret_keys_are_hidden_at_any_depth() {
        let text = "a = \"x\"\npassword = \"p1\"\n[t]\nauth = { bearer_token = 'p2', user = \"u\" }\nsecrets = [\"p3\", 4]\n";
        assert_eq!(hidden(text), ["\"p1\"", "'p2'", "\"p3\"", "4"]);
    }

    #[test]
    fn headers_are_hidden_whatever_their_names() {
        let text = "headers = { x-team = \"p1\" }\nlist = [{ key = \"x-api-key\", value = \"p2\" }, { key = \"k\", value = \"v\" }]\n";
        assert_eq!(hidden(text), ["\"p1\"", "\"p2\""]);
    }

    #[test]
    fn a_mere_reference_is_shown_and_a_default_is_not() {
        let text =
            "token = \"${env:TOKEN}\"\nsecret = \"${file:/run/s}\"\npassword = \"${env:P:-hunter2}\"\n";
        assert_eq!(hidden(text), ["\"${env:P:-hunter2}\""]);
    }

    #[test]
    fn in_a_broken_text_too_much_is_hidden_rather_than_too_little() {
        let text = "a = [\npassword = \"\"\"p1\np2\n\"\"\"\nb = 1 = {\nx.token=p3\n";
        let hidden = hidden(text).join("|");
        for secret in ["p1", "p2", "p3"] {
            assert!(hidden.contains(secret), "{secret} is not in {hidden}");
        }
        assert!(!hidden.contains("b = 1"), "{hidden}");
    }
}
