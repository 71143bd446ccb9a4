//! A node's part of the config file: a table with positions, and its reading into the component's own config.

mod blame;

use crate::diagnostic::{Diagnostic, Place, Source, closest};
use crate::settings::names_secret;
use blame::{Named, Removed, element_places, follows, keep_elements, remove_at};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

/// The most errors that one section is searched for.
const MOST_ERRORS: usize = 20;

/// What the references in a text came to: the value of each string that has one, by where the string starts in the text.
pub type Resolved = BTreeMap<usize, String>;

/// One table of a config text, with references resolved. It keeps no parsed tree but the text and the way to the table,
/// and parses again when it is read: so it borrows nothing, and a config is read only at start and reload.
#[derive(Clone)]
pub struct Section {
    source: Arc<Source>,
    /// The keys that lead to the table; nothing for a table that is not in the text.
    path: Option<Vec<String>>,
    /// A key of the table that is not for the reader.
    hidden: Option<&'static str>,
    resolved: Arc<Resolved>,
}

/// What references came to may be secret, and so only where it stands prints.
impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section")
            .field("source", &self.source)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Section {
    /// A section that says nothing: every key has its default.
    pub fn empty(source: Arc<Source>) -> Self {
        Section {
            source,
            path: None,
            hidden: None,
            resolved: Arc::default(),
        }
    }

    /// A whole text as one table, references as they are: for the examples of components.
    pub fn whole(source: Arc<Source>) -> Self {
        Section::at(source, Vec::new(), Arc::default())
    }

    /// The table that `path` leads to in a text.
    pub fn at(source: Arc<Source>, path: Vec<String>, resolved: Arc<Resolved>) -> Self {
        Section {
            source,
            path: Some(path),
            hidden: None,
            resolved,
        }
    }

    /// The same without `key`.
    pub fn without(mut self, key: &'static str) -> Self {
        self.hidden = Some(key);
        self
    }

    /// The text that it stands in.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The table as it stands in the text, with positions: empty if it is not there.
    pub fn table(&self) -> Result<Spanned<DeTable<'_>>, Vec<Diagnostic>> {
        let Some(path) = &self.path else {
            return Ok(Spanned::new(0..0, DeTable::new()));
        };
        let (mut table, errors) = DeTable::parse_recoverable(&self.source.text);
        if !errors.is_empty() {
            return Err(errors.iter().map(|error| self.syntax(error)).collect());
        }
        for key in path {
            table = match table.get_mut().remove(key.as_str()) {
                Some(value) => inner_table(value),
                None => Spanned::new(0..0, DeTable::new()),
            };
        }
        if let Some(hidden) = self.hidden {
            table.get_mut().remove(hidden);
        }
        for (_, value) in table.get_mut().iter_mut() {
            substitute(value, &self.resolved);
        }
        Ok(table)
    }

    /// Reads the table into `T`, reporting every mistake in it (20 at most): after each, the key to blame is taken out and
    /// the rest read again. No message shows a value that came out of a `${...}` reference or that a key of a secret's
    /// name holds.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<Diagnostic>> {
        let mut table = self.table()?;
        let mut found: Vec<Diagnostic> = Vec::new();
        let mut removed = Removed::new();
        while found.len() < MOST_ERRORS {
            let error = match T::deserialize(Deserializer::from(table.clone())) {
                Ok(config) if found.is_empty() => return Ok(config),
                Ok(_) => break,
                Err(error) => error,
            };
            let raised = error.span().unwrap_or_else(|| table.span());
            let raised = element_to_blame::<T>(&table, &raised, error.message()).unwrap_or(raised);
            let named = Named::find(table.get_ref(), &raised, error.message());
            let span = named.span().cloned().unwrap_or_else(|| raised.clone());
            let mut meant = None;
            if !follows(error.message(), &named, &raised, &removed) {
                let diagnostic = self.explain(&error, &table, &span);
                meant = meant_key(&diagnostic).map(str::to_owned);
                found.push(diagnostic);
            }
            let whole = table.span();
            let path = remove_at(table.get_mut(), &whole, &span);
            let Some((_, of)) = path.first() else {
                break;
            };
            // Nor is a field missing that was misspelt.
            removed.extend(meant.map(|meant| (meant, of.clone())));
            removed.extend(path);
        }
        Err(found)
    }

    /// The place of the value under `path`, or of the nearest one above it. In an array a place is a number, from 0.
    pub fn place_of(&self, path: &[impl AsRef<str>]) -> Place {
        let whole = self
            .table()
            .unwrap_or_else(|_| Spanned::new(0..0, DeTable::new()));
        let mut span = whole.span();
        let mut keys = path.iter().map(AsRef::as_ref);
        let mut inner = keys.next().and_then(|key| entry(whole.get_ref(), key));
        while let Some((name, value)) = inner {
            span = match (value.get_ref(), name) {
                (DeValue::Table(_), Some(name)) => name,
                _ => value.span(),
            };
            inner = keys.next().and_then(|key| within(value.get_ref(), key));
        }
        self.place(span)
    }

    /// The place of `span` in the section's text.
    pub fn place(&self, span: Range<usize>) -> Place {
        Place {
            source: Arc::clone(&self.source),
            span,
        }
    }

    fn syntax(&self, error: &Error) -> Diagnostic {
        let place = self.place(error.span().unwrap_or_default());
        Diagnostic::error(error.message().trim_end()).at(place)
    }

    fn explain(&self, error: &Error, table: &Spanned<DeTable<'_>>, span: &Range<usize>) -> Diagnostic {
        let message = self.without_secrets(error.message().trim_end(), table.get_ref(), span);
        let diagnostic = match message
            .split_once(", expected one of ")
            .or_else(|| message.split_once(", expected `"))
        {
            Some((what, expected)) if what.starts_with("unknown") => {
                let known: Vec<&str> = expected
                    .split(['`', ',', ' '])
                    .filter(|word| !word.is_empty() && *word != "or")
                    .collect();
                let written = what.split('`').nth(1).unwrap_or_default();
                let help = match closest(written, &known) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => format!("known here: {}", known.join(", ")),
                };
                Diagnostic::error(in_words_of_toml(what)).help(help)
            }
            _ => Diagnostic::error(in_words_of_toml(&message)),
        };
        diagnostic.at(self.place(span.clone()))
    }

    /// `message` with the value at `span` replaced: by what stands in the text if that is a reference, by `***` if the
    /// value's key has a secret's name.
    fn without_secrets(&self, message: &str, table: &DeTable<'_>, span: &Range<usize>) -> String {
        let Some((key, value)) = value_at(table, span) else {
            return message.to_owned();
        };
        let written = self.source.text.get(span.clone()).unwrap_or_default();
        let shown = if written.contains("${") {
            written.trim_matches(['"', '\''])
        } else if names_secret(key) {
            "***"
        } else {
            return message.to_owned();
        };
        let text = match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            _ => return message.to_owned(),
        };
        let message = without_parts(message, &text, shown)
            .replace(&format!("{text:?}"), &format!("\"{shown}\""))
            .replace(&format!("`{text}`"), &format!("`{shown}`"));
        // A short value may well be a word of the message itself.
        if text.len() > 3 {
            message.replace(&text, shown)
        } else {
            message
        }
    }
}

