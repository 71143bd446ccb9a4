//! From policies as they are written to the rules that they mean. A mistake in one of the keys or values of a table is told beginning with
//! that key or value, by which its place is found.

use super::policy::{PolicyConfig, PolicyTable};
use super::words::PolicyType;
use forebay_core::settings::Count;
use forebay_sampling::policy::{
    AttributeRule, AttributeTest, Composite, CompositePolicy, Places, Rule, Share, StatusSet, TextTest,
};

/// Nanoseconds in a millisecond.
const MILLISECOND: u64 = 1_000_000;
/// What `error_or_slow` takes for slow if it does not say, in milliseconds.
const SLOW_MS: Count = Count(1000);
/// What `error_or_slow` keeps of all others if it does not say.
const SHARE_OF_OTHERS: f64 = 0.01;

/// The rule that a policy means.
pub(super) fn rule(table: &PolicyTable) -> Result<Rule, String> {
    if table.name.is_empty() {
        return Err("`name` is empty".to_owned());
    }
    reject_foreign_keys(table)?;
    match table.kind {
        PolicyType::AlwaysSample => Ok(Rule::Always),
        PolicyType::ErrorOrSlow => Ok(error_or_slow(table)),
        PolicyType::Latency => latency(table),
        PolicyType::NumericAttribute => attribute(table, numeric(table)?),
        PolicyType::StringAttribute => attribute(table, text(table)?),
        PolicyType::BooleanAttribute => {
            let value = needed(table, "value", table.value)?;
            attribute(table, AttributeTest::Bool(value))
        }
        PolicyType::StatusCode => {
            let codes = some(table, "status_codes", table.status_codes.as_deref())?;
            let sets = codes
                .iter()
                .map(|code| StatusSet::from(*code))
                .reduce(StatusSet::and);
            needed(table, "status_codes", sets).map(Rule::Status)
        }
        PolicyType::TraceState => Ok(Rule::TraceState {
            key: key(table)?,
            values: some(table, "values", table.values.as_deref())?.to_vec(),
        }),
        PolicyType::TraceFlags => Ok(Rule::SampledFlag),
        PolicyType::SpanCount => span_count(table),
        PolicyType::Probabilistic => Ok(Rule::Share(Share {
            ratio: needed(table, "sampling_percentage", table.sampling_percentage)?.ratio(),
            hash_salt: table.hash_salt.clone(),
        })),
        PolicyType::RateLimiting => Ok(Rule::SpanRate {
            spans_per_second: spans(table, "spans_per_second", table.spans_per_second)?,
        }),
        PolicyType::BytesLimiting => bytes_limiting(table),
        PolicyType::And => several(table, "and_sub_policy", table.and_sub_policy.as_deref()).map(Rule::And),
        PolicyType::Not => {
            let inner = needed(table, "not_sub_policy", table.not_sub_policy.as_deref())?;
            Ok(Rule::Not(Box::new(inner.rule().clone())))
        }
        PolicyType::Drop => {
            several(table, "drop_sub_policy", table.drop_sub_policy.as_deref()).map(Rule::Drop)
        }
        PolicyType::Composite => composite(table),
    }
}

