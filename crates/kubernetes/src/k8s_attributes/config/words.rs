//! The words that configs of Kubernetes are written with: each knows what an API server would refuse.

use forebay_core::settings::Period;
use regex::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;

/// The most memory that one compiled regular expression, and one of its lookup caches, may take, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// The longest name of a namespace, and of the part of a key behind the `/` (RFC 1123, "label").
const LABEL_MAX: usize = 63;
/// The longest name of a node, and of the part of a key before the `/` (RFC 1123, "subdomain").
const SUBDOMAIN_MAX: usize = 253;

/// What makes a text a word of one kind.
pub trait Rule {
    /// What such a word is called.
    const WHAT: &'static str;
    /// What is wrong with `text`, if anything.
    fn check(text: &str) -> Result<(), &'static str>;
}

/// A text that keeps to a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Word<R>(String, std::marker::PhantomData<R>);

impl<R: Rule> Word<R> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a text.
    ///
    /// # Errors
    ///
    /// Words that say what is wrong with it.
    pub fn new(text: String) -> Result<Self, String> {
        match R::check(&text) {
            Ok(()) => Ok(Word(text, std::marker::PhantomData)),
            Err(why) => Err(format!("`{text}` is not {}: {why}", R::WHAT)),
        }
    }
}

impl<R> Clone for Word<R> {
    fn clone(&self) -> Self {
        Word(self.0.clone(), std::marker::PhantomData)
    }
}

impl<'de, R: Rule> Deserialize<'de> for Word<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Word::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<R> Serialize for Word<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<R> JsonSchema for Word<R> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// The name of a namespace.
#[derive(Debug, PartialEq, Eq)]
pub struct NamespaceRule;

impl Rule for NamespaceRule {
    const WHAT: &'static str = "the name of a namespace";

    fn check(text: &str) -> Result<(), &'static str> {
        dns_label(text)
    }
}

/// The name of a node.
#[derive(Debug, PartialEq, Eq)]
pub struct NodeRule;

impl Rule for NodeRule {
    const WHAT: &'static str = "the name of a node";

    fn check(text: &str) -> Result<(), &'static str> {
        dns_subdomain(text)
    }
}

/// The name of an environment variable.
#[derive(Debug, PartialEq, Eq)]
pub struct VariableRule;

impl Rule for VariableRule {
    const WHAT: &'static str = "the name of an environment variable";

    fn check(text: &str) -> Result<(), &'static str> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        match text.bytes().all(letter) && !text.is_empty() {
            true => Ok(()),
            false => Err("it has letters, digits and `_`, and nothing else"),
        }
    }
}

/// The key of a label or an annotation.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyRule;

impl Rule for KeyRule {
    const WHAT: &'static str = "the key of a label or an annotation";

    fn check(text: &str) -> Result<(), &'static str> {
        let (prefix, name) = match text.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, text),
        };
        prefix.map_or(Ok(()), dns_subdomain)?;
        match name.is_empty() {
            true => Err("it has no name"),
            false => label_word(name),
        }
    }
}

/// The value of a label.
#[derive(Debug, PartialEq, Eq)]
pub struct ValueRule;

impl Rule for ValueRule {
    const WHAT: &'static str = "the value of a label";

    fn check(text: &str) -> Result<(), &'static str> {
        if text.is_empty() { Ok(()) } else { label_word(text) }
    }
}

/// A field of pods that an API server selects by.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldRule;

/// The fields by which pods can be selected (Kubernetes documentation, "Field Selectors").
const FIELDS: [&str; 10] = [
    "metadata.name",
    "metadata.namespace",
    "spec.hostNetwork",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.nominatedNodeName",
    "status.phase",
    "status.podIP",
];

impl Rule for FieldRule {
    const WHAT: &'static str = "a field by which pods can be selected";

    fn check(text: &str) -> Result<(), &'static str> {
        match FIELDS.contains(&text) {
            true => Ok(()),
            false => Err(
                "these are `metadata.name`, `metadata.namespace`, `spec.hostNetwork`, `spec.nodeName`, `spec.restartPolicy`, \
                 `spec.schedulerName`, `spec.serviceAccountName`, `status.nominatedNodeName`, `status.phase` and `status.podIP`",
            ),
        }
    }
}

/// Where an API server is.
#[derive(Debug, PartialEq, Eq)]
pub struct ServerRule;

impl Rule for ServerRule {
    const WHAT: &'static str = "the address of an API server";

