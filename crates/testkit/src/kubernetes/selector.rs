//! Label and field selectors, as the API server reads them.

use std::collections::BTreeMap;

/// One requirement of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// A selector: all of its requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selector(Vec<Requirement>);

impl Selector {
    /// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k`. Nothing: it is not one.
    pub(super) fn read(text: &str) -> Option<Selector> {
        let parts = split(text);
        let requirements = parts.iter().map(|part| requirement(part.trim()));
        requirements.collect::<Option<_>>().map(Selector)
    }

    /// Whether it selects what has these labels or fields. For fields (`absent_is_empty`) what is not there is an empty value.
    pub(super) fn selects(&self, values: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, of) => values.get(key).is_some_and(|value| of.contains(value)),
            Requirement::NotIn(key, of) => !values.get(key).is_some_and(|value| of.contains(value)),
            Requirement::Exists(key) => values.contains_key(key),
            Requirement::Absent(key) => !values.contains_key(key),
        })
    }
}

/// At commas that are in no brackets.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut inside = false;
    for character in text.chars() {
        inside = character == '(' || inside && character != ')';
        match (character, parts.last_mut()) {
            (',', _) if !inside => parts.push(String::new()),
            (_, Some(part)) => part.push(character),
            (_, None) => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn requirement(part: &str) -> Option<Requirement> {
    let one = |key: &str, value: &str| (key.trim().to_owned(), vec![value.trim().to_owned()]);
    if let Some((key, values)) = part.split_once(" notin ") {
        return Some(Requirement::NotIn(key.trim().to_owned(), set(values)?));
    }
    if let Some((key, values)) = part.split_once(" in ") {
        return Some(Requirement::In(key.trim().to_owned(), set(values)?));
    }
    if let Some((key, value)) = part.split_once("!=") {
        let (key, values) = one(key, value);
        return Some(Requirement::NotIn(key, values));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        let (key, values) = one(key, value);
        return Some(Requirement::In(key, values));
    }
    match part.strip_prefix('!') {
        Some(key) => Some(Requirement::Absent(key.trim().to_owned())),
        None => Some(Requirement::Exists(part.to_owned())),
    }
}

fn set(text: &str) -> Option<Vec<String>> {
    let inside = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some(inside.split(',').map(|value| value.trim().to_owned()).collect())
}