/// Refuses keys that the type has no use for.
fn reject_foreign_keys(table: &PolicyTable) -> Result<(), String> {
    use PolicyType::{
        And, BooleanAttribute, BytesLimiting, Composite, Drop, ErrorOrSlow, Latency, Not, NumericAttribute,
        Probabilistic, RateLimiting, SpanCount, StatusCode, StringAttribute, TraceState,
    };
    let attributes = [StringAttribute, NumericAttribute, BooleanAttribute];
    let with_key = [StringAttribute, NumericAttribute, BooleanAttribute, TraceState];
    let t = table;
    let keys: [(&str, bool, &[PolicyType]); 25] = [
        ("threshold_ms", t.threshold_ms.is_some(), &[Latency, ErrorOrSlow]),
        ("upper_threshold_ms", t.upper_threshold_ms.is_some(), &[Latency]),
        ("key", t.key.is_some(), &with_key),
        ("context", t.context.is_some(), &attributes),
        ("values", t.values.is_some(), &[StringAttribute, TraceState]),
        (
            "enabled_regex_matching",
            t.enabled_regex_matching.is_some(),
            &[StringAttribute],
        ),
        ("value", t.value.is_some(), &[BooleanAttribute]),
        ("min_value", t.min_value.is_some(), &[NumericAttribute]),
        ("max_value", t.max_value.is_some(), &[NumericAttribute]),
        ("invert_match", t.invert_match.is_some(), &attributes),
        ("status_codes", t.status_codes.is_some(), &[StatusCode]),
        ("min_spans", t.min_spans.is_some(), &[SpanCount]),
        ("max_spans", t.max_spans.is_some(), &[SpanCount]),
        (
            "sampling_percentage",
            t.sampling_percentage.is_some(),
            &[Probabilistic, ErrorOrSlow],
        ),
        ("hash_salt", t.hash_salt.is_some(), &[Probabilistic]),
        ("spans_per_second", t.spans_per_second.is_some(), &[RateLimiting]),
        ("bytes_per_second", t.bytes_per_second.is_some(), &[BytesLimiting]),
        ("burst_capacity", t.burst_capacity.is_some(), &[BytesLimiting]),
        ("and_sub_policy", t.and_sub_policy.is_some(), &[And]),
        ("not_sub_policy", t.not_sub_policy.is_some(), &[Not]),
        ("drop_sub_policy", t.drop_sub_policy.is_some(), &[Drop]),
        (
            "composite_sub_policy",
            t.composite_sub_policy.is_some(),
            &[Composite],
        ),
        (
            "max_total_spans_per_second",
            t.max_total_spans_per_second.is_some(),
            &[Composite],
        ),
        ("policy_order", t.policy_order.is_some(), &[Composite]),
        ("rate_allocation", t.rate_allocation.is_some(), &[Composite]),
    ];
    let foreign = keys
        .iter()
        .find(|(_, given, of)| *given && !of.contains(&table.kind));
    match foreign {
        Some((key, ..)) => Err(format!(
            "`{key}` has no meaning for a policy of type `{}`",
            table.kind.word()
        )),
        None => Ok(()),
    }
}

fn needed<T>(table: &PolicyTable, key: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("a policy of type `{}` needs `{key}`", table.kind.word()))
}

/// A list that is there and has something in it.
fn some<'a, T>(table: &PolicyTable, key: &str, list: Option<&'a [T]>) -> Result<&'a [T], String> {
    let list = needed(table, key, list)?;
    if list.is_empty() {
        return Err(format!("`{key}` is empty, and so nothing can match"));
    }
    Ok(list)
}

fn key(table: &PolicyTable) -> Result<String, String> {
    let key = needed(table, "key", table.key.as_ref())?;
    if key.is_empty() {
        return Err("`key` is empty".to_owned());
    }
    Ok(key.clone())
}

fn error_or_slow(table: &PolicyTable) -> Rule {
    let slow = table.threshold_ms.unwrap_or(SLOW_MS);
    let ratio = table
        .sampling_percentage
        .map_or(SHARE_OF_OTHERS, |percent| percent.ratio());
    Rule::Or(vec![
        Rule::Status(StatusSet::ERROR),
        Rule::Duration {
            min: slow.0.saturating_mul(MILLISECOND),
            max: None,
        },
        Rule::Share(Share {
            ratio,
            hash_salt: None,
        }),
    ])
}

