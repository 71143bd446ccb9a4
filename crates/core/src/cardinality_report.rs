//! What a node that limits cardinality sees: which metrics, groups and attributes take how many series, and what to do about it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What comes first in a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ranking {
    /// What has most live series.
    #[default]
    Live,
    /// What has gained most series of late.
    Growth,
    /// What most data points have found no place in.
    Overflow,
}

impl Ranking {
    /// Every ranking.
    pub const ALL: [Ranking; 3] = [Ranking::Live, Ranking::Growth, Ranking::Overflow];

    /// Its word: `live`, `growth` or `overflow`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ranking::Live => "live",
            Ranking::Growth => "growth",
            Ranking::Overflow => "overflow",
        }
    }

    /// What a metric is ranked by: the larger, the further up. Of those that are equal the one with more live series goes first.
    pub fn weight(self, live: u64, new_per_minute: f64, folded: u64) -> (u64, u64) {
        let first = match self {
            Ranking::Live => live,
            // Thousandths of a series in a minute: whole numbers have an order. No rate is negative or beyond what fits.
            Ranking::Growth => (new_per_minute * 1000.0) as u64,
            Ranking::Overflow => folded,
        };
        (first, live)
    }
}

impl fmt::Display for Ranking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Ranking {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Ranking::ALL.into_iter().find(|ranking| ranking.as_str() == word);
        found.ok_or_else(|| "what comes first is `live`, `growth` or `overflow`".to_owned())
    }
}

/// What is asked of a node that limits cardinality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardinalityQuery {
    /// How many metrics, groups and values there are at most in the answer, of each: 1 to [`CardinalityQuery::TOP_MAX`].
    pub top: usize,
    /// Which ones.
    pub by: Ranking,
    /// Only what belongs to this group, by its name in the report.
    pub group: Option<String>,
}

impl CardinalityQuery {
    /// The most that can be asked for.
    pub const TOP_MAX: usize = 100;
    /// What is given if the question does not say.
    pub const TOP: usize = 10;

    /// Whether the group `name` is asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.group.as_deref().is_none_or(|wanted| wanted == name)
    }
}

impl Default for CardinalityQuery {
    fn default() -> Self {
        CardinalityQuery {
            top: CardinalityQuery::TOP,
            by: Ranking::default(),
            group: None,
        }
    }
}

/// What one node that limits cardinality sees now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CardinalityReport {
    /// The node. The engine fills it in.
    #[serde(default)]
    pub node: String,
    /// Series of metrics that have a place.
    pub live_series: u64,
    /// The most that may have one, in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_series: Option<u64>,
    /// Memory that its state takes, in bytes.
    pub used_bytes: u64,
    /// The most that it may take, in bytes.
    pub max_bytes: u64,
    /// Metrics of groups that it knows, shown or not.
    pub metrics_known: u64,
    /// The first of them.
    #[serde(default)]
    pub metrics: Vec<MetricUse>,
    /// Groups that it knows, shown or not.
    pub groups_known: u64,
    /// The first of them.
    #[serde(default)]
    pub groups: Vec<GroupUse>,
    /// Span names and attributes of spans and log records whose values are limited: the first of them.
    #[serde(default)]
    pub values: Vec<ValueUse>,
}

impl CardinalityReport {
    /// Leaves what `query` asks for, in its order.
    pub fn keep(&mut self, query: &CardinalityQuery) {
        self.metrics.retain(|metric| query.wants(&metric.group));
        self.metrics
            .sort_by_key(|metric| std::cmp::Reverse(metric.weight(query.by)));
        self.metrics.truncate(query.top);
        self.groups.retain(|group| query.wants(&group.group));
        self.groups.sort_by_key(|group| std::cmp::Reverse(group.live));
        self.groups.truncate(query.top);
        // Values have no group.
        self.values.retain(|_| query.group.is_none());
        self.values
            .sort_by_key(|value| std::cmp::Reverse((value.overflowed, value.live)));
        self.values.truncate(query.top);
    }
}

/// A metric of one group: its series against their limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricUse {
    /// Its name, as far as it is kept.
    pub metric: String,
    /// The group that it is counted in: a resource or one value of chosen resource attributes, as people read it
    /// (`service.name=checkout`).
    pub group: String,
    /// `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`.
    pub kind: String,
    /// What is done about series beyond the limit: `fold`, `drop_attribute`, `drop` or `observe`.
    pub action: String,
    /// Series that have a place.
    pub live: u64,
    /// The most that may have one.
    pub limit: u64,
    /// Series that came up in the last minutes, for each minute: with a place or without one.
    pub new_per_minute: f64,
    /// Data points that found no place since the start: folded, dropped, or only counted, as `action` says.
    pub folded: u64,
    /// Whether points find no place now.
    pub overflowing: bool,
    /// The attributes whose values make its series, the one whose removal would save most first.
    #[serde(default)]
    pub attributes: Vec<AttributeUse>,
}

