//! Spans to judge, and short words for rules.

use crate::policy::*;
pub(super) use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
pub(super) use opentelemetry_proto::tonic::resource::v1::Resource;
pub(super) use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::Event};
use prost::Message;

/// A millisecond.
pub(super) const MS: u64 = 1_000_000;

pub(super) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub(super) fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

/// A span of a trace whose randomness is 0x80000000000000, from 1 s to 1.1 s after 1970.
pub(super) fn span() -> Span {
    Span {
        trace_id: vec![
            0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
        ],
        span_id: vec![1; 8],
        parent_span_id: vec![2; 8],
        name: "operation".to_owned(),
        start_time_unix_nano: 1000 * MS,
        end_time_unix_nano: 1100 * MS,
        ..Span::default()
    }
}

pub(super) fn with(attributes: Vec<KeyValue>) -> Span {
    Span { attributes, ..span() }
}

/// What stands around spans.
#[derive(Clone, Debug, Default)]
pub(super) struct Envelope {
    pub(super) resource: Resource,
    pub(super) scope: InstrumentationScope,
}

pub(super) fn plan(rules: Vec<Rule>) -> Plan {
    let policies: Vec<Policy> = rules
        .into_iter()
        .enumerate()
        .map(|(index, rule)| Policy {
            name: format!("p{index}"),
            rule,
        })
        .collect();
    Plan::new(&policies).unwrap()
}

/// The facts of these spans, all in one envelope.
pub(super) fn facts(plan: &Plan, envelope: &Envelope, spans: &[Span]) -> Facts {
    let bits = plan.observe_envelope(
        &envelope.resource.encode_to_vec(),
        &envelope.scope.encode_to_vec(),
    );
    let mut facts = Facts::default();
    for span in spans {
        plan.observe_span(&mut facts, &span.encode_to_vec(), bits);
    }
    facts
}

/// What a plan of these rules decides in the end about a trace of these spans.
pub(super) fn judge(rules: Vec<Rule>, spans: &[Span]) -> Decision {
    judge_in(rules, &Envelope::default(), spans)
}

pub(super) fn judge_in(rules: Vec<Rule>, envelope: &Envelope, spans: &[Span]) -> Decision {
    let plan = plan(rules);
    let facts = facts(&plan, envelope, spans);
    plan.decide(&facts, &plan.limiters(), Stage::Closed, 0).unwrap()
}

/// What it says before the trace is closed.
pub(super) fn early(rules: Vec<Rule>, spans: &[Span]) -> Option<Decision> {
    let plan = plan(rules);
    let facts = facts(&plan, &Envelope::default(), spans);
    plan.decide(&facts, &plan.limiters(), Stage::Open, 0)
}

pub(super) fn one_of(key: &str, values: &[&str]) -> AttributeRule {
    AttributeRule {
        key: key.to_owned(),
        places: Places::default(),
        test: AttributeTest::Text(TextTest::one_of(values)),
    }
}

pub(super) fn number(key: &str, min: Option<i64>, max: Option<i64>) -> AttributeRule {
    AttributeRule {
        key: key.to_owned(),
        places: Places::default(),
        test: AttributeTest::Number { min, max },
    }
}

pub(super) fn share(ratio: f64) -> Rule {
    Rule::Share(Share {
        ratio,
        hash_salt: None,
    })
}

pub(super) fn not(rule: Rule) -> Rule {
    Rule::Not(Box::new(rule))
}

pub(super) fn errors() -> Rule {
    Rule::Status(StatusSet::ERROR)
}

pub(super) fn failed() -> Span {
    Span {
        status: Some(Status {
            code: 2,
            message: String::new(),
        }),
        ..span()
    }
}