/// The place of the element that an error is about which an array raised: what a type says of a value that it was given has no place, and gets
/// that of the array. The element is the last one of the fewest that raise the error from the start of the array, if it raises the same error
/// alone, and none raise none; otherwise the error is about the array.
fn element_to_blame<T: DeserializeOwned>(
    table: &Spanned<DeTable<'_>>,
    array: &Range<usize>,
    message: &str,
) -> Option<Range<usize>> {
    let raises = |elements: Range<usize>| {
        let mut part = table.clone();
        keep_elements(part.get_mut(), array, &elements);
        let error = T::deserialize(Deserializer::from(part)).err();
        error.is_some_and(|error| error.message() == message && error.span().as_ref() == Some(array))
    };
    let places = element_places(table.get_ref(), array)?;
    let (mut silent, mut loud) = (0, places.len());
    while loud - silent > 1 {
        let middle = silent.midpoint(loud);
        if raises(0..middle) {
            loud = middle;
        } else {
            silent = middle;
        }
    }
    let alone = !raises(0..0) && raises(silent..loud);
    places.get(silent).filter(|_| alone).cloned()
}

/// `message` with each word in backquotes that is a part of `text` replaced by `shown`.
fn without_parts(message: &str, text: &str, shown: &str) -> String {
    let words = message.split('`').enumerate().map(|(index, word)| {
        let quoted = index % 2 == 1 && !word.is_empty();
        if quoted && text.contains(word) {
            shown
        } else {
            word
        }
    });
    words.collect::<Vec<&str>>().join("`")
}