    fn check(text: &str) -> Result<(), &'static str> {
        let address: http::Uri = text.parse().map_err(|_| "write \"https://HOST:PORT\"")?;
        let known = matches!(address.scheme_str(), Some("https" | "http"));
        let plain = address.path_and_query().is_none_or(|path| path.query().is_none());
        match known && plain && address.host().is_some_and(|host| !host.is_empty()) {
            true => Ok(()),
            false => Err("write \"https://HOST:PORT\""),
        }
    }
}

/// The name of a namespace.
pub type Namespace = Word<NamespaceRule>;
/// The name of a node.
pub type Node = Word<NodeRule>;
/// The name of an environment variable.
pub type Variable = Word<VariableRule>;
/// The key of a label or an annotation.
pub type Key = Word<KeyRule>;
/// The value of a label.
pub type Value = Word<ValueRule>;
/// A field of pods.
pub type Field = Word<FieldRule>;
/// Where an API server is.
pub type ApiServer = Word<ServerRule>;

/// A word of labels: letters, digits, `-`, `_` and `.`, a letter or digit at both ends.
fn label_word(text: &str) -> Result<(), &'static str> {
    if text.len() > LABEL_MAX {
        return Err("it has more than 63 characters");
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    {
        return Err("it has letters, digits, `-`, `_` and `.`, and nothing else");
    }
    has_ends(text, |byte| byte.is_ascii_alphanumeric())
}

fn dns_label(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > LABEL_MAX {
        return Err("it has 1 to 63 characters");
    }
    dns_word(text)
}

fn dns_subdomain(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > SUBDOMAIN_MAX {
        return Err("it is a domain name of 1 to 253 characters");
    }
    text.split('.').try_for_each(dns_word)
}

fn dns_word(text: &str) -> Result<(), &'static str> {
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        return Err("it has small letters, digits and `-`, and nothing else");
    }
    has_ends(text, |byte| byte.is_ascii_alphanumeric())
}

fn has_ends(text: &str, good: impl Fn(u8) -> bool) -> Result<(), &'static str> {
    let (first, last) = (text.bytes().next(), text.bytes().next_back());
    match first.is_some_and(&good) && last.is_some_and(&good) {
        true => Ok(()),
        false => Err("it begins and ends with a letter or a digit"),
    }
}

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Expression {
    written: String,
    regex: Regex,
}

impl Expression {
    /// Compiles an expression that is looked for anywhere in a text.
    ///
    /// # Errors
    ///
    /// Words that say what is wrong with it.
    pub fn anywhere(written: &str) -> Result<Self, String> {
        Expression::compile(written, written)
    }

    /// Compiles an expression that has to match texts as a whole.
    ///
    /// # Errors
    ///
    /// Words that say what is wrong with it.
    pub fn whole(written: &str) -> Result<Self, String> {
        // Brackets that do not match may do so with the ones around it.
        Expression::compile(written, written)?;
        Expression::compile(written, &format!("^(?:{written})$"))
    }

    fn compile(written: &str, expression: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(expression)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build();
        match built {
            Ok(regex) => Ok(Expression {
                written: written.to_owned(),
                regex,
            }),
            Err(error) => {
                // A syntax error comes with a drawing of the expression above its last line.
                let words = error.to_string();
                let last = words.lines().last().unwrap_or_default();
                let reason = last.trim_start_matches("error: ");
                Err(format!(
                    "`{written}` is not a regular expression that can be used: {reason}"
                ))
            }
        }
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The compiled expression.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written && self.regex.as_str() == other.regex.as_str()
    }
}

/// A period from `LEAST` to `MOST` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Seconds<const LEAST: u64, const MOST: u64>(Period);

impl<const LEAST: u64, const MOST: u64> Seconds<LEAST, MOST> {
    /// So many seconds.
    pub const fn of(seconds: u64) -> Self {
        Seconds(Period(Duration::from_secs(seconds)))
    }

    /// The period.
    pub const fn get(self) -> Duration {
        self.0.0
    }
}

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Seconds<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let period = Period::deserialize(deserializer)?;
        let [least, most] = [LEAST, MOST].map(Duration::from_secs);
        match (least..=most).contains(&period.0) {
            true => Ok(Seconds(period)),
            false => Err(D::Error::custom(format!(
                "`{period}` cannot be given here: give {} to {}",
                Period(least),
                Period(most)
            ))),
        }
    }
}

impl<const LEAST: u64, const MOST: u64> JsonSchema for Seconds<LEAST, MOST> {
    fn schema_name() -> Cow<'static, str> {
        Period::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Period::json_schema(generator)
    }
}
