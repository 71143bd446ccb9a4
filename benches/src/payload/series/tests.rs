use super::*;
use opentelemetry_proto::tonic::common::v1::any_value;
use std::collections::{BTreeMap, BTreeSet};

/// A point as a limiter sees it.
#[derive(Debug)]
struct Point {
    start: u64,
    time: u64,
    /// The value of a number, the count of a histogram.
    value: f64,
}

fn decoded(stream: &SeriesStream, sequence: u64) -> ExportMetricsServiceRequest {
    let mut out = BytesMut::from(&b"head"[..]);
    stream.append(sequence, &mut out);
    ExportMetricsServiceRequest::decode(&out[4..]).unwrap()
}

/// The points of so many requests by series: resource, metric and attributes.
fn series(shape: SeriesShape, items: usize, requests: u64) -> BTreeMap<String, Vec<Point>> {
    let stream = SeriesStream::new(shape, items).unwrap();
    let mut found: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for request in (0..requests).map(|sequence| decoded(&stream, sequence)) {
        for group in request.resource_metrics {
            let metrics = group
                .scope_metrics
                .iter()
                .flat_map(|s| s.metrics.iter().map(|m| (&s.scope, m)));
            for (scope, metric) in metrics {
                for (attributes, point) in points(metric) {
                    let key = format!("{:?} {scope:?} {} {attributes:?}", group.resource, metric.name);
                    found.entry(key).or_default().push(point);
                }
            }
        }
    }
    found
}

