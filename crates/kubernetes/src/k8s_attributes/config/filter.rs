//! Which pods are watched.

use super::words::{Field, Key, Namespace, Node, Value, Variable};
use forebay_core::registry::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Which pods are watched: all conditions must hold. What is not watched takes no memory, and is not found.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilterConfig {
    /// Pods on this node only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Node>,
    /// Pods on the node whose name is in this environment variable, which the pod of an agent gets from its specification
    /// (`fieldRef: { fieldPath: spec.nodeName }`). It has to be set when the process starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_from_env_var: Option<Variable>,
    /// Pods, replica sets, deployments, stateful sets, daemon sets and jobs of this namespace only: then a role of this namespace is enough
    /// for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// Conditions on labels of pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelFilter>,
    /// Conditions on fields of pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldFilter>,
}

/// What a condition on a label says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LabelOperation {
    /// The label has the value.
    #[default]
    Equals,
    /// The label has another value, or is not there.
    NotEquals,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

/// What a condition on a field says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldOperation {
    /// The field has the value.
    #[default]
    Equals,
    /// The field has another value.
    NotEquals,
}

/// A condition on a label: `{ key = "app.kubernetes.io/part-of", value = "shop" }`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelFilterTable {
    /// The key of the label.
    pub key: Key,
    /// The value, for `equals` and `not-equals`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// What is said of it.
    #[serde(default)]
    pub op: LabelOperation,
}

/// A condition on a label that says enough and not too much.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelFilter(LabelFilterTable);

impl TryFrom<LabelFilterTable> for LabelFilter {
    type Error = &'static str;

    fn try_from(table: LabelFilterTable) -> Result<Self, &'static str> {
        use LabelOperation::{DoesNotExist, Equals, Exists, NotEquals};
        match (table.op, &table.value) {
            (Equals | NotEquals, None) => Err("`value` is missing: a label is compared with one"),
            (Exists | DoesNotExist, Some(_)) => {
                Err("`value` has no meaning here: `op` asks only whether there is such a label")
            }
            _ => Ok(LabelFilter(table)),
        }
    }
}

struct LabelFilterVisitor;

impl<'de> Visitor<'de> for LabelFilterVisitor {
    type Value = LabelFilter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a condition on a label, which is a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LabelFilter, A::Error> {
        let table = LabelFilterTable::deserialize(MapAccessDeserializer::new(map))?;
        LabelFilter::try_from(table).map_err(A::Error::custom)
    }
}

impl<'de> Deserialize<'de> for LabelFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelFilterVisitor)
    }
}

impl Serialize for LabelFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for LabelFilter {
    fn schema_name() -> Cow<'static, str> {
        "KubernetesLabelFilter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        LabelFilterTable::json_schema(generator)
    }
}

/// A condition on a field: `{ key = "status.phase", value = "Running" }`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KubernetesFieldFilter")]
pub struct FieldFilter {
    /// The field: one of `metadata.name`, `metadata.namespace`, `spec.hostNetwork`, `spec.nodeName`, `spec.restartPolicy`,
    /// `spec.schedulerName`, `spec.serviceAccountName`, `status.nominatedNodeName`, `status.phase`, `status.podIP`.
    pub key: Field,
    /// The value.
    pub value: String,
    /// What is said of it.
    #[serde(default)]
    pub op: FieldOperation,
}

impl FilterConfig {
    /// The label selector, as the API writes it (Kubernetes API, "List and watch filtering"); nothing without conditions.
    pub fn label_selector(&self) -> Option<String> {
        let conditions = self.labels.iter().map(|LabelFilter(table)| {
            let (key, value) = (table.key.as_str(), table.value.as_ref().map_or("", Value::as_str));
            match table.op {
                LabelOperation::Equals => format!("{key}={value}"),
                LabelOperation::NotEquals => format!("{key}!={value}"),
                LabelOperation::Exists => key.to_owned(),
                LabelOperation::DoesNotExist => format!("!{key}"),
            }
        });
        joined(conditions)
    }

    /// The field selector, without what `node` and `namespace` say; nothing without conditions.
    pub fn field_selector(&self) -> Option<String> {
        let conditions = self.fields.iter().map(|field| {
            let sign = match field.op {
                FieldOperation::Equals => "=",
                FieldOperation::NotEquals => "!=",
            };
            format!("{}{sign}{}", field.key.as_str(), escaped(&field.value))
        });
        joined(conditions)
    }

    /// Rules between keys.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.node.is_some() && self.node_from_env_var.is_some() {
            problems.push(Problem {
                path: vec!["filter".into(), "node_from_env_var".into()],
                message: "`node` and `node_from_env_var` both say which node".to_owned(),
                help: Some("leave one of them out".to_owned()),
            });
        }
        let names = [
            (
                "spec.nodeName",
                self.node.is_some() || self.node_from_env_var.is_some(),
                "the node",
            ),
            ("metadata.namespace", self.namespace.is_some(), "the namespace"),
        ];
        for (place, field) in self.fields.iter().enumerate() {
            let equals = field.op == FieldOperation::Equals;
            let said = names
                .iter()
                .find(|(name, said, _)| equals && *said && field.key.as_str() == *name);
            problems.extend(said.map(|(name, _, what)| Problem {
                path: vec![
                    "filter".into(),
                    "fields".into(),
                    place.to_string().into(),
                    "key".into(),
                ],
                message: format!(
                    "`{name}` says once more which one is meant: another key says {what} already"
                ),
                help: Some("leave one of them out".to_owned()),
            }));
        }
        problems
    }
}

fn joined(conditions: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<String> = conditions.collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// A value in a field selector: `\`, `,` and `=` are written behind a `\`.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '\\' | ',' | '=') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
