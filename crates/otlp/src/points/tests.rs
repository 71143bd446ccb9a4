use super::{DataKind, PointView, points, resources};
use crate::views::{Number, View};
use crate::{IdentityHasher, Signal, WireErrorKind};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, metric::Data,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use std::collections::HashSet;

const HASHER: IdentityHasher = IdentityHasher::new(17);

fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    let attribute = |&(key, value): &(&str, &str)| KeyValue {
        key: key.into(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.into())),
        }),
        ..Default::default()
    };
    pairs.iter().map(attribute).collect()
}

fn resource(pairs: &[(&str, &str)]) -> Option<Resource> {
    Some(Resource {
        attributes: attributes(pairs),
        ..Default::default()
    })
}

/// A sum of one point.
fn counter(name: &str, unit: &str, point: &[(&str, &str)]) -> Metric {
    let point = NumberDataPoint {
        attributes: attributes(point),
        ..Default::default()
    };
    let sum = Sum {
        data_points: vec![point],
        aggregation_temporality: 2,
        is_monotonic: true,
    };
    Metric {
        name: name.into(),
        unit: unit.into(),
        data: Some(Data::Sum(sum)),
        ..Default::default()
    }
}

fn envelope(sender: &[(&str, &str)], scope: &str, metrics: Vec<Metric>) -> ResourceMetrics {
    let scope = Some(InstrumentationScope {
        name: scope.into(),
        ..Default::default()
    });
    let scope_metrics = vec![ScopeMetrics {
        scope,
        metrics,
        ..Default::default()
    }];
    ResourceMetrics {
        resource: resource(sender),
        scope_metrics,
        ..Default::default()
    }
}

fn identities(resource_metrics: Vec<ResourceMetrics>) -> Vec<u64> {
    let bytes = ExportMetricsServiceRequest { resource_metrics }.encode_to_vec();
    points(&bytes, HASHER)
        .map(|point| point.unwrap().identity().unwrap())
        .collect()
}

/// The identity of one point.
fn identity(sender: &[(&str, &str)], scope: &str, metric: Metric) -> u64 {
    identities(vec![envelope(sender, scope, vec![metric])])[0]
}

#[test]
fn the_order_of_attributes_does_not_matter() {
    let (one, two) = (("a", "1"), ("b", "2"));
    let forwards = identity(&[one, two], "s", counter("m", "1", &[one, two]));
    assert_eq!(
        forwards,
        identity(&[two, one], "s", counter("m", "1", &[two, one]))
    );
}

#[test]
fn everything_that_identifies_a_series_matters() {
    let point = [("route", "/")];
    let base = || counter("m", "1", &point);
    let with = |change: fn(&mut Sum)| {
        let mut metric = base();
        if let Some(Data::Sum(sum)) = &mut metric.data {
            change(sum);
        }
        metric
    };
    let gauge = match base().data {
        Some(Data::Sum(sum)) => Some(Data::Gauge(Gauge {
            data_points: sum.data_points,
        })),
        other => other,
    };
    let different = [
        identity(&[("a", "1")], "s", base()),
        identity(&[("a", "2")], "s", base()),
        identity(&[], "s", base()),
        identity(&[("a", "1")], "t", base()),
        identity(&[("a", "1")], "s", counter("n", "1", &point)),
        identity(&[("a", "1")], "s", counter("m", "By", &point)),
        identity(&[("a", "1")], "s", counter("m1", "", &point)),
        identity(&[("a", "1")], "s", counter("m", "1", &[("route", "/x")])),
        identity(
            &[("a", "1")],
            "s",
            counter("m", "1", &[("route", "/"), ("route2", "/")]),
        ),
        identity(&[("a", "1"), ("route", "/")], "s", counter("m", "1", &[])),
        identity(&[("a", "1")], "s", with(|sum| sum.is_monotonic = false)),
        identity(&[("a", "1")], "s", with(|sum| sum.aggregation_temporality = 1)),
        identity(
            &[("a", "1")],
            "s",
            Metric {
                data: gauge,
                ..base()
            },
        ),
    ];
    assert_eq!(different.iter().collect::<HashSet<_>>().len(), different.len());
}

#[test]
fn values_times_and_descriptions_do_not_matter() {
    let mut metric = counter("m", "1", &[("route", "/")]);
    let before = identity(&[], "s", metric.clone());
    metric.description = "documentation".into();
    if let Some(Data::Sum(sum)) = &mut metric.data {
        sum.data_points[0].time_unix_nano = 99;
        sum.data_points[0].flags = 1;
        sum.data_points[0].value = Some(number_data_point::Value::AsInt(-5));
    }
    assert_eq!(before, identity(&[], "s", metric));
}