fn points(metric: &Metric) -> Vec<(&[KeyValue], Point)> {
    let number = |point: &NumberDataPoint| Point {
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        value: match point.value.unwrap() {
            number_data_point::Value::AsInt(value) => value as f64,
            number_data_point::Value::AsDouble(value) => value,
        },
    };
    let numbers = |points: &'_ [NumberDataPoint]| points.iter().map(number).collect::<Vec<_>>();
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => zip(&sum.data_points, numbers(&sum.data_points)),
        Data::Gauge(gauge) => zip(&gauge.data_points, numbers(&gauge.data_points)),
        Data::Histogram(histogram) => histogram
            .data_points
            .iter()
            .map(|point| {
                let buckets: u64 = point.bucket_counts.iter().sum();
                assert_eq!((buckets, point.bucket_counts.len()), (point.count, 10));
                assert_eq!(point.sum, Some(point.count as f64 * 20.0));
                let read = Point {
                    start: point.start_time_unix_nano,
                    time: point.time_unix_nano,
                    value: point.count as f64,
                };
                (point.attributes.as_slice(), read)
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn zip(points: &[NumberDataPoint], read: Vec<Point>) -> Vec<(&[KeyValue], Point)> {
    points
        .iter()
        .map(|point| point.attributes.as_slice())
        .zip(read)
        .collect()
}

fn shape(live_series: usize) -> SeriesShape {
    SeriesShape {
        live_series,
        resources: 3,
        ..SeriesShape::default()
    }
}

#[test]
fn each_live_series_comes_once_in_a_cycle() {
    for kind in [Kind::Sum, Kind::UpDown, Kind::Gauge, Kind::Histogram, Kind::Mixed] {
        let all = series(SeriesShape { kind, ..shape(3000) }, 300, 25);
        assert_eq!(all.len(), 3000, "{kind:?}");
        let counts: BTreeSet<_> = all.values().map(Vec::len).collect();
        assert_eq!(counts, BTreeSet::from([2, 3]), "{kind:?}");
    }
}

#[test]
fn resources_and_metrics_are_as_many_as_wanted() {
    let shape = SeriesShape {
        metrics: 7,
        ..shape(2000)
    };
    let stream = SeriesStream::new(shape, 500).unwrap();
    let groups: Vec<_> = (0..8)
        .flat_map(|sequence| decoded(&stream, sequence).resource_metrics)
        .collect();
    let resources: BTreeSet<_> = groups
        .iter()
        .map(|group| format!("{:?}", group.resource))
        .collect();
    assert_eq!((groups.len(), resources.len()), (16, 3));
    assert!(
        groups
            .iter()
            .all(|group| group.scope_metrics[0].metrics.len() == 7)
    );
}

#[test]
fn delta_points_follow_one_another_and_cumulative_ones_grow_from_one_start() {
    for kind in [Kind::Sum, Kind::Histogram] {
        let delta = series(SeriesShape { kind, ..shape(100) }, 50, 8);
        for points in delta.values() {
            assert!(points.windows(2).all(|pair| pair[1].start == pair[0].time));
            assert!(points.windows(2).all(|pair| pair[1].value == pair[0].value));
        }
        let cumulative = SeriesShape {
            kind,
            temporality: Temporality::Cumulative,
            ..shape(100)
        };
        for points in series(cumulative, 50, 8).values() {
            assert!(points.iter().all(|point| point.start == points[0].start));
            assert!(points[0].time > points[0].start);
            let values: Vec<_> = points.iter().map(|point| point.value / points[0].value).collect();
            assert_eq!(values, [1.0, 2.0, 3.0, 4.0]);
        }
    }
}

#[test]
fn every_point_of_an_attack_is_a_new_series_and_a_leak_is_one_in_so_many() {
    let attack = SeriesShape {
        new_series_every: 1,
        ..shape(300)
    };
    assert_eq!(series(attack, 100, 30).len(), 3000);
    let leak = SeriesShape {
        new_series_every: 50,
        temporality: Temporality::Cumulative,
        ..shape(300)
    };
    let all = series(leak, 100, 30);
    let new = all.values().filter(|points| points.len() == 1).count();
    // Six places of the cycle are always taken by new series, twice in each request.
    assert_eq!((all.len(), new), (294 + 60, 60));
}

#[test]
fn the_sum_of_a_request_is_known_where_points_are_deltas() {
    let leak = SeriesShape {
        new_series_every: 7,
        ..shape(1000)
    };
    let stream = SeriesStream::new(leak, 100).unwrap();
    for sequence in 0..25 {
        let mut out = BytesMut::new();
        stream.append(sequence, &mut out);
        let sum = crate::walk::sum(&out).unwrap();
        assert!(sum >= 100);
        assert_eq!(stream.sum(sequence), Some(sum));
    }
    for (kind, temporality) in [
        (Kind::Gauge, Temporality::Delta),
        (Kind::Sum, Temporality::Cumulative),
    ] {
        let other = SeriesShape {
            kind,
            temporality,
            ..shape(1000)
        };
        assert_eq!(SeriesStream::new(other, 100).unwrap().sum(0), None);
    }
}

#[test]
fn a_point_has_ten_attributes_of_about_250_bytes() {
    let stream = SeriesStream::new(shape(1000), 1000).unwrap();
    let request = decoded(&stream, 0);
    let (mut points, mut bytes) = (0, 0);
    for group in &request.resource_metrics {
        for metric in &group.scope_metrics[0].metrics {
            for (attributes, _) in super::tests::points(metric) {
                assert_eq!(attributes.len(), 10);
                points += 1;
                bytes += attributes.iter().map(|a| a.encoded_len() + 2).sum::<usize>();
                let number = attributes.iter().find(|a| a.key == SERIES_KEY).unwrap();
                let value = number.value.as_ref().unwrap().value.as_ref().unwrap();
                assert!(matches!(value, any_value::Value::StringValue(text) if text.len() == DIGITS));
            }
        }
    }
    assert_eq!(points, 1000);
    assert!(
        (240..=260).contains(&(bytes / points)),
        "{} bytes",
        bytes / points
    );
}

#[test]
fn series_that_do_not_fill_requests_are_refused() {
    let error = |shape, items| SeriesStream::new(shape, items).err().unwrap().to_string();
    assert!(error(shape(150), 100).contains("a multiple of"));
    let metrics = SeriesShape {
        metrics: 11,
        ..shape(100)
    };
    assert!(error(metrics, 100).contains("metrics: 1 to 10"));
    let resources = SeriesShape {
        resources: 0,
        ..shape(100)
    };
    assert!(error(resources, 100).contains("resources"));
}
