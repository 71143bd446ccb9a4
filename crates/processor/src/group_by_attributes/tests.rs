//! Attributes on their way from items to resources.

use crate::testing::{self, Decoded, KEYS, View, attribute, first};
use bytes::Bytes;
use forebay_core::{Reason, Signal};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use proptest::sample::subsequence;

fn string(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

fn resource(attributes: Vec<KeyValue>) -> Option<Resource> {
    Some(Resource {
        attributes,
        ..Resource::default()
    })
}

/// A resource with records, each with its event name and its attributes.
fn records(own: Vec<KeyValue>, records: &[(&str, &[KeyValue])]) -> ResourceLogs {
    let record = |(name, attributes): &(&str, &[KeyValue])| LogRecord {
        event_name: (*name).to_owned(),
        attributes: attributes.to_vec(),
        ..LogRecord::default()
    };
    ResourceLogs {
        resource: resource(own),
        scope_logs: vec![ScopeLogs {
            log_records: records.iter().map(record).collect(),
            schema_url: "https://scope".to_owned(),
            ..ScopeLogs::default()
        }],
        schema_url: "https://resource".to_owned(),
    }
}

fn logs(resource_logs: Vec<ResourceLogs>) -> Decoded {
    Decoded::Logs(ExportLogsServiceRequest { resource_logs })
}

fn group(config: &str, request: &Decoded) -> Decoded {
    let outcome = testing::run(
        "group_by_attributes",
        config,
        request.signal(),
        &[request.encode()],
    );
    let (payload, items) = outcome.emitted.expect("nothing is dropped");
    assert_eq!(items as usize, testing::flatten(request).len());
    Decoded::decode(request.signal(), &payload.contiguous())
}

#[test]
fn items_with_the_same_values_stand_under_one_resource() {
    let host = |name: &str| attribute("host.name", string(name));
    let (shop, user) = (
        attribute("service.name", string("shop")),
        attribute("user", string("u")),
    );
    let before = logs(vec![records(
        vec![shop.clone()],
        &[
            ("1", &[host("a"), user.clone()]),
            ("2", std::slice::from_ref(&user)),
            ("3", &[host("b")]),
            ("4", &[user.clone(), host("a")]),
        ],
    )]);
    let after = logs(vec![
        records(
            vec![shop.clone(), host("a")],
            &[
                ("1", std::slice::from_ref(&user)),
                ("4", std::slice::from_ref(&user)),
            ],
        ),
        records(vec![shop.clone()], &[("2", &[user])]),
        records(vec![shop, host("b")], &[("3", &[])]),
    ]);
    assert_eq!(group(r#"keys = ["host.name"]"#, &before), after);
}

#[test]
fn values_keep_their_types_and_are_told_apart_by_them() {
    let values = [
        Value::IntValue(17),
        string("17"),
        Value::DoubleValue(17.0),
        Value::BytesValue(vec![0, 1]),
    ];
    let items: Vec<_> = values
        .iter()
        .map(|value| [attribute("k", value.clone())])
        .collect();
    let items: Vec<_> = items.iter().map(|own| ("", &own[..])).collect();
    let after = group(r#"keys = ["k"]"#, &logs(vec![records(vec![], &items)]));
    let found = testing::flatten(&after);
    let found: Vec<_> = found
        .iter()
        .map(|view| first(&view.resource, "k").cloned())
        .collect();
    assert_eq!(found, values.map(Some));
}

#[test]
fn the_value_of_the_item_wins_over_that_of_the_resource() {
    let host = |name: &str| attribute("host.name", string(name));
    let zone = attribute("zone", Value::IntValue(3));
    let before = logs(vec![records(
        vec![host("agent"), zone.clone()],
        &[("1", &[host("node"), host("ignored")]), ("2", &[])],
    )]);
    let after = logs(vec![
        records(vec![zone.clone(), host("node")], &[("1", &[])]),
        records(vec![host("agent"), zone], &[("2", &[])]),
    ]);
    assert_eq!(group(r#"keys = ["host.name"]"#, &before), after);
}

#[test]
fn keys_go_in_the_order_of_the_config_whatever_that_of_the_item() {
    let (a, b) = (attribute("a", string("1")), attribute("b", string("2")));
    let before = logs(vec![records(
        vec![],
        &[
            ("1", &[a.clone(), b.clone()]),
            ("2", &[b.clone(), a.clone()]),
            ("3", std::slice::from_ref(&a)),
        ],
    )]);
    let after = logs(vec![
        records(vec![b, a.clone()], &[("1", &[]), ("2", &[])]),
        records(vec![a], &[("3", &[])]),
    ]);
    assert_eq!(group(r#"keys = ["b", "a"]"#, &before), after);
}

#[test]
fn points_take_with_them_what_their_metric_says() {
    let pod = |name: &str| attribute("k8s.pod.name", string(name));
    let sum = |points: &[(u64, &[KeyValue])]| Metric {
        name: "requests".to_owned(),
        description: "Requests.".to_owned(),
        unit: "{request}".to_owned(),
        data: Some(Data::Sum(Sum {
            data_points: points
                .iter()
                .map(|(time, attributes)| NumberDataPoint {
                    time_unix_nano: *time,
                    attributes: attributes.to_vec(),
                    ..NumberDataPoint::default()
                })
                .collect(),
            aggregation_temporality: 2,
            is_monotonic: true,
        })),
        metadata: vec![attribute("m", string("x"))],
    };
    let request = |list: Vec<(Vec<KeyValue>, Metric)>| {
        let resource_metrics = list.into_iter().map(|(own, metric)| ResourceMetrics {
            resource: resource(own),
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        });
        Decoded::Metrics(ExportMetricsServiceRequest {
            resource_metrics: resource_metrics.collect(),
        })
    };
    let path = attribute("path", string("/"));
    let before = request(vec![(
        vec![],
        sum(&[(1, &[pod("a"), path.clone()]), (2, &[pod("b")]), (3, &[pod("a")])]),
    )]);
    let after = request(vec![
        (vec![pod("a")], sum(&[(1, &[path]), (3, &[])])),
        (vec![pod("b")], sum(&[(2, &[])])),
    ]);
    assert_eq!(group(r#"keys = ["k8s.pod.name"]"#, &before), after);
}

#[test]
fn what_needs_more_groups_than_there_may_be_stays() {
    let values: Vec<_> = (0..5)
        .map(|value| [attribute("k", Value::IntValue(value % 4))])
        .collect();
    let items: Vec<_> = values.iter().map(|own| ("", &own[..])).collect();
    let before = logs(vec![records(vec![], &items)]);
    let after = group("keys = [\"k\"]\nmax_groups = 2", &before);
    let found = testing::flatten(&after);
    let moved = |view: &&View| view.attributes.is_empty() && view.resource.len() == 1;
    let left = |view: &&View| view.resource.is_empty() && view.attributes.len() == 1;
    assert_eq!(
        (
            found.iter().filter(moved).count(),
            found.iter().filter(left).count()
        ),
        (3, 2)
    );
}

#[test]
fn a_batch_without_the_keys_keeps_its_bytes() {
    let bytes = logs(vec![records(vec![], &[("1", &[attribute("a", string("x"))])])]).encode();
    let config = r#"keys = ["b"]"#;
    let outcome = testing::run(
        "group_by_attributes",
        config,
        Signal::Logs,
        std::slice::from_ref(&bytes),
    );
    let (payload, _) = outcome.emitted.expect("nothing is dropped");
    assert_eq!(payload.slices()[0].as_ptr(), bytes.as_ptr());
}

#[test]
fn a_request_that_cannot_be_read_is_refused() {
    let damaged = [Bytes::from_static(&[0x0a, 0x7f, 1])];
    let outcome = testing::run("group_by_attributes", r#"keys = ["b"]"#, Signal::Logs, &damaged);
    let failure = outcome.verdict.failure.expect("it fails");
    assert_eq!((failure.reason, failure.retryable), (Reason::Malformed, false));
}

#[test]
fn mistakes_have_places() {
    for (config, message, blamed) in [
        ("keys = []", "no attribute to group by", "[]"),
        (r#"keys = ["a", ""]"#, "is empty", "\"\""),
        (r#"keys = ["a", "b", "a"]"#, "`a` is given twice", "\"a\""),
        ("keys = [\"a\"]\nmax_groups = 0", "number of groups", "0"),
    ] {
        let (said, place) = testing::mistake("group_by_attributes", config);
        assert!(said.contains(message), "{config}: {said}");
        assert_eq!(place, blamed, "{config}: {said}");
    }
}

/// What an item is, whichever of its attributes stand on it and which on its resource: those of the item win.
fn effective(view: &View) -> String {
    let mut all = view.attributes.clone();
    all.extend_from_slice(&view.resource);
    let mut keys: Vec<&str> = all.iter().map(|attribute| &*attribute.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let values: Vec<_> = keys.iter().map(|key| (key, first(&all, key))).collect();
    format!("{:?} {} {} {:?}", view.scope, view.name, view.metric_type, values)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn property_every_item_has_all_its_attributes_wherever_they_stand(
        request in testing::request(), keys in subsequence(&KEYS[..], 1..5).prop_shuffle(), max_groups in 1..9_u32,
        places in any::<(usize, usize)>(),
    ) {
        let signal = request.signal();
        let config = format!("keys = {keys:?}\nmax_groups = {max_groups}");
        let outcome = testing::run("group_by_attributes", &config, signal, &testing::cut(&request.encode(), places));
        let (payload, _) = outcome.emitted.expect("nothing is dropped");
        let after = testing::flatten(&Decoded::decode(signal, &payload.contiguous()));
        let sorted = |views: &[View]| {
            let mut all: Vec<String> = views.iter().map(effective).collect();
            all.sort_unstable();
            all
        };
        prop_assert_eq!(sorted(&after), sorted(&testing::flatten(&request)));
    }
}
