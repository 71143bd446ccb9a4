//! Rules for the attributes of data points, applied before anything is limited: keys that are dropped or kept, values that are templated,
//! capped or allowed.
//!
//! A rule names keys exactly. What it does to one attribute does not depend on the others, and so a list of rules comes to a short
//! program for each key that is named, and one answer for all other keys: [`AttributeRules`]. A set of attributes is gone through once,
//! and copied only from where something changes on: [`Rewritten`].
//!
//! **Duplicates.** Keys of a set are unique by the specification (common/README.md, "Attribute Collections"), but not on the wire. Where a key
//! occurs twice and a rule changes its values, the first one counts, as it does for readers, and the others go: they must not
//! take up places of a cap. Rules that drop and keep look at each occurrence by itself.

mod pass;
mod rewritten;
mod state;

#[cfg(test)]
mod tests;

pub use pass::RuleContext;
pub use rewritten::Rewritten;
pub use state::{RuleState, Template};

use forebay_otlp::edit::AttributeValue;
use std::fmt;

/// What takes the place of a value that has none of its own.
pub const OVERFLOW_VALUE: &str = "__overflow__";

/// The most keys whose values the rules of one list change.
pub const CHANGED_KEYS_MAX: usize = 64;

/// What happens to some attributes.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// Attributes with these keys go.
    Drop(Vec<String>),
    /// Attributes with other keys go.
    Keep(Vec<String>),
    /// Numbers, identifiers and the like in the text of this key become placeholders. Values that are no text stay.
    Template(String),
    /// Only so many distinct values of this key: what comes when there are so many becomes [`OVERFLOW_VALUE`].
    Cap {
        /// The key.
        key: String,
        /// How many values there may be.
        limit: usize,
    },
    /// Only these values of this key: others become [`OVERFLOW_VALUE`].
    Allow {
        /// The key.
        key: String,
        /// The values. The text `1` and the number 1 are different.
        values: Vec<AllowedValue>,
    },
}

/// A value that a rule allows.
#[derive(Clone, Debug, PartialEq)]
pub enum AllowedValue {
    /// A string.
    Text(String),
    /// An integer.
    Int(i64),
    /// A boolean.
    Bool(bool),
}

impl AllowedValue {
    /// The body of the `AnyValue`.
    fn encoded(&self) -> Box<[u8]> {
        let value = match self {
            AllowedValue::Text(text) => AttributeValue::String(text),
            AllowedValue::Int(number) => AttributeValue::Int(*number),
            AllowedValue::Bool(truth) => AttributeValue::Bool(*truth),
        };
        let mut body = Vec::with_capacity(value.encoded_len());
        value.encode(&mut body);
        body.into()
    }
}

/// Rules that cannot be taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// They change the values of more than [`CHANGED_KEYS_MAX`] keys.
    TooManyKeys,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleError::TooManyKeys => write!(
                f,
                "the values of more than {CHANGED_KEYS_MAX} keys are templated, capped or allowed"
            ),
        }
    }
}

impl std::error::Error for RuleError {}

/// Rules for attributes, compiled. They keep what they have seen in a [`RuleState`].
#[derive(Clone, Debug, Default)]
pub struct AttributeRules {
    /// The keys that rules name, by length and then by their bytes.
    named: Box<[Named]>,
    /// The lengths modulo 64 of these keys: most other keys are told by this alone.
    lengths: u64,
    /// Whether attributes that no rule names go.
    others_go: bool,
    /// How many distinct values each cap lets through, in the order of the rules.
    caps: Box<[usize]>,
    templates: usize,
}

/// A key that rules name.
#[derive(Clone, Debug)]
struct Named {
    key: Box<[u8]>,
    then: Then,
}

/// What happens to attributes of one key.
#[derive(Clone, Debug)]
enum Then {
    Go,
    Stay,
    /// The steps in turn. The number is that of the key among those whose values change.
    Change(u32, Box<[Step]>),
}

