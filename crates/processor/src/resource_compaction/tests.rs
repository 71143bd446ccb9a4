//! Equal resources, scopes and metrics in batches.

use crate::testing::{self, Decoded, attribute};
use bytes::Bytes;
use forebay_core::{Reason, Signal};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;

fn resource(name: &str) -> Option<Resource> {
    Some(Resource {
        attributes: vec![attribute("service.name", Value::StringValue(name.to_owned()))],
        ..Resource::default()
    })
}

/// A resource with one scope and spans of these names.
fn spans(service: &str, schema_url: &str, names: &[&str]) -> ResourceSpans {
    let span = |name: &&str| Span {
        name: (*name).to_owned(),
        ..Span::default()
    };
    ResourceSpans {
        resource: resource(service),
        scope_spans: vec![ScopeSpans {
            spans: names.iter().map(span).collect(),
            ..ScopeSpans::default()
        }],
        schema_url: schema_url.to_owned(),
    }
}

fn request(resource_spans: Vec<ResourceSpans>) -> Decoded {
    Decoded::Traces(ExportTraceServiceRequest { resource_spans })
}

/// What becomes of a request, which keeps its items.
fn compact(config: &str, request: &Decoded) -> Decoded {
    let outcome = testing::run(
        "resource_compaction",
        config,
        request.signal(),
        &[request.encode()],
    );
    let (payload, items) = outcome.emitted.expect("nothing is dropped");
    assert_eq!(items as usize, testing::flatten(request).len());
    Decoded::decode(request.signal(), &payload.contiguous())
}

#[test]
fn equal_resources_become_the_first_of_them() {
    let before = vec![
        spans("shop", "", &["a", "b"]),
        spans("mail", "", &["c"]),
        spans("shop", "", &["d"]),
        spans("shop", "https://schema", &["e"]),
    ];
    let after = vec![
        spans("shop", "", &["a", "b", "d"]),
        spans("mail", "", &["c"]),
        spans("shop", "https://schema", &["e"]),
    ];
    assert_eq!(compact("", &request(before)), request(after));
}

#[test]
fn scopes_of_different_versions_stay_apart() {
    let mut resource = spans("shop", "", &["a"]);
    let mut scope = resource.scope_spans[0].clone();
    scope.scope = Some(
        testing::flatten(&request(vec![resource.clone()]))[0]
            .scope
            .clone(),
    );
    let mut newer = scope.clone();
    newer.scope.as_mut().expect("a scope").version = "2".to_owned();
    resource.scope_spans = vec![scope.clone(), newer.clone(), scope.clone(), newer.clone()];
    let mut after = resource.clone();
    after.scope_spans.truncate(2);
    for scope in &mut after.scope_spans {
        scope.spans = [&scope.spans[..], &scope.spans[..]].concat();
    }
    assert_eq!(compact("", &request(vec![resource])), request(vec![after]));
}

fn sum(name: &str, temporality: i32, values: &[i64]) -> Metric {
    let point = |value: &i64| NumberDataPoint {
        time_unix_nano: *value as u64,
        ..NumberDataPoint::default()
    };
    Metric {
        name: name.to_owned(),
        data: Some(Data::Sum(Sum {
            data_points: values.iter().map(point).collect(),
            aggregation_temporality: temporality,
            is_monotonic: true,
        })),
        ..Metric::default()
    }
}

fn metrics(metrics: Vec<Metric>) -> Decoded {
    Decoded::Metrics(ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    })
}

#[test]
fn metrics_that_measure_the_same_become_one() {
    let before = metrics(vec![
        sum("requests", 2, &[1, 2]),
        sum("requests", 1, &[3]),
        sum("errors", 2, &[4]),
        sum("requests", 2, &[5]),
    ]);
    let after = metrics(vec![
        sum("requests", 2, &[1, 2, 5]),
        sum("requests", 1, &[3]),
        sum("errors", 2, &[4]),
    ]);
    assert_eq!(compact("", &before), after);
    assert_eq!(compact("merge_metrics = false", &before), before);
}

#[test]
fn a_batch_without_equal_ones_keeps_its_bytes() {
    let bytes = request(vec![spans("shop", "", &["a"]), spans("mail", "", &["a"])]).encode();
    let outcome = testing::run(
        "resource_compaction",
        "",
        Signal::Traces,
        std::slice::from_ref(&bytes),
    );
    let (payload, _) = outcome.emitted.expect("nothing is dropped");
    assert_eq!(payload.slices()[0].as_ptr(), bytes.as_ptr());
    assert_eq!(outcome.leased, bytes.len() as u64);
}

#[test]
fn a_request_that_cannot_be_read_is_refused() {
    let damaged = [Bytes::from_static(&[0x0a, 0x7f, 1])];
    let outcome = testing::run("resource_compaction", "", Signal::Logs, &damaged);
    let failure = outcome.verdict.failure.expect("it fails");
    assert_eq!((failure.reason, failure.retryable), (Reason::Malformed, false));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn property_every_item_is_there_as_it_was(
        request in testing::request(), merge_metrics: bool, places in any::<(usize, usize)>(),
    ) {
        let signal = request.signal();
        // The same twice: every envelope has an equal one.
        let twice = Bytes::from([&request.encode()[..], &request.encode()[..]].concat());
        let config = format!("merge_metrics = {merge_metrics}");
        let outcome = testing::run("resource_compaction", &config, signal, &testing::cut(&twice, places));
        let (payload, _) = outcome.emitted.expect("nothing is dropped");
        let after = payload.contiguous();
        let mut items = testing::flatten(&Decoded::decode(signal, &after));
        let mut expected = testing::flatten(&Decoded::decode(signal, &twice));
        let whole = |view: &testing::View| format!("{view:?}");
        items.sort_by_key(whole);
        expected.sort_by_key(whole);
        prop_assert_eq!(items, expected);
        prop_assert!(request.encode().is_empty() || after.len() < twice.len());
    }
}
