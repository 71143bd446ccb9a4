//! One policy as it is written, and the list of them.

use super::rules;
use super::words::{Context, Percent, PolicyType, StatusWord};
use forebay_core::settings::{Count, Size};
use forebay_sampling::policy::{Plan, PlanError, Policy, Rule};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A policy: its name, its type, and the keys that the type has. Of the Collector's policy `x: {type: T, T: {key: value}}` the inner keys
/// stand beside `type`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTable {
    /// Its name, in records, metrics and logs. The policies of a processor have different names.
    pub name: String,
    /// What it asks.
    #[serde(rename = "type")]
    pub kind: PolicyType,
    /// `latency`, `error_or_slow`: the least that the trace takes, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold_ms: Option<Count>,
    /// `latency`: the most that the trace takes, in milliseconds; 0 for no such bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper_threshold_ms: Option<Count>,
    /// `string_attribute`, `numeric_attribute`, `boolean_attribute`: the key of the attribute; `trace_state`: that of the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `string_attribute`, `numeric_attribute`, `boolean_attribute`: where the attribute is looked for. Left out: on resources and spans, as
    /// the Collector does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Vec<Context>>,
    /// `string_attribute`, `trace_state`: the values, of which it must be one. An attribute without text is none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// `string_attribute`: whether `values` are regular expressions, of which one must be found in the attribute; anchor them with
    /// `^` and `$`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled_regex_matching: Option<bool>,
    /// `boolean_attribute`: the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<bool>,
    /// `numeric_attribute`: the least value. Left out: no such bound; 0 is a bound like any other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_value: Option<i64>,
    /// `numeric_attribute`: the greatest value. Left out: no such bound; 0 is a bound like any other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_value: Option<i64>,
    /// `string_attribute`, `numeric_attribute`, `boolean_attribute`: keeps the traces in which no such attribute is found. Nothing more:
    /// traces in which it is found may be kept by other policies, which the Collector forbids; for that, use `drop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invert_match: Option<bool>,
    /// `status_code`: the statuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_codes: Option<Vec<StatusWord>>,
    /// `span_count`: the fewest spans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_spans: Option<Count>,
    /// `span_count`: the most spans; 0 for no such bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_spans: Option<Count>,
    /// `probabilistic`, `error_or_slow`: how many of a hundred traces are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_percentage: Option<Percent>,
    /// `probabilistic`: chooses as the Collector's policy of this salt does, bit for bit. The Collector's own default is
    /// `"default-hash-seed"`. Left out: chooses by the randomness that all samplers share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_salt: Option<String>,
    /// `rate_limiting`: the spans that pass in a second, 1 to 4294967295, in all shards together. A trace with more never passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spans_per_second: Option<Count>,
    /// `bytes_limiting`: the bytes of spans that pass in a second, in all shards together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<Size>,
    /// `bytes_limiting`: the most bytes that pass at once. A trace that is larger never passes. Left out: twice `bytes_per_second`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_capacity: Option<Size>,
    /// `and`: policies that must all say yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub and_sub_policy: Option<Vec<PolicyConfig>>,
    /// `not`: the policy that must say no. It must not limit rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_sub_policy: Option<Box<PolicyConfig>>,
    /// `drop`: policies that must all say yes. They must not limit rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_sub_policy: Option<Vec<PolicyConfig>>,
    /// `composite`: policies that share `max_total_spans_per_second`. They must not limit rates themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composite_sub_policy: Option<Vec<PolicyConfig>>,
    /// `composite`: the spans that pass in a second, 1 to 4294967295, of all its policies and in all shards together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_total_spans_per_second: Option<Count>,
    /// `composite`: the names of its policies in the order in which they are asked. Left out: as they are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_order: Option<Vec<String>>,
    /// `composite`: the share that each of its policies has in `max_total_spans_per_second`. Those that are not named have equal shares
    /// in what is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_allocation: Option<Vec<RateAllocation>>,
}

/// The share of one policy in a composite policy.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateAllocation {
    /// The name of the policy.
    pub policy: String,
    /// Its share. The shares of all are at most 100.
    pub percent: Percent,
}