/// What is done to one value.
#[derive(Clone, Debug)]
enum Step {
    /// By the templater of this number.
    Template(usize),
    /// By the cap of this number.
    Cap(usize),
    /// The bodies of the `AnyValue` messages that are allowed, sorted.
    Allow(Box<[Box<[u8]>]>),
}

impl AttributeRules {
    /// Compiles rules. Of several rules for one key each sees what the ones before it made of the value. Where one of them drops the
    /// attribute, the others do nothing.
    ///
    /// # Errors
    ///
    /// Too many keys.
    pub fn new(rules: &[Rule]) -> Result<Self, RuleError> {
        let mut keys: Vec<&str> = rules.iter().flat_map(Rule::keys).map(String::as_str).collect();
        keys.sort_unstable_by_key(|key| (key.len(), *key));
        keys.dedup();
        let mut compiled = AttributeRules {
            lengths: keys
                .iter()
                .fold(0, |lengths, key| lengths | length_bit(key.len())),
            others_go: rules.iter().any(|rule| matches!(rule, Rule::Keep(_))),
            ..AttributeRules::default()
        };
        let (mut caps, mut named, mut changed) = (Vec::new(), Vec::new(), 0);
        for key in keys {
            let then = if rules.iter().any(|rule| rule.drops(key)) {
                Then::Go
            } else {
                let steps = compiled.steps(rules, key, &mut caps);
                changed += u32::from(!steps.is_empty());
                if steps.is_empty() {
                    Then::Stay
                } else {
                    Then::Change(changed - 1, steps)
                }
            };
            let key = key.as_bytes().into();
            named.push(Named { key, then });
        }
        if changed as usize > CHANGED_KEYS_MAX {
            return Err(RuleError::TooManyKeys);
        }
        compiled.named = named.into();
        compiled.caps = caps.into();
        Ok(compiled)
    }

    /// Whether there is nothing to be done to any attribute.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && !self.others_go
    }

    /// Whether no attribute is left of any set: a rule keeps no key.
    pub fn keeps_nothing(&self) -> bool {
        self.others_go && self.named.iter().all(|named| matches!(named.then, Then::Go))
    }

    /// What the rules do to the values of one key.
    fn steps(&mut self, rules: &[Rule], key: &str, caps: &mut Vec<usize>) -> Box<[Step]> {
        let mut steps = Vec::new();
        for rule in rules {
            match rule {
                Rule::Template(named) if named == key => {
                    steps.push(Step::Template(self.templates));
                    self.templates += 1;
                }
                Rule::Cap { key: named, limit } if named == key => {
                    steps.push(Step::Cap(caps.len()));
                    caps.push(*limit);
                }
                Rule::Allow { key: named, values } if named == key => {
                    let mut values: Vec<_> = values.iter().map(AllowedValue::encoded).collect();
                    values.sort_unstable();
                    steps.push(Step::Allow(values.into()));
                }
                _ => {}
            }
        }
        steps.into()
    }

    /// The place of a key among those that rules name.
    #[inline]
    fn named(&self, key: &[u8]) -> Option<&Named> {
        if self.lengths & length_bit(key.len()) == 0 {
            return None;
        }
        let place = self
            .named
            .binary_search_by(|named| (named.key.len().cmp(&key.len())).then_with(|| (*named.key).cmp(key)));
        self.named.get(place.ok()?)
    }
}

const fn length_bit(length: usize) -> u64 {
    1 << (length & 63)
}

impl Rule {
    /// The keys that it names.
    pub fn keys(&self) -> &[String] {
        match self {
            Rule::Drop(keys) | Rule::Keep(keys) => keys,
            Rule::Template(key) | Rule::Cap { key, .. } | Rule::Allow { key, .. } => {
                std::slice::from_ref(key)
            }
        }
    }

    /// Whether an attribute of this key goes.
    fn drops(&self, key: &str) -> bool {
        match self {
            Rule::Drop(keys) => keys.iter().any(|named| named == key),
            Rule::Keep(keys) => keys.iter().all(|named| named != key),
            _ => false,
        }
    }
}
