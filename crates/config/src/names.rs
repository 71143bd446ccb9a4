//! Names of nodes and pipelines, and references to them.

use crate::spec::Reference;
use forebay_core::{Diagnostic, Place};
use std::collections::BTreeMap;

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

/// Reads `name` or `name.port`.
pub(crate) fn reference(text: &str, place: Place) -> Result<Reference, Box<Diagnostic>> {
    let (name, port) = match text.split_once('.') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    if !is_name(name) || port.is_some_and(|port| !is_name(port)) {
        let problem = match text {
            "" => Diagnostic::error("the name of a node or a pipeline is left out"),
            _ => Diagnostic::error(format!(
                "`{text}` is not the name of a node, a port or a pipeline"
            )),
        };
        return Err(Box::new(problem.at(place).help(
            "write a name, or a name, a dot and a signal or a port: `otlp` or `otlp.traces`",
        )));
    }
    Ok(Reference {
        name: name.to_owned(),
        port: port.map(str::to_owned),
        place,
    })
}
