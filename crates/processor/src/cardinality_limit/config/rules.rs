//! Rules for the attributes of data points, as they are written. A mistake in one of the keys of a table is told beginning with that key, by
//! which its place is found.

use super::words::{Keys, MetricPattern, Value};
use forebay_cardinality::rules::{AttributeRules, MetricRule, Rule, RuleError};
use forebay_core::settings::Within;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What may be done to attributes, as it is written.
const ACTIONS: [&str; 5] = ["drop", "keep", "template", "cap", "allow"];

/// A rule: one of `drop`, `keep`, `template`, `cap` and `allow`, each with the keys of attributes: one in a string, or a list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuleTable {
    /// The metrics that it is for: a name, `"glob:http.*"`, or `"regex:^http[.]"`. Left out: all metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricPattern>,
    /// Attributes of these keys are taken off: `{ drop = ["user.id", "session.id"] }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Keys>,
    /// Attributes of all other keys are taken off: `{ keep = ["http.route", "http.response.status_code"] }`. An empty list leaves one series of
    /// the metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keys>,
    /// In texts of these keys numbers, identifiers, dates and the like become `{id}` and so on, and so do the words of a place in which
    /// too many different ones have been seen: `{ template = "url.path" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Keys>,
    /// Of each of these keys there are `limit` distinct values in each metric of a group; all others become `__overflow__`:
    /// `{ cap = "client.address", limit = 100 }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<Keys>,
    /// `cap`: how many distinct values there are, 1 to 1000000. They leave after `idle_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Within<1, 1_000_000>>,
    /// Of these keys only `values` stay; all others become `__overflow__`:
    /// `{ allow = "deployment.environment.name", values = ["production", "staging"] }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Keys>,
    /// `allow`: the values that stay, which are strings, integers or booleans: `"1"` and `1` are different values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
}

impl RuleTable {
    /// What it does, and to what keys, for each action that it has.
    fn actions(&self) -> impl Iterator<Item = (&'static str, &Keys)> {
        let keys = [&self.drop, &self.keep, &self.template, &self.cap, &self.allow];
        let named = ACTIONS.into_iter().zip(keys);
        named.filter_map(|(action, keys)| Some((action, keys.as_ref()?)))
    }

    /// The only action.
    fn action(&self) -> Result<(&'static str, &Keys), String> {
        let mut actions = self.actions();
        let Some((action, keys)) = actions.next() else {
            return Err(format!(
                "a rule has one of {}",
                ACTIONS.map(|action| format!("`{action}`")).join(", ")
            ));
        };
        if let Some((second, _)) = actions.next() {
            return Err(format!(
                "`{second}` and `{action}` are two rules: write a table for each"
            ));
        }
        if keys.is_empty() && action != "keep" {
            return Err(format!("`{action}` names no attribute"));
        }
        Ok((action, keys))
    }

    /// The rule that it means.
    fn rule(&self) -> Result<Rule, String> {
        let (action, keys) = self.action()?;
        if self.limit.is_some() && action != "cap" {
            return Err(format!(
                "`limit` has no meaning for `{action}`: it belongs to `cap`"
            ));
        }
        if self.values.is_some() && action != "allow" {
            return Err(format!(
                "`values` has no meaning for `{action}`: it belongs to `allow`"
            ));
        }
        let keys = keys.all().to_vec();
        match action {
            "drop" => Ok(Rule::Drop(keys)),
            "keep" => Ok(Rule::Keep(keys)),
            "template" => Ok(Rule::Template(keys)),
            "cap" => {
                let limit = self
                    .limit
                    .ok_or("`limit` is missing: how many values `cap` lets through")?;
                let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
                Ok(Rule::Cap { keys, limit })
            }
            _ => Ok(Rule::Allow {
                keys,
                values: self.allowed()?.iter().map(Into::into).collect(),
            }),
        }
    }

    /// The values that stay.
    fn allowed(&self) -> Result<&[Value], String> {
        let values = self.values.as_deref();
        let values = values.ok_or("`values` is missing: those that `allow` lets through")?;
        if values.is_empty() {
            return Err(
                "`values` is empty: every value would become `__overflow__`, `drop` takes the attribute off"
                    .to_owned(),
            );
        }
        for (place, value) in values.iter().enumerate() {
            if values.iter().take(place).any(|before| before == value) {
                return Err("`values` has a value twice".to_owned());
            }
        }
        Ok(values)
    }
}