fn latency(table: &PolicyTable) -> Result<Rule, String> {
    let bound = |key: Option<Count>| key.map(|ms| ms.0).filter(|ms| *ms != 0);
    let (min, max) = (bound(table.threshold_ms), bound(table.upper_threshold_ms));
    if table.threshold_ms.is_none() && max.is_none() {
        return Err("a policy of type `latency` needs `threshold_ms`".to_owned());
    }
    let min = min.unwrap_or(0);
    if max.is_some_and(|max| max < min) {
        return Err("`upper_threshold_ms` is below `threshold_ms`, and so nothing can match".to_owned());
    }
    // The last nanosecond of the last millisecond is still as short as that.
    Ok(Rule::Duration {
        min: min.saturating_mul(MILLISECOND),
        max: max.map(|max| max.saturating_add(1).saturating_mul(MILLISECOND) - 1),
    })
}

fn numeric(table: &PolicyTable) -> Result<AttributeTest, String> {
    let (min, max) = (table.min_value, table.max_value);
    if let (Some(least), Some(most)) = (min, max)
        && most < least
    {
        return Err("`max_value` is below `min_value`, and so nothing can match".to_owned());
    }
    if min.is_none() && max.is_none() {
        return Err("a policy of type `numeric_attribute` needs `min_value` or `max_value`".to_owned());
    }
    Ok(AttributeTest::Number { min, max })
}

fn text(table: &PolicyTable) -> Result<AttributeTest, String> {
    let values = some(table, "values", table.values.as_deref())?;
    if table.enabled_regex_matching != Some(true) {
        return Ok(AttributeTest::Text(TextTest::one_of(values)));
    }
    // One after the other first, to know which one is wrong.
    for value in values {
        TextTest::found(&[value])
            .map_err(|error| format!("`{value}` is not a regular expression that can be used: {error}"))?;
    }
    let all = TextTest::found(values);
    all.map(AttributeTest::Text)
        .map_err(|error| format!("`values` cannot be looked for together: {error}"))
}

fn attribute(table: &PolicyTable, test: AttributeTest) -> Result<Rule, String> {
    let places = match &table.context {
        None => Places::default(),
        Some(list) => {
            let places = list.iter().map(|context| Places::from(*context));
            let all = places.reduce(Places::and);
            all.ok_or("`context` is empty, and so nothing can match")?
        }
    };
    let rule = Rule::Attribute(AttributeRule {
        key: key(table)?,
        places,
        test,
    });
    if table.invert_match == Some(true) {
        return Ok(Rule::Not(Box::new(rule)));
    }
    Ok(rule)
}

fn span_count(table: &PolicyTable) -> Result<Rule, String> {
    let of = |count: Count| u32::try_from(count.0).unwrap_or(u32::MAX);
    let max = table.max_spans.map(of).filter(|max| *max != 0);
    if table.min_spans.is_none() && max.is_none() {
        return Err("a policy of type `span_count` needs `min_spans` or `max_spans`".to_owned());
    }
    let min = table.min_spans.map_or(0, of);
    if max.is_some_and(|max| max < min) {
        return Err("`max_spans` is below `min_spans`, and so nothing can match".to_owned());
    }
    Ok(Rule::Spans { min, max })
}

/// A number of spans for each second.
fn spans(table: &PolicyTable, key: &str, count: Option<Count>) -> Result<u32, String> {
    let count = needed(table, key, count)?;
    match u32::try_from(count.0) {
        Ok(spans) if spans > 0 => Ok(spans),
        _ => Err(format!("`{key}` is not between 1 and {}", u32::MAX)),
    }
}

fn bytes_limiting(table: &PolicyTable) -> Result<Rule, String> {
    let rate = needed(table, "bytes_per_second", table.bytes_per_second)?.0;
    let burst = table.burst_capacity.map_or(rate.saturating_mul(2), |size| size.0);
    for (key, bytes) in [("bytes_per_second", rate), ("burst_capacity", burst)] {
        if bytes == 0 {
            return Err(format!("`{key}` is 0, and so nothing passes"));
        }
    }
    Ok(Rule::ByteRate {
        bytes_per_second: rate,
        burst,
    })
}

