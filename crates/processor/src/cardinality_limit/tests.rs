//! The processor as a whole. What the limiter does is tested where it is; here, what of it arrives in a batch and its books.

use crate::testing::{self, Decoded, attribute};
use forebay_core::{Reason, Signal};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

fn counts(names: &[&str]) -> Decoded {
    let point = |name: &&str| NumberDataPoint {
        attributes: vec![attribute("user.id", Value::StringValue((*name).to_owned()))],
        time_unix_nano: 1,
        value: Some(number_data_point::Value::AsInt(1)),
        ..NumberDataPoint::default()
    };
    let sum = Sum {
        data_points: names.iter().map(point).collect(),
        aggregation_temporality: 1,
        is_monotonic: true,
    };
    let metric = Metric {
        name: "requests".to_owned(),
        data: Some(metric::Data::Sum(sum)),
        ..Metric::default()
    };
    Decoded::Metrics(ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    })
}

fn limit(config: &str, names: &[&str]) -> testing::Outcome {
    testing::run(
        "cardinality_limit",
        config,
        Signal::Metrics,
        &[counts(names).encode()],
    )
}

/// The values of what was emitted, in order, with the keys of their attributes.
fn emitted(outcome: &testing::Outcome) -> Vec<(String, i64)> {
    let (payload, items) = outcome.emitted.as_ref().expect("something is left");
    let Decoded::Metrics(request) = Decoded::decode(Signal::Metrics, &payload.contiguous()) else {
        panic!("another signal");
    };
    let metric = request.resource_metrics[0].scope_metrics[0].metrics[0].clone();
    let Some(metric::Data::Sum(sum)) = metric.data else {
        panic!("another kind");
    };
    assert_eq!(sum.data_points.len() as u64, *items);
    let value = |point: NumberDataPoint| match point.value {
        Some(number_data_point::Value::AsInt(value)) => value,
        other => panic!("{other:?}"),
    };
    let key = |point: &NumberDataPoint| {
        let keys: Vec<&str> = point.attributes.iter().map(|one| one.key.as_str()).collect();
        keys.join(",")
    };
    let points = sum.data_points.into_iter();
    points.map(|point| (key(&point), value(point))).collect()
}

#[test]
fn what_is_within_the_limits_keeps_its_bytes() {
    let request = counts(&["a", "b"]).encode();
    let outcome = testing::run(
        "cardinality_limit",
        "",
        Signal::Metrics,
        std::slice::from_ref(&request),
    );
    let (payload, _) = outcome.emitted.expect("all of it");
    assert_eq!(payload.slices()[0].as_ptr(), request.as_ptr());
}

#[test]
fn what_exceeds_them_is_folded_and_the_books_say_so() {
    let outcome = limit("limit = 1", &["a", "b", "c", "d"]);
    let expected = [("user.id".to_owned(), 1), ("otel.metric.overflow".to_owned(), 3)];
    assert_eq!(emitted(&outcome), expected);
    assert_eq!((outcome.balance.folded, outcome.balance.delivered), (2, 2));
    assert!(outcome.verdict.failure.is_none());
}

#[test]
fn what_is_dropped_is_dropped_for_its_reason() {
    let outcome = limit("limit = 1\naction = \"drop\"", &["a", "b", "c"]);
    assert_eq!(emitted(&outcome), [("user.id".to_owned(), 1)]);
    assert_eq!(outcome.balance.dropped[Reason::Cardinality as usize], 2);
}

#[test]
fn what_is_observed_keeps_its_bytes() {
    let request = counts(&["a", "b"]).encode();
    let config = "limit = 1\naction = \"observe\"";
    let outcome = testing::run(
        "cardinality_limit",
        config,
        Signal::Metrics,
        std::slice::from_ref(&request),
    );
    let (payload, _) = outcome.emitted.expect("all of it");
    assert_eq!(payload.slices()[0].as_ptr(), request.as_ptr());
}

#[test]
fn series_that_a_rule_makes_one_are_added_up() {
    let outcome = limit("rules = [{ drop = [\"user.id\"] }]", &["a", "b", "c"]);
    assert_eq!(emitted(&outcome), [(String::new(), 3)]);
    assert_eq!(outcome.balance.folded, 2);
}

#[test]
fn names_and_values_are_limited_as_the_config_says() {
    let path = |number: u32| vec![attribute("path", Value::StringValue(format!("/carts/{number}")))];
    let span = |number: u32| Span {
        name: format!("GET /users/{number}"),
        attributes: path(number),
        ..Span::default()
    };
    let traces = Decoded::Traces(ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: (0..3).map(span).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    });
    let config = "max_bytes = \"8MiB\"\n[spans]\nnames = { template = true }\nattributes = [{ key = \"path\", limit = 1 }]\n\
                  [logs]\nattributes = [{ key = \"path\", template = true, limit = 1 }]";
    let outcome = testing::run("cardinality_limit", config, Signal::Traces, &[traces.encode()]);
    let left = Decoded::decode(Signal::Traces, &outcome.emitted.unwrap().0.contiguous());
    let found: Vec<_> = testing::flatten(&left)
        .into_iter()
        .map(|span| (span.name, span.attributes))
        .collect();
    let over = vec![attribute("path", Value::StringValue("__overflow__".to_owned()))];
    let name = || "GET /users/{id}".to_owned();
    assert_eq!(found, [(name(), path(0)), (name(), over.clone()), (name(), over)]);
    assert_eq!(outcome.balance.delivered, 3);
}
