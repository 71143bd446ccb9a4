//! Limits on distinct values in spans and log records, as they are written.

use super::words::Key;
use forebay_core::settings::Within;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A number of distinct values.
pub type Distinct = Within<1, 1_000_000>;

/// The most attributes of one signal.
const VALUES_MAX: usize = 64;

/// How many distinct values there are, if the config does not say.
const fn usual_limit() -> Distinct {
    Within(1000)
}

/// Limits on distinct values in spans.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpansConfig {
    /// The names of spans, for each service (`service.namespace` and `service.name`) by itself. Left out: names pass as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<NameConfig>,
    /// Attributes of spans, for each service by itself.
    pub attributes: Values,
}

impl SpansConfig {
    /// Whether it limits nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_none() && self.attributes.all().is_empty()
    }

    /// The attribute that is to keep the names of spans and cannot, as it is limited itself or keeps another original.
    pub(super) fn name_in_the_way(&self) -> Option<&Key> {
        let original = self.names.as_ref()?.original.as_ref()?;
        let keeps = |value: &ValueConfig| value.original.as_ref() == Some(original);
        (self.attributes.has(original) || self.attributes.all().iter().any(keeps)).then_some(original)
    }
}

/// Limits on distinct values in log records.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogsConfig {
    /// Attributes of log records, for each service (`service.namespace` and `service.name`) by itself.
    pub attributes: Values,
}

impl LogsConfig {
    /// Whether it limits nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.attributes.all().is_empty()
    }
}

/// A limit on the names of spans.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NameConfig {
    /// How many different names each service may have, 1 to 1000000: all others become `__overflow__`. A name that was not seen for
    /// `idle_timeout` gives its place to another.
    #[serde(default = "usual_limit")]
    pub limit: Distinct,
    /// Whether numbers, identifiers, dates and the like in names become `{id}` and so on, and so do the words of a place in which too many
    /// different ones have been seen. That comes before the limit.
    #[serde(default)]
    pub template: bool,
    /// The attribute that keeps the name of a span whose name changed. Left out: it is kept nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Key>,
}

/// A limit on the values of one attribute.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueConfig {
    /// The key of the attribute.
    pub key: Key,
    /// How many different values each service may have, 1 to 1000000: all others become `__overflow__`. A value that was not seen for
    /// `idle_timeout` gives its place to another.
    #[serde(default = "usual_limit")]
    pub limit: Distinct,
    /// Whether numbers, identifiers, dates and the like in texts become `{id}` and so on, and so do the words of a place in which too many
    /// different ones have been seen. That comes before the limit.
    #[serde(default)]
    pub template: bool,
    /// The attribute that keeps the value where it changed. Left out: it is kept nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Key>,
}

/// Limits on the values of different attributes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Vec<ValueConfig>")]
pub struct Values(Vec<ValueConfig>);

impl Values {
    /// The limits, in the order in which they are written.
    pub fn all(&self) -> &[ValueConfig] {
        &self.0
    }

    /// Whether one of them is for this key.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.0.iter().any(|value| value.key == *key)
    }
}

/// A mistake is told beginning with the key that it is about, by which its place is found.
impl TryFrom<Vec<ValueConfig>> for Values {
    type Error = String;

    fn try_from(values: Vec<ValueConfig>) -> Result<Self, String> {
        if values.len() > VALUES_MAX {
            return Err(format!("there are more than {VALUES_MAX} attributes"));
        }
        let values = Values(values);
        for (place, value) in values.0.iter().enumerate() {
            let key = value.key.as_str();
            let others = values.0.iter().enumerate().filter(|(other, _)| *other != place);
            if others.clone().any(|(_, other)| other.key == value.key) {
                return Err(format!("`{key}` is limited twice"));
            }
            let Some(original) = &value.original else {
                continue;
            };
            if values.has(original) {
                return Err(format!(
                    "`{}` cannot keep what `{key}` was: its own values are limited here",
                    original.as_str()
                ));
            }
            if others
                .clone()
                .any(|(_, other)| other.original.as_ref() == Some(original))
            {
                return Err(format!("`{}` cannot keep two originals", original.as_str()));
            }
        }
        Ok(values)
    }
}

impl JsonSchema for Values {
    fn schema_name() -> Cow<'static, str> {
        "LimitedValues".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<ValueConfig>::json_schema(generator)
    }
}