impl MetricUse {
    /// Its place in a report that is ranked so.
    pub fn weight(&self, by: Ranking) -> (u64, u64) {
        by.weight(self.live, self.new_per_minute, self.folded)
    }
}

/// What one attribute does to the series of a metric, or several that go together. Numbers are estimates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AttributeUse {
    /// Its key. Several, where one alone would save little and they together do: the name of a pod and its uid.
    /// [`AttributeUse::OTHER`] stands for keys that are too many to be told apart.
    pub keys: Vec<String>,
    /// Different values that have been seen; of several keys, the most of any.
    pub values: u64,
    /// How many series there would be without it, those that find no place now included.
    pub remaining: u64,
    /// How many fewer these are than there are with it.
    pub saved: u64,
    /// Some of its values, as text: [`AttributeUse::EXAMPLES`] at most, each of no more than [`AttributeUse::EXAMPLE_BYTES`] bytes.
    #[serde(default)]
    pub examples: Vec<String>,
}

impl AttributeUse {
    /// The most examples.
    pub const EXAMPLES: usize = 3;
    /// The most bytes of an example.
    pub const EXAMPLE_BYTES: usize = 64;
    /// In the place of a key: all keys that are too many to be told apart.
    pub const OTHER: &str = "(other)";

    /// Its keys, as a label or a sentence has them: `k8s.pod.name, k8s.pod.uid`.
    pub fn name(&self) -> String {
        self.keys.join(", ")
    }
}

/// A group (a tenant, a service) against its budget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupUse {
    /// Its name, as people read it.
    pub group: String,
    /// Series of all its metrics that have a place.
    pub live: u64,
    /// The most that may have one, if there is such a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Data points that came since the start.
    pub points: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
}

/// The values of a span's name, or of an attribute of spans or log records, against their limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValueUse {
    /// `traces` or `logs`.
    pub signal: String,
    /// The attribute's key, or [`ValueUse::NAME`] for the names of spans.
    pub key: String,
    /// The service whose values they are.
    pub service: String,
    /// Different values that have a place.
    pub live: u64,
    /// The most that may have one.
    pub limit: u64,
    /// How often a value found no place since the start.
    pub overflowed: u64,
}

impl ValueUse {
    /// In the place of a key: the names of spans.
    pub const NAME: &str = "name";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, group: &str, live: u64, growth: f64, folded: u64) -> MetricUse {
        MetricUse {
            metric: name.to_owned(),
            group: group.to_owned(),
            live,
            new_per_minute: growth,
            folded,
            ..MetricUse::default()
        }
    }

    fn report() -> CardinalityReport {
        let group = |name: &str, live| GroupUse {
            group: name.to_owned(),
            live,
            ..GroupUse::default()
        };
        CardinalityReport {
            metrics: vec![
                metric("a", "x", 10, 0.002, 5),
                metric("b", "y", 30, 0.001, 7),
                metric("c", "x", 20, 1.5, 0),
            ],
            groups: vec![group("x", 30), group("y", 40)],
            values: vec![ValueUse::default()],
            ..CardinalityReport::default()
        }
    }

    fn names(query: &CardinalityQuery) -> String {
        let mut report = report();
        report.keep(query);
        report.metrics.iter().map(|metric| &*metric.metric).collect()
    }

    #[test]
    fn a_report_is_ranked_as_asked_for() {
        let by = |by, top| CardinalityQuery { top, by, group: None };
        assert_eq!(names(&by(Ranking::Live, 10)), "bca");
        assert_eq!(names(&by(Ranking::Growth, 10)), "cab");
        assert_eq!(names(&by(Ranking::Overflow, 10)), "bac");
        assert_eq!(names(&by(Ranking::Overflow, 1)), "b");
    }

    #[test]
    fn a_report_of_one_group_has_nothing_of_others() {
        let query = CardinalityQuery {
            group: Some("x".to_owned()),
            ..CardinalityQuery::default()
        };
        assert_eq!(names(&query), "ca");
        let mut report = report();
        report.keep(&query);
        let groups: Vec<&str> = report.groups.iter().map(|group| &*group.group).collect();
        assert_eq!((groups, report.values.len()), (vec!["x"], 0));
    }

    #[test]
    fn rankings_are_read_by_their_words() {
        for ranking in Ranking::ALL {
            assert_eq!(ranking.to_string().parse(), Ok(ranking));
        }
        assert!("size".parse::<Ranking>().is_err());
    }
}
