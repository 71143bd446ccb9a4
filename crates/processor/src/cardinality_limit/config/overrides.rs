//! Other settings for some metrics or groups, as they are written.

use super::Series;
use super::words::{Action, Admission, Idle, MetricPattern};
use crate::matching::AttributeCondition;
use crate::wire;
use forebay_otlp::views::{Resource, View};
use forebay_otlp::{WireError, fields};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Other settings for some metrics or groups.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OverrideTable {
    /// The metrics that it is for: a name, `"glob:http.*"`, or `"regex:^http[.]"`. Left out: all metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricPattern>,
    /// The groups that it is for: conditions on attributes of the resource, all of which must hold. With `group_by`, on attributes that are
    /// named there. Left out: all groups.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub group: BTreeMap<String, AttributeCondition>,
    /// `limit` for these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Series>,
    /// `action` for these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// `admission` for these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admission: Option<Admission>,
    /// `idle_timeout` for these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Idle>,
}

/// An override that is for something, and changes something.
#[derive(Clone, Debug, PartialEq)]
pub struct OverrideConfig(OverrideTable);

impl OverrideConfig {
    /// What it says.
    pub const fn table(&self) -> &OverrideTable {
        &self.0
    }

    /// The conditions on its groups.
    pub fn conditions(&self) -> impl Iterator<Item = (&String, &AttributeCondition)> {
        self.0.group.iter()
    }

    /// Whether another one has the same conditions.
    pub(crate) fn is_for_the_same(&self, other: &OverrideConfig) -> bool {
        self.0.metric == other.0.metric && self.0.group == other.0.group
    }

    /// Whether it is for a metric of a resource.
    ///
    /// # Errors
    ///
    /// That an attribute of the resource cannot be read.
    pub fn is_for(&self, metric: &[u8], resource: Resource<'_>) -> Result<bool, WireError> {
        let named = self.0.metric.as_ref();
        if !named.is_none_or(|pattern| pattern.matches(metric)) {
            return Ok(false);
        }
        for (key, condition) in &self.0.group {
            let value = wire::attribute(resource.bytes(), fields::resource::ATTRIBUTES, key.as_bytes())?;
            if !condition.matches(value) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl TryFrom<OverrideTable> for OverrideConfig {
    type Error = &'static str;

    fn try_from(table: OverrideTable) -> Result<Self, &'static str> {
        if table.metric.is_none() && table.group.is_empty() {
            return Err(
                "an override is for some metrics, which `metric` says, or some groups, which `group` says",
            );
        }
        let changes = table.limit.is_some()
            || table.action.is_some()
            || table.admission.is_some()
            || table.idle_timeout.is_some();
        if !changes {
            return Err("an override sets one of `limit`, `action`, `admission`, `idle_timeout`");
        }
        Ok(OverrideConfig(table))
    }
}

struct OverrideVisitor;

impl<'de> Visitor<'de> for OverrideVisitor {
    type Value = OverrideConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an override, which is a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OverrideConfig, A::Error> {
        let table = OverrideTable::deserialize(MapAccessDeserializer::new(map))?;
        OverrideConfig::try_from(table).map_err(A::Error::custom)
    }
}

/// What is wrong with a whole override is found out while its table is being read: so it has the place of this table.
impl<'de> Deserialize<'de> for OverrideConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OverrideVisitor)
    }
}

impl Serialize for OverrideConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for OverrideConfig {
    fn schema_name() -> Cow<'static, str> {
        "CardinalityOverride".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        OverrideTable::json_schema(generator)
    }
}
