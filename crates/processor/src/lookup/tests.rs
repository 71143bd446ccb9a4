//! Lookups in requests.

mod follow;

use crate::testing::{self, Decoded, attribute, request};
use bytes::Bytes;
use forebay_core::{Identity, Origin, Signal};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use std::sync::Arc;

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

fn pair(key: &str, value: &str) -> KeyValue {
    attribute(key, text(value))
}

/// A request of one span, with these attributes of its resource, scope and itself.
fn nested(resource: Vec<KeyValue>, scope: Vec<KeyValue>, span: Vec<KeyValue>) -> Decoded {
    Decoded::Traces(ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: resource,
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    attributes: scope,
                    ..InstrumentationScope::default()
                }),
                spans: vec![Span {
                    attributes: span,
                    ..Span::default()
                }],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    })
}

fn look_up_from(origin: Origin, config: &str, request: &Decoded) -> Decoded {
    let outcome = testing::run_from(
        Arc::new(origin),
        ("lookup", config),
        request.signal(),
        &[request.encode()],
    );
    let (payload, _) = outcome.emitted.expect("nothing is dropped");
    assert!(outcome.verdict.failure.is_none());
    Decoded::decode(request.signal(), &payload.contiguous())
}

fn look_up(config: &str, request: &Decoded) -> Decoded {
    look_up_from(Origin::default(), config, request)
}

/// The attributes that a resource with `before` has afterwards.
fn of_resource(config: &str, before: &[KeyValue]) -> Vec<KeyValue> {
    let after = look_up(config, &nested(before.to_vec(), Vec::new(), Vec::new()));
    let Decoded::Traces(request) = after else {
        panic!("{after:?}")
    };
    let resource = request.resource_spans[0].resource.clone();
    resource.unwrap_or_default().attributes
}

const OWNERS: &str = r#"
    table.rows = [
        { ns = "shop", team = "checkout", cost = 4711, share = 0.5, live = true },
        { ns = "pay", team = "payments" },
        { ns = "17", team = "numbers" },
    ]
    key = [{ attribute = "k8s.namespace.name", column = "ns" }]
    attributes = [
        { column = "team", key = "team.name", default = "nobody" },
        { column = "cost", key = "cost", type = "int" },
        { column = "share", type = "double" },
        { column = "live", type = "bool", default = false },
    ]
"#;

#[test]
fn columns_become_attributes_of_their_types() {
    let shop = pair("k8s.namespace.name", "shop");
    let expected = [
        shop.clone(),
        pair("team.name", "checkout"),
        attribute("cost", Value::IntValue(4711)),
        attribute("share", Value::DoubleValue(0.5)),
        attribute("live", Value::BoolValue(true)),
    ];
    assert_eq!(of_resource(OWNERS, &[shop]), expected);
}

#[test]
fn defaults_stand_in_for_missing_rows_and_values_and_not_for_a_missing_key() {
    let defaults = |namespace: &str, team: &str| {
        let namespace = pair("k8s.namespace.name", namespace);
        let live = attribute("live", Value::BoolValue(false));
        assert_eq!(
            of_resource(OWNERS, std::slice::from_ref(&namespace)),
            [namespace, pair("team.name", team), live]
        );
    };
    defaults("pay", "payments");
    defaults("unknown", "nobody");
    let other = pair("service.name", "shop");
    assert_eq!(of_resource(OWNERS, std::slice::from_ref(&other)), [other]);
    let list = attribute("k8s.namespace.name", Value::BytesValue(b"shop".to_vec()));
    assert_eq!(of_resource(OWNERS, std::slice::from_ref(&list)), [list]);
}

#[test]
fn numbers_are_looked_up_as_they_are_written() {
    let number = attribute("k8s.namespace.name", Value::IntValue(17));
    assert_eq!(of_resource(OWNERS, &[number])[1], pair("team.name", "numbers"));
}

#[test]
fn what_is_there_stays_unless_it_is_overridden() {
    let before = [pair("team.name", "mine"), pair("k8s.namespace.name", "shop")];
    let kept = of_resource(OWNERS, &before);
    assert_eq!((&kept[0], kept.len()), (&before[0], 5));
    let replaced = of_resource(&format!("override = true\n{OWNERS}"), &before);
    assert_eq!(
        (&replaced[0], replaced.len()),
        (&pair("team.name", "checkout"), 5)
    );
    let missed = [pair("team.name", "mine"), pair("k8s.namespace.name", "none")];
    let replaced = of_resource(&format!("override = true\n{OWNERS}"), &missed);
    assert_eq!(replaced[0], pair("team.name", "nobody"));
}

#[test]
fn conditions_say_what_is_looked_up() {
    let config = format!("when = {{ resource = {{ \"env\" = \"prod\" }} }}\n{OWNERS}");
    let shop = pair("k8s.namespace.name", "shop");
    assert_eq!(of_resource(&config, std::slice::from_ref(&shop)).len(), 1);
    assert_eq!(of_resource(&config, &[shop, pair("env", "prod")]).len(), 6);
}

