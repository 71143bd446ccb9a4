//! Random plans of changes, and what they mean for decoded requests.

use super::{sorted, string};
use crate::testing::{self, Condition, Decoded, ITEM, KEYS, OUTER, SCOPE, TEXTS, View, first};
use forebay_core::Signal;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// An action as a config writes it, and as the tests understand it.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Put {
        word: &'static str,
        key: &'static str,
        value: Option<Value>,
        from: &'static str,
    },
    Delete(&'static str),
    DeleteHeaders,
    Rename(&'static str, &'static str),
    Hash(&'static str),
    ToString(&'static str),
    Extract(&'static str),
    Keep(Vec<&'static str>),
    /// Of keys that begin with `http.`.
    TruncateHttp(usize),
    HashHttp,
    Default {
        word: &'static str,
        key: &'static str,
        from: &'static str,
    },
}

impl Act {
    pub(super) fn to_toml(&self, when: &[Condition]) -> String {
        let when = if when.is_empty() {
            String::new()
        } else {
            format!(", when = {}", testing::selector(when))
        };
        let own = match self {
            Act::Put {
                word,
                key,
                value: Some(value),
                ..
            } => {
                let value = match value {
                    Value::StringValue(text) => format!("{text:?}"),
                    Value::IntValue(value) => value.to_string(),
                    Value::DoubleValue(value) => format!("{value:?}"),
                    other => panic!("{other:?}"),
                };
                format!("action = \"{word}\", key = \"{key}\", value = {value}")
            }
            Act::Put {
                word,
                key,
                value: None,
                from,
            } => {
                format!("action = \"{word}\", key = \"{key}\", from_attribute = \"{from}\"")
            }
            Act::Delete(key) => format!("action = \"delete\", key = \"{key}\""),
            Act::DeleteHeaders => r#"action = "delete", pattern = 'http\.header\.'"#.to_owned(),
            Act::Rename(from, to) => format!("action = \"rename\", key = \"{from}\", new_key = \"{to}\""),
            Act::Hash(key) => format!("action = \"hash\", key = \"{key}\""),
            Act::ToString(key) => format!("action = \"convert\", key = \"{key}\", to = \"string\""),
            Act::Keep(keys) => format!("action = \"keep\", keys = {keys:?}, pattern = '^c$'"),
            Act::TruncateHttp(length) => {
                format!("action = \"truncate\", pattern = '^http\\.', length = {length}")
            }
            Act::HashHttp => "action = \"hash\", pattern = '^http\\.'".to_owned(),
            Act::Default { word, key, from } => {
                format!(
                    "action = \"{word}\", key = \"{key}\", from_attribute = \"{from}\", default_value = 7"
                )
            }
            Act::Extract(key) => {
                format!(r#"action = "extract", key = "{key}", pattern = '(?<c>\w+) /(?<b>.*)'"#)
            }
        };
        format!("{{ {own}{when} }}")
    }

    fn apply(&self, attributes: &mut Vec<KeyValue>) {
        match self {
            Act::Put {
                word,
                key,
                value,
                from,
            } => {
                let source = attributes
                    .iter()
                    .find(|found| found.key == *from)
                    .map(|found| found.value.clone());
                let value = match value {
                    Some(value) => Some(AnyValue {
                        value: Some(value.clone()),
                    }),
                    None => match source {
                        Some(value) => value,
                        None => return,
                    },
                };
                put(attributes, key, value, word);
            }
            Act::Delete(key) => attributes.retain(|found| found.key != *key),
            Act::DeleteHeaders => attributes.retain(|found| !found.key.contains("http.header.")),
            Act::Rename(from, to) => {
                if attributes.iter().any(|found| found.key == *from) {
                    attributes.retain(|found| found.key != *to);
                    attributes
                        .iter_mut()
                        .filter(|found| found.key == *from)
                        .for_each(|f| f.key = (*to).to_owned());
                }
            }
            Act::Hash(key) => each_value(attributes, key, |value| Some(string(&hash(value)))),
            Act::ToString(key) => each_value(attributes, key, |value| match value {
                Some(Value::IntValue(value)) => Some(string(&value.to_string())),
                Some(Value::BoolValue(value)) => Some(string(&value.to_string())),
                Some(Value::DoubleValue(value)) if *value == 1e300 => Some(string("1e+300")),
                Some(Value::DoubleValue(value)) if *value == 3e-9 => Some(string("3e-9")),
                Some(Value::DoubleValue(value)) => Some(string(&value.to_string())),
                _ => None,
            }),
            Act::Keep(keys) => attributes.retain(|found| found.key == "c" || keys.contains(&&*found.key)),
            Act::TruncateHttp(length) => each_http(attributes, |value| cut(value, *length)),
            Act::HashHttp => each_http(attributes, |value| Some(string(&hash(value)))),
            Act::Default { word, key, from } => {
                let source = attributes.iter().find(|found| found.key == *from);
                let seven = AnyValue {
                    value: Some(Value::IntValue(7)),
                };
                let value = source.map_or(Some(seven), |found| found.value.clone());
                put(attributes, key, value, word);
            }
            Act::Extract(key) => {
                let Some(Value::StringValue(text)) = first(attributes, key).cloned() else {
                    return;
                };
                // The only text among the random ones that the expression is found in.
                if text == "GET /orders/17" {
                    put(attributes, "c", testing::text("GET"), "upsert");
                    put(attributes, "b", testing::text("orders/17"), "upsert");
                }
            }
        }
    }
}

fn put(attributes: &mut Vec<KeyValue>, key: &str, value: Option<AnyValue>, word: &str) {
    let present = attributes.iter().any(|found| found.key == key);
    if present && word != "insert" {
        attributes
            .iter_mut()
            .filter(|found| found.key == key)
            .for_each(|found| found.value = value.clone());
    } else if !present && word != "update" {
        attributes.push(KeyValue {
            key: key.to_owned(),
            value,
            ..KeyValue::default()
        });
    }
}

fn each_value(attributes: &mut [KeyValue], key: &str, change: impl Fn(Option<&Value>) -> Option<Value>) {
    for found in attributes.iter_mut().filter(|found| found.key == key) {
        let before = found.value.as_ref().and_then(|value| value.value.as_ref());
        if let Some(value) = change(before) {
            found.value = Some(AnyValue { value: Some(value) });
        }
    }
}

fn each_http(attributes: &mut [KeyValue], change: impl Fn(Option<&Value>) -> Option<Value> + Copy) {
    let keys = KEYS.iter().filter(|key| key.starts_with("http."));
    keys.for_each(|key| each_value(attributes, key, change));
}

/// A value whose texts and bytes have this length at most.
fn cut(value: Option<&Value>, most: usize) -> Option<Value> {
    let text = |text: &str| text.chars().take(most).collect::<String>();
    Some(match value? {
        Value::StringValue(value) => string(&text(value)),
        Value::BytesValue(value) => Value::BytesValue(value.iter().copied().take(most).collect()),
        Value::ArrayValue(list) => {
            let mut list = list.clone();
            for element in &mut list.values {
                element.value = element
                    .value
                    .as_ref()
                    .map(|value| cut(Some(value), most).unwrap_or(value.clone()));
            }
            Value::ArrayValue(list)
        }
        other => other.clone(),
    })
}

fn hash(value: Option<&Value>) -> String {
    use sha2::{Digest, Sha256};
    let bytes = match value {
        Some(Value::StringValue(text)) => text.as_bytes().to_vec(),
        Some(Value::BoolValue(value)) => vec![u8::from(*value)],
        Some(Value::IntValue(value)) => value.to_le_bytes().to_vec(),
        Some(Value::DoubleValue(value)) => value.to_le_bytes().to_vec(),
        _ => return String::new(),
    };
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn action() -> impl Strategy<Value = Act> {
    let key = || select(&KEYS[..]);
    let value = prop_oneof![
        select(&TEXTS[..]).prop_map(string),
        Just(Value::IntValue(-5)),
        Just(Value::DoubleValue(2.5)),
    ];
    prop_oneof![
        4 => (select(vec!["insert", "update", "upsert"]), key(), option::weighted(0.7, value), key())
            .prop_map(|(word, key, value, from)| Act::Put { word, key, value, from }),
        2 => key().prop_map(Act::Delete),
        1 => Just(Act::DeleteHeaders),
        2 => (key(), key()).prop_filter("itself", |(from, to)| from != to).prop_map(|(from, to)| Act::Rename(from, to)),
        1 => key().prop_map(Act::Hash),
        1 => key().prop_map(Act::ToString),
        1 => key().prop_map(Act::Extract),
        1 => subsequence(&KEYS[..], 1..6).prop_map(Act::Keep),
        1 => (1..20_usize).prop_map(Act::TruncateHttp),
        1 => Just(Act::HashHttp),
        1 => (select(vec!["insert", "update", "upsert"]), key(), key())
            .prop_map(|(word, key, from)| Act::Default { word, key, from }),
    ]
}

pub(super) type Plan = Vec<(Act, Vec<Condition>)>;

fn plan(conditions: Vec<Condition>) -> impl Strategy<Value = Plan> {
    let when = prop_oneof![3 => Just(Vec::new()), 1 => testing::conditions(conditions)];
    vec((action(), when), 0..5)
}

/// Carries out a plan on the attributes of one message.
fn carry_out(plan: &Plan, signal: Signal, view: &View, attributes: &mut Vec<KeyValue>) {
    for (act, when) in plan {
        if when.iter().all(|condition| (condition.holds)(signal, view)) {
            act.apply(attributes);
        }
    }
}

/// Carries out the plans for resource, scope, item and event on a decoded request.
pub(super) fn oracle(plans: &[Plan; 4], request: &mut Decoded) {
    let signal = request.signal();
    let [resource_plan, scope_plan, item_plan, event_plan] = plans;
    // Events first, then items, then what is around them: conditions see the data as it came in.
    if let Decoded::Traces(request) = request {
        for resource in &mut request.resource_spans {
            for scope in &mut resource.scope_spans {
                for span in &mut scope.spans {
                    let view = View {
                        name: span.name.clone(),
                        kind: span.kind,
                        status: span.status.as_ref().map_or(0, |status| status.code),
                        attributes: span.attributes.clone(),
                        resource: resource.resource.clone().unwrap_or_default().attributes,
                        scope: scope.scope.clone().unwrap_or_default(),
                        ..View::default()
                    };
                    for event in &mut span.events {
                        carry_out(event_plan, signal, &view, &mut event.attributes);
                    }
                }
            }
        }
    }
    testing::each_item(request, |view, attributes| {
        carry_out(item_plan, signal, &view, attributes)
    });
    each_envelope(request, |resource, scopes| {
        let outer = View {
            resource: resource.clone().unwrap_or_default().attributes,
            ..View::default()
        };
        for scope in scopes {
            let view = View {
                scope: scope.clone().unwrap_or_default(),
                ..outer.clone()
            };
            let mut attributes = view.scope.attributes.clone();
            carry_out(scope_plan, signal, &view, &mut attributes);
            if scope.is_some() || !attributes.is_empty() {
                **scope = Some(InstrumentationScope {
                    attributes,
                    ..view.scope
                });
            }
        }
        let mut attributes = outer.resource.clone();
        carry_out(resource_plan, signal, &outer, &mut attributes);
        if resource.is_some() || !attributes.is_empty() {
            resource.get_or_insert_default().attributes = attributes;
        }
    });
}

type Scopes<'a> = Vec<&'a mut Option<InstrumentationScope>>;

fn each_envelope(request: &mut Decoded, mut visit: impl FnMut(&mut Option<Resource>, &mut Scopes<'_>)) {
    match request {
        Decoded::Traces(request) => request.resource_spans.iter_mut().for_each(|envelope| {
            let mut scopes = envelope
                .scope_spans
                .iter_mut()
                .map(|scope| &mut scope.scope)
                .collect();
            visit(&mut envelope.resource, &mut scopes);
        }),
        Decoded::Logs(request) => request.resource_logs.iter_mut().for_each(|envelope| {
            let mut scopes = envelope
                .scope_logs
                .iter_mut()
                .map(|scope| &mut scope.scope)
                .collect();
            visit(&mut envelope.resource, &mut scopes);
        }),
        Decoded::Metrics(request) => request.resource_metrics.iter_mut().for_each(|envelope| {
            let mut scopes = envelope
                .scope_metrics
                .iter_mut()
                .map(|scope| &mut scope.scope)
                .collect();
            visit(&mut envelope.resource, &mut scopes);
        }),
    }
}

/// Sorts every list of attributes and leaves out empty heads, so that requests that mean the same are equal.
pub(super) fn normalized(mut request: Decoded) -> Decoded {
    let sort = |attributes: &mut Vec<KeyValue>| *attributes = sorted(attributes);
    testing::each_item(&mut request, |_, attributes| sort(attributes));
    each_envelope(&mut request, |resource, scopes| {
        resource
            .iter_mut()
            .for_each(|resource| sort(&mut resource.attributes));
        resource.take_if(|resource| *resource == Resource::default());
        for scope in scopes {
            scope.iter_mut().for_each(|scope| sort(&mut scope.attributes));
            scope.take_if(|scope| *scope == InstrumentationScope::default());
        }
    });
    if let Decoded::Traces(request) = &mut request {
        let scopes = request
            .resource_spans
            .iter_mut()
            .flat_map(|envelope| &mut envelope.scope_spans);
        let spans = scopes.flat_map(|scope| &mut scope.spans);
        spans
            .flat_map(|span| &mut span.events)
            .for_each(|event: &mut Event| sort(&mut event.attributes));
    }
    request
}

pub(super) fn plans() -> impl Strategy<Value = [Plan; 4]> {
    let everything = [&OUTER[..], &SCOPE, &ITEM].concat();
    (
        plan(OUTER.to_vec()),
        plan([&OUTER[..], &SCOPE].concat()),
        plan(everything.clone()),
        plan(everything),
    )
        .prop_map(|(resource, scope, item, event)| [resource, scope, item, event])
        .prop_filter("something to do", |plans| {
            plans.iter().any(|plan| !plan.is_empty())
        })
}
