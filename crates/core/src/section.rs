//! A node's part of the config file: a table with positions, and its reading into the component's own config.

use crate::diagnostic::{Diagnostic, Place, Source, closest};
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

/// The most errors that one section is searched for.
const MOST_ERRORS: usize = 20;

/// One node's table, as it stands in the file, with references resolved.
#[derive(Clone, Debug)]
pub struct Section {
    /// The text that it stands in.
    pub source: Arc<Source>,
    /// The table without `type`.
    pub table: Spanned<DeTable<'static>>,
}

impl Section {
    /// A section that says nothing: every key has its default.
    pub fn empty(source: Arc<Source>) -> Self {
        Section {
            source,
            table: Spanned::new(0..0, DeTable::new()),
        }
    }

    /// Reads the table into `T`, reporting every mistake in it: after each, the key to blame is taken out and the rest
    /// read again.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<Diagnostic>> {
        let mut table = self.table.clone();
        let mut found: Vec<Diagnostic> = Vec::new();
        while found.len() < MOST_ERRORS {
            let error = match T::deserialize(Deserializer::from(table.clone())) {
                Ok(config) if found.is_empty() => return Ok(config),
                Ok(_) => break,
                Err(error) => error,
            };
            let span = error.span();
            let diagnostic = self.explain(&error, &table);
            // A field that is missing because its wrong value was taken out was reported already.
            if found.is_empty() || !diagnostic.message.starts_with("missing field") {
                found.push(diagnostic);
            }
            if !span.is_some_and(|span| remove_at(table.get_mut(), &span)) {
                break;
            }
        }
        Err(found)
    }

    /// The place of the value under `path`, or of the nearest table above it.
    pub fn place_of(&self, path: &[&str]) -> Place {
        let mut span = self.table.span();
        let mut table = self.table.get_ref();
        for key in path {
            let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == key) else {
                break;
            };
            span = value.span();
            match value.get_ref() {
                DeValue::Table(inner) => {
                    span = name.span();
                    table = inner;
                }
                _ => break,
            }
        }
        Place {
            source: Arc::clone(&self.source),
            span,
        }
    }

    fn explain(&self, error: &Error, table: &Spanned<DeTable<'static>>) -> Diagnostic {
        let span = error.span().unwrap_or_else(|| table.span());
        let message = error.message().trim_end();
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
                Diagnostic::error(what.replace("unknown field", "unknown key")).help(help)
            }
            _ => Diagnostic::error(message),
        };
        diagnostic.at(Place {
            source: Arc::clone(&self.source),
            span,
        })
    }
}

/// Takes the innermost entry that `span` lies in out of `table`; whether there was one.
fn remove_at(table: &mut DeTable<'static>, span: &Range<usize>) -> bool {
    let covers = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
    for (_, value) in table.iter_mut() {
        if let DeValue::Table(inner) = value.get_mut()
            && remove_at(inner, span)
        {
            return true;
        }
    }
    let blamed = table
        .iter()
        .find(|(key, value)| covers(&key.span()) || covers(&value.span()));
    match blamed.map(|(key, _)| key.clone()) {
        Some(key) => table.remove(&key).is_some(),
        None => false,
    }
}
