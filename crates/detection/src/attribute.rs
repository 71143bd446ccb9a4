//! Attributes that detectors find, what is said of them beforehand, and which of them are wanted.

use std::collections::BTreeMap;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// Several strings.
    List(Vec<String>),
}

impl Value {
    /// How many bytes its content takes.
    pub fn bytes(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Int(_) => size_of::<i64>(),
            Value::Bool(_) => 1,
            Value::List(list) => list.iter().map(String::len).sum(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

/// An attribute that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: Value,
}

impl Attribute {
    /// The attribute `key` with this value.
    pub fn new(key: impl Into<String>, value: impl Into<Value>) -> Self {
        Attribute {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// What values of an attribute are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A string. Identifiers are strings also where they consist of digits.
    String,
    /// A whole number.
    Int,
    /// Yes or no.
    Bool,
    /// Several strings.
    Strings,
}

impl ValueType {
    /// The word of the semantic conventions.
    pub const fn as_str(self) -> &'static str {
        match self {
            ValueType::String => "string",
            ValueType::Int => "int",
            ValueType::Bool => "boolean",
            ValueType::Strings => "string[]",
        }
    }
}

/// How settled the name of an attribute is (OpenTelemetry semantic conventions, "Stability").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// It does not change any more.
    Stable,
    /// About to become stable.
    ReleaseCandidate,
    /// Changes are unlikely.
    Beta,
    /// Changes are likely.
    Alpha,
    /// It may change.
    Development,
    /// The conventions do not have it: the name is the user's, a vendor's or ours.
    Unlisted,
}

impl Stability {
    /// The word of the semantic conventions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stability::Stable => "stable",
            Stability::ReleaseCandidate => "release candidate",
            Stability::Beta => "beta",
            Stability::Alpha => "alpha",
            Stability::Development => "development",
            Stability::Unlisted => "not in the conventions",
        }
    }
}

/// What is said of an attribute beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name. One that ends in `<key>` stands for all names that begin as it does.
    pub key: &'static str,
    /// What its values are like.
    pub value: ValueType,
    /// Where it comes from.
    pub source: &'static str,
    /// How settled its name is.
    pub stability: Stability,
    /// Whether it is wanted where nothing is said.
    pub default: bool,
}

/// What the end of a name stands for in a [`Spec`] of many names.
const ANY: &str = "<key>";

impl Spec {
    /// Whether it is about the attribute `key`.
    pub fn is_about(&self, key: &str) -> bool {
        match self.key.strip_suffix(ANY) {
            Some(beginning) => key.len() > beginning.len() && key.starts_with(beginning),
            None => self.key == key,
        }
    }
}

/// Which attributes of a detector are wanted. A detector asks before it goes to any lengths, and what is not wanted is not passed on
/// in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    specs: &'static [Spec],
    switches: BTreeMap<String, bool>,
}

impl Wanted {
    /// The attributes of `specs`, with some of them switched on or off: by their own name, by that of the spec (`a.label.<key>`), or
    /// a single one of many (`a.label.team`). A switch of a name that is not in `specs` does nothing.
    pub fn new(specs: &'static [Spec], switches: BTreeMap<String, bool>) -> Self {
        Wanted { specs, switches }
    }

    /// Whether the attribute `key` is wanted.
    pub fn has(&self, key: &str) -> bool {
        if let Some(on) = self.switches.get(key) {
            return *on;
        }
        let about = |spec: &&Spec| spec.key == key || spec.is_about(key);
        self.specs.iter().find(about).is_some_and(|spec| self.is_on(spec))
    }

    /// Whether any of the attributes that `key`, the name of a spec of many, stands for is wanted.
    pub fn has_any(&self, key: &str) -> bool {
        let Some(spec) = self.specs.iter().find(|spec| spec.key == key) else {
            return false;
        };
        self.is_on(spec)
            || self
                .switches
                .iter()
                .any(|(switch, on)| *on && spec.is_about(switch))
    }

    fn is_on(&self, spec: &Spec) -> bool {
        self.switches.get(spec.key).copied().unwrap_or(spec.default)
    }
}