#[test]
fn points_of_all_kinds_come_in_order_with_what_is_theirs() {
    let key = || attributes(&[("k", "v")]);
    let number = NumberDataPoint {
        attributes: key(),
        value: Some(number_data_point::Value::AsDouble(2.5)),
        ..Default::default()
    };
    let histogram = HistogramDataPoint {
        attributes: key(),
        count: 3,
        ..Default::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        attributes: key(),
        scale: -2,
        ..Default::default()
    };
    let summary = SummaryDataPoint {
        attributes: key(),
        sum: 1.5,
        ..Default::default()
    };
    let data = [
        None,
        Some(Data::Gauge(Gauge {
            data_points: vec![number.clone(); 2],
        })),
        Some(Data::Gauge(Gauge::default())),
        Some(Data::Sum(Sum {
            data_points: vec![number],
            aggregation_temporality: 1,
            is_monotonic: true,
        })),
        Some(Data::Histogram(Histogram {
            data_points: vec![histogram],
            aggregation_temporality: 2,
        })),
        Some(Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![exponential],
            ..Default::default()
        })),
        Some(Data::Summary(Summary {
            data_points: vec![summary],
        })),
    ];
    let metrics = |data: &[Option<Data>]| -> Vec<Metric> {
        let metric = |data: &Option<Data>| Metric {
            name: "m".into(),
            unit: "s".into(),
            data: data.clone(),
            ..Default::default()
        };
        data.iter().map(metric).collect()
    };
    let empty = ResourceMetrics::default();
    let resource_metrics = vec![
        empty.clone(),
        envelope(&[("host", "a")], "s", metrics(&data)),
        empty,
        envelope(&[], "t", metrics(&data[6..])),
    ];
    let bytes = ExportMetricsServiceRequest { resource_metrics }.encode_to_vec();
    let all: Vec<_> = points(&bytes, HASHER).map(Result::unwrap).collect();
    let kinds: Vec<_> = all.iter().map(|point| point.stream.kind).collect();
    use DataKind::{ExponentialHistogram as E, Gauge as G, Histogram as H, Sum as S, Summary as Q};
    assert_eq!(kinds, [G, G, S, H, E, Q, Q]);
    for point in &all {
        assert_eq!(
            (point.stream.name, point.stream.unit),
            (b"m".as_slice(), b"s".as_slice())
        );
        let attributes: Vec<_> = point
            .attributes()
            .map(|attribute| attribute.unwrap().key().unwrap())
            .collect();
        assert_eq!(attributes, ["k"]);
    }
    assert_eq!((all[2].stream.temporality, all[2].stream.is_monotonic), (1, true));
    assert_eq!(
        (all[3].stream.temporality, all[3].stream.is_monotonic),
        (2, false)
    );
    assert_eq!(all[5].stream.scope.name().unwrap(), "s");
    assert_eq!(all[6].stream.scope.name().unwrap(), "t");
    assert!(
        all[5]
            .stream
            .resource
            .attributes()
            .find("host")
            .unwrap()
            .is_some()
    );
    assert!(all[6].stream.resource.bytes().is_empty());
    let views: Vec<_> = all.iter().map(|point| point.view()).collect();
    assert!(
        matches!(views[0], PointView::Number(point) if point.value().unwrap() == Some(Number::Double(2.5)))
    );
    assert!(matches!(views[3], PointView::Histogram(point) if point.count() == Ok(3)));
    assert!(matches!(views[4], PointView::ExponentialHistogram(point) if point.scale() == Ok(-2)));
    assert!(matches!(views[5], PointView::Summary(point) if point.sum() == Ok(1.5)));
}

#[test]
fn the_walk_ends_after_an_error() {
    let mut bytes = ExportMetricsServiceRequest {
        resource_metrics: vec![envelope(&[], "s", vec![counter("m", "1", &[])])],
    }
    .encode_to_vec();
    bytes.extend_from_slice(&[0x0a, 2, 0x12, 9]);
    let walked: Vec<_> = points(&bytes, HASHER).collect();
    assert_eq!(walked.len(), 2);
    assert_eq!(walked[1].unwrap_err().kind, WireErrorKind::Truncated);
}

#[test]
fn resources_are_counted_and_recognised() {
    let logs = |pairs: &[(&str, &str)], schema: &str, items: usize| ResourceLogs {
        resource: resource(pairs),
        scope_logs: vec![ScopeLogs {
            log_records: vec![LogRecord::default(); items],
            ..Default::default()
        }],
        schema_url: schema.into(),
    };
    let (one, two) = (("a", "1"), ("b", "2"));
    let resource_logs = vec![
        logs(&[one, two], "", 3),
        logs(&[two, one], "", 1),
        logs(&[one], "", 2),
        logs(&[one, two], "https://schema", 0),
    ];
    let bytes = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    let groups: Vec<_> = resources(Signal::Logs, &bytes, HASHER)
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        groups.iter().map(|group| group.items).collect::<Vec<_>>(),
        [3, 1, 2, 0]
    );
    assert_eq!(groups[0].hash, groups[1].hash);
    assert_eq!(
        groups
            .iter()
            .map(|group| group.hash)
            .collect::<HashSet<_>>()
            .len(),
        3
    );
    assert_eq!(groups[2].resource.attributes().count(), 1);

    let torn: Vec<_> = resources(Signal::Logs, &[0x0a, 2, 0x12, 9, 0x0a, 0], HASHER).collect();
    assert_eq!(torn.len(), 1);
    assert_eq!(torn[0].unwrap_err().kind, WireErrorKind::Truncated);
}
