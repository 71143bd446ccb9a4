//! Changes of attributes, one by one and against the same changes of decoded requests.

mod actions;
mod context;
mod model;

use crate::testing::{self, Decoded, attribute, first};
use bytes::Bytes;
use forebay_core::{Reason, Signal};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;

fn string(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

/// A request of one span with these attributes.
fn span_with(attributes: Vec<KeyValue>) -> Decoded {
    let span = Span {
        name: "GET /".to_owned(),
        attributes,
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans {
        spans: vec![span],
        ..ScopeSpans::default()
    }];
    Decoded::Traces(ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        }],
    })
}

fn change(config: &str, request: &Decoded) -> Decoded {
    let outcome = testing::run("attributes", config, request.signal(), &[request.encode()]);
    let (payload, items) = outcome.emitted.expect("nothing is dropped");
    assert_eq!(items as usize, testing::flatten(request).len());
    assert!(outcome.verdict.failure.is_none());
    Decoded::decode(request.signal(), &payload.contiguous())
}

/// The attributes of one span after one action, which is run both by the editor and step by step.
fn act(action: &str, attributes: &[KeyValue]) -> Vec<KeyValue> {
    let request = span_with(attributes.to_vec());
    let fixed = change(&format!("item = [{{ {action} }}]"), &request);
    let stepped = change(
        &format!("item = [{{ {action}, when = {{ names = [\"GET /\"] }} }}]"),
        &request,
    );
    let after = |decoded: &Decoded| sorted(&testing::flatten(decoded)[0].attributes);
    assert_eq!(after(&fixed), after(&stepped), "{action}");
    after(&fixed)
}

/// As a set: what has the same key keeps its order.
fn sorted(attributes: &[KeyValue]) -> Vec<KeyValue> {
    let mut sorted = attributes.to_vec();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    for attribute in &mut sorted {
        // No value, and a value that is nothing, mean the same.
        attribute.value.get_or_insert(AnyValue { value: None });
    }
    sorted
}

