//! Rules for the attributes of data points, applied before anything is limited: keys that are dropped or kept, values that are templated,
//! capped or allowed.
//!
//! A rule names keys exactly, and may be for some metrics only. What it does to one attribute does not depend on the others, and so a list of
//! rules comes to a short program for each key that is named, and one answer for all other keys: [`AttributeRules`]. Which of the rules
//! are for a metric is found out once, by its name: [`RuleState`]. A set of attributes is gone through once, and copied only
//! from where something changes on: [`Rewritten`].
//!
//! **Duplicates.** Keys of a set are unique by the specification (common/README.md, "Attribute Collections"), but not on the wire. Where a key
//! occurs twice and a rule changes its values, the first one counts, as it does for readers, and the others go: they must not
//! take up places of a cap. Rules that drop and keep look at each occurrence by itself.

mod pass;
mod rewritten;
mod state;

#[cfg(test)]
mod tests;

pub use pass::RuleContext;
pub use rewritten::Rewritten;
pub(crate) use rewritten::{FIELD, put_bytes};
pub use state::RuleState;

use forebay_otlp::edit::AttributeValue;
use std::fmt;
use std::sync::Arc;

/// What takes the place of a value that has none of its own.
pub const OVERFLOW_VALUE: &str = "__overflow__";

/// The most rules of one list.
pub const RULES_MAX: usize = 64;
/// The most keys whose values the rules of one list change.
pub const CHANGED_KEYS_MAX: usize = 64;

/// Whether something is for a metric, by its name. Must always answer the same for the same name.
pub type MetricTest = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// A rule, and which metrics it is for.
#[derive(Clone)]
pub struct MetricRule {
    /// The metrics; left out: all.
    pub metrics: Option<MetricTest>,
    /// The rule.
    pub rule: Rule,
}

impl From<Rule> for MetricRule {
    fn from(rule: Rule) -> Self {
        MetricRule { metrics: None, rule }
    }
}

impl fmt::Debug for MetricRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricRule")
            .field("metrics", &self.metrics.as_ref().map(|_| "some"))
            .field("rule", &self.rule)
            .finish()
    }
}

/// What happens to some attributes.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// Attributes with these keys go.
    Drop(Vec<String>),
    /// Attributes with other keys go.
    Keep(Vec<String>),
    /// Numbers, identifiers and the like in the texts of these keys become placeholders. Values that are no text stay.
    Template(Vec<String>),
    /// Only so many distinct values of each of these keys: what comes when there are so many becomes [`OVERFLOW_VALUE`].
    Cap {
        /// The keys.
        keys: Vec<String>,
        /// How many values of each there may be.
        limit: usize,
    },
    /// Only these values of these keys: others become [`OVERFLOW_VALUE`].
    Allow {
        /// The keys.
        keys: Vec<String>,
        /// The values. The text `1` and the number 1 are different.
        values: Vec<AllowedValue>,
    },
}

/// A value that a rule allows.
#[derive(Clone, Debug, PartialEq)]
pub enum AllowedValue {
    /// A string.
    Text(String),
    /// An integer.
    Int(i64),
    /// A boolean.
    Bool(bool),
}

impl AllowedValue {
    /// The body of the `AnyValue`.
    fn encoded(&self) -> Box<[u8]> {
        let value = match self {
            AllowedValue::Text(text) => AttributeValue::String(text),
            AllowedValue::Int(number) => AttributeValue::Int(*number),
            AllowedValue::Bool(truth) => AttributeValue::Bool(*truth),
        };
        let mut body = Vec::with_capacity(value.encoded_len());
        value.encode(&mut body);
        body.into()
    }
}

/// Rules that cannot be taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// There are more than [`RULES_MAX`].
    TooManyRules,
    /// They change the values of more than [`CHANGED_KEYS_MAX`] keys.
    TooManyKeys,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleError::TooManyRules => write!(f, "there are more than {RULES_MAX} rules"),
            RuleError::TooManyKeys => write!(
                f,
                "the values of more than {CHANGED_KEYS_MAX} keys are templated, capped or allowed"
            ),
        }
    }
}

impl std::error::Error for RuleError {}

/// Rules for attributes, compiled.
///
/// A set of rules is a number, with a bit for each rule in their order.
#[derive(Clone, Debug, Default)]
pub struct AttributeRules {
    /// Which metrics each rule is for.
    metrics: Box<[Metrics]>,
    /// The keys that rules name, by length and then by their bytes.
    named: Box<[Named]>,
    /// The lengths modulo 64 of these keys: most other keys are told by this alone.
    lengths: u64,
    /// The rules that keep some keys only.
    keeping: u64,
    /// How many distinct values each cap lets through, and the rule that it belongs to.
    caps: Box<[(usize, u32)]>,
    /// The rules that template.
    templating: u64,
}

/// Which metrics a rule is for.
#[derive(Clone)]
struct Metrics(Option<MetricTest>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "some" } else { "all" })
    }
}

