//! What the user writes.

mod overrides;
mod rules;
mod values;
mod words;

#[cfg(test)]
mod tests;

pub use overrides::{OverrideConfig, OverrideTable};
pub use rules::{RuleConfig, RuleTable, Rules};
pub use values::{Distinct, LogsConfig, NameConfig, SpansConfig, ValueConfig, Values};
pub use words::{Action, Admission, Idle, Key, Keys, MetricPattern, Value};

use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{Budget, Ratio, Within};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most that any limit may be.
pub const LIMIT_MAX: u64 = 100_000_000;

/// A number of series.
pub type Series = Within<1, LIMIT_MAX>;

/// The config of a `cardinality_limit` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CardinalityLimitConfig {
    /// How many live series each metric may have in each group, 1 to 100000000: the others share its overflow series, which has
    /// `otel.metric.overflow = true` as its only attribute. The default is that of SDKs (metrics SDK, "Cardinality limits").
    pub limit: Series,
    /// The attributes of the resource that make a group, such as `["service.namespace", "service.name"]`: resources that have them in
    /// common share their limits. Left out: each resource is a group by itself, so that a fleet has as many times `limit` as it has
    /// instances. A resource that lacks one is like one in which it is empty.
    pub group_by: Keys,
    /// How many live series a group may have over all its metrics, 1 to 100000000. Left out: no such limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_limit: Option<Series>,
    /// How many live series there may be in all, 1 to 100000000.
    pub total_limit: Series,
    /// The most memory that all it remembers takes: a size, or a share of the memory budget of the process. Once it is full, series that are
    /// not known yet find no place. A quarter of it is for `spans` and a quarter for `logs`, where these are limited.
    pub max_bytes: Budget,
    /// A series that has had no point for so long gives its place to one that needs it: 1s to 7d. Longer than the longest interval at
    /// which a sender exports. Values of attributes leave in the same way.
    pub idle_timeout: Idle,
    /// Who gets a place while there are any.
    pub admission: Admission,
    /// What happens to a point whose series has no place.
    pub action: Action,
    /// How many exemplars an overflow point keeps at most of those that came with the points it is made of: 0 to 64.
    pub exemplars: Within<0, 64>,
    /// How many values of an attribute reports show as examples: 0 to 3. Values may be personal data; 0 shows none, and keeps none.
    pub examples: Within<0, 3>,
    /// What happens to the attributes of data points before anything is limited, at most 64 rules, in this order. Each has one of `drop`,
    /// `keep`, `template`, `cap` and `allow`. Points that become one series by them are added up like those of an overflow series.
    #[serde(skip_serializing_if = "Rules::is_empty")]
    pub rules: Rules,
    /// Other settings for some metrics or groups. For each metric of a group the first one counts that is for it; what that does not say
    /// is as in general.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<OverrideConfig>,
    /// Limits on distinct values in spans, so that metrics which are made of spans stay small. Left out: spans pass as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spans: Option<SpansConfig>,
    /// Limits on distinct values in log records. Left out: log records pass as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<LogsConfig>,
}

impl Default for CardinalityLimitConfig {
    fn default() -> Self {
        CardinalityLimitConfig {
            limit: Within(2000),
            group_by: Keys::default(),
            group_limit: None,
            total_limit: Within(1_000_000),
            max_bytes: Budget::Share(Ratio(0.1)),
            idle_timeout: Idle::default(),
            admission: Admission::default(),
            action: Action::default(),
            exemplars: Within(4),
            examples: Within(3),
            rules: Rules::default(),
            overrides: Vec::new(),
            spans: None,
            logs: None,
        }
    }
}

impl Config for CardinalityLimitConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = self.unreachable_limits();
        problems.extend(self.wrong_overrides());
        let nothing = |key: &'static str, what: &str| Problem {
            path: vec![key.into()],
            message: format!("nothing is limited in {what}"),
            help: Some(format!(
                "name an attribute in `attributes`, or leave the table out: then {what} pass as they are"
            )),
        };
        if self.spans.as_ref().is_some_and(SpansConfig::is_empty) {
            problems.push(nothing("spans", "spans"));
        }
        if self.logs.as_ref().is_some_and(LogsConfig::is_empty) {
            problems.push(nothing("logs", "log records"));
        }
        if let Some(key) = self.spans.as_ref().and_then(SpansConfig::name_in_the_way) {
            problems.push(Problem {
                path: vec!["spans".into(), "names".into()],
                message: format!(
                    "`{}` cannot keep the names of spans: `attributes` says something else of it",
                    key.as_str()
                ),
                help: Some("give `original` another key".to_owned()),
            });
        }
        problems
    }
}

impl CardinalityLimitConfig {
    /// Limits that nothing can come near, because a wider one is lower.
    fn unreachable_limits(&self) -> Vec<Problem> {
        let group = self.group_limit.map(|limit| limit.0);
        let (limit, total) = (self.limit.0, self.total_limit.0);
        let problem = |key: &'static str, message: String, help: String| Problem {
            path: vec![key.into()],
            message,
            help: Some(help),
        };
        let mut problems = Vec::new();
        if let Some(group) = group.filter(|group| *group < limit) {
            problems.push(problem(
                "group_limit",
                format!("a group may have {group} series over all its metrics, and one metric of it {limit}"),
                format!("raise `group_limit`, or set `limit` to {group} or less"),
            ));
        }
        let (most, name) = match group {
            Some(group) if group > limit => (group, "group_limit"),
            _ => (limit, "limit"),
        };
        if total < most {
            problems.push(problem(
                "total_limit",
                format!("there may be {total} series in all, and `{name}` is {most}"),
                format!("raise `total_limit`, or set `{name}` to {total} or less"),
            ));
        }
        problems
    }

    /// Overrides that cannot have an effect, or not the one that is meant.
    fn wrong_overrides(&self) -> Vec<Problem> {
        let problem = |message: String, help: String| Problem {
            path: vec!["overrides".into()],
            message,
            help: Some(help),
        };
        let mut problems = Vec::new();
        let whole = self.group_limit.map_or(self.total_limit.0, |limit| limit.0);
        for (place, one) in self.overrides.iter().enumerate() {
            let of_group = one.conditions().map(|(key, _)| key.as_str());
            let foreign = of_group.filter(|key| !self.group_by.is_empty() && !self.group_by.has(key));
            for key in foreign {
                problems.push(problem(
                    format!("`{key}` in `group` is not one of the attributes in `group_by`"),
                    "a group has no other attributes than those: add it to `group_by`".to_owned(),
                ));
            }
            if let Some(limit) = one.table().limit.filter(|limit| limit.0 > whole) {
                problems.push(problem(
                    format!("no metric can have the {} series of an override", limit.0),
                    format!("all metrics together have {whole}: raise `group_limit` and `total_limit`"),
                ));
            }
            let mut before = self.overrides.iter().take(place);
            if before.any(|other| other.is_for_the_same(one)) {
                problems.push(problem(
                    "two overrides are for the same metrics and groups: the second has no effect".to_owned(),
                    "put what they say into one".to_owned(),
                ));
            }
        }
        problems
    }
}