/// A policy that says all it must and nothing it must not.
#[derive(Clone, Debug)]
pub struct PolicyConfig {
    table: PolicyTable,
    rule: Rule,
}

impl PolicyConfig {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.table.name
    }

    /// What it asks.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    fn policy(&self) -> Policy {
        Policy {
            name: self.table.name.clone(),
            rule: self.rule.clone(),
        }
    }
}

impl TryFrom<PolicyTable> for PolicyConfig {
    type Error = String;

    fn try_from(table: PolicyTable) -> Result<Self, String> {
        let rule = rules::rule(&table)?;
        let policy = PolicyConfig { table, rule };
        match Plan::new(&[policy.policy()]) {
            Ok(_) => Ok(policy),
            Err(error) => Err(error.to_string()),
        }
    }
}

struct PolicyVisitor;

impl<'de> Visitor<'de> for PolicyVisitor {
    type Value = PolicyConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy, which is a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PolicyConfig, A::Error> {
        let table = PolicyTable::deserialize(MapAccessDeserializer::new(map))?;
        PolicyConfig::try_from(table).map_err(A::Error::custom)
    }
}

/// What is wrong with a whole policy is found out while its table is being read, not after: so it has the place of this table, and not
/// that of the list which the table stands in.
impl<'de> Deserialize<'de> for PolicyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PolicyVisitor)
    }
}

impl PartialEq for PolicyConfig {
    fn eq(&self, other: &Self) -> bool {
        self.table == other.table
    }
}

impl Serialize for PolicyConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table.serialize(serializer)
    }
}

impl JsonSchema for PolicyConfig {
    fn schema_name() -> Cow<'static, str> {
        "SamplingPolicy".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        PolicyTable::json_schema(generator)
    }
}

/// The policies of a processor: at least one, with different names, which go together.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Vec<PolicyConfig>")]
pub struct Policies(Vec<PolicyConfig>);

impl Policies {
    /// The policies, in the order in which they are written.
    pub fn all(&self) -> &[PolicyConfig] {
        &self.0
    }

    /// The policies, compiled.
    pub(super) fn plan(&self) -> Result<Plan, PlanError> {
        let policies: Vec<Policy> = self.0.iter().map(PolicyConfig::policy).collect();
        Plan::new(&policies)
    }
}

/// One policy `error_or_slow`.
impl Default for Policies {
    fn default() -> Self {
        let name = PolicyType::ErrorOrSlow.word().to_owned();
        let table = PolicyTable::new(name, PolicyType::ErrorOrSlow);
        Policies(PolicyConfig::try_from(table).into_iter().collect())
    }
}

impl TryFrom<Vec<PolicyConfig>> for Policies {
    type Error = String;

    fn try_from(policies: Vec<PolicyConfig>) -> Result<Self, String> {
        if policies.is_empty() {
            return Err(
                "without a policy nothing is kept: leave `policies` out for the default ones".to_owned(),
            );
        }
        rules::all_named_apart(&policies)?;
        let policies = Policies(policies);
        match policies.plan() {
            Ok(_) => Ok(policies),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Serialize for Policies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for Policies {
    fn schema_name() -> Cow<'static, str> {
        "SamplingPolicies".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<PolicyConfig>::json_schema(generator)
    }
}

impl PolicyTable {
    /// A policy that says nothing but its type.
    fn new(name: String, kind: PolicyType) -> PolicyTable {
        PolicyTable {
            name,
            kind,
            threshold_ms: None,
            upper_threshold_ms: None,
            key: None,
            context: None,
            values: None,
            enabled_regex_matching: None,
            value: None,
            min_value: None,
            max_value: None,
            invert_match: None,
            status_codes: None,
            min_spans: None,
            max_spans: None,
            sampling_percentage: None,
            hash_salt: None,
            spans_per_second: None,
            bytes_per_second: None,
            burst_capacity: None,
            and_sub_policy: None,
            not_sub_policy: None,
            drop_sub_policy: None,
            composite_sub_policy: None,
            max_total_spans_per_second: None,
            policy_order: None,
            rate_allocation: None,
        }
    }
}
