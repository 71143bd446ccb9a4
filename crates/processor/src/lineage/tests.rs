//! Ways through one process and several, and what is left alone.

use super::*;
use crate::testing::{self, Decoded, attribute};
use forebay_core::Signal;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn request(attributes: Vec<KeyValue>) -> Decoded {
    let scope_spans = vec![ScopeSpans {
        spans: vec![Span::default()],
        ..ScopeSpans::default()
    }];
    Decoded::Traces(ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes,
                ..Resource::default()
            }),
            scope_spans,
            ..ResourceSpans::default()
        }],
    })
}

fn through(config: &str, request: &Decoded) -> Decoded {
    let outcome = testing::run("lineage", config, request.signal(), &[request.encode()]);
    let (payload, _) = outcome.emitted.expect("nothing is dropped");
    Decoded::decode(request.signal(), &payload.contiguous())
}

fn resource(request: &Decoded) -> Vec<KeyValue> {
    let Decoded::Traces(request) = request else {
        panic!("no traces")
    };
    let resource = request.resource_spans[0].resource.clone();
    resource.unwrap_or_default().attributes
}

fn path(request: &Decoded) -> Vec<String> {
    let value = resource(request)
        .into_iter()
        .find(|attribute| attribute.key == PATH);
    let Some(Value::ArrayValue(array)) = value.unwrap().value.unwrap().value else {
        panic!("no array")
    };
    let text = |value: AnyValue| match value.value {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    };
    array.values.into_iter().map(text).collect()
}

const PATHS_ONLY: &str = "received_at = []\ninstance = ";

#[test]
fn each_process_adds_a_hop_behind_all_that_was_there() {
    let before = vec![text("service.name", "shop"), text("env", "x")];
    let agent = through(&format!("{PATHS_ONLY}'agent'"), &request(before.clone()));
    assert_eq!(resource(&agent)[..2], before);
    let gateway = through(&format!("{PATHS_ONLY}'gateway'"), &agent);
    assert_eq!(path(&gateway), ["agent/it", "gateway/it"]);
    assert_eq!(resource(&gateway)[..2], before);
    assert_eq!(resource(&gateway).len(), 3);
}

#[test]
fn a_hop_has_the_instance_and_the_nodes_in_order() {
    let names: Vec<Arc<str>> = ["otlp", "site", "lineage"].map(Arc::from).into();
    let trail = [0, 2, 7].map(forebay_core::NodeId);
    assert_eq!(hop::hop("agent", &trail, &names), "agent/otlp/lineage");
}

#[test]
fn the_first_moment_stays() {
    let once = through("instance = 'a'\npath = false", &request(Vec::new()));
    let attributes = resource(&once);
    assert_eq!((attributes.len(), &*attributes[0].key), (1, RECEIVED_AT));
    let Some(Value::IntValue(_)) = attributes[0].value.clone().unwrap().value else {
        panic!("no integer")
    };
    let long_ago = KeyValue {
        key: RECEIVED_AT.into(),
        value: Some(AnyValue {
            value: Some(Value::IntValue(7)),
        }),
        ..KeyValue::default()
    };
    let later = through("path = false", &request(vec![long_ago.clone()]));
    assert_eq!(resource(&later), [long_ago]);
}

#[test]
fn data_points_get_a_moment_only_if_it_is_asked_for() {
    let config = LineageConfig::default();
    assert!(!config.timed().contains(Signal::Metrics));
    let asked: LineageConfig = toml::from_str("received_at = ['metrics']").unwrap();
    assert_eq!(asked.timed(), SignalSet::of(Signal::Metrics));
}

#[test]
fn a_path_that_is_full_stays_and_one_that_is_none_is_replaced() {
    let hop = |text: &str| AnyValue {
        value: Some(Value::StringValue(text.into())),
    };
    let with = |value| {
        vec![KeyValue {
            key: PATH.into(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        }]
    };
    let full = ArrayValue {
        values: vec![hop("a"), hop("b")],
    };
    let full = request(with(Value::ArrayValue(full)));
    let config = format!("max_hops = 2\n{PATHS_ONLY}'c'");
    assert_eq!(path(&through(&config, &full)), ["a", "b"]);
    let none = request(with(Value::StringValue("a/b".into())));
    assert_eq!(path(&through(&config, &none)), ["c/it"]);
}

#[test]
fn every_resource_gets_the_path_and_full_ones_are_counted() {
    let built = LineageFactory::build(
        toml::from_str("max_hops = 1\nreceived_at = []\ninstance = 'a'").unwrap(),
        1,
    );
    let Ok(BuiltProcessor::Stateless(processor)) = built else {
        panic!("not stateless")
    };
    let clock = forebay_testkit::SimulatedClock::default();
    let ledger = forebay_core::ledger::Ledger::new(1);
    let context = forebay_testkit::processor_context(&ledger, &clock, 0, 0);
    processor.start(&context).unwrap();
    let (Decoded::Traces(mut both), Decoded::Traces(other)) = (request(Vec::new()), request(Vec::new()))
    else {
        panic!("no traces")
    };
    both.resource_spans.extend(other.resource_spans);
    let both = Decoded::Traces(both);
    let pass = |request: &Decoded| {
        let outcome = testing::pass(&*processor, Arc::default(), Signal::Traces, &[request.encode()]);
        Decoded::decode(Signal::Traces, &outcome.emitted.unwrap().0.contiguous())
    };
    let once = pass(&both);
    let again = pass(&once);
    assert_eq!(path(&once), ["a/it"]);
    assert_eq!(once, again);
    let counted = &context.node.instruments.all()[0];
    let mut exposition = forebay_telemetry::Exposition::new();
    let family = &mut exposition.family(&LINEAGE_FULL_PATHS);
    counted.write(&LINEAGE_FULL_PATHS, "it", family);
    let exposed = exposition.finish();
    assert!(
        exposed.contains("forebay_lineage_full_paths_total{node=\"it\"} 2"),
        "{exposed}"
    );
}

#[test]
fn what_can_never_be_meant_is_refused_where_it_stands() {
    for (config, blamed) in [
        ("path = false\nreceived_at = []", "false"),
        ("max_hops = 0", "0"),
        ("instance = ''", "''"),
        ("instance = 'a/b'", "'a/b'"),
    ] {
        assert_eq!(testing::mistake("lineage", config).1, blamed);
    }
    assert!(!host_name().is_empty());
}