/// The table that a value is; an empty one in its place if it is none.
fn inner_table(value: Spanned<DeValue<'_>>) -> Spanned<DeTable<'_>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Spanned::new(span, table),
        _ => Spanned::new(span, DeTable::new()),
    }
}

/// Puts the resolved strings in their places.
fn substitute(value: &mut Spanned<DeValue<'_>>, resolved: &Resolved) {
    let start = value.span().start;
    match value.get_mut() {
        DeValue::String(text) => {
            if let Some(found) = resolved.get(&start) {
                *text = Cow::Owned(found.clone());
            }
        }
        DeValue::Array(inner) => inner.iter_mut().for_each(|element| substitute(element, resolved)),
        DeValue::Table(inner) => inner
            .iter_mut()
            .for_each(|(_, value)| substitute(value, resolved)),
        _ => {}
    }
}

/// serde's words for things, as those who write a config call them.
fn in_words_of_toml(message: &str) -> String {
    let words = [
        ("unknown field", "unknown key"),
        ("unknown variant", "unknown value"),
        ("missing field", "missing key"),
        ("expected a sequence", "expected an array"),
        ("expected a map", "expected a table"),
    ];
    words.iter().fold(message.to_owned(), |message, (theirs, ours)| {
        message.replacen(theirs, ours, 1)
    })
}

/// The key that an unknown one was probably meant to be.
fn meant_key(diagnostic: &Diagnostic) -> Option<&str> {
    let help = diagnostic
        .help
        .as_deref()
        .filter(|_| diagnostic.message.starts_with("unknown key"))?;
    help.strip_prefix("did you mean `")?.strip_suffix("`?")
}

/// The value under `key` and where the key stands, if it does.
type Entry<'a, 't> = (Option<Range<usize>>, &'a Spanned<DeValue<'t>>);

fn entry<'a, 't>(table: &'a DeTable<'t>, key: &str) -> Option<Entry<'a, 't>> {
    let (name, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
    Some((Some(name.span()), value))
}

/// The same in a table or an array.
fn within<'a, 't>(value: &'a DeValue<'t>, key: &str) -> Option<Entry<'a, 't>> {
    match value {
        DeValue::Table(table) => entry(table, key),
        DeValue::Array(values) => Some((None, values.get(key.parse::<usize>().ok()?)?)),
        _ => None,
    }
}

/// The scalar that stands at exactly `span`, and the innermost key above it.
fn value_at<'a, 't>(table: &'a DeTable<'t>, span: &Range<usize>) -> Option<(&'a str, &'a DeValue<'t>)> {
    table
        .iter()
        .find_map(|(key, value)| value_within(key.get_ref(), value, span))
}

fn value_within<'a, 't>(
    key: &'a str,
    value: &'a Spanned<DeValue<'t>>,
    span: &Range<usize>,
) -> Option<(&'a str, &'a DeValue<'t>)> {
    match value.get_ref() {
        DeValue::Table(inner) => value_at(inner, span),
        DeValue::Array(inner) => inner.iter().find_map(|element| value_within(key, element, span)),
        scalar => (value.span() == *span).then_some((key, scalar)),
    }
}

#[cfg(test)]
mod tests;
