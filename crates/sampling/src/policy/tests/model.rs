//! The plain way: all spans of a trace, decoded, are judged when there are no more to come.

use super::support::*;
use crate::hash::Fnv64;
use crate::policy::*;
use crate::probability::{Precision, Randomness, Threshold};

/// A span with what it stands in.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) envelope: Envelope,
    pub(super) span: Span,
}

/// Whether the trace of these spans is kept, if nothing of any limit was used up before.
pub(super) fn keeps(rules: &[Rule], trace: &[Item]) -> bool {
    let dropped = rules.iter().any(|rule| match rule {
        Rule::Drop(rules) => rules.iter().all(|rule| holds(rule, trace)),
        _ => false,
    });
    let kept = rules
        .iter()
        .any(|rule| !matches!(rule, Rule::Drop(_)) && holds(rule, trace));
    kept && !dropped
}

fn holds(rule: &Rule, trace: &[Item]) -> bool {
    let spans = || trace.iter().map(|item| &item.span);
    match rule {
        Rule::Always => true,
        Rule::Attribute(rule) => trace.iter().any(|item| has(rule, item)),
        Rule::Status(wanted) => spans().any(|span| {
            let code = span.status.as_ref().map_or(0, |status| status.code);
            [StatusSet::UNSET, StatusSet::OK, StatusSet::ERROR]
                .get(code as usize)
                .is_some_and(|of_code| wanted.and(*of_code) == *wanted)
        }),
        Rule::TraceState { key, values } => spans().any(|span| {
            let mut members = span
                .trace_state
                .split(',')
                .filter_map(|member| member.trim().split_once('='));
            members.any(|(name, value)| name == key && values.iter().any(|wanted| wanted == value))
        }),
        Rule::SampledFlag => spans().any(|span| span.flags & 1 == 1),
        Rule::Duration { min, max } => {
            let start = spans()
                .map(|span| span.start_time_unix_nano)
                .filter(|time| *time > 0)
                .min();
            let end = spans().map(|span| span.end_time_unix_nano).max().unwrap_or(0);
            let took = start.map_or(0, |start| end.saturating_sub(start));
            (*min..=max.unwrap_or(u64::MAX)).contains(&took)
        }
        Rule::Spans { min, max } => (*min..=max.unwrap_or(u32::MAX)).contains(&(trace.len() as u32)),
        Rule::Share(share) => chosen(share, trace),
        Rule::Not(inner) => !holds(inner, trace),
        Rule::And(rules) => rules.iter().all(|rule| holds(rule, trace)),
        Rule::Or(rules) => rules.iter().any(|rule| holds(rule, trace)),
        Rule::Drop(_) => panic!("only a policy drops"),
        Rule::SpanRate { spans_per_second } => trace.len() as u32 <= *spans_per_second,
        Rule::ByteRate { burst, .. } => {
            let bytes: usize = spans().map(prost::Message::encoded_len).sum();
            bytes as u64 <= *burst
        }
        Rule::Composite(composite) => {
            let first = composite.policies.iter().find(|part| holds(&part.rule, trace));
            first.is_some_and(|part| {
                trace.len() as u32 <= part.spans_per_second.min(composite.spans_per_second)
            })
        }
    }
}

fn has(rule: &AttributeRule, item: &Item) -> bool {
    let events = item
        .span
        .events
        .iter()
        .map(|event| (Places::EVENT, &event.attributes));
    let others = [
        (Places::RESOURCE, &item.envelope.resource.attributes),
        (Places::SCOPE, &item.envelope.scope.attributes),
        (Places::SPAN, &item.span.attributes),
    ];
    let mut lists = others
        .into_iter()
        .chain(events)
        .filter(|(place, _)| rule.places.includes(*place));
    lists.any(|(_, list)| {
        let first = list.iter().find(|attribute| attribute.key == rule.key);
        let value = first.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
        match (&rule.test, value) {
            (AttributeTest::Text(test), Some(Value::StringValue(text))) => {
                !text.is_empty() && test.passes(text.as_bytes())
            }
            (AttributeTest::Number { min, max }, Some(Value::IntValue(value))) => {
                (min.unwrap_or(i64::MIN)..=max.unwrap_or(i64::MAX)).contains(value)
            }
            (AttributeTest::Bool(wanted), Some(Value::BoolValue(value))) => wanted == value,
            _ => false,
        }
    })
}

fn chosen(share: &Share, trace: &[Item]) -> bool {
    let Some(first) = trace.first() else {
        return false;
    };
    let id = &first.span.trace_id;
    if let Some(salt) = &share.hash_salt {
        let hash = Fnv64::new().then(salt.as_bytes()).then(id).value();
        return share.ratio > 0.0 && hash as f64 <= u64::MAX as f64 * share.ratio;
    }
    let explicit = first.span.trace_state.split("rv:").nth(1).map(|rest| &rest[..14]);
    let randomness = match explicit {
        Some(digits) => digits.parse().unwrap(),
        None => Randomness::from_trace_id(id).unwrap(),
    };
    Threshold::from_probability(share.ratio, Precision::DEFAULT)
        .is_some_and(|threshold| randomness.value() >= threshold.value())
}
