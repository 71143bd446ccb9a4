//! A config in which only limits change is loaded again: what `cardinality_limit` has learned goes on, and so do its sums.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use forebay_config::{Input, ProcessEnvironment, load};
use forebay_core::component::Arrival;
use forebay_core::registry::Registry;
use forebay_core::settings::DeliverySettings;
use forebay_core::{
    Acknowledge, CardinalityQuery, CardinalityReport, Clock, Origin, Payload, Signal, Verdict,
};
use forebay_engine::{Blueprint, Built, Component, Running};
use forebay_testkit::requests::attribute;
use forebay_testkit::{Answer, FakeExporter, FakeReceiver, Feed, prepared_exporter, prepared_receiver};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
    number_data_point,
};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Nanoseconds of 2023-11-14, at which the series begin.
const BEGIN: u64 = 1_700_000_000_000_000_000;
const MINUTE: u64 = 60_000_000_000;

/// The graph of a config whose limiter has these keys, not started yet.
fn built(limiter: &str, exporter: &FakeExporter) -> (Built, impl Future<Output = Feed>) {
    let config = format!(
        "[receivers.in]\ntype = \"otlp\"\n[processors.limit]\ntype = \"cardinality_limit\"\n{limiter}\n[exporters.null]\n\
         [pipelines.all]\nfrom = [\"in\"]\nvia = [\"limit\"]\nto = [\"null\"]\n"
    );
    let mut registry = Registry::default();
    forebay_receiver::register(&mut registry);
    forebay_processor::register(&mut registry);
    forebay_exporter::register(&mut registry);
    let loaded = load(&[Input::text("reload", config)], &ProcessEnvironment).unwrap();
    let (blueprint, found) = Blueprint::draw(&loaded.spec, &registry, 256 << 20);
    let mut blueprint = blueprint.unwrap_or_else(|| panic!("{found:#?}"));
    let (receiver, context) = FakeReceiver::new();
    let exit = blueprint
        .nodes
        .iter_mut()
        .find(|node| &*node.name == "null")
        .unwrap();
    exit.component = Component::Exporter(prepared_exporter(exporter.clone(), DeliverySettings::default()));
    blueprint.nodes.first_mut().unwrap().component = Component::Receiver(prepared_receiver(receiver));
    let feed = async { Feed::new(context.await.unwrap()) };
    (blueprint.build(1).unwrap(), feed)
}

/// Points of a cumulative sum at `minute`: each series has counted as many as it has minutes, times its number and one.
fn points(series: u64, minute: u64) -> Bytes {
    let point = |number: u64| NumberDataPoint {
        start_time_unix_nano: BEGIN,
        time_unix_nano: BEGIN + minute * MINUTE,
        attributes: vec![attribute("series", &number.to_string())],
        value: Some(number_data_point::Value::AsInt(
            ((number + 1) * minute).cast_signed(),
        )),
        ..NumberDataPoint::default()
    };
    let sum = Sum {
        data_points: (0..series).map(point).collect(),
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
        is_monotonic: true,
    };
    let metric = Metric {
        name: "requests".to_owned(),
        data: Some(metric::Data::Sum(sum)),
        ..Metric::default()
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    Bytes::from(request.encode_to_vec())
}

async fn deliver(feed: &Feed, payload: Bytes, items: u64) {
    let arrival = Arrival {
        signal: Signal::Metrics,
        lease: feed.context.admit(payload.len() as u64).unwrap(),
        payload: Payload::from(payload),
        items,
        origin: Arc::new(Origin::default()),
        acknowledge: Acknowledge::Delivered,
    };
    let (batch, delivery) = feed.context.receive(arrival);
    feed.context.send(batch).await;
    assert_eq!(delivery.await, Verdict::delivered());
}

/// The points of the last request that was taken: start and value by series, the overflow series under its own name.
fn last(exporter: &FakeExporter) -> BTreeMap<String, (u64, i64)> {
    let taken = exporter.taken();
    let bytes = taken.last().unwrap().payload.contiguous();
    let request = ExportMetricsServiceRequest::decode(bytes).unwrap();
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|resource| &resource.scope_metrics);
    let metrics = scopes.flat_map(|scope| &scope.metrics);
    let sums = metrics.filter_map(|metric| match &metric.data {
        Some(metric::Data::Sum(sum)) => Some(sum),
        _ => None,
    });
    sums.flat_map(|sum| &sum.data_points)
        .map(|point| {
            let Some(number_data_point::Value::AsInt(value)) = point.value else {
                panic!("{point:?}");
            };
            let attribute = &point.attributes[0];
            let name = match attribute.key.as_str() {
                "series" => format!("{:?}", attribute.value.as_ref().unwrap().value.as_ref().unwrap()),
                key => key.to_owned(),
            };
            (name, (point.start_time_unix_nano, value))
        })
        .collect()
}

fn report(running: &Running) -> CardinalityReport {
    let mut reports = running.cardinality(&CardinalityQuery::default());
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

#[tokio::test]
async fn what_a_limiter_has_learned_outlives_a_change_of_its_limits() {
    let exporter = FakeExporter::new(Answer::Take);
    let (old, feed) = built("limit = 3\nidle_timeout = \"1h\"", &exporter);
    let old = old.start(Clock::system()).unwrap();
    let feed = feed.await;
    deliver(&feed, points(6, 1), 6).await;
    deliver(&feed, points(6, 2), 6).await;
    let before = last(&exporter);
    // Series 0, 1 and 2 have places; 3, 4 and 5 have counted 4 + 5 + 6 in each minute.
    assert_eq!(before.len(), 4, "{before:?}");
    assert_eq!(before["otel.metric.overflow"].1, 30);
    assert_eq!(report(&old).metrics[0].folded, 6);

    let (new, feed) = built("limit = 4\nidle_timeout = \"1h\"\naction = \"fold\"", &exporter);
    let new = new.start_in_place_of(&old).unwrap();
    let feed = feed.await;
    assert_eq!(report(&new).live_series, 3, "they keep their places");
    assert_eq!(report(&new).metrics[0].limit, 4);
    assert!(old.drain(Duration::from_secs(10)).await.in_time);
    deliver(&feed, points(6, 3), 6).await;
    let after = last(&exporter);
    assert_eq!(after.len(), 5, "one more has a place: {after:?}");
    for (series, (start, value)) in &before {
        let (start_now, value_now) = after[series];
        assert!(value_now >= *value, "{series} goes down");
        assert_eq!(start_now, *start, "{series} begins anew");
    }
    let sum = |points: &BTreeMap<String, (u64, i64)>| points.values().map(|(_, value)| value).sum::<i64>();
    assert_eq!(
        sum(&after) - sum(&before),
        1 + 2 + 3 + 4 + 5 + 6,
        "what one minute has counted"
    );

    // Other groups are other series: nothing that was learned holds.
    let (other, _feed) = built("limit = 4\ngroup_by = [\"service.name\"]", &exporter);
    let other = other.start_in_place_of(&new).unwrap();
    assert_eq!(report(&other).live_series, 0);
    for graph in [new, other] {
        assert!(graph.drain(Duration::from_secs(10)).await.in_time);
    }
}
