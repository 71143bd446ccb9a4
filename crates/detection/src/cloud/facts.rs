//! What is put together about a place, one fact after the other.

use crate::fetch::{FetchError, value};
use crate::{Attribute, Outcome, Value, Wanted};
use serde::de::DeserializeOwned;

/// Attributes that are wanted and known, and what went wrong on the way.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    wanted: &'a Wanted,
    known: Vec<Attribute>,
    failures: Vec<String>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(wanted: &'a Wanted) -> Self {
        Facts {
            wanted,
            known: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// `text` is the value of `key`, if it is wanted and there is one.
    pub(super) fn text(&mut self, key: &str, text: Option<&str>) {
        let Some(text) = text.filter(|_| self.wanted.has(key)) else {
            return;
        };
        match value(text) {
            Ok(Some(text)) => self.known.push(Attribute::new(key, text)),
            Ok(None) => {}
            Err(wrong) => self.failures.push(format!("{key}: {wrong}")),
        }
    }

    /// `values` are the value of `key`, if it is wanted and there are any.
    pub(super) fn list(&mut self, key: &str, values: Vec<String>) {
        if !self.wanted.has(key) || values.is_empty() {
            return;
        }
        match values.iter().try_for_each(|text| value(text).map(|_| ())) {
            Ok(()) => self.known.push(Attribute::new(key, Value::List(values))),
            Err(wrong) => self.failures.push(format!("{key}: {wrong}")),
        }
    }

    /// What came of asking for `key`.
    pub(super) fn fetched(&mut self, key: &str, outcome: Result<Option<String>, FetchError>) {
        match outcome {
            Ok(text) => self.text(key, text.as_deref()),
            Err(error) => self.failed(key, &error),
        }
    }

    /// Something about `what` could not be found out.
    pub(super) fn failed(&mut self, what: &str, error: &dyn std::fmt::Display) {
        self.failures.push(format!("{what}: {error}"));
    }

    /// All that is known. This is such a place, whether or not anything of it is wanted.
    pub(super) fn outcome(self) -> Outcome {
        match self.failures.is_empty() {
            true => Outcome::Found(self.known),
            false => Outcome::Partial {
                attributes: self.known,
                failure: self.failures.join("; "),
            },
        }
    }
}

/// A document in JSON. The error never repeats what it says.
pub(super) fn document<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("the document is not of the documented form, at line {line}, column {column}")
    })
}

/// What identifies something: there, of one line, and not empty.
pub(super) fn identifier<'a>(what: &str, text: &'a str) -> Result<&'a str, String> {
    match value(text) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(format!("the document has an empty {what}")),
        Err(wrong) => Err(format!("{what}: {wrong}")),
    }
}