/// A key that rules name.
#[derive(Clone, Debug, Default)]
struct Named {
    key: Box<[u8]>,
    /// The rules that drop it.
    dropping: u64,
    /// The rules that keep only other keys than this.
    leaving: u64,
    /// The rules that change its values.
    changing: u64,
    /// What they do, with the number of each.
    steps: Box<[(u32, Step)]>,
    /// Its number among the keys whose values change.
    number: u32,
}

/// What is done to one value.
#[derive(Clone, Debug)]
enum Step {
    /// Numbers and the like become placeholders.
    Template,
    /// By the cap of this number.
    Cap(usize),
    /// The bodies of the `AnyValue` messages that are allowed, sorted.
    Allow(Arc<[Box<[u8]>]>),
}

impl AttributeRules {
    /// Compiles rules. Of several rules for one key each sees what the ones before it made of the value. Where one of them drops the
    /// attribute, the others do nothing.
    ///
    /// # Errors
    ///
    /// Too many rules, or keys.
    pub fn new(rules: &[MetricRule]) -> Result<Self, RuleError> {
        if rules.len() > RULES_MAX {
            return Err(RuleError::TooManyRules);
        }
        let mut keys: Vec<&str> = rules
            .iter()
            .flat_map(|rule| rule.rule.keys())
            .map(String::as_str)
            .collect();
        keys.sort_unstable_by_key(|key| (key.len(), *key));
        keys.dedup();
        let (mut caps, mut named) = (Vec::new(), Vec::with_capacity(keys.len()));
        let mut changed = 0;
        for key in &keys {
            let mut of_key = Named::new(rules, key, &mut caps);
            of_key.number = changed;
            changed += u32::from(of_key.changing != 0);
            named.push(of_key);
        }
        if changed as usize > CHANGED_KEYS_MAX {
            return Err(RuleError::TooManyKeys);
        }
        Ok(AttributeRules {
            metrics: rules.iter().map(|rule| Metrics(rule.metrics.clone())).collect(),
            named: named.into(),
            lengths: keys
                .iter()
                .fold(0, |lengths, key| lengths | length_bit(key.len())),
            keeping: set_of(rules, |rule| matches!(rule, Rule::Keep(_))),
            caps: caps.into(),
            templating: set_of(rules, |rule| matches!(rule, Rule::Template(_))),
        })
    }

    /// Whether one of the rules needs a templater.
    pub const fn have_templates(&self) -> bool {
        self.templating != 0
    }

    /// The rules for a metric.
    fn for_metric(&self, name: &[u8]) -> u64 {
        let is_for = |metrics: &Metrics| metrics.0.as_ref().is_none_or(|test| test(name));
        let rules = self.metrics.iter().enumerate();
        rules.fold(0, |set, (number, metrics)| {
            set | u64::from(is_for(metrics)) << number
        })
    }

    /// What rules there are for a key.
    #[inline]
    fn named(&self, key: &[u8]) -> Option<&Named> {
        if self.lengths & length_bit(key.len()) == 0 {
            return None;
        }
        let place = self
            .named
            .binary_search_by(|named| (named.key.len().cmp(&key.len())).then_with(|| (*named.key).cmp(key)));
        self.named.get(place.ok()?)
    }
}

impl Named {
    fn new(rules: &[MetricRule], key: &str, caps: &mut Vec<(usize, u32)>) -> Self {
        let names = |rule: &Rule| rule.keys().iter().any(|named| named == key);
        let mut steps = Vec::new();
        for (number, rule) in (0..).zip(rules).filter(|(_, rule)| names(&rule.rule)) {
            let step = match &rule.rule {
                Rule::Drop(_) | Rule::Keep(_) => continue,
                Rule::Template(_) => Step::Template,
                Rule::Cap { limit, .. } => {
                    caps.push((*limit, number));
                    Step::Cap(caps.len() - 1)
                }
                Rule::Allow { values, .. } => {
                    let mut values: Vec<_> = values.iter().map(AllowedValue::encoded).collect();
                    values.sort_unstable();
                    Step::Allow(values.into())
                }
            };
            steps.push((number, step));
        }
        Named {
            key: key.as_bytes().into(),
            dropping: set_of(rules, |rule| matches!(rule, Rule::Drop(_)) && names(rule)),
            leaving: set_of(rules, |rule| matches!(rule, Rule::Keep(_)) && !names(rule)),
            changing: steps.iter().fold(0, |set, (number, _)| set | rule_bit(*number)),
            steps: steps.into(),
            number: 0,
        }
    }
}

/// The rules of which something is true.
fn set_of(rules: &[MetricRule], test: impl Fn(&Rule) -> bool) -> u64 {
    let numbered = (0..).zip(rules);
    numbered.fold(0, |set, (number, rule)| {
        set | if test(&rule.rule) { rule_bit(number) } else { 0 }
    })
}

const fn rule_bit(number: u32) -> u64 {
    1_u64.wrapping_shl(number)
}

const fn length_bit(length: usize) -> u64 {
    1 << (length & 63)
}

impl Rule {
    /// The keys that it names.
    pub fn keys(&self) -> &[String] {
        match self {
            Rule::Drop(keys) | Rule::Keep(keys) | Rule::Template(keys) => keys,
            Rule::Cap { keys, .. } | Rule::Allow { keys, .. } => keys,
        }
    }
}
