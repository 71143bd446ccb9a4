//! Labels and annotations that become attributes.

use super::words::{Expression, Key};
use regex::Captures;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Whose labels or annotations are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The pod's.
    #[default]
    Pod,
    /// Its namespace's.
    Namespace,
    /// Its deployment's.
    Deployment,
    /// Its stateful set's.
    StatefulSet,
    /// Its daemon set's.
    DaemonSet,
    /// Its job's.
    Job,
    /// Its node's.
    Node,
}

impl Owner {
    /// The word for it in names of attributes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Owner::Pod => "pod",
            Owner::Namespace => "namespace",
            Owner::Deployment => "deployment",
            Owner::StatefulSet => "statefulset",
            Owner::DaemonSet => "daemonset",
            Owner::Job => "job",
            Owner::Node => "node",
        }
    }
}

/// What becomes an attribute: `{ key = "app.kubernetes.io/component", tag_name = "app.component" }`,
/// `{ key_regex = "example[.]com/(.*)", tag_name = "team.$1", from = "namespace" }`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FieldTable {
    /// The name of the attribute. With `key_regex` it has `$1`, `$2`, ... or `$name` for the groups of the expression, and `$$` for a
    /// dollar sign (which a config file writes as `$$$$`). Left out: `k8s.FROM.label.KEY` or `k8s.FROM.annotation.KEY`, as the semantic
    /// conventions have it: `k8s.pod.label.app`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_name: Option<String>,
    /// The key of the label or annotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// A regular expression that keys have to match from their beginning to their end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_regex: Option<String>,
    /// Whose it is. What is not the pod's is watched as well.
    pub from: Owner,
}

/// Which keys are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Keys {
    /// One.
    One(String),
    /// All that match.
    Matching(Expression),
}

/// A piece of the name of an attribute.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Group(usize),
}

/// What becomes an attribute, and of which name.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldConfig {
    table: FieldTable,
    keys: Keys,
    /// Nothing: the name follows from the key.
    name: Option<Vec<Piece>>,
}

impl FieldConfig {
    /// Whose label or annotation it is.
    pub const fn from(&self) -> Owner {
        self.table.from
    }

    /// Which keys are meant.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The one name that all it finds has; nothing where the name depends on the key. `word` is `label` or `annotation`.
    pub fn fixed_name(&self, word: &str) -> Option<String> {
        match (&self.keys, &self.table.tag_name) {
            (Keys::One(_), Some(name)) => Some(name.clone()),
            (Keys::One(key), None) => Some(self.usual_name(word, key)),
            (Keys::Matching(_), _) => None,
        }
    }

    /// Whether the name is written down and not made of the key.
    pub const fn is_named(&self) -> bool {
        self.table.tag_name.is_some()
    }

    /// The name of the attribute that `key` becomes; nothing: this key is not meant.
    pub fn name_of(&self, word: &str, key: &str) -> Option<String> {
        match &self.keys {
            Keys::One(one) if one != key => None,
            Keys::One(_) => self.fixed_name(word),
            Keys::Matching(expression) => {
                let found = expression.regex().captures(key)?;
                Some(match &self.name {
                    Some(pieces) => expanded(pieces, &found),
                    None => self.usual_name(word, key),
                })
            }
        }
    }

    fn usual_name(&self, word: &str, key: &str) -> String {
        format!("k8s.{}.{word}.{key}", self.from().as_str())
    }
}

fn expanded(pieces: &[Piece], found: &Captures<'_>) -> String {
    let parts = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.as_str(),
        Piece::Group(number) => found.get(*number).map_or("", |group| group.as_str()),
    });
    parts.collect()
}

impl TryFrom<FieldTable> for FieldConfig {
    type Error = String;

    fn try_from(table: FieldTable) -> Result<Self, String> {
        if table.tag_name.as_deref() == Some("") {
            return Err("`tag_name` is empty: no attribute has such a name".to_owned());
        }
        let keys = match (&table.key, &table.key_regex) {
            (Some(_), Some(_)) => {
                return Err(
                    "`key_regex` and `key` are two ways to say which one: leave one of them out".to_owned(),
                );
            }
            (None, None) => {
                return Err("a label or annotation is named by `key` or by `key_regex`".to_owned());
            }
            (Some(key), None) => Keys::One(key.as_str().to_owned()),
            (None, Some(expression)) => Keys::Matching(Expression::whole(expression)?),
        };
        let name = match (&keys, &table.tag_name) {
            (Keys::Matching(expression), Some(name)) => Some(pieces(name, expression)?),
            _ => None,
        };
        Ok(FieldConfig { table, keys, name })
    }
}

/// Takes the name of an attribute apart.
fn pieces(name: &str, expression: &Expression) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut text, mut rest) = (Vec::new(), String::new(), name);
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        if let Some(escaped) = after.strip_prefix('$') {
            text.push('$');
            rest = escaped;
            continue;
        }
        let is_number = after.starts_with(|first: char| first.is_ascii_digit());
        let within = |letter: char| match is_number {
            true => letter.is_ascii_digit(),
            false => letter.is_ascii_alphanumeric() || letter == '_',
        };
        let end = after.find(|letter| !within(letter)).unwrap_or(after.len());
        let (group, behind) = after.split_at_checked(end).unwrap_or((after, ""));
        pieces.push(Piece::Text(std::mem::take(&mut text)));
        pieces.push(Piece::Group(group_number(name, group, expression)?));
        rest = behind;
    }
    text.push_str(rest);
    if pieces.is_empty() {
        return Err(format!(
            "`{name}` would be the name of whatever `key_regex` finds: write `$1` for what stands in its first brackets, or one entry for \
             each `key`"
        ));
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

fn group_number(name: &str, group: &str, expression: &Expression) -> Result<usize, String> {
    let regex = expression.regex();
    let number = match group.parse::<usize>() {
        Ok(number) => Some(number).filter(|number| *number < regex.captures_len()),
        Err(_) => regex.capture_names().position(|known| known == Some(group)),
    };
    number.ok_or_else(|| match group {
        "" => format!(
            "`{name}` has a `$` that nothing follows: write `$1` for a group, or `$$` for a dollar sign"
        ),
        _ => format!(
            "`{name}` names a group `{group}`: `{}` has no such brackets",
            expression.as_str()
        ),
    })
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = FieldConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label or annotation to extract, which is a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldConfig, A::Error> {
        let table = FieldTable::deserialize(MapAccessDeserializer::new(map))?;
        FieldConfig::try_from(table).map_err(A::Error::custom)
    }
}

impl<'de> Deserialize<'de> for FieldConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldVisitor)
    }
}

impl Serialize for FieldConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table.serialize(serializer)
    }
}

impl JsonSchema for FieldConfig {
    fn schema_name() -> Cow<'static, str> {
        "KubernetesField".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        FieldTable::json_schema(generator)
    }
}