#[test]
fn insert_update_upsert_delete_rename() {
    let before = [attribute("a", string("1")), attribute("b", Value::IntValue(2))];
    let cases: [(&str, Vec<KeyValue>); 8] = [
        (r#"action = "insert", key = "a", value = "x""#, before.to_vec()),
        (
            r#"action = "insert", key = "c", from_attribute = "b""#,
            [&before[..], &[attribute("c", Value::IntValue(2))]].concat(),
        ),
        (
            r#"action = "update", key = "a", value = true"#,
            vec![attribute("a", Value::BoolValue(true)), before[1].clone()],
        ),
        (r#"action = "update", key = "c", value = true"#, before.to_vec()),
        (
            r#"action = "upsert", key = "a", value = 1.5"#,
            vec![attribute("a", Value::DoubleValue(1.5)), before[1].clone()],
        ),
        (
            r#"action = "upsert", key = "c", from_attribute = "none""#,
            before.to_vec(),
        ),
        (r#"action = "delete", key = "a""#, vec![before[1].clone()]),
        (
            r#"action = "rename", key = "b", new_key = "a""#,
            vec![attribute("a", Value::IntValue(2))],
        ),
    ];
    for (action, after) in cases {
        assert_eq!(act(action, &before), after, "{action}");
    }
    assert_eq!(act(r#"action = "delete", pattern = "^[ab]$""#, &before), []);
}

#[test]
fn lists_are_values() {
    let after = act(r#"action = "upsert", key = "a", value = ["x", "y"]"#, &[]);
    let Some(Value::ArrayValue(array)) = first(&after, "a") else {
        panic!("{after:?}")
    };
    assert_eq!(
        array.values,
        [testing::text("x").unwrap(), testing::text("y").unwrap()]
    );
    let long = "x".repeat(300);
    let after = act(
        &format!(r#"action = "upsert", key = "a", value = ["{long}"]"#),
        &[],
    );
    let Some(Value::ArrayValue(array)) = first(&after, "a") else {
        panic!("{after:?}")
    };
    assert_eq!(array.values, [testing::text(&long).unwrap()]);
}

/// The digests are those of `sha256sum` over the bytes that the action's documentation names.
#[test]
fn hashes_are_those_of_the_collector() {
    let cases = [
        (
            string("user@example.com"),
            "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514",
        ),
        (
            string(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            Value::BoolValue(true),
            "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a",
        ),
        (
            Value::IntValue(1),
            "7c9fa136d4413fa6173637e883b6998d32e1d675f88cddff9dcbcf331820f4b8",
        ),
        (Value::BytesValue(vec![1]), ""),
    ];
    for (value, digest) in cases {
        let after = act(r#"action = "hash", key = "a""#, &[attribute("a", value.clone())]);
        assert_eq!(first(&after, "a"), Some(&string(digest)), "{value:?}");
    }
}

#[test]
fn conversions() {
    let (text, int, double, boolean) = (string, Value::IntValue, Value::DoubleValue, Value::BoolValue);
    let cases = [
        ("string", int(-17), text("-17")),
        ("string", boolean(false), text("false")),
        ("string", double(1.5), text("1.5")),
        ("string", double(1e300), text("1e+300")),
        ("string", double(3e-9), text("3e-9")),
        ("string", double(100000.0), text("100000")),
        ("int", text("17"), int(17)),
        ("int", text("17.5"), text("17.5")),
        ("int", double(-2.75), int(-2)),
        ("int", double(1e300), int(i64::MAX)),
        ("int", boolean(true), int(1)),
        ("double", text("2.5"), double(2.5)),
        ("double", int(3), double(3.0)),
        ("bool", text("true"), boolean(true)),
        ("bool", text("yes"), text("yes")),
        ("bool", int(0), boolean(false)),
        ("bool", double(0.5), boolean(true)),
        ("string", Value::BytesValue(vec![1]), Value::BytesValue(vec![1])),
    ];
    for (to, before, after) in cases {
        let action = format!(r#"action = "convert", key = "a", to = "{to}""#);
        let done = act(&action, &[attribute("a", before.clone())]);
        assert_eq!(first(&done, "a"), Some(&after), "{before:?} to {to}");
    }
}

#[test]
fn extract_makes_an_attribute_of_each_group() {
    let action =
        r#"action = "extract", key = "url", pattern = "^/(?P<kind>[^/]+)/(?<order.id>\\d+)(?<rest>/.*)?""#;
    let after = act(
        action,
        &[
            attribute("url", string("/größe/17")),
            attribute("kind", Value::IntValue(1)),
        ],
    );
    assert_eq!(first(&after, "kind"), Some(&string("größe")));
    assert_eq!(first(&after, "order.id"), Some(&string("17")));
    assert_eq!(first(&after, "rest"), None);
    assert_eq!(act(action, &[attribute("url", Value::IntValue(17))]).len(), 1);
    assert_eq!(act(action, &[attribute("url", string("none"))]).len(), 1);
}

#[test]
fn extract_may_replace_what_it_reads() {
    let action = r#"action = "extract", key = "a", pattern = "(?<a>[0-9]+) (?<b>.+)""#;
    let after = act(action, &[attribute("a", string("17 x"))]);
    assert_eq!(after, [attribute("a", string("17")), attribute("b", string("x"))]);
}

#[test]
fn resource_and_scope_come_into_being() {
    let config = r#"
        resource = [{ action = "upsert", key = "env", value = "prod" }]
        scope = [{ action = "insert", key = "s", value = 1 }]"#;
    let after = testing::flatten(&change(config, &span_with(vec![])));
    assert_eq!(after[0].resource, [attribute("env", string("prod"))]);
    assert_eq!(after[0].scope.attributes, [attribute("s", Value::IntValue(1))]);
}

#[test]
fn resource_changes_share_the_items() {
    let spans = (0..1000).map(|_| Span {
        attributes: vec![attribute("a", string("x"))],
        ..Span::default()
    });
    let request = Decoded::Traces(ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![attribute("env", string("dev"))],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans: spans.collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    });
    let bytes = request.encode();
    let config = r#"resource = [{ action = "upsert", key = "env", value = "prod" }]"#;
    let outcome = testing::run("attributes", config, Signal::Traces, std::slice::from_ref(&bytes));
    let (payload, _) = outcome.emitted.expect("nothing is dropped");
    let last = payload.slices().last().expect("not empty");
    assert!(
        bytes.as_ptr_range().contains(&last.as_ptr()),
        "the spans are where they were"
    );
    assert!(outcome.leased < bytes.len() as u64 + 200);
}

#[test]
fn what_changes_nothing_leaves_the_bytes_alone() {
    let bytes = span_with(vec![attribute("a", string("x"))]).encode();
    for config in [
        r#"item = [{ action = "upsert", key = "a", value = "x" }]"#,
        r#"item = [{ action = "update", key = "z", value = "x", when = { kinds = ["internal"] } }]"#,
        r#"event = [{ action = "upsert", key = "a", value = "x" }]"#,
        "when = { signals = [\"logs\"] }\nitem = [{ action = \"delete\", key = \"a\" }]",
    ] {
        let outcome = testing::run("attributes", config, Signal::Traces, std::slice::from_ref(&bytes));
        let (payload, _) = outcome.emitted.expect("nothing is dropped");
        assert_eq!(payload.slices()[0].as_ptr(), bytes.as_ptr(), "{config}");
    }
}

#[test]
fn conditions_see_the_data_as_it_came_in() {
    let config = r#"item = [
        { action = "delete", key = "a" },
        { action = "upsert", key = "b", value = 1, when = { attributes = { a = "x" } } },
        { action = "upsert", key = "c", value = 1, when = { attributes = { b = { present = true } } } },
    ]"#;
    let after = change(config, &span_with(vec![attribute("a", string("x"))]));
    assert_eq!(
        testing::flatten(&after)[0].attributes,
        [attribute("b", Value::IntValue(1))]
    );
}

#[test]
fn a_request_that_cannot_be_read_is_refused() {
    let config = r#"item = [{ action = "delete", key = "a" }]"#;
    let outcome = testing::run(
        "attributes",
        config,
        Signal::Logs,
        &[Bytes::from_static(&[0x0a, 0x7f, 1])],
    );
    let failure = outcome.verdict.failure.expect("it fails");
    assert_eq!((failure.reason, failure.retryable), (Reason::Malformed, false));
}

/// Configs, what is said about them, and a part of the place that is blamed.
const MISTAKES: [(&str, &str, &str); 26] = [
    ("", "without actions", ""),
    (
        r#"item = [{ action = "insert", key = "a" }]"#,
        "needs `value`, `from_attribute` or `from_context`",
        "insert",
    ),
    (
        r#"item = [{ action = "insert", value = 1 }]"#,
        "the action `insert` needs `key`",
        "insert",
    ),
    (
        r#"item = [{ action = "insert", key = "", value = 1 }]"#,
        "`key` is empty",
        "key",
    ),
    (
        r#"item = [{ action = "hash", key = "a", value = 1 }]"#,
        "`value` has no meaning",
        "value",
    ),
    (
        r#"item = [{ action = "rename", key = "a", new_key = "a" }]"#,
        "are both `a`",
        "key",
    ),
    (
        r#"item = [{ action = "convert", key = "a" }]"#,
        "needs `to`",
        "convert",
    ),
    (
        r#"item = [{ action = "delete", key = "a", pattern = "b" }]"#,
        "not both",
        "delete",
    ),
    (
        r#"item = [{ action = "extract", key = "a", pattern = "b" }]"#,
        "no named group",
        "pattern",
    ),
    (
        r#"item = [{ action = "extract", key = "a", pattern = "(" }]"#,
        "not a regular expression",
        "\"(\"",
    ),
    (
        r#"item = [{ action = "insert", key = "a", value = [1, "b"] }]"#,
        "one type",
        "[1, \"b\"]",
    ),
    (
        r#"item = [{ action = "drop", key = "a" }]"#,
        "unknown value `drop`",
        "\"drop\"",
    ),
    (
        r#"item = [{ action = "keep" }]"#,
        "needs `keys` or `pattern`",
        "keep",
    ),
    (
        r#"item = [{ action = "keep", keys = ["a", ""] }]"#,
        "one of `keys` is empty",
        "keep",
    ),
    (
        r#"item = [{ action = "keep", key = "a" }]"#,
        "`key` has no meaning",
        "key",
    ),
    (
        r#"item = [{ action = "delete", keys = ["a"] }]"#,
        "`keys` has no meaning",
        "keys",
    ),
    (
        r#"item = [{ action = "truncate", key = "a" }]"#,
        "needs `length`",
        "truncate",
    ),
    (
        r#"item = [{ action = "truncate", key = "a", length = 0 }]"#,
        "use `delete`",
        "length",
    ),
    (
        r#"item = [{ action = "truncate", length = 5 }]"#,
        "needs `key` or `pattern`",
        "truncate",
    ),
    (
        r#"item = [{ action = "hash", key = "a", pattern = "b" }]"#,
        "`hash` takes `key` or `pattern`, not both",
        "hash",
    ),
    (
        r#"item = [{ action = "hash", key = "a", hash_key = "short" }]"#,
        "fewer than 16 bytes",
        "short",
    ),
    (
        r#"item = [{ action = "delete", key = "a", hash_key = "0123456789abcdef" }]"#,
        "`hash_key` has no meaning",
        "hash_key",
    ),
    (
        r#"item = [{ action = "insert", key = "a", value = 1, default_value = 2 }]"#,
        "`value` is always there",
        "default_value",
    ),
    (
        r#"resource = [{ action = "delete", key = "a", when = { names = ["x"] } }]"#,
        "other items share the same resource",
        "when",
    ),
    (
        r#"resource = [{ action = "delete", key = "a", when = { scope = { names = ["x"] } } }]"#,
        "other scopes share the same resource",
        "when",
    ),
    (
        r#"item = [{ action = "delete", key = "a", when = { kinds = ["client"], metric_types = ["sum"] } }]"#,
        "no item can",
        "when",
    ),
];

#[test]
fn mistakes_have_places() {
    for (config, message, blamed) in MISTAKES {
        let (said, place) = testing::mistake("attributes", config);
        assert!(said.contains(message), "{config}: {said}");
        assert!(place.contains(blamed), "{config}: {said}: `{place}`");
    }
}

#[test]
fn the_example_reads_back_as_it_was_written() {
    let prepared = testing::prepare("attributes", include_str!("example.toml")).expect("valid");
    assert_eq!(prepared.resolved["resource"][0]["value"], "prod");
    assert_eq!(prepared.resolved["item"][1]["action"], "hash");
}

proptest! {
    #![proptest_config(ProptestConfig {  failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn property_attributes_change_as_in_decoded_requests(
        request in testing::request(),
        plans in model::plans(),
        places in any::<(usize, usize)>(),
    ) {
        let mut config = String::new();
        for (level, plan) in ["resource", "scope", "item", "event"].iter().zip(&plans) {
            let actions: Vec<String> = plan.iter().map(|(act, when)| act.to_toml(when)).collect();
            config += &format!("{level} = [{}]\n", actions.join(", "));
        }
        let signal = request.signal();
        let outcome = testing::run("attributes", &config, signal, &testing::cut(&request.encode(), places));
        let (payload, _) = outcome.emitted.expect("nothing is dropped");
        let after = Decoded::decode(signal, &payload.contiguous());
        let mut expected = request.clone();
        model::oracle(&plans, &mut expected);
        prop_assert_eq!(model::normalized(after), model::normalized(expected), "{}", config);
    }
}
