//! How the pod is found that a resource came from.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// The most sources of one rule.
pub const SOURCES_MAX: usize = 4;

/// The attribute that has the name of a pod.
pub const POD_NAME: &str = "k8s.pod.name";
/// The attribute that has the name of a namespace.
pub const NAMESPACE: &str = "k8s.namespace.name";

/// Attributes that tell one pod from all others by themselves.
const IDENTITIES: [&str; 4] = ["k8s.pod.ip", "k8s.pod.uid", "container.id", "host.name"];

/// Where a source takes its value from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// The address that the request came from. Nodes before this one that keep data for a while or put it together forget it.
    Connection,
    /// The attribute `name` of the resource.
    ResourceAttribute,
}

/// A source: `{ from = "connection" }`, `{ from = "resource_attribute", name = "k8s.pod.uid" }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceTable {
    /// Where the value comes from.
    pub from: From,
    /// The attribute, for `resource_attribute`. `k8s.pod.ip`, `k8s.pod.uid`, `container.id`, `host.name` (where it is an address) and
    /// `k8s.pod.name` together with `k8s.namespace.name` say which pod; others that are extracted must agree with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A source that says what it compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The address that the request came from.
    Connection,
    /// An attribute of the resource.
    Attribute(String),
}

impl Source {
    /// The attribute, if it is one.
    pub fn attribute(&self) -> Option<&str> {
        match self {
            Source::Connection => None,
            Source::Attribute(name) => Some(name),
        }
    }

    /// Whether it says by itself which pod is meant.
    pub fn identifies(&self) -> bool {
        self.attribute().is_none_or(|name| IDENTITIES.contains(&name))
    }

    /// Whether it is an attribute that every pod has, be it extracted or not.
    pub fn is_always_known(&self) -> bool {
        self.identifies()
            || self
                .attribute()
                .is_some_and(|name| [POD_NAME, NAMESPACE].contains(&name))
    }

    fn table(&self) -> SourceTable {
        match self {
            Source::Connection => SourceTable {
                from: From::Connection,
                name: None,
            },
            Source::Attribute(name) => SourceTable {
                from: From::ResourceAttribute,
                name: Some(name.clone()),
            },
        }
    }
}

impl TryFrom<SourceTable> for Source {
    type Error = &'static str;

    fn try_from(table: SourceTable) -> Result<Self, &'static str> {
        match (table.from, table.name) {
            (From::Connection, None) => Ok(Source::Connection),
            (From::Connection, Some(_)) => {
                Err("`name` has no meaning here: a connection has an address only")
            }
            (From::ResourceAttribute, Some(name)) if !name.is_empty() => Ok(Source::Attribute(name)),
            (From::ResourceAttribute, _) => Err("`name` is missing: it says which attribute of the resource"),
        }
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Source;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a source, which is a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
        let table = SourceTable::deserialize(MapAccessDeserializer::new(map))?;
        Source::try_from(table).map_err(A::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SourceVisitor)
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table().serialize(serializer)
    }
}

impl JsonSchema for Source {
    fn schema_name() -> Cow<'static, str> {
        "PodAssociationSource".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        SourceTable::json_schema(generator)
    }
}

/// A rule, as it is written.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTable {
    /// What has to be there and to belong to one pod: 1 to 4 sources.
    pub sources: Vec<Source>,
}

/// A rule that can find a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleConfig(RuleTable);

impl RuleConfig {
    /// The rule of these sources.
    ///
    /// # Errors
    ///
    /// Why they make none.
    pub fn new(sources: Vec<Source>) -> Result<Self, String> {
        let names = |source: &Source| source.attribute().unwrap_or("connection").to_owned();
        if sources.is_empty() {
            return Err("`sources` is empty: the rule would find no pod".to_owned());
        }
        if sources.len() > SOURCES_MAX {
            return Err(format!(
                "`sources` has {} sources: a rule has {SOURCES_MAX} at most",
                sources.len()
            ));
        }
        for (place, source) in sources.iter().enumerate() {
            if sources.iter().take(place).any(|other| other == source) {
                return Err(format!("`sources` has `{}` twice", names(source)));
            }
        }
        let named = sources.iter().any(|source| source.attribute() == Some(POD_NAME));
        if !named && !sources.iter().any(Source::identifies) {
            let all: Vec<String> = sources
                .iter()
                .map(|source| format!("`{}`", names(source)))
                .collect();
            return Err(format!(
                "`sources` cannot tell one pod from others by {}: add `connection`, or one of the attributes `k8s.pod.ip`, \
                 `k8s.pod.uid`, `container.id`, `host.name` and `k8s.pod.name`",
                all.join(" and ")
            ));
        }
        Ok(RuleConfig(RuleTable { sources }))
    }

    /// The sources.
    pub fn sources(&self) -> &[Source] {
        &self.0.sources
    }

    /// Whether the rule can only find a pod by its name, and says nothing of the namespace.
    pub fn lacks_namespace(&self) -> bool {
        let has = |name: &str| {
            self.sources()
                .iter()
                .any(|source| source.attribute() == Some(name))
        };
        has(POD_NAME) && !has(NAMESPACE) && !self.sources().iter().any(Source::identifies)
    }

    /// Whether whatever this rule needs the other one needs as well: behind this one the other never finds anything more.
    pub fn covers(&self, other: &RuleConfig) -> bool {
        self.sources()
            .iter()
            .all(|source| other.sources().contains(source))
    }
}

struct RuleVisitor;

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = RuleConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rule, which is a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RuleConfig, A::Error> {
        let table = RuleTable::deserialize(MapAccessDeserializer::new(map))?;
        RuleConfig::new(table.sources).map_err(A::Error::custom)
    }
}

impl<'de> Deserialize<'de> for RuleConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RuleVisitor)
    }
}

impl Serialize for RuleConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for RuleConfig {
    fn schema_name() -> Cow<'static, str> {
        "PodAssociation".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        RuleTable::json_schema(generator)
    }
}
