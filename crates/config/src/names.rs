//! Names of nodes and pipelines, and references to them.

use crate::spec::Reference;
use forebay_core::{Diagnostic, Place};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;

/// What a name can belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Receiver,
    Processor,
    Exporter,
    Pipeline,
}

impl Owner {
    fn words(self) -> &'static str {
        match self {
            Owner::Receiver => "a receiver",
            Owner::Processor => "a processor",
            Owner::Exporter => "an exporter",
            Owner::Pipeline => "a pipeline",
        }
    }
}

/// The names that are taken. Each belongs to one node or pipeline of the whole config, since `from = ["x"]` could mean
/// any of them.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<String, (Owner, Place)>);

impl Names {
    /// Takes a name, or says what is wrong with it.
    pub(crate) fn claim(&mut self, name: &str, owner: Owner, place: &Place) -> Result<(), Box<Diagnostic>> {
        if !is_name(name) {
            return Err(Box::new(bad_name(name).at(place.clone())));
        }
        let Some((other, first)) = self.0.get(name) else {
            self.0.insert(name.to_owned(), (owner, place.clone()));
            return Ok(());
        };
        let problem = if *other == owner {
            Diagnostic::error(format!("{} `{name}` is defined twice", bare(owner)))
        } else {
            let message = format!("`{name}` names {} and {}", other.words(), owner.words());
            let advice = match owner {
                Owner::Pipeline => "give the pipeline another name".to_owned(),
                _ => format!(
                    "give one of them another name; its component is then chosen with `type = \"{name}\"`"
                ),
            };
            Diagnostic::error(message).help(advice)
        };
        let first_words = format!("the name of {}", other.words());
        Err(Box::new(
            problem.at(place.clone()).related(first.clone(), first_words),
        ))
    }
}

fn bare(owner: Owner) -> &'static str {
    owner.words().split_once(' ').map_or("", |(_, word)| word)
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(allowed)
}

fn bad_name(name: &str) -> Diagnostic {
    let why = if name.contains('.') {
        "a dot in a reference separates a node from its port, so a name cannot have one"
    } else {
        "names are lowercase letters, digits, `_` and `-`"
    };
    Diagnostic::error(format!("`{name}` cannot be a name")).help(why)
}

/// `name` or `name.port`, as it is written in `from`, `via` and `to`.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    name: String,
    port: Option<String>,
}

impl Word {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, port) = match text.split_once('.') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        };
        if text.is_empty() {
            Err("the name of a node or a pipeline is left out".to_owned())
        } else if is_name(name) && port.is_none_or(is_name) {
            Ok(Word {
                name: name.to_owned(),
                port: port.map(str::to_owned),
            })
        } else {
            Err(format!(
                "`{text}` is not the name of a node, a port or a pipeline: write `name`, `name.signal` or `name.port`"
            ))
        }
    }

    pub(crate) fn at(self, place: Place) -> Reference {
        Reference {
            name: self.name,
            port: self.port,
            place,
        }
    }
}

/// Parses inside a visitor: only there does an error keep the place of an element of an array.
struct WordVisitor;

impl Visitor<'_> for WordVisitor {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a node, a port or a pipeline")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
        Word::parse(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(WordVisitor)
    }
}