fn several(table: &PolicyTable, key: &str, policies: Option<&[PolicyConfig]>) -> Result<Vec<Rule>, String> {
    let policies = some(table, key, policies)?;
    Ok(policies.iter().map(|policy| policy.rule().clone()).collect())
}

fn composite(table: &PolicyTable) -> Result<Rule, String> {
    let total = spans(
        table,
        "max_total_spans_per_second",
        table.max_total_spans_per_second,
    )?;
    let policies = some(
        table,
        "composite_sub_policy",
        table.composite_sub_policy.as_deref(),
    )?;
    all_named_apart(policies)?;
    let shares = shares(table, policies)?;
    let mut parts: Vec<CompositePolicy> = policies
        .iter()
        .zip(shares)
        .map(|(policy, percent)| CompositePolicy {
            name: policy.name().to_owned(),
            rule: policy.rule().clone(),
            spans_per_second: (f64::from(total) * percent / 100.0) as u32,
        })
        .collect();
    if let Some(order) = &table.policy_order {
        parts = ordered(parts, order)?;
    }
    Ok(Rule::Composite(Composite {
        spans_per_second: total,
        policies: parts,
    }))
}

/// The share of each policy in percent: as it is allocated, or an equal part of what is left.
fn shares(table: &PolicyTable, policies: &[PolicyConfig]) -> Result<Vec<f64>, String> {
    let allocations = table.rate_allocation.as_deref().unwrap_or_default();
    for (index, allocation) in allocations.iter().enumerate() {
        let name = &allocation.policy;
        if !policies.iter().any(|policy| policy.name() == name) {
            return Err(format!(
                "`{name}` is not the name of a policy in `composite_sub_policy`"
            ));
        }
        if allocations
            .iter()
            .skip(index + 1)
            .any(|other| other.policy == *name)
        {
            return Err(format!("`{name}` has two shares in `rate_allocation`"));
        }
    }
    let given: f64 = allocations
        .iter()
        .map(|allocation| allocation.percent.percent())
        .sum();
    if given > 100.0 {
        return Err(format!(
            "`rate_allocation` adds up to {given}%, which is more than there is"
        ));
    }
    let without = policies.len() - allocations.len();
    let rest = (100.0 - given) / without.max(1) as f64;
    policies
        .iter()
        .map(|policy| {
            let name = policy.name();
            let allocated = allocations.iter().find(|allocation| allocation.policy == name);
            match allocated.map_or(rest, |allocation| allocation.percent.percent()) {
                0.0 => Err(format!(
                    "`{name}` has no share left in `max_total_spans_per_second`, and so nothing passes"
                )),
                percent => Ok(percent),
            }
        })
        .collect()
}

/// The policies in the order of their names in `order`, which names each once.
fn ordered(mut parts: Vec<CompositePolicy>, order: &[String]) -> Result<Vec<CompositePolicy>, String> {
    let mut ordered = Vec::with_capacity(parts.len());
    for name in order {
        match parts.iter().position(|part| part.name == *name) {
            Some(index) => ordered.push(parts.remove(index)),
            None => {
                return Err(format!(
                    "`{name}` in `policy_order` is not the name of a policy in `composite_sub_policy`, or stands there twice"
                ));
            }
        }
    }
    match parts.first() {
        Some(part) => Err(format!("`policy_order` does not name `{}`", part.name)),
        None => Ok(ordered),
    }
}

/// Refuses two policies of one name.
pub(super) fn all_named_apart(policies: &[PolicyConfig]) -> Result<(), String> {
    let twice = policies.iter().enumerate().find(|(index, policy)| {
        let before = policies.iter().take(*index);
        before.into_iter().any(|other| other.name() == policy.name())
    });
    match twice {
        Some((_, policy)) => Err(format!("`{}` is the name of two policies", policy.name())),
        None => Ok(()),
    }
}