/// A rule that says all it must and nothing it must not.
#[derive(Clone, Debug)]
pub struct RuleConfig {
    table: RuleTable,
    rule: Rule,
}

impl RuleConfig {
    /// The rule.
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }

    fn compiled(&self) -> MetricRule {
        let metrics = self.table.metric.clone();
        MetricRule {
            metrics: metrics.map(|pattern| Arc::new(move |name: &[u8]| pattern.matches(name)) as _),
            rule: self.rule.clone(),
        }
    }

    /// Whether it is for all metrics that another is for, as far as can be told without asking each.
    fn covers(&self, other: &RuleConfig) -> bool {
        self.table.metric.is_none() || self.table.metric == other.table.metric
    }

    /// Why this rule can do nothing to a key of `later`, or nothing more, since `self` stands in the list as well.
    fn takes_away(&self, key: &str, later: &RuleConfig) -> Option<String> {
        if !self.covers(later) {
            return None;
        }
        let named = self.rule.keys().iter().any(|own| own == key);
        match (&self.rule, &later.rule) {
            (Rule::Keep(_), Rule::Drop(_)) if named => Some(format!(
                "`{key}` is kept by one rule for these metrics and taken off by another: leave it out of `keep`"
            )),
            (_, Rule::Keep(_)) | (Rule::Keep(_), Rule::Drop(_)) => None,
            (Rule::Drop(_), _) if named => {
                Some(format!("`{key}` is taken off by another rule for these metrics"))
            }
            (Rule::Keep(_), _) if !named => {
                Some(format!("`{key}` is not kept by another rule for these metrics"))
            }
            _ => None,
        }
    }
}

impl TryFrom<RuleTable> for RuleConfig {
    type Error = String;

    fn try_from(table: RuleTable) -> Result<Self, String> {
        let rule = table.rule()?;
        Ok(RuleConfig { table, rule })
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
        RuleConfig::try_from(table).map_err(A::Error::custom)
    }
}

/// What is wrong with a whole rule is found out while its table is being read: so it has the place of this table.
impl<'de> Deserialize<'de> for RuleConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RuleVisitor)
    }
}

impl PartialEq for RuleConfig {
    fn eq(&self, other: &Self) -> bool {
        self.table == other.table
    }
}

impl Serialize for RuleConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table.serialize(serializer)
    }
}

impl JsonSchema for RuleConfig {
    fn schema_name() -> Cow<'static, str> {
        "AttributeRule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        RuleTable::json_schema(generator)
    }
}

/// Rules that go together.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Vec<RuleConfig>")]
pub struct Rules(Vec<RuleConfig>);

impl Rules {
    /// The rules, in the order in which they are written.
    pub fn all(&self) -> &[RuleConfig] {
        &self.0
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules, compiled.
    ///
    /// # Errors
    ///
    /// None for rules that were read from a config, which checks them.
    pub fn compile(&self) -> Result<AttributeRules, RuleError> {
        let rules: Vec<MetricRule> = self.0.iter().map(RuleConfig::compiled).collect();
        AttributeRules::new(&rules)
    }

    /// What two of the rules say against each other.
    fn contradiction(&self) -> Option<String> {
        let others = |place: usize| {
            self.0
                .iter()
                .enumerate()
                .filter(move |(other, _)| *other != place)
        };
        for (place, rule) in self.0.iter().enumerate() {
            for key in rule.rule.keys() {
                let by_one = others(place).find_map(|(_, other)| other.takes_away(key, rule));
                let twice = others(place).any(|(_, other)| {
                    let same = std::mem::discriminant(&other.rule) == std::mem::discriminant(&rule.rule);
                    same && other.table.metric == rule.table.metric && other.rule.keys().contains(key)
                });
                let twice = twice.then(|| format!("`{key}` has two rules of one kind for the same metrics"));
                if let Some(wrong) = by_one.or(twice) {
                    return Some(wrong);
                }
            }
        }
        None
    }
}

impl TryFrom<Vec<RuleConfig>> for Rules {
    type Error = String;

    fn try_from(rules: Vec<RuleConfig>) -> Result<Self, String> {
        let rules = Rules(rules);
        if let Some(wrong) = rules.contradiction() {
            return Err(wrong);
        }
        match rules.compile() {
            Ok(_) => Ok(rules),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl JsonSchema for Rules {
    fn schema_name() -> Cow<'static, str> {
        "AttributeRules".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<RuleConfig>::json_schema(generator)
    }
}