/// What was added to the resource, the scope and the span.
fn added(config: &str) -> [usize; 3] {
    let one = |value: &str| vec![pair("k", value)];
    let after = look_up(config, &nested(one("r"), one("s"), one("i")));
    let Decoded::Traces(request) = after else {
        panic!("{after:?}")
    };
    let resource = &request.resource_spans[0];
    let scope = &resource.scope_spans[0];
    let counts = [
        &resource.resource.as_ref().unwrap().attributes,
        &scope.scope.as_ref().unwrap().attributes,
        &scope.spans[0].attributes,
    ];
    counts.map(|attributes| attributes.len() - 1)
}

#[test]
fn each_level_can_be_looked_up_with_what_lies_above_it() {
    let config = |level: &str, rows: &str, keys: &str| {
        format!(
            "level = \"{level}\"\ntable.rows = [{rows}]\nkey = [{keys}]\nattributes = [{{ column = \"v\" }}]\n"
        )
    };
    let own = "{ attribute = \"k\", column = \"a\" }";
    let above =
        "{ attribute = \"k\", column = \"b\", level = \"resource\" }, { attribute = \"k\", column = \"a\" }";
    assert_eq!(added(&config("resource", "{ a = \"r\", v = 1 }", own)), [1, 0, 0]);
    assert_eq!(added(&config("scope", "{ a = \"s\", v = 1 }", own)), [0, 1, 0]);
    assert_eq!(added(&config("item", "{ a = \"i\", v = 1 }", own)), [0, 0, 1]);
    assert_eq!(added(&config("item", "{ a = \"r\", v = 1 }", own)), [0, 0, 0]);
    assert_eq!(
        added(&config("item", "{ b = \"r\", a = \"i\", v = 1 }", above)),
        [0, 0, 1]
    );
    assert_eq!(
        added(&config("item", "{ b = \"i\", a = \"r\", v = 1 }", above)),
        [0, 0, 0]
    );
    assert_eq!(
        added(&config("scope", "{ b = \"r\", a = \"s\", v = 1 }", above)),
        [0, 1, 0]
    );
}

#[test]
fn the_sender_can_be_looked_up() {
    let config = r#"
        table.rows = [{ net = "192.0.2.0/24", tenant = "acme", zone = "eu" }]
        key = [
            { from_context = "client.address", column = "net", match = "cidr" },
            { from_context = "auth.tenant", column = "tenant" },
        ]
        attributes = [{ column = "zone" }]
    "#;
    let zone = |origin: Origin| {
        let after = look_up_from(origin, config, &nested(Vec::new(), Vec::new(), Vec::new()));
        let Decoded::Traces(request) = after else {
            panic!("{after:?}")
        };
        let resource = request.resource_spans[0].resource.clone();
        resource.unwrap_or_default().attributes.len()
    };
    let identity = |tenant: &str| {
        Some(Arc::new(Identity {
            name: "agent".into(),
            tenant: Some(tenant.into()),
        }))
    };
    let peer = "[::ffff:192.0.2.7]:4711".parse().ok();
    assert_eq!(
        zone(Origin {
            peer,
            identity: identity("acme")
        }),
        1
    );
    assert_eq!(
        zone(Origin {
            peer,
            identity: identity("other")
        }),
        0
    );
    assert_eq!(zone(Origin { peer, identity: None }), 0);
}

/// The table of [`property_lookups_are_what_going_through_the_rows_gives`], by key and value.
const ROWS: [(&str, &str); 3] = [("x", "1"), ("17", "2"), ("", "3")];

/// What a lookup of the attribute `a` comes to.
fn model(attributes: &mut Vec<KeyValue>) {
    let value = attributes.iter().find(|attribute| attribute.key == "a");
    let text = match value.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::BoolValue(value)) => value.to_string(),
        _ => return,
    };
    let found = ROWS.iter().find(|(key, _)| *key == text);
    let found = found.map_or("none", |(_, value)| value);
    if !attributes.iter().any(|attribute| attribute.key == "b") {
        attributes.push(pair("b", found));
    }
}

proptest! {
    #[test]
    fn property_lookups_are_what_going_through_the_rows_gives(request in request(), places: (usize, usize)) {
        let rows = ROWS.map(|(key, value)| format!("{{ k = \"{key}\", v = \"{value}\" }}")).join(", ");
        let config = format!(
            "level = \"item\"\ntable.rows = [{rows}]\nkey = [{{ attribute = \"a\", column = \"k\" }}]\n\
             attributes = [{{ column = \"v\", key = \"b\", default = \"none\" }}]\n"
        );
        let bytes = request.encode();
        let outcome = testing::run("lookup", &config, request.signal(), &testing::cut(&bytes, places));
        let (payload, _) = outcome.emitted.expect("nothing is dropped");
        let after = Decoded::decode(request.signal(), &payload.contiguous());
        let expected: Vec<Vec<KeyValue>> = testing::flatten(&request)
            .into_iter()
            .map(|item| {
                let mut attributes = item.attributes.clone();
                model(&mut attributes);
                attributes
            })
            .collect();
        let found: Vec<Vec<KeyValue>> = testing::flatten(&after).into_iter().map(|item| item.attributes.clone()).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_request_that_cannot_be_read_fails() {
    let bytes = Bytes::from_static(&[0x0a, 0x05, 0x0a]);
    let outcome = testing::run("lookup", OWNERS, Signal::Logs, &[bytes]);
    assert!(outcome.emitted.is_none() && outcome.verdict.failure.is_some());
}
